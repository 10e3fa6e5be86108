/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of say.c: which lines requests on their way leave in the log, at debug and at info, and how many of them a flood leaves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/log.h"
#include "router/test_story.h"

static const struct test_name names[] = {
	{"two.example", "10.0.1.1:5060/udp 10.0.1.2:5060/udp", false, 0},
	{"none.example", NULL, false, MG_ENOENT},
	{"bad.example", NULL, false, MG_EINVAL},
	{"gone.example", NULL, true, -ETIMEDOUT},
	{"busy.example", NULL, false, MG_ELIMIT},
};

static char lines[65536];
static size_t lines_n;

/* Branches are random where they are not a hash: of them the begin is kept. */
static void on_line(void *arg, enum log_level level, struct sv line)
{
	static const char branch[] = " branch=z9hG4bKw";
	const char *found = memmem(line.p, line.n, branch, sizeof(branch) - 1);
	size_t n = found ? (size_t)(found - line.p) + sizeof(branch) - 1 : line.n - 1;

	(void)arg, (void)level;
	memcpy(lines + lines_n, line.p, n);
	lines_n += n;
	lines[lines_n++] = '\n';
	lines[lines_n] = '\0';
	assert_true(lines_n < sizeof(lines) - LOG_LINE_MAX);
}

static void listen_to(enum log_level level)
{
	lines_n = 0;
	lines[0] = '\0';
	log_to(on_line, NULL);
	log_set_level(level);
}

static void run(const char *told)
{
	story.done = 0;
	assert_int_equal(tell_begin(INVITE), 0);
	tell(told);
	check_over();
	story_forget();
}

static void begin(void)
{
	world_begin();
	world.name = names;
	world.n_names = sizeof(names) / sizeof(names[0]);
	world.tp.conn[1] = (struct tp_target){
		.addr = address("10.9.9.9:40000"), .listener = 2, .transport = SIP_TRANSPORT_TCP};
}

static int teardown(void **state)
{
	(void)state;
	log_to(NULL, NULL);
	log_set_level(LOG_INFO);
	return 0;
}

struct row {
	const char *name, *told, *said;
};

static void run_all(const struct row *rows, size_t n, enum log_level level)
{
	for (size_t i = 0; i < n; i++) {
		begin();
		listen_to(level);
		run(rows[i].told);
		if (strcmp(lines, rows[i].said) != 0)
			fail_msg("%s:\n  is\n%s  wanted\n%s", rows[i].name, lines, rows[i].said);
		world_end();
	}
}

#define RUN(rows, level) run_all(rows, sizeof(rows) / sizeof((rows)[0]), level)

#define B1     "+sip:b@10.0.0.1"
#define CALL   " call_id=c1@x m=INVITE"
#define FAILED "info router ev=target_failed "
#define SENT(t, a) \
	"debug router ev=forwarded" CALL " target=sip:b@" t " tr=udp addr=" a " branch=z9hG4bKw\n"
#define ENDED(text) "debug router ev=answered" CALL " " text "\n"
#define LOST(text)  "debug router ev=branch_failed" CALL " " text "\n"

static const struct row at_info[] = {
	{"a call", B1 " go 0:180 0:200", ""},
	{"busy", B1 " go 0:486", ""},
	{"a refused port", B1 " go 0:E",
	 FAILED "target=10.0.0.1 tr=udp addr=10.0.0.1:5060 why=refused n=1\n"},
	{"silence", B1 ":5070 go 0:T",
	 FAILED "target=10.0.0.1:5070 tr=udp addr=10.0.0.1:5070 why=timeout n=1\n"},
	{"503", B1 " go 0:503",
	 FAILED "target=10.0.0.1 tr=udp addr=10.0.0.1:5060 why=answered_503 n=1\n"},
	{"an unknown host", "+sip:b@none.example go",
	 FAILED "target=none.example why=unknown_host n=1\n"},
	{"what is no host", "+sip:b@bad.example go",
	 FAILED "target=bad.example why=unknown_host n=1\n"},
	{"no name server", "+sip:b@gone.example go dns",
	 FAILED "target=gone.example why=dns_timeout n=1\n"},
	{"many look-ups", "+sip:b@busy.example go", FAILED "target=busy.example why=limit n=1\n"},
	{"websockets", "+sip:b@bad.example;transport=ws go",
	 FAILED "target=bad.example tr=ws why=no_transport n=1\n"},
	{"a made up transport", "+sip:b@bad.example;transport=pigeon go",
	 FAILED "target=bad.example tr=other why=no_transport n=1\n"},
	{"sips by datagram", "+sips:b@bad.example;transport=udp go",
	 FAILED "target=bad.example tr=udp why=no_transport n=1\n"},
	{"no listener in that zone", B1 ",z7 go",
	 FAILED "target=10.0.0.1 tr=udp addr=10.0.0.1:5060 why=no_transport n=1\n"},
	{"ourselves", "+sip:b@127.0.0.1 go",
	 FAILED "target=127.0.0.1 tr=udp addr=127.0.0.1:5060 why=forbidden n=1\n"},
	{"behind a connection that breaks comes its address", "+sip:b@10.0.0.1,f1 go 0:E 1:200",
	 ""},
	{"who rings too long has not failed", B1 ",r5 go 0:180 wait=6000 0:487", ""},
};

