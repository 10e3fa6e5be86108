/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * edit: views: the order of lines, the lines written anew, reads and edits. view_write.c serialises them.
 */
#include "sip/edit.h"

#include "sip/parse.h"

void sip_view_init(struct sip_view *view, struct sip_msg *msg, struct arena *arena)
{
	*view = (struct sip_view){.msg = msg, .arena = arena, .status = msg->status};
}

/* ---- entries ---- */

static struct sip_entry of_line(const struct sip_msg *msg, unsigned i)
{
	const struct sip_line *line = &msg->line[i];
	return (struct sip_entry){.inst = (sip_inst)i, .id = line->id};
}

/* Room for `more` entries above those there are; the array is made of the message's lines at first. */
static int make_room(struct sip_view *view, unsigned more)
{
	unsigned n = view->entry ? view->n : view->msg->lines;

	if (view->entry && n + more <= view->room)
		return 0;
	unsigned room = n + more + 6;
	struct sip_entry *e = arena_alloc(view->arena, room * sizeof(*e));
	if (!e)
		return MG_ENOMEM;
	if (view->entry)
		memcpy(e, view->entry, n * sizeof(*e));
	else
		for (unsigned i = 0; i < n; i++) { /* what else is in it belongs to `text` */
			e[i].text = NULL;
			e[i].typed = NULL;
			e[i].inst = (sip_inst)i;
			e[i].id = view->msg->line[i].id;
		}
	view->entry = e;
	view->n = (uint16_t)n;
	view->room = (uint16_t)room;
	return 0;
}

int sip_view_branch(struct sip_view *view, struct sip_view *under, struct arena *arena)
{
	struct sip_view copy = *under;

	copy.arena = arena;
	copy.frozen = false;
	if (under->entry) {
		copy.entry = NULL;
		struct sip_entry *e = arena_alloc(arena, (under->n + 6u) * sizeof(*e));
		if (!e)
			return MG_ENOMEM;
		memcpy(e, under->entry, under->n * sizeof(*e));
		copy.entry = e;
		copy.room = (uint16_t)(under->n + 6);
	}
	under->frozen = true;
	*view = copy;
	return 0;
}

/* Position of a handle in the order, -1 when it is dead. Instances rarely move far from where they began. */
static int position(const struct sip_view *view, sip_inst inst)
{
	if (!view->entry)
		return inst < view->msg->lines ? inst : -1;
	for (int i = 0; i < view->n; i++)
		if (view->entry[i].inst == inst)
			return i;
	return -1;
}

static unsigned count(const struct sip_view *view)
{
	return view->entry ? view->n : view->msg->lines;
}

static struct sip_entry entry_at(const struct sip_view *view, unsigned i)
{
	return view->entry ? view->entry[i] : of_line(view->msg, i);
}

static struct sv entry_name(const struct sip_view *view, const struct sip_entry *e)
{
	return e->text ? sv_of(e->text, e->name_n)
		       : sip_line_name(view->msg, &view->msg->line[e->inst]);
}

static struct sv entry_value(const struct sip_view *view, const struct sip_entry *e)
{
	return e->text ? sv_of(e->text + e->value, e->value_n)
		       : sip_line_value(view->msg, &view->msg->line[e->inst]);
}

/* What the value of an entry lies in, for scanners: the message, or the value alone. */
static struct sv entry_text(const struct sip_view *view, const struct sip_entry *e, struct sv value)
{
	return e->text ? value : sv_of(view->msg->buf, view->msg->len);
}

/* The first value of an entry where it has been read before. */
static const void *entry_known(const struct sip_view *view, const struct sip_entry *e)
{
	if (e->text)
		return e->typed;
	const struct sip_line *line = &view->msg->line[e->inst];
	return line->typed ? (const char *)view->msg + line->typed : NULL;
}

/* ---- reads ---- */

/* The first position at or after `from` that holds the header, -1 when there is none. */
static int find_id(const struct sip_view *view, enum sip_hid id, unsigned from)
{
	const struct sip_entry *entry = view->entry;
	const struct sip_line *line = view->msg->line;

	for (unsigned i = from, n = count(view); i < n; i++)
		if ((entry ? entry[i].id : line[i].id) == id)
			return (int)i;
	return -1;
}

static sip_inst inst_at(const struct sip_view *view, int i)
{
	if (i < 0)
		return SIP_NO_INST;
	return view->entry ? view->entry[i].inst : (sip_inst)i;
}

sip_inst sip_view_first(const struct sip_view *view, enum sip_hid id)
{
	if (!view->entry)
		return sip_has(view->msg, id) ? view->msg->first[id] : SIP_NO_INST;
	return inst_at(view, find_id(view, id, 0));
}

