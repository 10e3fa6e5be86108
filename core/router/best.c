/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * best: which of several final responses goes back (RFC 3261 §16.7 step 6). Pure.
 */
#include "router/route_priv.h"

/* 6xx before all others, then the lowest class; within 4xx those that help the caller to try again. Lower is better. */
static unsigned rank(unsigned status, bool invite)
{
	switch (status) {
	case 401:
	case 407: return 40;
	case 415:
	case 420:
	case 484: return 41;
	case 408: /* says least; and RFC 4320 §4.2 lets it be sent to an INVITE only, so that the caller of another would hear nothing */
		return invite ? 49 : 999;
	case 503: /* is not passed on, so everything else of its class is better */ return 59;
	default: return status >= 600 ? 0 : status / 100 * 10 + 5;
	}
}

bool best_better(unsigned a, unsigned b, bool invite)
{
	return b == 0 || rank(a, invite) < rank(b, invite);
}
