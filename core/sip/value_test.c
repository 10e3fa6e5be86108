/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * value: numbers, CSeq and RAck, tokens with parameters: one line of text per row, at both edges of a page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sip/limits.h"
#include "sip/method.h"
#include "sip/test_guard.h"
#include "sip/value.h"

enum shape { NUMBER, CSEQ, RACK, TOKEN };

static const struct row {
	enum shape shape;
	struct sv in;
	const char *
		want; /* "!fault@offset" when it is refused; "+" and what is left behind the value */
	const char *name;
} rows[] = {
	{NUMBER, SV_INIT("0"), "0", "zero"},
	{NUMBER, SV_INIT("70"), "70", "Max-Forwards"},
	{NUMBER, SV_INIT("0068"), "68", "leading zeros (RFC 4475 wsinv)"},
	{NUMBER, SV_INIT(" 70 "), "70", "spaces"},
	{NUMBER, SV_INIT("\r\n 70\r\n "), "70", "folds"},
	{NUMBER, SV_INIT("4294967295"), "4294967295", "2^32 - 1"},
	{NUMBER, SV_INIT("4294967296"), "4294967295 larger", "2^32"},
	{NUMBER, SV_INIT("18446744073709551617"), "4294967295 larger", "2^64 + 1"},
	{NUMBER, SV_INIT("949302838503028349304023988"), "4294967295 larger",
	 "Retry-After of RFC 4475 scalarlg"},
	{NUMBER, SV_INIT("1800;refresher=uac"), "1800 ;refresher=uac", "Session-Expires"},
	{NUMBER, SV_INIT("4000 ; refresher = uas ; x"), "4000 ; refresher = uas ; x",
	 "Session-Expires with spaces"},
	{NUMBER, SV_INIT("18000;duration=3600"), "18000 ;duration=3600",
	 "Retry-After with duration"},
	{NUMBER, SV_INIT("120 (I'm in a meeting)"), "120", "Retry-After with comment"},
	{NUMBER, SV_INIT("120(x);duration=1"), "120 ;duration=1", "comment and parameter"},
	{NUMBER, SV_INIT("120 (a (b) \\) \\( c) ;duration=1"), "120 ;duration=1",
	 "comments nest, quoted-pairs count not"},
	{NUMBER, SV_INIT("120 (\xc3\xa9)"), "120", "UTF-8 in a comment"},
	{NUMBER, SV_INIT("120 (a"), "!bad@4", "comment never closed"},
	{NUMBER, SV_INIT("120 ((a)"), "!bad@4", "inner comment closed only"},
	{NUMBER, SV_INIT("120 (a\\)"), "!bad@4", "its only end is escaped"},
	{NUMBER, SV_INIT("120 (a\\"), "!bad@4", "comment ends in a backslash"},
	{NUMBER, SV_INIT("120 ("), "!bad@4", "comment begins only"},
	{NUMBER, SV_INIT("120 (a) (b)"), "!bad@8", "two comments"},
	{NUMBER, SV_INIT("120 (a))"), "!bad@7", "closed twice"},
	{NUMBER, SV_INIT(""), "!bad@0", "empty"},
	{NUMBER, SV_INIT("  "), "!bad@2", "spaces only"},
	{NUMBER, SV_INIT("-1"), "!bad@0", "negative"},
	{NUMBER, SV_INIT("+1"), "!bad@0", "plus"},
	{NUMBER, SV_INIT("0x10"), "!bad@1", "hexadecimal"},
	{NUMBER, SV_INIT("1e3"), "!bad@1", "exponent"},
	{NUMBER, SV_INIT("1.5"), "!bad@1", "decimals"},
	{NUMBER, SV_INIT("7 0"), "!bad@2", "two numbers"},
	{NUMBER, SV_INIT("70x"), "!bad@2", "letter behind"},
	{NUMBER, SV_INIT("70\0"), "!bad@2", "NUL behind"},
	{NUMBER, SV_INIT("\xd9\xa1"), "!bad@0", "digits of another script"},
	{NUMBER, SV_INIT("70, 70"), "70 +, 70", "comma is left to the caller"},
	{NUMBER, SV_INIT("70;"), "!bad@3", "empty parameter"},

	{CSEQ, SV_INIT("4711 INVITE"), "4711 INVITE*", "plain"},
	{CSEQ, SV_INIT("0009\r\n  INVITE"), "9 INVITE*",
	 "leading zeros and a fold (RFC 4475 wsinv)"},
	{CSEQ, SV_INIT("139122385 !interesting-Method0123456789_*+`.%indeed'~"),
	 "139122385 !interesting-Method0123456789_*+`.%indeed'~", "RFC 4475 intmeth"},
	{CSEQ, SV_INIT("0 ACK"), "0 ACK*", "zero"},
	{CSEQ, SV_INIT("4294967295 BYE"), "4294967295 BYE*", "2^32 - 1"},
	{CSEQ, SV_INIT("4294967296 BYE"), "!bad@0", "2^32"},
	{CSEQ, SV_INIT("36893488147419103232 REGISTER"), "!bad@0", "RFC 4475 scalar02"},
	{CSEQ, SV_INIT("1 invite"), "1 invite", "methods have a case"},
	{CSEQ, SV_INIT("\t1\tINVITE\t"), "1 INVITE*", "tabs"},
	{CSEQ, SV_INIT(""), "!bad@0", "empty"},
	{CSEQ, SV_INIT("1"), "!bad@1", "number only"},
	{CSEQ, SV_INIT("1 "), "!bad@1", "number and space only"},
	{CSEQ, SV_INIT("INVITE"), "!bad@0", "method only"},
	{CSEQ, SV_INIT("1INVITE"), "!bad@1", "no space"},
	{CSEQ, SV_INIT("-1 INVITE"), "!bad@0", "negative"},
	{CSEQ, SV_INIT("1 INV@ITE"), "!bad@5", "no token"},
	{CSEQ, SV_INIT("1 @"), "!bad@2", "no token at all"},
	{CSEQ, SV_INIT("1 INVITE;x=y"), "!bad@8", "parameters"},
	{CSEQ, SV_INIT("1 INVITE BYE"), "!bad@9", "two methods"},
	{CSEQ, SV_INIT("1 INVITE, 2 INVITE"), "1 INVITE* +, 2 INVITE",
	 "comma is left to the caller"},

	{RACK, SV_INIT("776656 1 INVITE"), "776656/1 INVITE*", "RFC 3262"},
	{RACK, SV_INIT("1\r\n 2\r\n INVITE"), "1/2 INVITE*", "folds"},
	{RACK, SV_INIT("4294967295 4294967295 INVITE"), "4294967295/4294967295 INVITE*", "largest"},
	{RACK, SV_INIT("4294967296 1 INVITE"), "!bad@0", "2^32"},
	{RACK, SV_INIT("1 4294967296 INVITE"), "!bad@2", "2^32 second"},
	{RACK, SV_INIT("1 INVITE"), "!bad@2", "one number"},
	{RACK, SV_INIT("1"), "!bad@1", "one number, no method"},
	{RACK, SV_INIT("1 "), "!bad@1", "one number and a space"},
	{RACK, SV_INIT("x 1 INVITE"), "!bad@0", "no number"},
	{RACK, SV_INIT(""), "!bad@0", "empty"},
	{RACK, SV_INIT("1 2"), "!bad@3", "no method"},

	{TOKEN, SV_INIT("100rel"), "100rel", "option tag"},
	{TOKEN, SV_INIT("application/sdp"), "application/sdp = application + sdp", "type"},
	{TOKEN, SV_INIT("application/sdp;level=1, text/html"),
	 "application/sdp = application + sdp ;level=1 +, text/html", "list of types"},
	{TOKEN, SV_INIT("application / sdp"), "application / sdp = application + sdp",
	 "spaces around the slash"},
	{TOKEN, SV_INIT("application/ sdp"), "application/ sdp = application + sdp",
	 "space behind the slash"},
	{TOKEN, SV_INIT("application /sdp"), "application /sdp = application + sdp",
	 "space before the slash"},
	{TOKEN, SV_INIT("application\r\n /\r\n sdp ; a=b"),
	 "application\r\n /\r\n sdp = application + sdp ; a=b", "folds around the slash"},
	{TOKEN, SV_INIT("*/*;q=0.1"), "*/* = * + * ;q=0.1", "any type"},
	{TOKEN, SV_INIT("multipart/mixed;boundary=\"a b;c\""),
	 "multipart/mixed = multipart + mixed ;boundary=\"a b;c\"", "quoted boundary"},
	{TOKEN, SV_INIT("dialog;id=7"), "dialog ;id=7", "Event"},
	{TOKEN, SV_INIT("message-summary"), "message-summary", "Event package"},
	{TOKEN, SV_INIT("active;expires=600"), "active ;expires=600", "Subscription-State"},
	{TOKEN, SV_INIT("98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff"),
	 "98732@sip.example.com ;from-tag=r33th4x0r;to-tag=ff87ff", "Replaces"},
	{TOKEN, SV_INIT("a/b/c@d;from-tag=1;to-tag=2"), "a/b/c@d = a + b/c@d ;from-tag=1;to-tag=2",
	 "Replaces: slashes in a Call-ID"},
	{TOKEN, SV_INIT("4Rcf/;from-tag=1;to-tag=2"), "4Rcf/ ;from-tag=1;to-tag=2",
	 "Replaces: Call-ID ends in a slash"},
	{TOKEN, SV_INIT("/4Rcf"), "/4Rcf =  + 4Rcf", "Call-ID begins with a slash"},
	{TOKEN, SV_INIT("intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"),
	 "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{ = intmeth.word%ZK-!.*_+'@word`~)(><:\\ + "
	 "\"][?}{",
	 "every byte of a word"},
	{TOKEN, SV_INIT("Q.850;cause=16;text=\"Terminated, \\\"x\\\"\""),
	 "Q.850 ;cause=16;text=\"Terminated, \\\"x\\\"\"", "Reason"},
	{TOKEN, SV_INIT("SIP ;cause=200 ;text=\"Call completed elsewhere\""),
	 "SIP ;cause=200 ;text=\"Call completed elsewhere\"", "Reason with spaces"},
	{TOKEN, SV_INIT("session;handling=required"), "session ;handling=required",
	 "Content-Disposition"},
	{TOKEN, SV_INIT("id; critical"), "id ; critical", "Privacy"},
	{TOKEN, SV_INIT("esnet.0, wps.3"), "esnet.0 +, wps.3", "Resource-Priority"},
	{TOKEN, SV_INIT("ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000"),
	 "ab30317f1a784dc48ff824d0d3715d86 ;remote=00000000000000000000000000000000", "Session-ID"},
	{TOKEN, SV_INIT("*;+sip.audio;methods=\"INVITE,BYE\""),
	 "* ;+sip.audio;methods=\"INVITE,BYE\"", "Accept-Contact"},
	{TOKEN, SV_INIT("3GPP-UTRAN-TDD; utran-cell-id-3gpp=234151D0FCE11"),
	 "3GPP-UTRAN-TDD ; utran-cell-id-3gpp=234151D0FCE11", "P-Access-Network-Info"},
	{TOKEN, SV_INIT(""), "!bad@0", "empty"},
	{TOKEN, SV_INIT("  "), "!bad@2", "spaces only"},
	{TOKEN, SV_INIT(","), "!bad@0", "comma only"},
	{TOKEN, SV_INIT(";a=b"), "!bad@0", "parameter only"},
	{TOKEN, SV_INIT("a b"), "!bad@2", "two words"},
	{TOKEN, SV_INIT("a;"), "!bad@2", "empty parameter"},
	{TOKEN, SV_INIT("a;b="), "a ;b=", "empty value"},
	{TOKEN, SV_INIT("a;b=\"c"), "!bad@4", "quote never closed"},
	{TOKEN, SV_INIT("a\0"), "!bad@1", "NUL behind"},
	{TOKEN, SV_INIT("application /"), "!bad@13", "space, slash, nothing"},
	{TOKEN, SV_INIT("application/ ;q=1"), "application/ ;q=1", "slash, space, parameter"},
};

