/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * value: the small shapes of header values: numbers, number with method, tokens with parameters.
 */
#ifndef MG_SIP_VALUE_H
#define MG_SIP_VALUE_H

#include "base/sv.h"
#include "sip/lex.h"

/* Expires: 3600 / Retry-After: 18000 (at lunch);duration=3600 / Session-Expires: 1800;refresher=uac */
struct sip_number {
	struct sv params;
	uint32_t value; /* 2^32-1 when the number is larger */
	bool larger;    /* and this says so */
};

/* CSeq: 4711 INVITE / RAck: 776656 1 INVITE */
struct sip_cseq {
	struct sv method_name;
	uint32_t number; /* CSeq-num */
	uint32_t rseq;   /* response-num of RAck, 0 in CSeq */
	uint8_t method;  /* enum sip_method */
};

/* Accept: application/sdp;level=1 / Event: dialog;id=7 / Replaces: 98732@b.example;from-tag=r33;to-tag=ff87 */
struct sip_token {
	struct sv text;    /* the value with its parameters */
	struct sv value;   /* without them */
	struct sv type;    /* before the "/", the same as value when there is none */
	struct sv subtype; /* behind it */
	struct sv params;
};

/* Each parses the value at the front of [p, end) up to the comma behind it; `e` is zeroed by the caller and filled
 * on failure; they return where the value ends (a "," or `end`, white space skipped), NULL on failure. */
const char *sip_number_scan(struct sip_number *n, const char *p, const char *end,
			    struct lex_ctx *e);
const char *sip_cseq_scan(struct sip_cseq *c, const char *p, const char *end, struct lex_ctx *e);
const char *sip_rack_scan(struct sip_cseq *c, const char *p, const char *end, struct lex_ctx *e);
const char *sip_token_scan(struct sip_token *t, const char *p, const char *end, struct lex_ctx *e);

#endif
