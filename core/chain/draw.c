/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * draw: chance that comes again (RFC 3261 §16.11): numbers that are the same for all messages of a transaction, and that nobody outside can foresee. What
 * is chosen by them is the modules' matter.
 */
#include "base/siphash.h"
#include "chain/chain_priv.h"

#define NAME_PART 64
#define INPUT_MAX (3 * (SIP_IDENT_MAX + 2) + 2 * (NAME_PART + 2) + 9)

struct input {
	size_t n;
	uint8_t b[INPUT_MAX];
};

static void add_text(struct input *in, struct sv text, size_t max)
{
	size_t n = text.n < max ? text.n : max;

	in->b[in->n++] = (uint8_t)(n >> 8);
	in->b[in->n++] = (uint8_t)n;
	if (n)
		memcpy(in->b + in->n, text.p, n);
	in->n += n;
}

static void add_number(struct input *in, uint32_t v)
{
	memcpy(in->b + in->n, &v, sizeof(v));
	in->n += sizeof(v);
}

/* What INVITE, CANCEL and the ACK of a refusal have in common, and retransmissions anyway; the number of CSeq for who makes no branches of its own. */
static void add_transaction(struct input *in, struct sip_msg *msg)
{
	struct sip_where at;
	const struct sip_via *via = sip_top_via(msg, &at);
	const struct sip_nameaddr *from = sip_from(msg, &at);
	const struct sip_cseq *cseq = sip_cseq(msg, &at);

	add_text(in, sip_call_id(msg), SIP_IDENT_MAX);
	add_text(in, from ? from->tag : SV(""), SIP_IDENT_MAX);
	add_text(in, via ? via->branch : SV(""), SIP_IDENT_MAX);
	add_number(in, cseq ? cseq->number : 0);
}

uint32_t mg_draw(const struct mg_self *self, struct mg_request *r, uint32_t what, uint32_t bound)
{
	static const struct siphash_key none;
	const struct siphash_key *key = r->worker->draw_key ? r->worker->draw_key : &none;
	struct input in;

	in.b[0] = 'd'; /* apart from whatever else is hashed by this key */
	in.n = 1;
	add_transaction(&in, r->msg);
	add_text(&in, sv_str(self->name), NAME_PART);
	add_number(&in, what);
	return (uint32_t)((siphash_24(key, in.b, in.n) >> 32) * bound >> 32);
}
