/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conn_say: lines of log about peers, metered: strangers cause them (O-12). Called where something about a connection was decided.
 */
#include "base/log.h"

#include "transport/conn.h"

/* Of one worker, whatever the number of sources: 20 a second are some 150 kB a minute. */
static const struct limit_rule lines = {20, 1000, 100};

static bool may_say(struct conns *conns, const struct addr *peer, uint64_t *n)
{
	uint64_t now = conns_now(conns);

	return tp_source_say(conns->tp->env.shared, peer, now, n) &&
	       limit_take(&conns->says, &lines, now, 1);
}

/* OpenSSL's reasons are several words. */
static void say_why(struct log_line *line, const char *why)
{
	char token[96];
	size_t n = 0;

	for (; why[n] && n < sizeof(token); n++)
		token[n] = why[n] == ' ' ? '_' : why[n];
	log_sv(line, "why", sv_of(token, n));
}

void conns_say(struct conns *conns, const struct conn_news *news)
{
	struct log_line line;
	uint64_t n;

	if (!log_on(LOG_WARNING) || !may_say(conns, news->peer, &n))
		return;
	log_begin(&line, LOG_WARNING, "transport", news->event);
	log_addr(&line, "src", news->peer);
	log_str(&line, "tr", sip_transport_name((enum sip_transport)news->transport));
	say_why(&line, news->why);
	if (news->domain)
		log_str(&line, "domain", news->domain);
	if (news->found)
		log_str(&line, "found", news->found);
	log_str(&line, "act", "close");
	log_u64(&line, "proof", 1);
	log_u64(&line, "n", n);
	log_end(&line);
}

void conn_say(struct conn *conn, const char *event, const char *why)
{
	conns_say(conn->conns, &(struct conn_news){.event = event,
						   .peer = &conn->entry.peer,
						   .transport = conn->entry.transport,
						   .why = why});
}
