/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * core: a worker's proxy core: its making, writing messages, and the further 2xx that come when a request's context is gone.
 */
#include <stdlib.h>
#include <string.h>

#include "router/route_priv.h"

struct route *route_new(const struct route_env *env, const struct route_conf *conf)
{
	struct route *route = malloc(sizeof(*route));

	if (!route)
		return NULL;
	route->env = *env;
	route->conf = *conf;
	route->contexts = 0;
	memset(route->say, 0, sizeof(route->say));
	arena_init(&route->scratch, ROUTE_SCRATCH_CHUNK, ROUTE_SCRATCH_MAX);
	return route;
}

void route_free(struct route *route)
{
	if (!route)
		return;
	arena_done(&route->scratch);
	free(route);
}

void route_configure(struct route *route, const struct route_conf *conf)
{
	route->conf = *conf;
}

int route_flatten(struct route *route, struct sip_view *view, struct sv *bytes)
{
	sip_out_init(&route->out, view->arena);
	sip_view_write(view, &route->out);
	int n = sip_out_flat(&route->out, route->flat, sizeof(route->flat));

	if (n < 0)
		return n;
	*bytes = sv_of(route->flat, (size_t)n);
	return 0;
}

size_t route_put_field(uint8_t *p, struct sv text, size_t max)
{
	size_t n = text.n < max ? text.n : max;

	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
	if (n > 0)
		memcpy(p + 2, text.p, n);
	return n + 2;
}

bool route_is_sips(struct sv uri)
{
	return uri.n > 5 && sv_ieq(sv_of(uri.p, 5), SV("sips:"));
}

uint16_t route_branch_zone(const struct route_branch *b)
{
	return tp_listener_zone(b->ctx->route->env.tp, b->to.listener);
}

void route_late_2xx(struct route *route, struct txn_client *client, struct txn_server *server,
		    struct tp_rx *rx)
{
	struct sip_view view;
	struct sv bytes;

	arena_reset(&route->scratch);
	sip_view_init(&view, rx->msg, &route->scratch);
	/* Whether the caller was known is forgotten: the token names the target in any case. */
	if (!server || sip_view_pop(&view, SIP_H_VIA) < 0 ||
	    sip_view_first(&view, SIP_H_VIA) == SIP_NO_INST || remote_of_callee(route, &view) < 0 ||
	    !route->env.on->reply(route->env.arg, NULL, NULL, &view) ||
	    route_flatten(route, &view, &bytes) < 0 || txn_server_send(server, bytes) < 0) {
		route_count(route, ROUTE_STAT_DROP_RESPONSE);
		return;
	}
	route_count(route, ROUTE_STAT_LATE_2XX);
	txn_client_keep_2xx(client, server, rx->msg, bytes);
}
