/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * nameaddr: what is read from one value of From, To, Contact, Route and the like, or why it is refused, in one line of text
 * per row, at both edges of a page; and the q and expires parameters of a Contact.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/err.h"
#include "sip/limits.h"
#include "sip/nameaddr.h"
#include "sip/param.h"
#include "sip/test_guard.h"

static const struct row {
	struct sv in;
	const char *
		want; /* "!fault@offset" when it is refused; "+" and what is left behind the value */
	const char *name;
} rows[] = {
	/* RFC 3261 §20.10, §20.20, §20.39 */
	{SV_INIT("\"Mr. Watson\" <sip:watson@worcester.bell-telephone.com>;q=0.7; expires=3600,"),
	 "[\"Mr. Watson\"] <sip:watson@worcester.bell-telephone.com> ;q=0.7; expires=3600 +,",
	 "RFC 3261: Contact"},
	{SV_INIT("\"Mr. Watson\" <mailto:watson@bell-telephone.com> ;q=0.1"),
	 "[\"Mr. Watson\"] <mailto:watson@bell-telephone.com> ;q=0.1", "RFC 3261: mailto"},
	{SV_INIT("<sips:bob@192.0.2.4>;expires=60"), "<sips:bob@192.0.2.4> ;expires=60",
	 "RFC 3261: no display name"},
	{SV_INIT("\"A. G. Bell\" <sip:agb@bell-telephone.com> ;tag=a48s"),
	 "[\"A. G. Bell\"] <sip:agb@bell-telephone.com> ;tag=a48s tag=a48s", "RFC 3261: From"},
	{SV_INIT("sip:+12125551212@server.phone2net.com;tag=887s"),
	 "sip:+12125551212@server.phone2net.com ;tag=887s tag=887s", "RFC 3261: no brackets"},
	{SV_INIT("Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8"),
	 "[Anonymous] <sip:c8oqz84zk7z@privacy.org> ;tag=hyh8 tag=hyh8",
	 "RFC 3261: token display name"},
	{SV_INIT("The Operator <sip:operator@cs.columbia.edu>;tag=287447"),
	 "[The Operator] <sip:operator@cs.columbia.edu> ;tag=287447 tag=287447",
	 "RFC 3261: two words"},
	{SV_INIT("<sip:p1.example.com;lr>"), "<sip:p1.example.com;lr>", "RFC 3261: Route"},
	/* what two readers would read differently */
	{SV_INIT("<sip:a@b>;q=0.1;q=1"), "!bad@16", "q twice"},
	{SV_INIT("<sip:a@b>;expires=0;Expires=9"), "!bad@20", "expires twice"},
	{SV_INIT("<sip:a@b>;reg-id=1;reg-id=2"), "!bad@19", "reg-id twice"},
	{SV_INIT("<sip:a@b>;+sip.instance=\"a\";+sip.instance=\"b\""), "!bad@28", "instance twice"},
	{SV_INIT("<sip:a@b>;expires=\"0\""), "!bad@10", "expires in quotes"},
	{SV_INIT("<sip:a@b>;q=\"0\""), "!bad@10", "q in quotes"},
	{SV_INIT("<sip:a@b>;-sip_instance=\"a\";+sip.instance=\"b\";+sip-instance=\"c\""),
	 "<sip:a@b> ;-sip_instance=\"a\";+sip.instance=\"b\";+sip-instance=\"c\"",
	 "nearly the same names"},
	{SV_INIT("sip:alice;tag=1;x=y@evil.example"), "!bad@16",
	 "another host for who looks for @ first"},
	{SV_INIT("sip:alice;password=1:2@evil.example:5060"), "!bad@10",
	 "the same with a password"},
	{SV_INIT("sip:100@h;tag=a@h"), "sip:100@h ;tag=a@h tag=a@h",
	 "an @ behind a user is none of it"},
	{SV_INIT("sip:alice;x=\"y@z\""), "sip:alice ;x=\"y@z\"", "nor one in quotes"},
	/* other headers of this shape */
	{SV_INIT("<tel:+358-555-1234567>"), "<tel:+358-555-1234567>",
	 "P-Asserted-Identity of a number"},
	{SV_INIT("<sip:a@b?Replaces=12345%40c%3Bto-tag%3D1>"),
	 "<sip:a@b?Replaces=12345%40c%3Bto-tag%3D1>", "Refer-To with Replaces"},
	{SV_INIT("<sip:bob@example.com;p=x>;index=1.1;rc=1"),
	 "<sip:bob@example.com;p=x> ;index=1.1;rc=1", "History-Info"},
	{SV_INIT("<sip:a@b>;reason=user-busy;privacy=\"full\";counter=4"),
	 "<sip:a@b> ;reason=user-busy;privacy=\"full\";counter=4", "Diversion"},
	{SV_INIT("\"Bob\" <sip:a@b>;party=calling;id-type=subscriber;privacy=full;screen=yes"),
	 "[\"Bob\"] <sip:a@b> ;party=calling;id-type=subscriber;privacy=full;screen=yes",
	 "Remote-Party-ID"},
	{SV_INIT("<sip:callee@192.0.2.2>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-"
		 "AABBCCDDEEFF>\";reg-id=1"),
	 "<sip:callee@192.0.2.2> "
	 ";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>\";reg-id=1",
	 "RFC 5626: instance"},
	{SV_INIT("<sip:a@b>;pub-gruu=\"sip:callee@example.com;gr=x\";temp-gruu=\"sip:t@x;gr\""),
	 "<sip:a@b> ;pub-gruu=\"sip:callee@example.com;gr=x\";temp-gruu=\"sip:t@x;gr\"",
	 "RFC 5627: GRUUs"},
	{SV_INIT("<sip:a@b>;methods=\"INVITE,BYE\";audio;+sip.byeless"),
	 "<sip:a@b> ;methods=\"INVITE,BYE\";audio;+sip.byeless", "RFC 3840: features"},
	{SV_INIT("<http://www.example.com/sounds/moo.wav>;purpose=x"),
	 "<http://www.example.com/sounds/moo.wav> ;purpose=x", "Call-Info"},
	{SV_INIT("<cid:23@b>;cid=\"<1@b>\""), "<cid:23@b> ;cid=\"<1@b>\"", "Referred-By"},
	/* RFC 4475 */
	{SV_INIT("sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n"),
	 "sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n tag=1918181833n", "wsinv: To"},
	{SV_INIT("\"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = "
		 "98asjd8"),
	 "[\"J Rosenberg \\\\\\\"\"] <sip:jdrosen@example.com> ;\r\n  tag = 98asjd8 tag=98asjd8",
	 "wsinv: From"},
	{SV_INIT("\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\r\n      "
		 "newvalue ;\r\n  secondparam ; q = 0.33"),
	 "[\"Quoted string \\\"\\\"\"] <sip:jdrosen@example.com> ; newparam =\r\n      newvalue "
	 ";\r\n  secondparam ; q = 0.33",
	 "wsinv: Contact"},
	{SV_INIT("caller<sip:caller@example.com>;tag=323"),
	 "[caller] <sip:caller@example.com> ;tag=323 tag=323", "lwsdisp"},
	{SV_INIT("token1~` token2'+_ token3*%!.- "
		 "<sip:mundane@example.com>;fromParam''~+*_!.-%=\"\xd1\x80\""),
	 "[token1~` token2'+_ token3*%!.-] <sip:mundane@example.com> "
	 ";fromParam''~+*_!.-%=\"\xd1\x80\"",
	 "intmeth: From"},
	{SV_INIT("\"%Z%45\" <sip:resource@example.com>;tag=f232jadfj23"),
	 "[\"%Z%45\"] <sip:resource@example.com> ;tag=f232jadfj23 tag=f232jadfj23", "esc02"},
	{SV_INIT("\"Mr. J. User <sip:j.user@example.com>"), "!bad@0", "quotbal"},
	{SV_INIT("\"Watson, Thomas\" < sip:t.watson@example.org >"), "!bad@18", "badaspec"},
	{SV_INIT("Bell, Alexander <sip:a.g.bell@example.com>;tag=43"), "!bad@0", "baddn"},
	{SV_INIT("\"Joe\" <sip:joe@example.org>;;;;"), "!bad@28", "badinv01"},
	{SV_INIT("sip:user@example.com?Route=%3Csip:sip.example.com%3E"), "!bad@20", "regbadct"},
	{SV_INIT("<sip:user@example.com?Route=%3Csip:sip.example.com%3E>"),
	 "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>", "regescrt"},
	{SV_INIT("sip:+19725552222@gw1.example.net;unknownparam"),
	 "sip:+19725552222@gw1.example.net ;unknownparam", "cparam01"},
	{SV_INIT("<sip:+19725552222@gw1.example.net;unknownparam>"),
	 "<sip:+19725552222@gw1.example.net;unknownparam>", "cparam02"},
	{SV_INIT("<name:John_Smith>"), "<name:John_Smith>", "unksm2"},
	/* display name */
	{SV_INIT("\"\" <sip:a@b>"), "[\"\"] <sip:a@b>", "empty quotes"},
	{SV_INIT("\"a\"<sip:a@b>"), "[\"a\"] <sip:a@b>", "no space behind the quote"},
	{SV_INIT("\"a\"\r\n\t<sip:a@b>"), "[\"a\"] <sip:a@b>", "fold behind the quote"},
	{SV_INIT("\"a\r\n b\" <sip:a@b>"), "[\"a\r\n b\"] <sip:a@b>", "fold inside quotes"},
	{SV_INIT("a\r\n b\r\n <sip:a@b>"), "[a\r\n b] <sip:a@b>", "folds in a token name"},
	{SV_INIT("\"a;b,c<d>\" <sip:a@b>"), "[\"a;b,c<d>\"] <sip:a@b>", "delimiters inside quotes"},
	{SV_INIT("\"<sip:evil@x>\" <sip:a@b>"), "[\"<sip:evil@x>\"] <sip:a@b>",
	 "an address inside quotes"},
	{SV_INIT("\"a\\\" <sip:evil@x>\" <sip:a@b>"), "[\"a\\\" <sip:evil@x>\"] <sip:a@b>",
	 "escaped quote inside"},
	{SV_INIT("\"a\\\\\" <sip:a@b>"), "[\"a\\\\\"] <sip:a@b>",
	 "escaped backslash ends the name"},
	{SV_INIT("\"\xe3\x81\x82\" <sip:a@b>"), "[\"\xe3\x81\x82\"] <sip:a@b>", "UTF-8 in quotes"},
	{SV_INIT("J\xc3\xbcrgen M <sip:a@b>"), "[J\xc3\xbcrgen M] <sip:a@b>",
	 "UTF-8 without quotes"},
	{SV_INIT("\"a\\\0b\" <sip:a@b>"), "[\"a\\", "NUL in a quoted-pair"},
	{SV_INIT("\"a\" \"b\" <sip:a@b>"), "!bad@4", "two quoted names"},
	{SV_INIT("\"a\" b <sip:a@b>"), "!bad@4", "a token behind quotes"},
	{SV_INIT("a \"b\" <sip:a@b>"), "!bad@0", "quotes behind a token"},
	{SV_INIT("\"a\""), "!bad@3", "quotes only"},
	{SV_INIT("\"a\" "), "!bad@4", "quotes and a space"},
	{SV_INIT("\"a\" sip:a@b"), "!bad@4", "display name needs brackets"},
	{SV_INIT("Bob sip:a@b"), "!bad@0", "token name needs brackets"},
	{SV_INIT("\""), "!bad@0", "a quote"},
	{SV_INIT("\"\\"), "!bad@0", "a quote and a backslash"},
	{SV_INIT("a@b <sip:a@b>"), "!bad@0", "address for a display name"},
	{SV_INIT("a: <sip:a@b>"), "!bad@2", "colon in a display name"},
	{SV_INIT("a(b) <sip:a@b>"), "!bad@0", "parentheses in a display name"},
	/* brackets */
	{SV_INIT("  <sip:a@b>  "), "<sip:a@b>", "white space around"},
	{SV_INIT("\r\n <sip:a@b>\r\n "), "<sip:a@b>", "folds around"},
	{SV_INIT("<sip:a@b"), "!bad@8", "bracket never closed"},
	{SV_INIT("sip:a@b>"), "!bad@7", "bracket never opened"},
	{SV_INIT("<>"), "!bad@1", "empty brackets"},
	{SV_INIT("<"), "!bad@1", "a bracket"},
	{SV_INIT(">"), "!bad@0", "a closing bracket"},
	{SV_INIT("<sip:a@b>>"), "!bad@9", "two closing brackets"},
	{SV_INIT("<<sip:a@b>>"), "!bad@1", "double brackets"},
	{SV_INIT("<sip:a@b ;lr>"), "!bad@8", "space inside"},
	{SV_INIT("<sip:a@b;\r\n lr>"), "!bad@9", "fold inside"},
	{SV_INIT("<a@b>"), "!bad@1", "no scheme"},
	{SV_INIT("<sip:a@b> <sip:c@d>"), "!bad@10", "two addresses"},
	{SV_INIT("<sip:a@b>, <sip:c@d>"), "<sip:a@b> +, <sip:c@d>", "list"},
	{SV_INIT("<sip:a@b> ,"), "<sip:a@b> +,", "trailing comma"},
	{SV_INIT("<sip:a;b,c?d@e>;tag=1"), "<sip:a;b,c?d@e> ;tag=1 tag=1",
	 "delimiters in the user part"},
	{SV_INIT("<sip:a@b:99999>"), "!bad@8", "port 99999"},
	{SV_INIT("<sip:a@b;lr;lr=1>"), "!bad@12", "lr twice"},
	{SV_INIT("<sip:a@b;lr>;q=1;q=1"), "!bad@17", "the same q twice"},
	/* no brackets */
	{SV_INIT("sip:a@b"), "sip:a@b", "plain"},
	{SV_INIT("sip:a@b;lr"), "sip:a@b ;lr", "§20.10: the parameter belongs to the header"},
	{SV_INIT("sip:a@b,sip:c@d"), "sip:a@b +,sip:c@d", "comma ends it"},
	{SV_INIT("sip:a,b@c"), "sip:a +,b@c", "a comma in the user part ends it too"},
	{SV_INIT("sip:user;x@host"), "!bad@10",
	 "semicolon in the user part makes the rest a parameter"},
	{SV_INIT("tel:+1-201-555-0123;tag=1"), "tel:+1-201-555-0123 ;tag=1 tag=1", "tel"},
	{SV_INIT("tel:7042;phone-context=x"), "tel:7042 ;phone-context=x",
	 "tel: the parameter belongs to the header"},
	{SV_INIT("http://a/b;tag=1"), "http://a/b ;tag=1 tag=1",
	 "another scheme, a parameter behind it"},
	{SV_INIT("http://a/b,x:y"), "http://a/b +,x:y", "another scheme, a comma behind it"},
	{SV_INIT("sip:a@b\r\n ;tag=1"), "sip:a@b ;tag=1 tag=1", "fold behind"},
	{SV_INIT("sip:a@b?c=d"), "!bad@7", "headers need brackets"},
	{SV_INIT("sip:a@b?"), "!bad@7", "question mark"},
	{SV_INIT("sip:a@b x"), "!bad@8", "a word behind"},
	{SV_INIT("sip:"), "!bad@3", "scheme only"},
	{SV_INIT(""), "!bad@0", "empty"},
	{SV_INIT("  \r\n "), "!bad@5", "white space only"},
	{SV_INIT(","), "!bad@0", "comma only"},
	{SV_INIT(";tag=1"), "!bad@0", "parameter only"},
	{SV_INIT("/"), "!bad@0", "slash (CVE-2021-33056)"},
	/* parameters and tags */
	{SV_INIT("<sip:a@b>;tag="), "!bad@10", "empty tag (CVE-2018-14767)"},
	{SV_INIT("<sip:a@b>;tag"), "!bad@10", "tag without value"},
	{SV_INIT("<sip:a@b>;tag=1;tag=2"), "!bad@16", "tag twice"},
	{SV_INIT("<sip:a@b>;TAG=1;tag=2"), "!bad@16", "tag twice, once in upper case"},
	{SV_INIT("<sip:a@b>;tag=1;tag =2"), "!bad@16", "tag twice, once with white space"},
	{SV_INIT("<sip:a@b>;tag=\"1\""), "!bad@10", "tag in quotes behind brackets"},
	{SV_INIT("<sip:a@b>;tag=1;TAG=1"), "!bad@16", "tag twice, the same"},
	{SV_INIT("<sip:a@b>;tag=\"1\""), "!bad@10", "quoted tag"},
	{SV_INIT("<sip:a@b>;TaG=1"), "<sip:a@b> ;TaG=1 tag=1", "TaG"},
	{SV_INIT("<sip:a@b;tag=1>"), "<sip:a@b;tag=1>", "tag inside is none"},
	{SV_INIT("<sip:a@b>;tagg=1;ta=2;t=3"), "<sip:a@b> ;tagg=1;ta=2;t=3", "not tag"},
	{SV_INIT("<sip:a@b>;"), "!bad@10", "trailing semicolon"},
	{SV_INIT("<sip:a@b>;x="), "<sip:a@b> ;x=", "empty value of another"},
	{SV_INIT("<sip:a@b>;x=\"a"), "!bad@12", "quote of a value never closed"},
	{SV_INIT("<sip:a@b>;x=\"a\"b"), "!bad@15", "letters behind a quoted value"},
	{SV_INIT("<sip:a@b>;x@y=1"), "!bad@11", "at sign in a name"},
	{SV_INIT("<sip:a@b>;x=\"a\\\"b;c,d\";y"), "<sip:a@b> ;x=\"a\\\"b;c,d\";y",
	 "delimiters in a quoted value"},
	{SV_INIT("<sip:a@b>x"), "!bad@9", "letter behind the bracket"},
	/* star */
	{SV_INIT("*"), "*", "star"},
	{SV_INIT(" * "), "*", "star and spaces"},
	{SV_INIT("*,"), "* +,", "star and a comma"},
	{SV_INIT("*;expires=0"), "!bad@0", "star takes no parameters"},
	{SV_INIT("**"), "!bad@0", "two stars"},
	{SV_INIT("* *"), "!bad@2", "two stars apart"},
	{SV_INIT("* <sip:a@b>"), "!bad@2", "star is no display name"},
	{SV_INIT("*<sip:a@b>"), "[*] <sip:a@b>", "unless it touches the bracket"},
	{SV_INIT("\"*\" <sip:a@b>"), "[\"*\"] <sip:a@b>", "a quoted star"},
};

