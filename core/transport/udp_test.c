/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * udp: datagrams received over loopback: who, where, when, how long; keepalives, STUN, ICMP.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <time.h>

#include "transport/tp_test_world.h"

#define HEADERS                                                \
	"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport\r\n" \
	"From: <sip:a@a.example>;tag=1\r\n"                    \
	"To: <sip:b@b.example>\r\n"                            \
	"Call-ID: 1\r\n"                                       \
	"CSeq: 1 OPTIONS\r\n"
#define MESSAGE "OPTIONS sip:b@b.example SIP/2.0\r\n" HEADERS "Content-Length: 0\r\n\r\n"

static void send_text(int fd, const struct addr *to, const char *text)
{
	world_send_raw(fd, to, text, strlen(text));
}

/* A message of exactly `n` bytes. */
static size_t long_message(char *out, size_t n)
{
	int head = snprintf(out, 512,
			    "OPTIONS sip:long@b.example SIP/2.0\r\n" HEADERS
			    "Content-Length: %05zu\r\n\r\n",
			    (size_t)0);
	snprintf(out, 512,
		 "OPTIONS sip:long@b.example SIP/2.0\r\n" HEADERS "Content-Length: %05zu\r\n\r\n",
		 n - (size_t)head);
	memset(out + head, 'x', n - (size_t)head);
	return n;
}

static void a_message_comes_with_its_flow(void **state)
{
	struct world *w = world_new();
	struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 1);
	struct addr peer = address("127.0.0.1:0");
	int fd = world_socket(&peer);

	(void)state;
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	uint64_t before = loop_clock_us();
	send_text(fd, &l->bound, MESSAGE);
	world_wait(w, &w->messages, 1);
	uint64_t after = loop_clock_us();
	assert_int_equal(w->messages, 1);
	const struct seen *s = &w->seen[0];
	assert_true(addr_eq(&s->flow.peer, &peer));
	assert_true(addr_eq(&s->flow.local, &l->bound));
	assert_int_equal(s->flow.listener, l->id);
	assert_int_equal(s->flow.zone, 1);
	assert_int_equal(s->flow.transport, SIP_TRANSPORT_UDP);
	assert_int_equal(s->flow.conn, 0);
	assert_false(s->flow.proven);
	assert_int_equal(s->err, 0);
	assert_int_equal(s->at.fault, SIP_OK);
	assert_int_equal(s->len, strlen(MESSAGE));
	assert_string_equal(s->text, "OPTIONS sip:b@b.example SIP/2.0");
	assert_in_range(s->at_us, before - 2000, after);
	assert_int_equal(w->arrivals, 1);
	assert_int_equal(world_count(w, TP_STAT_RX_UDP), 1);
	close(fd);
	world_free(w);
}

static void shown_before(struct world *w, struct tp_rx *rx)
{
	(void)rx;
	assert_int_equal(w->looks, w->looked + 1); /* before, and not ended */
}

/* The bytes are shown before anybody parses them, of every datagram; whom they are not good enough for is asked nothing else. */
static void bytes_are_shown_first(void **state)
{
	static char stun[28] = "\x00\x01\x00\x00\x21\x12\xa4\x42";
	struct world *w = world_new();
	struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0);
	struct addr peer = address("127.0.0.1:0");
	int fd = world_socket(&peer);

	(void)state;
	w->on_message = shown_before;
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	send_text(fd, &l->bound, MESSAGE);
	world_wait(w, &w->looked, 1);
	assert_int_equal(w->messages, 1);
	assert_int_equal(w->look_begin.n, strlen(MESSAGE));
	send_text(fd, &l->bound, "ab");
	world_send_raw(fd, &l->bound, stun, sizeof(stun));
	send_text(fd, &l->bound, "not SIP at all");
	world_wait(w, &w->looked, 4);
	assert_int_equal(w->looks, 4);
	unsigned before = w->messages;
	w->drop_looks = true;
	send_text(fd, &l->bound, MESSAGE);
	world_wait(w, &w->looks, 5);
	assert_int_equal(w->messages, before);
	assert_int_equal(w->looked, 4);
	close(fd);
	world_free(w);
}

