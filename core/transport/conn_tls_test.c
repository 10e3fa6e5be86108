/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conn_tls: TLS connections through the whole of the stream part, over loopback: messages both ways, whom we connect to (T-7), what is no TLS (B-12),
 * resumption, certificates that change under the connections (U-5).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "transport/tls_test_peers.h"

/* ---- messages ---- */

static void answer(struct world *world, struct tp_rx *rx)
{
	const struct tp_target to = {.conn = rx->flow.conn, .transport = SIP_TRANSPORT_TLS};

	if (rx->msg->kind == SIP_KIND_REQUEST)
		assert_int_equal(
			tp_send(world->tp, &to, SV("SIP/2.0 200 OK\r\nl: 0\r\n\r\n"), NULL), 0);
}

static void test_messages(void **state)
{
	struct peer p = peer_open(client);
	char buf[100];
	int got = 0;

	(void)state;
	w.on_message = answer;
	peer_write(&p, SV(OPTIONS OPTIONS));
	world_until(&w, w.messages == 2);
	assert_int_equal(w.seen[0].flow.transport, SIP_TRANSPORT_TLS);
	assert_false(w.seen[0].flow.trusted_tls);
	world_until(&w, (got = tls_read(p.tls, buf, sizeof(buf))) != -EAGAIN);
	assert_int_equal(got, 48); /* both answers in one record */
	peer_write(&p, SV("\r\n\r\n"));
	world_until(&w, (got = tls_read(p.tls, buf, sizeof(buf))) != -EAGAIN);
	assert_int_equal(got, 2);
	assert_int_equal(counted(&w, TP_STAT_TLS_PENDING), 0);
	peer_end(&p);
	world_until(&w, w.closed == 1);
}

/* Many records at once: what lies inside of TLS is not forgotten when the socket falls silent. */
static void test_many_records(void **state)
{
	struct peer p = peer_open(client);
	unsigned sent = 0;

	(void)state;
	while (sent < 1000) {
		int put = tls_write(p.tls, OPTIONS, sizeof(OPTIONS) - 1);
		if (put == -EAGAIN)
			world_turn(&w);
		else
			sent++;
	}
	world_until(&w, w.messages == 1000);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(w.seen[i].err, 0);
	peer_end(&p);
}

/* The first message comes together with the end of the handshake. */
static void test_message_with_the_handshake(void **state)
{
	struct peer p = peer_begin(client);

	(void)state;
	world_until(&w, peer_step(&p) == 0);
	peer_write(&p, SV(OPTIONS));
	world_until(&w, w.messages == 1);
	peer_end(&p);
}

/* T-1 inside of TLS: half a record counts as half a message, also when the other half comes bit by bit. */
static void test_half_a_record(void **state)
{
	struct peer p;
	int pipes[2];
	char record[2000];
	uint64_t begun;
	ssize_t n;

	(void)state;
	w.zone[0].complete_ms = 150;
	p = peer_open(client);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pipes), 0);
	int net = dup(p.fd);
	assert_int_equal(dup2(pipes[0], p.fd),
			 p.fd); /* what the peer writes does not go out by itself */
	peer_write(&p, SV(OPTIONS));
	n = recv(pipes[1], record, sizeof(record), 0);
	assert_true(n > 200);
	for (ssize_t i = 0; i < n - 1; i += 100) { /* in time */
		peer_say(net, sv_of(record + i, (size_t)(n - 1 - i < 100 ? n - 1 - i : 100)));
		world_turn(&w);
	}
	peer_say(net, sv_of(record + n - 1, 1));
	world_until(&w, w.messages == 1);
	world_for(&w, 200);
	assert_int_equal(w.closed, 0);
	peer_write(&p, SV(OPTIONS));
	assert_true(recv(pipes[1], record, sizeof(record), 0) == n);
	begun = now_ms();
	for (ssize_t i = 0; w.closed == 0 && i < n - 1; i++) {
		(void)send(net, record + i, 1, MSG_NOSIGNAL);
		world_for(&w, 4);
	}
	assert_in_range(now_ms() - begun, 140, 5000);
	assert_int_equal(counted(&w, TP_STAT_CLOSED_SLOW), 1);
	(void)close(net);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	peer_end(&p);
}

