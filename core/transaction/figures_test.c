/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * figures: every cell of the four machines. For each state and each event a transaction is brought into the state, gets the event, and what can be seen from outside
 * (state, what was sent, what the TU was told, which timers run) is compared with the rows below, written after the figures of RFC 3261 and RFC 6026. Where there is no
 * row, nothing may change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transaction/test_txn.h"

static const char *const state_names[TXN_STATES] = {[IN_CALLING] = "CALLING",
						    [IN_TRYING] = "TRYING",
						    [IN_PROCEEDING] = "PROCEEDING",
						    [IN_COMPLETED] = "COMPLETED",
						    [IN_CONFIRMED] = "CONFIRMED",
						    [IN_ACCEPTED] = "ACCEPTED",
						    [IN_OVER] = "OVER"};

static const char *const event_names[TXN_EVENTS] = {[RX_REQUEST] = "rx-request",
						    [RX_ACK] = "rx-ACK",
						    [RX_1XX] = "rx-1xx",
						    [RX_2XX] = "rx-2xx",
						    [RX_300_699] = "rx-300-699",
						    [TU_1XX] = "tu-1xx",
						    [TU_2XX] = "tu-2xx",
						    [TU_300_699] = "tu-300-699",
						    [TU_408] = "tu-408",
						    [TU_FORBIDDEN] = "tu-forbidden",
						    [TU_CANCEL] = "tu-cancel",
						    [TU_GONE] = "tu-gone",
						    [T_A] = "A",
						    [T_B] = "B",
						    [T_D] = "D",
						    [T_E] = "E",
						    [T_F] = "F",
						    [T_G] = "G",
						    [T_H] = "H",
						    [T_I] = "I",
						    [T_J] = "J",
						    [T_K] = "K",
						    [T_L] = "L",
						    [T_M] = "M",
						    [T_100] = "100",
						    [T_CANCEL] = "X",
						    [ERROR] = "error"};

static const char *const machine_names[TXN_MACHINES] = {"server INVITE", "server other",
							"client INVITE", "client other"};

/* State, event, and what is there then: state; what was sent; what the TU was told; timers that run, with their intervals. */
struct row {
	enum txn_machine machine;
	enum txn_state state;
	enum txn_event event;
	const char *then;
};

