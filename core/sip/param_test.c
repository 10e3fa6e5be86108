/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * param: the walk over parameter lists, a look-up by name, and quoted-pairs resolved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sip/param.h"
#include "sip/test_guard.h"

static const struct row {
	struct sv in;
	const char *want; /* name|value or name, and what stopped the walk behind "+" */
	const char *name;
} rows[] = {
	{SV_INIT(""), "", "nothing"},
	{SV_INIT("  "), "+  ", "white space"},
	{SV_INIT(";a"), "a ", "a flag"},
	{SV_INIT(";a=b"), "a|b ", "a value"},
	{SV_INIT(";a="), "a| ", "an empty value"},
	{SV_INIT("; a = b ; c"), "a|b c ", "white space"},
	{SV_INIT("\r\n ;\r\n a\r\n =\r\n b"), "a|b ", "folds"},
	{SV_INIT(";a=\"b;c=d\";e"), "a|\"b;c=d\" e ", "quoted"},
	{SV_INIT(";a=\"\""), "a|\"\" ", "empty quotes"},
	{SV_INIT(";a=\"b\\\"c\""), "a|\"b\\\"c\" ", "quoted-pair is left as written"},
	{SV_INIT(";lr;transport=tcp;x=%41/[]"), "lr transport|tcp x|%41/[] ", "of a URI"},
	{SV_INIT("a=b"), "+a=b", "no semicolon"},
	{SV_INIT(";"), "+;", "semicolon only"},
	{SV_INIT(";;a"), "+;;a", "two semicolons"},
	{SV_INIT(";a;;b"), "a +;;b", "two semicolons later"},
	{SV_INIT(";=a"), "+;=a", "no name"},
	{SV_INIT(";a=\"b"), "+;a=\"b", "quote never closed"},
	{SV_INIT(";a=b c"), "a|b + c", "a word behind"},
	{SV_INIT(";a=b,c"), "a|b +,c", "a comma"},
};

static void walks(void **state)
{
	struct fence f = fence_init(256);
	static struct text got;
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned place = 0; place < FENCE_PLACES; place++) {
			struct sv rest = fence_put(&f, rows[i].in, place);
			struct sip_param p;
			text_start(&got);
			while (sip_param_next(&rest, &p)) {
				text_put(&got, p.name);
				if (p.has_value)
					text_add(&got, p.quoted ? "|\"%.*s\"" : "|%.*s",
						 SV_ARG(p.value));
				text_add(&got, " ");
			}
			if (rest.n)
				text_add(&got, "+%.*s", SV_ARG(rest));
			if (strcmp(got.p, rows[i].want) != 0)
				row_differs(&bad, rows[i].name, got.p, rows[i].want);
		}
	fence_done(&f);
	assert_int_equal(bad, 0);
}

static void looked_up_by_name(void **state)
{
	const struct sv list = SV(";Lr;maddr=192.0.2.1;x=\"1\";x=2");
	struct sip_param p;

	(void)state;
	assert_true(sip_param_find(list, SV("lr"), &p));
	assert_false(p.has_value);
	assert_true(sip_param_find(list, SV("MADDR"), &p));
	assert_true(sv_eq(p.value, SV("192.0.2.1")));
	assert_true(sip_param_find(list, SV("x"), &p));
	assert_true(p.quoted && sv_eq(p.value, SV("1")));
	assert_true(sip_param_find(list, SV("x"), NULL));
	assert_false(sip_param_find(list, SV("y"), &p));
	assert_false(sip_param_find(list, SV("madd"), &p));
	assert_false(sip_param_find(SV(""), SV("y"), &p));
}

static void quoted_pairs_resolved(void **state)
{
	static const struct {
		struct sv in, want;
	} table[] = {
		{SV_INIT(""), SV_INIT("")},           {SV_INIT("abc"), SV_INIT("abc")},
		{SV_INIT("a\\\"b"), SV_INIT("a\"b")}, {SV_INIT("\\\\"), SV_INIT("\\")},
		{SV_INIT("\\a"), SV_INIT("a")},       {SV_INIT("a\\\0"), SV_INIT("a\0")},
		{SV_INIT("a\\"), SV_INIT("a\\")},     {SV_INIT("\\\\\\\""), SV_INIT("\\\"")},
	};
	struct fence f = fence_init(64);
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t n = sip_unquote(out, fence_put(&f, table[i].in, FENCE_END));
		assert_true(n <= table[i].in.n);
		assert_true(sv_eq(sv_of(out, n), table[i].want));
	}
	fence_done(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks),
		cmocka_unit_test(looked_up_by_name),
		cmocka_unit_test(quoted_pairs_resolved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
