/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * build: what the builders write, against the RFC's words, byte for byte; everything written is read back and checked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sip/build.h"
#include "sip/test_view.h"

#define BIG_VIA                                                                     \
	"Via: SIP/2.0/UDP p2.example;branch=z9hG4bK2 ,\r\n SIP/2.0/TCP p1.example;" \
	"branch=z9hG4bK1\r\n"
#define RR     "Record-Route: <sip:p2.example;lr>\r\nRECORD-ROUTE: <sip:p1.example;lr>\r\n"
#define ROUTES "Route: <sip:r1.example;lr>,<sip:r2.example;lr>\r\nroute:<sip:r3.example>\r\n"

/* An INVITE with lines in an unusual order and spelling. */
#define INVITE                                                                                \
	M_START "f: Alice <sip:alice@atlanta.example>;tag=88\r\n" BIG_VIA "Subject: x\r\n" RR \
		"timestamp : 54.7 \r\n"                                                       \
		"To :  Bob\r\n <sip:bob@biloxi.example>  \r\n" ROUTES                         \
		"i:a84b4c76e66710@192.0.2.1\r\nv: SIP/2.0/UDP ua.example\r\n"                 \
		"CSeq:  0314159  INVITE\r\nMax-Forwards: 3\r\nRequire: 100rel\r\n"            \
		"l: 3\r\n\r\nabc"

#define VIAS    BIG_VIA "v: SIP/2.0/UDP ua.example\r\n"
#define FROM    "f: Alice <sip:alice@atlanta.example>;tag=88\r\n"
#define TO      "To :  Bob\r\n <sip:bob@biloxi.example>  \r\n"
#define TO_TAG  "To :  Bob\r\n <sip:bob@biloxi.example>;tag=t1\r\n"
#define CALL_ID "i:a84b4c76e66710@192.0.2.1\r\n"
#define CSEQ    "CSeq:  0314159  INVITE\r\n"
#define NO_BODY OWN(0) "\r\n"

static const char *written(const struct sip_out *out)
{
	struct sip_stream stream = {0};
	struct sip_where at = {0};
	struct sip_msg msg;

	int n = sip_out_flat(out, t.out.p, sizeof(t.out.p) - 1);
	assert_true(n > 0);
	t.out.p[n] = 0;
	if (sip_parse_stream(&msg, &stream, t.out.p, (size_t)n, &at) != n ||
	    sip_check(&msg, &at) != 0)
		fail_msg("%s at %u in\n%s", sip_fault_text(&at), at.off, t.out.p);
	return t.out.p;
}

static const char *response(const struct sip_response *r)
{
	struct sip_out out;

	sip_out_init(&out, &t.arena);
	assert_int_equal(sip_build_response(&out, &t.view, r), 0);
	return written(&out);
}

static int refused(const struct sip_response *r)
{
	struct sip_out out;

	sip_out_init(&out, &t.arena);
	int err = sip_build_response(&out, &t.view, r);
	assert_int_equal(out.len, 0);
	return err;
}

/* ---- responses (§8.2.6) ---- */

