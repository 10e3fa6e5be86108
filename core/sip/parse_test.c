/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * parse: datagrams: start lines, header lines, folds, control bytes, names, Content-Length; each input also at
 * both edges of a page. Streams are in stream_test.c. The same file is built once more with the portable loops of scan.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sip/test_parse.h"

static const char *const kinds[] = {"none", "request", "response", "ping", "crlf", "noise"};

/* ---- start lines ---- */

static const struct {
	struct sv line;
	const char *want; /* kind, method or status, URI or reason in <>, and "!fault@offset" */
	const char *name;
} starts[] = {
	{SV_INIT("INVITE sip:bob@b SIP/2.0"), "request INVITE* <sip:bob@b>", "plain"},
	{SV_INIT("INVITE sip:bob@b sip/2.0"), "request INVITE* <sip:bob@b>",
	 "version in lower case"},
	{SV_INIT("invite sip:bob@b SIP/2.0"), "request invite <sip:bob@b>",
	 "method in lower case is another"},
	{SV_INIT("X a SIP/2.0"), "request X <a>", "the shortest"},
	{SV_INIT("!a-b.c_d*e+f`g'h~ sip:a SIP/2.0"), "request !a-b.c_d*e+f`g'h~ <sip:a>",
	 "every token byte"},
	{SV_INIT("RE%47IST%45R sip:registrar.example.com SIP/2.0"),
	 "request RE%47IST%45R <sip:registrar.example.com>", "RFC 4475 esc02"},
	{SV_INIT("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"),
	 "request OPTIONS* <soap.beep://192.0.2.103:3002>", "another scheme is still a request"},
	{SV_INIT("OPTIONS / SIP/2.0"), "request OPTIONS* </>",
	 "what is no URI is not looked at here"},
	{SV_INIT("INVITE  sip:bob@b  SIP/2.0"), "request INVITE* <sip:bob@b> !request_line@0",
	 "RFC 4475 lwsstart"},
	{SV_INIT("INVITE sip:bob@b SIP/2.0  "), "request INVITE* <sip:bob@b> !request_line@0",
	 "RFC 4475 trws"},
	{SV_INIT("INVITE sip:bob@b; lr SIP/2.0"), "request INVITE* <sip:bob@b; lr> !request_line@0",
	 "RFC 4475 lwsruri"},
	{SV_INIT("INVITE\tsip:bob@b\tSIP/2.0"), "request INVITE* <sip:bob@b> !request_line@0",
	 "tabs"},
	{SV_INIT("INVITE sip:bob@b SIP/2.0\t"), "request INVITE* <sip:bob@b> !request_line@0",
	 "tab behind"},
	{SV_INIT("INVITE SIP/2.0"), "request INVITE* <> !request_line@0", "no URI"},
	{SV_INIT("INVITE  SIP/2.0"), "request INVITE* <> !request_line@0", "empty URI"},
	{SV_INIT("INV@ITE sip:a SIP/2.0"), "request INV <@ITE sip:a> !request_line@0",
	 "method is no token"},
	{SV_INIT("OPTIONS sip:a SIP/7.0"), "request OPTIONS* <sip:a> !version@14",
	 "RFC 4475 badvers"},
	{SV_INIT("OPTIONS sip:a SIP/2.00"), "request OPTIONS* <sip:a> !version@14", "version 2.00"},
	{SV_INIT("OPTIONS sip:a SIP/2"), "request OPTIONS* <sip:a> !version@14", "version 2"},
	{SV_INIT("OPTIONS sip:a SIP/x"), "request OPTIONS* <sip:a> !version@14", "version x"},
	{SV_INIT("OPTIONS sip:a SIP/"), "!not_sip@0", "no version"},
	{SV_INIT("OPTIONS sip:a SIPS/2.0"), "!not_sip@0", "SIPS is no version"},
	{SV_INIT("OPTIONS sip:a"), "!not_sip@0", "HTTP/0.9"},
	{SV_INIT("GET / HTTP/1.1"), "!not_sip@0", "HTTP"},
	{SV_INIT("OPTIONS"), "!not_sip@0", "a word"},
	{SV_INIT("SIP/2.0"), "response 0 <> !version@0", "a version"},
	{SV_INIT(" SIP/2.0"), "!not_sip@0", "a space and a version"},
	{SV_INIT(" INVITE sip:a SIP/2.0"), "!not_sip@0", "leading space"},
	{SV_INIT("\"INVITE\" sip:a SIP/2.0"), "!not_sip@0", "leading quote"},
	{SV_INIT("@ sip:a SIP/2.0"), "!not_sip@0", "no token"},
	{SV_INIT("\xff sip:a SIP/2.0"), "!not_sip@0", "not ASCII"},
	{SV_INIT("INVITE sip:a\0b SIP/2.0"), "!not_sip@12", "NUL"},
	{SV_INIT("INVITE sip:a\x7f SIP/2.0"), "!not_sip@12", "DEL"},
	{SV_INIT("INVITE sip:a SIP/2.0\r"), "!not_sip@20", "CR CRLF"},
	{SV_INIT("INVITE sip:a\nSIP/2.0"), "!not_sip@12", "LF for a space"},
	{SV_INIT("\0"), "!not_sip@0", "NUL first"},
	{SV_INIT("Via: SIP/2.0/UDP x"), "!not_sip@0", "a header line"},

	{SV_INIT("SIP/2.0 200 OK"), "response 200 <OK>", "plain"},
	{SV_INIT("sip/2.0 200 OK"), "response 200 <OK>", "lower case"},
	{SV_INIT("SIP/2.0 100 "), "response 100 <>", "RFC 4475 noreason"},
	{SV_INIT("SIP/2.0 100"), "response 100 <>", "no space behind the code either"},
	{SV_INIT("SIP/2.0 699 x"), "response 699 <x>", "the largest code"},
	{SV_INIT("SIP/2.0 200  two spaces"), "response 200 < two spaces>",
	 "space in front of the phrase"},
	{SV_INIT("SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe"),
	 "response 200 <= 2**3 * 5**2 \\xd0\\xbd\\xd0\\xbe>", "RFC 4475 unreason"},
	{SV_INIT("SIP/2.0 200 a\tb"), "response 200 <a\\x09b>", "tab in the phrase"},
	{SV_INIT("SIP/2.0 200 a\x01"
		 "b"),
	 "!not_sip@13", "control byte in the phrase"},
	{SV_INIT("SIP/2.0 099 x"), "response 0 <> !status_line@8", "099"},
	{SV_INIT("SIP/2.0 700 x"), "response 0 <> !status_line@8", "700"},
	{SV_INIT("SIP/2.0 20 x"), "response 0 <> !status_line@8", "two digits"},
	{SV_INIT("SIP/2.0 2000 x"), "response 0 <> !status_line@8", "four digits"},
	{SV_INIT("SIP/2.0 4294967301 x"), "response 0 <> !status_line@8", "RFC 4475 bigcode"},
	{SV_INIT("SIP/2.0 +20 x"), "response 0 <> !status_line@8", "sign"},
	{SV_INIT("SIP/2.0 2x0 OK"), "response 0 <> !status_line@8", "letter"},
	{SV_INIT("SIP/2.0 200OK"), "response 0 <> !status_line@8", "no space"},
	{SV_INIT("SIP/2.0  200 OK"), "response 0 <> !status_line@8", "two spaces"},
	{SV_INIT("SIP/2.0 "), "response 0 <> !status_line@8", "no code"},
	{SV_INIT("SIP/2.0 20"), "response 0 <> !status_line@8", "cut short"},
	{SV_INIT("SIP/3.0 200 OK"), "response 0 <> !version@0", "another version"},
	{SV_INIT("SIP/2.00 200 OK"), "response 0 <> !version@0", "version 2.00"},
	{SV_INIT("SIP/2.0\t200 OK"), "response 0 <> !version@0", "tab"},
	{SV_INIT("SIP/200 OK"), "response 0 <> !version@0", "version missing"},
	{SV_INIT("SIP/x"), "response 0 <> !version@0", "hardly anything"},
};

