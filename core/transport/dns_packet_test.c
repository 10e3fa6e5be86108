/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Answers as servers and attackers send them, each with what is to come out, before a guard page; every cut and every changed
 * byte of a good one; questions against the bytes of RFC 1035 and RFC 6891. Names are dns_wire_test.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/test_guard.h"
#include "sip/uri.h"
#include "transport/dns_packet.h"
#include "transport/dns_test_packet.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define NAME        PK_HOST

static struct pk pk;
static struct guard guard;
static struct dns_answer answer;

/* ---- what servers send ---- */

static void begin(unsigned type)
{
	pk_host(&pk, type);
}

static void one_a(void)
{
	begin(PK_A);
	pk_address(&pk, NULL, 300, "192.0.2.1");
}

static void two_a_two_ttls(void)
{
	begin(PK_A);
	pk_address(&pk, NULL, 300, "192.0.2.1");
	pk_address(&pk, NAME, 60, "192.0.2.2");
}

static void other_case(void)
{
	begin(PK_A);
	memcpy(pk.b + PK_QNAME + 1, "SiP", 3);
	pk_address(&pk, "sIp.EXAMPLE.com", 300, "192.0.2.1");
}

static void aaaa(void)
{
	begin(PK_AAAA);
	pk_address(&pk, NULL, 300, "2001:db8::1");
}

static void aaaa_mapped(void)
{
	static const uint8_t mapped[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1};

	begin(PK_AAAA);
	size_t at = pk_record(&pk, NULL, PK_AAAA, 300);
	pk_bytes(&pk, mapped, 16);
	pk_end(&pk, at);
}

static void srv(void)
{
	begin(PK_SRV);
	pk_srv(&pk, NULL, 300, 10, 60, 5060, "A.example.com");
	pk_srv(&pk, NULL, 300, 20, 0, 5070, "b.example.com");
	pk_srv(&pk, NULL, 300, 30, 0, 0, "");
}

static void srv_compressed(void)
{
	begin(PK_SRV);
	size_t at = pk_record(&pk, NULL, PK_SRV, 300);
	pk_u16(&pk, 10);
	pk_u16(&pk, 60);
	pk_u16(&pk, 5060);
	pk_text(&pk, "pbx");
	pk_pointer(&pk, PK_QNAME + 4);
	pk_end(&pk, at);
}

static void srv_odd(void)
{
	begin(PK_SRV);
	pk_srv(&pk, NULL, 300, 10, 60, 0, "port-zero.example.com");
	pk_srv(&pk, NULL, 300, 10, 60, 5060, "sp ace.example.com");
	pk_srv(&pk, NULL, 300, 10, 60, 5060, "b\xc3\xbcro.example.com");
	pk_srv(&pk, NULL, 300, 10, 60, 5060, "_ok-1.example.com");
}

static void naptr(void)
{
	begin(PK_NAPTR);
	pk_naptr(&pk, NULL, 300, 50, 50, "s", "SIPS+D2T", "", "_sips._tcp.example.com");
	pk_naptr(&pk, NULL, 300, 90, 50, "S", "sip+d2t", "", "_sip._tcp.example.com");
	pk_naptr(&pk, NULL, 300, 100, 50, "s", "SIP+D2U", "", "_sip._udp.example.com");
}

static void naptr_of_no_use(void)
{
	begin(PK_NAPTR);
	pk_naptr(&pk, NULL, 300, 1, 1, "u", "E2U+sip", "!^.*$!sip:a@b!", "");
	pk_naptr(&pk, NULL, 300, 1, 1, "s", "SIP+D2U", "!a!b!", "_sip._udp.example.com");
	pk_naptr(&pk, NULL, 300, 1, 1, "a", "SIP+D2U", "", "a.example.com");
	pk_naptr(&pk, NULL, 300, 1, 1, "", "SIP+D2U", "", "a.example.com");
	pk_naptr(&pk, NULL, 300, 1, 1, "s", "SIP+D2S", "", "_sip._sctp.example.com");
	pk_naptr(&pk, NULL, 300, 1, 1, "s", "SIP+D2U", "", "");
}

