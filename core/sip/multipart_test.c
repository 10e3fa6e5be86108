/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bodies and where their parts lie: as RFC 2046 and RFC 4475 have them, and every trick of boundaries that two readers
 * could take in two ways (threat P-8). Each is read at the end of a page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/test_guard.h"
#include "sip/header.h"
#include "sip/multipart.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define MIXED       "multipart/mixed;boundary=b"

/* What was found, in one line: preamble, then each part as [type|body], then epilogue. */
static struct sv shown(const struct sip_multipart *m, char *out)
{
	char *p = out;

	p = mempcpy(p, m->preamble.p, m->preamble.n);
	for (unsigned i = 0; i < m->n; i++) {
		*p++ = '[';
		p = mempcpy(p, m->part[i].content_type.p, m->part[i].content_type.n);
		*p++ = '|';
		p = mempcpy(p, m->part[i].body.p, m->part[i].body.n);
		*p++ = ']';
	}
	p = mempcpy(p, m->epilogue.p, m->epilogue.n);
	return sv_span(out, p);
}

static const struct {
	const char *type;
	struct sv body;
	struct sv found;
} taken[] = {
	{MIXED,
	 SV_INIT("--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b\r\n"
		 "Content-Type: text/plain\r\n\r\nhi\r\n--b--\r\n"),
	 SV_INIT("[application/sdp|v=0\r\n][text/plain|hi]")},
	{MIXED, SV_INIT("pre\r\namble\r\n--b\r\n\r\nx\r\n--b--\r\nepi\r\nlogue"),
	 SV_INIT("pre\r\namble[|x]epi\r\nlogue")},
	{MIXED, SV_INIT("\r\n--b\r\n\r\nx\r\n--b--"), SV_INIT("[|x]")},
	/* transport padding */
	{MIXED, SV_INIT("--b \t \r\n\r\nx\r\n--b-- \t"), SV_INIT("[|x]")},
	{MIXED, SV_INIT("--b\r\n\r\nx\r\n--b-- \r\n\r\n"), SV_INIT("[|x]\r\n")},
	/* parts that are empty, have no headers, or nothing but headers */
	{MIXED, SV_INIT("--b\r\n\r\n\r\n--b--"), SV_INIT("[|]")},
	{MIXED, SV_INIT("--b\r\n\r\n--b--"), SV_INIT("[|]")},
	{MIXED, SV_INIT("--b\r\nContent-Type: a/b\r\n\r\n--b\r\n\r\n\r\n\r\n--b--"),
	 SV_INIT("[a/b|][|\r\n]")},
	/* boundaries */
	{"multipart/mixed; Boundary=\"b\"", SV_INIT("--b\r\n\r\nx\r\n--b--"), SV_INIT("[|x]")},
	{"MULTIPART / Related ; start=\"<a@b>\" ; boundary = b ; x",
	 SV_INIT("--b\r\n\r\nx\r\n--b--"), SV_INIT("[|x]")},
	{"multipart/mixed;\r\n boundary=b\r\n ", SV_INIT("--b\r\n\r\nx\r\n--b--"), SV_INIT("[|x]")},
	{"multipart/mixed;boundary=\"'()+_,-./:=? x\"",
	 SV_INIT("--'()+_,-./:=? x\r\n\r\nx\r\n--'()+_,-./:=? x--"), SV_INIT("[|x]")},
	{"multipart/mixed;boundary=--", SV_INIT("----\r\n\r\n--\r\n---\r\n------"),
	 SV_INIT("[|--\r\n---]")},
	{"multipart/"
	 "mixed;boundary=1234567890123456789012345678901234567890123456789012345678901234567890",
	 SV_INIT("--"
		 "1234567890123456789012345678901234567890123456789012345678901234567890\r\n\r\nx\r"
		 "\n"
		 "--1234567890123456789012345678901234567890123456789012345678901234567890--"),
	 SV_INIT("[|x]")},
	/* what looks like a boundary and is none */
	{MIXED, SV_INIT("--b\r\n\r\na --b\r\n -- b\r\n--\r\n--B\r\n-b\r\n--b--"),
	 SV_INIT("[|a --b\r\n -- b\r\n--\r\n--B\r\n-b]")},
	{MIXED, SV_INIT("--b\r\nContent-Type: x/y; a=\"--b\"\r\nx: --b--\r\n\r\nz\r\n--b--"),
	 SV_INIT("[x/y; a=\"--b\"|z]")},
	{MIXED, SV_INIT("--b\r\nContent-Type: x/y;\r\n --b\r\n\r\nz\r\n--b--"),
	 SV_INIT("[x/y;\r\n --b|z]")},
	{MIXED, SV_INIT("--b\r\n\r\na\r\nb\nc\r\0\r\n--b--"), SV_INIT("[|a\r\nb\nc\r\0]")},
	{MIXED, SV_INIT("--b\r\n\r\na\r\r\n--b--"), SV_INIT("[|a\r]")},
	/* headers */
	{MIXED, SV_INIT("--b\r\ncontent-TYPE \t:\r\n\ta/b\r\n\r\nx\r\n--b--"), SV_INIT("[a/b|x]")},
	{MIXED, SV_INIT("--b\r\nContent-Type:\r\n\r\nx\r\n--b--"), SV_INIT("[|x]")},
	{MIXED,
	 SV_INIT("--b\r\nX:1\r\nX:2\r\n 3\r\nContent-Language: en\r\nc: n/o\r\n\r\nx\r\n--b--"),
	 SV_INIT("[|x]")},
	{MIXED, SV_INIT("--b\r\nX: \x80\xff\t\r\n\r\nx\r\n--b--"), SV_INIT("[|x]")},
	/* as many as there may be */
	{MIXED,
	 SV_INIT("--b\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b\r\n\r\n3\r\n--b\r\n\r\n4\r\n--b\r\n\r\n5\r\n"
		 "--b\r\n\r\n6\r\n--b\r\n\r\n7\r\n--b\r\n\r\n8\r\n--b--"),
	 SV_INIT("[|1][|2][|3][|4][|5][|6][|7][|8]")},
};