static void show_start(const struct sip_msg *msg, int err)
{
	text_start(&got);
	if (err < 0) {
		text_add(&got, "!%s@%u", sip_fault_token(msg->fault.fault), msg->fault.off);
		return;
	}
	text_add(&got, "%s ", kinds[msg->kind]);
	if (msg->kind == SIP_KIND_REQUEST) {
		text_escaped(&got, sip_method_text(msg));
		text_add(&got, "%s <", msg->method != SIP_METHOD_OTHER ? "*" : "");
		text_escaped(&got, sip_ruri_text(msg));
	} else {
		text_add(&got, "%u <", msg->status);
		text_escaped(&got, sip_reason_text(msg));
	}
	text_add(&got, ">");
	if (msg->fault.fault)
		text_add(&got, " !%s@%u", sip_fault_token(msg->fault.fault), msg->fault.off);
}

static void start_lines(void **state)
{
	struct sip_where at;
	struct sip_msg msg;
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		text_start(&in);
		text_put(&in, starts[i].line);
		text_add(&in, "\r\n" M_ALL "\r\n");
		int err = parse(&msg, text_sv(&in), &at);
		show_start(&msg, err);
		if (strcmp(got.p, starts[i].want) != 0)
			row_differs(&bad, starts[i].name, got.p, starts[i].want);
		if (err > 0 && msg.lines != M_LINES)
			row_differs(&bad, starts[i].name, "another number of lines", "");
	}
	assert_int_equal(bad, 0);
}