static void aliases(void)
{
	begin(PK_A);
	pk_alias(&pk, NULL, 100, "a.example.com");
	pk_alias(&pk, "a.example.com", 40, "b.example.com");
	pk_address(&pk, "b.example.com", 300, "192.0.2.1");
	pk_address(&pk, "c.example.com", 1, "192.0.2.9");
	pk_address(&pk, NULL, 1, "192.0.2.8");
}

static void aliases_backwards(void)
{
	begin(PK_A);
	pk_address(&pk, "b.example.com", 300, "192.0.2.1");
	pk_alias(&pk, "a.example.com", 40, "b.example.com");
	pk_alias(&pk, NULL, 100, "a.example.com");
}

static void chain(unsigned n)
{
	char from[32] = NAME, to[32];

	begin(PK_A);
	for (unsigned i = 0; i < n; i++) {
		snprintf(to, sizeof(to), "c%u.example.com", i);
		pk_alias(&pk, from, 100, to);
		memcpy(from, to, sizeof(from));
	}
	pk_address(&pk, from, 300, "192.0.2.1");
}

static void eight_aliases(void)
{
	chain(8);
}

static void nine_aliases(void)
{
	chain(9);
}

static void alias_to_itself(void)
{
	begin(PK_A);
	pk_alias(&pk, NULL, 100, NAME);
}

static void alias_circle(void)
{
	begin(PK_A);
	pk_alias(&pk, NULL, 100, "a.example.com");
	pk_alias(&pk, "a.example.com", 100, NAME);
}

static void alias_cut_short(void)
{
	begin(PK_A);
	size_t at = pk_record(&pk, NULL, PK_CNAME, 100);
	pk_text(&pk, "a");
	pk_end(&pk, at);
}

static void aaaa_of_4_bytes(void)
{
	begin(PK_AAAA);
	size_t at = pk_record(&pk, NULL, PK_AAAA, 300);
	pk_bytes(&pk, "\1\2\3\4", 4);
	pk_end(&pk, at);
}

static void alias_to_nothing(void)
{
	begin(PK_A);
	pk_alias(&pk, NULL, 100, "a.example.com");
}

static void alias_to_odd_name(void)
{
	begin(PK_A);
	pk_alias(&pk, NULL, 100, "a b.example.com");
	pk_address(&pk, "a b.example.com", 100, "192.0.2.1");
}

static void nothing(void)
{
	begin(PK_A);
}

static void no_such_name(void)
{
	pk_begin(&pk, 7, 3, NAME, PK_A);
}

static void no_such_name_with_record(void)
{
	pk_begin(&pk, 7, 3, NAME, PK_A);
	pk_address(&pk, NULL, 300, "192.0.2.1");
}

static void server_failure(void)
{
	pk_begin(&pk, 7, 2, NAME, PK_A);
	pk_address(&pk, NULL, 300, "192.0.2.1");
}

static void other_names_only(void)
{
	begin(PK_A);
	pk_address(&pk, "bank.example.net", 300, "192.0.2.66");
	pk_address(&pk, "example.com", 300, "192.0.2.67");
	pk_address(&pk, "x.sip.example.com", 300, "192.0.2.68");
}

static void other_types_and_class(void)
{
	begin(PK_A);
	pk_address(&pk, NULL, 300, "2001:db8::1");
	pk_address(&pk, NULL, 300, "192.0.2.1");
	pk_set_u16(&pk, pk.n - 4 - 8, 3); /* CHAOS */
}

static void ttl_zero(void)
{
	begin(PK_A);
	pk_address(&pk, NULL, 0, "192.0.2.1");
}

static void ttl_2_31(void)
{
	begin(PK_A);
	pk_address(&pk, NULL, 0x80000000, "192.0.2.1");
}