static const struct row rows[] = {
	/* RFC 3261 figure 7, RFC 6026 §7.1. */
	{TXN_IST, IN_PROCEEDING, RX_REQUEST, "PROCEEDING tx:180"},
	{TXN_IST, IN_PROCEEDING, TU_1XX, "PROCEEDING tx:183"},
	{TXN_IST, IN_PROCEEDING, T_100, "PROCEEDING"}, /* 180 was sent: none is owed */
	{TXN_IST, IN_PROCEEDING, TU_2XX, "ACCEPTED tx:200 L:32000"},
	{TXN_IST, IN_PROCEEDING, TU_300_699, "COMPLETED tx:404 G:500 H:32000"},
	{TXN_IST, IN_PROCEEDING, TU_GONE, "OVER"},
	{TXN_IST, IN_COMPLETED, RX_REQUEST, "COMPLETED tx:404 G:500 H:32000"},
	{TXN_IST, IN_COMPLETED, RX_ACK, "CONFIRMED I:5000"},
	{TXN_IST, IN_COMPLETED, T_G, "COMPLETED tx:404 G:1000 H:32000"},
	{TXN_IST, IN_COMPLETED, T_H, "OVER"},
	{TXN_IST, IN_CONFIRMED, T_I, "OVER"},
	{TXN_IST, IN_ACCEPTED, RX_ACK, "ACCEPTED pass L:32000"},
	{TXN_IST, IN_ACCEPTED, TU_2XX, "ACCEPTED tx:200 L:32000"},
	{TXN_IST, IN_ACCEPTED, T_L, "OVER"},
	/* RFC 3261 figure 8, RFC 4320 §4. */
	{TXN_NIST, IN_TRYING, TU_1XX, "PROCEEDING tx:183"},
	{TXN_NIST, IN_TRYING, TU_FORBIDDEN, "TRYING withheld"},
	{TXN_NIST, IN_TRYING, T_100, "PROCEEDING"},
	{TXN_NIST, IN_TRYING, TU_2XX, "COMPLETED tx:200 J:32000"},
	{TXN_NIST, IN_TRYING, TU_300_699, "COMPLETED tx:404 J:32000"},
	{TXN_NIST, IN_TRYING, TU_408, "COMPLETED withheld J:32000"},
	{TXN_NIST, IN_TRYING, TU_GONE, "COMPLETED J:32000"},
	{TXN_NIST, IN_PROCEEDING, RX_REQUEST, "PROCEEDING tx:100"},
	{TXN_NIST, IN_PROCEEDING, TU_1XX, "PROCEEDING tx:183"},
	{TXN_NIST, IN_PROCEEDING, TU_FORBIDDEN, "PROCEEDING withheld"},
	{TXN_NIST, IN_PROCEEDING, TU_2XX, "COMPLETED tx:200 J:32000"},
	{TXN_NIST, IN_PROCEEDING, TU_300_699, "COMPLETED tx:404 J:32000"},
	{TXN_NIST, IN_PROCEEDING, TU_408, "COMPLETED withheld J:32000"},
	{TXN_NIST, IN_PROCEEDING, TU_GONE, "COMPLETED J:32000"},
	{TXN_NIST, IN_COMPLETED, RX_REQUEST, "COMPLETED tx:200 J:32000"},
	{TXN_NIST, IN_COMPLETED, T_J, "OVER"},
	/* RFC 3261 figure 5, RFC 6026 §7.2, §9.1. */
	{TXN_ICT, IN_CALLING, T_A, "CALLING tx:INVITE A:1000 B:32000"},
	{TXN_ICT, IN_CALLING, T_B, "OVER fail:ETIMEDOUT"},
	{TXN_ICT, IN_CALLING, RX_1XX, "PROCEEDING up:180"},
	{TXN_ICT, IN_CALLING, RX_2XX, "ACCEPTED up:200 M:32000"},
	{TXN_ICT, IN_CALLING, RX_300_699, "COMPLETED tx:ACK up:404 D:32000"},
	{TXN_ICT, IN_CALLING, ERROR, "OVER fail:ECONNREFUSED"},
	{TXN_ICT, IN_CALLING, TU_CANCEL, "CALLING A:500 B:32000"},
	{TXN_ICT, IN_PROCEEDING, RX_1XX, "PROCEEDING up:180"},
	{TXN_ICT, IN_PROCEEDING, RX_2XX, "ACCEPTED up:200 M:32000"},
	{TXN_ICT, IN_PROCEEDING, RX_300_699, "COMPLETED tx:ACK up:404 D:32000"},
	{TXN_ICT, IN_PROCEEDING, TU_CANCEL, "PROCEEDING tx:CANCEL X:32000"},
	{TXN_ICT, IN_PROCEEDING, T_CANCEL, "OVER fail:ETIMEDOUT"},
	{TXN_ICT, IN_COMPLETED, RX_300_699, "COMPLETED tx:ACK D:32000"},
	{TXN_ICT, IN_COMPLETED, T_D, "OVER"},
	{TXN_ICT, IN_COMPLETED, ERROR, "OVER"},
	{TXN_ICT, IN_ACCEPTED, RX_2XX, "ACCEPTED up:200 M:32000"}, /* nothing was kept */
	{TXN_ICT, IN_ACCEPTED, T_M, "OVER"},
	/* RFC 3261 figure 6. */
	{TXN_NICT, IN_TRYING, T_E, "TRYING tx:OPTIONS E:1000 F:32000"},
	{TXN_NICT, IN_TRYING, T_F, "OVER fail:ETIMEDOUT"},
	{TXN_NICT, IN_TRYING, ERROR, "OVER fail:ECONNREFUSED"},
	{TXN_NICT, IN_TRYING, RX_1XX, "PROCEEDING up:180 E:500 F:32000"},
	{TXN_NICT, IN_TRYING, RX_2XX, "COMPLETED up:200 K:5000"},
	{TXN_NICT, IN_TRYING, RX_300_699, "COMPLETED up:404 K:5000"},
	{TXN_NICT, IN_PROCEEDING, T_E, "PROCEEDING tx:OPTIONS E:4000 F:32000"},
	{TXN_NICT, IN_PROCEEDING, T_F, "OVER fail:ETIMEDOUT"},
	{TXN_NICT, IN_PROCEEDING, ERROR, "OVER fail:ECONNREFUSED"},
	{TXN_NICT, IN_PROCEEDING, RX_1XX, "PROCEEDING up:180 E:500 F:32000"},
	{TXN_NICT, IN_PROCEEDING, RX_2XX, "COMPLETED up:200 K:5000"},
	{TXN_NICT, IN_PROCEEDING, RX_300_699, "COMPLETED up:404 K:5000"},
	{TXN_NICT, IN_COMPLETED, T_K, "OVER"},
};

