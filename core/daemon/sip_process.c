/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sip_process: "margrave: sip" from its begin to its end: takes keys, sockets and configuration from the warden, enters the sandbox, starts the workers, and then serves
 * the warden: heartbeats, new configurations, the end. Its main thread carries no traffic.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/ctime.h"
#include "base/log_sink.h"
#include "daemon/control.h"
#include "daemon/flow.h"
#include "daemon/running_priv.h"
#include "daemon/sandbox.h"
#include "gate/gate.h"

#define HEARTBEAT_MS    1000
#define STOP_CHECK_MS   50
#define ENTER_CHECK_MS  10
#define FAULTS_TEXT_MAX 65536

struct process {
	struct node node;
	struct received got; /* what is arriving */
	struct loop_watch watch;
	struct wheel_timer heartbeat;
	int control_fd;
	struct running *next; /* being entered by the workers, NULL: none */
	bool ended, hasty;    /* `hasty`: it was said that what is under way is not waited for */
};

static void say(enum log_level level, const char *event, uint64_t generation, const char *hash,
		int err)
{
	struct log_line l;

	log_begin(&l, level, "sip", event);
	if (generation)
		log_u64(&l, "generation", generation);
	if (hash)
		log_str(&l, "config", hash);
	if (err)
		log_err(&l, err);
	log_end(&l);
}

static int tell(struct node *node, enum ipc_type type, uint64_t generation, uint64_t number, int fd)
{
	struct ipc_msg msg = {
		.magic = IPC_MAGIC, .type = type, .generation = generation, .number = number};

	return ipc_send(node->ipc, &msg, fd);
}

int sip_process_ask(struct node *node, enum ipc_type what, uint64_t number)
{
	return tell(node, what, atomic_load(&node->generation), number, -1);
}

/* ---- what came before the first configuration ---- */

static int take_keys(struct node *node, int fd)
{
	struct keys keys;

	if (pread(fd, &keys, sizeof(keys), 0) != (ssize_t)sizeof(keys) || keys.magic != IPC_MAGIC)
		return MG_EPARSE;
	if (node->running) { /* those of tickets only, for the next configuration; workers read the others */
		memcpy(node->keys.ticket, keys.ticket, sizeof(keys.ticket));
		mg_wipe(&keys, sizeof(keys));
		return 0;
	}
	node->keys = keys;
	node->tokens.n = 0;
	for (unsigned i = 0; i < TOKEN_KEYS_MAX && keys.token_id[i]; i++) {
		node->tokens.key[i].id = keys.token_id[i];
		memcpy(node->tokens.key[i].key.b, keys.token[i], SIPHASH_KEY_LEN);
		node->tokens.n++;
	}
	memcpy(node->tag_key.b, keys.tag, SIPHASH_KEY_LEN);
	memcpy(node->owner_key.b, keys.owner, SIPHASH_KEY_LEN);
	mg_wipe(&keys, sizeof(keys));
	return node->tokens.n > 0 ? 0 : MG_EPARSE;
}

static int take_ring(struct node *node, int fd)
{
	void *p = mmap(NULL, sizeof(struct poison_ring), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	node->ring = p;
	return 0;
}

/* Without it floods are refused by ourselves. */
static int take_gate(struct node *node, int fd, uint64_t secret)
{
	int err = gate_open(&node->gate, fd, secret);
	struct log_line l;

	if (!err)
		return 0;
	log_begin(&l, LOG_WARNING, "sip", "gate_off");
	log_err(&l, err);
	log_end(&l);
	return 0;
}

/* A full table drops the news, which the warden has logged. */
static void add_quarantine(struct node *node, const struct ipc_msg *msg)
{
	uint64_t now_ms = loop_clock_us() / 1000;
	unsigned n = atomic_load(&node->quarantined);

	if (n == QUARANTINE_MAX || msg->head > POISON_HEAD)
		return;
	node->quarantine[n] = (struct quarantine){.source = msg->addr,
						  .hash = msg->number,
						  .head = msg->head,
						  .until_ms = now_ms + msg->seconds * 1000ULL};
	atomic_store_explicit(&node->quarantined, n + 1, memory_order_release);
}

/* ---- a configuration ---- */

static int faults_fd(const struct conf_faults *faults, char *text, size_t room)
{
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < faults->n; i++) {
		int k = snprintf(text + n, room - n, "%s\n", faults->text[i]);

		if (k < 0 || (size_t)k >= room - n)
			break;
		n += (size_t)k;
	}
	int fd = memfd_create("faults", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, text, n) != (ssize_t)n) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void refuse(struct process *p, const struct conf_faults *faults)
{
	char *text = malloc(FAULTS_TEXT_MAX);
	int fd = text ? faults_fd(faults, text, FAULTS_TEXT_MAX) : -1;

	for (size_t i = 0; i < faults->n; i++) {
		struct log_line l;

		log_begin(&l, LOG_ERROR, "sip", "config_fault");
		log_str(&l, "fault", faults->text[i]);
		log_end(&l);
	}
	if (tell(&p->node, IPC_REFUSED, p->got.generation, 0, fd) < 0)
		say(LOG_ERROR, "warden_unreachable", p->got.generation, NULL, 0);
	if (p->node.control)
		control_reloaded(p->node.control, p->got.generation, text ? text : "refused");
	if (fd >= 0)
		close(fd);
	free(text);
}

