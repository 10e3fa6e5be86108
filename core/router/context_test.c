/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of context.c, branch.c and redirect.c: what is seen from outside while a request is on its way, word by word (test_story.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "router/test_story.h"

static const struct test_name names[] = {
	{"two.example", "10.0.1.1:5060/udp 10.0.1.2:5060/udp", false, 0},
	{"late.example", "10.0.2.1:5060/udp", true, 0},
	{"none.example", NULL, false, MG_ENOENT},
	{"gone.example", NULL, true, -ETIMEDOUT},
	{"loop.example", "127.0.0.1:5060/udp 10.0.3.2:5060/udp", false, 0},
	{"tcp.example", "10.0.4.1:5060/tcp 10.0.4.2:5060/tcp", false, 0},
	{"tls.example", "10.0.5.1:5061/tls 10.0.5.2:5061/tls", false, 0},
};

struct row {
	const char *name, *told, *seen;
	const char *request; /* NULL: INVITE */
	struct habits habits;
};

/* a list of initialisers, so no parentheses: NOLINTNEXTLINE(bugprone-macro-parentheses) */
#define ROW(name_, told_, seen_) .name = name_, .told = told_, .seen = seen_

static void run(const struct row *row)
{
	world_begin();
	world.name = names;
	world.n_names = sizeof(names) / sizeof(names[0]);
	story.habits = row->habits;
	assert_int_equal(tell_begin(row->request ? row->request : INVITE), 0);
	tell(row->told);
	if (strcmp(notes_text[0] == ' ' ? notes_text + 1 : notes_text, row->seen) != 0)
		fail_msg("%s:\n  is     %s\n  wanted %s", row->name, notes_text, row->seen);
	check_over();
	world_end();
}

static void run_all(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		run(&rows[i]);
}

#define RUN(rows) run_all(rows, sizeof(rows) / sizeof((rows)[0]))

#define B1 "+sip:b@10.0.0.1"
#define B2 "+sip:b@10.0.0.2"
#define B3 "+sip:b@10.0.0.3"
#define S1 "INVITE>10.0.0.1:5060/udp"
#define S2 "INVITE>10.0.0.2:5060/udp"
#define S3 "INVITE>10.0.0.3:5060/udp"

static const char message[] = REQUEST("MESSAGE", "sip:b@y.example", "");

static const struct row one_target[] = {
	{ROW("a call", B1 " go 0:100 0:180 0:200", S1 " reply:180 reply:200 done:200")},
	{ROW("busy", B1 " go 0:486", S1 " failure:486 reply:486 done:486")},
	{ROW("nobody", "go", "failure:480 reply:480 done:480")},
	{ROW("no answer", B1 " go 0:T",
	     S1 " bad:10.0.0.1:5060/udp failure:408 reply:408 done:408")},
	{ROW("refused", B1 " go 0:E", S1 " bad:10.0.0.1:5060/udp failure:503 reply:503 done:503")},
	{ROW("a 503 is not passed on", B1 " go 0:503=7",
	     S1 " bad:10.0.0.1:5060/udp+7000 failure:503 reply:500 done:500")},
	{ROW("a 503 for ever", B1 " go 0:503=2147483647",
	     S1 " bad:10.0.0.1:5060/udp+60000 failure:503 reply:500 done:500")},
	{ROW("a 200 that is for us", B1 " go 0:200=-", S1 " failure:502 reply:502 done:502")},
	{ROW("a 180 that is for us", B1 " go 0:180=- 0:200", S1 " reply:200 done:200")},
	{ROW("a 404 that is for us", B1 " go 0:404=-", S1 " failure:404 reply:404 done:404")},
	{ROW("another scheme", "+mailto:b@y.example go", "failure:416 reply:416 done:416")},
	{ROW("a number nobody knows", "+tel:+1234 go", "failure:404 reply:404 done:404")},
	{ROW("no URI", "+sip: go", "failure:400 reply:400 done:400")},
	{ROW("no such name", "+sip:b@none.example go", "failure:503 reply:503 done:503")},
	{ROW("no name server", "+sip:b@gone.example go dns", "failure:503 reply:503 done:503")},
	{ROW("a name later", "+sip:b@late.example go dns 0:200",
	     "INVITE>10.0.2.1:5060/udp reply:200 done:200")},
	{ROW("no listener for it", B1 ",z7 go", "failure:503 reply:503 done:503")},
	{ROW("message", B1 " go 0:202", "MESSAGE>10.0.0.1:5060/udp reply:202 done:202"),
	 .request = message},
	{ROW("nobody answers a message", B1 " go 0:T",
	     "MESSAGE>10.0.0.1:5060/udp bad:10.0.0.1:5060/udp failure:408 silence done:408"),
	 .request = message},
	{ROW("a message is answered 408", B1 " go 0:408",
	     "MESSAGE>10.0.0.1:5060/udp failure:408 silence done:408"),
	 .request = message},
	{ROW("a message times out at one, and is refused by the other", B1 " " B2 " go 0:408 1:500",
	     "MESSAGE>10.0.0.1:5060/udp MESSAGE>10.0.0.2:5060/udp failure:500 reply:500 done:500"),
	 .request = message},
	{ROW("refused before", B1 " refuse go", "reply:486 done:486 (over)")},
	{ROW("refused meanwhile", B1 " go 0:180 refuse", S1 " reply:180 reply:486 x0 done:486")},
	{ROW("abandoned", B1 " go abandon", S1 " x0 abandoned done:0")},
	{ROW("eleven targets",
	     B1 " " B1 " " B1 " " B1 " " B1 " " B1 " " B1 " " B1 " " B1 " " B1 " " B1 " refuse",
	     "full reply:486 done:486")},
};

static void test_one_target(void **state)
{
	(void)state;
	RUN(one_target);
}

static const struct row hops[] = {
	{ROW("the second address", "+sip:b@two.example go 0:T 1:200",
	     "INVITE>10.0.1.1:5060/udp bad:10.0.1.1:5060/udp INVITE>10.0.1.2:5060/udp reply:200 "
	     "done:200")},
	{ROW("both fail", "+sip:b@two.example go 0:E 1:503",
	     "INVITE>10.0.1.1:5060/udp bad:10.0.1.1:5060/udp INVITE>10.0.1.2:5060/udp "
	     "bad:10.0.1.2:5060/udp failure:503 reply:500 done:500")},
	{ROW("who rang is not left for another address", "+sip:b@two.example go 0:180 0:E",
	     "INVITE>10.0.1.1:5060/udp reply:180 bad:10.0.1.1:5060/udp failure:503 reply:503 "
	     "done:503")},
	{ROW("but for a 503", "+sip:b@two.example go 0:180 0:503 1:486",
	     "INVITE>10.0.1.1:5060/udp reply:180 bad:10.0.1.1:5060/udp INVITE>10.0.1.2:5060/udp "
	     "failure:486 reply:486 done:486")},
	{ROW("what rang before does not count at the next", "+sip:b@two.example go 0:180 0:503 1:T",
	     "INVITE>10.0.1.1:5060/udp reply:180 bad:10.0.1.1:5060/udp INVITE>10.0.1.2:5060/udp "
	     "bad:10.0.1.2:5060/udp failure:408 reply:408 done:408")},
	{ROW("cancelled, and no other address", "+sip:b@two.example go cancel 0:T",
	     "INVITE>10.0.1.1:5060/udp x0(SIP;cause=600) bad:10.0.1.1:5060/udp reply:487 "
	     "done:487")},
	{ROW("cancelled, and 503", "+sip:b@two.example go cancel 0:503",
	     "INVITE>10.0.1.1:5060/udp x0(SIP;cause=600) bad:10.0.1.1:5060/udp reply:500 "
	     "done:500")},
	{ROW("where nothing is sent", "+sip:b@loop.example go 0:200",
	     "INVITE>10.0.3.2:5060/udp reply:200 done:200")},
	{ROW("where nothing at all is sent", "+sip:b@127.0.0.1 go",
	     "failure:503 reply:503 done:503")},
	{ROW("a dead connection", "+sip:b@10.0.0.1,f2 go 0:200", S1 " reply:200 done:200")},
	{ROW("a connection", "+sip:b@10.0.0.1,f1 go 0:200",
	     "INVITE>10.9.9.9:40000/tcp reply:200 done:200")},
	{ROW("a connection that breaks", "+sip:b@10.0.0.1,f1 go 0:E 1:200",
	     "INVITE>10.9.9.9:40000/tcp " S1 " reply:200 done:200")},
	{ROW("sips never by TCP", "+sips:b@10.0.0.1,f1 go 0:200",
	     "INVITE>10.0.0.1:5061/tls reply:200 done:200")},
	{ROW("sips by a next hop that is not", "+sips:b@y.example,nsip:10.0.0.7 go 0:200",
	     "INVITE>10.0.0.7:5061/tls reply:200 done:200")},
	{ROW("a certificate for somebody else", "+sips:b@tls.example go 0:E 1:E",
	     "INVITE>10.0.5.1:5061/tls bad:10.0.5.1:5061/tls INVITE>10.0.5.2:5061/tls "
	     "bad:10.0.5.2:5061/tls failure:503 reply:503 done:503")},
};

static void run_with_conn(const struct row *row)
{
	world_begin();
	world.tp.conn[1] = (struct tp_target){
		.addr = address("10.9.9.9:40000"), .listener = 2, .transport = SIP_TRANSPORT_TCP};
	world.name = names;
	world.n_names = sizeof(names) / sizeof(names[0]);
	story.habits = row->habits;
	assert_int_equal(tell_begin(row->request ? row->request : INVITE), 0);
	tell(row->told);
	assert_string_equal(notes(), row->seen);
	check_over();
	world_end();
}

static void test_hops(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hops) / sizeof(hops[0]); i++)
		run_with_conn(&hops[i]);
}

