/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_edit_world: a message, views stacked on it, a model beside each, and steps that do the same to both and compare.
 * It asserts nothing, but says what is broken: for the property test and the fuzz target.
 */
#ifndef MG_SIP_TEST_EDIT_WORLD_H
#define MG_SIP_TEST_EDIT_WORLD_H

#include "sip/check.h"
#include "sip/test_dump.h"
#include "sip/test_edit.h"

#define WORLD_PAIRS 5

struct pair {
	struct sip_view view;
	struct model model;
};

struct world {
	struct sip_msg msg;
	bool sound; /* the index noted no fault */
	struct arena arena;
	struct strings strings;
	struct pair pair[WORLD_PAIRS];
	unsigned pairs;
	struct text want, got, one, two;
	char note[256]; /* what is broken, with what led there */
};

/* `strings` is empty room for the models. Returns false when the message is none. The world is large: not for the stack. */
static inline bool world_init(struct world *w, struct sv bytes, struct strings strings)
{
	struct sip_where at;

	w->pairs = 0;
	w->strings = strings;
	if (sip_parse_datagram(&w->msg, bytes.p, bytes.n, &at) <= 0 ||
	    (w->msg.kind != SIP_KIND_REQUEST && w->msg.kind != SIP_KIND_RESPONSE))
		return false;
	w->sound = w->msg.fault.fault == SIP_OK;
	arena_init(&w->arena, 16384, 16 << 20);
	w->pairs = 1;
	sip_view_init(&w->pair[0].view, &w->msg, &w->arena);
	model_init(&w->pair[0].model, &w->msg);
	return true;
}

static inline void world_done(struct world *w)
{
	arena_done(&w->arena);
}

/* ---- comparisons: NULL or what differs ---- */

/* What a view lists is what the message lists, as far as that is read: a view has room for the values that we add ourselves, too. */
static inline bool same_walk(struct sv view, const struct sip_each *a, struct sv again,
			     const struct sip_each *b)
{
	if (b->at.fault == SIP_FAULT_TOO_MANY)
		return sv_starts(view, again);
	return a->at.fault == b->at.fault && sv_eq(view, again);
}

static inline const char *compare_lines(const struct sip_view *view, const struct model *m)
{
	for (unsigned i = 0; i < m->n; i++) {
		const struct model_line *l = &m->line[i];
		if (!sv_eq(sip_view_name(view, l->inst), l->name))
			return "a name";
		if (!sv_eq(sip_view_value(view, l->inst), l->value))
			return "a value";
		if (!sv_eq(sip_view_raw(view, l->inst), l->raw))
			return "a line";
	}
	for (unsigned id = 0; id < SIP_H_END; id++) {
		sip_inst inst = sip_view_first(view, id);
		for (unsigned i = 0; i < m->n; i++) {
			if (m->line[i].id != id)
				continue;
			if (inst != m->line[i].inst)
				return "the order of handles";
			inst = sip_view_next(view, inst);
		}
		if (inst != SIP_NO_INST)
			return "a handle too many";
	}
	return NULL;
}

static inline const char *compare_names(const struct sip_view *view, const struct model *m)
{
	for (unsigned i = 0; i < m->n; i++) {
		sip_inst inst = SIP_NO_INST;
		for (unsigned k = 0; k < m->n; k++) {
			if (!model_same(&m->line[k], m->line[i].id, m->line[i].name))
				continue;
			inst = sip_view_find(view, m->line[i].name, inst);
			if (inst != m->line[k].inst)
				return "an instance found by name";
		}
		if (sip_view_find(view, m->line[i].name, inst) != SIP_NO_INST)
			return "an instance too many by name";
	}
	return NULL;
}

static inline const char *compare_bytes(struct world *w, struct pair *p)
{
	struct sip_out out;

	sip_out_init(&out, &w->arena);
	sip_view_write(&p->view, &out);
	if (out.err)
		return "cannot be written";
	model_write(&p->model, &w->want);
	int n = sip_out_flat(&out, w->got.p, sizeof(w->got.p));
	if (n < 0 || (size_t)n != out.len)
		return "length of the pieces";
	w->got.n = (size_t)n;
	for (unsigned i = 0; i < out.n; i++) {
		const char *end = (const char *)out.iov[i].iov_base + out.iov[i].iov_len;
		if (!out.iov[i].iov_len || (i + 1 < out.n && end == out.iov[i + 1].iov_base))
			return "pieces that are not merged";
	}
	return sv_eq(text_sv(&w->got), text_sv(&w->want)) ? NULL : "the bytes";
}

