/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * lost: messages that did not arrive, whole and cut off at every byte, and what a stranger could put into their place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transaction/test_txn.h"

static struct asked question;

static int begin(void **unused)
{
	(void)unused;
	return world_begin(1000) ? 0 : -1;
}

static int end(void **unused)
{
	(void)unused;
	pass(2 * HALF_MINUTE);
	int left = txn_clients(world.table) != 0;
	world_end();
	return left;
}

static void whole(void **unused)
{
	static const char *const methods[] = {"INVITE", "OPTIONS", "NEWS"};

	(void)unused;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		ask(&question, methods[i], SIP_TRANSPORT_UDP);
		txn_lost(world.table, sv_str(sent_last()->bytes),
			 i % 2 ? ECONNREFUSED : -ECONNREFUSED);
		assert_string_equal(notes(), "fail:ECONNREFUSED");
		txn_client_release(question.client);
	}
	assert_int_equal(stat(TXN_STAT_FAILED), 3);
}

/* Up to the end of the branch nothing is believed, from there on all is known. The bytes lie in an allocation of their own, so that a read behind them is seen. */
static void cut_off(void **unused)
{
	(void)unused;
	ask(&question, "INVITE", SIP_TRANSPORT_UDP);
	const char *bytes = sent_last()->bytes;
	size_t need = (size_t)(strstr(bytes, question.branch) - bytes) + strlen(question.branch);
	for (size_t n = 0; n < need; n++) {
		char *copy = malloc(n ? n : 1);
		assert_non_null(copy);
		memcpy(copy, bytes, n);
		txn_lost(world.table, sv_of(copy, n), -ECONNREFUSED);
		free(copy);
		assert_string_equal(notes(), "");
	}
	txn_lost(world.table, sv_of(bytes, need), -ECONNREFUSED);
	assert_string_equal(notes(), "fail:ECONNREFUSED");
	txn_client_release(question.client);
}

static void sent_again(void **unused)
{
	static const int errs[] = {ENOBUFS, EMSGSIZE, EPERM};

	(void)unused;
	ask(&question, "OPTIONS", SIP_TRANSPORT_UDP);
	for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++)
		txn_lost(world.table, sv_str(sent_last()->bytes), -errs[i]);
	assert_string_equal(notes(), "");
	answer(&question, "OPTIONS", 200, NULL);
	txn_client_release(question.client);
}

/* What rings has arrived. */
static void invite_in_proceeding(void **unused)
{
	(void)unused;
	ask(&question, "INVITE", SIP_TRANSPORT_UDP);
	answer(&question, "INVITE", 180, NULL);
	txn_lost(world.table, sv_str(sent_last()->bytes), -ECONNREFUSED);
	assert_string_equal(notes(), "up:180");
	answer(&question, "INVITE", 404, NULL);
	assert_string_equal(sent_last()->what, "ACK");
	txn_lost(world.table, sv_str(sent_last()->bytes), -ECONNREFUSED);
	assert_int_equal(txn_clients(world.table), 0); /* of no use any more, figure 5 */
	assert_string_equal(notes(), "up:404");
	txn_client_release(question.client);
}

/* "%s" stands for the branch. */
static const char *const strangers[] = {
	"",
	"INVITE",
	"INVITE ",
	"INVITE sip:x SIP/2.0",
	"INVITE sip:x SIP/2.0\r\n",
	"INVITE sip:x SIP/2.0\r\nVia",
	"INVITE sip:x SIP/2.0\r\nVia:",
	"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=",
	"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch",
	"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;;;;;;",
	"INVITE x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nVia: X b;branch=%s\r\n",
	"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a, SIP/2.0/UDP b;branch=%s\r\n",
	"INVITE x SIP/2.0\r\nSubject: x\r\n Via: X b;branch=%s\r\nVia: SIP/2.0/UDP a\r\n",
	"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=%sx\r\n",
	"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=x%s\r\n",
	"INVITE sip:x SIP/2.0\r\nX-Via: SIP/2.0/UDP a;branch=%s\r\n",
	"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=%s\r\n",
	"CANCEL sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=%s\r\n",
	"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=%s\r\n",
};

static void from_strangers(void **unused)
{
	char bytes[1024], format[512];

	(void)unused;
	ask(&question, "INVITE", SIP_TRANSPORT_UDP);
	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		const char *mark = strstr(strangers[i], "%s");
		size_t n = mark ? (size_t)(mark - strangers[i]) : strlen(strangers[i]);
		memcpy(format, strangers[i], n);
		format[n] = 0;
		snprintf(bytes, sizeof(bytes), "%s%s%s", format, mark ? question.branch : "",
			 mark ? mark + 2 : "");
		txn_lost(world.table, sv_str(bytes), -ECONNREFUSED);
		if (*notes())
			fail_msg("%s", strangers[i]);
	}
	/* Ours in other spellings. */
	snprintf(bytes, sizeof(bytes),
		 "INVITE sip:x SIP/2.0\nFrom: x\nv : SIP/2.0/UDP a;rport;Branch=%s ;alias",
		 question.branch);
	txn_lost(world.table, sv_str(bytes), -ECONNREFUSED);
	assert_string_equal(notes(), "fail:ECONNREFUSED");
	txn_client_release(question.client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole, begin, end),
		cmocka_unit_test_setup_teardown(cut_off, begin, end),
		cmocka_unit_test_setup_teardown(sent_again, begin, end),
		cmocka_unit_test_setup_teardown(invite_in_proceeding, begin, end),
		cmocka_unit_test_setup_teardown(from_strangers, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