sip_inst sip_view_next(const struct sip_view *view, sip_inst inst)
{
	int i = position(view, inst);

	if (i < 0)
		return SIP_NO_INST;
	return inst_at(view, find_id(view, entry_at(view, (unsigned)i).id, (unsigned)i + 1));
}

sip_inst sip_view_find(const struct sip_view *view, struct sv name, sip_inst inst)
{
	enum sip_hid id = sip_header_find(name, name.n);
	int i = inst == SIP_NO_INST ? 0 : position(view, inst) + 1;

	if (i == 0 && inst != SIP_NO_INST)
		return SIP_NO_INST;
	for (;; i++) {
		i = find_id(view, id, (unsigned)i);
		if (i < 0)
			return SIP_NO_INST;
		struct sip_entry e = entry_at(view, (unsigned)i);
		if (id != SIP_H_OTHER || sv_ieq(entry_name(view, &e), name))
			return e.inst;
	}
}

struct sv sip_view_value(const struct sip_view *view, sip_inst inst)
{
	int i = position(view, inst);
	struct sip_entry e = i < 0 ? (struct sip_entry){.text = ""} : entry_at(view, (unsigned)i);

	return entry_value(view, &e);
}

struct sv sip_view_name(const struct sip_view *view, sip_inst inst)
{
	int i = position(view, inst);
	struct sip_entry e = i < 0 ? (struct sip_entry){.text = ""} : entry_at(view, (unsigned)i);

	return entry_name(view, &e);
}

struct sv sip_view_raw(const struct sip_view *view, sip_inst inst)
{
	int i = position(view, inst);

	if (i < 0)
		return sv_of("", 0);
	struct sip_entry e = entry_at(view, (unsigned)i);
	if (!e.text)
		return sip_line_raw(view->msg, e.inst);
	return sv_of(e.text, e.value + e.value_n + 2u);
}

static const void *missing(const struct sip_view *view, enum sip_hid id, struct sip_where *at)
{
	*at = (struct sip_where){view->msg->end, SIP_FAULT_MISSING, (uint8_t)id};
	return NULL;
}

/* The first value of an entry, read and remembered. Apart from its caller, which mostly finds what is remembered: the room
 * for any value makes the stack frame dear. */
static __attribute__((noinline)) const void *entry_typed(struct sip_view *view, struct sip_entry *e,
							 struct sip_where *at)
{
	unsigned char out[SIP_VALUE_MAX] __attribute__((aligned(8)));
	struct sv v = entry_value(view, e);

	if (!sip_scan_first(e->id, out, v, entry_text(view, e, v), at))
		return NULL;
	void *kept = arena_alloc(view->arena, sizeof(out));
	if (!kept)
		return missing(view, e->id, at);
	return e->typed = memcpy(kept, out, sizeof(out));
}

const void *sip_view_typed(struct sip_view *view, enum sip_hid id, struct sip_where *at)
{
	if (!view->entry)
		return sip_typed(view->msg, id, at);
	int i = find_id(view, id, 0);
	if (i < 0)
		return missing(view, id, at);
	struct sip_entry *e = &view->entry[i];
	if (!e->text && e->inst == view->msg->first[id])
		return sip_typed(view->msg, id, at);
	return e->typed ? e->typed : entry_typed(view, e, at);
}

const struct sip_uri *sip_view_uri(struct sip_view *view, struct sip_where *at)
{
	if (!view->ruri.p)
		return sip_request_uri(view->msg, at);
	if (view->uri)
		return view->uri;
	struct sip_uri uri;
	if (sip_uri_parse(&uri, view->ruri, at) != 0)
		return NULL;
	struct sip_uri *kept = arena_alloc(view->arena, sizeof(*kept));
	if (!kept)
		return missing(view, SIP_H_OTHER, at);
	*kept = uri;
	return view->uri = kept;
}

static bool view_line(struct sip_each *each, struct sv *value)
{
	const struct sip_view *view = each->source;
	int i = find_id(view, each->id, each->next);

	if (i < 0)
		return false;
	struct sip_entry e = entry_at(view, (unsigned)i);
	each->next = (uint16_t)(i + 1);
	*value = entry_value(view, &e);
	each->text = entry_text(view, &e, *value);
	each->known = entry_known(view, &e);
	return true;
}

void sip_view_each(struct sip_each *each, struct sip_view *view, enum sip_hid id)
{
	*each = (struct sip_each){.source = view,
				  .line = view_line,
				  .left = (uint8_t)sip_values_max(id, true),
				  .id = (uint8_t)id};
}

/* ---- edits ---- */