/* Faults of a first value lie at the same byte of it. */
static inline bool same_fault(const struct sip_view *view, const struct model_line *line,
			      struct sip_where a, const struct sip_msg *again, struct sip_where b)
{
	if (a.fault != b.fault || a.hid != b.hid)
		return false;
	if (a.fault == SIP_FAULT_MISSING)
		return true;
	size_t from = line->written ? 0 : (size_t)(line->value.p - view->msg->buf);
	return a.off - from == b.off - (size_t)(sip_value(again, b.hid).p - again->buf);
}

static inline const char *compare_typed(struct world *w, struct pair *p, struct sip_msg *again)
{
	struct sip_each each, each_again;

	for (unsigned id = SIP_H_OTHER + 1; id < SIP_H_END; id++) {
		struct sip_where at = {0}, at_again = {0};
		int i = model_first(&p->model, id);
		if (id == SIP_H_CONTENT_LENGTH)
			continue; /* may be another on the wire */
		if (i < 0 && !sip_has(again, id) && sip_view_first(&p->view, id) == SIP_NO_INST &&
		    id > SIP_H_CONTACT)
			continue;
		const void *a = sip_view_typed(&p->view, id, &at);
		const void *b = sip_typed(again, id, &at_again);
		if (!a != !b)
			return "a typed value is there or not";
		if (!a && !same_fault(&p->view, &p->model.line[i < 0 ? 0 : i], at, again, at_again))
			return "the fault of a typed value";
		if (a && (at.fault || sip_view_typed(&p->view, id, &at) != a))
			return "a typed value is not remembered";
		text_start(&w->one);
		text_start(&w->two);
		if (a) {
			dump_value(&w->one, id, a);
			dump_value(&w->two, id, b);
		}
		sip_view_each(&each, &p->view, id);
		dump_walk(&w->one, &each);
		sip_each_start(&each_again, again, id);
		dump_walk(&w->two, &each_again);
		if (!same_walk(text_sv(&w->one), &each, text_sv(&w->two), &each_again))
			return "a typed value";
	}
	struct sip_where at = {0}, at_again = {0};
	const struct sip_uri *a = sip_view_uri(&p->view, &at);
	const struct sip_uri *b = sip_request_uri(again, &at_again);
	text_start(&w->one);
	text_start(&w->two);
	if (!a != !b || at.fault != at_again.fault)
		return "the Request-URI is there or not";
	if (a) {
		dump_uri(&w->one, a);
		dump_uri(&w->two, b);
	}
	return sv_eq(text_sv(&w->one), text_sv(&w->two)) ? NULL : "the Request-URI";
}

/* Read the bytes that left (in `got`): the same lines, no more. */
static inline const char *compare_read_back(struct world *w, struct pair *p)
{
	struct sip_stream stream = {0};
	struct sip_where at;
	struct sip_msg again;
	const struct model *m = &p->model;
	size_t section = w->got.n - m->start.n - m->body.n;

	if (!w->sound || m->n >= SIP_HEADER_LINES_MAX || section > SIP_HEADER_SECTION_MAX ||
	    w->got.n > SIP_STREAM_MESSAGE_MAX)
		return NULL;
	int n = sip_parse_stream(&again, &stream, w->got.p, w->got.n, &at);
	if (n < 0 || (size_t)n != w->got.n || again.fault.fault)
		return "what left cannot be read";
	if (!sv_eq(sip_body(&again), m->body) || again.kind != w->msg.kind)
		return "the body that left";
	unsigned lengths = 0, others = 0;
	for (unsigned i = 0; i < m->n; i++)
		others += m->line[i].id != SIP_H_CONTENT_LENGTH;
	for (unsigned i = 0; i < again.lines; i++)
		lengths += again.line[i].id == SIP_H_CONTENT_LENGTH;
	if (lengths != 1 || again.lines != others + 1)
		return "lines that left";
	return compare_typed(w, p, &again);
}