static const char *scan(const struct row *row, struct sv in, struct lex_ctx *e, struct text *t)
{
	const char *end = in.p + in.n, *q = NULL;
	struct sip_number number;
	struct sip_cseq cseq;
	struct sip_token token;

	text_start(t);
	switch (row->shape) {
	case NUMBER:
		q = sip_number_scan(&number, in.p, end, e);
		if (q)
			text_add(t, "%u%s%s%.*s", number.value, number.larger ? " larger" : "",
				 number.params.n ? " " : "", SV_ARG(number.params));
		break;
	case CSEQ:
	case RACK:
		q = row->shape == CSEQ ? sip_cseq_scan(&cseq, in.p, end, e)
				       : sip_rack_scan(&cseq, in.p, end, e);
		if (q && row->shape == RACK)
			text_add(t, "%u/", cseq.rseq);
		if (q)
			text_add(t, "%u %.*s%s", cseq.number, SV_ARG(cseq.method_name),
				 cseq.method != SIP_METHOD_OTHER ? "*" : "");
		break;
	case TOKEN:
		q = sip_token_scan(&token, in.p, end, e);
		if (!q)
			break;
		text_put(t, token.value);
		if (token.subtype.n)
			text_add(t, " = %.*s + %.*s", SV_ARG(token.type), SV_ARG(token.subtype));
		else
			assert_true(sv_eq(token.type, token.value));
		if (token.params.n)
			text_add(t, " %.*s", SV_ARG(token.params));
		assert_ptr_equal(token.text.p, token.value.p);
		assert_true(token.text.p + token.text.n <= q);
		break;
	}
	return q;
}

