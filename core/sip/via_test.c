/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * via: what is read from one Via value, or why it is refused, in one line of text per row, at both edges of a page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sip/limits.h"
#include "sip/test_guard.h"
#include "sip/via.h"

#define U "SIP/2.0/UDP h"

static const struct row {
	struct sv in;
	const char *
		want; /* "!fault@offset" when it is refused; "+" and what is left behind the value */
	const char *name;
} rows[] = {
	/* RFC 3261 §20.42 and others */
	{SV_INIT("SIP/2.0/UDP erlang.bell-telephone.com:5060;branch=z9hG4bK87asdks7"),
	 "udp h=erlang.bell-telephone.com p=5060 branch=z9hG4bK87asdks7",
	 "RFC 3261: first example"},
	{SV_INIT("SIP/2.0/UDP 192.0.2.1:5060 ;received=192.0.2.207 ;branch=z9hG4bK77asjd"),
	 "udp h=192.0.2.1 v4 p=5060 branch=z9hG4bK77asjd received=192.0.2.207",
	 "RFC 3261: received"},
	{SV_INIT("SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 "
		 ";branch=z9hG4bKa7c6a8dlze.1"),
	 "udp h=first.example.com p=4000 branch=z9hG4bKa7c6a8dlze.1 maddr=224.2.0.1 ttl=16",
	 "RFC 3261: white space everywhere, multicast"},
	{SV_INIT("SIP/2.0/UDP 10.1.1.1:4540;received=192.0.2.1;rport=9988;branch=z9hG4bKkjshdyff"),
	 "udp h=10.1.1.1 v4 p=4540 branch=z9hG4bKkjshdyff received=192.0.2.1 rport=9988",
	 "RFC 3581: rport with value"},
	{SV_INIT("SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bKkjshdyff"),
	 "udp h=10.1.1.1 v4 p=4540 branch=z9hG4bKkjshdyff rport", "RFC 3581: rport"},
	{SV_INIT("SIP/2.0/TCP server10.biloxi.com;branch=z9hG4bK4b43c2ff8.1;comp=sigcomp"),
	 "tcp h=server10.biloxi.com branch=z9hG4bK4b43c2ff8.1 comp=sigcomp", "RFC 3486: comp"},
	{SV_INIT("SIP/2.0/TCP p2.example.com;branch=z9hG4bK77;alias"),
	 "tcp h=p2.example.com branch=z9hG4bK77 alias", "RFC 5923: alias"},
	{SV_INIT("SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK7;keep"),
	 "udp h=192.0.2.2 v4 branch=z9hG4bK7 keep", "RFC 6223: keep"},
	{SV_INIT("SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK7;keep=30"),
	 "udp h=192.0.2.2 v4 branch=z9hG4bK7 keep=30", "RFC 6223: keep with seconds"},
	{SV_INIT("SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111"),
	 "udp h=[2001:db8::9:1] v6 branch=z9hG4bKas3-111 received=[2001:db8::9:255]",
	 "RFC 5118 §4.5: brackets"},
	{SV_INIT("SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3-111"),
	 "udp h=[2001:db8::9:1] v6 branch=z9hG4bKas3-111 received=2001:db8::9:255",
	 "RFC 5118 §4.5: none"},
	{SV_INIT("SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw"),
	 "udp h=192.0.2.2 v4 branch=390skdjuw", "RFC 4475 wsinv: folds"},
	{SV_INIT("SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  "
		 ",\r\n SIP"),
	 "tcp h=spindle.example.com branch=z9hG4bK9ikj8 +,\r\n SIP", "RFC 4475 wsinv: list"},
	{SV_INIT("SIP/2.0/UDP 192.0.2.15;;,;,,"), "!bad@23", "RFC 4475 badinv01"},
	{SV_INIT("SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en"),
	 "?UNKNOWN h=t4.example.com branch=z9hG4bKasd0f3en", "RFC 4475 transports"},
	{SV_INIT("SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw"),
	 "udp h=c.example.com branch=z9hG4bKkdjuw", "RFC 4475 badvers: who gets the 505"},
	{SV_INIT("SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~"),
	 "tcp h=host1.example.com branch=z9hG4bK-.!%66*_+`'~", "RFC 4475 intmeth"},
	/* sent-protocol */
	{SV_INIT("SIP/2.0/TLS h"), "tls h=h", "tls"},
	{SV_INIT("SIP/2.0/SCTP h"), "sctp h=h", "sctp"},
	{SV_INIT("SIP/2.0/TLS-SCTP h"), "tls-sctp h=h", "tls-sctp"},
	{SV_INIT("SIP/2.0/WS h"), "ws h=h", "ws"},
	{SV_INIT("SIP/2.0/WSS h"), "wss h=h", "wss"},
	{SV_INIT("sip/2.0/udp h"), "udp h=h", "lower case"},
	{SV_INIT("  SIP/2.0/UDP h  "), "udp h=h", "white space at the ends"},
	{SV_INIT("SIP/2.0/ UDP h"), "udp h=h", "white space before the transport"},
	{SV_INIT("SIP/2.0/UDP\th"), "udp h=h", "tab"},
	{SV_INIT("SIP/2.0/UDP\r\n h"), "udp h=h", "fold"},
	{SV_INIT(""), "!bad@0", "empty"},
	{SV_INIT("   "), "!bad@3", "white space only"},
	{SV_INIT(","), "!bad@0", "comma only"},
	{SV_INIT("SIP"), "!bad@0", "name only"},
	{SV_INIT("SIP/"), "!bad@0", "no version"},
	{SV_INIT("SIP/2.0"), "!bad@0", "no transport"},
	{SV_INIT("SIP/2.0/"), "!bad@8", "empty transport"},
	{SV_INIT("SIP/2.0/UDP"), "!bad@11", "no sent-by"},
	{SV_INIT("SIP/2.0/UDP "), "!bad@12", "no sent-by behind a space"},
	{SV_INIT("SIP/2.0/UDP;branch=z9hG4bK1"), "!bad@11", "parameter for a sent-by"},
	{SV_INIT("SIP//UDP h"), "!bad@0", "empty version"},
	{SV_INIT("/2.0/UDP h"), "!bad@0", "empty name"},
	{SV_INIT("SIP/2.0 UDP h"), "!bad@0", "a slash missing"},
	{SV_INIT("SIP-2.0-UDP h"), "!bad@0", "hyphens for slashes"},
	{SV_INIT("SIP/2.0/UDP/x h"), "!bad@11", "a slash too many"},
	{SV_INIT("SIP/2.0/\"UDP\" h"), "!bad@8", "quoted transport"},
	/* sent-by */
	{SV_INIT("SIP/2.0/UDP h:1"), "udp h=h p=1", "port 1"},
	{SV_INIT("SIP/2.0/UDP h:65535"), "udp h=h p=65535", "port 65535"},
	{SV_INIT("SIP/2.0/UDP h:65536"), "!bad@13", "port 65536"},
	{SV_INIT("SIP/2.0/UDP h:0"), "!bad@13", "port 0"},
	{SV_INIT("SIP/2.0/UDP h:"), "!bad@13", "no port behind the colon"},
	{SV_INIT("SIP/2.0/UDP h:x"), "!bad@13", "letters for a port"},
	{SV_INIT("SIP/2.0/UDP h : 5060"), "udp h=h p=5060", "space around the colon"},
	{SV_INIT("SIP/2.0/UDP h \r\n :\r\n 5060\r\n ;branch=x"), "udp h=h p=5060 branch=x",
	 "folds around the colon"},
	{SV_INIT("SIP/2.0/UDP [2001:db8::1]:5070"), "udp h=[2001:db8::1] v6 p=5070",
	 "IPv6 and port"},
	{SV_INIT("SIP/2.0/UDP 2001:db8::1"), "!bad@12", "IPv6 without brackets"},
	{SV_INIT("SIP/2.0/UDP 256.0.0.1"), "!bad@12", "no address"},
	{SV_INIT("SIP/2.0/UDP 255.255.255.255"), "udp h=255.255.255.255 v4", "RFC 4475 bcast"},
	{SV_INIT("SIP/2.0/UDP my_host-1.local"), "udp h=my_host-1.local", "underscore"},
	{SV_INIT("SIP/2.0/UDP user@h"), "!bad@16", "user part"},
	{SV_INIT("SIP/2.0/UDP h h"), "!bad@14", "two hosts"},
	{SV_INIT("SIP/2.0/UDP h\0"), "!bad@13", "NUL behind the host"},
	/* parameters */
	{SV_INIT(U ";branch=z9hG4bK"), "udp h=h branch=z9hG4bK",
	 "the cookie alone is left to the check"},
	{SV_INIT(U ";branch="), "!bad@14", "empty branch"},
	{SV_INIT(U ";branch"), "!bad@14", "branch without value"},
	{SV_INIT(U ";branch=a;branch=b"), "!bad@23", "branch twice"},
	{SV_INIT(U ";branch=a;BRANCH=a"), "!bad@23", "branch twice, the same"},
	{SV_INIT(U ";branch=\"z9hG4bKa\""), "!bad@14", "branch in quotes"},
	{SV_INIT(U ";BRANCH=z9hG4bKa"), "udp h=h branch=z9hG4bKa", "name in upper case"},
	{SV_INIT(U ";branch=z9hG4bKa=b@c:d/e"), "udp h=h branch=z9hG4bKa=b@c:d/e",
	 "branch beyond token"},
	{SV_INIT(U ";rport="), "udp h=h rport", "rport, empty value"},
	{SV_INIT(U ";rport=0"), "!bad@14", "rport 0"},
	{SV_INIT(U ";rport=65536"), "!bad@14", "rport 65536"},
	{SV_INIT(U ";rport=x"), "!bad@14", "rport x"},
	{SV_INIT(U ";rport;rport"), "!bad@20", "rport twice"},
	{SV_INIT(U ";rport=00005060"), "udp h=h rport=5060", "rport with zeros in front"},
	{SV_INIT(U ";rport =5060 ;x"), "udp h=h rport=5060", "rport with white space"},
	{SV_INIT(U ";RPORT=1;rport=2"), "!bad@22", "rport twice, once in upper case"},
	{SV_INIT(U ";rport=1;RPORT"), "!bad@22", "rport twice, then in upper case"},
	{SV_INIT(U ";rport=506x"), "!bad@14", "rport of more than digits"},
	{SV_INIT(U ";rports=1;rport5"), "udp h=h", "longer names than rport"},
	{SV_INIT(U ";rport,x"), "udp h=h rport +,x", "rport before a comma"},
	{SV_INIT(U ";rport=9,x"), "udp h=h rport=9 +,x", "rport with value before a comma"},
	{SV_INIT(U ";ttl=0"), "udp h=h ttl=0", "ttl 0"},
	{SV_INIT(U ";ttl=255"), "udp h=h ttl=255", "ttl 255"},
	{SV_INIT(U ";ttl=256"), "!bad@14", "ttl 256"},
	{SV_INIT(U ";ttl"), "!bad@14", "ttl without value"},
	{SV_INIT(U ";ttl=0001"), "!bad@14", "ttl of four digits"},
	{SV_INIT(U ";ttl=1;ttl=1"), "!bad@20", "ttl twice"},
	{SV_INIT(U ";maddr=224.0.1.75"), "udp h=h maddr=224.0.1.75", "maddr"},
	{SV_INIT(U ";maddr"), "!bad@14", "maddr without value"},
	{SV_INIT(U ";maddr=a;maddr=b"), "!bad@22", "maddr twice"},
	{SV_INIT(U ";received=a;received=b"), "!bad@25", "received twice"},
	{SV_INIT(U ";RECEIVED=a;received=b"), "!bad@25", "received twice, once in upper case"},
	{SV_INIT(U ";received= a"), "udp h=h received=a", "received with white space"},
	{SV_INIT(U ";branch= a;x"), "udp h=h branch=a", "branch with white space"},
	{SV_INIT(U ";received="), "!bad@14", "received empty"},
	{SV_INIT(U ";received=\"192.0.2.1\""), "!bad@14", "received in quotes"},
	{SV_INIT(U ";comp=sigcomp;comp=x"), "!bad@27", "comp twice"},
	{SV_INIT(U ";keep=x"), "!bad@14", "keep x"},
	{SV_INIT(U ";keep=1;keep=2"), "!bad@21", "keep twice"},
	{SV_INIT(U ";rport=\"1\""), "!bad@14", "rport in quotes"},
	{SV_INIT(U ";ttl=\"1\""), "!bad@14", "ttl in quotes"},
	{SV_INIT(U ";keep=4294967295"), "udp h=h keep=4294967295", "keep at its largest"},
	{SV_INIT(U ";keep=4294967296"), "!bad@14", "keep beyond"},
	{SV_INIT(U ";hidden;x=\"a,b;c\";y=z"), "udp h=h", "unknown ones, a quoted one"},
	{SV_INIT(U ";tt;kepp;aliax;brancx=1;receivex=2;comq"), "udp h=h", "nearly known names"},
	{SV_INIT(U ";x=\"a"), "!bad@16", "quote never closed"},
	{SV_INIT(U ";"), "!bad@14", "trailing semicolon"},
	{SV_INIT(U ";;branch=a"), "!bad@14", "two semicolons"},
	{SV_INIT(U ";=a"), "!bad@14", "value without name"},
	{SV_INIT(U ";branch=a b"), "!bad@23", "space in a value"},
	{SV_INIT(U ";branch=a,"), "udp h=h branch=a +,", "comma behind"},
	{SV_INIT(U " , SIP/2.0/TCP i"), "udp h=h +, SIP/2.0/TCP i", "list"},
	{SV_INIT(U ";branch=a(comment)"), "udp h=h branch=a(comment)",
	 "parentheses are no comment here"},
	{SV_INIT(U " (comment)"), "!bad@14", "comment of RFC 2543"},
};