/* ---- header lines ---- */

static const struct {
	struct sv lines;
	const char *
		want; /* Name=value of each, "?" before a name that no row has, and "!fault@offset" in the lines */
	const char *name;
} headers[] = {
	{SV_INIT("Subject: a\r\n"), "Subject=a", "plain"},
	{SV_INIT("Subject:a\r\n"), "Subject=a", "no space"},
	{SV_INIT("Subject : a\r\n"), "Subject=a", "space before the colon"},
	{SV_INIT("Subject\t \t:\t a \t\r\n"), "Subject=a", "tabs and spaces everywhere"},
	{SV_INIT("s: a\r\n"), "Subject=a", "compact"},
	{SV_INIT("S :a\r\n"), "Subject=a", "compact in upper case"},
	{SV_INIT("Subject:\r\n"), "Subject=", "empty"},
	{SV_INIT("Subject:   \r\n"), "Subject=", "spaces only"},
	{SV_INIT("Subject:\r\n a\r\n"), "Subject=a", "folded at once"},
	{SV_INIT("Subject: a\r\n b\r\n\tc\r\n"), "Subject=a\\r\\n b\\r\\n\\x09c", "folded twice"},
	{SV_INIT("Subject: a\r\n \r\n"), "Subject=a", "a fold that holds nothing"},
	{SV_INIT("Subject:\r\n \r\n\t\r\n \r\n"), "Subject=", "nothing but folds"},
	{SV_INIT("Subject: a\r\n b: c\r\n"), "Subject=a\\r\\n b: c",
	 "a fold that looks like a header"},
	{SV_INIT("Subject: a:b\r\n"), "Subject=a:b", "colon in the value"},
	{SV_INIT("Subject: \xe4\xbd\xa0\r\n"), "Subject=\\xe4\\xbd\\xa0", "UTF-8"},
	{SV_INIT("Subject: \xff\xfe\r\n"), "Subject=\\xff\\xfe", "what is no UTF-8"},
	{SV_INIT("Subject: a\tb\r\n"), "Subject=a\\x09b", "tab in a value"},
	{SV_INIT("X-Foo: bar\r\n"), "?X-Foo=bar", "unknown"},
	{SV_INIT("UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n"),
	 "?UnknownHeaderWithUnusualValue=;;,,;;,;", "RFC 4475 wsinv"},
	{SV_INIT("extensionHeader-!.%*+_`'~:\xef\xbb\xbf\r\n"),
	 "?extensionHeader-!.%*+_`'~=\\xef\\xbb\\xbf", "RFC 4475 intmeth"},
	{SV_INIT("C%6Fntact: x\r\n"), "?C%6Fntact=x", "RFC 4475 esc02"},
	{SV_INIT("z: a\r\n"), "?z=a", "a letter that is no compact form"},
	{SV_INIT("To: a\r\nFrom: b\r\nTo: c\r\n"), "To=a From=b To=c", "several"},
	/* P-4: control bytes */
	{SV_INIT("To: \"a\\\0b\" <sip:a@b>\r\n"), "To=\"a\\\\x00b\" <sip:a@b>",
	 "NUL in a quoted-pair"},
	{SV_INIT("To: \"BEL:\\\x07 NUL:\\\0 DEL:\\\x7f\" <sip:a@b>\r\n"),
	 "To=\"BEL:\\\\x07 NUL:\\\\x00 DEL:\\\\x7f\" <sip:a@b>", "RFC 4475 intmeth"},
	{SV_INIT("To: \"a\0b\" <sip:a@b>\r\n"), "To=\"a\\x00b\" <sip:a@b> !control_byte@6",
	 "NUL in quotes"},
	{SV_INIT("To: \\\0 <sip:a@b>\r\n"), "To=\\\\x00 <sip:a@b> !control_byte@5",
	 "NUL behind a backslash, no quotes"},
	{SV_INIT("Zz: \"\\\0\r\n"), "?Zz=\"\\\\x00 !control_byte@6",
	 "NUL behind a quote that is never closed"},
	{SV_INIT("Zz: a\"\\\0 b\r\n"), "?Zz=a\"\\\\x00 b !control_byte@7",
	 "NUL behind a stray quote"},
	{SV_INIT("To: \"a\" \\\0\r\n"), "To=\"a\" \\\\x00 !control_byte@9",
	 "NUL behind a closed quote"},
	{SV_INIT("To: \"a\\\" \\\0\"\r\n"), "To=\"a\\\" \\\\x00\"",
	 "an escaped quote closes nothing"},
	{SV_INIT("To: \"a\\\\\" \\\0\r\n"), "To=\"a\\\\\" \\\\x00 !control_byte@11",
	 "an escaped backslash escapes nothing"},
	{SV_INIT("Subject: a\0b\r\n"), "Subject=a\\x00b !control_byte@10", "NUL"},
	{SV_INIT("Subject: a\x01\r\n"), "Subject=a\\x01 !control_byte@10", "SOH"},
	{SV_INIT("Subject: a\x1b[31m\r\n"), "Subject=a\\x1b[31m !control_byte@10",
	 "ANSI escape (P-14)"},
	{SV_INIT("Subject: a\x7f\r\n"), "Subject=a\\x7f !control_byte@10", "DEL"},
	{SV_INIT("Subject: a\vb\r\n"), "Subject=a\\x0bb !control_byte@10", "vertical tab"},
	{SV_INIT("Subject: a\rb\r\n"), "Subject=a\\rb !line_end@10", "bare CR"},
	{SV_INIT("Subject: a\nb\r\n"), "Subject=a\\nb !line_end@10", "bare LF"},
	{SV_INIT("Subject: a\nTo: x\r\n"), "Subject=a\\nTo: x !line_end@10",
	 "bare LF for a line end"},
	{SV_INIT("Subject: a\rTo: x\r\n"), "Subject=a\\rTo: x !line_end@10",
	 "bare CR for a line end"},
	{SV_INIT("Subject: a\n b\r\n"), "Subject=a\\n b !line_end@10", "bare LF for a fold"},
	{SV_INIT("Subject: a\r\r\n"), "Subject=a !line_end@10", "CR CRLF"},
	{SV_INIT("Subject: a\n\r\n"), "Subject=a !line_end@10", "LF CRLF"},
	{SV_INIT("Subject: \"a\\\nb\"\r\n"), "Subject=\"a\\\\nb\" !line_end@12",
	 "LF behind a backslash in quotes"},
	{SV_INIT("Subject: \"a\\\rb\"\r\n"), "Subject=\"a\\\\rb\" !line_end@12",
	 "CR behind a backslash in quotes"},
	{SV_INIT("Subject: \"a\\\r\n b\x01\"\r\n"), "Subject=\"a\\\\r\\n b\\x01\" !control_byte@16",
	 "a fold behind a backslash, then a control byte"},
	{SV_INIT("Subject: \"\x01\r\n \\\x02\" \\\x03\r\n"),
	 "Subject=\"\\x01\\r\\n \\\\x02\" \\\\x03 !control_byte@10", "the first of several"},
	{SV_INIT("Subject: a\0\r\nTo: \0\r\n"), "Subject=a\\x00 To=\\x00 !control_byte@10",
	 "the first line of two"},
	/* names that are none */
	{SV_INIT("Subject\r\n"), "?=Subject !no_colon@7", "no colon"},
	{SV_INIT("Subject  \r\n"), "?=Subject !no_colon@9", "no colon, spaces"},
	{SV_INIT("Subject\r\nTo: a\r\n"), "?=Subject To=a !no_colon@7", "the next line counts"},
	{SV_INIT("Subject\r\n : a\r\n"), "?=Subject\\r\\n : a !header_name@7",
	 "colon behind a fold"},
	{SV_INIT(": a\r\n"), "?=: a !header_name@0", "empty name"},
	{SV_INIT(" : a\r\n"), "", "a fold of the line before"},
	{SV_INIT("Sub ject: a\r\n"), "?=Sub ject: a !header_name@4", "space inside the name"},
	{SV_INIT("Subject\0: a\r\n"), "?=Subject\\x00: a !control_byte@7",
	 "NUL at the end of the name"},
	{SV_INIT("\0Subject: a\r\n"), "?=\\x00Subject: a !control_byte@0", "NUL before the name"},
	{SV_INIT("Subject\x01: a\r\n"), "?=Subject\\x01: a !control_byte@7", "CVE-2016-9938"},
	{SV_INIT("Subject\x0c: a\r\n"), "?=Subject\\x0c: a !control_byte@7",
	 "form feed at the end of the name"},
	{SV_INIT("Subject\n: a\r\n"), "?=Subject\\n: a !line_end@7", "LF at the end of the name"},
	{SV_INIT("Subject\r: a\r\n"), "?=Subject\\r: a !line_end@7", "CR at the end of the name"},
	{SV_INIT("Sub\"ject\": a\r\n"), "?=Sub\"ject\": a !header_name@3", "quotes in a name"},
	{SV_INIT("Subj\xc3\xa9t: a\r\n"), "?=Subj\\xc3\\xa9t: a !header_name@4", "UTF-8 in a name"},
	{SV_INIT("(comment): a\r\n"), "?=(comment): a !header_name@0", "parentheses"},
	{SV_INIT("\nTo: a\r\n"), "?=To: a !line_end@0", "LF in front"},
	{SV_INIT("\rTo: a\r\n"), "?=To: a !line_end@0", "CR in front"},
};