static void tell_risks(const struct running *r)
{
	const char *const *risk = r->loaded->risks.items;

	for (size_t i = 0; i < r->loaded->risks.n; i++) {
		struct log_line l;

		log_begin(&l, LOG_WARNING, "sip", "risk_accepted");
		log_str(&l, "risk", risk[i]);
		log_end(&l);
	}
}

/* Every worker runs by it: the one before goes when its last call ends. */
static void entered(struct process *p)
{
	struct node *n = &p->node;

	struct running *before = n->running == p->next ? NULL : n->running;

	n->running = p->next;
	p->next = NULL;
	generation_enter(&n->running->generation, before ? &before->generation : NULL,
			 THREAD_MAIN(n));
	if (before)
		control_enter(n->control, n->running);
	atomic_store(&n->generation, n->running->generation.number);
	log_set_level((enum log_level)n->running->loaded->settings.log.level);
	say(LOG_INFO, "running", n->running->generation.number,
	    conf_text_hash(n->running->loaded->text), 0);
	if (!before || !p->got.again)
		tell_risks(n->running);
	control_metrics(n->control, p->got.metrics_fd);
	p->got.metrics_fd = -1;
	received_done(&p->got);
	received_init(&p->got);
	control_reloaded(n->control, n->running->generation.number, "");
	if (tell(n, IPC_READY, n->running->generation.number, 0, -1) < 0)
		say(LOG_ERROR, "warden_unreachable", 0, NULL, 0);
}

static int start_workers(struct process *p)
{
	struct node *n = &p->node;

	/* those that run hand work to those that don't yet */
	for (unsigned i = 0; i < n->workers; i++)
		atomic_store(&n->level[i].level, OVERLOAD_CLASSES * OVERLOAD_LEVEL_ONE);
	for (unsigned i = 0; i < n->workers; i++) {
		int err = worker_start(n, i);

		if (err) {
			say(LOG_ERROR, "worker_failed", 0, NULL, err);
			return err;
		}
	}
	n->control = control_start(n, p->control_fd);
	p->control_fd = -1;
	return n->control ? 0 : MG_ENOMEM;
}

static int make_shared(struct node *n)
{
	const struct settings *s = &n->running->loaded->settings;

	n->mailbox = mailbox_new(n->workers + 1, LETTERS_ROOM, LETTER_KINDS);
	n->tp_shared = tp_shared_new((unsigned)s->transport.sources_max);
	n->dns_shared = dns_shared_new(&n->running->dns);
	n->tp_stats = stats_new(tp_stats_desc, TP_STATS, n->workers);
	n->txn_stats = stats_new(txn_stats_desc, TXN_STATS, n->workers);
	n->route_stats = stats_new(route_stats_desc, ROUTE_STATS, n->workers);
	n->chain_stats = stats_new(chain_stats_desc, CHAIN_STATS, n->workers);
	n->flow_stats = stats_new(flow_stats_desc, FLOW_STATS, n->workers);
	bool all = n->mailbox && n->tp_shared && n->dns_shared && n->tp_stats && n->txn_stats &&
		   n->route_stats && n->chain_stats && n->flow_stats;
	return all ? 0 : MG_ENOMEM;
}

/* The first configuration: everything that needs files or privileges happens before the sandbox. */
static int first(struct process *p)
{
	struct node *n = &p->node;
	struct conf_faults faults;
	int err = 0;

	conf_faults_init(&faults);
	n->workers = p->got.workers;
	n->running = running_new(n, &p->got, NULL, &faults);
	if (!n->running) {
		refuse(p, &faults);
		err = MG_EPARSE;
	}
	conf_faults_done(&faults);
	if (err)
		return err;
	char folder[128];
	struct sandbox sandbox = {.user = n->running->loaded->settings.user,
				  .state = folder,
				  .gate = n->gate != NULL};
	snprintf(folder, sizeof(folder), "%s/sip", n->running->loaded->settings.state);
	err = make_shared(n);
	if (err) {
		say(LOG_ERROR, "start_failed", 0, NULL, err);
		return err;
	}
	err = sandbox_enter(&sandbox);
	if (err) { /* nothing from the network is read without it */
		say(LOG_ERROR, "sandbox_failed", 0, NULL, err);
		return err;
	}
	err = start_workers(p);
	if (err)
		return err;
	p->next = n->running; /* entered already: every worker began with it */
	entered(p);
	return 0;
}

