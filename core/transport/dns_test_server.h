/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_test_server: a name server on an ephemeral port of the loopback, UDP and TCP, in the loop of the test, with a zone of text
 * lines and the ill manners that a test asks for. For tests only, behind cmocka.h; holds no test itself.
 */
#ifndef MG_TRANSPORT_DNS_TEST_SERVER_H
#define MG_TRANSPORT_DNS_TEST_SERVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event/loop.h"
#include "transport/dns_packet.h"
#include "transport/dns_test_packet.h"

enum srv_manner {
	SRV_ANSWERS,
	SRV_SILENT,
	SRV_FAILS,     /* SERVFAIL */
	SRV_GARBAGE,   /* the right question, and a record cut short */
	SRV_TRUNCATES, /* by UDP only a cut answer */
	SRV_NO_EDNS,   /* FORMERR to any question with OPT */
	SRV_LIES,      /* an answer to another question */
};

/* "name TYPE ttl data", as in a zone file; NAPTR: order preference flags service replacement, "-" for nothing. */
struct test_server {
	struct loop *loop;
	struct loop_watch udp, tcp, stream;
	struct addr addr;
	const char *const *zone; /* NULL-ended */
	enum srv_manner manner;
	uint16_t only;      /* the manner is for questions of that type; 0: all */
	uint32_t delay_ms;  /* of answers by UDP, to questions of type `only` */
	uint16_t mute;      /* questions of that type are never answered */
	unsigned questions; /* received */
	unsigned streams;   /* of these by TCP */
	unsigned with_edns;
	struct delayed *delayed;
};

struct delayed {
	struct wheel_timer timer;
	struct delayed *next;
	struct test_server *server;
	struct sockaddr_in to;
	size_t n;
	uint8_t b[];
};

static inline unsigned type_number(const char *text)
{
	static const struct {
		const char *text;
		unsigned type;
	} types[] = {{"A", PK_A},
		     {"AAAA", PK_AAAA},
		     {"CNAME", PK_CNAME},
		     {"SRV", PK_SRV},
		     {"NAPTR", PK_NAPTR}};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(text, types[i].text) == 0)
			return types[i].type;
	}
	abort();
}

#define LINE_WORDS 8 /* name TYPE ttl order preference flags service replacement */

struct line {
	unsigned n;
	char word[LINE_WORDS][300];
};

static inline void split(struct line *line, const char *text)
{
	for (line->n = 0; *text; line->n++) {
		size_t n = strcspn(text, " ");

		if (line->n == LINE_WORDS || n >= sizeof(line->word[0]))
			abort();
		memcpy(line->word[line->n], text, n);
		line->word[line->n][n] = '\0';
		text += n + strspn(text + n, " ");
	}
}

static inline unsigned number_of(const char *text)
{
	uint32_t v;

	if (sv_u32(sv_str(text), UINT32_MAX, &v))
		abort();
	return v;
}

/* A word; "-" and the root are nothing. */
static inline const char *text_of(const char *text)
{
	return strcmp(text, "-") == 0 || strcmp(text, ".") == 0 ? "" : text;
}

/* Add a line of the zone as a record. */
static inline void add_line(struct pk *p, const struct line *line)
{
	const char *owner = line->word[0], (*data)[300] = &line->word[3];
	unsigned type = type_number(line->word[1]), ttl_s = number_of(line->word[2]);

	if (type == PK_CNAME)
		pk_alias(p, owner, ttl_s, data[0]);
	else if (type == PK_SRV && line->n == 7)
		pk_srv(p, owner, ttl_s, number_of(data[0]), number_of(data[1]), number_of(data[2]),
		       text_of(data[3]));
	else if (type == PK_NAPTR && line->n == 8)
		pk_naptr(p, owner, ttl_s, number_of(data[0]), number_of(data[1]), text_of(data[2]),
			 text_of(data[3]), "", text_of(data[4]));
	else if (type == PK_A || type == PK_AAAA)
		pk_address(p, owner, ttl_s, data[0]);
	else
		abort();
}