/* States that a machine can be in while it is in the table. */
static const uint8_t can_be_in[TXN_MACHINES][4] = {
	[TXN_IST] = {IN_PROCEEDING, IN_COMPLETED, IN_CONFIRMED, IN_ACCEPTED},
	[TXN_NIST] = {IN_TRYING, IN_PROCEEDING, IN_COMPLETED},
	[TXN_ICT] = {IN_CALLING, IN_PROCEEDING, IN_COMPLETED, IN_ACCEPTED},
	[TXN_NICT] = {IN_TRYING, IN_PROCEEDING, IN_COMPLETED},
};

static struct arrived first;
static struct asked question;

static struct txn *server_in(enum txn_machine machine, enum txn_state state)
{
	bool invite = machine == TXN_IST;
	struct say s = {.method = invite ? "INVITE" : "OPTIONS"};
	struct say ack = {.method = "ACK"};
	struct txn_server *server = serve_new(&s, &first);

	assert_non_null(server);
	if (!invite && state == IN_PROCEEDING) {
		pass(3504); /* until RFC 4320 allows it; what lingers ends at whole steps */
		assert_int_equal(reply(server, 100), 0);
	}
	if (invite)
		assert_int_equal(reply(server, 180), 0);
	if (state == IN_ACCEPTED || (!invite && state == IN_COMPLETED))
		assert_int_equal(reply(server, 200), 0);
	if (invite && (state == IN_COMPLETED || state == IN_CONFIRMED))
		assert_int_equal(reply(server, 404), 0);
	if (state == IN_CONFIRMED)
		assert_int_equal(request(&ack, NULL), TXN_ABSORBED);
	return &server->txn;
}

static struct txn *client_in(enum txn_machine machine, enum txn_state state)
{
	const char *method = machine == TXN_ICT ? "INVITE" : "OPTIONS";
	struct txn_client *client = ask(&question, method, SIP_TRANSPORT_UDP);

	assert_non_null(client);
	if (state == IN_PROCEEDING)
		assert_true(answer(&question, method, 180, NULL));
	if (state == IN_COMPLETED)
		assert_true(answer(&question, method, 404, NULL));
	if (state == IN_ACCEPTED)
		assert_true(answer(&question, method, 200, NULL));
	return &client->txn;
}

