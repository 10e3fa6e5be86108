/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * method: names and numbers of the methods.
 */
#include "sip/method.h"

static const struct sv names[SIP_METHOD_END] = {[SIP_METHOD_OTHER] = {"", 0},
#define METHOD_NAME(name) [SIP_METHOD_##name] = {#name, sizeof(#name) - 1},
						SIP_METHOD_TABLE(METHOD_NAME)
#undef METHOD_NAME
};

/* Length and one letter leave a single candidate. */
static enum sip_method candidate(struct sv name)
{
	switch (name.n) {
	case 3: return name.p[0] == 'A' ? SIP_METHOD_ACK : SIP_METHOD_BYE;
	case 4: return SIP_METHOD_INFO;
	case 5: return name.p[0] == 'P' ? SIP_METHOD_PRACK : SIP_METHOD_REFER;
	case 6:
		return name.p[0] == 'I'   ? SIP_METHOD_INVITE
		       : name.p[0] == 'C' ? SIP_METHOD_CANCEL
		       : name.p[0] == 'N' ? SIP_METHOD_NOTIFY
					  : SIP_METHOD_UPDATE;
	case 7:
		return name.p[0] == 'O'   ? SIP_METHOD_OPTIONS
		       : name.p[0] == 'M' ? SIP_METHOD_MESSAGE
					  : SIP_METHOD_PUBLISH;
	case 8: return SIP_METHOD_REGISTER;
	case 9: return SIP_METHOD_SUBSCRIBE;
	default: return SIP_METHOD_OTHER;
	}
}

enum sip_method sip_method_find(struct sv name)
{
	enum sip_method m = candidate(name);

	return m != SIP_METHOD_OTHER && memcmp(name.p, names[m].p, name.n) == 0 ? m
										: SIP_METHOD_OTHER;
}

struct sv sip_method_name(enum sip_method method)
{
	return names[method];
}
