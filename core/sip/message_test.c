/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * message: every header of the table typed from a real value, and refused with a malformed one; values that stay where
 * they are; walks over lines and commas.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sip/test_message.h"

#define BAD SIP_FAULT_BAD

/* `values` is how many a walk finds in `good`; 0 for shapes that are not walked. */
static const struct row {
	enum sip_hid id;
	const char *good;
	unsigned values;
	const char *bad; /* NULL: text, everything is good */
} rows[] = {
	{SIP_H_ACCEPT, "application/sdp;level=1, application/x-private, text/html", 3,
	 "application/sdp; ;"},
	{SIP_H_ACCEPT_CONTACT, "*;audio;require, *;methods=\"INVITE,BYE\"", 2, "*;audio;=x"},
	{SIP_H_ACCEPT_ENCODING, "gzip;q=1.0, identity; q=0.5", 2, "gzip gzip"},
	{SIP_H_ACCEPT_LANGUAGE, "da, en-gb;q=0.8, en;q=0.7", 3, ", da"},
	{SIP_H_ALERT_INFO, "<http://www.example.com/sounds/moo.wav>", 1, "<http://a b>"},
	{SIP_H_ALLOW, "INVITE, ACK, OPTIONS, CANCEL, BYE", 5, "INVITE,,ACK"},
	{SIP_H_ALLOW_EVENTS, "spirits-INDPs, message-summary", 2, "a,"},
	{SIP_H_AUTHENTICATION_INFO, "nextnonce=\"47364c23432d2e131a5fb210812c\"", 0, NULL},
	{SIP_H_AUTHORIZATION, "Digest username=\"Alice\", realm=\"atlanta.com\"", 0, NULL},
	{SIP_H_CALL_ID, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6@foo.bar.com", 0, NULL},
	{SIP_H_CALL_INFO,
	 "<http://wwww.example.com/alice/photo.jpg> ;purpose=icon, <http://www.example.com/alice/> "
	 ";purpose=info",
	 2, "http"},
	{SIP_H_CONTACT,
	 "\"Mr. Watson\" <sip:watson@example.com>;q=0.7; expires=3600, <sip:w2@example.com>", 2,
	 "<sip:a@b>;"},
	{SIP_H_CONTENT_DISPOSITION, "session;handling=optional", 1, "session, icon"},
	{SIP_H_CONTENT_ENCODING, "gzip, tar", 2, "gzip;"},
	{SIP_H_CONTENT_LANGUAGE, "fr, en", 2, "fr en"},
	{SIP_H_CONTENT_LENGTH, "0", 0, "0, 0"},
	{SIP_H_CONTENT_TYPE, "multipart/signed;boundary=\"x y\"", 1, "application/sdp, text/plain"},
	{SIP_H_CSEQ, "63104 OPTIONS", 0, "63104"},
	{SIP_H_DATE, "Sat, 13 Nov 2010 23:29:00 GMT", 0, NULL},
	{SIP_H_DIVERSION,
	 "<sip:+19195551002@gw1.example.net>;reason=unconditional;counter=1, <sip:x@y>;privacy=off",
	 2, "<sip:@>"},
	{SIP_H_ERROR_INFO, "<sip:not-in-service-recording@atlanta.com>", 1, "<>"},
	{SIP_H_EVENT, "dialog;id=1234", 1, "dialog, presence"},
	{SIP_H_EXPIRES, "5", 0, "5 minutes"},
	{SIP_H_FLOW_TIMER, "126", 0, "-126"},
	{SIP_H_FROM, "\"A. G. Bell\" <sip:agb@bell-telephone.com> ;tag=a48s", 1,
	 "<sip:a@b>;tag=1, <sip:c@d>"},
	{SIP_H_GEOLOCATION, "<cid:target123@atlanta.example.com>", 1, "cid"},
	{SIP_H_HISTORY_INFO,
	 "<sip:carol@ims.example.com?Reason=SIP%3Bcause%3D302>;index=1;foo=bar, "
	 "<sip:dave@x>;index=1.1",
	 2, "<sip:carol@ims.example.com?Reason=SIP;cause=302>"},
	{SIP_H_IDENTITY, "eyJhbGciOiJFUzI1NiJ9..a;info=<https://x>;alg=ES256", 0, NULL},
	{SIP_H_INFO_PACKAGE, "foo", 1, ""},
	{SIP_H_IN_REPLY_TO, "70710@saturn.bell-tel.com, 17320@saturn.bell-tel.com", 2, "a b"},
	{SIP_H_JOIN, "12adf2f34456gs5;to-tag=12345;from-tag=54321", 1, "a;to-tag=1,b"},
	{SIP_H_MAX_BREADTH, "60", 0, "sixty"},
	{SIP_H_MAX_FORWARDS, "6", 0, "6;"},
	{SIP_H_MIME_VERSION, "1.0", 0, NULL},
	{SIP_H_MIN_EXPIRES, "60", 0, ""},
	{SIP_H_MIN_SE, "60;x=y", 0, "60,90"},
	{SIP_H_ORGANIZATION, "Boxes by Bob", 0, NULL},
	{SIP_H_PATH, "<sip:P3.EXAMPLEHOME.COM;lr>,<sip:P1.EXAMPLEVISITED.COM;lr;ob>", 2,
	 "<sip:p1;lr;lr=on>"},
	{SIP_H_PRIORITY, "emergency", 1, "very urgent"},
	{SIP_H_PRIVACY, "id; critical", 1, "id;;critical"},
	{SIP_H_PROXY_AUTHENTICATE, "Digest realm=\"atlanta.com\"", 0, NULL},
	{SIP_H_PROXY_AUTHENTICATION_INFO, "rspauth=\"a\"", 0, NULL},
	{SIP_H_PROXY_AUTHORIZATION, "Digest username=\"Alice\"", 0, NULL},
	{SIP_H_PROXY_REQUIRE, "foo, bar", 2, "foo bar"},
	{SIP_H_P_ACCESS_NETWORK_INFO, "IEEE-802.11b; i-wlan-node-id=00a0c91e6bf6", 1, ";x"},
	{SIP_H_P_ASSERTED_IDENTITY, "\"Cullen Jennings\" <sip:fluffy@cisco.com>, tel:+14085264000",
	 2, "\"a <sip:a@b>"},
	{SIP_H_P_ASSOCIATED_URI, "<sip:a@b>, <tel:+1>", 2, "sip"},
	{SIP_H_P_CALLED_PARTY_ID, "<sip:user1-business@example.com>", 1, "<sip:a@b>, <sip:c@d>"},
	{SIP_H_P_PREFERRED_IDENTITY, "\"Cullen Jennings\" <sip:fluffy@cisco.com>", 1, "fluffy"},
	{SIP_H_RACK, "776656 1 INVITE", 0, "776656 INVITE"},
	{SIP_H_REASON, "Q.850;cause=16;text=\"Terminated, really\", SIP;cause=200", 2,
	 "SIP;cause=200;text=\"x"},
	{SIP_H_RECORD_ROUTE, "<sip:server10.biloxi.com;lr>, <sip:bigbox3.site3.atlanta.com;lr>", 2,
	 "<sip:a;lr"},
	{SIP_H_RECV_INFO, "foo, bar", 2, ",foo"},
	{SIP_H_REFERRED_BY, "<sip:r@example.com>;cid=\"20398823.2UWQFN309shb3@r.example.com\"", 1,
	 "r@example.com"},
	{SIP_H_REFER_SUB, "false", 1, "fal se"},
	{SIP_H_REFER_TO,
	 "<sip:dave@denver.example.org?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345>", 1,
	 "sip:dave@denver.example.org?Replaces=1"},
	{SIP_H_REJECT_CONTACT, "*;actor=\"msg-taker\";video", 1, "*;"},
	{SIP_H_REMOTE_PARTY_ID,
	 "\"John Doe\" <sip:jdoe@foo.com>;party=calling;id-type=subscriber;privacy=full;screen=yes",
	 1, "John Doe sip:jdoe@foo.com"},
	{SIP_H_REPLACES, "98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff;early-only", 1,
	 "a;to-tag=1, b"},
	{SIP_H_REPLY_TO, "Bob <sip:bob@biloxi.com>", 1, "Bob <bob@biloxi.com>"},
	{SIP_H_REQUEST_DISPOSITION, "proxy, recurse, parallel", 3, "proxy,"},
	{SIP_H_REQUIRE, "100rel, precondition", 2, "100rel precondition"},
	{SIP_H_RESOURCE_PRIORITY, "wps.3, dsn.flash", 2, "wps.3 dsn"},
	{SIP_H_RETRY_AFTER, "18000 (in a (long) meeting);duration=3600", 0, "18000 (in a meeting"},
	{SIP_H_ROUTE, "<sip:bigbox3.site3.atlanta.com;lr>,\r\n <sip:server10.biloxi.com;lr>", 2,
	 "<sip:a>,"},
	{SIP_H_RSEQ, "988789", 0, "0x1"},
	{SIP_H_SECURITY_CLIENT, "tls, digest;d-alg=MD5", 2, "tls;=x"},
	{SIP_H_SECURITY_SERVER, "tls;q=0.2", 1, "tls,"},
	{SIP_H_SECURITY_VERIFY, "tls;q=0.2", 1, "a b"},
	{SIP_H_SERVER, "HomeServer v2 (x)", 0, NULL},
	{SIP_H_SERVICE_ROUTE, "<sip:P2.HOME.EXAMPLE.COM;lr>, <sip:HSP.HOME.EXAMPLE.COM;lr>", 2,
	 "<sip:>"},
	{SIP_H_SESSION_EXPIRES, "4000;refresher=uac", 0, "4000 refresher=uac"},
	{SIP_H_SESSION_ID,
	 "ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2", 1, "a, b"},
	{SIP_H_SIP_ETAG, "dx200xyz", 1, ""},
	{SIP_H_SIP_IF_MATCH, "dx200xyz", 1, "a b"},
	{SIP_H_SUBJECT, "Need more boxes", 0, NULL},
	{SIP_H_SUBSCRIPTION_STATE, "terminated;reason=rejected;retry-after=9", 1,
	 "active, pending"},
	{SIP_H_SUPPORTED, "replaces, timer,100rel", 3, "timer;"},
	{SIP_H_SUPPRESS_IF_MATCH, "*", 1, "* *"},
	{SIP_H_TARGET_DIALOG,
	 "fa77as7dad8-sd98ajzz@host.example.com;local-tag=kkaz-;remote-tag=6544", 1, "a;b=\""},
	{SIP_H_TIMESTAMP, "54.2 0.1", 0, NULL},
	{SIP_H_TO, "The Operator <sip:operator@cs.columbia.edu>;tag=287447", 1, "<sip:a@b>;tag="},
	{SIP_H_UNSUPPORTED, "foo", 1, "foo,"},
	{SIP_H_USER_AGENT, "Softphone Beta1.5", 0, NULL},
	{SIP_H_VIA,
	 "SIP/2.0/UDP a;branch=z9hG4bK1, SIP / 2.0 / TCP b:5061 "
	 ";received=192.0.2.1;branch=z9hG4bK2",
	 2, "SIP/2.0/UDP"},
	{SIP_H_WARNING, "307 isi.edu \"Session parameter 'foo' not understood\", 301 isi.edu \"x\"",
	 0, NULL},
	{SIP_H_WWW_AUTHENTICATE,
	 "Digest realm=\"atlanta.com\", nonce=\"f84f1cec41e6cbe5aea9c8e88d359\"", 0, NULL},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct fence room;
static struct text in;

static int make_room(void **state)
{
	(void)state;
	room = fence_init(65536);
	return 0;
}

static int leave_room(void **state)
{
	(void)state;
	fence_done(&room);
	return 0;
}

static bool is_addr(enum sip_hid id)
{
	unsigned shape = sip_header(id)->shape;

	return shape == SIP_SHAPE_ADDR || shape == SIP_SHAPE_ROUTE;
}

static bool walked(enum sip_hid id)
{
	uint8_t shape = sip_header(id)->shape;

	return shape == SIP_SHAPE_ADDR || shape == SIP_SHAPE_ROUTE || shape == SIP_SHAPE_TOKEN ||
	       shape == SIP_SHAPE_VIA;
}

static bool typed_shape(enum sip_hid id)
{
	uint8_t shape = sip_header(id)->shape;

	return shape != SIP_SHAPE_TEXT && shape != SIP_SHAPE_DIGEST;
}

static unsigned walk(struct sip_msg *msg, enum sip_hid id, struct sip_where *at)
{
	struct sip_each each;
	struct sip_via via;
	struct sip_nameaddr addr;
	struct sip_token token;
	unsigned n = 0;

	sip_each_start(&each, msg, id);
	while (sip_header(id)->shape == SIP_SHAPE_VIA ? sip_each_via(&each, &via)
	       : is_addr(id)                          ? sip_each_addr(&each, &addr)
						      : sip_each_token(&each, &token))
		n++;
	*at = each.at;
	/* the end stays the end */
	assert_false(sip_header(id)->shape == SIP_SHAPE_VIA ? sip_each_via(&each, &via)
		     : is_addr(id)                          ? sip_each_addr(&each, &addr)
							    : sip_each_token(&each, &token));
	return n;
}

static void with_line(struct sip_msg *msg, enum sip_hid id, const char *value)
{
	struct sip_where at;

	text_start(&in);
	text_add(&in, "OPTIONS sip:a@b SIP/2.0\r\n%.*s: %s\r\n\r\n", SV_ARG(sip_header(id)->name),
		 value);
	struct sv t = fence_put(&room, text_sv(&in), FENCE_END);
	assert_int_equal(sip_parse_datagram(msg, t.p, t.n, &at), t.n);
	assert_true(sip_has(msg, id));
}

static void every_header_has_a_row(void **state)
{
	bool seen[SIP_H_END] = {true};

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		seen[rows[i].id] = true;
	for (unsigned id = 0; id < SIP_H_END; id++)
		if (!seen[id])
			fail_msg("no row for %.*s", SV_ARG(sip_header(id)->name));
}

static void real_values(void **state)
{
	struct sip_where at = {0};
	struct sip_msg msg;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		const char *name = sip_header(rows[i].id)->name.p;
		with_line(&msg, rows[i].id, rows[i].good);
		const void *v = sip_typed(&msg, rows[i].id, &at);
		if ((v != NULL) != typed_shape(rows[i].id))
			fail_msg("%s: %s", name, sip_fault_token(at.fault));
		if (v && sip_typed(&msg, rows[i].id, &at) != v)
			fail_msg("%s: moved", name);
		if (v && (uintptr_t)v % 8)
			fail_msg("%s: not aligned", name);
		if (walked(rows[i].id)) {
			unsigned n = walk(&msg, rows[i].id, &at);
			if (n != rows[i].values || at.fault)
				fail_msg("%s: %u values, %s", name, n, sip_fault_token(at.fault));
		}
		assert_true(sv_eq(sip_value(&msg, rows[i].id), sv_str(rows[i].good)));
	}
}

static void malformed_values(void **state)
{
	struct sip_msg msg;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct sip_where at = {0};
		const char *name = sip_header(rows[i].id)->name.p;
		if (!rows[i].bad)
			continue;
		with_line(&msg, rows[i].id, rows[i].bad);
		const void *v = sip_typed(&msg, rows[i].id, &at);
		bool list = sip_header(rows[i].id)->count == SIP_LIST;
		/* of a list, the first value may be good: then the walk tells */
		if (v && !list)
			fail_msg("%s: taken", name);
		if (!v)
			assert_true(at.fault == BAD && at.hid == rows[i].id && at.off <= in.n);
		if (walked(rows[i].id) && *rows[i].bad) {
			(void)walk(&msg, rows[i].id, &at);
			if (at.fault != BAD || at.hid != rows[i].id)
				fail_msg("%s: the walk goes to the end", name);
		}
	}
}

