/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_channel: questions to name servers and their answers as bytes, by c-ares, in one worker's loop: retries, the next server, TCP
 * where an answer was cut. Knows neither records nor a cache. Called by dns_query.
 *
 * No files: with all options given c-ares opens nothing but /dev/urandom, for numbers that we do not use. It makes up the ids of
 * questions from rand() where it cannot open that (CVE-2023-31147), so ours are made here.
 */
#ifndef MG_TRANSPORT_DNS_CHANNEL_H
#define MG_TRANSPORT_DNS_CHANNEL_H

#include "transport/dns_packet.h"
#include "transport/resolve.h"

struct dns_channel;
struct dns_ask;

/* `err` is 0 and `packet` an answer (valid during the call, its form unchecked); or -ETIMEDOUT: no server had one; or
 * -ECANCELED: the channel is being freed. From within it other questions may be asked, but for the last case. */
typedef void dns_answered_fn(struct dns_ask *ask, int err, struct sv packet);

/* A question under way. Embedded in its owner, who keeps it until it is answered. */
struct dns_ask {
	struct dns_channel *channel;
	dns_answered_fn *answered;
	struct sv name; /* in the form of dns_name_clean; the owner's */
	enum dns_type type;
	bool edns;
};

/* Make one for the name servers, timeout and tries of `conf`.
 *
 * settled    Called after answers were handed out (also those of failed tries), outside of c-ares: anything may be done there,
 *            even freeing the channel.
 * Returns    NULL without memory.
 */
MG_MUST_CHECK struct dns_channel *dns_channel_new(struct loop *loop, const struct dns_conf *conf,
						  struct rnd *rnd, void (*settled)(void *arg),
						  void *arg);

/* Free it; NULL is fine. What is under way ends with -ECANCELED. Not from within `answered`. */
void dns_channel_free(struct dns_channel *channel);

/* Ask. `answered` may be called from within, when no server can be reached. The fields of `ask` but channel and edns are the
 * caller's to fill.
 *
 * Returns    0, or an error of rand_bytes; then nothing is under way.
 */
MG_MUST_CHECK int dns_channel_ask(struct dns_channel *channel, struct dns_ask *ask);

#endif
