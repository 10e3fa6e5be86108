/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The messages of RFC 4475 and RFC 5118: one row each, as a datagram at both edges of a page and on a stream cut at every
 * byte. Faults of requests are answered when Via, From, To, Call-ID and CSeq are well formed (THREATS §0, answer rule);
 * where the RFC asks for a 400 and that rule for silence, the row says "dropped".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>

#include "sip/param.h"
#include "sip/test_stream.h"

enum { ANSWERED = 1, DROPPED = 0 };

/* What comes of the bytes on a stream: 0 the same as of the datagram, a fault of framing, or one of these. Behind the second
 * message of dblreq stand the last five bytes of its SDP, which are none. */
enum { STREAM_SAME = 0, STREAM_WAITS = 100, STREAM_TWO = 101 };

static const struct row {
	const char *file;
	enum sip_fault fault; /* of parse and check as a datagram */
	bool answered;        /* a request with a fault */
	unsigned stream;
	unsigned
		above; /* what an element answers that goes on from here, 0: it forwards, or drops */
	const char *by;
} rows[] = {
	/* RFC 4475 §3.1.1: valid */
	{"wsinv", SIP_OK, 0, 0, 0, ""},
	{"intmeth", SIP_OK, 0, 0, 501, "UA"},
	{"esc01", SIP_OK, 0, 0, 0, ""},
	{"escnull", SIP_OK, 0, 0, 200, "registrar: two bindings"},
	{"esc02", SIP_OK, 0, 0, 501, "UA"},
	{"lwsdisp", SIP_OK, 0, 0, 0, ""},
	{"longreq", SIP_OK, 0, 0, 0, ""},
	{"dblreq", SIP_OK, 0, STREAM_TWO, 200, "registrar: the first only"},
	{"semiuri", SIP_OK, 0, 0, 0, ""},
	{"transports", SIP_OK, 0, 0, 0, ""},
	{"mpart01", SIP_OK, 0, 0, 0, ""},
	{"unreason", SIP_OK, 0, 0, 0, ""},
	{"noreason", SIP_OK, 0, 0, 0, ""},
	/* §3.1.2: invalid */
	{"badinv01", SIP_FAULT_BAD, DROPPED, 0, 0, ""},
	{"clerr", SIP_FAULT_LENGTH_BEYOND, ANSWERED, STREAM_WAITS, 0, ""},
	{"ncl", SIP_FAULT_LENGTH_BAD, ANSWERED, SIP_FAULT_LENGTH_BAD, 0, ""},
	{"scalar02", SIP_FAULT_BAD, DROPPED, 0, 0, ""},
	{"scalarlg", SIP_FAULT_BAD, DROPPED, 0, 0, ""},
	{"quotbal", SIP_FAULT_BAD, DROPPED, 0, 0, ""},
	{"ltgtruri", SIP_FAULT_URI, ANSWERED, 0, 0, ""},
	{"lwsruri", SIP_FAULT_REQUEST_LINE, ANSWERED, 0, 0, ""},
	{"lwsstart", SIP_FAULT_REQUEST_LINE, ANSWERED, 0, 0, ""},
	{"trws", SIP_FAULT_REQUEST_LINE, ANSWERED, 0, 0, ""},
	{"escruri", SIP_FAULT_URI_HEADERS, ANSWERED, 0, 0, ""},
	{"baddate", SIP_OK, 0, 0, 0, "Date is ignored"},
	{"regbadct", SIP_FAULT_BAD, ANSWERED, 0, 0, ""},
	{"badaspec", SIP_FAULT_BAD, DROPPED, 0, 0, ""},
	{"baddn", SIP_FAULT_NO_BLANK_LINE, DROPPED, STREAM_WAITS, 0, ""},
	{"badvers", SIP_FAULT_VERSION, ANSWERED, 0, 0, ""},
	{"mismatch01", SIP_FAULT_CSEQ_METHOD, ANSWERED, 0, 0, ""},
	{"mismatch02", SIP_FAULT_CSEQ_METHOD, ANSWERED, 0, 0, ""},
	{"bigcode", SIP_FAULT_STATUS_LINE, DROPPED, 0, 0, ""},
	/* §3.2 to §3.4 */
	{"badbranch", SIP_FAULT_BAD, ANSWERED, 0, 0, ""},
	{"insuf", SIP_FAULT_MISSING, DROPPED, 0, 0, ""},
	{"unkscm", SIP_FAULT_SCHEME, ANSWERED, 0, 0, ""},
	{"novelsc", SIP_FAULT_SCHEME, ANSWERED, 0, 0, ""},
	{"unksm2", SIP_OK, 0, 0, 400, "registrar: To is no SIP URI"},
	{"bext01", SIP_OK, 0, 0, 420, "proxy for Proxy-Require, UA for Require"},
	{"invut", SIP_OK, 0, 0, 415, "UA"},
	{"regaut01", SIP_OK, 0, 0, 401, "registrar"},
	{"multi01", SIP_FAULT_DUPLICATE, DROPPED, 0, 0, ""},
	{"mcl01", SIP_FAULT_LENGTH_TWICE, ANSWERED, SIP_FAULT_LENGTH_TWICE, 0, ""},
	{"bcast", SIP_OK, 0, 0, 0, "a proxy drops it: the next Via is a broadcast address"},
	{"zeromf", SIP_OK, 0, 0, 483, "proxy"},
	{"cparam01", SIP_OK, 0, 0, 200, "registrar"},
	{"cparam02", SIP_OK, 0, 0, 200, "registrar"},
	{"regescrt", SIP_OK, 0, 0, 200, "registrar"},
	{"sdp01", SIP_OK, 0, 0, 406, "UA"},
	{"inv2543", SIP_OK, 0, SIP_FAULT_LENGTH_MISSING, 0, ""},
	/* RFC 5118 */
	{"ipv6-good", SIP_OK, 0, 0, 200, "registrar"},
	{"ipv6-bad", SIP_FAULT_URI, ANSWERED, 0, 0, ""},
	{"port-ambiguous", SIP_OK, 0, 0, 200, "registrar"},
	{"port-unambiguous", SIP_OK, 0, 0, 200, "registrar"},
	{"via-received-param-with-delim", SIP_OK, 0, 0, 0, ""},
	{"via-received-param-no-delim", SIP_OK, 0, 0, 0, ""},
	{"ipv6-in-sdp", SIP_OK, 0, 0, 0, ""},
	{"mult-ip-in-header", SIP_OK, 0, 0, 0, ""},
	{"mult-ip-in-sdp", SIP_OK, 0, 0, 0, ""},
	{"ipv4-mapped-ipv6", SIP_OK, 0, 0, 0, ""},
	{"ipv6-bug-abnf-3-colons", SIP_OK, 0, 0, 0, ""},
	{"ipv6-correct-abnf-2-colons", SIP_OK, 0, 0, 0, ""},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* What must be read from a message. Names in brackets count values from 0; "~" decodes the escapes. */
static const struct fact {
	const char *file, *what;
	struct sv want;
} facts[] = {
	{"wsinv", "to.tag", SV_INIT("1918181833n")},
	{"wsinv", "to.uri", SV_INIT("sip:vivekg@chair-dnrc.example.com")},
	{"wsinv", "from.display", SV_INIT("\"J Rosenberg \\\\\\\"\"")},
	{"wsinv", "from.tag", SV_INIT("98asjd8")},
	{"wsinv", "max-forwards", SV_INIT("68")},
	{"wsinv", "cseq", SV_INIT("9 INVITE")},
	{"wsinv", "vias", SV_INIT("3")},
	{"wsinv", "via[0].branch", SV_INIT("390skdjuw")},
	{"wsinv", "via[0].transport", SV_INIT("udp")},
	{"wsinv", "via[0].host", SV_INIT("192.0.2.2")},
	{"wsinv", "via[1].branch", SV_INIT("z9hG4bK9ikj8")},
	{"wsinv", "via[1].transport", SV_INIT("tcp")},
	{"wsinv", "via[1].host", SV_INIT("spindle.example.com")},
	{"wsinv", "via[2].branch", SV_INIT("z9hG4bK30239")},
	{"wsinv", "via[2].host", SV_INIT("192.168.255.111")},
	{"wsinv", "subject", SV_INIT("")},
	{"wsinv", "contact[0].display", SV_INIT("\"Quoted string \\\"\\\"\"")},
	{"wsinv", "contact[0].uri", SV_INIT("sip:jdrosen@example.com")},
	{"wsinv", "contact[0].q", SV_INIT("330")},
	{"wsinv", "contact[0].param newparam", SV_INIT("newvalue")},
	{"wsinv", "contact[0].param secondparam", SV_INIT("")},
	{"wsinv", "route[0].uri",
	 SV_INIT("sip:services.example.com;lr;unknownwith=value;unknown-no-value")},
	{"wsinv", "route[0].lr", SV_INIT("yes")},
	{"wsinv", "content-type", SV_INIT("application + sdp")},
	{"wsinv", "body", SV_INIT("150")},
	{"wsinv", "line NewFangledHeader",
	 SV_INIT("newfangled value\r\n continued newfangled value")},
	{"wsinv", "line UnknownHeaderWithUnusualValue", SV_INIT(";;,,;;,;")},
	{"wsinv", "ruri.param unknownparam", SV_INIT("")},
	{"intmeth", "method", SV_INIT("!interesting-Method0123456789_*+`.%indeed'~")},
	{"intmeth", "cseq", SV_INIT("139122385 !interesting-Method0123456789_*+`.%indeed'~")},
	{"intmeth", "to.display", SV_INIT("\"BEL:\\\x07 NUL:\\\0 DEL:\\\x7f\"")},
	{"intmeth", "to.user", SV_INIT("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")},
	{"intmeth", "ruri.user", SV_INIT("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")},
	{"intmeth", "ruri.password", SV_INIT("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")},
	{"intmeth", "from.display", SV_INIT("token1~` token2'+_ token3*%!.-")},
	{"intmeth", "call-id", SV_INIT("intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{")},
	{"intmeth", "via[0].branch", SV_INIT("z9hG4bK-.!%66*_+`'~")},
	{"intmeth", "max-forwards", SV_INIT("255")},
	{"esc01", "ruri.user~", SV_INIT("sips:user@example.com")},
	{"esc01", "to.user~", SV_INIT("user")},
	{"esc01", "from.user~", SV_INIT("I have spaces")},
	{"esc01", "contact[0].user~", SV_INIT("caller")},
	{"esc01", "contact[0].lr", SV_INIT("yes")},
	{"esc01", "contact[0].uriparam~ n%61me", SV_INIT("value%41")},
	{"escnull", "to.user~", SV_INIT("null-\0-null")},
	{"escnull", "contacts", SV_INIT("2")},
	{"escnull", "contact[0].user~", SV_INIT("\0")},
	{"escnull", "contact[1].user~", SV_INIT("\0\0")},
	{"esc02", "method", SV_INIT("RE%47IST%45R")},
	{"esc02", "to.display", SV_INIT("\"%Z%45\"")},
	{"esc02", "contacts", SV_INIT("2")},
	{"esc02", "contact[1].user", SV_INIT("alias3")},
	{"esc02", "line C%6Fntact", SV_INIT("<sip:alias2@host2.example.com>")},
	{"lwsdisp", "from.display", SV_INIT("caller")},
	{"lwsdisp", "from.tag", SV_INIT("323")},
	{"longreq", "vias", SV_INIT("34")},
	{"longreq", "to.port", SV_INIT("6000")},
	{"longreq", "via[0].host", SV_INIT("sip33.example.com")},
	{"longreq", "via[33].received", SV_INIT("192.0.2.5")},
	{"longreq", "body", SV_INIT("150")},
	{"dblreq", "method", SV_INIT("REGISTER")},
	{"dblreq", "call-id", SV_INIT("dblreq.0ha0isndaksdj99sdfafnl3lk233412")},
	{"dblreq", "body", SV_INIT("0")},
	{"semiuri", "ruri.user", SV_INIT("user;par=u%40example.net")},
	{"semiuri", "ruri.user~", SV_INIT("user;par=u@example.net")},
	{"semiuri", "ruri.host", SV_INIT("example.com")},
	{"semiuri", "accepts", SV_INIT("6")},
	{"transports", "vias", SV_INIT("5")},
	{"transports", "via[0].transport", SV_INIT("udp")},
	{"transports", "via[1].transport", SV_INIT("sctp")},
	{"transports", "via[2].transport", SV_INIT("tls")},
	{"transports", "via[3].transport", SV_INIT("?UNKNOWN")},
	{"transports", "via[4].transport", SV_INIT("tcp")},
	{"mpart01", "content-type", SV_INIT("multipart + mixed")},
	{"mpart01", "body", SV_INIT("553")},
	{"mpart01", "via[0].rport", SV_INIT("yes")},
	{"unreason", "status", SV_INIT("200")},
	{"unreason", "reason",
	 SV_INIT("= 2**3 * 5**2 \xd0\xbd\xd0\xbe \xd1\x81\xd1\x82\xd0\xbe "
		 "\xd0\xb4\xd0\xb5\xd0\xb2\xd1"
		 "\x8f\xd0\xbd\xd0\xbe\xd1\x81\xd1\x82\xd0\xbe "
		 "\xd0\xb4\xd0\xb5\xd0\xb2\xd1\x8f\xd1\x82"
		 "\xd1\x8c - \xd0\xbf\xd1\x80\xd0\xbe\xd1\x81\xd1\x82\xd0\xbe\xd0\xb5")},
	{"noreason", "status", SV_INIT("100")},
	{"noreason", "reason", SV_INIT("")},
	{"baddate", "line Date", SV_INIT("Fri, 01 Jan 2010 16:00:00 EST")},
	{"unkscm", "ruri.scheme", SV_INIT("nobodyKnowsThisScheme")},
	{"novelsc", "ruri.scheme", SV_INIT("soap.beep")},
	{"unksm2", "to.scheme", SV_INIT("isbn")},
	{"unksm2", "from.scheme", SV_INIT("http")},
	{"unksm2", "contact[0].scheme", SV_INIT("name")},
	{"bext01", "require nothingSupportsThis", SV_INIT("yes")},
	{"bext01", "require nothingSupportsThisEither", SV_INIT("yes")},
	{"bext01", "require noProxiesSupportThis", SV_INIT("no")},
	{"bext01", "proxy-require noProxiesSupportThis", SV_INIT("yes")},
	{"bext01", "proxy-require NORDOANYPROXIESSUPPORTTHIS", SV_INIT("yes")},
	{"invut", "content-type", SV_INIT("application + unknownformat")},
	{"invut", "body", SV_INIT("40")},
	{"regaut01", "line Authorization", SV_INIT("NoOneKnowsThisScheme opaque-data=here")},
	{"bcast", "via[1].host", SV_INIT("255.255.255.255")},
	{"zeromf", "max-forwards", SV_INIT("0")},
	{"cparam01", "contact[0].param unknownparam", SV_INIT("")},
	{"cparam01", "contact[0].uri", SV_INIT("sip:+19725552222@gw1.example.net")},
	{"cparam02", "contact[0].uriparam unknownparam", SV_INIT("")},
	{"cparam02", "contact[0].param unknownparam", SV_INIT("(none)")},
	{"regescrt", "contact[0].uri",
	 SV_INIT("sip:user@example.com?Route=%3Csip:sip.example.com%3E")},
	{"regescrt", "contact[0].headers", SV_INIT("Route=%3Csip:sip.example.com%3E")},
	{"regescrt", "routes", SV_INIT("0")},
	{"sdp01", "accept text/nobodyKnowsThis", SV_INIT("yes")},
	{"inv2543", "via[0].branch", SV_INIT("")},
	{"inv2543", "from.tag", SV_INIT("")},
	{"inv2543", "body", SV_INIT("105")},
	{"badvers", "ruri.user", SV_INIT("t.watson")},
	{"ipv6-good", "ruri.host", SV_INIT("[2001:db8::10]")},
	{"ipv6-good", "via[0].host", SV_INIT("[2001:db8::9:1]")},
	{"ipv6-good", "contact[0].host", SV_INIT("[2001:db8::1]")},
	{"port-ambiguous", "ruri.host", SV_INIT("[2001:db8::10:5070]")},
	{"port-ambiguous", "ruri.port", SV_INIT("0")},
	{"port-unambiguous", "ruri.host", SV_INIT("[2001:db8::10]")},
	{"port-unambiguous", "ruri.port", SV_INIT("5070")},
	{"via-received-param-with-delim", "via[0].received", SV_INIT("[2001:db8::9:255]")},
	{"via-received-param-no-delim", "via[0].received", SV_INIT("2001:db8::9:255")},
	{"mult-ip-in-header", "via[0].port", SV_INIT("6050")},
	{"mult-ip-in-header", "via[1].host", SV_INIT("192.0.2.1")},
	{"mult-ip-in-header", "via[2].received", SV_INIT("192.0.2.200")},
	{"ipv4-mapped-ipv6", "via[0].host", SV_INIT("[::ffff:192.0.2.10]")},
	{"ipv4-mapped-ipv6", "via[0].port", SV_INIT("19823")},
	{"ipv4-mapped-ipv6", "contact[0].host", SV_INIT("[::ffff:192.0.2.2]")},
	{"ipv6-in-sdp", "body", SV_INIT("251")},
	{"mult-ip-in-sdp", "body", SV_INIT("189")},
	{"ipv6-bug-abnf-3-colons", "ruri.host", SV_INIT("[2001:db8:::192.0.2.1]")},
	{"ipv6-correct-abnf-2-colons", "ruri.host", SV_INIT("[2001:db8::192.0.2.1]")},
};

static struct text data, got;

static struct sv load(const char *file)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.dat", TORTURE_DIR, file);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	data.n = fread(data.p, 1, sizeof(data.p), f);
	fclose(f);
	assert_true(data.n > 100);
	return text_sv(&data);
}