static void absent_headers(void **state)
{
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	text_start(&in);
	text_add(&in, "OPTIONS sip:a@b SIP/2.0\r\n\r\n");
	assert_true(sip_parse_datagram(&msg, in.p, in.n, &at) > 0);
	for (unsigned id = SIP_H_OTHER; id < SIP_H_END; id++) {
		at = (struct sip_where){0};
		assert_null(sip_typed(&msg, id, &at));
		assert_int_equal(at.fault, SIP_FAULT_MISSING);
		assert_int_equal(at.hid, id);
		assert_int_equal(sip_value(&msg, id).n, 0);
		assert_false(sip_has(&msg, id));
		if (id && walked(id)) {
			assert_int_equal(walk(&msg, id, &at), 0);
			assert_int_equal(at.fault, SIP_OK);
		}
	}
	assert_int_equal(sip_call_id(&msg).n, 0);
}

/* All headers of the table in one message, typed in any order, twice: the room for them suffices, none moves. */
static void room_for_all(void **state)
{
	const void *first[SIP_H_END] = {0};
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	text_start(&in);
	text_add(&in, "OPTIONS sip:a@b SIP/2.0\r\n");
	for (size_t i = 0; i < ROWS; i++)
		text_add(&in, "%.*s: %s\r\n", SV_ARG(sip_header(rows[i].id)->name), rows[i].good);
	text_add(&in, "\r\n");
	for (int back = 0; back < 2; back++) {
		assert_true(sip_parse_datagram(&msg, in.p, in.n, &at) > 0);
		for (size_t i = 0; i < ROWS; i++) {
			enum sip_hid id = rows[back ? ROWS - 1 - i : i].id;
			first[id] = sip_typed(&msg, id, &at);
			assert_true(msg.used <= sizeof(msg));
		}
		for (size_t i = 0; i < ROWS; i++)
			assert_true(sip_typed(&msg, rows[i].id, &at) == first[rows[i].id]);
		assert_int_equal(((const struct sip_cseq *)first[SIP_H_CSEQ])->number, 63104);
		assert_int_equal(((const struct sip_number *)first[SIP_H_RSEQ])->value, 988789);
		assert_true(
			sv_eq(((const struct sip_token *)first[SIP_H_EVENT])->value, SV("dialog")));
		assert_true(
			sv_eq(((const struct sip_nameaddr *)first[SIP_H_TO])->tag, SV("287447")));
	}
	assert_int_equal(msg.used, offsetof(struct sip_msg, space) + SIP_SPACE);
	/* a header that failed takes no room and may be asked for again */
	with_line(&msg, SIP_H_CSEQ, "x");
	for (unsigned i = 0; i < 1000; i++)
		assert_null(sip_typed(&msg, SIP_H_CSEQ, &at));
	assert_int_equal(msg.used, offsetof(struct sip_msg, space));
}

