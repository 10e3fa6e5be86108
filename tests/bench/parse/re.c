/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * re: libre as a subject of the parse benchmark. sip_msg_decode() types top Via, From, To and CSeq and finds the
 * single-valued headers; the lists are typed with sip_addr_decode(), as its users do. Everything points into the
 * buffer, which is the message itself: nothing is copied.
 */
#include <inttypes.h>
#include <stdbool.h>
/* re.h expects its user to have included or announced these two. */
#include <re.h>

#include "bench.h"

static struct mbuf *mb;

struct routes {
	struct typed_sum *sum;
	unsigned field;
	unsigned nth;
	int err;
};

int subject_start(void)
{
	mb = mbuf_alloc(1);
	if (!mb)
		return -1;
	mb->buf = mem_deref(mb->buf); /* each message lends its own bytes */
	return 0;
}

/* libre gives the number of a tel URI as its host. */
static void add_uri(struct typed_sum *sum, unsigned field, unsigned nth, const struct uri *uri)
{
	bool tel = uri->scheme.l == 3 && uri->scheme.p[0] == 't';
	const struct pl *user = tel ? &uri->host : &uri->user;
	const struct pl *host = tel ? &pl_null : &uri->host;

	sum_text(sum, field + URI_USER, nth, user->p, user->l);
	sum_text(sum, field + URI_HOST, nth, host->p, host->l);
	sum_number(sum, field + URI_PORT, nth, uri->port);
}

static bool on_route(const struct sip_hdr *hdr, const struct sip_msg *msg, void *arg)
{
	struct routes *list = arg;
	struct sip_addr addr;
	struct pl end;
	(void)msg;

	list->err = sip_addr_decode(&addr, &hdr->val);
	if (list->err)
		return true;
	add_uri(list->sum, list->field, list->nth, &addr.uri);
	sum_number(list->sum, list->field + URI_LR, list->nth,
		   msg_param_exists(&addr.uri.params, "lr", &end) == 0);
	list->nth++;
	return false;
}

static int add_routes(struct typed_sum *sum, unsigned field, const struct sip_msg *msg,
		      enum sip_hdrid id)
{
	struct routes list = {sum, field, 0, 0};
	sip_msg_hdr_apply(msg, true, id, on_route, &list);
	return list.err;
}

/* The decoder has read the port already, and leaves it in the address even when the host is a name. */
static void add_via(struct typed_sum *sum, const struct sip_via *via)
{
	struct pl host = via->sentby;
	const char *colon;

	if (!pl_isset(&host))
		return;
	if (host.p[0] == '[') {
		pl_advance(&host, 1);
		colon = pl_strchr(&host, ']');
	} else {
		colon = pl_strchr(&host, ':');
	}
	if (colon)
		host.l = (size_t)(colon - host.p);
	sum_text(sum, F_VIA_HOST, 0, host.p, host.l);
	sum_number(sum, F_VIA_PORT, 0, sa_port(&via->addr));
	sum_text(sum, F_VIA_BRANCH, 0, via->branch.p, via->branch.l);
}

static void add_party(struct typed_sum *sum, unsigned field, unsigned tag_field,
		      const struct sip_taddr *party)
{
	if (!pl_isset(&party->auri))
		return;
	add_uri(sum, field, 0, &party->uri);
	sum_text(sum, tag_field, 0, party->tag.p, party->tag.l);
}

static int add_contact(struct typed_sum *sum, const struct sip_msg *msg)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_CONTACT);
	struct sip_addr addr;

	if (!hdr)
		return 0;
	if (hdr->val.l == 1 && hdr->val.p[0] == '*') {
		sum_number(sum, F_CONTACT_STAR, 0, 1);
		return 0;
	}
	if (sip_addr_decode(&addr, &hdr->val))
		return -1;
	add_uri(sum, F_CONTACT, 0, &addr.uri);
	return 0;
}

static void add_number(struct typed_sum *sum, unsigned field, const struct pl *text)
{
	sum_number(sum, field, 0, pl_isset(text) ? pl_u32(text) : SUM_ABSENT);
}

static int add_message(struct typed_sum *sum, const struct sip_msg *msg)
{
	if (msg->req) {
		sum_text(sum, F_METHOD, 0, msg->met.p, msg->met.l);
		add_uri(sum, F_RURI, 0, &msg->uri);
	} else {
		sum_number(sum, F_STATUS, 0, msg->scode);
	}
	add_party(sum, F_FROM, F_FROM_TAG, &msg->from);
	add_party(sum, F_TO, F_TO_TAG, &msg->to);
	if (pl_isset(&msg->callid))
		sum_text(sum, F_CALL_ID, 0, msg->callid.p, msg->callid.l);
	if (pl_isset(&msg->cseq.met)) {
		sum_number(sum, F_CSEQ, 0, msg->cseq.num);
		sum_text(sum, F_CSEQ_METHOD, 0, msg->cseq.met.p, msg->cseq.met.l);
	}
	add_number(sum, F_MAX_FORWARDS, &msg->maxfwd);
	add_number(sum, F_EXPIRES, &msg->expires);
	add_number(sum, F_CONTENT_LENGTH, &msg->clen);
	add_via(sum, &msg->via);
	int err = add_contact(sum, msg);
	err |= add_routes(sum, F_ROUTE, msg, SIP_HDR_ROUTE);
	err |= add_routes(sum, F_RECORD_ROUTE, msg, SIP_HDR_RECORD_ROUTE);
	return err ? -1 : 0;
}

int subject_parse(const char *p, size_t len, struct typed_sum *sum)
{
	struct sip_msg *msg;
	union {
		const char *p;
		uint8_t *buf;
	} lent = {p}; /* libre reads only, but says so nowhere */

	mb->buf = lent.buf;
	mb->pos = 0;
	mb->end = mb->size = len;
	int err = sip_msg_decode(&msg, mb);
	if (!err) {
		err = add_message(sum, msg);
		mem_deref(msg);
	}
	mb->buf = NULL;
	return err ? -1 : 0;
}