static void test_taken(void **state)
{
	struct guard g = guard_init(1024), h = guard_init(256);

	(void)state;
	for (size_t i = 0; i < ROWS(taken); i++) {
		char out[1024];
		struct sip_multipart m;
		struct sip_where at = {0};
		struct sv body = guard_put(&g, taken[i].body);
		struct sv type = guard_put(&h, sv_str(taken[i].type));
		assert_true(sip_multipart_is(type));
		if (sip_multipart_parse(&m, type, body, &at))
			fail_msg("%s: refused at %u", taken[i].body.p, at.off);
		struct sv found = shown(&m, out);
		if (!sv_eq(found, taken[i].found))
			fail_msg("%s: %.*s", taken[i].body.p, SV_ARG(found));
	}
	guard_done(&g);
	guard_done(&h);
}

static const struct {
	struct sv body;
	uint32_t off;
	int ret;
} refused[] = {
	/* no close, no part */
	{SV_INIT(""), 0, MG_EPARSE},
	{SV_INIT("x"), 1, MG_EPARSE},
	{SV_INIT("--b"), 0, MG_EPARSE},
	{SV_INIT("--b\r"), 0, MG_EPARSE},
	{SV_INIT("--b\r\n"), 5, MG_EPARSE},
	{SV_INIT("--b\r\n\r\n"), 7, MG_EPARSE},
	{SV_INIT("--b\r\n\r\nx"), 8, MG_EPARSE},
	{SV_INIT("--b\r\n\r\nx\r\n--b"), 10, MG_EPARSE},
	{SV_INIT("--b\r\n\r\nx\r\n--b-"), 10, MG_EPARSE},
	{SV_INIT("--b\r\n\r\nx\r\n--b\r\n"), 15, MG_EPARSE},
	{SV_INIT("--b--"), 0, MG_EPARSE},
	{SV_INIT("x\r\n--b--\r\n"), 3, MG_EPARSE},
	/* line ends */
	{SV_INIT("--b\n\nx\n--b--\n"), 0, MG_EPARSE},
	{SV_INIT("--b\r\n\r\nx\n--b--"), 9, MG_EPARSE},
	{SV_INIT("--b\r\n\r\nx\r--b--"), 9, MG_EPARSE},
	{SV_INIT("--b\r\n\r\nx\r\n--b--\n"), 10, MG_EPARSE},
	{SV_INIT("--b\r\n\r\nx\r\n--b--\r"), 10, MG_EPARSE},
	{SV_INIT("--b\r\r\n\r\nx\r\n--b--"), 0, MG_EPARSE},
	{SV_INIT("x\n--b\r\n\r\nx\r\n--b--"), 2, MG_EPARSE},
	{SV_INIT("--b\r\nContent-Type: a/b\n\r\nx\r\n--b--"), 5, MG_EPARSE},
	{SV_INIT("--b\r\nContent-Type: a/b\r\n\nx\r\n--b--"), 24, MG_EPARSE},
	{SV_INIT("--b\r\nX: a\rb\r\n\r\nx\r\n--b--"), 5, MG_EPARSE},
	/* a line that begins like a boundary */
	{SV_INIT("--b\r\n\r\nx\r\n--bb\r\n--b--"), 10, MG_EPARSE},
	{SV_INIT("--b\r\n\r\nx\r\n--b--b\r\n--b--"), 10, MG_EPARSE},
	{SV_INIT("--b\r\n\r\nx\r\n--b x\r\n--b--"), 10, MG_EPARSE},
	{SV_INIT("--b\r\n\r\nx\r\n--b -- \r\n--b--"), 10, MG_EPARSE},
	{SV_INIT("--b\r\n\r\nx\r\n--b\0\r\n--b--"), 10, MG_EPARSE},
	{SV_INIT("--bx\r\n\r\nx\r\n--b--"), 0, MG_EPARSE},
	/* a boundary in the middle of headers, or behind the end */
	{SV_INIT("--b\r\n--b\r\n\r\nx\r\n--b--"), 5, MG_EPARSE},
	{SV_INIT("--b\r\nContent-Type: a/b\r\n--b\r\n\r\nx\r\n--b--"), 24, MG_EPARSE},
	{SV_INIT("--b\r\n--b--"), 5, MG_EPARSE},
	{SV_INIT("--b\r\n\r\nx\r\n--b--\r\n--b\r\n\r\ny\r\n--b--"), 17, MG_EPARSE},
	{SV_INIT("--b\r\n\r\nx\r\n--b--\r\nx\r\n--b--"), 20, MG_EPARSE},
	{SV_INIT("--b\r\n\r\nx\r\n--b--\r\n--bb"), 17, MG_EPARSE},
	/* headers */
	{SV_INIT("--b\r\nno colon\r\n\r\nx\r\n--b--"), 5, MG_EPARSE},
	{SV_INIT("--b\r\nnocolon\r\n\r\nx\r\n--b--"), 5, MG_EPARSE},
	{SV_INIT("--b\r\n: a\r\n\r\nx\r\n--b--"), 5, MG_EPARSE},
	{SV_INIT("--b\r\n fold: a\r\n\r\nx\r\n--b--"), 5, MG_EPARSE},
	{SV_INIT("--b\r\nX: \0\r\n\r\nx\r\n--b--"), 5, MG_EPARSE},
	{SV_INIT("--b\r\nX: \x7f\r\n\r\nx\r\n--b--"), 5, MG_EPARSE},
	{SV_INIT("--b\r\nContent-Type: a/b\r\ncontent-type: c/d\r\n\r\nx\r\n--b--"), 24, MG_EPARSE},
	{SV_INIT("--b\r\nContent-ID:\r\nContent-ID:\r\n\r\nx\r\n--b--"), 18, MG_EPARSE},
	{SV_INIT("--b\r\nX: y"), 5, MG_EPARSE},
	/* one level too many */
	{SV_INIT("--b\r\n\r\n2\r\n--b\r\nContent-Type: "
		 "multipart/alternative;boundary=c\r\n\r\n--c\r\n\r\n"
		 "1\r\n--c--\r\n--b--"),
	 15, MG_ELIMIT},
	/* one part too many */
	{SV_INIT("--b\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b\r\n\r\n3\r\n--b\r\n\r\n4\r\n--b\r\n\r\n5\r\n"
		 "--b\r\n\r\n6\r\n--b\r\n\r\n7\r\n--b\r\n\r\n8\r\n--b\r\n\r\n9\r\n--b--"),
	 80, MG_ELIMIT},
};

