/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * message: pieces are formatted once with a run of 16 marks where a call's number goes; writing a
 * message is a few copies and those digits.
 */
#include "load/message.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

#define MARK       '\1'
#define MARKS      "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"
#define USER_AGENT "margrave load generator"

static const char OFFER[] = "v=0\r\n"
			    "o=caller 2890844526 2890844526 IN IP4 192.0.2.10\r\n"
			    "s=-\r\n"
			    "c=IN IP4 192.0.2.10\r\n"
			    "t=0 0\r\n"
			    "m=audio 49170 RTP/AVP 8 0 101\r\n"
			    "a=rtpmap:101 telephone-event/8000\r\n";
static const char ANSWER[] = "v=0\r\n"
			     "o=callee 2890844527 2890844527 IN IP4 192.0.2.20\r\n"
			     "s=-\r\n"
			     "c=IN IP4 192.0.2.20\r\n"
			     "t=0 0\r\n"
			     "m=audio 3456 RTP/AVP 8 101\r\n"
			     "a=rtpmap:101 telephone-event/8000\r\n";

__attribute__((format(printf, 2, 3))) static int piece_make(struct piece *p, const char *format,
							    ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(p->text, sizeof(p->text), format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(p->text))
		return MG_ELIMIT;
	p->n = (uint16_t)n;
	p->gaps = 0;
	for (uint16_t i = 0; i < p->n; i++) {
		if (p->text[i] != MARK)
			continue;
		if (p->gaps == MESSAGE_GAPS)
			return MG_ELIMIT;
		p->gap[p->gaps++] = i;
		i = (uint16_t)(i + 15);
	}
	return 0;
}

static char *piece_put(char *to, const struct piece *p, const char digits[16])
{
	memcpy(to, p->text, p->n);
	for (unsigned i = 0; i < p->gaps; i++)
		memcpy(to + p->gap[i], digits, 16);
	return to + p->n;
}

struct addr message_caller(const struct addr *first, size_t i)
{
	struct addr a = *first;
	uint32_t v4;

	if (a.family != ADDR_V4)
		return a;
	memcpy(&v4, a.ip, sizeof(v4));
	v4 = htonl(ntohl(v4) + (uint32_t)i);
	memcpy(a.ip, &v4, sizeof(v4));
	return a;
}

/* What the head of a caller's request is made of. */
struct head {
	const char *method, *uri, *protocol, *src;
	char branch; /* its letter: a transaction each, but an ACK to a refusal has the INVITE's */
};

/* Request line, Via; the rest of a request within a dialog goes into `tail`. */
static int make_head(struct piece *p, const struct head *h, const char *run)
{
	return piece_make(p,
			  "%s %s SIP/2.0\r\n"
			  "Via: SIP/2.0/%s %s;branch=z9hG4bK%c" MARKS "%.8s;rport\r\n",
			  h->method, h->uri, h->protocol, h->src, h->branch, run);
}

static int make_tail(struct piece *p, const struct messages *m, const struct head *h, int cseq)
{
	return piece_make(p,
			  "Max-Forwards: 70\r\n"
			  "From: \"Caller\" <sip:caller@%s>;tag=f" MARKS "%.8s\r\n"
			  "To: <sip:callee@%s>;tag=t" MARKS "%.8s\r\n"
			  "Call-ID: " MARKS "%.8s\r\n"
			  "CSeq: %d %s\r\n"
			  "User-Agent: " USER_AGENT "\r\n"
			  "Content-Length: 0\r\n\r\n",
			  h->src, m->run, m->uas_host, m->run, m->run, cseq, h->method);
}

