/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * mgload: caller and callee of SIP calls through a proxy, in one thread: begins calls at moments fixed
 * beforehand, whatever comes back, checks what the proxy makes of them, and reports. This file holds
 * the loop and its beginning and end. Exits with 0 when all went well, 1 when a call failed or a rule
 * was broken, 2 when it could not run.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/rand.h"
#include "load/load.h"

#define EVENTS   256
#define START_MS 20 /* from now to the first moment */
#define BURST    32 /* calls begun before the sockets are read again */
#define MS       1000000ull

/* Signals so far: the first ends what is begun, the second the waiting for it. */
static volatile sig_atomic_t asked_to_stop;

static void on_signal(int number)
{
	(void)number;
	asked_to_stop++;
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int failed(const char *what, int err)
{
	fprintf(stderr, "mgload: %s: %s\n", what, strerror(-err));
	return err;
}

static void on_uac_datagram(void *ctx, struct sv datagram, const union udp_peer *from)
{
	(void)from;
	uac_take(ctx, datagram);
}

static void on_uas_datagram(void *ctx, struct sv datagram, const union udp_peer *from)
{
	uas_take(ctx, datagram, NULL, from);
}

static void on_stream_message(void *ctx, struct conn *c, struct sv message)
{
	if (c->accepted)
		uas_take(ctx, message, c, NULL);
	else
		uac_take(ctx, message);
}

static void on_stream_lost(void *ctx, struct conn *c)
{
	if (!c->accepted)
		uac_lost(ctx, c);
}

static int watch(const struct load *l, int fd, const enum watch *what)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = (void *)what};

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static const enum watch watch_uac = WATCH_UAC, watch_uas = WATCH_UAS, watch_flood = WATCH_FLOOD;

static int open_udp(struct load *l, struct udp **to, struct addr *local, bool sources,
		    const enum watch *what)
{
	int err;

	*to = malloc(sizeof(**to));
	if (!*to)
		return MG_ENOMEM;
	err = udp_open(*to, local, sources);
	if (err) {
		free(*to);
		*to = NULL;
		return err;
	}
	return watch(l, (*to)->fd, what);
}

/* The callee's side first: its port stands in the caller's messages. */
static int open_callee(struct load *l)
{
	if (l->opt.uas_transport == TRANSPORT_UDP)
		return open_udp(l, &l->uas, &l->opt.uas, false, &watch_uas);
	if (l->opt.uas_transport == TRANSPORT_TLS) {
		l->conns.server = tls_server(l->opt.cert, l->opt.key);
		if (!l->conns.server)
			return MG_EINVAL;
	}
	return conns_listen(&l->conns, &l->opt.uas);
}

static int open_caller(struct load *l)
{
	if (l->opt.transport == TRANSPORT_UDP)
		return open_udp(l, &l->uac, &l->opt.uac, l->opt.sources > 1, &watch_uac);
	if (l->opt.transport == TRANSPORT_TLS) {
		l->conns.client = tls_client(l->opt.ca, l->opt.suite);
		if (!l->conns.client)
			return MG_EINVAL;
	}
	if (l->opt.uac.port == 0)
		l->opt.uac.port = 5060; /* connections have other ports; answers come along them */
	l->shared = calloc(l->opt.connections, sizeof(struct conn *));
	return l->shared ? 0 : MG_ENOMEM;
}

static int make_messages(struct load *l)
{
	static const char *const NAMES[] = {"udp", "tcp", "tls"};
	const char *protocols[2] = {NAMES[l->opt.transport], NAMES[l->opt.uas_transport]};
	struct caller *callers = calloc(l->opt.sources, sizeof(*callers));
	char run[MESSAGE_RUN];
	struct rnd rnd;
	int err;

	if (!callers)
		return MG_ENOMEM;
	l->msg.callers = callers;
	rand_init(&rnd);
	err = rand_token(&rnd, run, sizeof(run));
	if (!err)
		err = rand_bytes(&rnd, &l->key, sizeof(l->key));
	return err ? err
		   : message_init(&l->msg, callers, l->opt.sources, &l->opt.uac, &l->opt.uas,
				  protocols, run);
}

