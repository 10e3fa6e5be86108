/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * check: what is wrong with a message as a whole, in which order it is told, and who is answered (THREATS P-2, P-9).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sip/test_message.h"

static struct fence room;
static struct text in, got;

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

/* "ok", or the phrase; behind it "+" when a fault is answered, "-" when not. */
static void judge(struct sip_msg *msg, struct sv text)
{
	for (unsigned place = 0; place < FENCE_PLACES; place++) {
		struct sip_where at = {0}, first = {0};
		struct sv t = fence_put(&room, text, place);
		int ret = sip_parse_datagram(msg, t.p, t.n, &at);
		first = at;
		int err = sip_check(msg, &at);
		text_start(&got);
		if (ret > 0 && err == 0) {
			text_add(&got, "ok");
			assert_true(sip_answerable(msg) == (msg->kind == SIP_KIND_REQUEST &&
							    msg->method != SIP_METHOD_ACK));
			continue;
		}
		assert_true(err == MG_EPARSE || err == MG_ELIMIT);
		assert_true(at.off <= text.n);
		if (msg->fault.fault) /* what the index met is told first */
			assert_true(same_where(&at, &msg->fault));
		if (ret < 0)
			assert_int_equal(first.fault, at.fault);
		text_add(&got, "%s%s", sip_fault_text(&at), sip_answerable(msg) ? "+" : "-");
	}
}