static void test_we_close(void **state)
{
	struct peer p = peer_open(client);
	char c;

	(void)state;
	peer_write(&p, SV(OPTIONS));
	world_until(&w, w.messages == 1);
	tp_conn_close(w.tp, w.seen[0].flow.conn);
	world_until(&w, tls_read(p.tls, &c, 1) == 0);
	assert_string_equal(tls_why_failed(p.tls), ""); /* close_notify, not a cut */
	peer_end(&p);
	world_until(&w, w.closed == 1);
}

static bool names_trunk(void *arg, uint16_t zone, const struct addr *peer, const struct tls *its)
{
	(void)peer;
	assert_ptr_equal(arg, &w);
	assert_int_equal(zone, 0);
	return tls_peer_names(its, SV("trunk.example"));
}

/* A certificate that nobody named makes nobody known, whoever signed it. */
static void test_certificate_of_a_stranger(void **state)
{
	struct cert mine = cert_new(&ca, &(struct cert_wish){.alt = "DNS:mallory.example"});
	struct tls_context *shows = cert_client(&mine, &ca, false);
	struct tp_config config = w.config;

	(void)state;
	w.config.certified = names_trunk;
	w.config.known_arg = &w;
	struct peer p = peer_open(shows);
	peer_write(&p, SV(OPTIONS));
	world_until(&w, w.messages == 1);
	assert_true(w.seen[0].flow.trusted_tls);
	assert_false(w.seen[0].flow.certified || w.seen[0].flow.known);
	assert_int_equal(w.tp->conns->strangers, 1);
	peer_end(&p);
	world_until(&w, w.closed == 1);
	w.config = config;
	tls_context_free(shows);
	cert_free(&mine);
}

static void test_client_certificate(void **state)
{
	struct cert mine = cert_new(&ca, &(struct cert_wish){.alt = "DNS:trunk.example"});
	struct tls_context *shows = cert_client(&mine, &ca, false);
	struct tp_config config = w.config, without;
	struct peer p;

	(void)state;
	w.zone[0].idle_ms = 100;
	w.config.certified = names_trunk;
	w.config.known_arg = &w;
	p = peer_open(shows);
	peer_write(&p, SV(OPTIONS));
	world_until(&w, w.messages == 1);
	assert_true(w.seen[0].flow.trusted_tls && w.seen[0].flow.certified);
	world_for(&w, 200); /* no stranger any more */
	assert_int_equal(w.closed, 0);
	assert_int_equal(w.tp->conns->strangers, 0);
	without = w.config; /* the rule goes, the connection stays */
	without.certified = NULL;
	assert_int_equal(tp_apply(w.tp, &without), 0);
	peer_write(&p, SV(OPTIONS));
	world_until(&w, w.messages == 2);
	assert_true(w.seen[1].flow.trusted_tls && !w.seen[1].flow.certified);
	peer_end(&p);
	world_until(&w, w.closed == 1);
	w.config = config;
	assert_int_equal(tp_apply(w.tp, &w.config), 0);
	tls_context_free(shows);
	cert_free(&mine);
}

/* ---- whom we connect to (T-7) ---- */

static struct tp_target to_us(const char *domain)
{
	struct tp_target to = {
		.addr = tls->bound, .transport = SIP_TRANSPORT_TLS, .listener = tls->id};

	(void)snprintf(to.domain, sizeof(to.domain), "%s", domain);
	return to;
}

static int send_out(const struct tp_target *to, struct wait *wait)
{
	wait_init(wait, &w);
	return tp_send(w.tp, to, SV(OPTIONS), &wait->ticket);
}

static void test_outgoing(void **state)
{
	struct tp_target to = to_us("example.com"), again = to_us("EXAMPLE.com.");
	static struct wait wait;

	(void)state;
	assert_int_equal(send_out(&to, &wait), 0);
	world_until(&w, w.messages == 1);
	assert_int_equal(counted(&w, TP_STAT_CONNS_OUT), 1);
	assert_int_equal(counted(&w, TP_STAT_TLS_DONE), 2); /* both ends are ours */
	tp_ticket_drop(&wait.ticket);
	assert_int_equal(send_out(&again, &wait), 0); /* the same domain */
	world_until(&w, w.messages == 2);
	assert_int_equal(counted(&w, TP_STAT_CONNS_OUT), 1);
	assert_int_equal(wait.failed, 0);
	tp_ticket_drop(&wait.ticket);
}