static void test_info(void **state)
{
	(void)state;
	RUN(at_info, LOG_INFO);
}

static const struct row at_debug[] = {
	{"a call", B1 " go 0:100 0:180 0:200",
	 SENT("10.0.0.1", "10.0.0.1:5060") ENDED("status=200 why=relayed addr=10.0.0.1:5060")},
	{"busy", B1 " go 0:486",
	 SENT("10.0.0.1", "10.0.0.1:5060") ENDED("status=486 why=relayed addr=10.0.0.1:5060")},
	{"refused", B1 " go 0:E",
	 SENT("10.0.0.1", "10.0.0.1:5060")
		 LOST("target=10.0.0.1 tr=udp addr=10.0.0.1:5060 why=refused") FAILED
	 "target=10.0.0.1 tr=udp addr=10.0.0.1:5060 why=refused n=1\n" ENDED(
		 "status=503 why=refused")},
	{"no answer", B1 " go 0:T",
	 SENT("10.0.0.1", "10.0.0.1:5060")
		 LOST("target=10.0.0.1 tr=udp addr=10.0.0.1:5060 why=timeout") FAILED
	 "target=10.0.0.1 tr=udp addr=10.0.0.1:5060 why=timeout n=1\n" ENDED(
		 "status=408 why=timeout")},
	{"an unknown host", "+sip:b@none.example go",
	 LOST("target=none.example why=unknown_host") FAILED
	 "target=none.example why=unknown_host n=1\n" ENDED("status=503 why=unknown_host")},
	{"the second address", "+sip:b@two.example go 0:E 1:200",
	 SENT("two.example", "10.0.1.1:5060")
		 LOST("target=two.example tr=udp addr=10.0.1.1:5060 why=refused") FAILED
	 "target=two.example tr=udp addr=10.0.1.1:5060 why=refused n=1\n" SENT("two.example",
									       "10.0.1.2:5060")
		 ENDED("status=200 why=relayed addr=10.0.1.2:5060")},
	{"it rang too long", B1 ",r5 go 0:180 wait=6000 0:487",
	 SENT("10.0.0.1", "10.0.0.1:5060")
		 LOST("target=10.0.0.1 tr=udp addr=10.0.0.1:5060 why=no_answer")
			 ENDED("status=408 why=no_answer")},
	{"refused before", B1 " refuse go", ENDED("status=486 why=Busy\\x20Here")},
	{"nobody", "go", ENDED("status=480 why=Temporarily\\x20Unavailable")},
	{"another scheme", "+mailto:b@y.example go",
	 ENDED("status=416 why=Unsupported\\x20URI\\x20Scheme")},
	{"cancelled", B1 " go 0:180 cancel 0:487",
	 SENT("10.0.0.1", "10.0.0.1:5060") ENDED("status=487 why=relayed addr=10.0.0.1:5060")},
};

static void test_debug(void **state)
{
	(void)state;
	RUN(at_debug, LOG_DEBUG);
}

/* Ten thousand calls to ports where nobody listens, and to names that nobody has, in a second. */
static void test_flood(void **state)
{
	(void)state;
	begin();
	listen_to(LOG_INFO);
	for (unsigned i = 0; i < 10000; i++) {
		run(i % 2 ? B1 " go 0:E" : "+sip:b@none.example go");
		world.loop.now_ms += i % 10 == 0;
	}
	assert_string_equal(lines,
			    FAILED "target=none.example why=unknown_host n=1\n" FAILED
				   "target=10.0.0.1 tr=udp addr=10.0.0.1:5060 why=refused n=1\n");
	lines_n = 0;
	route_tick(world.route);
	assert_int_equal(lines_n, 0);
	world.loop.now_ms += LOG_SUMMARY_MS;
	route_tick(world.route);
	assert_string_equal(lines,
			    FAILED "why=refused n=4999\n" FAILED "why=unknown_host n=4999\n");
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_info, teardown),
		cmocka_unit_test_teardown(test_debug, teardown),
		cmocka_unit_test_teardown(test_flood, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