static const struct row {
	const char *text;
	const char *want;
	const char *name;
} rows[] = {
	{M_START M_ALL, "ok", "a good request"},
	{M_STATUS M_ALL, "ok", "a good response"},
	{M_STATUS M_VIA M_FROM M_TO M_CALL_ID M_CSEQ, "ok", "a response without Max-Forwards"},
	{M_START M_VIA M_FROM M_TO M_CALL_ID M_CSEQ, "ok",
	 "a request of RFC 2543 has no Max-Forwards"},
	{"ACK sip:a@b SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID "CSeq: 1 ACK\r\n", "ok", "ACK"},
	{"ACK / SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID "CSeq: 1 ACK\r\n", "Bad Request-URI-",
	 "ACK is never answered"},
	/* start line and index */
	{"INVITE  sip:a SIP/2.0\r\n" M_ALL, "Bad Request Line+", "request line"},
	{"INVITE sip:a SIP/9.0\r\n" M_ALL, "Version Not Supported+", "version"},
	{"SIP/9.0 200 OK\r\n" M_ALL, "Version Not Supported-", "version of a response"},
	{"SIP/2.0 999 OK\r\n" M_ALL, "Bad Status Line-", "status"},
	{M_START M_ALL "X\r\n", "Header Without Colon+", "no colon"},
	{M_START M_ALL "X: \x01\r\n", "Control Byte In Header Section+", "control byte"},
	{M_START M_ALL "X: a\nb\r\n", "Bare CR or LF+", "LF"},
	{M_START M_ALL "l: 9\r\n", "Content-Length Beyond Datagram+", "Content-Length beyond"},
	{M_START M_ALL "l: x\r\n", "Bad Content-Length+", "bad Content-Length"},
	{M_START M_ALL "l: 0\r\nl: 0\r\n", "Duplicate Content-Length+", "two Content-Length"},
	/* the first of several */
	{"INVITE sip:a SIP/9.0\r\n" M_VIA M_VIA, "Version Not Supported-",
	 "version before what is missing"},
	{M_START M_FROM M_FROM M_TO M_TO, "Duplicate From-", "twice before missing"},
	{M_START M_TO M_FROM M_FROM M_TO, "Duplicate To-", "in the order of the message"},
	{M_START "CSeq: x\r\nFrom: x\r\nVia: x\r\n", "Bad Via-", "Via, then From"},
	{M_START M_VIA "CSeq: x\r\nFrom: x\r\n", "Bad From-", "From, then To"},
	{M_START M_VIA M_FROM "CSeq: x\r\n", "Missing To-", "To, then CSeq"},
	{M_START M_ALL "Contact: x\r\nRoute: x\r\n", "Bad Route+", "Route, then Contact"},
	{M_START M_ALL "Expires: x\r\nContact: x\r\n", "Bad Contact+", "Contact, then Expires"},
	{"INVITE / SIP/2.0\r\n" M_ALL "Expires: x\r\n", "Bad Expires+",
	 "Expires, then the Request-URI"},
	{"INVITE / SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID "CSeq: 1 BYE\r\n",
	 "CSeq Method Does Not Match+", "CSeq, then URI"},
	/* Via */
	{M_START "Via: SIP/2.0/UDP h;branch=z9hG4bK\r\n" M_FROM M_TO M_CALL_ID M_CSEQ, "Bad Via+",
	 "RFC 4475 badbranch"},
	{M_START "Via: SIP/2.0/UDP h;branch=Z9HG4BK\r\n" M_FROM M_TO M_CALL_ID M_CSEQ, "Bad Via+",
	 "the same in capitals"},
	{M_START "Via: SIP/2.0/UDP h;branch=z9hG4b\r\n" M_FROM M_TO M_CALL_ID M_CSEQ, "ok",
	 "RFC 2543 branch"},
	{M_START "Via: SIP/2.0/UDP h\r\n" M_FROM M_TO M_CALL_ID M_CSEQ, "ok", "no branch"},
	{M_START M_ALL "Via: SIP/2.0/UDP h;branch=z9hG4bK\r\n", "ok",
	 "the bare cookie further down"},
	{M_START M_ALL "Via: x\r\n", "Bad Via-", "another Via is malformed"},
	{M_START M_ALL "Via:\r\n", "Bad Via-", "another Via is empty"},
	/* lists */
	{M_START M_VIA M_TO M_CALL_ID M_CSEQ
	 "From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43\r\n",
	 "Bad From-", "RFC 4475 baddn, with the blank line that its archive lacks"},
	{M_START M_ALL "Route: *\r\n", "Bad Route+", "star in a Route"},
	{M_START M_ALL "Route: sip:p1;lr\r\n", "Bad Route+", "a Route without brackets"},
	{M_START M_ALL "Record-Route: sip:p1;lr\r\n", "Bad Record-Route+", "and a Record-Route"},
	{M_START M_ALL "Record-Route: *\r\n", "Bad Record-Route+", "star in a Record-Route"},
	{M_START M_ALL "Route: <sip:a>,\r\n", "Bad Route+", "trailing comma"},
	{M_START M_ALL "Contact: *\r\n", "Bad Contact+", "star outside of REGISTER"},
	{M_STATUS M_ALL "Contact: *\r\n", "Bad Contact-", "star in a response"},
	{"REGISTER sip:a SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID
	 "CSeq: 1 REGISTER\r\nContact: *\r\nExpires: 0\r\n",
	 "ok", "star in a REGISTER"},
	{"REGISTER sip:a SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID
	 "CSeq: 1 REGISTER\r\nContact: *\r\nm: *\r\n",
	 "Duplicate Contact+", "two stars"},
	{"REGISTER sip:a SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID
	 "CSeq: 1 REGISTER\r\nContact: *, <sip:a>\r\n",
	 "Duplicate Contact+", "star, then an address"},
	{"REGISTER sip:a SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID
	 "CSeq: 1 REGISTER\r\nContact: <sip:a>\r\nm: *\r\n",
	 "Duplicate Contact+", "an address, then star"},
	{M_START M_VIA "From: *\r\n" M_TO M_CALL_ID M_CSEQ, "Bad From-", "star in From"},
	{M_START M_VIA M_FROM "To: *\r\n" M_CALL_ID M_CSEQ, "Bad To-", "star in To"},
	/* numbers */
	{M_START M_VIA M_FROM M_TO M_CALL_ID M_CSEQ "Max-Forwards: 0\r\n", "ok", "Max-Forwards 0"},
	{M_START M_VIA M_FROM M_TO M_CALL_ID M_CSEQ "Max-Forwards: 255\r\n", "ok",
	 "Max-Forwards 255"},
	{M_START M_VIA M_FROM M_TO M_CALL_ID M_CSEQ "Max-Forwards: 256\r\n", "Bad Max-Forwards+",
	 "Max-Forwards 256"},
	{M_START M_VIA M_FROM M_TO M_CALL_ID M_CSEQ "Max-Forwards: 4294967366\r\n",
	 "Bad Max-Forwards+", "2^32 + 70"},
	{M_START M_VIA M_FROM M_TO M_CALL_ID M_CSEQ "Max-Forwards: -1\r\n", "Bad Max-Forwards+",
	 "Max-Forwards -1"},
	{M_START M_ALL "Expires: 4294967296\r\n", "ok", "Expires beyond 32 bits is the largest"},
	{M_START M_ALL "Expires: never\r\n", "Bad Expires+", "Expires never"},
	{M_START M_VIA M_FROM M_TO M_CALL_ID "CSeq: 4294967295 INVITE\r\n", "ok", "CSeq 2^32 - 1"},
	{M_START M_VIA M_FROM M_TO M_CALL_ID "CSeq: 4294967296 INVITE\r\n", "Bad CSeq-",
	 "CSeq 2^32"},
	{M_START M_VIA M_FROM M_TO M_CALL_ID "CSeq: 1 BYE\r\n", "CSeq Method Does Not Match+",
	 "CSeq of another method"},
	{M_START M_VIA M_FROM M_TO M_CALL_ID "CSeq: 1 invite\r\n", "CSeq Method Does Not Match+",
	 "CSeq in lower case"},
	{M_STATUS M_VIA M_FROM M_TO M_CALL_ID "CSeq: 1 BYE\r\n", "ok",
	 "a response has the method only there"},
	/* Call-ID */
	{M_START M_VIA M_FROM M_TO M_CSEQ "Call-ID: a b\r\n", "Bad Call-ID-", "space in Call-ID"},
	{M_START M_VIA M_FROM M_TO M_CSEQ "Call-ID: a\r\n b\r\n", "Bad Call-ID-",
	 "fold in Call-ID"},
	{M_START M_VIA M_FROM M_TO M_CSEQ "Call-ID: a\tb\r\n", "Bad Call-ID-", "tab in Call-ID"},
	{M_START M_VIA M_FROM M_TO M_CSEQ "Call-ID: a,b\r\n", "Bad Call-ID-", "comma in Call-ID"},
	{M_START M_VIA M_FROM M_TO M_CSEQ "i: word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\r\n", "ok",
	 "every byte of a word"},
	/* Request-URI */
	{"INVITE sips:a@b SIP/2.0\r\n" M_ALL, "ok", "sips"},
	{"INVITE tel:+1 SIP/2.0\r\n" M_ALL, "ok", "tel"},
	{"INVITE urn:service:sos SIP/2.0\r\n" M_ALL, "ok", "RFC 5031"},
	{"INVITE URN:SERVICE:sos.police SIP/2.0\r\n" M_ALL, "ok", "RFC 5031 in capitals"},
	{"INVITE urn:service: SIP/2.0\r\n" M_ALL, "Unsupported URI Scheme+", "no service"},
	{"INVITE urn:uuid:f81d4fae SIP/2.0\r\n" M_ALL, "Unsupported URI Scheme+", "another urn"},
	{"INVITE http://a SIP/2.0\r\n" M_ALL, "Unsupported URI Scheme+", "http"},
	{"INVITE sip:a@b?Subject=x SIP/2.0\r\n" M_ALL, "Headers In Request-URI+", "headers"},
	{"INVITE <sip:a> SIP/2.0\r\n" M_ALL, "Bad Request-URI+", "brackets"},
	{"INVITE sip:a@b;lr;lr=1 SIP/2.0\r\n" M_ALL, "Bad Request-URI+", "lr twice"},
	{"INVITE sip:a@b;transport=udp;transport=udp SIP/2.0\r\n" M_ALL, "ok",
	 "the same transport twice"},
	{M_START M_VIA M_FROM "To: <sip:a@b>;tag=1;tag=1\r\n" M_CALL_ID M_CSEQ M_MF, "Bad To-",
	 "the same tag twice"},
	/* what nobody acts upon may be doubled; what somebody does may not */
	{M_START M_ALL "User-Agent: a\r\nUser-Agent: b\r\nSubject: a\r\ns: b\r\n", "ok",
	 "free text twice"},
	{M_START M_ALL "Expires: 1\r\nExpires: 1\r\n", "Duplicate Expires+", "Expires twice"},
	{M_START M_ALL "Max-Forwards: 70\r\n", "Duplicate Max-Forwards+", "Max-Forwards twice"},
	{M_START M_ALL "Event: a\r\no: a\r\n", "Duplicate Event+", "Event twice, once compact"},
	{M_START M_ALL "c: a/b\r\nContent-Type: a/b\r\n", "Duplicate Content-Type+",
	 "Content-Type twice"},
	{M_START M_ALL "Session-Expires: 90\r\nx: 90\r\n", "Duplicate Session-Expires+",
	 "Session-Expires twice"},
	{M_START M_ALL "Refer-To: <sip:a>\r\nr: <sip:b>\r\n", "Duplicate Refer-To+",
	 "Refer-To twice"},
	{M_START M_ALL "Allow: a\r\nAllow: b\r\nSupported: a\r\nk: b\r\n", "ok",
	 "lists in several lines"},
	/* others are left to who reads them */
	{M_START M_ALL "Content-Type: x y\r\nAccept: ,,\r\nDate: never\r\nReplaces:\r\n", "ok",
	 "malformed, not read here"},
};

static void every_row(void **state)
{
	struct sip_msg msg;
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		text_start(&in);
		text_add(&in, "%s\r\n", rows[i].text);
		judge(&msg, text_sv(&in));
		if (strcmp(got.p, rows[i].want) != 0)
			row_differs(&bad, rows[i].name, got.p, rows[i].want);
	}
	assert_int_equal(bad, 0);
}