/* CVE-2020-15260: a connection to that address is there, but it was verified for another domain. */
static void test_reuse_by_domain(void **state)
{
	struct tp_target right = to_us("example.com"), wrong = to_us("bank.example"),
			 bare = to_us("");
	static struct wait wait;

	(void)state;
	assert_int_equal(send_out(&right, &wait), 0);
	world_until(&w, w.messages == 1);
	tp_ticket_drop(&wait.ticket);
	assert_int_equal(send_out(&wrong, &wait), 0);
	world_until(&w, wait.failed == 1);
	assert_int_equal(wait.err, MG_EAUTH);
	assert_int_equal(send_out(&bare, &wait), 0); /* the address is not in the certificate */
	world_until(&w, wait.failed == 1);
	assert_int_equal(wait.err, MG_EAUTH);
	assert_int_equal(w.messages, 1);
	assert_int_equal(counted(&w, TP_STAT_TLS_NAME), 2);
}

/* ---- aliases (T-8) ---- */

static void asks_for_alias(struct world *world, struct tp_rx *rx)
{
	struct sip_where at;
	const struct sip_via *via = sip_top_via(rx->msg, &at);

	assert_non_null(via);
	tp_conn_alias(world->tp, rx->flow.conn, via);
}

struct alias_row {
	const char *name, *via, *domain; /* %u: the port */
	uint16_t port;
	bool stranger, untrusted, wrong_host, reused;
};

static void alias(const struct alias_row *row)
{
	struct cert mine = cert_new(&ca, &(struct cert_wish){.alt = "DNS:trunk.example"});
	struct tls_context *shows = cert_client(&mine, &ca, false);
	struct tp_target to = to_us(row->domain);
	static struct wait wait;
	char text[512], buf[600];
	struct peer p;
	int got = 0;

	w.zone[0].trusted = !row->untrusted;
	w.on_message = asks_for_alias;
	p = peer_open(row->stranger ? client : shows);
	(void)snprintf(text, sizeof(text),
		       "OPTIONS sip:a@b SIP/2.0\r\nVia: %s\r\nContent-Length: 0\r\n\r\n", row->via);
	peer_write(&p, sv_str(text));
	peer_write(&p, sv_str(text)); /* once more changes nothing */
	world_until(&w, w.messages == 2);
	assert_true(tp_flow_alive(w.tp, &w.seen[0].flow));
	w.on_message = NULL;
	to.addr = w.seen[0].flow.peer;
	to.addr.port = row->port;
	if (row->wrong_host)
		to.addr.ip[3] = 2;
	uint64_t before = counted(&w, TP_STAT_CONNS);
	(void)send_out(&to, &wait);
	if (row->reused) {
		world_until(&w, (got = tls_read(p.tls, buf, sizeof(buf))) != -EAGAIN);
		assert_int_equal(got, sizeof(OPTIONS) - 1);
		assert_int_equal(counted(&w, TP_STAT_CONNS), before);
	} else {
		world_for(&w, 20);
		if (tls_read(p.tls, buf, sizeof(buf)) != -EAGAIN)
			fail_msg("%s: sent by its connection", row->name);
	}
	tp_ticket_drop(&wait.ticket);
	struct tp_target flow = {.conn = w.seen[0].flow.conn, .transport = SIP_TRANSPORT_TLS};
	assert_int_equal(tp_send(w.tp, &flow, SV(OPTIONS), NULL),
			 0); /* by its number in any case */
	peer_end(&p);
	tls_context_free(shows);
	cert_free(&mine);
}

