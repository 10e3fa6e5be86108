/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * server_invite: the INVITE server transaction, as data. No code: run.c does what stands here.
 *
 * RFC 3261 §17.2.1 figure 7, with the Accepted state of RFC 6026 §7.1 (figure 5 there, Timer L). An absent cell means "ignore". Errors of the transport
 * leave the state as it is (RFC 6026 §7.1), so they have no cells.
 */
#include "transaction/txn_priv.h"

/* clang-format off */
const txn_figure txn_server_invite = {
	[IN_PROCEEDING] = {
		[RX_REQUEST] = {DO_REPLAY, IN_PROCEEDING},
		[TU_1XX]     = {DO_STOP | DO_SEND | DO_KEEP, IN_PROCEEDING},
		[T_100]      = {DO_100, IN_PROCEEDING},
		[TU_2XX]     = {DO_STOP | DO_SEND | DO_FINAL | DO_FORGET | DO_ARM(TIMER_L), IN_ACCEPTED},
		[TU_300_699] = {DO_STOP | DO_SEND | DO_KEEP | DO_FINAL | DO_ARM(TIMER_G) | DO_ARM(TIMER_H), IN_COMPLETED},
		[TU_GONE]    = {0, IN_OVER},
	},
	[IN_COMPLETED] = {
		[RX_REQUEST] = {DO_REPLAY, IN_COMPLETED},
		[RX_ACK]     = {DO_STOP | DO_FORGET | DO_ARM(TIMER_I), IN_CONFIRMED},
		[T_G]        = {DO_RESEND | DO_ARM(TIMER_G), IN_COMPLETED},
		[T_H]        = {0, IN_OVER},
	},
	[IN_CONFIRMED] = {
		[T_I]        = {0, IN_OVER},
	},
	/* Retransmissions of the INVITE are absorbed without an answer; ACKs and further 2xx go through. */
	[IN_ACCEPTED] = {
		[RX_ACK]     = {DO_PASS, IN_ACCEPTED},
		[TU_2XX]     = {DO_SEND, IN_ACCEPTED},
		[T_L]        = {0, IN_OVER},
	},
};
/* clang-format on */