/* The time is that of arrival, however long the loop was elsewhere. The kernel begins to stamp some time after it was asked to
 * and until then stamps what is read, so the first ones may tell nothing. */
static void waiting_in_the_socket_counts(void **state)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000000L};
	struct world *w = world_new();
	struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0);
	struct addr peer = address("127.0.0.1:0");
	int fd = world_socket(&peer);
	bool told = false;

	(void)state;
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	for (unsigned i = 0; i < 100 && !told; i++) {
		uint64_t before = loop_clock_us();
		send_text(fd, &l->bound, MESSAGE);
		uint64_t after = loop_clock_us();
		nanosleep(&pause, NULL);
		world_wait(w, &w->messages, i + 1);
		told = w->seen[i].at_us >= before - 2000 && w->seen[i].at_us <= after + 2000;
	}
	assert_true(told);
	close(fd);
	world_free(w);
}

static void answer(struct world *w, struct tp_rx *rx)
{
	struct sip_where at;
	struct tp_target to;

	tp_reply_target(w->tp, &rx->flow, sip_top_via(rx->msg, &at), &to);
	assert_int_equal(tp_send(w->tp, &to, sv_str("answer"), NULL), 0);
}

/* Listening on all addresses: the answer leaves from the one that was asked. */
static void answers_leave_from_the_address_asked(void **state)
{
	static const struct {
		const char *bound, *asked, *peer;
	} rows[] = {
		{"0.0.0.0:0", "127.0.0.1:0", "127.0.0.1:0"},
		{"0.0.0.0:0", "127.0.0.77:0", "127.0.0.1:0"},
		{"127.0.0.3:0", "127.0.0.3:0", "127.0.0.1:0"},
		{"[::]:0", "[::1]:0", "[::1]:0"},
		{"[::1]:0", "[::1]:0", "[::1]:0"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr peer = address(rows[i].peer), asked = address(rows[i].asked), from;
		struct world *w = world_new();
		int fd = world_socket(&peer);
		char got[64];
		if (fd < 0) { /* no IPv6 here */
			world_free(w);
			continue;
		}
		struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, rows[i].bound, 0);
		w->on_message = answer;
		assert_int_equal(tp_apply(w->tp, &w->config), 0);
		asked.port = l->bound.port;
		send_text(fd, &asked, MESSAGE);
		world_wait(w, &w->messages, 1);
		assert_true(addr_eq(&w->seen[0].flow.local, &asked));
		assert_int_equal(world_recv(fd, got, sizeof(got), &from, 2000), 6);
		assert_true(addr_eq(&from, &asked));
		assert_int_equal(world_count(w, TP_STAT_TX_UDP), 1);
		close(fd);
		world_free(w);
	}
}

static void keepalives_are_swallowed(void **state)
{
	static const struct sv rows[] = {
		SV_INIT(""),
		SV_INIT("\0"),
		SV_INIT("\0\0\0\0"),
		SV_INIT("\r\n"),
		SV_INIT("\r\n\r\n"),
		SV_INIT("abcd"),
		SV_INIT("\r\n\r\n\r\n"),
		SV_INIT("\r\n\r\n\r\n\r\n\r\n\r\n"),
	};
	enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
	struct world *w = world_new();
	struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0);
	struct addr peer = address("127.0.0.1:0");
	int fd = world_socket(&peer);
	char got[64];

	(void)state;
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	for (unsigned i = 0; i < ROWS; i++)
		world_send_raw(fd, &l->bound, rows[i].p, rows[i].n);
	send_text(fd, &l->bound, MESSAGE);
	world_wait(w, &w->messages, 1);
	assert_int_equal(w->messages, 1);
	assert_int_equal(w->arrivals, ROWS + 1);
	assert_int_equal(world_count(w, TP_STAT_KEEPALIVES), ROWS);
	assert_int_equal(world_recv(fd, got, sizeof(got), NULL, 0), -1);
	/* what is none */
	send_text(fd, &l->bound, "<abc>");
	world_wait(w, &w->messages, 2);
	assert_int_equal(w->messages, 2);
	assert_int_equal(w->seen[1].err, MG_EPARSE);
	assert_int_equal(w->seen[1].at.fault, SIP_FAULT_NOT_SIP);
	close(fd);
	world_free(w);
}