static void test_aliases(void **state)
{
#define VIA_TRUNK "SIP/2.0/TLS trunk.example:5071;branch=z9hG4bK1"
	static const struct alias_row rows[] = {
		{"its name and port", VIA_TRUNK ";alias", "trunk.example", 5071, .reused = true},
		{"in another spelling", VIA_TRUNK ";ALIAS", "Trunk.Example.", 5071, .reused = true},
		{"without a port", "SIP/2.0/TLS trunk.example;alias;branch=z9hG4bK1",
		 "trunk.example", 5061, .reused = true},
		{"it did not ask", VIA_TRUNK, "trunk.example", 5071, .reused = false},
		{"another port", VIA_TRUNK ";alias", "trunk.example", 5072, .reused = false},
		{"another domain", VIA_TRUNK ";alias", "bank.example", 5071, .reused = false},
		{"no domain", VIA_TRUNK ";alias", "", 5071, .reused = false},
		{"another host", VIA_TRUNK ";alias", "trunk.example", 5071, .wrong_host = true},
		{"a name that is not in its certificate",
		 "SIP/2.0/TLS bank.example:5071;alias;branch=z9hG4bK1", "bank.example", 5071,
		 .reused = false},
		{"no certificate", VIA_TRUNK ";alias", "trunk.example", 5071, .stranger = true},
		{"no carrier", VIA_TRUNK ";alias", "trunk.example", 5071, .untrusted = true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		alias(&rows[i]);
		(void)end(state);
		(void)begin(state);
	}
#undef VIA_TRUNK
}

/* THREATS T-7: the certificates to be refused, and not a byte of SIP for them. */
static void test_wrong_certificates(void **state)
{
	static const struct {
		struct cert_wish wish;
		int want;
	} rows[] = {
		{{.alt = "DNS:example.com"}, 0},
		{{.alt = "DNS:example.org"}, MG_EAUTH},
		{{.alt = "DNS:*.com"}, MG_EAUTH},
		{{.alt = "IP:127.0.0.1"}, MG_EAUTH},
		{{.cn = "example.com"}, 0},
		{{.alt = "DNS:example.com", .from_s = -7200, .to_s = -60}, MG_EAUTH},
		{{.alt = "DNS:example.com", .from_s = 3600, .to_s = 7200}, MG_EAUTH},
		{{.alt = "DNS:example.com", .eku = "codeSigning"}, MG_EAUTH},
		{{.alt = "DNS:example.com", .self_signed = true}, MG_EAUTH},
		{{.alt = "DNS:sip.example.com"}, MG_EAUTH},
	};
	unsigned accepted = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cert c = cert_new(&ca, &rows[i].wish);
		struct tp_target to = to_us("example.com");
		static struct wait wait;

		CERT_MUST(SSL_CTX_use_certificate(server->ssl, c.x509) &&
			  SSL_CTX_use_PrivateKey(server->ssl, c.key));
		tls_sessions_flush(w.tp->conns->sessions);
		assert_int_equal(send_out(&to, &wait), 0);
		accepted += rows[i].want == 0;
		world_until(&w, rows[i].want ? wait.failed : w.messages == accepted);
		assert_int_equal(wait.failed ? wait.err : 0, rows[i].want);
		assert_int_equal(w.messages, accepted);
		tp_ticket_drop(&wait.ticket);
		for (uint32_t k = 0; k < w.tp->conns->used; k++)
			if (w.tp->conns->slot[k].conn)
				conn_kill(w.tp->conns->slot[k].conn, -ECANCELED);
		world_until(&w, counted(&w, TP_STAT_CONNS) == 0);
		cert_free(&c);
	}
	assert_int_equal(w.messages, 2);
}

static void test_resumed(void **state)
{
	struct tp_target to = to_us("example.com");
	static struct wait wait;

	(void)state;
	w.on_message = answer; /* by which the ticket comes along */
	for (unsigned i = 1; i <= 2; i++) {
		unsigned before = w.closed;
		assert_int_equal(send_out(&to, &wait), 0);
		world_until(&w, w.messages == 2 * i); /* the request here and the answer there */
		assert_int_equal(counted(&w, TP_STAT_TLS_RESUMED), i == 2 ? 2 : 0);
		tp_ticket_drop(&wait.ticket);
		tp_conn_close(w.tp, w.seen[2 * i - 1].flow.conn);
		world_until(&w, w.closed == before + 2);
	}
}

static void test_server_is_no_tls(void **state)
{
	struct addr addr;
	int plain = listening(AF_INET, 4, &addr), fd = -1;
	struct tp_target to = to_us("example.com");
	static struct wait wait;

	(void)state;
	to.addr = addr;
	assert_int_equal(send_out(&to, &wait), 0);
	world_until(&w, (fd = accept4(plain, NULL, NULL, SOCK_CLOEXEC)) >= 0);
	peer_say(fd, SV("SIP/2.0 400 Bad Request\r\n\r\n"));
	world_until(&w, wait.failed == 1);
	assert_int_equal(wait.err, -EPROTO);
	(void)close(fd);
	/* and one that says nothing */
	w.zone[0].handshake_ms = 100;
	assert_int_equal(send_out(&to, &wait), 0);
	world_until(&w, (fd = accept4(plain, NULL, NULL, SOCK_CLOEXEC)) >= 0);
	world_until(&w, wait.failed == 1);
	assert_int_equal(wait.err, -ETIMEDOUT);
	(void)close(fd);
	(void)close(plain);
}

