/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tp: a worker's transport as a whole: which part gets what, messages that are kept, and every allocation failing in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/test_alloc.h"
#include "transport/tp_test_world.h"

/* ---- who is asked ---- */

static void flows(void **state)
{
	struct world *w = world_new();
	struct tp_directory *d = tp_shared_directory(w->shared);
	struct tp_entry entry = {
		.peer = address("192.0.2.9:4000"), .listener = 12, .transport = SIP_TRANSPORT_TCP};
	struct tp_flow flow = {.transport = SIP_TRANSPORT_UDP};
	struct tp_target to;

	(void)state;
	assert_true(tp_flow_alive(w->tp, &flow));
	flow.transport = SIP_TRANSPORT_TCP;
	assert_false(tp_flow_alive(w->tp, &flow));
	/* our own */
	flow.conn = w->tp->conns->alive = tp_conn_make(0, 5, 1);
	assert_true(tp_flow_alive(w->tp, &flow));
	w->tp->conns->alive = tp_conn_make(0, 5, 2);
	assert_false(tp_flow_alive(w->tp, &flow));
	/* another worker's */
	flow.conn = tp_conn_make(1, 5, 1);
	assert_false(tp_flow_alive(w->tp, &flow));
	assert_int_equal(tp_conn_target(w->tp, flow.conn, &to), MG_ENOENT);
	assert_int_equal(tp_directory_add(d, &entry, SV("key"), flow.conn), 0);
	assert_true(tp_flow_alive(w->tp, &flow));
	memset(&to, 0xa5, sizeof(to));
	assert_int_equal(tp_conn_target(w->tp, flow.conn, &to), 0);
	assert_true(addr_eq(&to.addr, &entry.peer));
	assert_int_equal(to.conn, flow.conn);
	assert_int_equal(to.listener, 12);
	assert_int_equal(to.transport, SIP_TRANSPORT_TCP);
	assert_int_equal(to.local.family, ADDR_NONE);
	assert_true(to.fixed && !to.quick && !to.domain[0]);
	tp_directory_remove(d, &entry);
	assert_false(tp_flow_alive(w->tp, &flow));
	world_free(w);
	tp_free(NULL);
}

static void streams_for_large_requests(void **state)
{
	struct world *w = world_new();
	struct tp_target to = {.addr = address("192.0.2.9:5060"), .transport = SIP_TRANSPORT_UDP};

	(void)state;
	world_listener(w, SIP_TRANSPORT_UDP, "192.0.2.1:5060", 0);
	world_listener(w, SIP_TRANSPORT_TCP, "192.0.2.1:5060", 0);
	world_listener(w, SIP_TRANSPORT_UDP, "[2001:db8::1]:5060", 0);
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	assert_false(tp_try_stream(w->tp, &to, 1300));
	assert_true(tp_try_stream(w->tp, &to, 1301));
	w->tp->conns->refused = true;
	assert_false(tp_try_stream(w->tp, &to, 1301));
	w->tp->conns->refused = false;
	to.fixed = true;
	assert_false(tp_try_stream(w->tp, &to, 1301));
	to.fixed = false;
	to.conn = 1;
	assert_false(tp_try_stream(w->tp, &to, 1301));
	to.conn = 0;
	to.transport = SIP_TRANSPORT_TCP;
	assert_false(tp_try_stream(w->tp, &to, 1301));
	to.transport = SIP_TRANSPORT_UDP;
	to.addr = address("[2001:db8::9]:5060"); /* no TCP over IPv6 */
	assert_false(tp_try_stream(w->tp, &to, 1301));
	world_free(w);
}

static unsigned failed;

static void count_failed(struct tp_ticket *ticket, int err)
{
	(void)ticket;
	(void)err;
	failed++;
}

static void tickets(void **state)
{
	struct list list;
	struct tp_ticket ticket;

	(void)state;
	list_init(&list);
	tp_ticket_init(&ticket, count_failed);
	tp_ticket_drop(&ticket);
	list_append(&list, &ticket.link);
	tp_ticket_drop(&ticket);
	assert_true(list_empty(&list));
	tp_ticket_drop(&ticket);
	assert_int_equal(failed, 0);
}

/* ---- keeping what came on a stream ---- */

