/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A property of the whole room: whatever happens to a request, in whatever order, it ends once, with one final response, and leaves nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "router/test_random.h"

#define STORIES 4000

/* The same stories each time. */
static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void test_stories(void **state)
{
	uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);

	(void)state;
	for (unsigned i = 0; i < STORIES; i++) {
		uint8_t data[192];

		for (size_t k = 0; k < sizeof(data); k++)
			data[k] = (uint8_t)(next(&seed) >> 32);
		random_story(data, 24 + next(&seed) % (sizeof(data) - 24));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_stories)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