static void test_refused(void **state)
{
	struct guard g = guard_init(1024);

	(void)state;
	for (size_t i = 0; i < ROWS(refused); i++) {
		struct sip_multipart m = {.n = 77};
		struct sip_where at = {.fault = SIP_FAULT_BAD, .hid = SIP_H_VIA};
		struct sv body = guard_put(&g, refused[i].body);
		int ret = sip_multipart_parse(&m, SV(MIXED), body, &at);
		if (ret != refused[i].ret || at.off != refused[i].off)
			fail_msg("row %zu, %s: %d at %u", i, refused[i].body.p, ret, at.off);
		assert_int_equal(at.fault, SIP_FAULT_BODY);
		assert_int_equal(at.hid, SIP_H_OTHER);
		assert_int_equal(m.n, 77);
	}
	guard_done(&g);
}

#define TEN "1234567890"

static const struct {
	struct sv type;
	uint32_t off;
	bool multipart;
} types[] = {
	{SV_INIT(""), 0, false},
	{SV_INIT("multipart"), 0, false},
	{SV_INIT("multipart/"), 0, false},
	{SV_INIT("/mixed"), 0, false},
	{SV_INIT("application/sdp;boundary=b"), 0, false},
	{SV_INIT("multipartx/mixed;boundary=b"), 0, false},
	{SV_INIT("multipart/mixed"), 15, true},
	{SV_INIT("multipart/mixed;charset=x"), 25, true},
	{SV_INIT("multipart/mixed;boundary"), 16, true},
	{SV_INIT("multipart/mixed;boundary="), 16, true},
	{SV_INIT("multipart/mixed;boundary=\"\""), 16, true},
	{SV_INIT("multipart/mixed;boundary=\" \""), 16, true},
	{SV_INIT("multipart/mixed;boundary=\"b \""), 16, true},
	{SV_INIT("multipart/mixed;boundary=\"b\\b\""), 16, true},
	{SV_INIT("multipart/mixed;boundary=\"b\0\""), 16, true},
	{SV_INIT("multipart/mixed;boundary=\"b\r\nx\""), 16, true},
	{SV_INIT("multipart/mixed;boundary=b@b"), 16, true},
	{SV_INIT("multipart/mixed;boundary=\xc3\xa9"), 16, true},
	{SV_INIT("multipart/mixed;boundary=b;boundary=b"), 27, true},
	{SV_INIT("multipart/mixed;boundary=b;boundary=c"), 27, true},
	{SV_INIT("multipart/mixed;boundary=b, multipart/x"), 26, true},
	{SV_INIT("multipart/mixed;boundary=b;"), 26, true},
	{SV_INIT("multipart/mixed;boundary=b x"), 27, true},
	{SV_INIT("multipart/mixed;boundary=\"b"), 15, true},
	{SV_INIT("multipart/mixed boundary=b"), 16, true},
	{SV_INIT("multipart/mixed;boundary=" TEN TEN TEN TEN TEN TEN TEN "1"), 16, true},
};