#define MESSAGE                                          \
	"OPTIONS sip:b@b.example SIP/2.0\r\n"            \
	"Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\n" \
	"Call-ID: 1\r\n"                                 \
	"Content-Length: 4\r\n\r\nbody"

static void a_streams_bytes_are_copied(void **state)
{
	char bytes[] = MESSAGE "the next message";
	struct sip_stream stream = {0};
	struct sip_where at = {0};
	struct sip_msg msg;
	struct tp_rx rx = {
		.msg = &msg, .flow = {.conn = 7, .transport = SIP_TRANSPORT_TCP}, .at_us = 9};

	(void)state;
	assert_int_equal(sip_parse_stream(&msg, &stream, bytes, sizeof(bytes) - 1, &at),
			 sizeof(MESSAGE) - 1);
	assert_non_null(sip_top_via(&msg, &at));
	struct tp_kept *one = tp_rx_keep(&rx), *two = tp_rx_keep(&rx);
	assert_true(one && two && one->buf != two->buf && !rx.taken);
	memset(bytes, 'x', sizeof(bytes));
	memset(&msg, 0xa5, sizeof(msg));
	for (unsigned i = 0; i < 2; i++) {
		struct tp_kept *kept = i ? two : one;
		assert_true(sv_eq(sip_call_id(kept->msg), SV("1")));
		assert_true(sv_eq(sip_body(kept->msg), SV("body")));
		assert_true(sv_eq(sip_top_via(kept->msg, &at)->branch, SV("z9hG4bK1")));
		assert_int_equal(kept->flow.conn, 7);
		assert_int_equal(kept->at_us, 9);
		assert_true(kept->buf->cap < sizeof(MESSAGE)); /* what it uses and no more */
	}
	/* one that is kept is handed over, once; then copied */
	struct tp_rx again = {.msg = one->msg, .kept = one, .buf = one->buf};
	assert_ptr_equal(tp_rx_keep(&again), one);
	struct tp_kept *three = tp_rx_keep(&again);
	assert_true(three && three != one && three->buf != one->buf);
	tp_kept_free(one);
	assert_true(sv_eq(sip_call_id(three->msg), SV("1")));
	tp_kept_free(two);
	tp_kept_free(three);
}

/* What could not be read to its end is kept as far as the index came. */
static void broken_ones_are_kept_as_well(void **state)
{
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	for (size_t n = 1; n < sizeof(MESSAGE); n++) {
		char *bytes = malloc(n); /* of just that size, for ASan */
		assert_non_null(bytes);
		memcpy(bytes, MESSAGE, n);
		struct tp_rx rx = {.msg = &msg};
		rx.err = sip_parse_datagram(&msg, bytes, n, &rx.at);
		struct tp_kept *kept = tp_rx_keep(&rx);
		assert_non_null(kept);
		assert_int_equal(kept->msg->lines, msg.lines);
		for (unsigned i = 0; i < msg.lines; i++)
			assert_true(sv_eq(sip_line_raw(kept->msg, i), sip_line_raw(&msg, i)));
		assert_true(sv_eq(sip_ruri_text(kept->msg), sip_ruri_text(&msg)));
		(void)sip_request_uri(kept->msg, &at);
		(void)sip_top_via(kept->msg, &at);
		free(bytes);
		tp_kept_free(kept);
	}
}

/* ---- memory ---- */

static void every_allocation_of_a_start_fails(void **state)
{
	const struct loop_options o = {.name = "test"};
	struct loop *loop = loop_new(&o);
	struct stats *stats = stats_new(tp_stats_desc, TP_STATS, 1);
	long n = 0;

	(void)state;
	for (bool done = false; !done; n++) {
		alloc_until_failure = n;
		struct tp_shared *shared = tp_shared_new(100);
		const struct tp_env env = {.loop = loop,
					   .workers = 1,
					   .shared = shared,
					   .stats = stats,
					   .on = &world_events};
		struct tp *tp = shared ? tp_new(&env) : NULL;
		alloc_until_failure = -1;
		done = tp != NULL;
		tp_free(tp);
		tp_shared_free(shared);
	}
	assert_true(n > 200); /* 64 shards of three kinds, and the rest */
	stats_free(stats);
	loop_free(loop);
}