static void every_message_has_a_row(void **state)
{
	DIR *dir = opendir(TORTURE_DIR);
	unsigned n = 0;

	(void)state;
	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		char *dot = strrchr(entry->d_name, '.');
		if (!dot || strcmp(dot, ".dat") != 0)
			continue;
		*dot = 0;
		size_t i = 0;
		while (i < ROWS && strcmp(rows[i].file, entry->d_name) != 0)
			i++;
		if (i == ROWS)
			fail_msg("no row for %s", entry->d_name);
		n++;
	}
	closedir(dir);
	assert_int_equal(n, 61);
	assert_int_equal(ROWS, 61);
}

/* Parse and check as a datagram; the fault of either. */
static enum sip_fault judge(struct sip_msg *msg, struct sv t)
{
	struct sip_where at = {0};
	int ret = sip_parse_datagram(msg, t.p, t.n, &at);

	assert_null(message_broken(msg, t));
	if (ret > 0 && sip_check(msg, &at) == 0)
		return SIP_OK;
	assert_true(at.fault != SIP_OK);
	assert_true(*sip_fault_text(&at) != 0);
	return at.fault;
}

static void as_datagrams(void **state)
{
	struct fence f = fence_init(16384);
	struct sip_msg msg;
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		for (unsigned place = 0; place < FENCE_PLACES; place++) {
			struct sv t = fence_put(&f, load(rows[i].file), place);
			enum sip_fault fault = judge(&msg, t);
			if (fault != rows[i].fault)
				row_differs(&bad, rows[i].file, sip_fault_token(fault),
					    sip_fault_token(rows[i].fault));
			bool owed = fault && sip_answerable(&msg);
			if (owed != rows[i].answered)
				row_differs(&bad, rows[i].file, owed ? "answered" : "dropped",
					    owed ? "dropped" : "answered");
			assert_null(message_read_all(&msg));
		}
	fence_done(&f);
	assert_int_equal(bad, 0);
}

