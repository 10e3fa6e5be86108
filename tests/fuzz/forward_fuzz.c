/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * forward: a story of targets, answers, failures, time and cancelling around one request (core/router/test_random.h says what holds).
 */
#include "fuzz/fuzz.h"
#include "router/test_random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	random_story(data, size);
	return 0;
}