static inline const char *compare_all(struct world *w, struct pair *p)
{
	const char *bad = compare_lines(&p->view, &p->model);

	if (!bad)
		bad = compare_bytes(w, p);
	if (!bad)
		bad = compare_names(&p->view, &p->model);
	return bad ? bad : compare_read_back(w, p);
}

static inline const char *world_compare(struct world *w)
{
	const char *bad = NULL;

	for (unsigned i = 0; !bad && i < w->pairs; i++)
		bad = compare_all(w, &w->pair[i]);
	return bad;
}

/* ---- steps ---- */

/* Legal values, by shape; each three times over. */
static inline struct sv legal_value(struct choices *c, enum sip_hid id)
{
	static const struct sv via[] = {
		SV_INIT("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa1;rport"),
		SV_INIT("SIP/2.0/TCP [2001:db8::9]:5061;branch=z9hG4bK-b.2;received=192.0.2.7"),
		SV_INIT("SIP / 2.0 / UDP first.example.com: 4000;ttl=16 "
			";maddr=224.2.0.1;branch=z9hG4bKc"),
		SV_INIT("SIP/2.0/WSS a.invalid;branch=z9hG4bKd;x=\"a,b\\\"c,<\";keep=30;alias"),
	};
	static const struct sv addr[] = {
		SV_INIT("<sip:p1.example.com;lr>"),
		SV_INIT("\"Bob, \\\"the\\\" <b>\" <sip:bob@biloxi.example:5070>;tag=a6c85cf"),
		SV_INIT("sips:alice@atlanta.example;expires=60;q=0.5"),
		SV_INIT("Mr. Watson <tel:+1-201-555-0123;phone-context=x.example>;p=\"q,<r>\""),
		SV_INIT("<sip:a,b;c@[2001:db8::1]?Subject=x%20y>;reason=\"\\\"\""),
	};
	static const struct sv token[] = {SV_INIT("100rel"),
					  SV_INIT("application/sdp;level=\"1,2\""),
					  SV_INIT("timer"), SV_INIT("dialog;id=7;include")};
	static const struct sv number[] = {SV_INIT("0"), SV_INIT("129"), SV_INIT("70"),
					   SV_INIT("004"), SV_INIT("180;refresher=uac")};
	static const struct sv text[] = {SV_INIT("a84b4c76e66710@pc33"),
					 SV_INIT("I know, \"you\tare"),
					 SV_INIT("Digest realm=\"x\", nonce=\"y\""), SV_INIT("x")};
	static const struct sv cseq[] = {SV_INIT("4711 INVITE"), SV_INIT("1  BYE"),
					 SV_INIT("776656 1 INVITE")};
	switch ((enum sip_shape)sip_header(id)->shape) {
	case SIP_SHAPE_NUMBER: return number[choose(c, 5)];
	case SIP_SHAPE_CSEQ: return cseq[choose(c, 2)];
	case SIP_SHAPE_RACK: return cseq[choose(c, 3)];
	case SIP_SHAPE_ADDR: return addr[choose(c, 5)];
	case SIP_SHAPE_ROUTE: return addr[choose(c, 2)];
	case SIP_SHAPE_TOKEN: return token[choose(c, 4)];
	case SIP_SHAPE_VIA: return via[choose(c, 4)];
	case SIP_SHAPE_TEXT:
	case SIP_SHAPE_DIGEST: return text[choose(c, 4)];
	}
	return text[0];
}

/* Bytes of any kind. */
static inline struct sv wild_value(struct strings *s, struct choices *c)
{
	char b[64];
	size_t n = choose(c, sizeof(b));

	for (size_t i = 0; i < n; i++)
		b[i] = (char)choose(c, 256);
	return join(s, sv_of(b, n), SV(""), SV(""), SV(""));
}