static void header_lines(void **state)
{
	struct sip_where at;
	struct sip_msg msg;
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		text_start(&in);
		text_add(&in, M_START M_ALL);
		size_t from = in.n;
		text_put(&in, headers[i].lines);
		text_add(&in, "\r\nbody");
		int err = parse(&msg, text_sv(&in), &at);
		text_start(&got);
		if (err < 0)
			text_add(&got, "final");
		for (unsigned k = M_LINES; k < msg.lines; k++) {
			const struct sip_line *l = &msg.line[k];
			text_add(&got, "%s", k > M_LINES ? " " : "");
			if (l->id)
				text_put(&got, sip_header(l->id)->name);
			else
				text_add(&got, "?%.*s", SV_ARG(sip_line_name(&msg, l)));
			text_add(&got, "=");
			text_escaped(&got, sip_line_value(&msg, l));
		}
		if (msg.fault.fault)
			text_add(&got, " !%s@%zd", sip_fault_token(msg.fault.fault),
				 (ssize_t)(msg.fault.off - from));
		if (strcmp(got.p, headers[i].want) != 0)
			row_differs(&bad, headers[i].name, got.p, headers[i].want);
		if (!sv_eq(sip_body(&msg), SV("body")))
			row_differs(&bad, headers[i].name, "another body", "body");
	}
	assert_int_equal(bad, 0);
}