/* Where the caller sends, and what the proxy is to call itself. */
static void aim(struct load *l)
{
	l->next_hop = l->opt.self ? l->opt.uas : l->opt.proxy;
	l->next_hop_peer = udp_peer(&l->next_hop);
	addr_write(&l->next_hop, ADDR_HOSTPORT, l->next_hop_text);
	if (l->opt.route)
		snprintf(l->next_hop_text, sizeof(l->next_hop_text), "%s",
			 strcmp(l->opt.route, "any") == 0 ? "" : l->opt.route);
}

/* With --connected: the kernel keeps the way to the only peer. */
static int connect_ends(struct load *l)
{
	union udp_peer callee_hears = l->opt.self ? udp_peer(&l->opt.uac) : l->next_hop_peer;
	int err = 0;

	if (l->opt.connected && l->uac && !l->uac->sources)
		err = udp_connect(l->uac, &l->next_hop_peer);
	if (l->opt.connected && l->uas && !err)
		err = udp_connect(l->uas, &callee_hears);
	return err;
}

static int set_times(struct load *l)
{
	uint64_t start = clock_ns() + START_MS * MS, hold = l->opt.hold_ms * MS;
	uint64_t ramp = (uint64_t)(l->opt.ramp * 1e9), steady = (uint64_t)(l->opt.seconds * 1e9);

	/* as many calls as --concurrent wants are up after one hold time */
	l->steady_ns = start + ramp + (l->opt.concurrent ? hold : 0);
	l->stop_ns = l->steady_ns + steady;
	l->end_ns = l->stop_ns + hold + 2 * MS * l->opt.timeout_ms + 1000 * MS;
	l->now_ns = start - START_MS * MS;
	pace_init(&l->pace, start, l->stop_ns - start, l->opt.rate, ramp, l->opt.calls,
		  l->opt.seed);
	return flood_init(l, start, l->stop_ns - start);
}

static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int begin(struct load *l)
{
	const struct sigaction stop = {.sa_handler = on_signal};
	int err;

	allow_descriptors();
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		return failed("epoll", -errno);
	conns_init(&l->conns, l->epoll);
	l->conns.on_message = on_stream_message;
	l->conns.on_lost = on_stream_lost;
	l->conns.ctx = l;
	l->conns.name = l->opt.server_name;
	l->branches = calloc(LOAD_BRANCHES, sizeof(*l->branches));
	if (!l->branches || calls_init(l))
		return failed("memory", MG_ENOMEM);
	if ((err = open_callee(l)))
		return failed("the callee's address", err);
	if ((err = open_caller(l)))
		return failed("the caller's address", err);
	aim(l);
	if ((err = connect_ends(l)))
		return failed("connect", err);
	if ((err = make_messages(l)))
		return failed("messages", err);
	if (l->opt.series && !(l->series = fopen(l->opt.series, "w")))
		return failed(l->opt.series, -errno);
	wheel_init(&l->wheel, clock_ns() / MS);
	if ((err = set_times(l)))
		return failed("the flood's address", err);
	if (l->flood.udp && (err = watch(l, l->flood.udp->fd, &watch_flood)))
		return failed("epoll", err);
	(void)prctl(PR_SET_TIMERSLACK, 1);
	(void)sigaction(SIGTERM, &stop, NULL);
	(void)sigaction(SIGINT, &stop, NULL);
	return 0;
}

static void finish(struct load *l)
{
	flood_done(l);
	conns_done(&l->conns);
	if (l->uac)
		udp_close(l->uac);
	if (l->uas)
		udp_close(l->uas);
	if (l->series)
		fclose(l->series);
	close(l->epoll);
	calls_done(l);
	free(l->uac);
	free(l->uas);
	free(l->shared);
	free(l->branches);
	free(l->msg.callers);
}

static void start_due(struct load *l)
{
	for (unsigned i = 0; i < BURST && l->pace.next_ns <= l->now_ns; i++) {
		uac_start(l, l->pace.next_ns);
		pace_step(&l->pace);
	}
}

static void flush(struct load *l)
{
	if (l->uac && l->uac->waiting)
		udp_flush(l->uac);
	if (l->uas && l->uas->waiting)
		udp_flush(l->uas);
	conns_flush(&l->conns);
}