static const struct row forks[] = {
	{ROW("the first who answers", B1 " " B2 " go 0:180 1:180 1:200 0:487",
	     S1
	     " " S2
	     " reply:180 reply:180 reply:200 x0(SIP;cause=200;text=\"Call completed elsewhere\") "
	     "done:200")},
	{ROW("both answer", B1 " " B2 " go 0:200 1:200",
	     S1
	     " " S2
	     " reply:200 x1(SIP;cause=200;text=\"Call completed elsewhere\") done:200 resend:200")},
	{ROW("the best", B1 " " B2 " " B3 " go 0:503 1:404 2:408",
	     S1 " " S2 " " S3 " bad:10.0.0.1:5060/udp failure:404 reply:404 done:404")},
	{ROW("all but one time out", B1 " " B2 " go 0:T 1:500",
	     S1 " " S2 " bad:10.0.0.1:5060/udp failure:408 reply:408 done:408")},
	{ROW("6xx ends it", B1 " " B2 " +sip:b@10.0.0.3,q500 go 0:180 1:603 0:487",
	     S1 " " S2 " reply:180 x0 reply:603 done:603")},
	{ROW("6xx, and still somebody answers", B1 " " B2 " go 1:600 0:200",
	     S1 " " S2 " x0 reply:200 done:200")},
	{ROW("6xx while one is looked up", "+sip:b@late.example " B2 " go 0:600",
	     S2 " reply:600 done:600")},
	{ROW("one after the other", B1 ",q900 " B2 ",q800 go 0:486 1:200",
	     S1 " " S2 " reply:200 done:200")},
	{ROW("q decides", B1 ",q100 " B2 ",q900 " B3 ",q500 go 0:404 1:404 2:404",
	     S2 " " S3 " " S1 " failure:404 reply:404 done:404")},
	{ROW("one of two has no address", "+sip:b@none.example " B2 " go 0:200",
	     S2 " reply:200 done:200")},
	{ROW("one of two has no way, the next group waits",
	     "+mailto:x " B2 " " B3 ",q500 go 0:486 1:200", S2 " " S3 " reply:200 done:200")},
	{ROW("none of two has an address, the next group has",
	     "+sip:b@none.example +mailto:x " B3 ",q500 go 0:200", S3 " reply:200 done:200")},
	{ROW("one is still looked up", "+sip:b@late.example " B2 " go 0:486 dns 1:200",
	     S2 " INVITE>10.0.2.1:5060/udp reply:200 done:200")},
	{ROW("one is looked up when the other answers", "+sip:b@late.example " B2 " go 0:200 dns",
	     S2 " reply:200 done:200")},
	{ROW("challenges of all", B1 " " B2 " go 0:401=one 1:407=two",
	     S1 " " S2 " failure:401 reply:401 done:401")},
	{ROW("mixed with our own", "+sip:b@none.example " B2 " go 0:503",
	     S2 " bad:10.0.0.2:5060/udp failure:503 reply:503 done:503")},
	{ROW("Max-Breadth 1: one after the other", B1 " " B2 " go 0:486 1:200",
	     S1 " " S2 " reply:200 done:200"),
	 .request = REQUEST("INVITE", "sip:b@y.example", "Max-Breadth: 1\r\n")},
	{ROW("Max-Breadth 0", B1 " go", "reply:440 done:440"),
	 .request = REQUEST("INVITE", "sip:b@y.example", "Max-Breadth: 0\r\n")},
};