static void ttl_largest(void)
{
	begin(PK_A);
	pk_address(&pk, NULL, 0x7fffffff, "192.0.2.1");
}

/* ---- what attackers send ---- */

static void not_an_answer(void)
{
	one_a();
	pk.b[2] &= 0x7f;
}

static void other_opcode(void)
{
	one_a();
	pk.b[2] |= 0x28;
}

static void other_question(void)
{
	pk_begin(&pk, 7, 0, "zip.example.com", PK_A);
	pk_address(&pk, NULL, 300, "192.0.2.1");
}

static void other_type(void)
{
	begin(PK_AAAA);
	pk_address(&pk, NULL, 300, "192.0.2.1");
}

static void two_questions(void)
{
	one_a();
	pk_set_u16(&pk, 4, 2);
}

static void no_question(void)
{
	one_a();
	pk_set_u16(&pk, 4, 0);
}

static void more_promised(void)
{
	one_a();
	pk_set_u16(&pk, 6, 2);
}

static void a_of_5_bytes(void)
{
	begin(PK_A);
	size_t at = pk_record(&pk, NULL, PK_A, 300);
	pk_bytes(&pk, "\1\2\3\4\5", 5);
	pk_end(&pk, at);
}

static void a_of_16_bytes(void)
{
	begin(PK_A);
	size_t at = pk_record(&pk, NULL, PK_A, 300);
	pk_bytes(&pk, "0123456789abcdef", 16);
	pk_end(&pk, at);
}

static void srv_name_beyond_data(void)
{
	srv();
	pk_set_u16(&pk, PK_QNAME + 17 + 4 + 10, 7);
}

static void srv_bytes_behind_name(void)
{
	begin(PK_SRV);
	size_t at = pk_record(&pk, NULL, PK_SRV, 300);
	pk_u16(&pk, 10);
	pk_u16(&pk, 60);
	pk_u16(&pk, 5060);
	pk_name(&pk, "a.example.com");
	pk_u8(&pk, 0);
	pk_end(&pk, at);
}

static void naptr_text_beyond_data(void)
{
	begin(PK_NAPTR);
	size_t at = pk_record(&pk, NULL, PK_NAPTR, 300);
	pk_u32(&pk, 0x00010001);
	pk_u8(&pk, 200);
	pk_u8(&pk, 's');
	pk_end(&pk, at);
}

