/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * server_other: the server transaction of every other request, as data. No code: run.c does what stands here.
 *
 * RFC 3261 §17.2.2 figure 8, with RFC 4320 §4: the one provisional response is 100, over datagrams not before a client's Timer E has reached T2 (then it is
 * owed: T_100), and there is no 408. A TU that has no answer in time gives none: the transaction waits in Completed, answering nothing, so that late
 * retransmissions are not taken for new requests. An absent cell means "ignore".
 */
#include "transaction/txn_priv.h"

/* clang-format off */
const txn_figure txn_server_other = {
	[IN_TRYING] = {
		[TU_1XX]       = {DO_STOP | DO_SEND | DO_KEEP, IN_PROCEEDING},
		[TU_FORBIDDEN] = {DO_WITHHOLD, IN_TRYING},
		[T_100]        = {DO_100, IN_PROCEEDING},
		[TU_2XX]       = {DO_STOP | DO_SEND | DO_KEEP | DO_FINAL | DO_ARM(TIMER_J), IN_COMPLETED},
		[TU_300_699]   = {DO_STOP | DO_SEND | DO_KEEP | DO_FINAL | DO_ARM(TIMER_J), IN_COMPLETED},
		[TU_408]       = {DO_STOP | DO_WITHHOLD | DO_FINAL | DO_FORGET | DO_ARM(TIMER_J), IN_COMPLETED},
		[TU_GONE]      = {DO_STOP | DO_FINAL | DO_FORGET | DO_ARM(TIMER_J), IN_COMPLETED},
	},
	[IN_PROCEEDING] = {
		[RX_REQUEST]   = {DO_REPLAY, IN_PROCEEDING},
		[TU_1XX]       = {DO_SEND | DO_KEEP, IN_PROCEEDING},
		[TU_FORBIDDEN] = {DO_WITHHOLD, IN_PROCEEDING},
		[TU_2XX]       = {DO_SEND | DO_KEEP | DO_FINAL | DO_ARM(TIMER_J), IN_COMPLETED},
		[TU_300_699]   = {DO_SEND | DO_KEEP | DO_FINAL | DO_ARM(TIMER_J), IN_COMPLETED},
		[TU_408]       = {DO_WITHHOLD | DO_FINAL | DO_FORGET | DO_ARM(TIMER_J), IN_COMPLETED},
		[TU_GONE]      = {DO_FINAL | DO_FORGET | DO_ARM(TIMER_J), IN_COMPLETED},
	},
	[IN_COMPLETED] = {
		[RX_REQUEST]   = {DO_REPLAY, IN_COMPLETED},
		[T_J]          = {0, IN_OVER},
	},
};
/* clang-format on */
