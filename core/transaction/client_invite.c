/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * client_invite: the INVITE client transaction, as data. No code: run.c does what stands here.
 *
 * RFC 3261 §17.1.1 figure 5, with the Accepted state of RFC 6026 §7.2 (figure 6 there, Timer M), and cancelling by §9.1: no CANCEL before a provisional
 * response; 64*T1 after it the INVITE is given up. An absent cell means "ignore". Where the figure informs the TU of an error in Completed, nobody is told: it has its
 * final response, and nothing is left to decide.
 */
#include "transaction/txn_priv.h"

/* clang-format off */
const txn_figure txn_client_invite = {
	[IN_CALLING] = {
		[T_A]        = {DO_RESEND | DO_ARM(TIMER_A), IN_CALLING},
		[T_B]        = {DO_FAIL, IN_OVER},
		[RX_1XX]     = {DO_STOP | DO_UP, IN_PROCEEDING},
		[RX_2XX]     = {DO_STOP | DO_UP | DO_FINAL | DO_ARM(TIMER_M), IN_ACCEPTED},
		[RX_300_699] = {DO_STOP | DO_ACK | DO_UP | DO_FINAL | DO_ARM(TIMER_D), IN_COMPLETED},
		[ERROR]      = {DO_FAIL, IN_OVER},
		[TU_CANCEL]  = {DO_WANT_CANCEL, IN_CALLING},
	},
	[IN_PROCEEDING] = {
		[RX_1XX]     = {DO_UP, IN_PROCEEDING},
		[RX_2XX]     = {DO_STOP | DO_UP | DO_FINAL | DO_ARM(TIMER_M), IN_ACCEPTED},
		[RX_300_699] = {DO_STOP | DO_ACK | DO_UP | DO_FINAL | DO_ARM(TIMER_D), IN_COMPLETED},
		[TU_CANCEL]  = {DO_CANCEL | DO_ARM(TIMER_CANCEL), IN_PROCEEDING},
		[T_CANCEL]   = {DO_FAIL, IN_OVER},
	},
	[IN_COMPLETED] = {
		[RX_300_699] = {DO_ACK, IN_COMPLETED},
		[T_D]        = {0, IN_OVER},
		[ERROR]      = {0, IN_OVER},
	},
	[IN_ACCEPTED] = {
		[RX_2XX]     = {DO_2XX, IN_ACCEPTED},
		[T_M]        = {0, IN_OVER},
	},
};
/* clang-format on */