static void show(struct text *t, const struct sip_nameaddr *na)
{
	text_start(t);
	if (na->star) {
		text_add(t, "*");
		return;
	}
	if (na->display.n)
		text_add(t, "[%.*s] ", SV_ARG(na->display));
	text_add(t, "%s%.*s%s", na->bracketed ? "<" : "", SV_ARG(na->uri.text),
		 na->bracketed ? ">" : "");
	if (na->params.n)
		text_add(t, " %.*s", SV_ARG(na->params));
	if (na->tag.n)
		text_add(t, " tag=%.*s", SV_ARG(na->tag));
}

static void scan_and_show(struct text *t, struct sv in)
{
	struct lex_ctx e = {0};
	struct sip_nameaddr na;
	const char *end = in.p + in.n;
	const char *q = sip_nameaddr_scan(&na, in.p, end, &e);

	if (!q) {
		text_start(t);
		text_add(t, "!%s@%zu", sip_fault_token(e.fault), (size_t)(e.pos - in.p));
		assert_true(e.pos >= in.p && e.pos <= end);
		return;
	}
	show(t, &na);
	if (q < end)
		text_add(t, " +%.*s", SV_ARG(sv_span(q, end)));
	assert_true(na.text.p >= in.p && na.text.p + na.text.n <= q);
}