/* ---- what is no TLS (B-12) ---- */

static void test_not_tls(void **state)
{
	static const struct sv rows[] = {
		SV_INIT(OPTIONS),
		SV_INIT("GET / HTTP/1.1\r\n\r\n"),
		SV_INIT("\x80\x2e\x01\x03\x01\x00"),
		SV_INIT("\0"),
		SV_INIT("\r\n\r\n"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int fd = world_peer(&w, tls);
		peer_say(fd, rows[i]);
		world_until(&w, counted(&w, TP_STAT_CLOSED_NOT_SIP) == i + 1);
		refused_then(fd);
	}
	assert_int_equal(w.messages, 0);
}

/* HTTP inside of TLS */
static void test_not_sip_in_tls(void **state)
{
	struct peer p = peer_open(client);

	(void)state;
	peer_write(&p, SV("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
	world_until(&w, w.closed == 1);
	assert_int_equal(counted(&w, TP_STAT_CLOSED_NOT_SIP), 1);
	assert_int_equal(w.messages, 0);
	peer_end(&p);
}

/* ---- reloads (U-5) ---- */

static void test_new_certificate(void **state)
{
	struct cert next =
		cert_new(&ca, &(struct cert_wish){.alt = "DNS:example.com,DNS:new.example"});
	struct tls_context *context = server_of(&next, TLS_VERIFY_NONE);
	const struct tls_context *const next_contexts[] = {context, NULL};
	struct tp_listener *l = &w.listener[0], fresh = *l;
	const struct tp_listener *list[] = {&fresh};
	struct tp_config config = w.config;
	struct peer old = peer_open(client), half = peer_begin(client), new;

	(void)state;
	world_until(&w, counted(&w, TP_STAT_CONNS_IN) == 2);
	assert_int_equal(peer_step(&half), -EAGAIN);
	fresh.tls = next_contexts;
	config.listeners = list;
	assert_int_equal(tp_apply(w.tp, &config), 0);
	tls_context_free(server); /* the former configuration is gone */
	server = NULL;
	peer_write(&old, SV(OPTIONS)); /* a connection that was there lives */
	world_until(&w, w.messages == 1);
	world_until(&w, peer_step(&half) == 0); /* one that had begun gets one of both */
	new = peer_open(client);
	assert_true(tls_peer_names(new.tls, SV("new.example")));
	assert_false(tls_peer_names(old.tls, SV("new.example")));
	peer_end(&old);
	peer_end(&half);
	peer_end(&new);
	world_until(&w, w.closed == 3);
	world_end(&w);
	tls_context_free(context);
	cert_free(&next);
	world_begin(&w); /* for the end */
}

/* A listener that is gone while a peer has not begun to speak. */
static void test_listener_goes(void **state)
{
	struct tp_config config = w.config;
	struct peer p = peer_begin(client);

	(void)state;
	world_until(&w, counted(&w, TP_STAT_CONNS_IN) == 1);
	config.n_listeners = 0;
	assert_int_equal(tp_apply(w.tp, &config), 0);
	assert_int_equal(peer_step(&p), -EAGAIN);
	world_until(&w, w.closed == 1);
	peer_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(test_messages),
		T(test_many_records),
		T(test_message_with_the_handshake),
		T(test_half_a_record),
		T(test_we_close),
		T(test_client_certificate),
		T(test_certificate_of_a_stranger),
		T(test_outgoing),
		T(test_reuse_by_domain),
		T(test_aliases),
		T(test_wrong_certificates),
		T(test_resumed),
		T(test_server_is_no_tls),
		T(test_not_tls),
		T(test_not_sip_in_tls),
		T(test_new_certificate),
		T(test_listener_goes),
#undef T
	};
	return cmocka_run_group_tests(tests, make_certs, free_certs);
}