static void status_codes(void **state)
{
	static const struct {
		const char *file;
		unsigned status;
	} codes[] = {
		{"badvers", 505},  {"unkscm", 416},   {"novelsc", 416}, {"mismatch01", 400},
		{"ltgtruri", 400}, {"clerr", 400},    {"mcl01", 400},   {"escruri", 400},
		{"regbadct", 400}, {"ipv6-bad", 400},
	};
	struct sip_msg msg;

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		assert_int_equal(sip_fault_status(judge(&msg, load(codes[i].file))),
				 codes[i].status);
}

/* The fault of the first message of a stream, check included; STREAM_WAITS when none comes. */
static unsigned stream_verdict(struct sv t)
{
	struct sip_stream stream = {0};
	struct sip_where at = {0};
	struct sip_msg msg;
	int ret = sip_parse_stream(&msg, &stream, t.p, t.n, &at);

	if (ret == MG_EPARTIAL)
		return STREAM_WAITS;
	if (ret > 0 && sip_check(&msg, &at) == 0)
		return SIP_OK;
	return at.fault;
}

static void on_streams(void **state)
{
	static struct reader one, two;
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct sv t = load(rows[i].file);
		unsigned want = rows[i].stream == STREAM_SAME || rows[i].stream == STREAM_TWO
					? rows[i].fault
					: rows[i].stream;
		unsigned verdict = stream_verdict(t);
		if (verdict != want)
			row_differs(&bad, rows[i].file,
				    verdict == STREAM_WAITS ? "waits" : sip_fault_token(verdict),
				    want == STREAM_WAITS ? "waits" : sip_fault_token(want));
		whole(&one, t);
		unsigned messages = 0;
		for (unsigned k = 0; k < one.n; k++)
			messages +=
				one.events[k].ret > 0 && one.events[k].kind <= SIP_KIND_RESPONSE;
		if (messages != (want == STREAM_WAITS           ? 0u
				 : rows[i].stream == STREAM_TWO ? 2u
								: 1u))
			row_differs(&bad, rows[i].file, "another number of messages", "");
		bool over = (want && want != STREAM_WAITS && sip_fault_framing(want)) ||
			    rows[i].stream == STREAM_TWO;
		if (one.over != over)
			row_differs(&bad, rows[i].file, one.over ? "ends the stream" : "goes on",
				    "");
		for (size_t cut = 0; cut <= t.n; cut++) {
			memset(&two, 0, sizeof(two));
			feed(&two, t, cut);
			feed(&two, t, t.n);
			same(&one, &two, rows[i].file, cut);
		}
	}
	assert_int_equal(bad, 0);
}