static void every_allocation_of_a_configuration_fails(void **state)
{
	struct world *w = world_new();
	struct addr peer = address("127.0.0.1:0");
	int fd = world_socket(&peer), err;
	unsigned n = 0;

	(void)state;
	struct tp_listener *a = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0);
	const struct tp_config one = w->config;
	assert_int_equal(tp_apply(w->tp, &one), 0);
	struct tp_config two = w->config;
	world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0);
	world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 1);
	strcpy(w->listener[2].advertise, "sip.example.com");
	two = w->config;
	do {
		alloc_until_failure = n++;
		err = tp_apply(w->tp, &two);
		alloc_until_failure = -1;
		assert_true(err == 0 || err == MG_ENOMEM);
		assert_true(w->tp->config == (err ? &one : &two));
		assert_true(tp_is_us(w->tp, SV("sip.example.com"), w->listener[2].bound.port,
				     SIP_TRANSPORT_UDP) == (err == 0));
		/* what was there goes on */
		unsigned before = w->messages;
		world_send_raw(fd, &a->bound, MESSAGE, sizeof(MESSAGE) - 1);
		world_wait(w, &w->messages, before + 1);
		assert_int_equal(w->messages, before + 1);
	} while (err);
	assert_true(n > 5);
	close(fd);
	world_free(w);
}

/* Without memory datagrams are dropped and counted, and the loop does not spin. */
static void receiving_without_memory(void **state)
{
	enum { SPARE = 600 }; /* more than go round */
	static struct tp_buf *hold[SPARE];
	static char bytes[5000];
	struct world *w = world_new();
	struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0);
	struct addr peer = address("127.0.0.1:0");
	int fd = world_socket(&peer);

	(void)state;
	for (unsigned i = 0; i < SPARE; i++)
		hold[i] = tp_buf_new(TP_BUF_USUAL);
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	world_send_raw(fd, &l->bound, MESSAGE, sizeof(MESSAGE) - 1);
	alloc_until_failure = 0; /* the first buffer of the batch */
	world_turn(w, 100);
	assert_int_equal(alloc_until_failure, -1);
	assert_int_equal(world_count(w, TP_STAT_DROP_MEMORY), 1);
	assert_int_equal(w->messages, 0);
	/* some of the batch */
	for (unsigned i = 0; i < 10; i++)
		world_send_raw(fd, &l->bound, MESSAGE, sizeof(MESSAGE) - 1);
	alloc_until_failure = 3;
	world_wait(w, &w->messages, 10);
	assert_int_equal(w->messages, 10);
	alloc_until_failure = -1;
	/* a long one */
	int n = snprintf(bytes, sizeof(bytes), "OPTIONS sip:a SIP/2.0\r\nX: %04000d\r\n\r\n", 1);
	world_send_raw(fd, &l->bound, bytes, (size_t)n);
	alloc_until_failure = 0;
	world_turn(w, 100);
	assert_int_equal(world_count(w, TP_STAT_DROP_MEMORY), 2);
	alloc_until_failure = -1;
	world_send_raw(fd, &l->bound, bytes, (size_t)n);
	world_wait(w, &w->messages, 11);
	assert_int_equal(w->messages, 11);
	for (unsigned i = 0; i < SPARE; i++)
		tp_buf_unref(hold[i]);
	close(fd);
	world_free(w);
}

static void keeping_without_memory(void **state)
{
	struct sip_where at;
	struct sip_msg msg;
	struct tp_rx rx = {.msg = &msg};

	(void)state;
	assert_true(sip_parse_datagram(&msg, MESSAGE, sizeof(MESSAGE) - 1, &at) > 0);
	for (long i = 0; i < 2; i++) {
		alloc_until_failure = i;
		assert_null(tp_rx_keep(&rx));
		alloc_until_failure = -1;
		assert_false(rx.taken);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows),
		cmocka_unit_test(streams_for_large_requests),
		cmocka_unit_test(tickets),
		cmocka_unit_test(a_streams_bytes_are_copied),
		cmocka_unit_test(broken_ones_are_kept_as_well),
		cmocka_unit_test(every_allocation_of_a_start_fails),
		cmocka_unit_test(every_allocation_of_a_configuration_fails),
		cmocka_unit_test(receiving_without_memory),
		cmocka_unit_test(keeping_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
