/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * shut: what modules have of the kernel's filter. The table is core/gate's; who belongs there is for modules to say.
 */
#include "chain/chain_priv.h"
#include "gate/gate.h"

static_assert(MG_SHUT_WHYS <= GATE_WHYS, "each has its counter");

void mg_shut(struct mg_worker *worker, const struct mg_source *source, enum mg_shut_why why,
	     uint64_t until_us)
{
	if (worker->gate && source->transport == SIP_TRANSPORT_UDP)
		gate_shut(worker->gate, &source->addr, source->listener, why, until_us);
}

void mg_unshut(struct mg_worker *worker, const struct addr *source)
{
	if (worker->gate)
		gate_lift(worker->gate, source);
}

uint64_t mg_shut_dropped(const struct mg_worker *worker, enum mg_shut_why why)
{
	return worker->gate ? gate_dropped(worker->gate, why) : 0;
}