/* All that are whole on a stream, one behind the other, cut at every byte and in random segments. */
static void one_behind_the_other(void **state)
{
	static const uint32_t most[] = {1, 5, 33, 150, 1460, 9000};
	static struct reader one, two;
	static struct text all;

	(void)state;
	text_start(&all);
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].stream == STREAM_SAME)
			text_put(&all, load(rows[i].file));
	whole(&one, text_sv(&all));
	assert_false(one.over);
	assert_int_equal(one.begin, all.n);
	for (uint32_t seed = 0; seed < 24; seed++) {
		uint32_t s = seed;
		memset(&two, 0, sizeof(two));
		for (size_t len = 0; len < all.n;) {
			len += 1 + rnd(&s) % most[seed % 6];
			feed(&two, text_sv(&all), len < all.n ? len : all.n);
		}
		same(&one, &two, "seed", seed);
	}
	for (size_t cut = 0; cut <= all.n; cut += 7) {
		memset(&two, 0, sizeof(two));
		feed(&two, text_sv(&all), cut);
		feed(&two, text_sv(&all), all.n);
		same(&one, &two, "cut at", cut);
	}
}

/* ---- facts ---- */

static bool is(struct sv *what, const char *name)
{
	struct sv n = sv_str(name);

	if (!sv_starts(*what, n))
		return false;
	*what = sv_of(what->p + n.n, what->n - n.n);
	return true;
}