/* Why nothing is done to a dead handle. */
static int dead(const struct sip_view *view)
{
	return view->frozen ? MG_EFROZEN : MG_ENOENT;
}

/* Text of a caller, without the white space around it, that nobody would read back. */
static int take_text(const struct sip_view *view, struct sv *value)
{
	if (view->frozen)
		return MG_EFROZEN;
	if (!lex_clean(*value))
		return MG_EINVAL;
	*value = sv_trim(*value);
	return 0;
}

static int may_write(const struct sip_view *view, struct sv name, struct sv value)
{
	if (view->written == SIP_EDIT_LINES_MAX || name.n > SIP_HEADER_NAME_MAX ||
	    name.n + 2 + value.n > SIP_HEADER_LINE_MAX)
		return MG_ELIMIT;
	return 0;
}

/* Write "name: value CRLF" into the arena; `value` is taken as it is. */
static int write_line(struct sip_view *view, struct sip_entry *e, struct sv name, struct sv value)
{
	char *p = arena_text(view->arena, name.n + 2 + value.n + 2);

	if (!p)
		return MG_ENOMEM;
	e->text = p;
	e->typed = NULL;
	e->name_n = (uint16_t)name.n;
	e->value = (uint16_t)(name.n + 2);
	e->value_n = (uint16_t)value.n;
	memcpy(p, name.p, name.n);
	memcpy(p + name.n, ": ", 2);
	if (value.n)
		memcpy(p + e->value, value.p, value.n);
	memcpy(p + e->value + value.n, "\r\n", 2);
	view->written++;
	return 0;
}

/* The header a caller means by id and name. */
static enum sip_hid meant(enum sip_hid id, struct sv name)
{
	return id != SIP_H_OTHER ? id : sip_header_find(name, name.n);
}

static int insert_at(struct sip_view *view, unsigned i, enum sip_hid id, struct sv name,
		     struct sv value)
{
	struct sip_entry e = {.id = (uint8_t)meant(id, name)};
	int err = take_text(view, &value);

	if (id != SIP_H_OTHER)
		name = sip_header(id)->name;
	else if (!err && !lex_is_token(name))
		err = MG_EINVAL;
	if (!err)
		err = may_write(view, name, value);
	if (!err)
		err = make_room(view, 1);
	if (err)
		return err;
	e.inst = (sip_inst)(SIP_HEADER_LINES_MAX + view->written);
	err = write_line(view, &e, name, value);
	if (err)
		return err;
	memmove(&view->entry[i + 1], &view->entry[i], (view->n - i) * sizeof(e));
	view->entry[i] = e;
	view->n++;
	view->length_edited |= e.id == SIP_H_CONTENT_LENGTH;
	return 0;
}

int sip_view_prepend(struct sip_view *view, enum sip_hid id, struct sv name, struct sv value)
{
	sip_inst first = meant(id, name) != SIP_H_OTHER ? sip_view_first(view, meant(id, name))
							: sip_view_find(view, name, SIP_NO_INST);
	int i = first == SIP_NO_INST ? 0 : position(view, first);

	return insert_at(view, (unsigned)i, id, name, value);
}

int sip_view_append(struct sip_view *view, enum sip_hid id, struct sv name, struct sv value)
{
	enum sip_hid real = meant(id, name);
	unsigned at = count(view);

	for (unsigned i = count(view); i-- > 0;) {
		struct sip_entry e = entry_at(view, i);
		if (e.id == real && (real != SIP_H_OTHER || sv_ieq(entry_name(view, &e), name))) {
			at = i + 1;
			break;
		}
	}
	return insert_at(view, at, id, name, value);
}

int sip_view_insert(struct sip_view *view, sip_inst before, enum sip_hid id, struct sv name,
		    struct sv value)
{
	int i = position(view, before);

	return i < 0 ? dead(view) : insert_at(view, (unsigned)i, id, name, value);
}

/* Replace a value by text that is known to be clean, or was received. */
static int rewrite(struct sip_view *view, unsigned i, struct sv value)
{
	struct sip_entry e = entry_at(view, i);
	struct sv name = entry_name(view, &e);
	int err = may_write(view, name, value);

	if (!err)
		err = make_room(view, 0);
	if (!err)
		err = write_line(view, &e, name, value);
	if (err)
		return err;
	view->entry[i] = e;
	view->length_edited |= e.id == SIP_H_CONTENT_LENGTH;
	return 0;
}

int sip_view_replace(struct sip_view *view, sip_inst inst, struct sv value)
{
	int i = position(view, inst);
	int err = i < 0 ? dead(view) : take_text(view, &value);

	return err ? err : rewrite(view, (unsigned)i, value);
}