static void test_types(void **state)
{
	struct guard g = guard_init(256);

	(void)state;
	for (size_t i = 0; i < ROWS(types); i++) {
		struct sip_multipart m;
		struct sip_where at = {0};
		struct sv type = guard_put(&g, types[i].type);
		int ret = sip_multipart_parse(&m, type, SV("--b\r\n\r\nx\r\n--b--"), &at);
		if (ret != MG_EPARSE || at.off != types[i].off || at.fault != SIP_FAULT_BAD ||
		    at.hid != SIP_H_CONTENT_TYPE || sip_multipart_is(type) != types[i].multipart)
			fail_msg("%s: %d at %u", types[i].type.p, ret, at.off);
	}
	guard_done(&g);
}

static void test_views(void **state)
{
	struct sip_multipart m;
	struct sip_where at;
	struct sv body =
		SV("--b\r\nContent-Type: a/b\r\nContent-Disposition: session;handling=required\r\n"
		   "X: y\r\nContent-ID: <1@x>\r\nContent-Transfer-Encoding: base64\r\n"
		   "Content-Encoding: gzip\r\n\r\nbody\r\n--b\r\n\r\n\r\n--b--");

	(void)state;
	assert_int_equal(sip_multipart_parse(&m, SV(MIXED), body, &at), 0);
	assert_int_equal(m.n, 2);
	struct sip_part *p = &m.part[0];
	assert_true(sv_eq(m.boundary, SV("b")));
	assert_true(sv_eq(p->content_disposition, SV("session;handling=required")));
	assert_true(sv_eq(p->content_id, SV("<1@x>")));
	assert_true(sv_eq(p->content_transfer_encoding, SV("base64")));
	assert_true(sv_eq(p->content_encoding, SV("gzip")));
	assert_ptr_equal(p->headers.p, body.p + 5);
	assert_ptr_equal(p->headers.p + p->headers.n + 2, p->body.p);
	assert_ptr_equal(p->text.p, p->headers.p);
	assert_ptr_equal(p->text.p + p->text.n, p->body.p + p->body.n);
	assert_true(sv_eq(p->body, SV("body")));
	assert_true(sv_eq(m.part[1].text, SV("\r\n")));
	assert_int_equal(m.part[1].headers.n, 0);
	assert_non_null(m.part[1].content_id.p);
}