/* P-2: each header of which there is one, absent, empty, twice the same, twice different, joined by a comma: refused; and
 * it is not answered when the answer would be made of it. Max-Forwards may be absent (§16.3 step 3). */
static void mandatory_headers(void **state)
{
	static const struct {
		const char *name, *compact, *value, *other;
		bool answer; /* the answer is not made of it */
	} table[] = {
		{"Via", "v", "SIP/2.0/UDP h;branch=z9hG4bK1", "SIP/2.0/UDP i;branch=z9hG4bK2",
		 false},
		{"From", "f", "<sip:a@b>;tag=1", "<sip:c@d>;tag=2", false},
		{"To", "t", "<sip:a@b>;tag=1", "<sip:c@d>", false},
		{"Call-ID", "i", "a@b", "c@d", false},
		{"CSeq", "CSEQ", "1 INVITE", "2 INVITE", false},
		{"Max-Forwards", "max-forwards", "70", "69", true},
		{"Content-Length", "l", "0", "1", true},
		{"Expires", "expires", "60", "61", true},
	};
	enum { ABSENT, EMPTY, SAME, DIFFERENT, JOINED, JOINED_TIGHT, HOW };
	struct sip_msg msg;
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (int how = ABSENT; how < HOW; how++) {
			text_start(&in);
			text_add(&in, M_START);
			for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++) {
				if (k != i)
					text_add(&in, "%s: %s\r\n", table[k].name, table[k].value);
				else if (how == EMPTY)
					text_add(&in, "%s:\r\n", table[k].name);
				else if (how >= JOINED)
					text_add(&in, "%s: %s%s%s\r\n", table[k].name,
						 table[k].value, how == JOINED ? ", " : ",",
						 table[k].other);
				else if (how != ABSENT)
					text_add(&in, "%s: %s\r\n%s: %s\r\n", table[k].name,
						 table[k].value, table[k].compact,
						 how == SAME ? table[k].value : table[k].other);
			}
			text_add(&in, "\r\n");
			judge(&msg, text_sv(&in));
			bool list = i == 0 && how >= SAME; /* several Vias are as it should be */
			bool optional = how == ABSENT && table[i].answer;
			bool ok = list || optional;
			char name[64], sign = got.p[got.n - 1];
			snprintf(name, sizeof(name), "%s %d", table[i].name, how);
			if (ok != (strcmp(got.p, "ok") == 0))
				row_differs(&bad, name, got.p, ok ? "ok" : "refused");
			else if (!ok && sign != (table[i].answer ? '+' : '-'))
				row_differs(&bad, name, got.p,
					    table[i].answer ? "answered" : "dropped");
		}
	assert_int_equal(bad, 0);
}