static void every_row(void **state)
{
	struct fence f = fence_init(2048);
	static struct text got;
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned place = 0; place < FENCE_PLACES; place++) {
			scan_and_show(&got, fence_put(&f, rows[i].in, place));
			/* a NUL inside ends what can be compared */
			size_t n = memchr(rows[i].in.p, 0, rows[i].in.n) ? strlen(rows[i].want)
									 : got.n + 1;
			if (strncmp(got.p, rows[i].want, n) != 0)
				row_differs(&bad, rows[i].name, got.p, rows[i].want);
		}
		for (size_t n = 0; n < rows[i].in.n; n++)
			scan_and_show(&got, fence_put(&f, sv_of(rows[i].in.p, n), FENCE_END));
	}
	fence_done(&f);
	print_message("%zu rows\n", sizeof(rows) / sizeof(rows[0]));
	assert_int_equal(bad, 0);
}

static void limits(void **state)
{
	static struct text t, got;

	(void)state;
	for (size_t n = SIP_IDENT_MAX; n <= SIP_IDENT_MAX + 1; n++) {
		text_start(&t);
		text_add(&t, "<sip:a@b>;tag=");
		text_fill(&t, 't', n);
		scan_and_show(&got, text_sv(&t));
		if (n > SIP_IDENT_MAX)
			assert_string_equal(got.p, "!too_long@10");
		else
			assert_int_not_equal(got.p[0], '!');
	}
	for (unsigned n = SIP_PARAMS_MAX; n <= SIP_PARAMS_MAX + 1; n++) {
		text_start(&t);
		text_add(&t, "<sip:a@b>");
		for (unsigned i = 0; i < n; i++)
			text_add(&t, ";a");
		scan_and_show(&got, text_sv(&t));
		if (n > SIP_PARAMS_MAX)
			assert_string_equal(got.p, "!too_many_params@73");
		else
			assert_int_not_equal(got.p[0], '!');
	}
	for (size_t n = SIP_URI_MAX; n <= SIP_URI_MAX + 1; n++)
		for (int bracket = 0; bracket < 2; bracket++) {
			text_start(&t);
			text_add(&t, bracket ? "<sip:" : "sip:");
			text_fill(&t, 'h', n - 4);
			text_add(&t, bracket ? ">" : "");
			scan_and_show(&got, text_sv(&t));
			if (n > SIP_URI_MAX)
				assert_string_equal(got.p, bracket ? "!too_long@1" : "!too_long@0");
			else
				assert_int_not_equal(got.p[0], '!');
		}
}

