/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * bench_reflect ADDR:PORT: what the sockets alone cost: the messages of mgload's calls go through as
 * through a proxy, with the fewest changes that its rules ask for and no state. Not a proxy: it
 * believes what it reads. Ends with SIGTERM.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "load/text.h"
#include "load/udp.h"

struct reflect {
	struct udp udp;
	char own[ADDR_TEXT_MAX];
};

static char *put(char *to, struct sv text)
{
	memcpy(to, text.p, text.n);
	return to + text.n;
}

/* Without the bytes of `cut`, which lies in `text`; `in` stands in their place. */
static char *put_with(char *to, struct sv text, struct sv cut, struct sv in)
{
	to = put(to, sv_span(text.p, cut.p));
	to = put(to, in);
	return put(to, sv_span(cut.p + cut.n, text.p + text.n));
}

/* The line of a header, with its end; empty behind the message when there is none. */
static struct sv line_of(struct sv message, struct sv header)
{
	const char *at = memmem(message.p, message.n, header.p, header.n);
	const char *end = message.p + message.n;

	if (!at)
		return sv_of(end, 0);
	return sv_of(at + 2, sv_find(sv_span(at + 2, end), '\n') + 1);
}

/* The address behind `mark` in `text`. */
static int address_after(struct sv text, const char *mark, union udp_peer *to)
{
	const char *at = memmem(text.p, text.n, mark, strlen(mark)), *end = text.p + text.n, *q;
	struct addr a;

	if (!at)
		return MG_EPARSE;
	for (q = at += strlen(mark); q < end && *q != ';' && *q != ' ' && *q != '>'; q++)
		;
	if (addr_parse(sv_span(at, q), ADDR_PORT, &a))
		return MG_EPARSE;
	*to = udp_peer(&a);
	return 0;
}

static void response(struct reflect *r, struct sv message)
{
	struct sv via = line_of(message, SV("\r\nVia: "));
	struct sv rest = sv_span(via.p + via.n, message.p + message.n);
	union udp_peer to;
	char *out = udp_slot(&r->udp);

	if (address_after(rest, "SIP/2.0/UDP ", &to) == 0)
		udp_send(&r->udp, (size_t)(put_with(out, message, via, sv_of("", 0)) - out), &to,
			 NULL);
}

/* 100 Trying to the caller, as a stateful proxy sends it. */
static void trying(struct reflect *r, const struct text *t, const union udp_peer *from)
{
	char *out = udp_slot(&r->udp), *p = put(out, SV("SIP/2.0 100 Trying\r\n"));

	for (unsigned i = 0; i < t->echoes; i++) {
		size_t rport = t->echo[i].n - 8; /* ";rport" and the end of the line */

		if (t->echo[i].p[0] != 'V') {
			p = put(p, t->echo[i]);
			continue;
		}
		p = put(p, sv_of(t->echo[i].p, rport));
		p += sprintf(p, ";rport=%u\r\n", ntohs(from->v4.sin_port));
	}
	p = put(p, SV("Content-Length: 0\r\n\r\n"));
	udp_send(&r->udp, (size_t)(p - out), from, NULL);
}

static void request(struct reflect *r, struct sv message, const struct text *t,
		    const union udp_peer *from)
{
	struct sv start = sv_of(message.p, sv_find(message, '\n') + 1);
	struct sv forwards = line_of(message, SV("\r\nMax-Forwards: "));
	struct sv route = line_of(message, SV("\r\nRoute: "));
	struct sv via = line_of(message, SV("\r\nVia: "));
	struct sv branch = text_param(t->via, SV(";branch="));
	union udp_peer to;
	char *out, *p;

	if (address_after(start, "@", &to))
		return;
	if (t->method == TEXT_INVITE)
		trying(r, t, from);
	out = udp_slot(&r->udp);
	p = put(out, start);
	/* a retransmission has the branch of the first (RFC 3261 16.11) */
	p += sprintf(p, "Via: SIP/2.0/UDP %s;branch=z9hG4bK-%.*s\r\n", r->own, SV_ARG(branch));
	if (t->method == TEXT_INVITE)
		p += sprintf(p, "Record-Route: <sip:%s;lr>\r\n", r->own);
	p = put(p, sv_of(via.p, via.n - 2));
	p += sprintf(p, "=%u\r\n", ntohs(from->v4.sin_port));
	via = sv_of(via.p + via.n, 0);
	if (route.n)
		via.n = (size_t)(route.p - via.p);
	p = put(p, sv_of(via.p, via.n));
	via.p = route.n ? route.p + route.n : via.p;
	p = put_with(p, sv_span(via.p, message.p + message.n), forwards,
		     SV("Max-Forwards: 69\r\n"));
	udp_send(&r->udp, (size_t)(p - out), &to, NULL);
}

static void take(void *ctx, struct sv message, const union udp_peer *from)
{
	struct reflect *r = ctx;
	struct text t;

	if (message.n + 512 > MESSAGE_MAX || text_scan(&t, message.p, message.n))
		return;
	if (t.status)
		response(r, message);
	else if (t.max_forwards > 0)
		request(r, message, &t, from);
	else
		trying(r, &t, from);
}

int main(int argc, char **argv)
{
	struct reflect *r = calloc(1, sizeof(*r));
	struct addr own;
	struct pollfd wait;

	if (!r || argc != 2 || addr_parse(sv_str(argv[1]), ADDR_PORT, &own) ||
	    udp_open(&r->udp, &own, false)) {
		fprintf(stderr, "usage: bench_reflect ADDR:PORT\n");
		return EXIT_FAILURE;
	}
	addr_write(&own, ADDR_HOSTPORT, r->own);
	wait = (struct pollfd){.fd = r->udp.fd, .events = POLLIN};
	for (;;) {
		if (udp_read(&r->udp, take, r) == 0 && poll(&wait, 1, -1) < 0)
			return EXIT_FAILURE;
		udp_flush(&r->udp);
	}
}