static inline struct sv some_value(struct strings *s, struct choices *c, enum sip_hid id)
{
	static const struct sv odd[] = {SV_INIT(""),
					SV_INIT("x\r\nVia: SIP/2.0/UDP evil.example"),
					SV_INIT("x\nl: 0"),
					SV_INIT("x\ry"),
					SV_INIT("nul\0here"),
					SV_INIT("del\x7f"),
					SV_INIT(" \t padded "),
					SV_INIT("*"),
					SV_INIT("caf\xc3\xa9 \xff"),
					SV_INIT(",")};
	struct sv v = legal_value(c, id);

	switch (choose(c, 12)) {
	case 0: return odd[choose(c, sizeof(odd) / sizeof(odd[0]))];
	case 1: return wild_value(s, c);
	case 2:
	case 3: return join(s, v, SV(", "), legal_value(c, id), SV(""));
	case 4: return join(s, SV(" "), v, SV("  "), SV(""));
	default: return v;
	}
}

static inline enum sip_hid some_id(struct choices *c)
{
	static const uint8_t often[] = {SIP_H_VIA,     SIP_H_VIA,      SIP_H_VIA,
					SIP_H_ROUTE,   SIP_H_ROUTE,    SIP_H_RECORD_ROUTE,
					SIP_H_CONTACT, SIP_H_FROM,     SIP_H_TO,
					SIP_H_OTHER,   SIP_H_OTHER,    SIP_H_CONTENT_LENGTH,
					SIP_H_SUBJECT, SIP_H_SUPPORTED};
	unsigned i = choose(c, 18);

	return i < sizeof(often) ? often[i] : choose(c, SIP_H_END);
}

static inline struct sv some_name(struct choices *c)
{
	static const struct sv names[] = {
		SV_INIT("X-One"), SV_INIT("x-one"),   SV_INIT("P-Foo"), SV_INIT("v"),
		SV_INIT("ROUTE"), SV_INIT("l"),       SV_INIT("z"),     SV_INIT("two words"),
		SV_INIT(""),      SV_INIT("x:\r\ny"), SV_INIT("Path"),  SV_INIT("content-LENGTH"),
		SV_INIT("X-\xe9")};

	return names[choose(c, sizeof(names) / sizeof(names[0]))];
}

static inline sip_inst some_inst(const struct model *m, struct choices *c)
{
	unsigned i = choose(c, 200);

	if (i < 190 && m->n)
		return m->line[choose(c, m->n)].inst;
	return i == 199 ? SIP_NO_INST : (sip_inst)i;
}

/* The handle of the line that was just inserted at `i`: new to the view. */
static inline const char *learn_inst(struct pair *p, unsigned i)
{
	struct model *m = &p->model;
	sip_inst inst = SIP_NO_INST;

	for (unsigned k = 0; k <= i; k++)
		if (model_same(&m->line[k], m->line[i].id, m->line[i].name))
			inst = sip_view_find(&p->view, m->line[i].name, inst);
	if (inst == SIP_NO_INST || inst < p->view.msg->lines || model_at(m, inst) >= 0)
		return "the handle of an inserted line";
	m->line[i].inst = inst;
	return NULL;
}

static inline const char *step_insert(struct world *w, struct pair *p, struct choices *c,
				      unsigned how)
{
	struct model *m = &p->model;
	enum sip_hid id = some_id(c);
	struct sv name = some_name(c), value = some_value(&w->strings, c, id);
	enum sip_hid real = id ? id : model_id(name);
	unsigned first = 0, behind = m->n, at, found = 0;
	int err, want = 0;

	for (unsigned i = 0; i < m->n; i++)
		if (model_same(&m->line[i], real, name)) {
			first = found++ ? first : i;
			behind = i + 1;
		}
	at = how == 0 ? first : behind;
	if (how == 0) {
		err = sip_view_prepend(&p->view, id, name, value);
	} else if (how == 1) {
		err = sip_view_append(&p->view, id, name, value);
	} else {
		sip_inst before = some_inst(m, c);
		int i = model_at(m, before);
		err = sip_view_insert(&p->view, before, id, name, value);
		at = i < 0 ? 0 : (unsigned)i;
		want = i < 0 ? MG_ENOENT : 0;
		want = i < 0 && m->frozen ? MG_EFROZEN : want;
	}
	if (!want)
		want = model_insert(m, &w->strings, at, id, name, value);
	if (err != want)
		return "the answer of an insertion";
	return err ? NULL : learn_inst(p, at);
}

