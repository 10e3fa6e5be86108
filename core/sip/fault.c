/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * fault: the table of fault.h, looked up.
 */
#include "sip/fault.h"

#include <stddef.h>

#include "sip/header.h"

static const struct fault {
	const char *token;
	const char *text;
	uint16_t status;
	bool framing;
} faults[SIP_FAULT_END] = {[SIP_OK] = {"ok", "", 0, false},
#define SIP_FAULT_ROW(sym, tok, code, frame, txt) [SIP_FAULT_##sym] = {tok, txt, code, frame},
			   SIP_FAULT_TABLE(SIP_FAULT_ROW)
#undef SIP_FAULT_ROW
};

const char *sip_fault_text(const struct sip_where *at)
{
	const struct fault *f = &faults[at->fault];

	if (f->text)
		return f->text;
	const struct sip_header *h = sip_header(at->hid);
	if (at->fault == SIP_FAULT_MISSING)
		return h->missing;
	if (at->fault == SIP_FAULT_DUPLICATE)
		return h->duplicate;
	return at->fault == SIP_FAULT_TOO_MANY ? h->many : h->bad;
}

const char *sip_fault_token(enum sip_fault fault)
{
	return faults[fault].token;
}

unsigned sip_fault_status(enum sip_fault fault)
{
	return faults[fault].status;
}

bool sip_fault_framing(enum sip_fault fault)
{
	return faults[fault].framing;
}