/* P-3: one normaliser: every name of the table in 64 spellings is that header; with a control byte it is none, and said. */
static void sixty_four_spellings(void **state)
{
	static const char *const colons[] = {":", " :", "\t:", " \t :"};
	static const char *const gaps[] = {"", " ", "\r\n ", "\t\r\n\t\r\n "};
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	for (unsigned id = SIP_H_OTHER + 1; id < SIP_H_END; id++)
		for (unsigned spelling = 0; spelling < 64; spelling++) {
			struct sv name = sip_header(id)->name;
			char text[64];
			size_t n = name.n;
			memcpy(text, name.p, n);
			switch (spelling / 16) {
			case 1:
				for (size_t i = 0; i < n; i++)
					text[i] = sv_lower(text[i]);
				break;
			case 2:
				for (size_t i = 0; i < n; i++)
					text[i] = (char)(sv_lower(text[i]) >= 'a' ? text[i] & ~0x20
										  : text[i]);
				break;
			case 3:
				if (sip_header(id)->compact)
					text[0] = sip_header(id)->compact;
				n = sip_header(id)->compact ? 1 : n;
				break;
			default: break;
			}
			text_start(&in);
			text_add(&in, M_START "Max-Breadth: 1\r\n%.*s%s%s1\r\nDate: y\r\n\r\nz",
				 (int)n, text, colons[spelling % 4], gaps[spelling / 4 % 4]);
			assert_true(sip_parse_datagram(&msg, in.p, in.n, &at) > 0);
			assert_int_equal(msg.fault.fault, SIP_OK);
			assert_int_equal(msg.lines, 3);
			assert_int_equal(msg.line[1].id, id);
			assert_true(sv_eq(sip_line_value(&msg, &msg.line[1]), SV("1")));
		}
	for (int c = 0; c < 256; c++) {
		bool fits = lex_is((char)c, LEX_TOKEN) || c == '\t' || c == ' ' || c == ':';
		text_start(&in);
		text_add(&in, M_START "P-Asserted-Identity");
		text_fill(&in, (char)c, 1);
		text_add(&in, ": x\r\n" M_ALL "\r\n");
		assert_true(parse(&msg, text_sv(&in), &at) > 0);
		assert_int_equal(msg.fault.fault != SIP_OK, !fits);
		assert_int_equal(sip_has(&msg, SIP_H_P_ASSERTED_IDENTITY),
				 c == '\t' || c == ' ' || c == ':');
	}
}

/* ---- Content-Length and the body ---- */

enum { BAD = -1, BEYOND = -2 };