static int make_invite(struct piece *p, const struct messages *m, const struct head *h,
		       const char *parameter)
{
	return piece_make(p,
			  "INVITE %s SIP/2.0\r\n"
			  "Via: SIP/2.0/%s %s;branch=z9hG4bKi" MARKS "%.8s;rport\r\n"
			  "Max-Forwards: 70\r\n"
			  "From: \"Caller\" <sip:caller@%s>;tag=f" MARKS "%.8s\r\n"
			  "To: <sip:callee@%s>\r\n"
			  "Call-ID: " MARKS "%.8s\r\n"
			  "CSeq: 1 INVITE\r\n"
			  "Contact: <sip:caller@%s%s>\r\n"
			  "User-Agent: " USER_AGENT "\r\n"
			  "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"
			  "Supported: replaces\r\n"
			  "Content-Type: application/sdp\r\n"
			  "Content-Length: %zu\r\n\r\n%s",
			  h->uri, h->protocol, h->src, m->run, h->src, m->run, m->uas_host, m->run,
			  h->src, parameter, m->offer.n, OFFER);
}

/* An ACK to a refusal: To stands between the two pieces. */
static int make_refused(struct caller *c, const struct messages *m, const struct head *h)
{
	return piece_make(&c->refused,
			  "ACK %s SIP/2.0\r\n"
			  "Via: SIP/2.0/%s %s;branch=z9hG4bKi" MARKS "%.8s;rport\r\n"
			  "Max-Forwards: 70\r\n"
			  "From: \"Caller\" <sip:caller@%s>;tag=f" MARKS "%.8s\r\n"
			  "To: ",
			  h->uri, h->protocol, h->src, m->run, h->src, m->run) ||
	       piece_make(&c->refused_tail,
			  "\r\nCall-ID: " MARKS "%.8s\r\n"
			  "CSeq: 1 ACK\r\n"
			  "Content-Length: 0\r\n\r\n",
			  m->run);
}

/* The parameter that names a transport in a URI. */
static const char *uri_parameter(const char *protocol)
{
	if (strcmp(protocol, "tcp") == 0)
		return ";transport=tcp";
	return strcmp(protocol, "tls") == 0 ? ";transport=tls" : "";
}

static const char *via_protocol(const char *protocol)
{
	if (strcmp(protocol, "tcp") == 0)
		return "TCP";
	return strcmp(protocol, "tls") == 0 ? "TLS" : "UDP";
}

static int make_caller(struct caller *c, const struct messages *m, const struct addr *a,
		       const char *const protocols[2])
{
	char src[ADDR_TEXT_MAX], uri[256];
	struct head invite = {"INVITE", uri, m->uac_protocol, src, 'i'};
	struct head ack = {"ACK", m->uas, m->uac_protocol, src, 'a'};
	struct head bye = {"BYE", m->uas, m->uac_protocol, src, 'b'};

	addr_write(a, ADDR_HOSTPORT, src);
	snprintf(uri, sizeof(uri), "sip:" MARKS "@%s%s", m->uas_host, uri_parameter(protocols[1]));
	if (make_invite(&c->invite, m, &invite, uri_parameter(protocols[0])) ||
	    make_head(&c->ack, &ack, m->run) || make_tail(&c->ack_tail, m, &ack, 1) ||
	    make_head(&c->bye, &bye, m->run) || make_tail(&c->bye_tail, m, &bye, 2) ||
	    make_refused(c, m, &invite))
		return MG_ELIMIT;
	return 0;
}

int message_init(struct messages *m, struct caller *callers, size_t count, const struct addr *first,
		 const struct addr *uas, const char *const protocols[2],
		 const char run[MESSAGE_RUN])
{
	*m = (struct messages){.callers = callers, .count = count};
	memcpy(m->run, run, sizeof(m->run));
	m->uac_protocol = via_protocol(protocols[0]);
	m->uas_protocol = via_protocol(protocols[1]);
	m->offer = sv_str(OFFER);
	m->answer = sv_str(ANSWER);
	m->answer_head_n = (size_t)snprintf(m->answer_head, sizeof(m->answer_head),
					    "Content-Type: application/sdp\r\n"
					    "Content-Length: %zu\r\n\r\n",
					    m->answer.n);
	addr_write(uas, ADDR_HOSTPORT, m->uas_host);
	m->uas_n = (size_t)snprintf(m->uas, sizeof(m->uas), "sip:callee@%s%s", m->uas_host,
				    uri_parameter(protocols[1]));
	for (size_t i = 0; i < count; i++) {
		struct addr a = message_caller(first, i);

		if (make_caller(&callers[i], m, &a, protocols))
			return MG_ELIMIT;
	}
	return 0;
}