static void test_forks(void **state)
{
	(void)state;
	RUN(forks);
}

static const struct row cancels[] = {
	{ROW("before the first answer", B1 " go cancel 0:487",
	     S1 " x0(SIP;cause=600) reply:487 done:487")},
	{ROW("twice", B1 " go 0:180 cancel cancel 0:487",
	     S1 " reply:180 x0(SIP;cause=600) reply:487 done:487")},
	{ROW("a 200 crosses it", B1 " go 0:180 cancel 0:200",
	     S1 " reply:180 x0(SIP;cause=600) reply:200 done:200")},
	{ROW("before it goes", B1 " cancel", "reply:487 done:487")},
	{ROW("while it is looked up", "+sip:b@late.example go cancel dns", "reply:487 done:487")},
	{ROW("one is sent, one is looked up", "+sip:b@late.example " B1 " go cancel 0:487",
	     S1 " x0(SIP;cause=600) reply:487 done:487")},
	{ROW("no further group", B1 " " B2 ",q500 go cancel 0:487",
	     S1 " x0(SIP;cause=600) reply:487 done:487")},
	{ROW("no redirection", B1 " go cancel 0:302=<sip:c@10.0.0.8>",
	     S1 " x0(SIP;cause=600) reply:302 done:302")},
	{ROW("nobody answers the CANCEL", B1 " go 0:180 cancel 0:T",
	     S1 " reply:180 x0(SIP;cause=600) bad:10.0.0.1:5060/udp reply:487 done:487")},
	{ROW("Timer C has no say any more", B1 " go 0:180 wait=180000 cancel wait=10000 0:487",
	     S1 " reply:180 x0(SIP;cause=600) reply:487 done:487")},
	{ROW("a branch that waits", B1 " go cancel pass", "given_up reply:487 done:487"),
	 .habits = {.branch = {ROUTE_WAIT}, .n_branch = 1}},
	{ROW("one waits, one is sent", B1 " " B2 " go cancel 0:487",
	     S2 " given_up x0(SIP;cause=600) reply:487 done:487"),
	 .habits = {.branch = {ROUTE_WAIT, ROUTE_GO}, .n_branch = 2}},
	{ROW("in the hook that waits", B1 " go", "given_up reply:487 done:487"),
	 .habits = {.branch = {ROUTE_WAIT}, .n_branch = 1, .cancel_in_branch = true}},
	{ROW("from within a hook", B1 " " B2 " go", "reply:487 done:487"),
	 .habits = {.cancel_in_branch = true}},
};

