/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * client_other: the client transaction of every other request, as data. No code: run.c does what stands here.
 *
 * RFC 3261 §17.1.2 figure 6. An absent cell means "ignore".
 */
#include "transaction/txn_priv.h"

/* clang-format off */
const txn_figure txn_client_other = {
	[IN_TRYING] = {
		[T_E]        = {DO_RESEND | DO_ARM(TIMER_E), IN_TRYING},
		[T_F]        = {DO_FAIL, IN_OVER},
		[ERROR]      = {DO_FAIL, IN_OVER},
		[RX_1XX]     = {DO_UP, IN_PROCEEDING},
		[RX_2XX]     = {DO_STOP | DO_UP | DO_FINAL | DO_ARM(TIMER_K), IN_COMPLETED},
		[RX_300_699] = {DO_STOP | DO_UP | DO_FINAL | DO_ARM(TIMER_K), IN_COMPLETED},
	},
	[IN_PROCEEDING] = {
		[T_E]        = {DO_RESEND | DO_ARM(TIMER_E_SLOW), IN_PROCEEDING},
		[T_F]        = {DO_FAIL, IN_OVER},
		[ERROR]      = {DO_FAIL, IN_OVER},
		[RX_1XX]     = {DO_UP, IN_PROCEEDING},
		[RX_2XX]     = {DO_STOP | DO_UP | DO_FINAL | DO_ARM(TIMER_K), IN_COMPLETED},
		[RX_300_699] = {DO_STOP | DO_UP | DO_FINAL | DO_ARM(TIMER_K), IN_COMPLETED},
	},
	[IN_COMPLETED] = {
		[T_K]        = {0, IN_OVER},
	},
};
/* clang-format on */