static void accessors(void **state)
{
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	text_start(&in);
	text_add(&in, M_START M_ALL
		 "Contact: <sip:c@d>\r\nExpires: 60\r\nContent-Type: text/plain\r\n\r\n");
	assert_true(sip_parse_datagram(&msg, in.p, in.n, &at) > 0);
	assert_true(sv_eq(sip_top_via(&msg, &at)->host, SV("192.0.2.1")));
	assert_true(sv_eq(sip_from(&msg, &at)->tag, SV("1928301774")));
	assert_true(sv_eq(sip_to(&msg, &at)->uri.user, SV("bob")));
	assert_true(sv_eq(sip_contact(&msg, &at)->uri.user, SV("c")));
	assert_int_equal(sip_cseq(&msg, &at)->number, 314159);
	assert_int_equal(sip_cseq(&msg, &at)->method, SIP_METHOD_INVITE);
	assert_int_equal(sip_max_forwards(&msg, &at)->value, 70);
	assert_int_equal(sip_expires(&msg, &at)->value, 60);
	assert_true(sv_eq(sip_content_type(&msg, &at)->subtype, SV("plain")));
	assert_true(sv_eq(sip_call_id(&msg), SV("a84b4c76e66710@192.0.2.1")));
	assert_true(sv_eq(sip_method_text(&msg), SV("INVITE")));
	assert_true(sv_eq(sip_ruri_text(&msg), SV("sip:bob@biloxi.example")));
	assert_true(sv_eq(sip_line_raw(&msg, 0), SV(M_VIA)));
	assert_true(sv_eq(sip_line_raw(&msg, M_LINES + 2), SV("Content-Type: text/plain\r\n")));
}