static void put_text(struct sv v, bool decode)
{
	char out[1024];

	text_put(&got, decode ? sv_of(out, sip_uri_unescape(out, v)) : v);
}

static void put_param(struct sv list, struct sv name, bool decode)
{
	struct sip_param p;

	if (sip_param_find(list, name, &p))
		put_text(p.value, decode);
	else
		text_add(&got, "(none)");
}

static void uri_fact(const struct sip_uri *u, struct sv what)
{
	bool decode = false;

	if (what.n && what.p[what.n - 1] == '~') {
		decode = true;
		what.n--;
	}
	if (is(&what, "user"))
		put_text(u->user, decode);
	else if (is(&what, "password"))
		put_text(u->password, decode);
	else if (is(&what, "host"))
		text_put(&got, u->host);
	else if (is(&what, "headers"))
		text_put(&got, u->headers);
	else if (is(&what, "port"))
		text_add(&got, "%u", u->port);
	else if (is(&what, "scheme"))
		text_put(&got, sv_of(u->text.p, u->scheme_n));
	else if (is(&what, "lr"))
		text_add(&got, u->lr ? "yes" : "no");
	else if (is(&what, "uriparam~ "))
		put_param(u->params, what, true);
	else if (is(&what, "uriparam "))
		put_param(u->params, what, false);
	else
		fail_msg("no such fact: %.*s", SV_ARG(what));
}