/* What is left in a message that another parse filled before must not show. */
static void nothing_left_from_before(void **state)
{
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	text_start(&in);
	text_add(&in, M_START M_ALL "Contact: <sip:a>\r\nExpires: 7\r\n\r\n");
	memset(&msg, 0xa5, sizeof(msg));
	assert_true(sip_parse_datagram(&msg, in.p, in.n, &at) > 0);
	assert_int_equal(sip_check(&msg, &at), 0);
	text_start(&in);
	text_add(&in, "SIP/2.0 200 OK\r\n\r\n");
	assert_true(sip_parse_datagram(&msg, in.p, in.n, &at) > 0);
	assert_int_equal(msg.method, SIP_METHOD_OTHER);
	assert_int_equal(msg.ruri_n, 0);
	assert_null(sip_request_uri(&msg, &at));
	assert_null(sip_top_via(&msg, &at));
	assert_null(sip_expires(&msg, &at));
	assert_int_equal(sip_check(&msg, &at), MG_EPARSE);
	assert_int_equal(at.fault, SIP_FAULT_MISSING);
	assert_int_equal(at.hid, SIP_H_VIA);
	assert_false(sip_answerable(&msg));
	assert_int_equal(sip_parse_datagram(&msg, "\r\n\r\n", 4, &at), 4);
	assert_int_equal(sip_check(&msg, &at), MG_EPARSE);
	assert_int_equal(at.fault, SIP_FAULT_NOT_SIP);
}