static void request_uri(void **state)
{
	static const struct {
		const char *line;
		enum sip_fault fault;
		unsigned off;
	} table[] = {
		{"INVITE sip:a@b SIP/2.0", SIP_OK, 0},
		{"INVITE sip:a@b:99999 SIP/2.0", SIP_FAULT_URI, 14},
		{"INVITE / SIP/2.0", SIP_FAULT_URI, 7},
		{"INVITE <sip:a@b> SIP/2.0", SIP_FAULT_URI, 7},
		{"INVITE sip:a@b> SIP/2.0", SIP_FAULT_URI, 14},
		{"INVITE  SIP/2.0", SIP_FAULT_URI, 7},
		{"SIP/2.0 200 OK", SIP_FAULT_URI, 0},
	};
	struct sip_msg msg;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sip_where at = {0};
		text_start(&in);
		text_add(&in, "%s\r\n\r\n", table[i].line);
		struct sv t = fence_put(&room, text_sv(&in), FENCE_END);
		assert_true(sip_parse_datagram(&msg, t.p, t.n, &at) > 0);
		const struct sip_uri *u = sip_request_uri(&msg, &at);
		assert_int_equal(u == NULL, table[i].fault != SIP_OK);
		assert_ptr_equal(sip_request_uri(&msg, &at), u);
		if (!u) {
			assert_int_equal(at.fault, table[i].fault);
			if (at.off != table[i].off && strcmp(table[i].line, "INVITE  SIP/2.0") != 0)
				fail_msg("%s: %u", table[i].line, at.off);
		}
	}
	for (unsigned n = SIP_URI_MAX; n <= SIP_URI_MAX + 1; n++) {
		struct sip_where at = {0};
		text_start(&in);
		text_add(&in, "INVITE sip:");
		text_fill(&in, 'h', n - 4);
		text_add(&in, " SIP/2.0\r\n\r\n");
		assert_true(sip_parse_datagram(&msg, in.p, in.n, &at) > 0);
		assert_int_equal(sip_request_uri(&msg, &at) != NULL, n <= SIP_URI_MAX);
		assert_int_equal(at.fault, n <= SIP_URI_MAX ? SIP_OK : SIP_FAULT_TOO_LONG);
	}
}