static void test_find(void **state)
{
	struct sip_multipart m;
	struct sip_where at;
	struct sv body =
		SV("--b\r\nContent-Type: text/html\r\n\r\n1\r\n--b\r\n"
		   "Content-Type: Application / SDP;x=y\r\n\r\n2\r\n--b\r\n\r\n3\r\n--b\r\n"
		   "Content-Type: application/sdp2\r\n\r\n4\r\n--b\r\n"
		   "Content-Type: application/sdp\r\n\r\n5\r\n--b\r\n"
		   "Content-Type: nonsense\r\n\r\n6\r\n--b--");

	(void)state;
	assert_int_equal(sip_multipart_parse(&m, SV(MIXED), body, &at), 0);
	const struct sip_part *p = sip_multipart_find(&m, SV("application/sdp"), NULL);
	assert_ptr_equal(p, &m.part[1]);
	p = sip_multipart_find(&m, SV("application/sdp"), p);
	assert_ptr_equal(p, &m.part[4]);
	assert_null(sip_multipart_find(&m, SV("application/sdp"), p));
	assert_ptr_equal(sip_multipart_find(&m, SV("text/plain"), NULL), &m.part[2]);
	assert_null(sip_multipart_find(&m, SV("nonsense"), NULL));
	assert_null(sip_multipart_find(&m, SV("application/isup"), NULL));
	m.n = 0;
	assert_null(sip_multipart_find(&m, SV("text/plain"), NULL));
}