/* RFC 3261 §25.1: qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ) */
static void q_values(void **state)
{
	static const struct {
		const char *params;
		int want;
	} table[] = {
		{"", MG_ENOENT},
		{";x=1", MG_ENOENT},
		{";q=0", 0},
		{";q=1", 1000},
		{";q=0.", 0},
		{";q=1.", 1000},
		{";q=0.5", 500},
		{";q=0.05", 50},
		{";q=0.005", 5},
		{";q=0.999", 999},
		{";q=1.0", 1000},
		{";q=1.00", 1000},
		{";q=1.000", 1000},
		{";q=1.001", MG_EPARSE},
		{";q=1.1", MG_EPARSE},
		{";q=0.1234", MG_EPARSE},
		{";q=0.0000", MG_EPARSE},
		{";q=", MG_EPARSE},
		{";q", MG_EPARSE},
		{";q=2", MG_EPARSE},
		{";q=-1", MG_EPARSE},
		{";q=.5", MG_EPARSE},
		{";q=00", MG_EPARSE},
		{";q=0,5", 0},
		{";q=0.x", MG_EPARSE},
		{";q=0x1", MG_EPARSE},
		{"; Q = 0.7", 700},
		{";x;q=0.25;y", 250},
		{";q=10", MG_EPARSE},
		{";q=0.1 ;q=0.2", 100},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sip_nameaddr na = {.params = sv_str(table[i].params)};
		if (sip_nameaddr_q(&na) != table[i].want)
			fail_msg("%s gives %d", table[i].params, sip_nameaddr_q(&na));
	}
}

