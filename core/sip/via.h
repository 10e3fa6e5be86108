/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * via: one value of a Via header (RFC 3261 §20.42, RFC 3581 rport, RFC 5923 alias, RFC 6223 keep, RFC 3486 comp).
 */
#ifndef MG_SIP_VIA_H
#define MG_SIP_VIA_H

#include "base/sv.h"
#include "sip/fault.h"
#include "sip/lex.h"
#include "sip/uri.h"

/* The branch of RFC 3261 elements begins with this (§8.1.1.7). */
#define SIP_BRANCH_COOKIE "z9hG4bK"

/* All views lie in the text that was parsed, as it was written. */
struct sip_via {
	struct sv text; /* the whole value */
	struct sv transport_name;
	struct sv host; /* of sent-by; IPv6 with its brackets */
	struct sv params;
	struct sv branch;   /* empty when absent (RFC 2543) */
	struct sv received; /* RFC 5118 §4.5: may come with brackets */
	struct sv maddr;
	struct sv comp;
	struct sv rport_text; /* the parameter rport as it stands there, empty without it */
	uint32_t keep_s;      /* value of keep, 0 when it has none */
	uint16_t port;        /* of sent-by, 0: not said */
	uint16_t rport;       /* 0: rport without a value, or no rport */
	uint8_t transport;    /* enum sip_transport */
	uint8_t host_kind;    /* enum lex_host */
	uint8_t ttl;
	bool has_rport, has_ttl, has_keep, has_alias;
};

/* Parse the Via value at the front of [p, end) up to the comma behind it.
 *
 * e          Zeroed by the caller; filled on failure.
 * Returns    where the value ends (a "," or `end`, white space skipped), NULL on failure.
 */
const char *sip_via_scan(struct sip_via *via, const char *p, const char *end, struct lex_ctx *e);

/* Whether the branch was made by an RFC 3261 element and says more than the cookie (§17.2.3, RFC 4475 §3.2.1). */
bool sip_via_has_cookie(const struct sip_via *via);

#endif