#define STUN                         \
	"\0\x01\0\0\x21\x12\xa4\x42" \
	"0123456789ab"

static bool everybody_known(void *arg, const struct addr *peer)
{
	(void)arg;
	(void)peer;
	return true;
}

/* Answered once a second and source, of those who are known once a second and port (T-12). */
static void stun_is_answered_and_metered(void **state)
{
	(void)state;
	for (int known = 0; known < 2; known++) {
		struct world *w = world_new();
		struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0);
		struct addr peer[2] = {address("127.0.0.1:0"), address("127.0.0.1:0")};
		int fd[2] = {world_socket(&peer[0]), world_socket(&peer[1])};
		unsigned answers = 0;
		char got[64];
		w->config.known = known ? everybody_known : NULL;
		assert_int_equal(tp_apply(w->tp, &w->config), 0);
		for (unsigned i = 0; i < 10; i++)
			world_send_raw(fd[i % 2], &l->bound, STUN, 20);
		send_text(fd[0], &l->bound, MESSAGE);
		world_wait(w, &w->messages, 1);
		world_turn(w, 0);
		for (unsigned i = 0; i < 10; i++)
			if (world_recv(fd[i % 2], got, sizeof(got), NULL, 0) == 32) {
				assert_memory_equal(got,
						    "\x01\x01\0\x0c\x21\x12\xa4\x42"
						    "0123456789ab",
						    20);
				answers++;
			}
		assert_int_equal(answers, known ? 4 : 2); /* the burst is 2 */
		assert_int_equal(world_count(w, TP_STAT_KEEPALIVES), 10);
		assert_int_equal(world_count(w, TP_STAT_KEEPALIVES_OVER), 10 - answers);
		world_send_raw(fd[0], &l->bound,
			       "\1\1\0\0\x21\x12\xa4\x42"
			       "0123456789ab",
			       20);
		send_text(fd[0], &l->bound, MESSAGE);
		world_wait(w, &w->messages, 2);
		assert_int_equal(world_count(w, TP_STAT_DROP_STUN), 1);
		close(fd[0]);
		close(fd[1]);
		world_free(w);
	}
}

static void long_ones_come_whole_or_not_at_all(void **state)
{
	static const size_t sizes[] = {
		500,   TP_BUF_USUAL - 1, TP_BUF_USUAL,         TP_BUF_USUAL + 1,
		15000, SIP_DATAGRAM_MAX, SIP_DATAGRAM_MAX + 1, 40000};
	static char bytes[65536];
	struct world *w = world_new();
	struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0);
	struct addr peer = address("127.0.0.1:0");
	int fd = world_socket(&peer);

	(void)state;
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		world_send_raw(fd, &l->bound, bytes, long_message(bytes, sizes[i]));
		world_wait(w, &w->messages, i + 1);
		assert_int_equal(w->messages, i + 1);
		const struct seen *s = &w->seen[i];
		assert_string_equal(s->text, "OPTIONS sip:long@b.example SIP/2.0");
		if (sizes[i] <= SIP_DATAGRAM_MAX) {
			assert_int_equal(s->err, 0);
			assert_int_equal(s->at.fault, SIP_OK);
			assert_int_equal(s->len, sizes[i]);
		} else {
			assert_int_equal(s->at.fault, SIP_FAULT_MESSAGE_TOO_LARGE);
		}
	}
	close(fd);
	world_free(w);
}

static void who_is_not_let_in_is_not_read(void **state)
{
	struct world *w = world_new();
	struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0);
	struct addr peer = address("127.0.0.1:0");
	int fd = world_socket(&peer);

	(void)state;
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	w->drop_arrivals = true;
	for (unsigned i = 0; i < 5; i++)
		send_text(fd, &l->bound, i % 2 ? MESSAGE : "\r\n\r\n");
	world_wait(w, &w->arrivals, 5);
	assert_int_equal(w->messages, 0);
	assert_int_equal(world_count(w, TP_STAT_DROP_ARRIVAL), 5);
	assert_int_equal(world_count(w, TP_STAT_KEEPALIVES), 0);
	close(fd);
	world_free(w);
}