/* Whether the scanner of the header and model_comma cut the value alike. */
static inline bool can_cut(enum sip_hid id, struct sv v)
{
	if (sip_header(id)->count != SIP_LIST)
		return false;
	return sip_header(id)->shape != SIP_SHAPE_TOKEN ||
	       (sv_find(v, '"') == v.n && sv_find(v, '<') == v.n && sv_find(v, '>') == v.n);
}

static inline const char *step_top(struct world *w, struct pair *p, struct choices *c, bool pop)
{
	unsigned char out[SIP_VALUE_MAX] __attribute__((aligned(8)));
	struct lex_ctx e = {0};
	enum sip_hid id = some_id(c);
	struct sv value = some_value(&w->strings, c, id);
	struct model *m = &p->model;
	int want, i = model_first(m, id);

	if (i >= 0 && !can_cut(id, m->line[i].value))
		return NULL;
	int err = pop ? sip_view_pop(&p->view, id) : sip_view_replace_top(&p->view, id, value);
	if (m->frozen || i < 0) {
		want = m->frozen ? MG_EFROZEN : MG_ENOENT;
	} else {
		struct sv v = m->line[i].value;
		if (!sip_scan_value(id, out, v.p, v.p + v.n, &e))
			want = MG_EPARSE;
		else
			want = pop ? model_pop(m, &w->strings, (unsigned)i)
				   : model_replace_top(m, &w->strings, (unsigned)i, value);
	}
	return err == want ? NULL : "the answer of an edit of the first value";
}

static inline const char *step_start(struct world *w, struct pair *p, struct choices *c)
{
	static const struct sv words[] = {SV_INIT("sip:bob@192.0.2.4"),
					  SV_INIT("sips:proxy.example;lr?x"),
					  SV_INIT("tel:+15550123"),
					  SV_INIT("urn:service:sos"),
					  SV_INIT("sip:a b"),
					  SV_INIT("sip:a\tb"),
					  SV_INIT("sip:a\r\nVia: x"),
					  SV_INIT(""),
					  SV_INIT("no-uri"),
					  SV_INIT("sip:caf\xc3\xa9@x.example")};
	static const unsigned codes[] = {100, 200, 487, 699, 700, 99, 0};
	bool request = w->msg.kind == SIP_KIND_REQUEST;
	struct sv text = choose(c, 8) ? words[choose(c, 10)] : wild_value(&w->strings, c);
	struct model *m = &p->model;
	char status[32];
	bool clean = true;
	int want = 0;

	if (choose(c, 4)) {
		for (size_t i = 0; i < text.n; i++)
			clean = clean && (unsigned char)text.p[i] > ' ' && text.p[i] != 0x7f;
		if (m->frozen)
			want = MG_EFROZEN;
		else if (!request || !clean || !text.n)
			want = MG_EINVAL;
		if (sip_view_set_uri(&p->view, text) != want)
			return "the answer of set_uri";
		if (!want)
			m->start = join(&w->strings, sip_method_text(&w->msg), SV(" "), text,
					SV(" SIP/2.0\r\n"));
		return NULL;
	}
	unsigned code = codes[choose(c, 7)];
	if (m->frozen)
		want = MG_EFROZEN;
	else if (request || !model_clean(text) || code < 100 || code > 699)
		want = MG_EINVAL;
	if (sip_view_set_status(&p->view, code, text) != want)
		return "the answer of set_status";
	snprintf(status, sizeof(status), "SIP/2.0 %u ", code);
	if (!want)
		m->start = join(&w->strings, sv_str(status), text, SV("\r\n"), SV(""));
	return NULL;
}

static inline const char *step_body(struct world *w, struct pair *p, struct choices *c)
{
	static const struct sv bodies[] = {SV_INIT(""), SV_INIT("v=0\r\n"), SV_INIT("four"),
					   SV_INIT("INVITE sip:x SIP/2.0\r\nl: 0\r\n\r\n")};
	unsigned i = choose(c, 6);
	struct sv body = i < 4 ? bodies[i] : wild_value(&w->strings, c);
	int want = p->model.frozen ? MG_EFROZEN : 0;

	if (sip_view_set_body(&p->view, body) != want)
		return "the answer of set_body";
	if (!want)
		p->model.body = body;
	return NULL;
}