static const struct {
	struct sv value;
	int length; /* of a body of 10 bytes */
} lengths[] = {
	{SV_INIT("10"), 10},
	{SV_INIT("0"), 0},
	{SV_INIT("9"), 9},
	{SV_INIT("00"), 0},
	{SV_INIT("010"), 10},
	{SV_INIT("000010"), 10},
	{SV_INIT("0000010"), BAD},
	{SV_INIT("11"), BEYOND},
	{SV_INIT("9999"), BEYOND},
	{SV_INIT("65536"), BEYOND},
	{SV_INIT("999999"), BEYOND},
	{SV_INIT("1000000"), BAD},
	{SV_INIT("2147483647"), BAD},
	{SV_INIT("2147483648"), BAD},
	{SV_INIT("4294967295"), BAD},
	{SV_INIT("4294967296"), BAD},
	{SV_INIT("4294967306"), BAD}, /* 2^32 + 10 */
	{SV_INIT("18446744073709551626"), BAD},
	{SV_INIT("99999999999999999999999999"), BAD},
	{SV_INIT("-1"), BAD},
	{SV_INIT("-999"), BAD},
	{SV_INIT("-0"), BAD},
	{SV_INIT("+10"), BAD},
	{SV_INIT("0x0a"), BAD},
	{SV_INIT("0xA"), BAD},
	{SV_INIT("1e1"), BAD},
	{SV_INIT("10.0"), BAD},
	{SV_INIT(""), BAD},
	{SV_INIT("bad"), BAD},
	{SV_INIT("xyz"), BAD},
	{SV_INIT("10x"), BAD},
	{SV_INIT("x10"), BAD},
	{SV_INIT("1 0"), BAD},
	{SV_INIT("1\r\n 0"), BAD},
	{SV_INIT("10,10"), BAD},
	{SV_INIT("10, 10"), BAD},
	{SV_INIT("10;x=y"), BAD},
	{SV_INIT("10 (ten)"), BAD},
	{SV_INIT("\"10\""), BAD},
	{SV_INIT("<10>"), BAD},
	{SV_INIT("\xd9\xa1\xd9\xa0"), BAD},
	{SV_INIT("1\xc2\xa0"), BAD},
};

static const char *const length_names[] = {
	"Content-Length: %.*s\r\n",
	"l:%.*s\r\n",
	"L : %.*s  \r\n",
	"Content-Length\t:\r\n %.*s\r\n \r\n",
	"CONTENT-LENGTH   :%.*s\r\n",
	"content-length:\r\n\t\r\n %.*s\r\n",
};

static void content_lengths(void **state)
{
	struct sip_where at;
	struct sip_msg msg;
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (size_t k = 0; k < sizeof(length_names) / sizeof(length_names[0]); k++) {
			text_start(&in);
			text_add(&in, M_START);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			text_add(&in, length_names[k], SV_ARG(lengths[i].value));
#pragma GCC diagnostic pop
			text_add(&in, M_ALL "\r\n");
			size_t head = in.n;
			text_add(&in, "0123456789");
			int ret = parse(&msg, text_sv(&in), &at);
			int want = lengths[i].length;
			enum sip_fault fault = want == BAD      ? SIP_FAULT_LENGTH_BAD
					       : want == BEYOND ? SIP_FAULT_LENGTH_BEYOND
								: SIP_OK;
			size_t body = want < 0 ? 10 : (size_t)want;
			if (msg.fault.fault != fault || ret != (int)(head + body) ||
			    sip_body(&msg).n != body)
				row_differs(&bad, lengths[i].value.p,
					    sip_fault_token(msg.fault.fault),
					    sip_fault_token(fault));
			if (fault && msg.fault.hid != SIP_H_CONTENT_LENGTH)
				row_differs(&bad, lengths[i].value.p, "another header",
					    "Content-Length");
		}
	assert_int_equal(bad, 0);
}

static void content_length_twice(void **state)
{
	static const char *const pairs[] = {
		"Content-Length: 4\r\nContent-Length: 4\r\n",
		"Content-Length: 4\r\nContent-Length: 5\r\n",
		"l: 4\r\nX: y\r\nContent-Length: 4\r\n",
		"Content-Length: 4\r\nl:\r\n",
		"Content-Length: x\r\nl: 4\r\n",
	};
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		text_start(&in);
		text_add(&in, M_START "%s" M_ALL "\r\nbody", pairs[i]);
		assert_int_equal(parse(&msg, text_sv(&in), &at), in.n);
		assert_int_equal(msg.fault.fault, SIP_FAULT_LENGTH_TWICE);
	}
}

/* RFC 3261 §18.3: bytes behind Content-Length are no second message; without it the body ends with the datagram. */
static void what_follows_is_ignored(void **state)
{
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	text_start(&in);
	text_add(&in, M_START M_ALL "l: 4\r\n\r\nbody" M_START M_ALL "\r\n");
	assert_int_equal(parse(&msg, text_sv(&in), &at),
			 sizeof(M_START M_ALL "l: 4\r\n\r\nbody") - 1);
	assert_true(sv_eq(sip_body(&msg), SV("body")));
	assert_int_equal(msg.lines, M_LINES + 1);
	text_start(&in);
	text_add(&in, M_START M_ALL "\r\nbody" M_START M_ALL "\r\n");
	assert_int_equal(parse(&msg, text_sv(&in), &at), in.n);
	assert_int_equal(sip_body(&msg).n, sizeof("body" M_START M_ALL "\r\n") - 1);
	/* a body may hold any byte */
	text_start(&in);
	text_add(&in, M_START M_ALL "l: 256\r\n\r\n");
	for (int c = 0; c < 256; c++)
		text_fill(&in, (char)c, 1);
	assert_int_equal(parse(&msg, text_sv(&in), &at), in.n);
	assert_int_equal(msg.fault.fault, SIP_OK);
	assert_int_equal(sip_body(&msg).n, 256);
}

