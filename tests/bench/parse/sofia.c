/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sofia: sofia-sip as a subject of the parse benchmark, at its best. msg_extract() types every header its message
 * class knows, so this class knows the routing headers only (a sixth faster on phones' messages than
 * sip_default_mclass(), which types all). It works in the buffer of the message, where it writes terminators:
 * the bytes are copied there once, as receiving would. All memory belongs to the message and goes with it; one
 * block taken beforehand serves nearly all of it (a tenth faster).
 */
#include <stddef.h>
#include <stdlib.h>

#include <sofia-sip/msg.h>
#include <sofia-sip/msg_buffer.h>
#include <sofia-sip/msg_mclass.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/sip_protos.h>
#include <sofia-sip/url.h>

#include "bench.h"

enum { HOME_SIZE = 3072 };

static msg_mclass_t *class;

int subject_start(void)
{
	static const struct {
		msg_hclass_t *class;
		size_t offset;
	} routing[] = {
		{sip_via_class, offsetof(sip_t, sip_via)},
		{sip_route_class, offsetof(sip_t, sip_route)},
		{sip_record_route_class, offsetof(sip_t, sip_record_route)},
		{sip_from_class, offsetof(sip_t, sip_from)},
		{sip_to_class, offsetof(sip_t, sip_to)},
		{sip_call_id_class, offsetof(sip_t, sip_call_id)},
		{sip_cseq_class, offsetof(sip_t, sip_cseq)},
		{sip_contact_class, offsetof(sip_t, sip_contact)},
		{sip_max_forwards_class, offsetof(sip_t, sip_max_forwards)},
		{sip_expires_class, offsetof(sip_t, sip_expires)},
		{sip_content_length_class, offsetof(sip_t, sip_content_length)},
	};

	class = msg_mclass_clone(sip_default_mclass(), 0, msg_mclass_empty);
	if (!class)
		return -1;
	for (size_t i = 0; i < sizeof(routing) / sizeof(routing[0]); i++) {
		if (msg_mclass_insert_header(class, routing[i].class,
					     (unsigned short)routing[i].offset) < 0)
			return -1;
	}
	return 0;
}

/* Brackets of an IPv6 address are part of its host here. */
static void add_host(struct typed_sum *sum, unsigned field, unsigned nth, const char *host)
{
	size_t n = host ? strlen(host) : 0;
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']')
		sum_text(sum, field, nth, host + 1, n - 2);
	else
		sum_text(sum, field, nth, host, n);
}

static uint64_t port(const char *text)
{
	return text ? strtoull(text, NULL, 10) : 0;
}

static void add_uri(struct typed_sum *sum, unsigned field, unsigned nth, const url_t *url)
{
	sum_str(sum, field + URI_USER, nth, url->url_user);
	add_host(sum, field + URI_HOST, nth, url->url_host);
	sum_number(sum, field + URI_PORT, nth, port(url->url_port));
}

static void add_routes(struct typed_sum *sum, unsigned field, const sip_route_t *route)
{
	for (unsigned nth = 0; route; route = route->r_next, nth++) {
		add_uri(sum, field, nth, route->r_url);
		sum_number(sum, field + URI_LR, nth, url_has_param(route->r_url, "lr") != 0);
	}
}

static void add_party(struct typed_sum *sum, unsigned field, unsigned tag_field,
		      const sip_addr_t *party)
{
	add_uri(sum, field, 0, party->a_url);
	sum_str(sum, tag_field, 0, party->a_tag);
}

static void add_start(struct typed_sum *sum, const sip_t *sip)
{
	if (sip->sip_request) {
		sum_str(sum, F_METHOD, 0, sip->sip_request->rq_method_name);
		add_uri(sum, F_RURI, 0, sip->sip_request->rq_url);
	} else {
		sum_number(sum, F_STATUS, 0, (uint64_t)sip->sip_status->st_status);
	}
}

static void add_message(struct typed_sum *sum, const sip_t *sip)
{
	add_start(sum, sip);
	if (sip->sip_via) {
		add_host(sum, F_VIA_HOST, 0, sip->sip_via->v_host);
		sum_number(sum, F_VIA_PORT, 0, port(sip->sip_via->v_port));
		sum_str(sum, F_VIA_BRANCH, 0, sip->sip_via->v_branch);
	}
	if (sip->sip_from)
		add_party(sum, F_FROM, F_FROM_TAG, sip->sip_from);
	if (sip->sip_to)
		add_party(sum, F_TO, F_TO_TAG, sip->sip_to);
	if (sip->sip_call_id)
		sum_str(sum, F_CALL_ID, 0, sip->sip_call_id->i_id);
	if (sip->sip_cseq) {
		sum_number(sum, F_CSEQ, 0, sip->sip_cseq->cs_seq);
		sum_str(sum, F_CSEQ_METHOD, 0, sip->sip_cseq->cs_method_name);
	}
	if (sip->sip_contact && sip->sip_contact->m_url->url_type == url_any)
		sum_number(sum, F_CONTACT_STAR, 0, 1);
	else if (sip->sip_contact)
		add_uri(sum, F_CONTACT, 0, sip->sip_contact->m_url);
	sum_number(sum, F_MAX_FORWARDS, 0,
		   sip->sip_max_forwards ? sip->sip_max_forwards->mf_count : SUM_ABSENT);
	sum_number(sum, F_EXPIRES, 0, sip->sip_expires ? sip->sip_expires->ex_delta : SUM_ABSENT);
	sum_number(sum, F_CONTENT_LENGTH, 0,
		   sip->sip_content_length ? sip->sip_content_length->l_length : SUM_ABSENT);
	add_routes(sum, F_ROUTE, sip->sip_route);
	add_routes(sum, F_RECORD_ROUTE, sip->sip_record_route);
}

int subject_parse(const char *p, size_t len, struct typed_sum *sum)
{
	msg_t *msg = msg_create(class, 0);
	if (!msg)
		return -1;
	su_home_preload(msg_home(msg), 1, HOME_SIZE);
	int err = -1;
	char *buf = msg_buf_exact(msg, (usize_t)len + 1);
	if (buf) {
		memcpy(buf, p, len);
		msg_buf_commit(msg, (usize_t)len, 1);
		const sip_t *sip = msg_extract(msg) > 0 ? sip_object(msg) : NULL;
		if (sip && !(sip->sip_flags & MSG_FLG_ERROR) &&
		    (sip->sip_request || sip->sip_status)) {
			add_message(sum, sip);
			err = 0;
		}
	}
	msg_destroy(msg);
	return err;
}