static void dispatch(struct load *l, const struct epoll_event *e)
{
	switch (*(enum watch *)e->data.ptr) {
	case WATCH_UAC: udp_read(l->uac, on_uac_datagram, l); break;
	case WATCH_UAS: udp_read(l->uas, on_uas_datagram, l); break;
	case WATCH_FLOOD: flood_read(l); break;
	case WATCH_LISTENER: conns_accept(&l->conns); break;
	case WATCH_CONN: conn_event(&l->conns, e->data.ptr, e->events); break;
	}
}

/* When something is to be done that no socket tells. */
static uint64_t next_ns(const struct load *l)
{
	uint64_t wheel = wheel_next_ms(&l->wheel);
	uint64_t next = wheel == WHEEL_NEVER ? l->end_ns : wheel * MS;

	if (l->pace.next_ns < next)
		next = l->pace.next_ns;
	return l->flood.pace.next_ns < next ? l->flood.pace.next_ns : next;
}

static void wait_and_read(struct load *l, uint64_t until_ns)
{
	struct epoll_event events[EVENTS];
	uint64_t next = next_ns(l), now = clock_ns(), wait;
	struct timespec t;
	int n;

	if (until_ns < next)
		next = until_ns;
	wait = next > now && !l->opt.spin ? next - now : 0;
	t = (struct timespec){(time_t)(wait / 1000000000), (long)(wait % 1000000000)};
	n = epoll_pwait2(l->epoll, events, EVENTS, &t, NULL);
	l->now_ns = clock_ns();
	for (int i = 0; i < n; i++)
		dispatch(l, &events[i]);
	conns_reap(&l->conns);
}

static void say(const struct load *l, const char *what)
{
	if (!l->opt.events)
		return;
	printf("%s %lu\n", what, l->now_ns);
	fflush(stdout);
}

/* One turn after the other until `until_ns`, or until nothing is left when `drain`. */
static void run(struct load *l, uint64_t until_ns, bool drain, uint64_t *slice_ns)
{
	while (l->now_ns < until_ns && asked_to_stop <= drain) {
		start_due(l);
		flood_step(l);
		wheel_run(&l->wheel, l->now_ns / MS);
		flush(l);
		if (drain && l->live == 0)
			return;
		wait_and_read(l, until_ns);
		if (l->now_ns >= *slice_ns + l->opt.series_ms * MS) {
			report_slice(l, (l->now_ns - l->pace.start_ns) / MS);
			*slice_ns = l->now_ns;
		}
	}
}

static void run_all(struct load *l)
{
	uint64_t slice_ns = l->pace.start_ns;

	say(l, "start");
	run(l, l->steady_ns, false, &slice_ns);
	say(l, "steady");
	run(l, l->stop_ns, false, &slice_ns);
	while (l->pace.next_ns < l->now_ns && l->pace.next_ns < l->stop_ns) {
		l->tally.missed++;
		pace_step(&l->pace);
	}
	l->pace.next_ns = l->flood.pace.next_ns = PACE_NEVER;
	if (l->now_ns < l->stop_ns) /* asked to stop, perhaps while still climbing */
		l->stop_ns = l->now_ns > l->steady_ns ? l->now_ns : l->steady_ns;
	say(l, "stop");
	run(l, l->end_ns, true, &slice_ns);
	for (uint32_t i = 0; l->live > 0 && i < l->opt.max_calls; i++)
		if (l->calls[i].state != CALL_FREE)
			call_fail(l, &l->calls[i], COUNT_cut);
	flush(l);
	report_slice(l, (l->now_ns - l->pace.start_ns) / MS);
	say(l, "drained");
}

int main(int argc, char **argv)
{
	struct load *l = calloc(1, sizeof(*l));
	int status = 2;

	if (!l || options_read(&l->opt, argc, argv)) {
		free(l);
		return 2;
	}
	if (l->opt.help) {
		options_help();
		free(l);
		return 0;
	}
	if (begin(l) == 0) {
		run_all(l);
		report_text(l);
		status = report_clean(l) ? 0 : 1;
		if (l->opt.json && report_json(l, l->opt.json)) {
			perror(l->opt.json);
			status = 2;
		}
	}
	finish(l);
	free(l);
	return status;
}