static int remove_at(struct sip_view *view, unsigned i)
{
	int err = view->frozen ? MG_EFROZEN : make_room(view, 0);

	if (err)
		return err;
	view->length_edited |= view->entry[i].id == SIP_H_CONTENT_LENGTH;
	view->n--;
	memmove(&view->entry[i], &view->entry[i + 1], (view->n - i) * sizeof(view->entry[0]));
	return 0;
}

int sip_view_remove(struct sip_view *view, sip_inst inst)
{
	int i = position(view, inst);

	return i < 0 ? dead(view) : remove_at(view, (unsigned)i);
}

int sip_view_remove_all(struct sip_view *view, enum sip_hid id)
{
	int err = view->frozen ? MG_EFROZEN : 0;

	for (int i = 0; !err && (i = find_id(view, id, (unsigned)i)) >= 0;)
		err = remove_at(view, (unsigned)i);
	return err;
}

/* Position of the first line of a list header, and how its value goes on behind the first value: from the comma on,
 * empty when there is nothing. */
static int top_of(const struct sip_view *view, enum sip_hid id, unsigned *where, struct sv *rest)
{
	unsigned char out[SIP_VALUE_MAX] __attribute__((aligned(8)));
	struct lex_ctx e = {0};
	int i = find_id(view, id, 0);

	if (i < 0)
		return MG_ENOENT;
	struct sip_entry entry = entry_at(view, (unsigned)i);
	struct sv v = entry_value(view, &entry);
	const void *known = entry_known(view, &entry);
	const char *q = known ? sip_known_end(id, known, v.p + v.n) : NULL;
	if (!q)
		q = sip_scan_value(id, out, v.p, v.p + v.n, &e);
	if (!q)
		return MG_EPARSE;
	*where = (unsigned)i;
	*rest = sv_span(q, v.p + v.n);
	return 0;
}

int sip_view_pop(struct sip_view *view, enum sip_hid id)
{
	struct sv rest;
	unsigned i;
	int err = view->frozen ? MG_EFROZEN : top_of(view, id, &i, &rest);

	if (err)
		return err;
	return rest.n ? rewrite(view, i, sv_trim(sv_of(rest.p + 1, rest.n - 1)))
		      : remove_at(view, i);
}

int sip_view_replace_top(struct sip_view *view, enum sip_hid id, struct sv value)
{
	struct sv rest;
	unsigned i;
	int err = view->frozen ? MG_EFROZEN : top_of(view, id, &i, &rest);

	if (!err)
		err = take_text(view, &value);
	if (err || !rest.n)
		return err ? err : rewrite(view, i, value);
	char *both = arena_text(view->arena, value.n + rest.n);
	if (!both)
		return MG_ENOMEM;
	if (value.n)
		memcpy(both, value.p, value.n);
	memcpy(both + value.n, rest.p, rest.n);
	return rewrite(view, i, sv_of(both, value.n + rest.n));
}

int sip_view_set_uri(struct sip_view *view, struct sv uri)
{
	struct sv method = sip_method_text(view->msg);

	if (view->frozen)
		return MG_EFROZEN;
	if (view->msg->kind != SIP_KIND_REQUEST || !lex_visible(uri))
		return MG_EINVAL;
	if (uri.n > SIP_URI_MAX)
		return MG_ELIMIT;
	size_t n = method.n + 1 + uri.n + 10;
	char *p = arena_text(view->arena, n);
	if (!p)
		return MG_ENOMEM;
	memcpy(p, method.p, method.n);
	p[method.n] = ' ';
	memcpy(p + method.n + 1, uri.p, uri.n);
	memcpy(p + method.n + 1 + uri.n, " SIP/2.0\r\n", 10);
	view->start = sv_of(p, n);
	view->ruri = sv_of(p + method.n + 1, uri.n);
	view->uri = NULL;
	return 0;
}

int sip_view_set_status(struct sip_view *view, unsigned status, struct sv reason)
{
	if (view->frozen)
		return MG_EFROZEN;
	if (view->msg->kind != SIP_KIND_RESPONSE || status < 100 || status > 699 ||
	    !lex_clean(reason))
		return MG_EINVAL;
	if (reason.n > SIP_START_LINE_MAX - 12)
		return MG_ELIMIT;
	int err = arena_printf(view->arena, &view->start, "SIP/2.0 %u %.*s\r\n", status,
			       SV_ARG(reason));
	if (!err)
		view->status = (uint16_t)status;
	return err;
}

int sip_view_set_body(struct sip_view *view, struct sv body)
{
	if (view->frozen)
		return MG_EFROZEN;
	if (body.n > SIP_STREAM_MESSAGE_MAX)
		return MG_ELIMIT;
	view->body = body;
	view->body_set = true;
	return 0;
}