static bool has_token(struct sip_msg *m, enum sip_hid id, struct sv token)
{
	struct sip_each each;

	sip_each_start(&each, m, id);
	return sip_each_has(&each, token) == 1;
}

static void walks_over_lines_and_commas(void **state)
{
	static const char *const hosts[] = {"a", "b", "c", "d", "e"};
	struct sip_where at;
	struct sip_each each;
	struct sip_nameaddr na;
	struct sip_token token;
	struct sip_msg msg;
	unsigned n = 0;

	(void)state;
	text_start(&in);
	text_add(&in, "INVITE sip:a SIP/2.0\r\nRoute: <sip:a>\r\nTo: <sip:x>\r\nroute: "
		      "<sip:b>,<sip:c;lr> ,\r\n <sip:d>\r\n"
		      "ROUTE : <sip:e>\r\nSupported: \r\nk: timer,\r\n "
		      "100rel\r\nSupported:\r\nSupported: GRUU\r\nAllow:\r\n\r\n");
	assert_true(sip_parse_datagram(&msg, in.p, in.n, &at) > 0);
	sip_each_start(&each, &msg, SIP_H_ROUTE);
	while (sip_each_addr(&each, &na))
		assert_true(sv_eq(na.uri.host, sv_str(hosts[n++])));
	assert_int_equal(n, 5);
	assert_int_equal(each.at.fault, SIP_OK);
	/* "Supported:" without anything is legal (RFC 3261 §20.37) */
	n = 0;
	sip_each_start(&each, &msg, SIP_H_SUPPORTED);
	while (sip_each_token(&each, &token))
		n++;
	assert_int_equal(n, 3);
	assert_int_equal(each.at.fault, SIP_OK);
	assert_true(has_token(&msg, SIP_H_SUPPORTED, SV("timer")));
	assert_true(has_token(&msg, SIP_H_SUPPORTED, SV("100REL")));
	assert_true(has_token(&msg, SIP_H_SUPPORTED, SV("gruu")));
	assert_false(has_token(&msg, SIP_H_SUPPORTED, SV("100")));
	assert_false(has_token(&msg, SIP_H_REQUIRE, SV("timer")));
	sip_each_start(&each, &msg, SIP_H_ALLOW);
	assert_false(sip_each_token(&each, &token));
	assert_int_equal(each.at.fault, SIP_OK);
}