size_t message_invite(char *to, const struct caller *c, uint64_t id)
{
	char digits[16];

	text_hex(digits, id);
	return (size_t)(piece_put(to, &c->invite, digits) - to);
}

static size_t within_dialog(char *to, const struct piece *head, const struct piece *tail,
			    uint64_t id, struct sv routes)
{
	char digits[16], *p;

	text_hex(digits, id);
	p = piece_put(to, head, digits);
	memcpy(p, routes.p, routes.n);
	return (size_t)(piece_put(p + routes.n, tail, digits) - to);
}

size_t message_ack(char *to, const struct caller *c, uint64_t id, struct sv routes)
{
	return within_dialog(to, &c->ack, &c->ack_tail, id, routes);
}

size_t message_bye(char *to, const struct caller *c, uint64_t id, struct sv routes)
{
	return within_dialog(to, &c->bye, &c->bye_tail, id, routes);
}

size_t message_ack_refused(char *to, const struct caller *c, uint64_t id, struct sv refused_to)
{
	if (refused_to.n > MESSAGE_ROUTE_MAX)
		return 0;
	return within_dialog(to, &c->refused, &c->refused_tail, id, refused_to);
}

static char *put(char *to, struct sv text)
{
	memcpy(to, text.p, text.n);
	return to + text.n;
}

/* The lines of a request that its response repeats, the To with the callee's tag. */
static char *put_echo(char *to, const struct messages *m, const struct text *t, uint64_t id)
{
	for (unsigned i = 0; i < t->echoes; i++) {
		if (i != t->to_at || text_param(t->to, SV(";tag=")).n) {
			to = put(to, t->echo[i]);
			continue;
		}
		to = put(to, sv_of(t->echo[i].p, t->echo[i].n - 2));
		to = put(to, SV(";tag=t"));
		text_hex(to, id);
		to = put(to + 16, sv_of(m->run, MESSAGE_RUN));
		to = put(to, SV("\r\n"));
	}
	return to;
}

size_t message_response(char *to, const struct messages *m, const struct text *t, uint64_t id,
			struct sv status, struct sv body)
{
	size_t need = 256 + m->uas_n + body.n;
	char *p = to;

	for (unsigned i = 0; i < t->echoes; i++)
		need += t->echo[i].n;
	if (need > MESSAGE_MAX)
		return 0;
	p = put(p, SV("SIP/2.0 "));
	p = put(p, status);
	p = put(p, SV("\r\n"));
	p = put_echo(p, m, t, id);
	if (t->method == TEXT_INVITE) {
		p = put(p, SV("Contact: <"));
		p = put(p, sv_of(m->uas, m->uas_n));
		p = put(p, SV(">\r\n"));
	}
	if (body.n == 0)
		return (size_t)(put(p, SV("Content-Length: 0\r\n\r\n")) - to);
	p = put(p, sv_of(m->answer_head, m->answer_head_n));
	return (size_t)(put(p, body) - to);
}

size_t message_routes(char *to, const struct text *t)
{
	char *p = to;

	if (t->record_routes > TEXT_ROUTES)
		return 0;
	for (unsigned i = t->record_routes; i-- > 0;) {
		if ((size_t)(p - to) + t->record_route[i].n + 9 > MESSAGE_ROUTE_MAX)
			return 0;
		p = put(p, SV("Route: "));
		p = put(p, t->record_route[i]);
		p = put(p, SV("\r\n"));
	}
	return (size_t)(p - to);
}