static const struct pk_row rows[] = {
	{one_a, PK_A, 0, "found 300 192.0.2.1", "one address"},
	{two_a_two_ttls, PK_A, 0, "found 60 192.0.2.1 192.0.2.2", "the smallest TTL counts"},
	{other_case, PK_A, 0, "found 300 192.0.2.1", "case does not matter"},
	{aaaa, PK_AAAA, 0, "found 300 2001:db8::1", "IPv6"},
	{aaaa_mapped, PK_AAAA, 0, "none", "IPv4 in disguise"},
	{srv, PK_SRV, 0, "found 300 10,60,5060,a.example.com 20,0,5070,b.example.com 30,0,0,",
	 "SRV"},
	{srv_compressed, PK_SRV, 0, "found 300 10,60,5060,pbx.example.com", "a compressed target"},
	{srv_odd, PK_SRV, 0, "found 300 10,60,5060,_ok-1.example.com", "targets that no host has"},
	{naptr, PK_NAPTR, 0,
	 "found 300 50,50,tls,_sips._tcp.example.com 90,50,tcp,_sip._tcp.example.com "
	 "100,50,udp,_sip._udp.example.com",
	 "RFC 3263 section 4.1"},
	{naptr_of_no_use, PK_NAPTR, 0, "none", "NAPTR for others"},
	{aliases, PK_A, 0, "found 40 192.0.2.1",
	 "two aliases; what stands beside them is not for us"},
	{aliases_backwards, PK_A, 0, "found 40 192.0.2.1", "aliases in another order"},
	{eight_aliases, PK_A, 0, "found 100 192.0.2.1", "eight aliases"},
	{nine_aliases, PK_A, MG_ELIMIT, "", "nine aliases"},
	{alias_to_itself, PK_A, MG_ELIMIT, "", "an alias to itself"},
	{alias_circle, PK_A, MG_ELIMIT, "", "aliases in a circle"},
	{alias_cut_short, PK_A, MG_EPARSE, "", "an alias cut short"},
	{aaaa_of_4_bytes, PK_AAAA, MG_EPARSE, "", "an address of 4 bytes in AAAA"},
	{alias_to_nothing, PK_A, 0, "none", "an alias to nothing"},
	{alias_to_odd_name, PK_A, 0, "none", "an alias to what is no host"},
	{nothing, PK_A, 0, "none", "no data"},
	{no_such_name, PK_A, 0, "none", "no such name"},
	{no_such_name_with_record, PK_A, 0, "none", "no such name, and a record nevertheless"},
	{server_failure, PK_A, 0, "lost", "server failure"},
	{other_names_only, PK_A, 0, "none", "records of names that nobody asked for"},
	{other_types_and_class, PK_A, 0, "none", "another type, another class"},
	{ttl_zero, PK_A, 0, "found 0 192.0.2.1", "TTL 0"},
	{ttl_2_31, PK_A, 0, "found 0 192.0.2.1", "TTL 2^31 is 0"},
	{ttl_largest, PK_A, 0, "found 2147483647 192.0.2.1", "TTL 2^31 - 1"},

	{not_an_answer, PK_A, MG_EPARSE, "", "a query"},
	{other_opcode, PK_A, MG_EPARSE, "", "an update"},
	{other_question, PK_A, MG_EPARSE, "", "another question"},
	{other_type, PK_A, MG_EPARSE, "", "another type in the question"},
	{two_questions, PK_A, MG_EPARSE, "", "two questions"},
	{no_question, PK_A, MG_EPARSE, "", "no question"},
	{more_promised, PK_A, MG_EPARSE, "", "more records promised than sent"},
	{a_of_5_bytes, PK_A, MG_EPARSE, "", "an address of 5 bytes"},
	{a_of_16_bytes, PK_A, MG_EPARSE, "", "an address of 16 bytes in A"},
	{srv_name_beyond_data, PK_SRV, MG_EPARSE, "", "a target beyond its record"},
	{srv_bytes_behind_name, PK_SRV, MG_EPARSE, "", "bytes behind the target"},
	{naptr_text_beyond_data, PK_NAPTR, MG_EPARSE, "", "a text beyond its record"},
};

static int read_guarded(struct sv packet, enum dns_type type)
{
	memset(&answer, 0xa5, sizeof(answer));
	return dns_answer_read(&answer, guard_put(&guard, packet), SV(NAME), type);
}

static void test_rows(void **state)
{
	bool all = true;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		all &= pk_row_holds(&guard, &pk, &rows[i]);
	assert_true(all);
}

static void test_cut_anywhere(void **state)
{
	static void (*const good[])(void) = {one_a, aaaa, srv, srv_compressed, naptr, aliases};
	static const enum dns_type type[] = {DNS_A, DNS_AAAA, DNS_SRV, DNS_SRV, DNS_NAPTR, DNS_A};

	(void)state;
	for (size_t i = 0; i < ROWS(good); i++) {
		good[i]();
		for (size_t n = 0; n < pk.n; n++)
			assert_int_equal(read_guarded(sv_of((const char *)pk.b, n), type[i]),
					 MG_EPARSE);
	}
}

/* Whatever a changed byte makes of it, what is taken keeps the promises of the header. */
static void test_any_byte_changed(void **state)
{
	(void)state;
	naptr();
	for (size_t i = 0; i < pk.n; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			pk.b[i] ^= (uint8_t)(1u << bit);
			int ret = read_guarded(pk_sv(&pk), DNS_NAPTR);
			pk.b[i] ^= (uint8_t)(1u << bit);
			if (ret) {
				assert_true(ret == MG_EPARSE || ret == MG_ELIMIT);
				continue;
			}
			assert_true(answer.n <= 3 && (answer.kind == DNS_FOUND) == (answer.n > 0));
		}
	}
}

