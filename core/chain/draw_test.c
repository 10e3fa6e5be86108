/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of draw.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "chain/test_chain.h"

#define HEAD(method) method " sip:bob@biloxi.example SIP/2.0\r\n"
#define REST         M_TO M_CALL_ID M_MF
#define CSEQ(text)   "CSeq: " text "\r\n"
#define INVITE       HEAD("INVITE") M_VIA M_FROM REST CSEQ("7 INVITE")

static struct fake f;
static struct siphash_key key;

static int begin(void **state)
{
	(void)state;
	memset(key.b, 7, sizeof(key.b));
	fake_init(&f, 0, 1, 10);
	f.worker.draw_key = &key;
	return 0;
}

static int end(void **state)
{
	(void)state;
	fake_done(&f);
	return 0;
}

static uint32_t draw(const char *text, const char *module, uint32_t what, uint32_t bound)
{
	static struct fake_request q;
	const struct mg_self self = {.name = module, .worker = &f.worker};
	struct mg_source source = {0};

	fake_request(&q, &f, &source, text, false);
	uint32_t drawn = mg_draw(&self, &q.r, what, bound);
	fake_request_done(&q);
	return drawn;
}

/* Whether a message draws what the INVITE does: by chance of one in 2^31 if it is another transaction. */
static const struct {
	const char *name, *text;
	bool same;
} rows[] = {
	{"again", INVITE, true},
	{"CANCEL", HEAD("CANCEL") M_VIA M_FROM REST CSEQ("7 CANCEL"), true},
	{"ACK of a refusal",
	 HEAD("ACK") M_VIA M_FROM
	 "To: Bob <sip:bob@biloxi.example>;tag=x\r\n" M_CALL_ID M_MF CSEQ("7 ACK"),
	 true},
	{"what was added to the Via",
	 HEAD("INVITE") "Via: SIP/2.0/UDP "
			"192.0.2.1:5060;branch=z9hG4bK776asdhds;received=192.0.2.9;rport="
			"9\r\n" M_FROM REST CSEQ("7 INVITE"),
	 true},
	{"another branch",
	 HEAD("INVITE") "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776asdhdt\r\n" M_FROM REST
		 CSEQ("7 INVITE"),
	 false},
	{"another number", HEAD("INVITE") M_VIA M_FROM REST CSEQ("8 INVITE"), false},
	{"another tag",
	 HEAD("INVITE") M_VIA "From: <sip:alice@atlanta.example>;tag=2\r\n" REST CSEQ("7 INVITE"),
	 false},
	{"another Call-ID", HEAD("INVITE") M_VIA M_FROM M_TO "Call-ID: b\r\n" M_MF CSEQ("7 INVITE"),
	 false},
};

static void what_is_drawn_again(void **state)
{
	uint32_t first = draw(INVITE, "m", 0, 1u << 31);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((draw(rows[i].text, "m", 0, 1u << 31) == first) != rows[i].same)
			fail_msg("%s", rows[i].name);
	assert_int_not_equal(draw(INVITE, "m", 1, 1u << 31), first);
	assert_int_not_equal(draw(INVITE, "n", 0, 1u << 31), first);
	key.b[0]++; /* nobody outside foresees it */
	assert_int_not_equal(draw(INVITE, "m", 0, 1u << 31), first);
	f.worker.draw_key = NULL;
	assert_int_equal(draw(INVITE, "m", 0, 1), 0);
}

/* Each number as often. */
static void shares(void **state)
{
	unsigned n[3] = {0};

	(void)state;
	for (unsigned i = 0; i < 6000; i++) {
		char text[500];

		snprintf(text, sizeof(text),
			 HEAD("INVITE") M_VIA M_FROM M_TO "Call-ID: %u\r\n" M_MF CSEQ("7 INVITE"),
			 i);
		uint32_t drawn = draw(text, "m", 0, 3);
		assert_in_range(drawn, 0, 2);
		n[drawn]++;
	}
	for (unsigned i = 0; i < 3; i++)
		assert_in_range(n[i], 1700,
				2300); /* eight times the deviation that is to be expected */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_drawn_again, begin, end),
		cmocka_unit_test_setup_teardown(shares, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
