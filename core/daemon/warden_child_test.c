/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of warden_child.c: what is learned from a death, and how long is waited after it. Starting is tested with the daemon.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/warden_priv.h"

static char said[4096];

static void listen_in(void *arg, enum log_level level, struct sv line)
{
	size_t n = strlen(said);

	(void)arg, (void)level;
	if (n + line.n < sizeof(said)) {
		memcpy(said + n, line.p, line.n);
		said[n + line.n] = '\0';
	}
}

static struct poison_ring ring;
static struct warden w;

static int setup(void **state)
{
	struct loop_options o = {.name = "test"};

	(void)state;
	log_to(listen_in, NULL);
	said[0] = '\0';
	memset(&ring, 0, sizeof(ring));
	w = (struct warden){.ring = &ring};
	w.loop = loop_new(&o);
	return w.loop ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(w.loop);
	return 0;
}

static struct addr source(uint8_t last)
{
	return addr_v4((const uint8_t[]){192, 0, 2, last}, 5060);
}

static void handles(unsigned worker, uint8_t last, uint64_t call)
{
	struct addr a = source(last);

	poison_begin(&ring.worker[worker], &a, call ? SV("") : SV("INVITE sip:a@b SIP/2.0"));
	poison_call(&ring.worker[worker], call);
}

static unsigned quarantined(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < WARDEN_QUARANTINE_MAX; i++)
		n += w.quarantine[i].until_ms != 0;
	return n;
}

static void test_fault_signals(void **state)
{
	static const struct {
		int signo;
		unsigned expected;
	} rows[] = {
		{SIGSEGV, 1}, {SIGBUS, 1},  {SIGILL, 1},  {SIGFPE, 1}, {SIGABRT, 1},
		{SIGSYS, 1},  {SIGKILL, 0}, {SIGTERM, 0}, {SIGHUP, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(w.quarantine, 0, sizeof(w.quarantine));
		handles(0, 1, 77);
		child_died(&w, rows[i].signo);
		if (quarantined() != rows[i].expected)
			fail_msg("signal %d: %u", rows[i].signo, quarantined());
	}
	memset(w.quarantine, 0, sizeof(w.quarantine));
	child_died(&w, 1 << 8); /* exit(1) */
	assert_int_equal(quarantined(), 0);
	w.killed = true; /* by us: it hung, or talked nonsense */
	child_died(&w, SIGABRT);
	assert_int_equal(quarantined(), 0);
}

static void test_who(void **state)
{
	(void)state;
	handles(0, 1, 11);
	handles(1, 2, 22);
	poison_end(&ring.worker[1]); /* idle */
	handles(3, 4, 44);
	ring.worker[3].source.family = 77; /* nonsense */
	child_died(&w, SIGSEGV);
	assert_int_equal(quarantined(), 1);
	assert_int_equal(w.quarantine[0].hash, 11);
	assert_int_equal(w.quarantine[0].head, 0);
	assert_non_null(strstr(said, "ev=quarantine src=192.0.2.1:5060"));
	assert_null(strstr(said, "192.0.2.2"));
}

/* It died in the parser: what is known are the bytes as they came. */
static void test_bytes(void **state)
{
	static const struct sv text = SV_INIT("INVITE sip:a@b SIP/2.0");
	char longer[POISON_HEAD + 10];
	struct addr a = source(1);

	(void)state;
	handles(0, 3, 0);
	child_died(&w, SIGSEGV);
	assert_int_equal(quarantined(), 1);
	assert_int_equal(w.quarantine[0].head, text.n);
	assert_true(poison_is(text, w.quarantine[0].head, w.quarantine[0].hash));
	assert_false(poison_is(SV("INVITE sip:a@b SIP/2.1"), w.quarantine[0].head,
			       w.quarantine[0].hash));
	assert_false(poison_is(SV("INVITE sip:a@b SIP/2.0\r\n"), w.quarantine[0].head,
			       w.quarantine[0].hash));
	assert_non_null(strstr(said, "ev=quarantine src=192.0.2.3:5060 by=bytes"));
	/* of a long one its begin */
	memset(longer, 'x', sizeof(longer));
	poison_begin(&ring.worker[0], &a, sv_of(longer, sizeof(longer)));
	child_died(&w, SIGSEGV);
	assert_int_equal(quarantined(), 2);
	assert_int_equal(w.quarantine[1].head, POISON_HEAD);
	assert_true(poison_is(sv_of(longer, POISON_HEAD + 1), POISON_HEAD, w.quarantine[1].hash));
	assert_false(poison_is(sv_of(longer, POISON_HEAD - 1), POISON_HEAD, w.quarantine[1].hash));
	/* what a slot says is not believed */
	ring.worker[0].len = UINT32_MAX;
	child_died(&w, SIGSEGV);
	assert_int_equal(quarantined(), 2);
	/* nor is there anything to know of a message from another worker */
	poison_begin(&ring.worker[0], &a, SV(""));
	child_died(&w, SIGSEGV);
	assert_int_equal(quarantined(), 2);
}

static void test_again_and_too_many(void **state)
{
	(void)state;
	handles(0, 1, 11);
	child_died(&w, SIGSEGV);
	child_died(&w, SIGSEGV);
	assert_int_equal(quarantined(), 1);
	for (unsigned i = 0; i < WARDEN_QUARANTINE_MAX + 5; i++) {
		handles(0, 2, 100 + i);
		child_died(&w, SIGSEGV);
	}
	assert_int_equal(quarantined(), WARDEN_QUARANTINE_MAX);
	bool last = false;
	for (unsigned i = 0; i < WARDEN_QUARANTINE_MAX; i++)
		last = last || w.quarantine[i].hash == 100 + WARDEN_QUARANTINE_MAX + 4;
	assert_true(last);
}

static void test_back_off(void **state)
{
	static const uint64_t ms[] = {0, 0, 0, 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};

	(void)state;
	for (unsigned i = 0; i < sizeof(ms) / sizeof(ms[0]); i++)
		assert_int_equal(child_back_off_ms(i), ms[i]);
	assert_int_equal(child_back_off_ms(4000000000), 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fault_signals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again_and_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_back_off, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