static const struct limit {
	const char *name, *start;
	const char *begin, *one; /* a value, repeated */
	unsigned most;
	const char *phrase;
} limits[] = {
	{"Vias in lines", M_START, "", "Via: SIP/2.0/UDP h\r\n", SIP_VIA_MAX - 1,
	 "Too Many Via Values-"},
	{"Vias in one line", M_START, "Via: SIP/2.0/UDP h", ",SIP/2.0/UDP h", SIP_VIA_MAX - 2,
	 "Too Many Via Values-"},
	{"Routes in lines", M_START, "", "Route: <sip:a>\r\n", SIP_ROUTE_MAX,
	 "Too Many Route Values+"},
	{"Routes in one line", M_START, "Route: <sip:a>", ",<sip:a>", SIP_ROUTE_MAX - 1,
	 "Too Many Route Values+"},
	{"Record-Routes", M_START, "", "Record-Route: <sip:a>\r\n", SIP_ROUTE_MAX,
	 "Too Many Record-Route Values+"},
	{"both together", M_START, "Route: <sip:a>,<sip:b>\r\n", "Record-Route: <sip:a>\r\n",
	 SIP_ROUTE_MAX - 2, "Too Many Record-Route Values+"},
	{"Contacts in lines", M_START, "", "Contact: <sip:a>\r\n", SIP_CONTACT_MAX,
	 "Too Many Contact Values+"},
	{"Contacts in one line", M_START, "m: <sip:a>", " , <sip:a>", SIP_CONTACT_MAX - 1,
	 "Too Many Contact Values+"},
	{"parameters of a Contact", M_START, "m: <sip:a>", ";a", SIP_PARAMS_MAX,
	 "Too Many Parameters+"},
	{"parameters of a Via", M_START, "v: SIP/2.0/UDP h", ";a", SIP_PARAMS_MAX,
	 "Too Many Parameters-"},
	{"parameters of a URI", M_START, "Route: <sip:a", ";a", SIP_PARAMS_MAX,
	 "Too Many Parameters+"},
	{"Vias of a response", M_STATUS, "", "Via: SIP/2.0/UDP h\r\n", SIP_VIA_MAX,
	 "Too Many Via Values-"},
	{"Record-Routes of a response", M_STATUS, "", "Record-Route: <sip:a>\r\n",
	 SIP_ROUTE_MAX + 2, "Too Many Record-Route Values-"},
	{"Record-Routes of a response in one line", M_STATUS, "Record-Route: <sip:a>", ",<sip:a>",
	 SIP_ROUTE_MAX + 1, "Too Many Record-Route Values-"},
	{"Contacts of a response", M_STATUS, "", "Contact: <sip:a>\r\n", SIP_CONTACT_MAX,
	 "Too Many Contact Values-"},
};