static void test_cancels(void **state)
{
	(void)state;
	RUN(cancels);
}

#define GAVE_UP "(SIP;cause=408;text=\"Request Timeout\")"

static const struct row timers[] = {
	{ROW("Timer C, silent", B1 " go wait=184980 wait=100",
	     S1 " x0" GAVE_UP " failure:408 reply:408 done:408")},
	{ROW("Timer C, and its 2xx comes late", B1 " go wait=185100 0:200",
	     S1 " x0" GAVE_UP " failure:408 reply:408 done:408 resend:200")},
	{ROW("Timer C begins anew", B1 " go wait=180000 0:180 wait=180000 0:180 wait=180000 0:200",
	     S1 " reply:180 reply:180 reply:200 done:200")},
	{ROW("100 does not count", B1 " go wait=180000 0:100 wait=10000",
	     S1 " x0" GAVE_UP " failure:408 reply:408 done:408")},
	{ROW("Timer C, ringing", B1 " go 0:180 wait=190000 0:487",
	     S1 " reply:180 x0" GAVE_UP " failure:408 reply:408 done:408")},
	{ROW("Timer C, ringing, no end", B1 " go 0:180 wait=190000 0:T",
	     S1 " reply:180 x0" GAVE_UP " bad:10.0.0.1:5060/udp failure:408 reply:408 done:408")},
	{ROW("ring time", B1 ",r20 " B2 ",q500 go 0:180 wait=15000 0:183 wait=6000 0:487 1:200",
	     S1 " reply:180 reply:183 x0" GAVE_UP " " S2 " reply:200 done:200")},
	{ROW("ring time, the CANCEL is never answered",
	     B1 ",r20 " B2 ",q500 go 0:180 wait=21000 1:200",
	     S1 " reply:180 x0" GAVE_UP " " S2 " reply:200 done:200")},
	{ROW("ring time, its INVITE ends while the next one rings",
	     B1 ",r20 " B2 ",q500 go 0:180 wait=21000 1:180 0:T 1:486",
	     S1 " reply:180 x0" GAVE_UP " " S2
		" reply:180 bad:10.0.0.1:5060/udp failure:486 reply:486 done:486")},
	{ROW("ring time, who was left rings on, and refuses",
	     B1 ",r20 " B2 ",q500 go 0:180 wait=21000 0:183 1:180 0:603 1:200",
	     S1 " reply:180 x0" GAVE_UP " " S2 " reply:180 reply:200 done:200")},
	{ROW("ring time, who was left answers while the next one rings",
	     B1 ",r20 " B2 ",q500 go 0:180 wait=21000 1:180 0:200 1:487",
	     S1 " reply:180 x0" GAVE_UP " " S2
		" reply:180 reply:200 x1(SIP;cause=200;text=\"Call completed elsewhere\") "
		"done:200")},
	{ROW("ring time, who was left answers something for us",
	     B1 ",r20 " B2 ",q500 go 0:180 wait=21000 0:200=- 1:486",
	     S1 " reply:180 x0" GAVE_UP " " S2 " failure:486 reply:486 done:486")},
	{ROW("ring time, and it answers when all is over",
	     B1 ",r20 " B2 ",q500 go 0:180 wait=21000 1:603 0:200",
	     S1 " reply:180 x0" GAVE_UP " " S2 " reply:603 done:603 resend:200")},
	{ROW("ring time, and then the caller gives up",
	     B1 ",r20 " B2 ",q500 go 0:180 wait=21000 1:180 cancel 1:487",
	     S1 " reply:180 x0" GAVE_UP " " S2 " reply:180 x1(SIP;cause=600) reply:487 done:487")},
	{ROW("ring time of the last one", B1 ",r20 go 0:180 wait=21000 0:200",
	     S1 " reply:180 x0" GAVE_UP " reply:200 done:200")},
	{ROW("ring time of one of two",
	     B1 ",r20 " B2 " " B3 ",q500 go 0:180 wait=21000 1:486 2:200",
	     S1 " " S2 " reply:180 x0" GAVE_UP " " S3 " reply:200 done:200")},
	{ROW("ring time, silent", B1 ",r20 " B2 ",q500 go wait=21000 1:200",
	     S1 " x0" GAVE_UP " " S2 " reply:200 done:200")},
	{ROW("ring time over addresses", "+sip:b@two.example,r20 go wait=15000 0:E wait=6000",
	     "INVITE>10.0.1.1:5060/udp bad:10.0.1.1:5060/udp INVITE>10.0.1.2:5060/udp x1" GAVE_UP
	     " failure:408 reply:408 done:408")},
	{ROW("no Timer C for others", B1 " go wait=300000 0:200",
	     "MESSAGE>10.0.0.1:5060/udp reply:200 done:200"),
	 .request = message},
};

