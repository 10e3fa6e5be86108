/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * can: which transports and address families the listeners of a configuration offer, for those who look for a way out.
 */
#include "transport/tp_priv.h"

uint8_t tp_can(const struct tp *tp, bool *v4, bool *v6)
{
	unsigned bits = 0;

	*v4 = *v6 = false;
	for (unsigned i = 0; tp->config && i < tp->config->n_listeners; i++) {
		const struct tp_listener *l = tp->config->listeners[i];

		bits |= 1U << l->transport;
		*v4 |= l->bound.family == ADDR_V4;
		*v6 |= l->bound.family == ADDR_V6;
	}
	return (uint8_t)bits;
}

uint16_t tp_listener_zone(const struct tp *tp, uint16_t listener)
{
	const struct tp_listener *l = tp_listener_of(tp, listener);

	return l ? l->zone : TP_ANY_ZONE;
}
