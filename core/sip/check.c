/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * check: the form of a message as a whole.
 */
#include "sip/check.h"

static int fault(struct sip_where *at, uint32_t off, enum sip_fault what, enum sip_hid id)
{
	*at = (struct sip_where){off, (uint8_t)what, (uint8_t)id};
	return MG_EPARSE;
}

static int code(const struct sip_where *at)
{
	switch (at->fault) {
	case SIP_FAULT_TOO_LONG:
	case SIP_FAULT_TOO_MANY:
	case SIP_FAULT_TOO_MANY_PARAMS:
	case SIP_FAULT_MESSAGE_TOO_LARGE: return MG_ELIMIT;
	default: return MG_EPARSE;
	}
}

/* A header of which there can be only one value stands in two lines (P-2). Free text that nobody acts upon, like
 * User-Agent, may. */
static bool twice(const struct sip_msg *msg, enum sip_hid id)
{
	const struct sip_header *h = sip_header(id);

	if (h->count != SIP_ONE || (h->shape == SIP_SHAPE_TEXT && id != SIP_H_CALL_ID))
		return false;
	return sip_has(msg, id) && msg->line[msg->first[id]].next != SIP_NO_LINE;
}

static int check_twice(const struct sip_msg *msg, struct sip_where *at)
{
	for (unsigned i = 0; msg->again && i < msg->lines; i++) {
		enum sip_hid id = msg->line[i].id;
		if (msg->first[id] == i && twice(msg, id))
			return fault(at, msg->line[msg->line[i].next].name, SIP_FAULT_DUPLICATE,
				     id);
	}
	return 0;
}

/* callid = word [ "@" word ]; any visible byte is taken but the comma, which joins two (P-2); white space is not. */
static int check_call_id(const struct sip_msg *msg, struct sip_where *at)
{
	struct sv v = sip_call_id(msg);
	uint32_t off = (uint32_t)(v.p - msg->buf);

	if (!sip_has(msg, SIP_H_CALL_ID))
		return fault(at, msg->end, SIP_FAULT_MISSING, SIP_H_CALL_ID);
	struct lex_ctx e = {.room = msg->buf + msg->len};
	const char *end = v.p + v.n;
	/* the class holds all that there are mostly; what else is taken is looked at byte by byte */
	for (const char *p = v.p; (p = lex_wide(p, end, LEX_TOKEN, &e)) < end; p++)
		if ((unsigned char)*p <= ' ' || *p == ',')
			return fault(at, off + (uint32_t)(p - v.p), SIP_FAULT_BAD, SIP_H_CALL_ID);
	if (v.n == 0)
		return fault(at, off, SIP_FAULT_BAD, SIP_H_CALL_ID);
	if (v.n > SIP_IDENT_MAX) {
		fault(at, off, SIP_FAULT_TOO_LONG, SIP_H_CALL_ID);
		return MG_ELIMIT;
	}
	return 0;
}

/* Whether a header, whose first value is `text`, has no other: then there is nothing to walk over. */
static bool alone(const struct sip_msg *msg, enum sip_hid id, struct sv text)
{
	const struct sip_line *line = &msg->line[msg->first[id]];

	return line->next == SIP_NO_LINE &&
	       text.p + text.n == msg->buf + line->value + line->value_n;
}

/* Every value of Via. */
static int check_vias(struct sip_msg *msg, struct sip_where *at)
{
	const struct sip_via *top = sip_top_via(msg, at);
	struct sip_each each;
	struct sip_via via;

	if (!top)
		return code(at);
	if (alone(msg, SIP_H_VIA, top->text))
		return 0;
	sip_each_start(&each, msg, SIP_H_VIA);
	while (sip_each_read(&each, &via))
		;
	*at = each.at.fault ? each.at : *at;
	return each.at.fault ? code(at) : 0;
}

/* A branch that is the cookie and no more names no transaction (RFC 4475 §3.2.1). */
static int check_branch(struct sip_msg *msg, struct sip_where *at)
{
	struct sv branch = sip_top_via(msg, at)->branch;

	return sv_ieq(branch, SV(SIP_BRANCH_COOKIE))
		       ? fault(at, (uint32_t)(branch.p - msg->buf), SIP_FAULT_BAD, SIP_H_VIA)
		       : 0;
}

/* What is left to come of the values of the lists of addresses. */
struct addrs_left {
	unsigned n;
	bool star; /* "*" was there: none */
};

/* A value of a list of addresses. */
static int check_addr(struct sip_msg *msg, enum sip_hid id, const struct sip_nameaddr *na,
		      struct addrs_left *left, struct sip_where *at)
{
	uint32_t off = (uint32_t)(na->text.p - msg->buf);

	if (left->n-- == 0) {
		fault(at, off, SIP_FAULT_TOO_MANY, id);
		return MG_ELIMIT;
	}
	if (left->star || (na->star && sip_contact(msg, at)->text.p != na->text.p))
		return fault(at, off, SIP_FAULT_DUPLICATE, id); /* "*" beside another value */
	left->star = na->star;
	return 0;
}

/* Every value of a list of addresses that is there. */
static int check_addrs(struct sip_msg *msg, enum sip_hid id, struct addrs_left *left,
		       struct sip_where *at)
{
	const struct sip_nameaddr *na = sip_typed(msg, id, at);
	struct sip_nameaddr room;
	struct sip_each each;
	int err = 0;

	if (!na)
		return code(at);
	if (alone(msg, id, na->text))
		return check_addr(msg, id, na, left, at);
	sip_each_start(&each, msg, id);
	while (!err && (na = sip_each_read(&each, &room)) != NULL)
		err = check_addr(msg, id, na, left, at);
	if (err || !each.at.fault)
		return err;
	*at = each.at;
	return code(at);
}