/* All lines of a name and type; the alias of a name stands for it. Returns whether the name is there at all. */
static inline bool add_zone(struct test_server *s, struct pk *p, const char *name, unsigned type)
{
	bool there = false;

	for (const char *const *text = s->zone; text && *text; text++) {
		struct line line;

		split(&line, *text);
		if (strcmp(line.word[0], name) != 0)
			continue;
		there = true;
		unsigned kind = type_number(line.word[1]);
		if (kind != type && kind != PK_CNAME)
			continue;
		add_line(p, &line);
		if (kind == PK_CNAME && pk_get_u16(p, 6) < 20)
			add_zone(s, p, line.word[3], type);
	}
	return there;
}

static inline bool has_opt(const uint8_t *q)
{
	return q[11] != 0;
}

/* Write what the server says to a question; false: nothing. */
static inline bool answer_to(struct test_server *s, struct sv question, bool stream, struct pk *p)
{
	const uint8_t *q = (const uint8_t *)question.p;
	char name[DNS_NAME_MAX + 1];
	uint16_t type;
	int n = dns_packet_question(question, name, &type);

	assert_true(n >= 0);
	name[n] = '\0';
	s->questions++;
	s->streams += stream;
	s->with_edns += has_opt(q);
	enum srv_manner manner = s->only && s->only != type ? SRV_ANSWERS : s->manner;
	uint16_t id = (uint16_t)(q[0] << 8 | q[1]);
	if (manner == SRV_SILENT || s->mute == type)
		return false;
	pk_begin(p, id, 0, name, type);
	if (manner == SRV_FAILS) {
		p->b[3] |= 2;
	} else if (manner == SRV_NO_EDNS && has_opt(q)) {
		p->b[3] |= 1;
	} else if (manner == SRV_TRUNCATES && !stream) {
		p->b[2] |= 2;
	} else if (!add_zone(s, p, name, type)) {
		p->b[3] |= 3;
	}
	if (manner == SRV_GARBAGE)
		pk_set_u16(p, 6, pk_get_u16(p, 6) + 1);
	if (manner == SRV_LIES)
		p->b[PK_QNAME + 1] ^= 1;
	return true;
}

static inline void on_delay(struct wheel_timer *timer, uint64_t now_ms)
{
	struct delayed *d = container_of(timer, struct delayed, timer);

	(void)now_ms;
	(void)!sendto(d->server->udp.fd, d->b, d->n, 0, (struct sockaddr *)&d->to, sizeof(d->to));
}

/* Send at once what waits for its delay. */
static inline void release_delayed(struct test_server *s)
{
	for (struct delayed *d = s->delayed; d; d = d->next) {
		if (wheel_is_set(&d->timer)) {
			wheel_del(loop_wheel(s->loop), &d->timer);
			on_delay(&d->timer, 0);
		}
	}
}

static inline void send_later(struct test_server *s, const struct pk *p,
			      const struct sockaddr_in *to)
{
	struct delayed *d = malloc(sizeof(*d) + p->n);

	assert_non_null(d);
	*d = (struct delayed){.server = s, .to = *to, .n = p->n, .next = s->delayed};
	memcpy(d->b, p->b, p->n);
	s->delayed = d;
	wheel_timer_init(&d->timer, on_delay);
	wheel_add(loop_wheel(s->loop), &d->timer, loop_now_ms(s->loop) + s->delay_ms);
}

static inline void on_udp(struct loop_watch *watch, unsigned events)
{
	struct test_server *s = container_of(watch, struct test_server, udp);
	static _Thread_local struct pk p;
	char question[1500];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n =
		recvfrom(watch->fd, question, sizeof(question), 0, (struct sockaddr *)&from, &len);

	(void)events;
	if (n <= 0 || !answer_to(s, sv_of(question, (size_t)n), false, &p))
		return;
	char name[DNS_NAME_MAX];
	uint16_t type;
	assert_true(dns_packet_question(sv_of(question, (size_t)n), name, &type) >= 0);
	if (s->delay_ms && (!s->only || s->only == type))
		send_later(s, &p, &from);
	else
		(void)!sendto(watch->fd, p.b, p.n, 0, (struct sockaddr *)&from, len);
}