/* A reload: made aside, then handed to every worker. */
static void reload(struct process *p)
{
	struct node *n = &p->node;
	struct conf_faults faults;

	conf_faults_init(&faults);
	struct running *next = NULL;
	if (p->next)
		conf_faults_add(&faults, "another reload is under way");
	else
		next = running_new(n, &p->got, n->running, &faults);
	if (!next) {
		refuse(p, &faults);
		received_done(&p->got);
		received_init(&p->got);
	} else {
		p->next = next;
		dns_shared_conf(n->dns_shared, &next->dns);
		for (unsigned i = 0; i < n->workers; i++)
			worker_enter(&n->worker[i], next);
		wheel_add(loop_wheel(n->loop), &p->heartbeat,
			  loop_now_ms(n->loop) + ENTER_CHECK_MS);
	}
	conf_faults_done(&faults);
}

static void check_entered(struct process *p)
{
	for (unsigned i = 0; p->next && i < p->node.workers; i++) {
		if (atomic_load_explicit(&p->node.worker[i].next, memory_order_acquire))
			return;
	}
	if (p->next)
		entered(p);
}

/* ---- the warden speaks ---- */

/* Once, and once more when it is not waited any more. */
static void say_stopping(struct process *p, bool graceful)
{
	struct log_line l;

	if (p->hasty || (p->node.stopping && graceful))
		return;
	p->hasty = !graceful;
	log_begin(&l, LOG_INFO, "sip", "stopping");
	log_str(&l, "mode", graceful ? "drain" : "now");
	if (p->node.flow_stats)
		log_u64(&l, "requests", stats_sum(p->node.flow_stats, FLOW_CALLS));
	log_end(&l);
}

static void stop(struct process *p, bool graceful)
{
	say_stopping(p, graceful);
	p->node.stopping = true;
	for (unsigned i = 0; i < p->node.workers; i++) {
		if (p->node.worker[i].thread)
			worker_stop(&p->node.worker[i], !graceful);
	}
}

/* Returns 0, or a negative error that ends the process. */
static int handle(struct process *p, const struct ipc_msg *msg, int fd)
{
	struct node *n = &p->node;
	int err;

	switch ((enum ipc_type)msg->type) {
	case IPC_KEYS:
		err = take_keys(n, fd);
		close(fd);
		return err;
	case IPC_RING:
		err = n->ring ? MG_EEXIST : take_ring(n, fd);
		close(fd);
		return err;
	case IPC_GATE:
		err = n->gate ? MG_EEXIST : take_gate(n, fd, msg->number);
		close(fd);
		return err;
	case IPC_CONTROL: p->control_fd = fd; return 0;
	case IPC_QUARANTINE: add_quarantine(n, msg); return 0;
	case IPC_STOP: stop(p, msg->number == 1); return 0;
	case IPC_FAULTS: {
		char text[4096];
		ssize_t k = pread(fd, text, sizeof(text) - 1, 0);

		close(fd);
		text[k > 0 ? k : 0] = '\0';
		if (n->control)
			control_reloaded(n->control, 0, text[0] ? text : "refused");
		return 0;
	}
	case IPC_BEGIN:
	case IPC_FILE:
	case IPC_LISTENER:
	case IPC_LOCAL:
	case IPC_METRICS:
	case IPC_COMMIT:
		err = received_add(&p->got, msg, fd);
		if (err || !p->got.complete)
			return err;
		if (!n->running)
			return first(p);
		reload(p);
		return 0;
	case IPC_NONE:
	case IPC_READY:
	case IPC_REFUSED:
	case IPC_HEARTBEAT:
	case IPC_RELOAD:
	case IPC_STOPPING:
	case IPC_TYPES: break;
	}
	return MG_EPARSE;
}

/* Without a warden nobody would start us again, and half started nothing is to run: end, so that warden or service manager starts another. */
static void end(struct process *p)
{
	p->ended = true;
	stop(p, false);
	loop_stop(p->node.loop);
}

static void on_ipc(struct loop_watch *watch, unsigned events)
{
	struct process *p = container_of(watch, struct process, watch);
	struct ipc_msg msg;
	int fd, err;

	(void)events;
	while ((err = ipc_receive(p->node.ipc, true, &msg, &fd)) == 0) {
		err = handle(p, &msg, fd);
		if (err) {
			/* EAGAIN too may be what failed (setuid, threads): it is told from an empty socket by where it came from */
			say(LOG_ERROR, "ends", 0, NULL, err);
			end(p);
			return;
		}
	}
	if (err == -EAGAIN)
		return;
	say(LOG_ERROR, "warden_lost", 0, NULL, err);
	end(p);
}