static void show(struct text *t, const struct sip_via *v)
{
	text_start(t);
	if (v->transport == SIP_TRANSPORT_OTHER)
		text_add(t, "?%.*s", SV_ARG(v->transport_name));
	else
		text_add(t, "%s", sip_transport_name(v->transport));
	text_add(t, " h=%.*s", SV_ARG(v->host));
	if (v->host_kind != LEX_HOST_NAME)
		text_add(t, v->host_kind == LEX_HOST_V4 ? " v4" : " v6");
	if (v->port)
		text_add(t, " p=%u", v->port);
	if (v->branch.n)
		text_add(t, " branch=%.*s", SV_ARG(v->branch));
	if (v->received.n)
		text_add(t, " received=%.*s", SV_ARG(v->received));
	if (v->rport)
		text_add(t, " rport=%u", v->rport);
	else if (v->has_rport)
		text_add(t, " rport");
	if (v->maddr.n)
		text_add(t, " maddr=%.*s", SV_ARG(v->maddr));
	if (v->has_ttl)
		text_add(t, " ttl=%u", v->ttl);
	if (v->comp.n)
		text_add(t, " comp=%.*s", SV_ARG(v->comp));
	if (v->keep_s)
		text_add(t, " keep=%u", v->keep_s);
	else if (v->has_keep)
		text_add(t, " keep");
	if (v->has_alias)
		text_add(t, " alias");
}