static void responses_take_over_what_they_must(void **state)
{
	static const struct sip_extra extra[] = {{SIP_H_CONTACT, {0}, SV_INIT("<sip:me>")},
						 {SIP_H_OTHER, SV_INIT("X-y"), {0}}};

	(void)state;
	open_text("%s", INVITE);
	assert_string_equal(response(&(struct sip_response){.status = 100, .to_tag = SV("t1")}),
			    "SIP/2.0 100 Trying\r\n" VIAS FROM TO CALL_ID CSEQ
			    "timestamp : 54.7 \r\n" NO_BODY);
	assert_string_equal(response(&(struct sip_response){.status = 180, .to_tag = SV("t1")}),
			    "SIP/2.0 180 Ringing\r\n" VIAS FROM TO_TAG CALL_ID CSEQ NO_BODY);
	assert_string_equal(response(&(struct sip_response){.status = 486}),
			    "SIP/2.0 486 Busy Here\r\n" VIAS FROM TO CALL_ID CSEQ NO_BODY);
	assert_string_equal(response(&(struct sip_response){.status = 200,
							    .reason = SV("Fine\tbei uns"),
							    .to_tag = SV("t1"),
							    .record_route = true,
							    .extra = extra,
							    .extras = 2,
							    .body = SV("body\r\n\r\n")}),
			    "SIP/2.0 200 Fine\tbei uns\r\n" VIAS RR FROM TO_TAG CALL_ID CSEQ
			    "Contact: <sip:me>\r\nX-y: \r\n" OWN(8) "\r\nbody\r\n\r\n");
	/* a tag that is there stays alone */
	open_text("%s", M_START M_VIA M_FROM "t: sip:b@x;tag=theirs;x\r\n" M_CALL_ID M_CSEQ "\r\n");
	assert_string_equal(response(&(struct sip_response){.status = 481, .to_tag = SV("mine")}),
			    "SIP/2.0 481 Call/Transaction Does Not Exist\r\n" M_VIA M_FROM
			    "t: sip:b@x;tag=theirs;x\r\n" M_CALL_ID M_CSEQ NO_BODY);
	/* without brackets it is a parameter of the header all the same (§20.10) */
	open_text("%s", M_START M_VIA M_FROM "t: sip:b@x;x=1\r\n" M_CALL_ID M_CSEQ "\r\n");
	assert_string_equal(response(&(struct sip_response){.status = 404, .to_tag = SV("m")}),
			    "SIP/2.0 404 Not Found\r\n" M_VIA M_FROM
			    "t: sip:b@x;x=1;tag=m\r\n" M_CALL_ID M_CSEQ NO_BODY);
}

static void responses_show_the_request_as_edited(void **state)
{
	struct sip_view top;
	struct sip_out out;

	(void)state;
	open_text("%s", INVITE);
	assert_int_equal(sip_view_replace_top(&t.view, SIP_H_VIA,
					      SV("SIP/2.0/UDP p2.example;branch=z9hG4bK2;"
						 "received=192.0.2.8;rport=5061")),
			 0);
	assert_int_equal(sip_view_branch(&top, &t.view, &t.arena), 0);
	assert_int_equal(sip_view_replace(&top, sip_view_first(&top, SIP_H_TO), SV("<sip:new>")),
			 0);
	sip_out_init(&out, &t.arena);
	const struct sip_response r = {.status = 603, .to_tag = SV("t")};
	assert_int_equal(sip_build_response(&out, &top, &r), 0);
	assert_string_equal(written(&out),
			    "SIP/2.0 603 Decline\r\n"
			    "Via: SIP/2.0/UDP p2.example;branch=z9hG4bK2;received=192.0.2.8;"
			    "rport=5061,\r\n SIP/2.0/TCP p1.example;branch=z9hG4bK1\r\n"
			    "v: SIP/2.0/UDP ua.example\r\n" FROM
			    "To: <sip:new>;tag=t\r\n" CALL_ID CSEQ NO_BODY);
}