/* ---- keeping ---- */

enum { KEEP = 200 };

static struct tp_kept *kept[2 * KEEP];
static unsigned n_kept;

static void keep(struct world *w, struct tp_rx *rx)
{
	struct sip_where at;

	(void)w;
	assert_non_null(sip_top_via(rx->msg, &at));
	kept[n_kept] = tp_rx_keep(rx);
	assert_non_null(kept[n_kept]);
	/* the second one has bytes of its own */
	if (n_kept % 8 == 1) {
		kept[KEEP + n_kept / 8] = tp_rx_keep(rx);
		assert_ptr_not_equal(kept[KEEP + n_kept / 8]->buf, kept[n_kept]->buf);
		assert_true(sip_call_id(kept[KEEP + n_kept / 8]->msg).n > 0);
	}
	n_kept++;
}

static void *check_and_free(void *arg)
{
	unsigned bad = 0;

	(void)arg;
	for (unsigned i = 0; i < n_kept; i++) {
		struct sip_where at;
		char id[16];
		snprintf(id, sizeof(id), "call-%u", i);
		bad += !sv_eq(sip_call_id(kept[i]->msg), sv_str(id));
		bad += sip_top_via(kept[i]->msg, &at) == NULL;
		bad += kept[i]->flow.transport != SIP_TRANSPORT_UDP;
		bad += kept[i]->at_us == 0;
		tp_kept_free(kept[i]);
		if (i % 8 == 1) {
			bad += !sv_eq(sip_call_id(kept[KEEP + i / 8]->msg), sv_str(id));
			tp_kept_free(kept[KEEP + i / 8]);
		}
	}
	tp_kept_free(NULL);
	return (void *)(uintptr_t)bad;
}

/* What is kept stays what it was while others come, and is freed by another thread. */
static void kept_messages_are_their_own(void **state)
{
	static char bytes[8000];
	struct world *w = world_new();
	struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0);
	struct addr peer = address("127.0.0.1:0");
	int fd = world_socket(&peer);
	pthread_t thread;
	void *bad;

	(void)state;
	n_kept = 0;
	w->on_message = keep;
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	for (unsigned i = 0; i < KEEP; i++) {
		int n = snprintf(bytes, sizeof(bytes),
				 "OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK%u\r\n"
				 "Call-ID: call-%u\r\nX: %0*u\r\n\r\n",
				 i, i, i % 3 == 0 ? 5000 : 1, 1);
		world_send_raw(fd, &l->bound, bytes, (size_t)n);
		if (i % 20 == 19)
			world_wait(w, &n_kept, i + 1);
	}
	assert_int_equal(n_kept, KEEP);
	assert_int_equal(pthread_create(&thread, NULL, check_and_free, NULL), 0);
	pthread_join(thread, &bad);
	assert_null(bad);
	close(fd);
	world_free(w);
}

/* ---- errors of the network ---- */

static struct addr target;

static void send_there(struct world *w)
{
	struct tp_target to = {.addr = target, .listener = 10, .transport = SIP_TRANSPORT_UDP};

	assert_int_equal(tp_send(w->tp, &to, SV("INVITE sip:nobody SIP/2.0\r\n"), NULL), 0);
}

