/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bytes to letters and back, and letters that are no bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"

/* Mostly those of RFC 4648 §10, without padding; and the two letters that only the alphabet of §5 has. */
static void rows_of_the_rfc(void **state)
{
	static const struct {
		struct sv raw;
		const char *text;
	} rows[] = {
		{SV_INIT(""), ""},
		{SV_INIT("f"), "Zg"},
		{SV_INIT("hi"), "aGk"},
		{SV_INIT("foo"), "Zm9v"},
		{SV_INIT("foob"), "Zm9vYg"},
		{SV_INIT("fooba"), "Zm9vYmE"},
		{SV_INIT("foobar"), "Zm9vYmFy"},
		{SV_INIT("\xfb\xff\xfe"), "-__-"},
		{SV_INIT("\0\0"), "AAA"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t letters = strlen(rows[i].text);
		uint8_t raw[8];
		char text[16];

		assert_int_equal(BASE64_LETTERS(rows[i].raw.n), letters);
		assert_int_equal(BASE64_BYTES(letters), rows[i].raw.n);
		assert_int_equal(base64_write(text, (const uint8_t *)rows[i].raw.p, rows[i].raw.n),
				 letters);
		assert_memory_equal(text, rows[i].text, letters);
		assert_int_equal(base64_read(raw, sv_of(text, letters)), rows[i].raw.n);
		assert_memory_equal(raw, rows[i].raw.p, rows[i].raw.n);
	}
}

/* Of all texts of two letters those are read whose bytes are written so; of one letter none is. */
static void one_text_for_each(void **state)
{
	unsigned read = 0;

	(void)state;
	for (unsigned i = 0; i < 65536; i++) {
		char text[2] = {(char)(i >> 8), (char)i}, again[2];
		uint8_t raw[1];

		if (base64_read(raw, sv_of(text, 2)) != 1)
			continue;
		assert_int_equal(base64_write(again, raw, 1), 2);
		assert_memory_equal(again, text, 2);
		read++;
	}
	assert_int_equal(read, 256);
	for (unsigned i = 0; i < 256; i++) {
		char c = (char)i;
		uint8_t raw[1];

		assert_int_equal(base64_read(raw, sv_of(&c, 1)), MG_EPARSE);
	}
}

static void no_letters(void **state)
{
	static const char *const rows[] = {"Zm9v=", "Zg==", "Zm9 v", "Zm+v",     "Zm/v",
					   "Zm9vY", "Zh",   "Zm9",   "Zm9v\xc3", "Zm9vYmFyZ"};
	uint8_t raw[16];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(base64_read(raw, sv_str(rows[i])), MG_EPARSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_the_rfc),
		cmocka_unit_test(one_text_for_each),
		cmocka_unit_test(no_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
