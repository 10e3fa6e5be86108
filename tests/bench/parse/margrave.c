/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * margrave: our own parser as a subject of the parse benchmark. The index is one pass over the bytes; values are
 * typed where they are asked for, and stay views of the message. Nothing is copied or allocated. What no datagram
 * may be as long as is read as the front of a stream.
 */
#include "bench.h"
#include "sip/parse.h"

static struct sip_msg msg;

int subject_start(void)
{
	return 0;
}

static void add_text(struct typed_sum *sum, unsigned field, unsigned nth, struct sv text)
{
	sum_text(sum, field, nth, text.p, text.n);
}

/* Brackets of an IPv6 address are part of its host here. */
static void add_host(struct typed_sum *sum, unsigned field, unsigned nth, struct sv host)
{
	if (host.n >= 2 && host.p[0] == '[')
		host = sv_of(host.p + 1, host.n - 2);
	add_text(sum, field, nth, host);
}

static void add_uri(struct typed_sum *sum, unsigned field, unsigned nth, const struct sip_uri *uri)
{
	add_text(sum, field + URI_USER, nth, uri->user);
	add_host(sum, field + URI_HOST, nth, uri->host);
	sum_number(sum, field + URI_PORT, nth, uri->port);
}

/* Whether a header that gave no value is absent rather than malformed. */
static bool absent(const struct sip_where *at)
{
	return at->fault == SIP_FAULT_MISSING;
}

static bool add_start(struct typed_sum *sum)
{
	struct sip_where at = {0};
	const struct sip_uri *uri;

	if (msg.kind == SIP_KIND_RESPONSE) {
		sum_number(sum, F_STATUS, 0, msg.status);
		return true;
	}
	uri = sip_request_uri(&msg, &at);
	if (!uri)
		return false;
	add_text(sum, F_METHOD, 0, sip_method_text(&msg));
	add_uri(sum, F_RURI, 0, uri);
	return true;
}

static bool add_via(struct typed_sum *sum)
{
	struct sip_where at = {0};
	const struct sip_via *via = sip_top_via(&msg, &at);

	if (!via)
		return absent(&at);
	add_host(sum, F_VIA_HOST, 0, via->host);
	sum_number(sum, F_VIA_PORT, 0, via->port);
	add_text(sum, F_VIA_BRANCH, 0, via->branch);
	return true;
}

static bool add_party(struct typed_sum *sum, unsigned field, unsigned tag_field, enum sip_hid id)
{
	struct sip_where at = {0};
	const struct sip_nameaddr *party = sip_typed(&msg, id, &at);

	if (!party)
		return absent(&at);
	add_uri(sum, field, 0, &party->uri);
	add_text(sum, tag_field, 0, party->tag);
	return true;
}

static bool add_cseq(struct typed_sum *sum)
{
	struct sip_where at = {0};
	const struct sip_cseq *cseq = sip_cseq(&msg, &at);

	if (!cseq)
		return absent(&at);
	sum_number(sum, F_CSEQ, 0, cseq->number);
	add_text(sum, F_CSEQ_METHOD, 0, cseq->method_name);
	return true;
}

static bool add_contact(struct typed_sum *sum)
{
	struct sip_where at = {0};
	const struct sip_nameaddr *contact = sip_contact(&msg, &at);

	if (!contact)
		return absent(&at);
	if (contact->star)
		sum_number(sum, F_CONTACT_STAR, 0, 1);
	else
		add_uri(sum, F_CONTACT, 0, &contact->uri);
	return true;
}

static bool add_number(struct typed_sum *sum, unsigned field, enum sip_hid id)
{
	struct sip_where at = {0};
	const struct sip_number *number = sip_typed(&msg, id, &at);

	sum_number(sum, field, 0, number ? number->value : SUM_ABSENT);
	return number || absent(&at);
}

static bool add_routes(struct typed_sum *sum, unsigned field, enum sip_hid id)
{
	struct sip_each each;
	struct sip_nameaddr route;

	sip_each_start(&each, &msg, id);
	for (unsigned nth = 0; sip_each_addr(&each, &route); nth++) {
		add_uri(sum, field, nth, &route.uri);
		sum_number(sum, field + URI_LR, nth, route.uri.lr);
	}
	return each.at.fault == SIP_OK;
}

static bool add_message(struct typed_sum *sum)
{
	if (sip_has(&msg, SIP_H_CALL_ID))
		add_text(sum, F_CALL_ID, 0, sip_call_id(&msg));
	return add_start(sum) && add_via(sum) && add_party(sum, F_FROM, F_FROM_TAG, SIP_H_FROM) &&
	       add_party(sum, F_TO, F_TO_TAG, SIP_H_TO) && add_cseq(sum) && add_contact(sum) &&
	       add_number(sum, F_MAX_FORWARDS, SIP_H_MAX_FORWARDS) &&
	       add_number(sum, F_EXPIRES, SIP_H_EXPIRES) &&
	       add_number(sum, F_CONTENT_LENGTH, SIP_H_CONTENT_LENGTH) &&
	       add_routes(sum, F_ROUTE, SIP_H_ROUTE) &&
	       add_routes(sum, F_RECORD_ROUTE, SIP_H_RECORD_ROUTE);
}

int subject_parse(const char *p, size_t len, struct typed_sum *sum)
{
	struct sip_where at = {0};
	struct sip_stream stream = {0};
	int n = len <= SIP_DATAGRAM_MAX ? sip_parse_datagram(&msg, p, len, &at)
					: sip_parse_stream(&msg, &stream, p, len, &at);
	if (n <= 0 || msg.fault.fault != SIP_OK ||
	    (msg.kind != SIP_KIND_REQUEST && msg.kind != SIP_KIND_RESPONSE))
		return -1;
	return add_message(sum) ? 0 : -1;
}