static void test_timers(void **state)
{
	(void)state;
	RUN(timers);
}

static const struct row redirects[] = {
	{ROW("followed", B1 " go 0:302=<sip:c@10.0.0.2> 1:200", S1 " " S2 " reply:200 done:200")},
	{ROW("in the order of q",
	     B1 " go 0:302=<sip:c@10.0.0.2>;q=0.2,<sip:d@10.0.0.3>;q=0.7 1:404 2:486",
	     S1 " " S3 " " S2 " failure:404 reply:404 done:404")},
	{ROW("to itself", B1 " go 0:302=<sip:b@10.0.0.1>", S1 " failure:302 reply:302 done:302")},
	{ROW("to itself, written otherwise", B1 " go 0:302=<SIP:%62@10.0.0.1>",
	     S1 " failure:302 reply:302 done:302")},
	{ROW("in a circle", B1 " go 0:302=<sip:b@10.0.0.2> 1:302=<sip:b@10.0.0.1>",
	     S1 " " S2 " failure:302 reply:302 done:302")},
	{ROW("for ever",
	     B1 " go 0:302=<sip:c1@10.0.0.1> 1:302=<sip:c2@10.0.0.1> 2:302=<sip:c3@10.0.0.1> "
		"3:302=<sip:c4@10.0.0.1> 4:302=<sip:c5@10.0.0.1> 5:302=<sip:c6@10.0.0.1> "
		"6:302=<sip:c7@10.0.0.1> 7:302=<sip:c8@10.0.0.1> 8:302=<sip:c9@10.0.0.1> "
		"9:302=<sip:c10@10.0.0.1>",
	     S1 " " S1 " " S1 " " S1 " " S1 " " S1 " " S1 " " S1 " " S1 " " S1
		" failure:302 reply:302 done:302")},
	{ROW("to all", B1 " go 0:302=*", S1 " failure:302 reply:302 done:302")},
	{ROW("with headers", B1 " go 0:302=<sip:c@10.0.0.2?Route=%3Csip:x%3E> 1:200",
	     S1 " " S2 " reply:200 done:200")},
	{ROW("from sips to sip", "+sips:b@10.0.0.1 go 0:302=<sip:c@10.0.0.2>",
	     "INVITE>10.0.0.1:5061/tls failure:302 reply:302 done:302")},
	{ROW("from a zone that is not believed", B1 ",z1 go 0:302=<sip:c@10.0.0.2>",
	     S1 " failure:302 reply:302 done:302")},
	{ROW("behind a 6xx", B1 " " B2 " go 1:600 0:302=<sip:c@10.0.0.2>",
	     S1 " " S2 " x0 reply:600 done:600")},
};