static void addr_fact(const struct sip_nameaddr *na, struct sv what)
{
	if (is(&what, "display"))
		text_put(&got, na->display);
	else if (is(&what, "tag"))
		text_put(&got, na->tag);
	else if (sv_eq(what, SV("uri")))
		text_put(&got, na->uri.text);
	else if (sv_eq(what, SV("q")))
		text_add(&got, "%d", sip_nameaddr_q(na));
	else if (is(&what, "param "))
		put_param(na->params, what, false);
	else
		uri_fact(&na->uri, what);
}

static void via_fact(const struct sip_via *v, struct sv what)
{
	if (is(&what, "branch"))
		text_put(&got, v->branch);
	else if (is(&what, "host"))
		text_put(&got, v->host);
	else if (is(&what, "received"))
		text_put(&got, v->received);
	else if (is(&what, "port"))
		text_add(&got, "%u", v->port);
	else if (is(&what, "rport"))
		text_add(&got, v->has_rport ? "yes" : "no");
	else if (v->transport == SIP_TRANSPORT_OTHER)
		text_add(&got, "?%.*s", SV_ARG(v->transport_name));
	else
		text_add(&got, "%s", sip_transport_name(v->transport));
}

/* "[3].branch" of a list, "s" for the number of its values. */
static bool list_fact(struct sip_msg *msg, enum sip_hid id, struct sv what)
{
	struct sip_each each;
	struct sip_via via;
	struct sip_nameaddr na;
	struct sip_token token;
	uint8_t shape = sip_header(id)->shape;
	unsigned n = 0, index = 999;

	if (is(&what, "[")) {
		size_t close = sv_find(what, ']');
		assert_int_equal(sv_u32(sv_of(what.p, close), 998, &index), 0);
		what = sv_of(what.p + close + 2, what.n - close - 2);
	} else if (!is(&what, "s")) {
		return false;
	}
	sip_each_start(&each, msg, id);
	if (shape == SIP_SHAPE_ROUTE)
		shape = SIP_SHAPE_ADDR; /* the same type */
	while (shape == SIP_SHAPE_VIA    ? sip_each_via(&each, &via)
	       : shape == SIP_SHAPE_ADDR ? sip_each_addr(&each, &na)
					 : sip_each_token(&each, &token)) {
		if (n++ != index)
			continue;
		if (shape == SIP_SHAPE_VIA)
			via_fact(&via, what);
		else
			addr_fact(&na, what);
	}
	assert_int_equal(each.at.fault, SIP_OK);
	if (index == 999)
		text_add(&got, "%u", n);
	return true;
}

