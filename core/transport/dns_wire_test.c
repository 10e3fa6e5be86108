/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Names: compressed, too long, leading in circles, in answers before a guard page; and as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "transport/dns_test_packet.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define X63         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X61         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static struct pk pk;
static struct guard guard;

static void begin(unsigned type)
{
	pk_host(&pk, type);
}

/* A record whose owner is what `to` says, right behind the question. */
static void owner_pointer(size_t to)
{
	begin(PK_A);
	pk_set_u16(&pk, 6, 1);
	pk_pointer(&pk, to);
	pk_u16(&pk, PK_A);
	pk_u16(&pk, 1);
	pk_u32(&pk, 300);
	pk_u16(&pk, 4);
	pk_u32(&pk, 0xc0000201);
}

#define OWNER (PK_QNAME + 17 + 4)

static void pointer_to_itself(void)
{
	owner_pointer(OWNER);
}

static void pointer_forwards(void)
{
	owner_pointer(OWNER + 2);
}

static void pointer_into_header(void)
{
	owner_pointer(2);
}

static void pointer_past_the_end(void)
{
	owner_pointer(0x3fff);
}

static void reserved_label(void)
{
	owner_pointer(PK_QNAME);
	pk.b[OWNER] = 0x80;
}

static void question_is_a_pointer(void)
{
	begin(PK_A);
	pk.n = PK_QNAME;
	pk_pointer(&pk, PK_QNAME);
	pk_u16(&pk, PK_A);
	pk_u16(&pk, 1);
}

/* Pointers to pointers, `n` of them in a record of another type, the last used as owner. */
static void pointers(unsigned n)
{
	begin(PK_A);
	size_t to = PK_QNAME, at = pk_record(&pk, NULL, 99, 300);
	for (unsigned i = 1; i < n; i++) {
		size_t here = pk.n;

		pk_pointer(&pk, to);
		to = here;
	}
	pk_end(&pk, at);
	pk_set_u16(&pk, 6, 2);
	pk_pointer(&pk, to);
	pk_u16(&pk, PK_A);
	pk_u16(&pk, 1);
	pk_u32(&pk, 300);
	pk_u16(&pk, 4);
	pk_u32(&pk, 0xc0000201);
}

static void pointers_32(void)
{
	pointers(32);
}

static void pointers_33(void)
{
	pointers(33);
}

static void pointers_8000(void)
{
	pointers(8000);
}

/* A name of 63 bytes a label, so many labels, as target. */
static void long_target(unsigned last)
{
	char label[64];

	memset(label, 'x', 63);
	label[63] = '\0';
	begin(PK_SRV);
	size_t at = pk_record(&pk, NULL, PK_SRV, 300);
	pk_u32(&pk, 0);
	pk_u16(&pk, 5060);
	for (int i = 0; i < 3; i++)
		pk_text(&pk, label);
	label[last] = '\0';
	pk_text(&pk, label);
	pk_u8(&pk, 0);
	pk_end(&pk, at);
}

static void name_of_255(void)
{
	long_target(61);
}

static void name_of_256(void)
{
	long_target(62);
}

static const struct pk_row rows[] = {
	{pointer_to_itself, PK_A, 0, "none", "a pointer to itself owns nothing"},
	{pointer_forwards, PK_A, 0, "none", "a pointer forwards"},
	{pointer_into_header, PK_A, 0, "none", "a pointer into the header"},
	{pointer_past_the_end, PK_A, 0, "none", "a pointer past the end"},
	{reserved_label, PK_A, MG_EPARSE, "", "a reserved kind of label"},
	{question_is_a_pointer, PK_A, MG_EPARSE, "", "the question's name is a pointer"},
	{pointers_32, PK_A, 0, "found 300 192.0.2.1", "32 pointers"},
	{pointers_33, PK_A, 0, "none", "33 pointers"},
	{pointers_8000, PK_A, 0, "none", "8000 pointers"},
	{name_of_255, PK_SRV, 0, "found 300 0,0,5060," X63 "." X63 "." X63 "." X61,
	 "a name of 255 bytes"},
	{name_of_256, PK_SRV, MG_EPARSE, "", "a name of 256 bytes"},
};

static void test_rows(void **state)
{
	bool all = true;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		all &= pk_row_holds(&guard, &pk, &rows[i]);
	assert_true(all);
}

/* A pointer that leads nowhere does no harm where nobody needs the name; where it is needed the whole answer is refused. */
static void test_bad_pointer_in_data(void **state)
{
	static const unsigned to[] = {2, 0x3fff, OWNER + 12 + 6, OWNER + 12};
	static struct dns_answer answer;

	(void)state;
	for (size_t i = 0; i < ROWS(to); i++) {
		begin(PK_SRV);
		size_t at = pk_record(&pk, NULL, PK_SRV, 300);
		pk_u32(&pk, 0);
		pk_u16(&pk, 5060);
		pk_pointer(&pk, to[i]);
		pk_end(&pk, at);
		/* the last one points to a byte 0 of its own record's data: a root, and a place before the pointer */
		assert_int_equal(dns_answer_read(&answer, guard_put(&guard, pk_sv(&pk)),
						 SV(PK_HOST), DNS_SRV),
				 to[i] == OWNER + 12 ? 0 : MG_EPARSE);
	}
}

static const struct {
	const char *in;
	const char *out; /* NULL: refused */
} names[] = {
	{"Example.COM", "example.com"},
	{"example.com.", "example.com"},
	{"_sip._udp.a-1.de", "_sip._udp.a-1.de"},
	{"a", "a"},
	{X63 ".de", X63 ".de"},
	{X63 "." X63 "." X63 "." X61, X63 "." X63 "." X63 "." X61},
	{X63 "." X63 "." X63 "." X61 ".", X63 "." X63 "." X63 "." X61},
	{X63 "." X63 "." X63 "." X61 "x", NULL},
	{"x" X63 ".de", NULL},
	{"", NULL},
	{".", NULL},
	{"..", NULL},
	{"a..", NULL},
	{"a..b", NULL},
	{".a", NULL},
	{"a b", NULL},
	{"a/b", NULL},
	{"b\xc3\xbcro.de", NULL},
	{"[::1]", NULL},
};

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(names); i++) {
		char out[DNS_NAME_MAX];
		int n = dns_name_clean(guard_put(&guard, sv_str(names[i].in)), out);

		if (!names[i].out)
			assert_int_equal(n, MG_EPARSE);
		else if (n < 0 || !sv_eq(sv_of(out, (size_t)n), sv_str(names[i].out)))
			fail_msg("\"%s\": %d", names[i].in, n);
	}
	assert_int_equal(dns_name_clean(sv_of("a\0b", 3), (char[DNS_NAME_MAX]){0}), MG_EPARSE);
}

static int set_up(void **state)
{
	(void)state;
	guard = guard_init(65535);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_done(&guard);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_bad_pointer_in_data),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