static inline void answer_stream(struct test_server *s, int fd, struct sv question)
{
	static _Thread_local struct pk p;
	uint8_t length[2];

	if (!answer_to(s, question, true, &p))
		return;
	length[0] = (uint8_t)(p.n >> 8);
	length[1] = (uint8_t)p.n;
	assert_int_equal(send(fd, length, 2, MSG_MORE), 2);
	assert_int_equal(send(fd, p.b, p.n, 0), p.n);
}

/* Whole questions, one or more in a piece: what c-ares writes at once arrives at once on the loopback. */
static inline void on_stream(struct loop_watch *watch, unsigned events)
{
	struct test_server *s = container_of(watch, struct test_server, stream);
	char b[8192];
	ssize_t n = recv(watch->fd, b, sizeof(b), 0);

	(void)events;
	if (n <= 0) {
		int fd = watch->fd;

		loop_unwatch(watch);
		close(fd);
		return;
	}
	for (size_t at = 0; at < (size_t)n;) {
		size_t length = (size_t)(uint8_t)b[at] << 8 | (uint8_t)b[at + 1];

		assert_true(at + 2 + length <= (size_t)n);
		answer_stream(s, watch->fd, sv_of(b + at + 2, length));
		at += 2 + length;
	}
}

static inline void on_connection(struct loop_watch *watch, unsigned events)
{
	struct test_server *s = container_of(watch, struct test_server, tcp);
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC);

	(void)events;
	assert_true(fd >= 0);
	if (s->stream.ev) { /* one at a time is all that tests need */
		close(fd);
		return;
	}
	assert_int_equal(loop_watch(s->loop, &s->stream, fd, LOOP_READ, on_stream, "test stream"),
			 0);
}

static inline int bound(int type, struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (bind(fd, (struct sockaddr *)at, len) != 0) {
		close(fd);
		return -1;
	}
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, &len), 0);
	return fd;
}

/* Begin to serve. TCP takes the port that UDP got; when somebody has it, another is tried. */
static inline void test_server_begin(struct test_server *s, struct loop *loop)
{
	int udp = -1, tcp = -1;

	*s = (struct test_server){.loop = loop};
	for (int i = 0; i < 100 && tcp < 0; i++) {
		struct sockaddr_in at = {.sin_family = AF_INET,
					 .sin_addr = {htonl(INADDR_LOOPBACK)}};

		if (udp >= 0)
			close(udp);
		udp = bound(SOCK_DGRAM, &at);
		tcp = bound(SOCK_STREAM, &at);
		assert_int_equal(addr_from_sockaddr((struct sockaddr *)&at, sizeof(at), &s->addr),
				 0);
	}
	assert_true(udp >= 0 && tcp >= 0 && listen(tcp, 4) == 0);
	assert_int_equal(loop_watch(loop, &s->udp, udp, LOOP_READ, on_udp, "test udp"), 0);
	assert_int_equal(loop_watch(loop, &s->tcp, tcp, LOOP_READ, on_connection, "test tcp"), 0);
}

static inline void watch_end(struct loop_watch *watch)
{
	int fd = watch->fd;

	if (!watch->ev)
		return;
	loop_unwatch(watch);
	close(fd);
}

/* End; the port is closed, so that the kernel says so to who asks on. */
static inline void test_server_end(struct test_server *s)
{
	watch_end(&s->udp);
	watch_end(&s->tcp);
	watch_end(&s->stream);
	while (s->delayed) {
		struct delayed *d = s->delayed;

		s->delayed = d->next;
		wheel_del(loop_wheel(s->loop), &d->timer);
		free(d);
	}
}

#endif