/* ---- keepalives and what is no message ---- */

static const struct {
	struct sv in;
	int ret;
	enum sip_kind kind;
	enum sip_fault fault;
	const char *name;
} odd[] = {
	{SV_INIT(""), MG_EPARSE, SIP_KIND_NOISE, SIP_FAULT_NOT_SIP, "empty"},
	{SV_INIT("\r\n\r\n"), 4, SIP_KIND_PING, SIP_OK, "ping"},
	{SV_INIT("\r\n"), 2, SIP_KIND_CRLF, SIP_OK, "one CRLF"},
	{SV_INIT("\0\0\0\0"), 4, SIP_KIND_NOISE, SIP_OK, "zeek: four NULs"},
	{SV_INIT("\0"), 1, SIP_KIND_NOISE, SIP_OK, "NUL"},
	{SV_INIT("abcd"), 4, SIP_KIND_NOISE, SIP_OK, "four letters"},
	{SV_INIT("\r"), 1, SIP_KIND_NOISE, SIP_OK, "CR"},
	{SV_INIT("\n\n\n\n"), 4, SIP_KIND_NOISE, SIP_OK, "four LFs"},
	{SV_INIT("\r\n\r"), 3, SIP_KIND_NOISE, SIP_OK, "a ping cut short"},
	{SV_INIT("\r\n\r\n\r\n"), 6, SIP_KIND_NOISE, SIP_OK, "three CRLFs"},
	{SV_INIT("\r\n\r\n\r\n\r\n"), 8, SIP_KIND_NOISE, SIP_OK, "four CRLFs"},
	{SV_INIT("\0\0\0\0\0"), MG_EPARSE, SIP_KIND_NONE, SIP_FAULT_NOT_SIP, "five NULs"},
	{SV_INIT("\r\n\r\n\0"), MG_EPARSE, SIP_KIND_NONE, SIP_FAULT_NOT_SIP, "CRLFs and a NUL"},
	{SV_INIT("\r\n\r\n\r"), MG_EPARSE, SIP_KIND_NONE, SIP_FAULT_NOT_SIP, "CRLFs and a CR"},
	{SV_INIT("\n\n\n\n\n"), MG_EPARSE, SIP_KIND_NONE, SIP_FAULT_NOT_SIP, "five LFs"},
	{SV_INIT("     "), MG_EPARSE, SIP_KIND_NONE, SIP_FAULT_NOT_SIP, "spaces"},
	{SV_INIT("\x16\x03\x01\x02\x00\x01"), MG_EPARSE, SIP_KIND_NONE, SIP_FAULT_NOT_SIP,
	 "TLS hello"},
	{SV_INIT("\x00\x01\x00\x00\x21\x12\xa4\x42"), MG_EPARSE, SIP_KIND_NONE, SIP_FAULT_NOT_SIP,
	 "STUN"},
	{SV_INIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), MG_EPARSE, SIP_KIND_REQUEST,
	 SIP_FAULT_NOT_SIP, "HTTP"},
	{SV_INIT("INVITE"), MG_EPARSE, SIP_KIND_NONE, SIP_FAULT_NO_BLANK_LINE, "a word"},
	{SV_INIT("INVITE sip:a SIP/2.0\r"), MG_EPARSE, SIP_KIND_NONE, SIP_FAULT_NO_BLANK_LINE,
	 "CR at the end"},
	{SV_INIT("INVITE sip:a SIP/2.0\r\n"), MG_EPARSE, SIP_KIND_REQUEST, SIP_FAULT_NO_BLANK_LINE,
	 "start line only"},
	{SV_INIT("INVITE sip:a SIP/2.0\r\n\r"), MG_EPARSE, SIP_KIND_REQUEST,
	 SIP_FAULT_NO_BLANK_LINE, "half a blank line"},
	{SV_INIT("INVITE sip:a SIP/2.0\r\n\r\n"), 24, SIP_KIND_REQUEST, SIP_OK, "no headers"},
	{SV_INIT("\r\n\r\n\r\nINVITE sip:a SIP/2.0\r\n\r\n"), 30, SIP_KIND_REQUEST, SIP_OK,
	 "CRLFs before it (§7.5)"},
	{SV_INIT("INVITE sip:a SIP/2.0\n\n"), MG_EPARSE, SIP_KIND_NONE, SIP_FAULT_NOT_SIP,
	 "LF line ends"},
	{SV_INIT("INVITE sip:a SIP/2.0\r\nVia: x\r\n"), MG_EPARSE, SIP_KIND_REQUEST,
	 SIP_FAULT_NO_BLANK_LINE, "RFC 4475 baddn: no blank line"},
	{SV_INIT("INVITE sip:a SIP/2.0\r\nVia: x"), MG_EPARSE, SIP_KIND_REQUEST,
	 SIP_FAULT_NO_BLANK_LINE, "cut in a value"},
	{SV_INIT("INVITE sip:a SIP/2.0\r\nVia: \0"), MG_EPARSE, SIP_KIND_REQUEST,
	 SIP_FAULT_NO_BLANK_LINE, "cut behind a NUL"},
	{SV_INIT("INVITE sip:a SIP/2.0\r\nVia: \0\r"), MG_EPARSE, SIP_KIND_REQUEST,
	 SIP_FAULT_NO_BLANK_LINE, "cut behind NUL and CR"},
	{SV_INIT("INVITE sip:a SIP/2.0\r\nVia: \0\r\n"), MG_EPARSE, SIP_KIND_REQUEST,
	 SIP_FAULT_NO_BLANK_LINE, "cut behind NUL and CRLF"},
	{SV_INIT("INVITE sip:a SIP/2.0\r\nVia: \0\"\\"), MG_EPARSE, SIP_KIND_REQUEST,
	 SIP_FAULT_NO_BLANK_LINE, "cut behind a backslash"},
	{SV_INIT("INVITE sip:a SIP/2.0\r\nVia: \0\"\\\r\n\r\n"), 34, SIP_KIND_REQUEST,
	 SIP_FAULT_CONTROL_BYTE, "a backslash takes no line end"},
	{SV_INIT("INVITE sip:a SIP/2.0\r\nVia"), MG_EPARSE, SIP_KIND_REQUEST,
	 SIP_FAULT_NO_BLANK_LINE, "cut in a name"},
	{SV_INIT("INVITE sip:a SIP/2.0\r\nVia:"), MG_EPARSE, SIP_KIND_REQUEST,
	 SIP_FAULT_NO_BLANK_LINE, "cut behind the colon"},
	{SV_INIT("INVITE sip:a SIP/2.0\r\n Via: x\r\n\r\n"), 33, SIP_KIND_REQUEST,
	 SIP_FAULT_HEADER_NAME, "a fold of the start line"},
};