static void counted_limits(void **state)
{
	struct sip_msg msg;

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		for (unsigned n = limits[i].most; n <= limits[i].most + 1; n++) {
			text_start(&in);
			text_add(&in, "%s" M_ALL "%s", limits[i].start, limits[i].begin);
			for (unsigned k = 0; k < n; k++)
				text_add(&in, "%s", limits[i].one);
			if (strcmp(limits[i].begin, "Route: <sip:a") == 0)
				text_add(&in, ">");
			text_add(&in, "%s\r\n", memcmp(in.p + in.n - 2, "\r\n", 2) ? "\r\n" : "");
			judge(&msg, text_sv(&in));
			const char *want = n > limits[i].most ? limits[i].phrase : "ok";
			if (strcmp(got.p, want) != 0)
				fail_msg("%s, %u: %s, not %s", limits[i].name, n, got.p, want);
		}
}

static void long_limits(void **state)
{
	static const struct {
		const char *before, *after;
		unsigned most;
		bool answer;
	} table[] = {
		{M_START M_VIA M_FROM M_TO M_CSEQ "Call-ID: ", "\r\n", SIP_IDENT_MAX, false},
		{M_START M_VIA M_TO M_CALL_ID M_CSEQ "From: <sip:a>;tag=", "\r\n", SIP_IDENT_MAX,
		 false},
		{M_START M_VIA M_FROM M_CALL_ID M_CSEQ "To: <sip:a>;tag=", "\r\n", SIP_IDENT_MAX,
		 false},
		{M_START M_TO M_FROM M_CALL_ID M_CSEQ "Via: SIP/2.0/UDP h;branch=", "\r\n",
		 SIP_IDENT_MAX, false},
		{M_START M_ALL "Contact: <sip:", ">\r\n", SIP_URI_MAX - 4, true},
		{M_START M_ALL "Route: <sip:", ">\r\n", SIP_URI_MAX - 4, true},
		{M_START M_ALL, ": x\r\n", SIP_HEADER_NAME_MAX, true},
		{M_START M_ALL "Subject: ", "\r\n", SIP_HEADER_LINE_MAX - 9, true},
		{"INVITE sip:", " SIP/2.0\r\n" M_ALL, SIP_URI_MAX - 4, true},
	};
	struct sip_msg msg;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (unsigned n = table[i].most; n <= table[i].most + 1; n++) {
			text_start(&in);
			text_add(&in, "%s", table[i].before);
			text_fill(&in, 'a', n);
			text_add(&in, "%s\r\n", table[i].after);
			judge(&msg, text_sv(&in));
			const char *want = n <= table[i].most ? "ok"
					   : table[i].answer  ? "Field Too Long+"
							      : "Field Too Long-";
			if (strcmp(got.p, want) != 0)
				fail_msg("row %zu, %u: %s, not %s", i, n, got.p, want);
		}
}

static void codes(void **state)
{
	static const struct {
		const char *text;
		int err;
	} table[] = {
		{M_START M_ALL, 0},
		{M_START, MG_EPARSE},
		{"INVITE / SIP/2.0\r\n" M_ALL, MG_EPARSE},
		{M_START M_ALL
		 "m: <sip:a>;1;2;3;4;5;6;7;8;9;0;1;2;3;4;5;6;7;8;9;0;1;2;3;4;5;6;7;8;9;0;1;2;3\r\n",
		 MG_ELIMIT},
		{M_START M_ALL "m: "
			       "<sip:1>,<sip:a>,<sip:a>,<sip:a>,<sip:a>,<sip:a>,<sip:a>,<sip:a>,<"
			       "sip:a>,<sip:a>,<sip:a>\r\n",
		 MG_EPARSE},
		{M_START M_ALL "m: "
			       "<sip:z>,<sip:a>,<sip:a>,<sip:a>,<sip:a>,<sip:a>,<sip:a>,<sip:a>,<"
			       "sip:a>,<sip:a>,<sip:a>\r\n",
		 MG_ELIMIT},
	};
	struct sip_msg msg;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sip_where at;
		text_start(&in);
		text_add(&in, "%s\r\n", table[i].text);
		assert_true(sip_parse_datagram(&msg, in.p, in.n, &at) > 0);
		assert_int_equal(sip_check(&msg, &at), table[i].err);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(mandatory_headers),
		cmocka_unit_test(nothing_left_from_before),
		cmocka_unit_test(counted_limits),
		cmocka_unit_test(long_limits),
		cmocka_unit_test(codes),
	};

	return cmocka_run_group_tests(tests, make_room, leave_room);
}