/* RFC 4475 §3.1.1.11 mpart01 (IETF Trust terms): a text and its signature, which holds NUL, lone CR and LF. */
#define MPART01 "7a9cbec02ceef655"
static const char signature[] =
	"\x30\x82\x01\x52\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x82\x01\x43\x30"
	"\x82\x01\x3f\x02\x01\x01\x31\x09\x30\x07\x06\x05\x2b\x0e\x03\x02\x1a\x30\x0b\x06"
	"\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\x31\x82\x01\x20\x30\x82\x01\x1c\x02\x01"
	"\x01\x30\x7c\x30\x70\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02\x55\x53\x31\x13"
	"\x30\x11\x06\x03\x55\x04\x08\x13\x0a\x43\x61\x6c\x69\x66\x6f\x72\x6e\x69\x61\x31"
	"\x11\x30\x0f\x06\x03\x55\x04\x07\x13\x08\x53\x61\x6e\x20\x4a\x6f\x73\x65\x31\x0e"
	"\x30\x0c\x06\x03\x55\x04\x0a\x13\x05\x73\x69\x70\x69\x74\x31\x29\x30\x27\x06\x03"
	"\x55\x04\x0b\x13\x20\x53\x69\x70\x69\x74\x20\x54\x65\x73\x74\x20\x43\x65\x72\x74"
	"\x69\x66\x69\x63\x61\x74\x65\x20\x41\x75\x74\x68\x6f\x72\x69\x74\x79\x02\x08\x01"
	"\x95\x00\x71\x02\x33\x01\x13\x30\x07\x06\x05\x2b\x0e\x03\x02\x1a\x30\x0d\x06\x09"
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x04\x81\x80\x8e\xf4\x66\xf9\x48\xf0"
	"\x52\x2d\xd2\xe5\x97\x8e\x9d\x95\xaa\xe9\xf2\xfe\x15\xa0\x66\x59\x71\x62\x92\xe8"
	"\xda\x2a\xa8\xd8\x35\x0a\x68\xce\xff\xae\x3c\xbd\x2b\xff\x16\x75\xdd\xd5\x64\x8e"
	"\x59\x3d\xd6\x47\x28\xf2\x62\x20\xf7\xe9\x41\x74\x9e\x33\x0d\x9a\x15\xed\xab\xdb"
	"\x93\xd1\x0c\x42\x10\x2e\x7b\x72\x89\xd2\x9c\xc0\xc9\xae\x2e\xfb\xc7\xc0\xcf\xf9"
	"\x17\x2f\x3b\x02\x7e\x4f\xc0\x27\xe1\x54\x6d\xe4\xb6\xaa\x3a\xbb\x3e\x66\xcc\xcb"
	"\x5d\xd6\xc6\x4b\x83\x83\x14\x9c\xb8\xe6\xff\x18\x2d\x94\x4f\xe5\x7b\x65\xbc\x99"
	"\xd0\x05";

static void test_torture(void **state)
{
	static const char head[] = "--" MPART01 "\r\nContent-Type: text/plain\r\n"
				   "Content-Transfer-Encoding: binary\r\n\r\nHello\r\n--" MPART01
				   "\r\nContent-Type: application/octet-stream\r\n"
				   "Content-Transfer-Encoding: binary\r\n\r\n";
	static const char tail[] = "\r\n--" MPART01 "--\r\n";
	char text[sizeof(head) + sizeof(signature) + sizeof(tail)], *p = text;
	struct guard g = guard_init(sizeof(text));
	struct sip_multipart m;
	struct sip_where at;

	(void)state;
	p = mempcpy(p, head, sizeof(head) - 1);
	p = mempcpy(p, signature, sizeof(signature) - 1);
	p = mempcpy(p, tail, sizeof(tail) - 1);
	assert_int_equal(p - text, 553); /* its Content-Length */
	struct sv body = guard_put(&g, sv_span(text, p));
	assert_int_equal(
		sip_multipart_parse(&m, SV("multipart/mixed;boundary=" MPART01), body, &at), 0);
	assert_int_equal(m.n, 2);
	assert_true(sv_eq(m.part[0].body, SV("Hello")));
	assert_true(sv_eq(m.part[1].body, sv_of(signature, sizeof(signature) - 1)));
	assert_true(sv_eq(m.part[1].content_type, SV("application/octet-stream")));
	assert_true(sv_eq(m.part[1].content_transfer_encoding, SV("binary")));
	assert_int_equal(m.epilogue.n, 0);
	guard_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_types), cmocka_unit_test(test_views),
		cmocka_unit_test(test_find),  cmocka_unit_test(test_torture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