static inline const char *step_branch(struct world *w, struct pair *p, struct choices *c)
{
	struct pair top;

	if (sip_view_branch(&top.view, &p->view, &w->arena) != 0)
		return "the answer of branch";
	top.model = p->model;
	top.model.frozen = false;
	p->model.frozen = true;
	if (w->pairs < WORLD_PAIRS)
		w->pairs++;
	else if (choose(c, 2))
		return NULL; /* the branch goes, what it froze stays so */
	unsigned slot = w->pairs - 1;
	w->pair[slot] = top;
	return NULL;
}

static inline const char *step_replace(struct world *w, struct pair *p, struct choices *c)
{
	sip_inst inst = some_inst(&p->model, c);
	int i = model_at(&p->model, inst);
	enum sip_hid id = i < 0 ? SIP_H_VIA : p->model.line[i].id;
	struct sv value = some_value(&w->strings, c, id);

	return sip_view_replace(&p->view, inst, value) ==
			       model_replace(&p->model, &w->strings, i, value)
		       ? NULL
		       : "the answer of a replacement";
}

static inline const char *step_remove(struct pair *p, struct choices *c)
{
	sip_inst inst = some_inst(&p->model, c);

	if (sip_view_remove(&p->view, inst) != model_remove(&p->model, model_at(&p->model, inst)))
		return "the answer of a removal";
	if (!p->model.frozen &&
	    (sip_view_value(&p->view, inst).n || sip_view_name(&p->view, inst).n ||
	     sip_view_raw(&p->view, inst).n || sip_view_next(&p->view, inst) != SIP_NO_INST ||
	     sip_view_find(&p->view, SV("Via"), inst) !=
		     (inst == SIP_NO_INST ? sip_view_first(&p->view, SIP_H_VIA) : SIP_NO_INST)))
		return "a dead handle reads something";
	return NULL;
}

static inline const char *step_remove_all(struct pair *p, struct choices *c)
{
	enum sip_hid id = some_id(c);
	int want = p->model.frozen ? MG_EFROZEN : 0;

	if (sip_view_remove_all(&p->view, id) != want)
		return "the answer of remove_all";
	for (int i; !want && (i = model_first(&p->model, id)) >= 0;)
		(void)model_remove(&p->model, i);
	return NULL;
}

/* One edit, chosen by `c`, on one of the views; the bytes are compared, with `all` everything. Returns NULL or what is
 * broken. */
static inline const char *world_step(struct world *w, struct choices *c, bool all)
{
	/* the views on top more often */
	unsigned k = choose(c, 2 * w->pairs);
	struct pair *p = &w->pair[k < w->pairs ? k : w->pairs - 1];
	unsigned op = choose(c, 20);
	const char *bad;

	switch (op) {
	case 0:
	case 1:
	case 2: bad = step_insert(w, p, c, op); break;
	case 3: bad = step_insert(w, p, c, 0); break;
	case 4:
	case 5: bad = step_replace(w, p, c); break;
	case 6:
	case 7:
	case 8: bad = step_remove(p, c); break;
	case 9: bad = choose(c, 4) ? NULL : step_remove_all(p, c); break;
	case 10:
	case 11:
	case 12: bad = step_top(w, p, c, true); break;
	case 13:
	case 14: bad = step_top(w, p, c, false); break;
	case 15:
	case 16: bad = step_start(w, p, c); break;
	case 17: bad = step_body(w, p, c); break;
	default: bad = choose(c, 3) ? NULL : step_branch(w, p, c); break;
	}
	if (!bad)
		bad = all ? compare_all(w, p) : compare_bytes(w, p);
	if (!bad)
		return NULL;
	snprintf(w->note, sizeof(w->note), "operation %u on view %u: %s", op,
		 (unsigned)(p - w->pair), bad);
	return w->note;
}

#endif