/* ---- once a second ---- */

static uint64_t longest_busy_ms(struct node *n)
{
	uint64_t now = loop_clock_us(), longest = 0;
	const char *where;

	for (unsigned i = 0; i < n->workers; i++) {
		uint64_t since =
			n->worker[i].loop ? loop_busy_since_us(n->worker[i].loop, &where) : 0;

		if (since && now > since && now - since > longest)
			longest = now - since;
	}
	return longest / 1000;
}

static bool all_idle(struct node *n)
{
	for (unsigned i = 0; i < n->workers; i++) {
		if (!atomic_load(&n->worker[i].idle))
			return false;
	}
	return true;
}

static void on_heartbeat(struct wheel_timer *t, uint64_t now_ms)
{
	struct process *p = container_of(t, struct process, heartbeat);
	struct node *n = &p->node;
	bool often = p->next || n->stopping;

	if (p->ended)
		return; /* of the turn in which it ended */
	atomic_store_explicit(&n->resident, overload_resident(n->statm), memory_order_relaxed);
	log_sink_flush();
	if (!often &&
	    tell(n, IPC_HEARTBEAT, atomic_load(&n->generation), longest_busy_ms(n), -1) == -EPIPE)
		loop_stop(n->loop);
	check_entered(p);
	if (n->stopping && all_idle(n)) {
		loop_stop(n->loop);
		return;
	}
	wheel_add(loop_wheel(n->loop), t,
		  now_ms + (p->next       ? ENTER_CHECK_MS
			    : n->stopping ? STOP_CHECK_MS
					  : HEARTBEAT_MS));
}

/* ---- begin and end ---- */

static void finish(struct process *p)
{
	struct node *n = &p->node;

	for (unsigned i = 0; i < n->workers; i++) {
		if (!n->worker[i].thread)
			continue;
		worker_stop(&n->worker[i], true);
		worker_join(&n->worker[i]);
	}
	control_stop(n->control);
	if (n->running && atomic_load(&n->generation))
		generation_enter(NULL, &n->running->generation, THREAD_MAIN(n));
	received_done(&p->got);
	if (n->mailbox)
		mailbox_free(n->mailbox, flow_letter_drop);
	tp_shared_free(n->tp_shared);
	dns_shared_free(n->dns_shared);
	stats_free(n->tp_stats);
	stats_free(n->txn_stats);
	stats_free(n->route_stats);
	stats_free(n->chain_stats);
	stats_free(n->flow_stats);
	if (n->ring)
		munmap(n->ring, sizeof(*n->ring));
	gate_close(n->gate);
	if (n->statm >= 0)
		close(n->statm);
	loop_unwatch(&p->watch);
	wheel_del(loop_wheel(n->loop), &p->heartbeat);
	loop_free(n->loop);
	mg_wipe(&n->keys, sizeof(n->keys));
}

/* What all processes of the name, or of the service, get at once when the operator means the warden: it says by messages what is to be done, and kills when it must. */
static const int for_the_warden[] = {SIGHUP, SIGINT, SIGTERM};

int sip_process(int ipc)
{
	struct process *p = calloc(1, sizeof(*p));
	struct loop_options o = {.name = "sip main"};

	if (!p)
		return 1;
	prctl(PR_SET_NAME, "margrave: sip");
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(for_the_warden) / sizeof(for_the_warden[0]); i++)
		signal(for_the_warden[i], SIG_IGN);
	log_sink_open();
	p->node.ipc = ipc;
	p->control_fd = -1;
	p->node.statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	p->node.memory_auto = overload_memory_auto();
	p->node.started_us = loop_clock_us();
	pthread_mutex_init(&p->node.posting, NULL);
	received_init(&p->got);
	p->node.loop = loop_new(&o);
	int err = p->node.loop
			  ? loop_watch(p->node.loop, &p->watch, ipc, LOOP_READ, on_ipc, "warden")
			  : MG_ENOMEM;
	if (err == 0) {
		wheel_timer_init(&p->heartbeat, on_heartbeat);
		wheel_add(loop_wheel(p->node.loop), &p->heartbeat,
			  loop_now_ms(p->node.loop) + HEARTBEAT_MS);
		err = loop_run(p->node.loop);
		finish(p);
		if (p->node.stopping)
			say(LOG_INFO, "stopped", 0, NULL, 0);
	}
	bool good = err == 0 && !p->ended;
	pthread_mutex_destroy(&p->node.posting);
	free(p);
	return good ? 0 : 1;
}
