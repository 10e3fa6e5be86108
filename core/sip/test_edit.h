/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_edit: the naive model of a view: an array of lines, each a string of its own, and every edit written the plainest
 * way; and choices, random or a fuzzer's. For tests only; test_edit_world.h compares views with it.
 */
#ifndef MG_SIP_TEST_EDIT_H
#define MG_SIP_TEST_EDIT_H

#include "sip/edit.h"
#include "sip/parse.h"
#include "sip/test_guard.h"

/* ---- choices: random, or the bytes of a fuzzer ---- */

struct choices {
	const uint8_t *p, *end; /* p NULL: random */
	uint32_t seed;
};

/* A number below `n`, which is at most 256. */
static inline unsigned choose(struct choices *c, unsigned n)
{
	if (c->p)
		return c->p < c->end ? *c->p++ % n : 0;
	c->seed = c->seed * 1664525u + 1013904223u;
	return (c->seed >> 8) % n;
}

/* ---- strings that live as long as the world ---- */

struct strings {
	char *p;
	size_t n, room;
};

static inline struct sv join(struct strings *s, struct sv a, struct sv b, struct sv c, struct sv d)
{
	const struct sv parts[] = {a, b, c, d};
	char *from = s->p + s->n;

	if (s->room - s->n < a.n + b.n + c.n + d.n)
		abort();
	for (unsigned i = 0; i < 4; i++) {
		if (parts[i].n)
			memcpy(s->p + s->n, parts[i].p, parts[i].n);
		s->n += parts[i].n;
	}
	return sv_span(from, s->p + s->n);
}

/* ---- the model ---- */

#define MODEL_LINES (SIP_HEADER_LINES_MAX + SIP_EDIT_LINES_MAX)

struct model_line {
	struct sv raw, name, value;
	enum sip_hid id;
	sip_inst inst;
	bool written;
};

struct model {
	struct model_line line[MODEL_LINES];
	unsigned n, written;
	struct sv start, body;
	bool frozen;
};

static inline enum sip_hid model_id(struct sv name)
{
	for (unsigned id = SIP_H_OTHER + 1; id < SIP_H_END; id++) {
		const struct sip_header *h = sip_header(id);
		if (sv_ieq(name, h->name) ||
		    (h->compact && name.n == 1 && sv_lower(name.p[0]) == h->compact))
			return id;
	}
	return SIP_H_OTHER;
}

static inline bool model_same(const struct model_line *line, enum sip_hid id, struct sv name)
{
	return line->id == id && (id != SIP_H_OTHER || sv_ieq(line->name, name));
}

static inline bool model_clean(struct sv v)
{
	for (size_t i = 0; i < v.n; i++)
		if ((unsigned char)v.p[i] == 0x7f ||
		    ((unsigned char)v.p[i] < ' ' && v.p[i] != '\t'))
			return false;
	return true;
}

static inline bool model_token(struct sv v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!v.p[i] ||
		    !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "-.!%*_+`'~",
			    v.p[i]))
			return false;
	return v.n > 0;
}

static inline void model_init(struct model *m, const struct sip_msg *msg)
{
	*m = (struct model){
		.n = msg->lines, .start = sv_of(msg->buf, msg->headers), .body = sip_body(msg)};
	for (unsigned i = 0; i < m->n; i++)
		m->line[i] = (struct model_line){.raw = sip_line_raw(msg, i),
						 .name = sip_line_name(msg, &msg->line[i]),
						 .value = sip_line_value(msg, &msg->line[i]),
						 .id = model_id(sip_line_name(msg, &msg->line[i])),
						 .inst = (sip_inst)i};
}

/* Position of a handle, -1 when it is dead. */
static inline int model_at(const struct model *m, sip_inst inst)
{
	for (unsigned i = 0; i < m->n; i++)
		if (m->line[i].inst == inst)
			return (int)i;
	return -1;
}

static inline int model_first(const struct model *m, enum sip_hid id)
{
	for (unsigned i = 0; i < m->n; i++)
		if (m->line[i].id == id)
			return (int)i;
	return -1;
}

static inline int model_line(struct model *m, struct strings *s, struct model_line *line,
			     struct sv name, struct sv value)
{
	if (m->written == SIP_EDIT_LINES_MAX || name.n > SIP_HEADER_NAME_MAX ||
	    name.n + 2 + value.n > SIP_HEADER_LINE_MAX)
		return MG_ELIMIT;
	line->raw = join(s, name, SV(": "), value, SV("\r\n"));
	line->name = sv_of(line->raw.p, name.n);
	line->value = sv_of(line->raw.p + name.n + 2, value.n);
	line->written = true;
	m->written++;
	return 0;
}