static void a_walk_stops_at_what_is_malformed(void **state)
{
	static const struct {
		const char *lines;
		unsigned good;
	} table[] = {
		{"Route: <sip:a>, x\r\n", 1},        {"Route: <sip:a>,\r\n", 1},
		{"Route: ,<sip:a>\r\n", 0},          {"Route: <sip:a>,,<sip:b>\r\n", 1},
		{"Route: <sip:a>\r\nRoute:\r\n", 1}, {"Route: <sip:a>\r\nRoute: x\r\n", 1},
		{"Route: <sip:a> <sip:b>\r\n", 0},   {"Route: x\r\nRoute: <sip:a>\r\n", 0},
	};
	struct sip_msg msg;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sip_where at;
		text_start(&in);
		text_add(&in, "INVITE sip:a SIP/2.0\r\n%s\r\n", table[i].lines);
		struct sv t = fence_put(&room, text_sv(&in), FENCE_END);
		assert_true(sip_parse_datagram(&msg, t.p, t.n, &at) > 0);
		unsigned n = walk(&msg, SIP_H_ROUTE, &at);
		if (n != table[i].good || at.fault != BAD || at.hid != SIP_H_ROUTE)
			fail_msg("%s: %u", table[i].lines, n);
	}
}

static void a_walk_of_another_type_writes_nothing(void **state)
{
	static const char text[] =
		"INVITE sip:a SIP/2.0\r\nContact: <sip:a>\r\nVia: SIP/2.0/UDP h\r\n"
		"Supported: timer\r\n\r\n";
	struct sip_msg msg;
	struct sip_where at;
	struct sip_each each;
	struct sip_via via;
	struct sip_nameaddr addr;
	struct sip_token token;

	(void)state;
	assert_true(sip_parse_datagram(&msg, text, sizeof(text) - 1, &at) > 0);
	sip_each_start(&each, &msg, SIP_H_CONTACT);
	assert_false(sip_each_token(&each, &token));
	assert_int_equal(each.at.fault, SIP_FAULT_BAD);
	sip_each_start(&each, &msg, SIP_H_VIA);
	assert_false(sip_each_addr(&each, &addr));
	assert_int_equal(each.at.fault, SIP_FAULT_BAD);
	sip_each_start(&each, &msg, SIP_H_SUPPORTED);
	assert_false(sip_each_via(&each, &via));
	assert_int_equal(each.at.fault, SIP_FAULT_BAD);
	sip_each_start(&each, &msg, SIP_H_CONTACT);
	assert_int_equal(sip_each_has(&each, SV("x")), MG_EPARSE);
}