static void expires_values(void **state)
{
	static const struct {
		const char *params;
		int err;
		uint32_t want;
	} table[] = {
		{"", MG_ENOENT, 7},
		{";expiresx=1", MG_ENOENT, 7},
		{";expires=0", 0, 0},
		{";expires=3600", 0, 3600},
		{";EXPIRES = 3600", 0, 3600},
		{";expires=4294967295", 0, 4294967295},
		{";expires=4294967296", 0, 4294967295},
		{";expires=280297596632815", 0, 4294967295},
		{";expires=99999999999999999999999999999999", 0, 4294967295},
		{";expires=-1", MG_EPARSE, 7},
		{";expires=", MG_EPARSE, 7},
		{";expires", MG_EPARSE, 7},
		{";expires=abc", MG_EPARSE, 7},
		{";expires=1.5", MG_EPARSE, 7},
		{";expires=\"01 Jan 2030\"", MG_EPARSE, 7},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sip_nameaddr na = {.params = sv_str(table[i].params)};
		uint32_t seconds = 7;
		if (sip_nameaddr_expires(&na, &seconds) != table[i].err || seconds != table[i].want)
			fail_msg("%s gives %u", table[i].params, seconds);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(limits),
		cmocka_unit_test(q_values),
		cmocka_unit_test(expires_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