/* The bytes, or the message, that an event brings. */
static void bring(struct txn *t, enum txn_event event)
{
	static const unsigned status[TXN_EVENTS] = {
		[RX_1XX] = 180, [RX_2XX] = 200,     [RX_300_699] = 404, [TU_1XX] = 183,
		[TU_2XX] = 200, [TU_300_699] = 404, [TU_408] = 408,     [TU_FORBIDDEN] = 180};
	char bytes[2048] = "";
	struct say s = {.status = status[event],
			.method = t->machine == TXN_ICT ? "INVITE" : "OPTIONS"};
	struct txn_in in = {.status = status[event], .err = -ECONNREFUSED};

	if (status[event]) {
		in.rx = &arrive(&s)->rx;
		in.bytes = sv_of(bytes, say_write(&s, bytes, sizeof(bytes)));
	}
	uint64_t withheld = stat(TXN_STAT_WITHHELD);
	txn_run(t, event, &in);
	if (in.did & DO_PASS)
		note(" pass");
	if (stat(TXN_STAT_WITHHELD) != withheld)
		note(" withheld");
}

static void timer_text(char *out, size_t cap, const char *name, uint32_t ms)
{
	size_t n = strlen(out);

	snprintf(out + n, cap - n, " %s:%u", name, ms);
}

static void render(const struct txn *t, unsigned from, char *out, size_t cap)
{
	const char *told = notes(), *sent = sent_what(from);

	snprintf(out, cap, "%s%s%.80s%s%.80s", state_names[t->state], *sent ? " tx:" : "", sent,
		 *told ? " " : "", told);
	assert_true(wheel_is_set(&t->timer) == (t->end_event || t->resend_event));
	if (t->resend_event)
		timer_text(out, cap, event_names[t->resend_event], t->resend_ms);
	if (t->end_event)
		timer_text(out, cap, event_names[t->end_event],
			   t->end_at - (uint32_t)world.loop.now_ms);
}

static const char *expected(enum txn_machine machine, enum txn_state state, enum txn_event event)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].machine == machine && rows[i].state == state && rows[i].event == event)
			return rows[i].then;
	return NULL;
}

static void check_cell(enum txn_machine machine, enum txn_state state, enum txn_event event)
{
	char before[256], after[256];
	bool server = machine == TXN_IST || machine == TXN_NIST;

	assert_true(world_begin(1000000));
	struct txn *t = server ? server_in(machine, state) : client_in(machine, state);
	assert_int_equal(t->state, state);
	notes();
	render(t, world.tp.n, before, sizeof(before));
	unsigned from = world.tp.n;
	bring(t, event);
	render(t, from, after, sizeof(after));
	const char *want = expected(machine, state, event);
	if (strcmp(after, want ? want : before) != 0)
		fail_msg("%s, %s, %s: \"%s\", expected \"%s\"", machine_names[machine],
			 state_names[state], event_names[event], after, want ? want : before);
	if (server)
		txn_server_unref(txn_to_server(t));
	else
		txn_client_release(txn_to_client(t));
	world_end();
}

static void every_cell(void **unused)
{
	unsigned cells = 0;

	(void)unused;
	for (unsigned m = 0; m < TXN_MACHINES; m++)
		for (unsigned s = 0; s < 4 && can_be_in[m][s]; s++)
			for (unsigned e = NO_EVENT + 1; e < TXN_EVENTS; e++, cells++)
				check_cell(m, can_be_in[m][s], e);
	assert_int_equal(cells, 14 * (TXN_EVENTS - 1));
}

/* Nothing happens in Terminated, and states that a machine does not have have no cells. */
static void no_other_cell(void **unused)
{
	static const txn_figure *const figures[TXN_MACHINES] = {
		&txn_server_invite, &txn_server_other, &txn_client_invite, &txn_client_other};

	(void)unused;
	for (unsigned m = 0; m < TXN_MACHINES; m++)
		for (unsigned s = 0; s < TXN_STATES; s++)
			for (unsigned e = 0; e < TXN_EVENTS; e++)
				if ((*figures[m])[s][e].next)
					assert_non_null(expected(m, s, e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell),
		cmocka_unit_test(no_other_cell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
