/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * answer: responses that modules make: header lines for a refusal or an answer, the answer itself, a redirection. They are put together here
 * and sent by the daemon.
 */
#include <stdio.h>

#include "chain/chain_priv.h"

#define EXTRAS_MAX (sizeof(((struct mg_request *)0)->extra) / sizeof(struct sip_extra))

/* ---- header lines ---- */

/* Those that every response has, written by whoever builds it. */
static bool is_made_here(enum sip_hid id)
{
	switch ((int)id) {
	case SIP_H_VIA:
	case SIP_H_FROM:
	case SIP_H_TO:
	case SIP_H_CALL_ID:
	case SIP_H_CSEQ:
	case SIP_H_CONTENT_LENGTH: return true;
	default: return false;
	}
}

int mg_answer_header(struct mg_request *r, enum sip_hid id, struct sv name, struct sv value)
{
	struct arena *arena = chain_text_arena(r);
	struct sip_extra extra = {.id = id};

	if (id >= SIP_H_END || !lex_clean(value) ||
	    (id == SIP_H_OTHER && (!lex_is_token(name) || name.n > SIP_HEADER_NAME_MAX)) ||
	    value.n > SIP_HEADER_LINE_MAX)
		return MG_EINVAL;
	if (is_made_here(id == SIP_H_OTHER ? sip_header_find(name, name.n) : id))
		return MG_EINVAL;
	if (r->n_extra == EXTRAS_MAX)
		return MG_ELIMIT;
	if ((id == SIP_H_OTHER && arena_dup(arena, name, &extra.name)) ||
	    arena_dup(arena, value, &extra.value))
		return MG_ENOMEM;
	r->extra[r->n_extra++] = extra;
	return 0;
}

void chain_refuse(struct chain_refusal *out, const struct mg_request *r, struct mg_verdict verdict)
{
	size_t n = r->n_extra;

	memcpy(out->extra, r->extra, n * sizeof(*out->extra));
	if (verdict.retry_after_s) {
		int len = snprintf(out->retry_after, sizeof(out->retry_after), "%u",
				   verdict.retry_after_s);
		out->extra[n++] = (struct sip_extra){.id = SIP_H_RETRY_AFTER,
						     .value = sv_of(out->retry_after, (size_t)len)};
	}
	out->response = (struct sip_response){.status = verdict.status,
					      .reason = sv_str(verdict.reason),
					      .extra = out->extra,
					      .extras = n};
}

/* ---- answers ---- */

/* Whether a response of that status may be given now. */
static bool may_answer(const struct mg_request *r, unsigned status)
{
	return r->arena && r->msg->kind == SIP_KIND_REQUEST && r->msg->method != SIP_METHOD_ACK &&
	       !r->answered && status >= 101 && status <= 699;
}

/* Hand it to the daemon. What was said of it is said: the next answer begins anew. */
static int answer(struct mg_request *r, const struct sip_response *response)
{
	struct mg_worker *worker = r->worker;

	if (response->status < 300 && !r->stateful) {
		if (worker->on->begin(worker->arg, r))
			return MG_ELIMIT;
		r->stateful = true;
	}
	if (response->status >= 200)
		r->answered = true;
	chain_count(worker, CHAIN_STAT_ANSWERED);
	worker->on->answer(worker->arg, r, response, r->stateful);
	r->n_extra = 0;
	return 0;
}

int mg_answer(struct mg_request *r, unsigned status, const char *reason, struct sv type,
	      struct sv body)
{
	struct sip_extra extra[EXTRAS_MAX + 1];
	size_t n = r->n_extra;
	struct sip_response response = {.status = status, .reason = sv_str(reason), .extra = extra};

	if (!may_answer(r, status) || !lex_clean(response.reason) || !lex_clean(type))
		return MG_EINVAL;
	memcpy(extra, r->extra, n * sizeof(*extra));
	if (type.n)
		extra[n++] = (struct sip_extra){.id = SIP_H_CONTENT_TYPE, .value = type};
	response.extras = n;
	response.body = body;
	return answer(r, &response);
}

/* ---- redirection (RFC 3261 §8.3) ---- */

/* "<sip:bob@192.0.2.4>;q=0.5"; a URI of a target that has none is the request's. Returns 0 or MG_ENOMEM. */
static int contact(struct mg_request *r, const struct mg_target *target, struct sip_extra *out)
{
	struct sv uri = target->uri.n ? target->uri : sip_view_ruri(r->view);

	out->id = SIP_H_CONTACT;
	if (target->q == 1000)
		return arena_printf(r->arena, &out->value, "<%.*s>", SV_ARG(uri));
	return arena_printf(r->arena, &out->value, "<%.*s>;q=0.%03u", SV_ARG(uri), target->q);
}

/* The target of the next lower q: of those with the same in the order of adding. */
static const struct mg_target *next_by_q(const struct mg_request *r, uint16_t *used)
{
	const struct mg_target *best = NULL;

	for (unsigned i = 0; i < r->n_targets; i++)
		if (!(*used & 1U << i) && (!best || r->target[i].q > best->q))
			best = &r->target[i];
	if (best)
		*used = (uint16_t)(*used | 1U << (best - r->target));
	return best;
}

int mg_redirect(struct mg_request *r, unsigned status)
{
	struct sip_extra extra[EXTRAS_MAX + sizeof(r->target) / sizeof(r->target[0])];
	size_t n = r->n_extra;
	const struct mg_target *target;
	uint16_t used = 0;
	bool known =
		status == 300 || status == 301 || status == 302 || status == 305 || status == 380;

	if (!known || r->n_targets == 0 || !may_answer(r, status))
		return MG_EINVAL;
	memcpy(extra, r->extra, n * sizeof(*extra));
	while ((target = next_by_q(r, &used))) {
		extra[n] = (struct sip_extra){0};
		if (contact(r, target, &extra[n++]))
			return MG_ENOMEM;
	}
	struct sip_response response = {.status = status, .extra = extra, .extras = n};
	r->redirect = (uint16_t)status;
	return answer(r, &response);
}