static void responses_that_are_refused(void **state)
{
	static const struct sip_extra bad[] = {
		{SIP_H_CONTACT, {0}, SV_INIT("<sip:a>\r\nX: y")},
		{SIP_H_CONTACT, {0}, SV_INIT("a\0b")},
		{SIP_H_OTHER, SV_INIT(""), SV_INIT("x")},
		{SIP_H_OTHER, SV_INIT("X: y\r\nZ"), SV_INIT("x")},
		{SIP_H_CONTENT_LENGTH, {0}, SV_INIT("0")},
		{SIP_H_OTHER, SV_INIT("content-LENGTH"), SV_INIT("0")},
		{SIP_H_OTHER, SV_INIT("L"), SV_INIT("0")},
	};
	static const struct sv tags[] = {SV_INIT("a;lr"), SV_INIT("a\r\nX: y"), SV_INIT("a b"),
					 SV_INIT("\"a\""), SV_INIT("a,b")};
	static const char *const lacking[] = {
		M_VIA M_FROM M_TO M_CALL_ID, M_FROM M_TO M_CALL_ID M_CSEQ,
		M_VIA M_TO M_CALL_ID M_CSEQ, M_VIA M_FROM M_CALL_ID M_CSEQ,
		M_VIA M_FROM M_TO M_CSEQ};
	static const unsigned codes[] = {0, 99, 700, 1000};

	(void)state;
	open_text("%s", INVITE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(refused(&(struct sip_response){
					 .status = 200, .extra = &bad[i], .extras = 1}),
				 MG_EINVAL);
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		assert_int_equal(refused(&(struct sip_response){.status = 200, .to_tag = tags[i]}),
				 MG_EINVAL);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		assert_int_equal(refused(&(struct sip_response){.status = codes[i]}), MG_EINVAL);
	assert_int_equal(refused(&(struct sip_response){.status = 200, .reason = SV("a\r\nb: c")}),
			 MG_EINVAL);
	assert_int_equal(refused(&(struct sip_response){.status = 200, .reason = SV("a\nb")}),
			 MG_EINVAL);
	for (size_t i = 0; i < sizeof(lacking) / sizeof(lacking[0]); i++) {
		open_text("%s%s\r\n", M_START, lacking[i]);
		assert_int_equal(refused(&(struct sip_response){.status = 200}), MG_EINVAL);
	}
	open_text("%s", M_STATUS M_ALL "\r\n");
	assert_int_equal(refused(&(struct sip_response){.status = 200}), MG_EINVAL);
}

/* The largest request: no builder may run out of pieces. */
static void seventy_vias_fit(void **state)
{
	struct sip_extra extra[8];

	(void)state;
	text_start(&t.in);
	text_add(&t.in, "%s", M_START M_FROM M_TO M_CALL_ID M_CSEQ);
	for (unsigned i = 0; i < 61; i++)
		text_add(&t.in, "Via: SIP/2.0/UDP h%u.example;branch=z9hG4bK%u\r\n%s\r\n", i, i,
			 i % 2 ? "X: y" : "Record-Route: <sip:rr>");
	text_add(&t.in, "\r\n");
	open_bytes();
	for (unsigned i = 0; i < 8; i++)
		extra[i] = (struct sip_extra){SIP_H_OTHER, SV("X-Extra"), SV("value")};
	(void)response(&(struct sip_response){.status = 200,
					      .to_tag = SV("x"),
					      .record_route = true,
					      .extra = extra,
					      .extras = 8,
					      .body = SV("b")});
	struct sip_extra many[SIP_OUT_PIECES];
	struct sip_out out;
	for (unsigned i = 0; i < SIP_OUT_PIECES; i++)
		many[i] = (struct sip_extra){SIP_H_OTHER, SV("X-Extra"), sv_of(t.in.p, 1024)};
	for (unsigned i = 0; i < SIP_OUT_PIECES; i++)
		many[i].value.n = sv_find(many[i].value, '\r');
	sip_out_init(&out, &t.arena);
	struct arena tiny;
	arena_init(&tiny, 1, 1 << 20); /* no two copies side by side */
	out.arena = &tiny;
	const struct sip_response r = {.status = 200, .extra = many, .extras = SIP_OUT_PIECES};
	assert_int_equal(sip_build_response(&out, &t.view, &r), MG_ENOSPC);
	arena_done(&tiny);
}

/* ---- ACK (§17.1.1.3) and CANCEL (§9.1) ---- */

static int ack(struct sip_view *invite, const char *lines, struct sip_out *out)
{
	static struct text in;
	struct sip_view view;
	struct sip_where at;
	struct sip_msg msg;

	text_start(&in);
	text_add(&in, "SIP/2.0 486 Busy Here\r\n%s\r\n", lines);
	assert_true(sip_parse_datagram(&msg, in.p, in.n, &at) > 0);
	sip_view_init(&view, &msg, &t.arena);
	sip_out_init(out, &t.arena);
	return sip_build_ack(out, invite, &view);
}

static void acks_follow_the_invite(void **state)
{
	struct sip_view top;
	struct sip_out out;

	(void)state;
	open_text("%s", INVITE);
	assert_int_equal(ack(&t.view,
			     "Via: SIP/2.0/UDP other\r\nt: <sip:x>;tag=theirs\r\nCSeq: 9 FOO\r\n",
			     &out),
			 0);
	assert_string_equal(
		written(&out),
		"ACK sip:bob@biloxi.example SIP/2.0\r\n"
		"Via: SIP/2.0/UDP p2.example;branch=z9hG4bK2\r\nMax-Forwards: 70\r\n" ROUTES FROM
		"t: <sip:x>;tag=theirs\r\n" CALL_ID "CSeq: 314159 ACK\r\n" NO_BODY);
	/* as it was sent on a branch */
	assert_int_equal(sip_view_branch(&top, &t.view, &t.arena), 0);
	assert_int_equal(sip_view_set_uri(&top, SV("sip:bob@192.0.2.4")), 0);
	assert_int_equal(
		sip_view_prepend(&top, SIP_H_VIA, SV(""), SV("SIP/2.0/UDP me;branch=z9hG4bKm")), 0);
	assert_int_equal(sip_view_pop(&top, SIP_H_ROUTE), 0);
	assert_int_equal(ack(&top, "t: <sip:x>;tag=theirs\r\n", &out), 0);
	assert_string_equal(written(&out),
			    "ACK sip:bob@192.0.2.4 SIP/2.0\r\n"
			    "Via: SIP/2.0/UDP me;branch=z9hG4bKm\r\nMax-Forwards: 70\r\n"
			    "Route: <sip:r2.example;lr>\r\nroute:<sip:r3.example>\r\n" FROM
			    "t: <sip:x>;tag=theirs\r\n" CALL_ID "CSeq: 314159 ACK\r\n" NO_BODY);
}

static void cancels_follow_the_invite(void **state)
{
	static const struct sip_extra extra = {SIP_H_REASON, {0}, SV_INIT("SIP;cause=200")};
	struct sip_out out;

	(void)state;
	open_text("%s", INVITE);
	sip_out_init(&out, &t.arena);
	assert_int_equal(sip_build_cancel(&out, &t.view, &extra, 1), 0);
	assert_string_equal(
		written(&out),
		"CANCEL sip:bob@biloxi.example SIP/2.0\r\n"
		"Via: SIP/2.0/UDP p2.example;branch=z9hG4bK2\r\nMax-Forwards: 70\r\n" ROUTES FROM TO
			CALL_ID "CSeq: 314159 CANCEL\r\nReason: SIP;cause=200\r\n" NO_BODY);
}

static void followers_that_are_refused(void **state)
{
	static const struct sip_extra bad[] = {{SIP_H_REASON, {0}, SV_INIT("x\r\ny: z")},
					       {SIP_H_OTHER, SV_INIT("l"), SV_INIT("1")}};
	static const char *const lacking[] = {M_VIA M_FROM M_TO M_CALL_ID,
					      M_FROM M_TO M_CALL_ID M_CSEQ,
					      "Via: bad\r\n" M_FROM M_TO M_CALL_ID M_CSEQ,
					      M_VIA M_FROM M_TO M_CALL_ID "CSeq: bad\r\n"};
	struct sip_out out;

	(void)state;
	open_text("%s", INVITE);
	for (size_t i = 0; i < 2; i++) {
		sip_out_init(&out, &t.arena);
		assert_int_equal(sip_build_cancel(&out, &t.view, &bad[i], 1), MG_EINVAL);
		assert_int_equal(out.len, 0);
	}
	assert_int_equal(ack(&t.view, M_VIA, &out), MG_EINVAL); /* no To in the response */
	for (size_t i = 0; i < 4; i++) {
		open_text("%s%s\r\n", M_START, lacking[i]);
		assert_int_equal(ack(&t.view, M_TO, &out), MG_EINVAL);
		assert_int_equal(out.len, 0);
	}
	open_text("%s", M_STATUS M_ALL "\r\n");
	assert_int_equal(ack(&t.view, M_TO, &out), MG_EINVAL);
}

/* ---- requests of our own (§8.1.1) ---- */

static struct sip_request options(void)
{
	return (struct sip_request){.method = SV("OPTIONS"),
				    .uri = SV("sip:carol@chicago.example"),
				    .via = SV("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKhjhs8ass877"),
				    .from = SV("Alice <sip:alice@atlanta.example>;tag=1928301774"),
				    .to = SV("<sip:carol@chicago.example>"),
				    .call_id = SV("a84b4c76e66710"),
				    .cseq = 63104,
				    .max_forwards = 70};
}

static int request(const struct sip_request *r, struct sip_out *out)
{
	sip_out_init(out, &t.arena);
	return sip_build_request(out, r);
}

static void requests_of_our_own(void **state)
{
	static const struct sip_extra extra[] = {{SIP_H_ACCEPT, {0}, SV_INIT("application/sdp")}};
	struct sip_request r = options();
	struct sip_out out;

	(void)state;
	open_text("%s", INVITE);
	assert_int_equal(request(&r, &out), 0);
	assert_string_equal(
		written(&out),
		"OPTIONS sip:carol@chicago.example SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKhjhs8ass877\r\nMax-Forwards: 70\r\n"
		"From: Alice <sip:alice@atlanta.example>;tag=1928301774\r\n"
		"To: <sip:carol@chicago.example>\r\nCall-ID: a84b4c76e66710\r\n"
		"CSeq: 63104 OPTIONS\r\n" NO_BODY);
	r.method = SV("X.new!");
	r.max_forwards = 255;
	r.cseq = 2147483647;
	r.extra = extra;
	r.extras = 1;
	r.body = SV("abc");
	assert_int_equal(request(&r, &out), 0);
	assert_non_null(strstr(written(&out), "CSeq: 2147483647 X.new!\r\n"
					      "Accept: application/sdp\r\n" OWN(3) "\r\nabc"));
}

static void requests_that_are_refused(void **state)
{
	static const struct sip_extra extra = {SIP_H_CONTENT_LENGTH, {0}, SV_INIT("0")};
	static const struct sv bad[] = {SV_INIT(""),    {NULL, 0},       SV_INIT("x\r\nVia: y"),
					SV_INIT("a\n"), SV_INIT("a\0b"), SV_INIT("a\x7f")};
	static const struct sv words[] = {SV_INIT("a b"), SV_INIT("a\tb")};
	struct sip_request r;
	struct sip_out out;

	(void)state;
	open_text("%s", INVITE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (unsigned field = 0; field < 6; field++) {
			r = options();
			struct sv *const fields[] = {&r.method, &r.uri, &r.via,
						     &r.from,   &r.to,  &r.call_id};
			*fields[field] = bad[i];
			assert_int_equal(request(&r, &out), MG_EINVAL);
			if (i < 2 && field < 2) {
				*fields[field] = words[i];
				assert_int_equal(request(&r, &out), MG_EINVAL);
			}
			assert_int_equal(out.len, 0);
		}
	r = options();
	r.max_forwards = 256;
	assert_int_equal(request(&r, &out), MG_EINVAL);
	r = options();
	r.extra = &extra;
	r.extras = 1;
	assert_int_equal(request(&r, &out), MG_EINVAL);
}

/* ---- reason phrases ---- */

static void reason_phrases(void **state)
{
	static const struct {
		unsigned status;
		const char *text;
	} rows[] = {
		{100, "Trying"},
		{183, "Session Progress"},
		{199, "Early Dialog Terminated"},
		{200, "OK"},
		{302, "Moved Temporarily"},
		{407, "Proxy Authentication Required"},
		{439, "First Hop Lacks Outbound Support"},
		{440, "Max-Breadth Exceeded"},
		{483, "Too Many Hops"},
		{504, "Server Time-out"},
		{580, "Precondition Failure"},
		{608, "Rejected"},
		/* unknown: as x00 would be treated (§8.1.3.2), 183 for provisional ones */
		{150, "Session Progress"},
		{299, "OK"},
		{399, "Multiple Choices"},
		{499, "Bad Request"},
		{599, "Server Internal Error"},
		{699, "Busy Everywhere"},
		{0, "Busy Everywhere"},
		{1000, "Busy Everywhere"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(sv_eq(sip_reason(rows[i].status), sv_str(rows[i].text)));
	open_text("%s", INVITE);
	for (unsigned status = 100; status < 700; status++) {
		struct sv reason = sip_reason(status);
		assert_true(reason.n > 1 && lex_clean(reason));
		(void)response(&(struct sip_response){.status = status});
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(responses_take_over_what_they_must),
		cmocka_unit_test(responses_show_the_request_as_edited),
		cmocka_unit_test(responses_that_are_refused),
		cmocka_unit_test(seventy_vias_fit),
		cmocka_unit_test(acks_follow_the_invite),
		cmocka_unit_test(cancels_follow_the_invite),
		cmocka_unit_test(followers_that_are_refused),
		cmocka_unit_test(requests_of_our_own),
		cmocka_unit_test(requests_that_are_refused),
		cmocka_unit_test(reason_phrases),
	};

	return cmocka_run_group_tests(tests, NULL, close_text);
}