static void test_redirects(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(redirects) / sizeof(redirects[0]); i++) {
		struct route_conf conf = world_conf;
		const struct row *row = &redirects[i];

		conf.no_recurse_zones[0] = 2;
		world_begin();
		route_configure(world.route, &conf);
		assert_int_equal(tell_begin(INVITE), 0);
		tell(row->told);
		if (strcmp(notes_text + 1, row->seen) != 0)
			fail_msg("%s:\n  is     %s\n  wanted %s", row->name, notes_text, row->seen);
		assert_null(strstr(world.tp.last, "Route="));
		check_over();
		world_end();
	}
	run(&(struct row){ROW("to the first URI", "+ go 0:302=<sip:b@Two.example> 1:200",
			      "INVITE>10.0.1.1:5060/udp failure:302 reply:302 done:302"),
			  .request = REQUEST("INVITE", "sip:b@two.example", "")});
}

static const struct row hooks[] = {
	{ROW("a branch is skipped", B1 " go", "failure:480 reply:480 done:480"),
	 .habits = {.branch = {ROUTE_SKIP}, .n_branch = 1}},
	{ROW("one of two", B1 " " B2 " go 0:200", S2 " reply:200 done:200"),
	 .habits = {.branch = {ROUTE_SKIP, ROUTE_GO}, .n_branch = 2}},
	{ROW("one waits", B1 " go pass pass 0:200", S1 " reply:200 done:200"),
	 .habits = {.branch = {ROUTE_WAIT}, .n_branch = 1}},
	{ROW("one waits and is skipped", B1 " " B2 " go 0:486 skip",
	     S2 " failure:486 reply:486 done:486"),
	 .habits = {.branch = {ROUTE_WAIT, ROUTE_GO}, .n_branch = 2}},
	{ROW("the call is over meanwhile", B1 " " B2 " go 0:200 pass",
	     S2 " reply:200 given_up done:200"),
	 .habits = {.branch = {ROUTE_WAIT, ROUTE_GO}, .n_branch = 2}},
	{ROW("a 6xx ends what waits", B1 " " B2 " go 0:603", S2 " given_up reply:603 done:603"),
	 .habits = {.branch = {ROUTE_WAIT, ROUTE_GO}, .n_branch = 2}},
	{ROW("the end while one waits", B1 " go abandon", "given_up abandoned done:0"),
	 .habits = {.branch = {ROUTE_WAIT}, .n_branch = 1}},
	{ROW("a refusal while one waits", B1 " go refuse", "reply:486 given_up done:486"),
	 .habits = {.branch = {ROUTE_WAIT}, .n_branch = 1}},
	{ROW("refused from within by who waits", B1 " go", "reply:403 given_up done:403"),
	 .habits = {.branch = {ROUTE_WAIT}, .n_branch = 1, .refuse_in_branch = true}},
	{ROW("refused from within", B1 " " B2 " go", "reply:403 done:403"),
	 .habits = {.refuse_in_branch = true}},
	{ROW("FAILURE has another", B1 " go 0:486 1:200",
	     S1 " failure:486 " S2 " reply:200 done:200"),
	 .habits = {.failure = "sip:b@10.0.0.2"}},
	{ROW("FAILURE has two", B1 " go 0:486 1:404 2:480",
	     S1 " failure:486 " S2 " " S3 " failure:486 reply:486 done:486"),
	 .habits = {.failure = "sip:b@10.0.0.2 sip:b@10.0.0.3"}},
	{ROW("a response is kept back", B1 " go 0:180 0:200", S1 " reply:200 done:200"),
	 .habits = {.mute = 180}},
	{ROW("the last one is", B1 " go 0:486", S1 " failure:486 reply:500 done:500"),
	 .habits = {.mute = 486}},
	{ROW("a 2xx is", B1 " go 0:200", S1 " reply:500 done:500"), .habits = {.mute = 200}},
	{ROW("our own is", "go", "failure:480 reply:500 done:500"), .habits = {.mute = 480}},
	{ROW("nobody wants to see our own", "go", "failure:480 reply:480 done:480"),
	 .habits = {.mute = 480, .no_replies = true}},
};

