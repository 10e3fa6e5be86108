/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Calls that nobody answers: how many of a source are let in, and what happens when there is no place for another source.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "chain/test_module.h"

extern const struct mg_module shield_module;
const struct mg_module *const chain_builtin[] = {&shield_module, NULL};

enum { BUSY = 8, PENDING, NO_PLACE };

#define SHIELD(options) "modules = ( { name = \"shield\"; " options " } );"
#define PLAIN           SHIELD("")

/* An INVITE (or what `text` is) that stays. */
static struct mg_verdict invite(struct fake_request *r, const char *addr, unsigned zone, bool known,
				const char *text)
{
	struct mg_source s = test_source(addr, zone);

	s.known = known;
	fake_request(r, &f, &s, text, false);
	return chain_request(&r->r);
}

static void answered(struct fake_request *r, unsigned status)
{
	chain_final(&r->r, status);
	fake_request_done(r);
}

/* How many of `n` INVITEs from these ports are let in; all are still pending, but for those refused with `status`. */
static unsigned pending(struct fake_request *r, const char *host, unsigned zone, bool known,
			unsigned n, unsigned status)
{
	unsigned let_in = 0;

	for (unsigned i = 0; i < n; i++) {
		char addr[64];

		snprintf(addr, sizeof(addr), "%s:%u", host, 5060 + i);
		struct mg_verdict v = invite(&r[let_in], addr, zone, known, FAKE_INVITE);
		if (v.kind == MG_NEXT) {
			let_in++;
			continue;
		}
		assert_int_equal(v.kind, MG_REJECT);
		assert_int_equal(v.status, status);
		answered(&r[let_in], status);
	}
	return let_in;
}

/* calls that nobody answers. */
static void calls_without_an_answer(void **state)
{
	static struct fake_request r[16], other[16], more[16];

	(void)state;
	test_begin(PLAIN);
	assert_int_equal(pending(r, "192.0.2.7", INTERNET, false, 10, 486), 4);
	assert_int_equal(test_counter(0, BUSY), 6);
	assert_string_equal(fake_logged(&f), "info sec ev=flood src=192.0.2.7:5064 tr=udp m=INVITE "
					     "why=pending act=486 proof=0 n=1\n");
	assert_int_equal(pending(other, "192.0.2.8", INTERNET, false, 3, 486), 3); /* unaffected */
	chain_tick(&f.worker, f.now_ms);
	assert_int_equal(test_counter(0, PENDING), 7);
	answered(&r[0], 200);
	answered(&r[1], 408); /* Timer C */
	assert_int_equal(pending(more, "192.0.2.7", INTERNET, false, 5, 486), 2);
	for (unsigned i = 0; i < 2; i++) {
		answered(&r[2 + i], 0);
		answered(&more[i], 503);
	}
	for (unsigned i = 0; i < 3; i++)
		answered(&other[i], 487);
	chain_tick(&f.worker, f.now_ms);
	assert_int_equal(test_counter(0, PENDING), 0);
	test_end();
}

/* One call that nobody answers, from the `i`th address of many. */
static struct mg_verdict call_of(unsigned i, bool known)
{
	struct mg_source s = test_source("10.0.0.0:5060", INTERNET);
	struct mg_verdict v;

	s.known = known;
	s.addr.ip[1] = (uint8_t)(i >> 16);
	s.addr.ip[2] = (uint8_t)(i >> 8);
	s.addr.ip[3] = (uint8_t)i;
	fake_request(&q, &f, &s, FAKE_INVITE, false);
	v = chain_request(&q.r);
	if (v.kind == MG_REJECT)
		chain_final(&q.r, v.status);
	fake_request_done(&q);
	return v;
}

/* The next source that finds no place: there is one among more than there are places, mostly much earlier. */
static unsigned one_too_many(unsigned i)
{
	while (i <= 2 * 65536 && call_of(i, false).kind == MG_NEXT)
		i++;
	return i;
}

/* From more addresses than there are places: those over it have done nothing wrong. */
static void no_place_for_another_source(void **state)
{
	unsigned i;

	(void)state;
	test_begin(SHIELD("pending_invites_known = 1;"));
	i = one_too_many(0);
	assert_string_equal(verdict_text(call_of(i, false)),
			    "reject 503 Too Many Calls Without An Answer");
	assert_int_equal(call_of(i, true).kind, MG_NEXT); /* is not counted then */
	one_too_many(i + 1);
	assert_int_equal(test_counter(0, NO_PLACE), 3);
	assert_int_equal(test_counter(0, BUSY), 0);
	assert_string_equal(fake_logged(&f), "");
	chain_tick(&f.worker, f.now_ms);
	assert_string_equal(fake_logged(&f), "warning shield ev=table_full table=pending_invites "
					     "max=65536 act=refuse n=3\n");
	call_of(i, false);
	fake_pass(&f, 1000);
	chain_tick(&f.worker, f.now_ms);
	assert_string_equal(fake_logged(&f), "");
	call_of(i, false);
	fake_pass(&f, LOG_SUMMARY_MS);
	chain_tick(&f.worker, f.now_ms);
	assert_string_equal(fake_logged(&f), "warning shield ev=table_full table=pending_invites "
					     "max=65536 act=refuse n=2\n");
	test_end();
}

static void calls_of_trunks_and_zones(void **state)
{
	static struct fake_request r[32];
	unsigned n;

	(void)state;
	test_begin(PLAIN);
	n = pending(r, "192.0.2.7", INTERNET, true, 20, 0);
	assert_int_equal(n, 20); /* known: any number */
	while (n > 0)
		answered(&r[--n], 200);
	n = pending(r, "192.0.2.7", CARRIER, false, 6, 503);
	assert_int_equal(n, 4);
	for (unsigned i = 0; i < 10; i++) { /* nothing but INVITE is counted */
		assert_int_equal(
			invite(&q, "192.0.2.7:5060", CARRIER, false,
			       "MESSAGE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n"
			       "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: 1\r\n"
			       "CSeq: 1 MESSAGE\r\n\r\n")
				.kind,
			MG_NEXT);
		answered(&q, 200);
	}
	while (n > 0)
		answered(&r[--n], 200);
	test_end();
	test_begin(SHIELD(
		"pending_invites_known = 9; zones = ( { zone = \"home\"; pending_invites = 2; "
		"}, { zone = \"carrier\"; limit = false; } );"));
	n = pending(r, "192.0.2.7", INTERNET, true, 20, 503);
	assert_int_equal(n, 9);
	n += pending(&r[n], "192.0.2.8", HOME, false, 5, 486);
	assert_int_equal(n, 11);
	n += pending(&r[n], "192.0.2.9", CARRIER, false, 20, 0);
	assert_int_equal(n, 31);
	while (n > 0)
		answered(&r[--n], 200);
	chain_tick(&f.worker, f.now_ms);
	assert_int_equal(test_counter(0, PENDING), 0);
	test_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_without_an_answer),
		cmocka_unit_test(calls_of_trunks_and_zones),
		cmocka_unit_test(no_place_for_another_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