static int check_lists(struct sip_msg *msg, struct sip_where *at)
{
	bool ours = msg->kind == SIP_KIND_RESPONSE;
	struct addrs_left routes = {sip_values_max(SIP_H_ROUTE, ours), false};
	struct addrs_left contacts = {sip_values_max(SIP_H_CONTACT, ours), false};
	int err = 0;

	if (sip_has(msg, SIP_H_ROUTE))
		err = check_addrs(msg, SIP_H_ROUTE, &routes, at);
	if (!err && sip_has(msg, SIP_H_RECORD_ROUTE))
		err = check_addrs(msg, SIP_H_RECORD_ROUTE, &routes, at);
	if (!err && sip_has(msg, SIP_H_CONTACT))
		err = check_addrs(msg, SIP_H_CONTACT, &contacts, at);
	if (!err && contacts.star &&
	    (msg->kind != SIP_KIND_REQUEST || msg->method != SIP_METHOD_REGISTER))
		err = fault(at, (uint32_t)(sip_value(msg, SIP_H_CONTACT).p - msg->buf),
			    SIP_FAULT_BAD, SIP_H_CONTACT);
	return err;
}

static int check_party(struct sip_msg *msg, enum sip_hid id, struct sip_where *at)
{
	const struct sip_nameaddr *na = sip_typed(msg, id, at);

	if (!na)
		return code(at);
	return na->star ? fault(at, (uint32_t)(na->text.p - msg->buf), SIP_FAULT_BAD, id) : 0;
}

static int check_cseq(struct sip_msg *msg, struct sip_where *at)
{
	const struct sip_cseq *cseq = sip_cseq(msg, at);

	if (!cseq)
		return code(at);
	if (msg->kind == SIP_KIND_REQUEST && !sv_eq(cseq->method_name, sip_method_text(msg)))
		return fault(at, (uint32_t)(cseq->method_name.p - msg->buf), SIP_FAULT_CSEQ_METHOD,
			     SIP_H_CSEQ);
	return 0;
}

/* Max-Forwards is 0 to 255 (§20.22). Expires may be larger than 32 bits: it then counts as 2^32-1 (§20.19). */
static int check_numbers(struct sip_msg *msg, struct sip_where *at)
{
	if (sip_has(msg, SIP_H_MAX_FORWARDS)) {
		const struct sip_number *n = sip_max_forwards(msg, at);
		if (!n)
			return code(at);
		if (n->value > 255)
			return fault(at,
				     (uint32_t)(sip_value(msg, SIP_H_MAX_FORWARDS).p - msg->buf),
				     SIP_FAULT_BAD, SIP_H_MAX_FORWARDS);
	}
	return sip_has(msg, SIP_H_EXPIRES) && !sip_expires(msg, at) ? code(at) : 0;
}

/* sip, sips, tel, and the service URNs of emergency calls (RFC 5031); no headers (§19.1.1 table 1). */
static int check_uri(struct sip_msg *msg, struct sip_where *at)
{
	const struct sip_uri *uri = sip_request_uri(msg, at);

	if (!uri)
		return code(at);
	if (uri->scheme == SIP_SCHEME_OTHER ||
	    (uri->scheme == SIP_SCHEME_URN &&
	     !(uri->user.n > 8 && sv_ieq(sv_of(uri->user.p, 8), SV("service:")))))
		return fault(at, msg->ruri, SIP_FAULT_SCHEME, SIP_H_OTHER);
	if (uri->headers.n)
		return fault(at, (uint32_t)(uri->headers.p - msg->buf), SIP_FAULT_URI_HEADERS,
			     SIP_H_OTHER);
	return 0;
}

typedef int check_fn(struct sip_msg *msg, struct sip_where *at);

static int check_from(struct sip_msg *msg, struct sip_where *at)
{
	return check_party(msg, SIP_H_FROM, at);
}

static int check_to(struct sip_msg *msg, struct sip_where *at)
{
	return check_party(msg, SIP_H_TO, at);
}

static int check_identity(struct sip_msg *msg, struct sip_where *at)
{
	int err = check_from(msg, at);

	if (!err)
		err = check_to(msg, at);
	if (!err)
		err = check_call_id(msg, at);
	return err ? err : check_cseq(msg, at);
}

int sip_check(struct sip_msg *msg, struct sip_where *at)
{
	static check_fn *const steps[] = {check_vias, check_branch, check_identity, check_lists,
					  check_numbers};

	if (msg->fault.fault) {
		*at = msg->fault;
		return code(at);
	}
	if (msg->kind != SIP_KIND_REQUEST && msg->kind != SIP_KIND_RESPONSE)
		return fault(at, 0, SIP_FAULT_NOT_SIP, SIP_H_OTHER);
	int err = check_twice(msg, at);
	for (size_t i = 0; !err && i < sizeof(steps) / sizeof(steps[0]); i++)
		err = steps[i](msg, at);
	if (!err && msg->kind == SIP_KIND_REQUEST)
		err = check_uri(msg, at);
	return err;
}

bool sip_answerable(struct sip_msg *msg)
{
	static const uint8_t owed[] = {SIP_H_FROM, SIP_H_TO, SIP_H_CALL_ID, SIP_H_CSEQ};
	struct sip_where at;

	if (msg->kind != SIP_KIND_REQUEST || msg->method == SIP_METHOD_ACK)
		return false;
	for (size_t i = 0; i < sizeof(owed); i++)
		if (twice(msg, owed[i]))
			return false;
	return check_vias(msg, &at) == 0 && check_from(msg, &at) == 0 && check_to(msg, &at) == 0 &&
	       check_call_id(msg, &at) == 0 && sip_cseq(msg, &at) != NULL;
}