static void what_is_no_message(void **state)
{
	struct sip_where at;
	struct sip_msg msg;
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		int ret = parse(&msg, odd[i].in, &at);
		char a[64], b[64];
		snprintf(a, sizeof(a), "%d %s %s", ret, kinds[msg.kind],
			 sip_fault_token(msg.fault.fault));
		snprintf(b, sizeof(b), "%d %s %s", odd[i].ret, kinds[odd[i].kind],
			 sip_fault_token(odd[i].fault));
		if (strcmp(a, b) != 0)
			row_differs(&bad, odd[i].name, a, b);
	}
	assert_int_equal(bad, 0);
}

/* A datagram cut anywhere is never taken for a whole message with another end, and never read behind. */
static void cut_anywhere(void **state)
{
	static const char whole[] = M_START M_ALL "Subject: a\r\n \"\\\x01\" b\r\nl: 4\r\n\r\nbody";
	struct sip_where at;
	struct sip_msg msg;
	size_t head = sizeof(whole) - 1 - 4;

	(void)state;
	for (size_t n = 5; n < sizeof(whole); n++) {
		int ret = parse(&msg, sv_of(whole, n), &at);
		if (n < head)
			assert_int_equal(msg.fault.fault, SIP_FAULT_NO_BLANK_LINE);
		else
			assert_int_equal(msg.fault.fault,
					 n < head + 4 ? SIP_FAULT_LENGTH_BEYOND : SIP_OK);
		assert_int_equal(ret > 0, n >= head);
	}
}

/* One byte of a good message set to each value: nothing is read outside, and the index stays in one piece. */
static void each_byte_replaced(void **state)
{
	static const char good[] =
		"INVITE sip:b@c SIP/2.0\r\nv: SIP/2.0/UDP "
		"h;branch=z9hG4bKx\r\nf:\"a\\\"\"<sip:a@b>;tag=1\r\n"
		"t: <sip:b@c>\r\ni: 1\r\nCSeq: 1\r\n INVITE\r\nm: *\r\nl: 2\r\n\r\nab";
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	for (size_t i = 0; i < sizeof(good) - 1; i++)
		for (int c = 0; c < 256; c++) {
			text_start(&in);
			text_put(&in, sv_of(good, sizeof(good) - 1));
			in.p[i] = (char)c;
			(void)parse(&msg, text_sv(&in), &at);
		}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_lines),          cmocka_unit_test(header_lines),
		cmocka_unit_test(sixty_four_spellings), cmocka_unit_test(content_lengths),
		cmocka_unit_test(content_length_twice), cmocka_unit_test(what_follows_is_ignored),
		cmocka_unit_test(what_is_no_message),   cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(each_byte_replaced),
	};

	return cmocka_run_group_tests(tests, make_room, leave_room);
}