static void scan_and_show(struct text *t, struct sv in)
{
	struct lex_ctx e = {0};
	struct sip_via v;
	const char *end = in.p + in.n;
	const char *q = sip_via_scan(&v, in.p, end, &e);

	if (!q) {
		text_start(t);
		text_add(t, "!%s@%zu", sip_fault_token(e.fault), (size_t)(e.pos - in.p));
		return;
	}
	show(t, &v);
	if (q < end)
		text_add(t, " +%.*s", SV_ARG(sv_span(q, end)));
	assert_true(v.text.p >= in.p && v.text.p + v.text.n <= q);
	assert_true(v.params.n == 0 || v.params.p + v.params.n == v.text.p + v.text.n);
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
			if (strcmp(got.p, rows[i].want) != 0)
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
		text_add(&t, U ";branch=");
		text_fill(&t, 'b', n);
		scan_and_show(&got, text_sv(&t));
		if (n > SIP_IDENT_MAX)
			assert_string_equal(got.p, "!too_long@14");
		else
			assert_int_not_equal(got.p[0], '!');
	}
	for (unsigned n = SIP_PARAMS_MAX; n <= SIP_PARAMS_MAX + 1; n++) {
		text_start(&t);
		text_add(&t, U);
		for (unsigned i = 0; i < n; i++)
			text_add(&t, ";a");
		scan_and_show(&got, text_sv(&t));
		assert_string_equal(got.p, n > SIP_PARAMS_MAX ? "!too_many_params@77" : "udp h=h");
	}
}

static void cookie(void **state)
{
	static const struct {
		const char *branch;
		bool has;
	} table[] = {
		{"z9hG4bKa", true}, {"Z9HG4BKa", true},   {"z9hG4bK", false},
		{"z9hG4b", false},  {"390skdjuw", false}, {"az9hG4bK", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sip_via v = {.branch = sv_str(table[i].branch)};
		assert_int_equal(sip_via_has_cookie(&v), table[i].has);
	}
	assert_false(sip_via_has_cookie(&(struct sip_via){0}));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(limits),
		cmocka_unit_test(cookie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
