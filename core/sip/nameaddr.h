/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * nameaddr: name-addr or addr-spec with header parameters: From, To, Contact, Route, Refer-To, Diversion and the
 * like (RFC 3261 §20.10, §25.1).
 */
#ifndef MG_SIP_NAMEADDR_H
#define MG_SIP_NAMEADDR_H

#include "base/sv.h"
#include "sip/fault.h"
#include "sip/lex.h"
#include "sip/uri.h"

/* All views lie in the text that was parsed, as it was written. */
struct sip_nameaddr {
	struct sv text;    /* the whole value */
	struct sv display; /* with its quotes when quoted; never an identity (P-4) */
	struct sv params;  /* header parameters from the first ";", for sip_param_find */
	struct sv tag;     /* empty when absent */
	struct sip_uri uri;
	bool bracketed; /* the URI stands in "<>" */
	bool star;      /* Contact: * ; the URI is empty */
};

/* Parse the value at the front of [p, end) up to the comma behind it.
 *
 * e          Zeroed by the caller; filled on failure.
 * Returns    where the value ends (a "," or `end`, white space skipped), NULL on failure.
 */
const char *sip_nameaddr_scan(struct sip_nameaddr *na, const char *p, const char *end,
			      struct lex_ctx *e);

/* The same for Route, Record-Route, Path and Service-Route, where the brackets are not optional (§20.30, §20.34): outside
 * of them ";lr" would not belong to the URI. */
const char *sip_route_scan(struct sip_nameaddr *na, const char *p, const char *end,
			   struct lex_ctx *e);

/* The q-value of a Contact in thousandths (§20.10: 0 to 1 with at most three decimals).
 *
 * Returns    0 to 1000, MG_ENOENT when there is none, MG_EPARSE.
 */
MG_MUST_CHECK int sip_nameaddr_q(const struct sip_nameaddr *na);

/* The expires parameter of a Contact in seconds; what is beyond 2^32-1 is 2^32-1 (§20.10).
 *
 * Returns    0, MG_ENOENT when there is none, MG_EPARSE when it is no number: §10.3 then takes the default.
 */
MG_MUST_CHECK int sip_nameaddr_expires(const struct sip_nameaddr *na, uint32_t *seconds);

#endif