/* Insert before position `i`; its handle is not known yet. */
static inline int model_insert(struct model *m, struct strings *s, unsigned i, enum sip_hid id,
			       struct sv name, struct sv value)
{
	struct model_line line = {.inst = SIP_NO_INST};

	if (m->frozen)
		return MG_EFROZEN;
	if (id != SIP_H_OTHER)
		name = sip_header(id)->name;
	if (!model_clean(value) || !model_token(name))
		return MG_EINVAL;
	line.id = model_id(name);
	int err = model_line(m, s, &line, name, sv_trim(value));
	if (err)
		return err;
	for (unsigned k = m->n++; k > i; k--)
		m->line[k] = m->line[k - 1];
	m->line[i] = line;
	return 0;
}

static inline int model_replace(struct model *m, struct strings *s, int i, struct sv value)
{
	if (m->frozen)
		return MG_EFROZEN;
	if (i < 0)
		return MG_ENOENT;
	if (!model_clean(value))
		return MG_EINVAL;
	return model_line(m, s, &m->line[i], m->line[i].name, sv_trim(value));
}

static inline int model_remove(struct model *m, int i)
{
	if (m->frozen)
		return MG_EFROZEN;
	if (i < 0)
		return MG_ENOENT;
	m->n--;
	for (unsigned k = (unsigned)i; k < m->n; k++)
		m->line[k] = m->line[k + 1];
	return 0;
}

/* Where the first comma stands that is in no quotes and no brackets, v.n when there is none. */
static inline size_t model_comma(struct sv v)
{
	bool quoted = false, bracket = false;

	for (size_t i = 0; i < v.n; i++) {
		if (quoted && v.p[i] == '\\')
			i++;
		else if (v.p[i] == '"')
			quoted = !quoted;
		else if (!quoted && (v.p[i] == '<' || v.p[i] == '>'))
			bracket = v.p[i] == '<';
		else if (!quoted && !bracket && v.p[i] == ',')
			return i;
	}
	return v.n;
}

/* What sip_view_pop does to a value that is well-formed. */
static inline int model_pop(struct model *m, struct strings *s, unsigned i)
{
	struct sv v = m->line[i].value;
	size_t comma = model_comma(v);

	if (comma == v.n)
		return model_remove(m, (int)i);
	return model_line(m, s, &m->line[i], m->line[i].name,
			  sv_trim(sv_of(v.p + comma + 1, v.n - comma - 1)));
}

static inline int model_replace_top(struct model *m, struct strings *s, unsigned i, struct sv value)
{
	struct sv v = m->line[i].value;
	size_t comma = model_comma(v);

	if (!model_clean(value))
		return MG_EINVAL;
	return model_line(m, s, &m->line[i], m->line[i].name,
			  join(s, sv_trim(value), sv_of(v.p + comma, v.n - comma), SV(""), SV("")));
}

/* The message as it leaves. */
static inline void model_write(const struct model *m, struct text *out)
{
	char length[64];
	unsigned lengths = 0;
	bool right = false;

	snprintf(length, sizeof(length), "Content-Length: %zu\r\n", m->body.n);
	for (unsigned i = 0; i < m->n; i++)
		if (m->line[i].id == SIP_H_CONTENT_LENGTH) {
			struct sv v = m->line[i].value;
			size_t said = 0;
			lengths++;
			right = v.n > 0 && v.n <= 6;
			for (size_t k = 0; right && k < v.n; k++) {
				right = v.p[k] >= '0' && v.p[k] <= '9';
				said = said * 10 + (size_t)(v.p[k] - '0');
			}
			right = right && said == m->body.n;
		}
	right = right && lengths == 1;
	text_start(out);
	text_put(out, m->start);
	for (unsigned i = 0; i < m->n; i++) {
		if (m->line[i].id != SIP_H_CONTENT_LENGTH || right) {
			text_put(out, m->line[i].raw);
		} else if (lengths) {
			text_put(out, sv_str(length));
			lengths = 0; /* in the place of the first, and once */
		}
	}
	if (model_first(m, SIP_H_CONTENT_LENGTH) < 0)
		text_put(out, sv_str(length));
	text_put(out, SV("\r\n"));
	text_put(out, m->body);
}

#endif
