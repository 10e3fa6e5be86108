/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * osip: libosip2 as a subject of the parse benchmark. osip_message_parse() types everything but Max-Forwards and
 * Expires, which it keeps as text; each value is a terminated copy. User names come with escapes decoded.
 * Memory is glibc's, as its users have it: with osip_set_allocators() and an arena that forgets each message at
 * once it would take a third less (2.6 and 4.9 us instead of 3.9 and 7.4), still more than sofia-sip.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <sys/time.h>

#include <osipparser2/osip_parser.h>

#include "bench.h"

int subject_start(void)
{
	return parser_init() == OSIP_SUCCESS ? 0 : -1;
}

static uint64_t number(const char *text, uint64_t absent)
{
	return text ? strtoull(text, NULL, 10) : absent;
}

/* libosip2 keeps what follows `tel:` as it is, apart from the parts of a SIP URI. */
static void add_uri(struct typed_sum *sum, unsigned field, unsigned nth, const osip_uri_t *uri)
{
	sum_str(sum, field + URI_USER, nth, uri->string ? uri->string : uri->username);
	sum_str(sum, field + URI_HOST, nth, uri->host);
	sum_number(sum, field + URI_PORT, nth, number(uri->port, 0));
}

static void add_via(struct typed_sum *sum, osip_via_t *via)
{
	osip_generic_param_t *branch = NULL;
	osip_generic_param_get_byname(&via->via_params, "branch", &branch);
	sum_str(sum, F_VIA_HOST, 0, via->host);
	sum_number(sum, F_VIA_PORT, 0, number(via->port, 0));
	sum_str(sum, F_VIA_BRANCH, 0, branch ? branch->gvalue : NULL);
}

static void add_party(struct typed_sum *sum, unsigned field, unsigned tag_field, osip_from_t *party)
{
	osip_generic_param_t *tag = NULL;
	osip_generic_param_get_byname(&party->gen_params, "tag", &tag);
	add_uri(sum, field, 0, party->url);
	sum_str(sum, tag_field, 0, tag ? tag->gvalue : NULL);
}

static bool add_routes(struct typed_sum *sum, unsigned field, const osip_list_t *routes)
{
	osip_list_iterator_t at;
	unsigned nth = 0;
	const osip_route_t *route = osip_list_get_first(routes, &at);
	for (; osip_list_iterator_has_elem(at); route = osip_list_get_next(&at), nth++) {
		osip_uri_param_t *lr = NULL;
		if (!route->url)
			return false;
		osip_uri_uparam_get_byname(route->url, "lr", &lr);
		add_uri(sum, field, nth, route->url);
		sum_number(sum, field + URI_LR, nth, lr != NULL);
	}
	return true;
}

static void add_contact(struct typed_sum *sum, const osip_contact_t *contact)
{
	if (contact->url)
		add_uri(sum, F_CONTACT, 0, contact->url);
	else
		sum_number(sum, F_CONTACT_STAR, 0, 1);
}

/* libosip2 keeps the two sides of the @ apart. */
static void add_call_id(struct typed_sum *sum, const osip_call_id_t *id)
{
	char whole[1024];
	size_t n = strlen(id->number), host = id->host ? strlen(id->host) + 1 : 0;
	if (!host || n + host > sizeof(whole)) {
		sum_text(sum, F_CALL_ID, 0, id->number, n);
		return;
	}
	memcpy(whole, id->number, n);
	whole[n] = '@';
	memcpy(whole + n + 1, id->host, host - 1);
	sum_text(sum, F_CALL_ID, 0, whole, n + host);
}

static void add_other(struct typed_sum *sum, const osip_message_t *msg, unsigned field,
		      const char *name)
{
	osip_header_t *header = NULL;
	osip_message_header_get_byname(msg, name, 0, &header);
	sum_number(sum, field, 0, header ? number(header->hvalue, SUM_ABSENT) : SUM_ABSENT);
}

static int add_message(struct typed_sum *sum, const osip_message_t *msg)
{
	if (MSG_IS_REQUEST(msg)) {
		sum_str(sum, F_METHOD, 0, msg->sip_method);
		add_uri(sum, F_RURI, 0, msg->req_uri);
	} else {
		sum_number(sum, F_STATUS, 0, (uint64_t)msg->status_code);
	}
	osip_via_t *via = osip_list_get(&msg->vias, 0);
	if (via)
		add_via(sum, via);
	if (msg->from)
		add_party(sum, F_FROM, F_FROM_TAG, msg->from);
	if (msg->to)
		add_party(sum, F_TO, F_TO_TAG, msg->to);
	if (msg->call_id)
		add_call_id(sum, msg->call_id);
	if (msg->cseq) {
		sum_number(sum, F_CSEQ, 0, number(msg->cseq->number, 0));
		sum_str(sum, F_CSEQ_METHOD, 0, msg->cseq->method);
	}
	const osip_contact_t *contact = osip_list_get(&msg->contacts, 0);
	if (contact)
		add_contact(sum, contact);
	add_other(sum, msg, F_MAX_FORWARDS, "max-forwards");
	add_other(sum, msg, F_EXPIRES, "expires");
	sum_number(sum, F_CONTENT_LENGTH, 0,
		   msg->content_length ? number(msg->content_length->value, SUM_ABSENT)
				       : SUM_ABSENT);
	return add_routes(sum, F_ROUTE, &msg->routes) &&
			       add_routes(sum, F_RECORD_ROUTE, &msg->record_routes)
		       ? 0
		       : -1;
}

int subject_parse(const char *p, size_t len, struct typed_sum *sum)
{
	osip_message_t *msg;
	if (osip_message_init(&msg) != OSIP_SUCCESS)
		return -1;
	int err = osip_message_parse(msg, p, len) == OSIP_SUCCESS ? add_message(sum, msg) : -1;
	osip_message_free(msg);
	return err;
}
