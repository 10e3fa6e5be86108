/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * flood: junk and the requests of scanners, from many sources, open loop; what comes back is counted
 * and never answered. Called by the loop.
 */
#include <stdlib.h>

#include "load/load.h"

#define JUNK_MIN 40
#define JUNK_MAX 600

int flood_init(struct load *l, uint64_t start_ns, uint64_t length_ns)
{
	struct flood *f = &l->flood;
	struct addr local = l->opt.flood_source;
	int err;

	pace_init(&f->pace, start_ns, length_ns, l->opt.flood_rate, 0, 0, l->opt.seed + 1);
	if (l->opt.flood == FLOOD_NONE)
		f->pace.next_ns = PACE_NEVER;
	if (f->pace.next_ns == PACE_NEVER)
		return 0;
	f->first = l->opt.flood_source;
	f->seed = (uint32_t)l->opt.seed;
	f->udp = malloc(sizeof(*f->udp));
	if (!f->udp)
		return MG_ENOMEM;
	err = udp_open(f->udp, &local, local.family == ADDR_V4);
	if (err) {
		free(f->udp);
		f->udp = NULL;
	}
	f->first.port = local.port;
	return err;
}

void flood_done(struct load *l)
{
	if (l->flood.udp)
		udp_close(l->flood.udp);
	free(l->flood.udp);
}

/* Anything but secret, fast. */
static uint32_t some(struct flood *f)
{
	f->seed = f->seed * 1664525 + 1013904223;
	return f->seed >> 8;
}

static size_t junk(struct flood *f, char *to)
{
	size_t n = JUNK_MIN + some(f) % (JUNK_MAX - JUNK_MIN);

	for (size_t i = 0; i < n; i++)
		to[i] = (char)(some(f) & 0xff);
	to[0] |= (char)0x80; /* neither a keepalive nor STUN */
	return n;
}

/* A request as sipvicious sends them. */
static size_t scan(struct load *l, char *to, const char *method, const struct addr *source)
{
	char src[ADDR_TEXT_MAX];
	uint32_t number = some(&l->flood) % 10000;
	int n;

	addr_write(source, ADDR_HOSTPORT, src);
	n = snprintf(to, MESSAGE_MAX,
		     "%s sip:%u@%s SIP/2.0\r\n"
		     "Via: SIP/2.0/UDP %s;branch=z9hG4bK-%u%06x;rport\r\n"
		     "Content-Length: 0\r\n"
		     "From: \"%u\"<sip:%u@%s>;tag=%08x%06x\r\n"
		     "Accept: application/sdp\r\n"
		     "User-Agent: friendly-scanner\r\n"
		     "To: \"%u\"<sip:%u@%s>\r\n"
		     "Contact: sip:%u@%s\r\n"
		     "CSeq: 1 %s\r\n"
		     "Call-ID: %u%06x\r\n"
		     "Max-Forwards: 70\r\n\r\n",
		     method, number, l->next_hop_text, src, number, some(&l->flood), number, number,
		     l->next_hop_text, some(&l->flood), some(&l->flood), number, number,
		     l->next_hop_text, number, src, method, some(&l->flood), some(&l->flood));
	return (size_t)n;
}

static void send_one(struct load *l)
{
	static const char *const METHODS[] = {[FLOOD_OPTIONS] = "OPTIONS",
					      [FLOOD_REGISTER] = "REGISTER",
					      [FLOOD_INVITE] = "INVITE"};
	struct flood *f = &l->flood;
	struct addr source = message_caller(&f->first, some(f) % l->opt.flood_sources);
	char *to = udp_slot(f->udp);
	size_t n = l->opt.flood == FLOOD_JUNK ? junk(f, to)
					      : scan(l, to, METHODS[l->opt.flood], &source);

	udp_send(f->udp, n, &l->next_hop_peer, &source);
	f->sent++;
}

void flood_step(struct load *l)
{
	struct flood *f = &l->flood;

	for (unsigned i = 0; i < UDP_BATCH && f->pace.next_ns <= l->now_ns; i++) {
		send_one(l);
		pace_step(&f->pace);
	}
	if (f->udp)
		udp_flush(f->udp);
}

static void count(void *ctx, struct sv datagram, const union udp_peer *from)
{
	struct flood *f = ctx;

	(void)datagram;
	(void)from;
	f->answered++;
}

void flood_read(struct load *l)
{
	while (udp_read(l->flood.udp, count, &l->flood) == UDP_BATCH)
		;
}