static void what_is_malformed_hides_no_token(void **state)
{
	static const char text[] = "INVITE sip:a SIP/2.0\r\nRequire: 100rel,,evil\r\n\r\n";
	struct sip_msg msg;
	struct sip_where at;
	struct sip_each each;

	(void)state;
	assert_true(sip_parse_datagram(&msg, text, sizeof(text) - 1, &at) > 0);
	sip_each_start(&each, &msg, SIP_H_REQUIRE);
	assert_int_equal(sip_each_has(&each, SV("100rel")), 1);
	sip_each_start(&each, &msg, SIP_H_REQUIRE);
	assert_int_equal(sip_each_has(&each, SV("evil")), MG_EPARSE);
	sip_each_start(&each, &msg, SIP_H_PROXY_REQUIRE);
	assert_int_equal(sip_each_has(&each, SV("evil")), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_header_has_a_row),
		cmocka_unit_test(real_values),
		cmocka_unit_test(malformed_values),
		cmocka_unit_test(absent_headers),
		cmocka_unit_test(room_for_all),
		cmocka_unit_test(accessors),
		cmocka_unit_test(request_uri),
		cmocka_unit_test(walks_over_lines_and_commas),
		cmocka_unit_test(a_walk_stops_at_what_is_malformed),
		cmocka_unit_test(a_walk_of_another_type_writes_nothing),
		cmocka_unit_test(what_is_malformed_hides_no_token),
	};

	return cmocka_run_group_tests(tests, make_room, leave_room);
}