/* C-15: of 500 the 32 that come first are used, wherever they stand. */
static void test_500_srv(void **state)
{
	bool seen[32] = {false};

	(void)state;
	begin(PK_SRV);
	for (unsigned i = 0; i < 500; i++)
		pk_srv(&pk, NULL, 300, (i * 7 + 3) % 500, 0, 5060, "a.example.com");
	assert_int_equal(read_guarded(pk_sv(&pk), DNS_SRV), 0);
	assert_true(answer.over);
	assert_int_equal(answer.n, DNS_RECORDS_MAX);
	for (unsigned i = 0; i < answer.n; i++) {
		assert_in_range(answer.rec[i].rank, 0, 31);
		seen[answer.rec[i].rank] = true;
	}
	for (unsigned i = 0; i < 32; i++)
		assert_true(seen[i]);
}

static void test_naptr_keeps_the_best(void **state)
{
	(void)state;
	begin(PK_NAPTR);
	for (unsigned i = 0; i < 40; i++)
		pk_naptr(&pk, NULL, 300, 1, 40 - i, "s", "SIP+D2U", "", "_sip._udp.example.com");
	assert_int_equal(read_guarded(pk_sv(&pk), DNS_NAPTR), 0);
	for (unsigned i = 0; i < answer.n; i++)
		assert_in_range(answer.rec[i].share, 1, 32);
}

static void test_records_beyond_the_last_looked_at(void **state)
{
	(void)state;
	begin(PK_A);
	for (unsigned i = 0; i < DNS_ANSWERS_MAX; i++)
		pk_end(&pk, pk_record(&pk, NULL, 99, 300));
	pk_address(&pk, NULL, 300, "192.0.2.1");
	assert_int_equal(read_guarded(pk_sv(&pk), DNS_A), 0);
	assert_true(answer.over);
	assert_int_equal(answer.kind, DNS_NONE);
}

static void test_question(void **state)
{
	static const char plain[] =
		"\x12\x34\1\0\0\1\0\0\0\0\0\0\4_sip\4_udp\7example\3com\0\0\x21\0\1";
	static const char edns[] = "\x12\x34\1\0\0\1\0\0\0\0\0\1\1a\0\0\x01\0\1"
				   "\0\0\x29\4\xd0\0\0\0\0\0\0";
	uint8_t out[DNS_QUESTION_MAX];
	char name[DNS_NAME_MAX];
	uint16_t type;

	(void)state;
	size_t n = dns_question_write(out, 0x1234, SV("_sip._udp.example.com"), DNS_SRV, false);
	assert_int_equal(n, sizeof(plain) - 1);
	assert_memory_equal(out, plain, n);
	assert_int_equal(dns_packet_question(sv_of((char *)out, n), name, &type), 21);
	assert_memory_equal(name, "_sip._udp.example.com", 21);
	assert_int_equal(type, DNS_SRV);
	n = dns_question_write(out, 0x1234, SV("a"), DNS_A, true);
	assert_int_equal(n, sizeof(edns) - 1);
	assert_memory_equal(out, edns, n);
	memset(name, 'a', sizeof(name));
	for (size_t i = 63; i < sizeof(name); i += 64)
		name[i] = '.';
	assert_int_equal(dns_question_write(out, 0, sv_of(name, sizeof(name)), DNS_NAPTR, true),
			 DNS_QUESTION_MAX);
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
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_any_byte_changed),
		cmocka_unit_test(test_500_srv),
		cmocka_unit_test(test_naptr_keeps_the_best),
		cmocka_unit_test(test_records_beyond_the_last_looked_at),
		cmocka_unit_test(test_question),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