static void scan_and_show(const struct row *row, struct sv in, struct text *t)
{
	struct lex_ctx e = {0};
	const char *end = in.p + in.n;
	const char *q = scan(row, in, &e, t);

	if (!q) {
		text_start(t);
		text_add(t, "!%s@%zu", sip_fault_token(e.fault), (size_t)(e.pos - in.p));
	} else if (q < end) {
		text_add(t, " +%.*s", SV_ARG(sv_span(q, end)));
	}
}

static void every_row(void **state)
{
	struct fence f = fence_init(2048);
	static struct text got;
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned place = 0; place < FENCE_PLACES; place++) {
			scan_and_show(&rows[i], fence_put(&f, rows[i].in, place), &got);
			if (strcmp(got.p, rows[i].want) != 0)
				row_differs(&bad, rows[i].name, got.p, rows[i].want);
		}
		for (size_t n = 0; n < rows[i].in.n; n++)
			scan_and_show(&rows[i], fence_put(&f, sv_of(rows[i].in.p, n), FENCE_END),
				      &got);
	}
	fence_done(&f);
	print_message("%zu rows\n", sizeof(rows) / sizeof(rows[0]));
	assert_int_equal(bad, 0);
}

static void parameters_at_the_limit(void **state)
{
	static const struct row begins[] = {{NUMBER, SV_INIT("1"), "", ""},
					    {TOKEN, SV_INIT("a"), "", ""}};
	static struct text t, got;

	(void)state;
	for (size_t b = 0; b < 2; b++)
		for (unsigned n = SIP_PARAMS_MAX; n <= SIP_PARAMS_MAX + 1; n++) {
			text_start(&t);
			text_put(&t, begins[b].in);
			for (unsigned i = 0; i < n; i++)
				text_add(&t, ";a");
			scan_and_show(&begins[b], text_sv(&t), &got);
			if (n > SIP_PARAMS_MAX)
				assert_string_equal(got.p, "!too_many_params@65");
			else
				assert_int_not_equal(got.p[0], '!');
		}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(parameters_at_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