static void line_fact(const struct sip_msg *msg, struct sv name)
{
	for (unsigned i = 0; i < msg->lines; i++)
		if (sv_ieq(sip_line_name(msg, &msg->line[i]), name)) {
			text_put(&got, sip_line_value(msg, &msg->line[i]));
			return;
		}
	fail_msg("no line %.*s", SV_ARG(name));
}

static bool has_token(struct sip_msg *m, enum sip_hid id, struct sv token)
{
	struct sip_each each;

	sip_each_start(&each, m, id);
	return sip_each_has(&each, token) == 1;
}

static void message_fact(struct sip_msg *msg, struct sv what)
{
	struct sip_where at;

	if (is(&what, "ruri.param "))
		put_param(sip_request_uri(msg, &at)->params, what, false);
	else if (is(&what, "ruri."))
		uri_fact(sip_request_uri(msg, &at), what);
	else if (is(&what, "to."))
		addr_fact(sip_to(msg, &at), what);
	else if (is(&what, "from."))
		addr_fact(sip_from(msg, &at), what);
	else if (is(&what, "max-forwards"))
		text_add(&got, "%u", sip_max_forwards(msg, &at)->value);
	else if (is(&what, "cseq"))
		text_add(&got, "%u %.*s", sip_cseq(msg, &at)->number,
			 SV_ARG(sip_cseq(msg, &at)->method_name));
	else if (is(&what, "call-id"))
		text_put(&got, sip_call_id(msg));
	else if (is(&what, "content-type"))
		text_add(&got, "%.*s + %.*s", SV_ARG(sip_content_type(msg, &at)->type),
			 SV_ARG(sip_content_type(msg, &at)->subtype));
	else if (is(&what, "body"))
		text_add(&got, "%zu", sip_body(msg).n);
	else if (is(&what, "subject"))
		text_put(&got, sip_value(msg, SIP_H_SUBJECT));
	else if (is(&what, "method"))
		text_put(&got, sip_method_text(msg));
	else if (is(&what, "status"))
		text_add(&got, "%u", msg->status);
	else if (is(&what, "reason"))
		text_put(&got, sip_reason_text(msg));
	else if (is(&what, "line "))
		line_fact(msg, what);
	else if (is(&what, "require "))
		text_add(&got, has_token(msg, SIP_H_REQUIRE, what) ? "yes" : "no");
	else if (is(&what, "proxy-require "))
		text_add(&got, has_token(msg, SIP_H_PROXY_REQUIRE, what) ? "yes" : "no");
	else if (is(&what, "accept "))
		text_add(&got, has_token(msg, SIP_H_ACCEPT, what) ? "yes" : "no");
	else if (!(is(&what, "via") && list_fact(msg, SIP_H_VIA, what)) &&
		 !(is(&what, "contact") && list_fact(msg, SIP_H_CONTACT, what)) &&
		 !(is(&what, "route") && list_fact(msg, SIP_H_ROUTE, what)) &&
		 !(is(&what, "accept") && list_fact(msg, SIP_H_ACCEPT, what)))
		fail_msg("no such fact: %.*s", SV_ARG(what));
}

static void typed_values(void **state)
{
	struct sip_msg msg;
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		(void)judge(&msg, load(facts[i].file));
		text_start(&got);
		message_fact(&msg, sv_str(facts[i].what));
		if (!sv_eq(text_sv(&got), facts[i].want)) {
			char name[128];
			snprintf(name, sizeof(name), "%s %s", facts[i].file, facts[i].what);
			row_differs(&bad, name, got.p, facts[i].want.p);
		}
	}
	assert_int_equal(bad, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_has_a_row),
		cmocka_unit_test(as_datagrams),
		cmocka_unit_test(status_codes),
		cmocka_unit_test(on_streams),
		cmocka_unit_test(one_behind_the_other),
		cmocka_unit_test(typed_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