static void test_hooks(void **state)
{
	(void)state;
	RUN(hooks);
}

/* T-14. */
static void test_large(void **state)
{
	static const struct {
		const char *name, *told, *seen;
	} rows[] = {
		{"by TCP", B1 " go 0:200", "INVITE>10.0.0.1:5060/tcp! reply:200 done:200"},
		{"and back to UDP", B1 " go 0:E 1:200",
		 "INVITE>10.0.0.1:5060/tcp! " S1 " reply:200 done:200"},
		{"not twice, whatever the transport remembers", B1 " go 0:T 1:200",
		 "INVITE>10.0.0.1:5060/tcp! " S1 " reply:200 done:200"},
		{"a 503 by TCP is one", B1 " go 0:503",
		 "INVITE>10.0.0.1:5060/tcp! bad:10.0.0.1:5060/tcp failure:503 reply:500 done:500"},
		{"the next address is tried by TCP again", "+sip:b@two.example go 0:E 1:E 2:200",
		 "INVITE>10.0.1.1:5060/tcp! INVITE>10.0.1.1:5060/udp bad:10.0.1.1:5060/udp "
		 "INVITE>10.0.1.2:5060/tcp! reply:200 done:200"},
		{"not when UDP was asked for", "+sip:b@10.0.0.1;transport=udp go 0:200",
		 S1 " reply:200 done:200"},
		{"no TCP in that zone", B1 ",z1 go 0:200", S1 " reply:200 done:200"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		world_begin();
		world.name = names;
		world.n_names = sizeof(names) / sizeof(names[0]);
		world.tp.large = 200;
		tell_begin(INVITE);
		tell(rows[i].told);
		if (strcmp(notes_text + 1, rows[i].seen) != 0)
			fail_msg("%s:\n  is     %s\n  wanted %s", rows[i].name, notes_text,
				 rows[i].seen);
		check_over();
		world_end();
	}
	/* A hook makes it so. */
	static const char long_uri[] =
		"sip:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb@y.example";
	world_begin();
	tell_begin(INVITE);
	tell(B1 " go");
	size_t usual = world.tp.last_n;
	tell("abandon");
	world_end();
	world_begin();
	world.tp.large = usual + 20;
	story.habits.edit = long_uri;
	tell_begin(INVITE);
	tell(B1 " go 0:200");
	assert_string_equal(notes(), "INVITE>10.0.0.1:5060/tcp! reply:200 done:200");
	assert_non_null(strstr(world.tp.last, "SIP/2.0 200"));
	check_over();
	world_end();
}

/* What the rooms below have no room for. */
static void test_limits(void **state)
{
	(void)state;
	world_begin();
	world.no_clients = true;
	tell_begin(INVITE);
	tell(B1 " " B2 " " B3 ",q500 go");
	assert_string_equal(notes(), "failure:503 reply:503 done:503");
	check_over();
	world_end();
	world_begin();
	world.no_dns = true;
	tell_begin(INVITE);
	tell(B1 " " B2 " go");
	assert_string_equal(notes(), "failure:503 reply:503 done:503");
	check_over();
	world_end();
	world_begin();
	tell_begin(INVITE);
	story.server->err = -ENOTCONN; /* the caller's connection is gone */
	tell(B1 " go 0:200");
	assert_string_equal(notes(), S1 " reply:200 done:200");
	check_over();
	world_end();
}

/* What goes back is what came, but for what §16.7 says. */
static void test_content(void **state)
{
	static const struct {
		const char *told, *has, *has_not;
	} rows[] = {
		{B1 " " B2 " go 0:401=one 1:407=two",
		 "WWW-Authenticate: Digest realm=\"one\", nonce=\"n\"\r\n", "realm=\"one\", realm"},
		{B1 " " B2 " go 0:401=one 1:407=two",
		 "Proxy-Authenticate: Digest realm=\"two\", nonce=\"n\"\r\n", "SIP/2.0 407"},
		{B1 " " B2 " go 0:407=one 1:401=two",
		 "WWW-Authenticate: Digest realm=\"two\", nonce=\"n\"\r\n", "SIP/2.0 401"},
		{B1 " " B2 " go 0:401=one 1:486", "SIP/2.0 401 ", "two"},
		{B1 " go 0:503=7", "SIP/2.0 500 Server Internal Error\r\n", "Retry-After"},
		{B1 " go 0:486=7", "Retry-After: 7\r\n", "192.0.2.10"},
		{B1 " go 0:200", "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;",
		 "192.0.2.10;br"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		world_begin();
		tell_begin(INVITE);
		tell(rows[i].told);
		if (!strstr(world.tp.last, rows[i].has) || strstr(world.tp.last, rows[i].has_not))
			fail_msg("%s:\n%s", rows[i].told, world.tp.last);
		check_over();
		world_end();
	}
}

/* Further 2xx when the request is over. */
static void test_late(void **state)
{
	(void)state;
	world_begin();
	tell_begin(INVITE);
	tell(B1 " " B2 " go 0:200");
	(void)notes();
	tell("1:200");
	assert_string_equal(notes(), "resend:200");
	assert_int_equal(stat(ROUTE_STAT_LATE_2XX), 1);
	assert_true(world.client[1]->kept);
	assert_non_null(strstr(world.tp.last, "branch=z9hG4bKc1"));
	tell("1:200=-");
	world.client[1]->server = NULL;
	tell("1:200");
	story.habits.mute = 200;
	assert_string_equal(notes(), "");
	assert_int_equal(stat(ROUTE_STAT_DROP_RESPONSE), 2);
	world_end();
}

/* Wherever the request's memory, or that of a response, ends: one end, and no harm. */
static void test_memory(void **state)
{
	static const char *const told[] = {
		B1 " " B2 ",q500 go 0:401=one 1:407=two",
		"+sip:b@two.example go 0:503 1:200",
		B1 " go 0:302=<sip:c@10.0.0.2> 1:486",
		B1 " go 0:503=9",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		for (size_t max = 64; max < 24000; max += 112) {
			world_begin();
			story.arena_max = max;
			world.name = names;
			world.n_names = 1;
			world.route->scratch.max = max % 3 ? 262144 : max / 4 + 128;
			world.route->scratch.chunk = 512;
			if (tell_begin(INVITE) == 0) {
				tell(told[i]);
				if (story.call) /* an answer that came had nobody to hear it */
					tell("abandon");
				check_over();
			}
			world_end();
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_target), cmocka_unit_test(test_hops),
		cmocka_unit_test(test_forks),      cmocka_unit_test(test_cancels),
		cmocka_unit_test(test_timers),     cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_hooks),      cmocka_unit_test(test_large),
		cmocka_unit_test(test_limits),     cmocka_unit_test(test_late),
		cmocka_unit_test(test_memory),     cmocka_unit_test(test_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