static void icmp_is_heard(void **state)
{
	static const char *const bounds[] = {"127.0.0.1:0", "0.0.0.0:0", "[::1]:0"};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct addr peer = address(i == 2 ? "[::1]:0" : "127.0.0.1:0"), closed = peer;
		int fd = world_socket(&peer), gone = world_socket(&closed);
		struct world *w = world_new();
		char got[64];
		if (fd < 0) {
			world_free(w);
			continue;
		}
		struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, bounds[i], 0);
		struct addr ours = peer;
		ours.port = l->bound.port;
		assert_int_equal(tp_apply(w->tp, &w->config), 0);
		close(gone);
		target = closed;
		world_do(w, send_there);
		world_wait(w, &w->unreachable, 1);
		assert_int_equal(w->unreachable, 1);
		assert_true(addr_eq(&w->lost[0].peer, &closed));
		assert_int_equal(w->lost[0].err, -ECONNREFUSED);
		assert_string_equal(w->lost[0].text, "INVITE sip:nobody SIP/2.0\r\n");
		assert_int_equal(world_count(w, TP_STAT_UNREACHABLE), 1);
		/* whoever sends next is not held up by it, nor is what comes */
		world_do(w, send_there);
		target = peer;
		world_do(w, send_there);
		assert_int_equal(world_recv(fd, got, sizeof(got), NULL, 2000), 27);
		send_text(fd, &ours, MESSAGE);
		world_wait(w, &w->messages, 1);
		world_wait(w, &w->unreachable, 2);
		assert_int_equal(w->messages, 1);
		assert_int_equal(w->unreachable, 2);
		assert_int_equal(world_count(w, TP_STAT_SEND_ERRORS), 0);
		/* and the loop comes to rest */
		uint64_t turns = loop_turns(w->loop);
		for (unsigned k = 0; k < 3; k++)
			world_turn(w, 1);
		assert_int_equal(loop_turns(w->loop), turns);
		close(fd);
		world_free(w);
	}
}

static void what_the_kernel_drops_is_counted(void **state)
{
	struct world *w = world_new();
	struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0);
	struct addr peer = address("127.0.0.1:0");
	int fd = world_socket(&peer), small = 1;

	(void)state;
	assert_int_equal(setsockopt(l->fd[0], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	for (unsigned i = 0; i < 100; i++)
		send_text(fd, &l->bound, MESSAGE);
	world_wait(w, &w->messages, 1);
	send_text(fd, &l->bound, MESSAGE);
	world_wait(w, &w->messages, w->messages + 1);
	assert_true(w->messages < 100);
	assert_int_equal(world_count(w, TP_STAT_KERNEL_DROPS), 101 - w->messages);
	close(fd);
	world_free(w);
}

/* A flood does not keep the loop from its other work: a callback reads so many and no more. */
static void a_callback_is_bounded(void **state)
{
	struct world *w = world_new();
	struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0);
	struct addr peer = address("127.0.0.1:0");
	int fd = world_socket(&peer);

	(void)state;
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	int room = 1 << 20;
	assert_int_equal(setsockopt(l->fd[0], SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	for (unsigned i = 0; i < 260; i++)
		send_text(fd, &l->bound, "\r\n");
	world_turn(w, 100);
	assert_int_equal(world_count(w, TP_STAT_RX_UDP), 256);
	world_turn(w, 100);
	assert_int_equal(world_count(w, TP_STAT_RX_UDP), 260);
	close(fd);
	world_free(w);
}

static void stopped_is_deaf_but_not_mute(void **state)
{
	struct world *w = world_new();
	struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0);
	struct addr peer = address("127.0.0.1:0");
	int fd = world_socket(&peer);
	char got[64];

	(void)state;
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	tp_stop(w->tp);
	assert_true(w->tp->conns->stopped);
	send_text(fd, &l->bound, MESSAGE);
	for (unsigned i = 0; i < 3; i++)
		world_turn(w, 10);
	assert_int_equal(w->messages, 0);
	target = peer;
	world_do(w, send_there);
	assert_int_equal(world_recv(fd, got, sizeof(got), NULL, 2000), 27);
	close(fd);
	world_free(w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_comes_with_its_flow),
		cmocka_unit_test(bytes_are_shown_first),
		cmocka_unit_test(waiting_in_the_socket_counts),
		cmocka_unit_test(answers_leave_from_the_address_asked),
		cmocka_unit_test(keepalives_are_swallowed),
		cmocka_unit_test(stun_is_answered_and_metered),
		cmocka_unit_test(long_ones_come_whole_or_not_at_all),
		cmocka_unit_test(who_is_not_let_in_is_not_read),
		cmocka_unit_test(kept_messages_are_their_own),
		cmocka_unit_test(icmp_is_heard),
		cmocka_unit_test(what_the_kernel_drops_is_counted),
		cmocka_unit_test(a_callback_is_bounded),
		cmocka_unit_test(stopped_is_deaf_but_not_mute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
