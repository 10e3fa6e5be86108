/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * match: what a transaction is found by (RFC 3261 §17.1.3, §17.2.3): the fields that the RFC names, under a MAC of the table's own key: 16 bytes that a stranger
 * can neither foresee nor make collide. Which transactions there are, the table knows.
 */
#include "transaction/txn_priv.h"

/* What keeps the keys of different uses apart. */
enum purpose {
	OF_REQUEST = 'r',
	OF_OLD_REQUEST = 'o',
	OF_OLD_ACK = 'a',
	OF_CLIENT = 'c',
	OF_2XX = '2'
};

#define MIX_ROOM 768 /* usual fields fit without compressing */

struct mix {
	const struct siphash_key *secret;
	size_t n;
	uint8_t b[MIX_ROOM];
};

static void mix_start(struct mix *m, const struct txn_table *table, enum purpose purpose)
{
	m->secret = &table->secret;
	m->n = 1;
	m->b[0] = (uint8_t)purpose;
}

/* What is there so far becomes its MAC. */
static void mix_compress(struct mix *m)
{
	uint8_t mac[SIPHASH_MAC_LEN];

	siphash_mac(m->secret, m->b, m->n, mac);
	memcpy(m->b, mac, sizeof(mac));
	m->n = sizeof(mac);
}

static void mix_length(struct mix *m, size_t n)
{
	if (m->n + 4 + SIPHASH_MAC_LEN > MIX_ROOM)
		mix_compress(m);
	for (unsigned i = 0; i < 4; i++)
		m->b[m->n++] = (uint8_t)(n >> 8 * i);
}

/* A field with its length in front; of one that is too large its MAC. */
static void mix_add(struct mix *m, struct sv v)
{
	mix_length(m, v.n);
	if (v.n > MIX_ROOM - m->n && m->n > 4 + SIPHASH_MAC_LEN)
		mix_compress(m);
	if (v.n > MIX_ROOM - m->n) {
		siphash_mac(m->secret, v.p, v.n, m->b + m->n);
		m->n += SIPHASH_MAC_LEN;
	} else if (v.n) {
		memcpy(m->b + m->n, v.p, v.n);
		m->n += v.n;
	}
}

/* The same for what is compared without regard to case. */
static void mix_folded(struct mix *m, struct sv v)
{
	size_t from;

	mix_add(m, v);
	if (v.n > MIX_ROOM - SIPHASH_MAC_LEN - 4)
		return;
	from = m->n - v.n;
	for (size_t i = from; i < m->n; i++)
		m->b[i] = (uint8_t)sv_lower((char)m->b[i]);
}

static void mix_end(struct mix *m, uint8_t key[TXN_KEY_LEN])
{
	siphash_mac(m->secret, m->b, m->n, key);
}

bool match_is_old(struct sip_msg *msg)
{
	struct sip_where at;
	const struct sip_via *via = sip_top_via(msg, &at);

	return via && !sip_via_has_cookie(via);
}

/* §17.2.3, the second list: Request-URI, To tag, From tag, Call-ID, CSeq, top Via, byte for byte: it is one and the same element that sends the request
 * again, or its ACK or CANCEL. */
static bool match_old(const struct txn_table *table, enum purpose purpose, struct sip_msg *msg,
		      struct sv to_tag, struct sv method, uint8_t key[TXN_KEY_LEN])
{
	struct sip_where at;
	const struct sip_via *via = sip_top_via(msg, &at);
	const struct sip_nameaddr *from = sip_from(msg, &at);
	const struct sip_cseq *cseq = sip_cseq(msg, &at);
	struct mix m;

	if (!via || !from || !cseq)
		return false;
	mix_start(&m, table, purpose);
	mix_add(&m, sip_ruri_text(msg));
	mix_add(&m, to_tag);
	mix_add(&m, from->tag);
	mix_add(&m, sip_call_id(msg));
	mix_length(&m, cseq->number);
	mix_add(&m, via->text);
	mix_add(&m, method);
	mix_end(&m, key);
	return true;
}

bool match_old_ack(const struct txn_table *table, struct sip_msg *msg, struct sv to_tag,
		   uint8_t key[TXN_KEY_LEN])
{
	return match_old(table, OF_OLD_ACK, msg, to_tag, SV("ACK"), key);
}

static uint16_t sent_by_port(const struct sip_via *via)
{
	if (via->port)
		return via->port;
	return via->transport == SIP_TRANSPORT_TLS ? 5061 : 5060;
}

bool match_request(const struct txn_table *table, struct sip_msg *msg, struct sv method,
		   uint8_t key[TXN_KEY_LEN])
{
	struct sip_where at;
	const struct sip_via *via = sip_top_via(msg, &at);
	struct mix m;

	if (!via)
		return false;
	if (!sip_via_has_cookie(via)) {
		const struct sip_nameaddr *to = sip_to(msg, &at);
		return to && match_old(table, OF_OLD_REQUEST, msg, to->tag, method, key);
	}
	mix_start(&m, table, OF_REQUEST);
	mix_folded(&m, via->branch);
	mix_folded(&m, via->host);
	mix_length(&m, sent_by_port(via));
	mix_add(&m, method);
	mix_end(&m, key);
	return true;
}

void match_client(const struct txn_table *table, struct sv branch, struct sv method,
		  uint8_t key[TXN_KEY_LEN])
{
	enum sip_method known = sip_method_find(method);
	struct mix m;

	if (known != SIP_METHOD_OTHER && branch_key(branch, key)) {
		key[2] ^= (uint8_t)(0x80 | known);
		return;
	}
	mix_start(&m, table, OF_CLIENT);
	mix_folded(&m, branch);
	mix_add(&m, method);
	mix_end(&m, key);
}

uint16_t match_sent_by(const struct sip_via *via)
{
	uint32_t h = UINT32_C(2166136261); /* FNV-1a */
	uint16_t port = sent_by_port(via);

	for (size_t i = 0; i < via->host.n; i++)
		h = (h ^ (uint8_t)sv_lower(via->host.p[i])) * 16777619;
	h = (h ^ (port & 0xff)) * 16777619;
	h = (h ^ port >> 8) * 16777619;
	return (uint16_t)(h ^ h >> 16);
}

bool match_2xx(const struct txn_table *table, struct sip_msg *msg, uint8_t key[TXN_KEY_LEN])
{
	struct sip_where at;
	const struct sip_nameaddr *to = sip_to(msg, &at);
	const struct sip_cseq *cseq = sip_cseq(msg, &at);
	struct mix m;

	if (!to || !cseq)
		return false;
	mix_start(&m, table, OF_2XX);
	mix_add(&m, sip_call_id(msg));
	mix_length(&m, cseq->number);
	mix_add(&m, to->tag);
	mix_end(&m, key);
	return true;
}
