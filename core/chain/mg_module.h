/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * mg_module: all that a module sees. A module is one folder and one exported descriptor: name, ABI version, options,
 * counters, and hooks by phase. Built-in modules are linked in; others are shared objects that the configuration names. A
 * module never includes another module's header: they meet in attributes on the request and in roles that one provides
 * and others ask for. docs/adding-a-module.md has a complete example.
 *
 * A hook runs in the worker that owns the call and must not block. What it takes from the request's arena goes with the
 * request.
 */
#ifndef MG_CHAIN_MG_MODULE_H
#define MG_CHAIN_MG_MODULE_H

#include "base/addr.h"
#include "base/arena.h"
#include "base/limit.h"
#include "base/log.h"
#include "base/map.h"
#include "base/rand.h"
#include "base/stats.h"
#include "base/wheel.h"
#include "conf/schema.h"
#include "sip/build.h"
#include "sip/check.h"
#include "sip/edit.h"
#include "sip/message.h"
#include "sip/param.h"

/* Changes whenever a struct or function here changes its meaning. A module of another version is refused. */
#define MG_ABI_VERSION 1

/* What is known by then, and what a hook may do:
 *
 * ARRIVAL    A datagram or a new connection, its source and zone only. NEXT or DROP. Costs nothing, makes nothing.
 * MESSAGE    A request or response was parsed and has the right form; nothing is kept yet, and no state may be made for
 *            it. On the worker that received it, which may not be the one that owns the call. NEXT, REJECT (statelessly),
 *            DROP.
 * REQUEST    A new request on its owner: who is it, may they? Out of a dialog or (mg_in_dialog) in one. Edits through
 *            mg_view. Any verdict. Before a server transaction exists, so that refusals are stateless; the first WAIT makes
 *            one. DONE: it was answered, or is an ACK.
 * TARGET     Where to: mg_target_add, mg_redirect. Requests in a dialog that carry our route don't come here. Any verdict.
 * BRANCH     One target, before each sending to it (fail-over too): edits through mg_branch_view go to this branch only.
 *            NEXT, DROP (not this target), WAIT.
 * REPLY      A response on its way back, ours or from a branch: edits through mg_reply_view. Modules in reverse order. NEXT
 *            or DROP; never WAIT: responses go back in the order in which they came, and a final one at once.
 * FAILURE    All branches failed, `status` is the best response: more targets? mg_target_add and DONE; NEXT: send it.
 * SEND       The final bytes of every message leaving, also those made here. NEXT or DROP (a leak guard). Modules in reverse
 *            order.
 * FINAL      The final response was sent, or the request ended without one (status 0): account. Verdict ignored.
 */
enum mg_phase {
	MG_ARRIVAL,
	MG_MESSAGE,
	MG_REQUEST,
	MG_TARGET,
	MG_BRANCH,
	MG_REPLY,
	MG_FAILURE,
	MG_SEND,
	MG_FINAL,
	MG_PHASES
};

/* ---- verdicts ---- */

enum mg_kind { MG_NEXT, MG_DONE, MG_REJECT, MG_DROP, MG_WAIT };

/* A verdict that a phase does not know (its comment above names those it does) is a fault of the module: counted, logged,
 * and taken for DROP, REJECT 500 or, in REPLY and FAILURE, NEXT.
 *
 * status         REJECT: 300 to 699. DROP in BRANCH: what this target counts as, 0: as if it were not there.
 * reason         A constant, nothing copies it. REJECT: reason phrase, NULL: the registered one. DROP: token for log and
 *                counter [a-z0-9_], NULL: the module's name.
 * retry_after_s  REJECT: a Retry-After when not 0.
 */
struct mg_verdict {
	uint8_t kind; /* enum mg_kind */
	uint16_t status;
	const char *reason;
	uint32_t retry_after_s;
};

static inline struct mg_verdict mg_next(void)
{
	return (struct mg_verdict){.kind = MG_NEXT};
}
static inline struct mg_verdict mg_done(void)
{
	return (struct mg_verdict){.kind = MG_DONE};
}
static inline struct mg_verdict mg_reject(uint16_t status, const char *reason)
{
	return (struct mg_verdict){.kind = MG_REJECT, .status = status, .reason = reason};
}
static inline struct mg_verdict mg_drop(const char *reason)
{
	return (struct mg_verdict){.kind = MG_DROP, .reason = reason};
}
static inline struct mg_verdict mg_waiting(void)
{
	return (struct mg_verdict){.kind = MG_WAIT};
}

/* ---- zones, sources ---- */

struct mg_worker; /* the worker that runs: time, timers, chance */

enum mg_trust { MG_PHONES, MG_CARRIER, MG_INTERNET };

#define MG_ZONES_MAX 256

struct mg_zone {
	const char *name;
	uint16_t index; /* below MG_ZONES_MAX, the same in every configuration of the process */
	enum mg_trust trust;
};

/* Where something came from.
 *
 * zone       NULL when its listener is gone since.
 * proven     It has shown that it receives at its address: a connection, or an answer that only a receiver can give.
 * known      A prefix of an access list, a trunk, one that authenticated lately. ARRIVAL hooks may set it.
 */
struct mg_source {
	struct addr addr;
	const struct mg_zone *zone;
	uint8_t transport; /* enum sip_transport */
	bool proven, known;
	uint16_t listener; /* its number, for mg_shut */
};

/* ---- a module's own things ---- */

uint64_t mg_now_ms(const struct mg_worker *worker); /* of a clock that never goes back */
struct wheel *mg_wheel(struct mg_worker *worker);
struct rnd *mg_rnd(struct mg_worker *worker);
unsigned mg_worker_index(const struct mg_worker *worker);
/* Zones of the configuration that is current in this worker, in its order, whatever their index; NULL beyond the last. */
const struct mg_zone *mg_zone_at(const struct mg_worker *worker, unsigned place);

/* What each hook gets first: this module in this worker and configuration. */
struct mg_self {
	const void *conf;         /* as the option table filled it */
	void *state;              /* what `load` returned; shared by all workers */
	void *local;              /* what `worker` returned; this worker's alone */
	struct mg_worker *worker; /* NULL in `load` */
	struct stats *counters;
	const char *name;
};

/* Whether another module that provides the role "sources" knows the address as a source in `zone` (NULL: in any). Some
 * tens of nanoseconds for each; for hooks that are about to refuse. */
bool mg_known(const struct mg_self *self, const struct addr *addr, const struct mg_zone *zone);

static inline void mg_count(struct mg_self *self, size_t counter)
{
	stats_add(self->counters, mg_worker_index(self->worker), counter, 1);
}

/* ---- a request ---- */

struct mg_request;
struct mg_branch;
struct mg_reply;

/* The message as it arrived; in MESSAGE for responses too. */
struct sip_msg *mg_msg(struct mg_request *r);
/* And as it is by now. Frozen once the first branch is made; NULL in MESSAGE. */
struct sip_view *mg_view(struct mg_request *r);
struct arena *mg_arena(struct mg_request *r); /* NULL in MESSAGE */
const struct mg_source *mg_source(const struct mg_request *r);
/* The source has authenticated: it counts as known from here on, and every provider of the role "sources" learns it. */
void mg_set_known(struct mg_request *r);
/* The Request-URI, by now, names ourselves and not a place to go on to. */
bool mg_to_us(const struct mg_request *r);

/* In a dialog: a token of ours in its route opened and matches this Call-ID and tag. From which side: true when from the
 * one that began it. */
bool mg_in_dialog(const struct mg_request *r);
bool mg_from_caller(const struct mg_request *r);
/* Zone the dialog leads to, as the token says; NULL when not in a dialog. */
const struct mg_zone *mg_dialog_zone(const struct mg_request *r);
/* It has a To tag but is not in a dialog of ours. */
bool mg_stray(const struct mg_request *r);

/* A number from 0 to `bound` - 1 (bound at least 1), each as likely, to choose among equals by: hops, servers. It comes again for every message of the
 * transaction: without state a retransmission, a CANCEL and the ACK of a refusal have to go where the request went (RFC 3261 §16.11), and come here as it did;
 * rand_below would send them elsewhere. Nobody outside can foresee it. The rest of the choice must not depend on what changes meanwhile, such as who failed lately.
 *
 * what       Tells the draws of one request apart; those of other modules are others anyway.
 */
uint32_t mg_draw(const struct mg_self *self, struct mg_request *r, uint32_t what, uint32_t bound);

/* A response of our own with more than status and reason: header lines to add to whatever REJECT or mg_answer sends.
 * `name` counts when `id` is SIP_H_OTHER. Copied.
 *
 * Returns    0, MG_ENOMEM, MG_ELIMIT (eight are there), MG_EINVAL for text that breaks out of its line, and for Via, From,
 *            To, Call-ID, CSeq and Content-Length, which are made here.
 */
MG_MUST_CHECK int mg_answer_header(struct mg_request *r, enum sip_hid id, struct sv name,
				   struct sv value);
/* Answer now (2xx too), with headers given by mg_answer_header; return mg_done() after a final one. 1xx (but for 100) and 2xx make
 * a server transaction, refusals don't.
 *
 * reason     NULL: the registered one. Copied, as are `type` (Content-Type; empty: none) and `body` as far as needed.
 * Returns    0; MG_ELIMIT when there is no room for a server transaction (then REJECT 503); MG_EINVAL for 100 and what is
 *            no status, in MESSAGE, for an ACK, and behind a final response.
 */
MG_MUST_CHECK int mg_answer(struct mg_request *r, unsigned status, const char *reason,
			    struct sv type, struct sv body);

/* ---- targets ---- */

/* Where a request may go.
 *
 * uri        Becomes the Request-URI; empty: the present one. Copied.
 * next_hop   URI to send to, put on as a Route when `as_route`, else only looked up; empty: the Route or Request-URI. Copied.
 * q          0 to 1000; higher first, equal ones in parallel.
 * zone       To leave by; NULL: what fits best.
 * ring_s     Give up on this group after so many seconds, 0: timer C.
 * tag        The module's own, read again in BRANCH.
 */
struct mg_target {
	struct sv uri, next_hop;
	bool as_route;
	uint16_t q;
	const struct mg_zone *zone;
	uint32_t ring_s;
	void *tag;
};
/* Add a target. Returns 0, MG_ELIMIT (ten are there), MG_ENOMEM, MG_EINVAL (no sip, sips, tel or urn URI; a next hop that is no
 * sip or sips URI; q above 1000; in MESSAGE). */
MG_MUST_CHECK int mg_target_add(struct mg_request *r, const struct mg_target *target);
unsigned mg_targets(const struct mg_request *r);
/* Answer 302 (or 301, 300, 380, 305) with the targets as Contacts, in their order of q, instead of calling them; return
 * mg_done() afterwards. Returns 0, MG_EINVAL (no target, another status, an answer was given) or MG_ENOMEM. */
MG_MUST_CHECK int mg_redirect(struct mg_request *r, unsigned status);

/* ---- branches and replies ---- */

struct sip_view *mg_branch_view(struct mg_branch *b);
const struct mg_target *mg_branch_target(const struct mg_branch *b);
const struct addr *mg_branch_peer(const struct mg_branch *b); /* the next hop that was found */
uint8_t mg_branch_transport(const struct mg_branch *b);
const struct mg_zone *mg_branch_zone(const struct mg_branch *b);

struct sip_view *mg_reply_view(struct mg_reply *p);
struct mg_branch *mg_reply_branch(struct mg_reply *p); /* NULL: a response of our own */

struct mg_sending {
	struct sv bytes;
	struct addr peer, local;
	const struct mg_zone *zone;
	uint8_t transport;
};

/* ---- waiting ---- */

#define MG_WAIT_MAX_MS 180000

/* Put the request aside, in REQUEST, TARGET or BRANCH; return mg_waiting() from the same hook. Later hooks of the same
 * branch wait with it; a CANCEL meanwhile answers 487 and makes the resumption a no-op. Not resumed within `timeout_ms` (at
 * most MG_WAIT_MAX_MS), it ends as if the hook had said REJECT `status` (400 to 699), in BRANCH DROP with that status.
 *
 * Returns    a handle for mg_resume; 0 when too many are waiting or there is no room for a server transaction (then REJECT
 *            503), in another phase (REPLY too: a fault of the module, counted and logged like a verdict that the phase does not
 *            know), and when this hook has one already.
 */
typedef uint64_t mg_wait;
MG_MUST_CHECK mg_wait mg_suspend(struct mg_request *r, uint32_t timeout_ms, uint16_t status);
/* Go on with `verdict` as if the hook had returned it (not WAIT). A handle that has ended is no error.
 *
 * Any thread; but none other than the worker's own once `worker_end` has returned there. In the worker's own thread the rest
 * of the request's way runs before this returns, and whatever belongs to the request may be gone: let it be the last thing a
 * callback does. (Within the hook that suspended, it runs when the hook has returned.)
 */
void mg_resume(mg_wait wait, struct mg_verdict verdict);
/* The request a handle belongs to, in its worker's thread and for reading or editing right before mg_resume; NULL when it has
 * ended. */
struct mg_request *mg_waiting_request(struct mg_worker *worker, mg_wait wait);

/* ---- attributes: what modules tell each other about a request ---- */

enum mg_attr_type { MG_ATTR_BOOL, MG_ATTR_INT, MG_ATTR_TEXT, MG_ATTR_ADDR };
struct mg_setup; /* during `load` */

/* Declare an attribute by name ("auth.user"), a constant. Whoever declares the same name gets the same number; another type is
 * a fault of the configuration. Returns a number >= 0, MG_EINVAL or MG_ELIMIT (64 attributes). */
MG_MUST_CHECK int mg_attr(struct mg_setup *setup, const char *name, enum mg_attr_type type);
/* Setting returns 0, MG_ENOMEM, or MG_EINVAL for an attribute of another type and in MESSAGE; texts are copied. `int` serves
 * BOOL too. Reading returns whether it is set; `out` is untouched otherwise. */
MG_MUST_CHECK int mg_attr_set_int(struct mg_request *r, int attr, int64_t value);
MG_MUST_CHECK int mg_attr_set_text(struct mg_request *r, int attr, struct sv value);
MG_MUST_CHECK int mg_attr_set_addr(struct mg_request *r, int attr, const struct addr *value);
bool mg_attr_int(const struct mg_request *r, int attr, int64_t *out);
bool mg_attr_text(const struct mg_request *r, int attr, struct sv *out);
bool mg_attr_addr(const struct mg_request *r, int attr, struct addr *out);

/* ---- roles: what one module does for others ---- */

/* Provide a role, in `load`: `functions` is a struct that name and version describe, constant; `self` is given to its functions.
 * Several may provide the same role; the last in the order of the configuration is what mg_role finds. Returns 0 or MG_ELIMIT. */
MG_MUST_CHECK int mg_role_provide(struct mg_setup *setup, const char *name, unsigned version,
				  const void *functions, void *self);
/* Find one, in `ready`; it holds until `unload`. NULL when nobody provides that version. */
const void *mg_role(struct mg_setup *setup, const char *name, unsigned version, void **self);

/* Role "sources" version 1: who is known. Any thread; must be quick and take no lock. All providers are asked. */
#define MG_SOURCES_ROLE "sources"
struct mg_sources_role {
	/* In `zone`; NULL: in any. */
	bool (*known)(void *self, const struct addr *addr, const struct mg_zone *zone);
	/* It has authenticated (mg_set_known). May be NULL. */
	void (*learn)(void *self, const struct addr *addr, uint64_t now_ms);
};

/* Role "certificates" version 1: whose certificate makes a source known. All providers are asked. */
#define MG_CERTIFICATES_ROLE "certificates"
struct mg_certificate {
	/* Whether it is for this SIP domain (RFC 5922 §7). */
	bool (*names)(const void *of, struct sv domain);
	const void *of;
};
struct mg_certificates_role {
	/* A client at `addr` has shown this certificate, which one of the zone's authorities vouches for. Any worker's thread, once a connection and
	 * configuration. */
	bool (*known)(void *self, const struct mg_certificate *certificate, const struct addr *addr,
		      const struct mg_zone *zone);
};

/* Role "answers" version 1: whether a stranger may be answered now (threat T-10). All providers are asked, all must agree. */
#define MG_ANSWERS_ROLE "answers"
struct mg_answers_role {
	/* A stateless answer to `source` is owed for a request. Any worker's thread; must be quick and take no lock. */
	bool (*may)(void *self, const struct mg_source *source, uint64_t now_ms);
};

/* Role "offences" version 1: what is held against a source, beside how many packets it sends. All providers are told. */
#define MG_OFFENCES_ROLE "offences"
enum mg_offence {
	MG_OFFENCE_NOT_SIP,   /* bytes that are no SIP message at all */
	MG_OFFENCE_MALFORMED, /* SIP that breaks its grammar or a limit */
	MG_OFFENCE_TOKEN,     /* a token of ours that did not open (F-4) */
};
struct mg_offences_role {
	/* Any worker's thread, at most once a message; must be quick and take no lock. */
	void (*seen)(void *self, const struct mg_source *source, enum mg_offence offence,
		     uint64_t now_ms);
};

/* ---- what the kernel refuses for us ----
 *
 * Where the system lets us, a filter on our datagram sockets drops what a module has shut out, before it wakes anybody or takes the room of others. */

enum mg_shut_why { MG_SHUT_RATE, MG_SHUT_DENIED, MG_SHUT_WHYS }; /* counted apart */

/* Drop what comes from the address of `source`, to the listener it came to, until `until_us` of mg_now_ms's clock (in microseconds): at most ten seconds or the next reload, and
 * only what would be dropped here as well, for nobody looks at it. Does nothing for streams and where there is no filter. */
void mg_shut(struct mg_worker *worker, const struct mg_source *source, enum mg_shut_why why,
	     uint64_t until_us);
/* Let pass again what comes from that address. */
void mg_unshut(struct mg_worker *worker, const struct addr *source);
/* Datagrams that the filter has dropped for that reason, of all workers, since the daemon began. */
uint64_t mg_shut_dropped(const struct mg_worker *worker, enum mg_shut_why why);

/* ---- the security log ----
 *
 * One line an event, "sec ev=flood src=192.0.2.7:5061 tr=udp m=INVITE why=rate act=throttle proof=0 n=1": the first of a kind
 * at once, what follows within ten seconds in one line with its number and the last source. */

struct mg_sec_event {
	const char *ev, *why; /* constants of [a-z0-9_] */
	const char *act;      /* drop, throttle, close, a status: at most 15 bytes */
	const struct mg_source *source;
	struct sv method; /* empty: not known */
};
/* A kind of event in one worker; lies in the module's `local`; zeros to begin with. Fields are the log's own. */
struct mg_sec {
	struct log_limit limit;
	const char *ev, *why;
	char act[16];
	struct addr src;
	uint8_t transport;
	bool proven;
	uint8_t method_n;
	char method[32];
};
void mg_sec(const struct mg_worker *worker, struct mg_sec *kind, const struct mg_sec_event *event);
/* Of a kind that was said before, `n` more happened where nobody saw them: they are told with those that follow. */
void mg_sec_more(struct mg_sec *kind, uint64_t n);
/* From `tick`: say what was held back, if its time has come. */
void mg_sec_flush(const struct mg_worker *worker, struct mg_sec *kind);

/* ---- the descriptor ---- */

/* Say why `load` or `ready` fails, for the operator; with the file and line of the module's group. */
void mg_setup_fault(struct mg_setup *setup, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* NULL: no such zone. */
const struct mg_zone *mg_setup_zone(struct mg_setup *setup, const char *name);
/* The same for a setting that must name one: NULL is said, as a fault of what `format` makes, as "zones[2]". */
const struct mg_zone *mg_setup_zone_at(struct mg_setup *setup, const char *name, const char *format,
				       ...) __attribute__((format(printf, 3, 4)));
unsigned mg_setup_workers(const struct mg_setup *setup);

/* What most modules do in `worker`: self->local is `size` bytes of zeros, or a copy of what the worker had before the reload, which must be fit for being
 * copied. Returns 0 or MG_ENOMEM. */
MG_MUST_CHECK int mg_local_begin(struct mg_self *self, const struct mg_self *before, size_t size);
/* And what they give as `worker_end`. */
void mg_local_end(struct mg_self *self);

struct mg_module {
	uint32_t abi;     /* MG_ABI_VERSION; stays the first member in all versions */
	const char *name; /* [a-z0-9_] */
	const char *help;
	/* Without "name" and "file", which every module's group has. NULL: none. */
	const struct conf_table *options;
	/* Names begin with the module's: "acl_denied_total". They go on over a reload. */
	const struct stats_desc *counters;
	size_t n_counters;

	/* Begin with a configuration: once at start and once a reload. `before` is this module in the running configuration,
	 * NULL at first: state that must outlive a reload (tables of sources) may be shared with it by a count of the module's
	 * own. Returns 0, self->state set; else a negative error, having cleaned up, best after mg_setup_fault. May be NULL. */
	int (*load)(struct mg_setup *setup, struct mg_self *self, const struct mg_self *before);
	/* All modules are loaded: find roles. May be NULL. */
	int (*ready)(struct mg_setup *setup, struct mg_self *self);
	void (*unload)(struct mg_self *self);
	/* A worker begins with the configuration, in its own thread: self->local set. `before` as above, with what it has in
	 * this worker. May be NULL. */
	int (*worker)(struct mg_self *self, const struct mg_self *before);
	void (*worker_end)(struct mg_self *self);
	void (*tick)(struct mg_self *self, uint64_t now_ms); /* once a second in each worker */

	struct mg_verdict (*arrival)(struct mg_self *self, struct mg_source *source, size_t len);
	struct mg_verdict (*message)(struct mg_self *self, struct mg_request *r);
	struct mg_verdict (*request)(struct mg_self *self, struct mg_request *r);
	struct mg_verdict (*target)(struct mg_self *self, struct mg_request *r);
	struct mg_verdict (*branch)(struct mg_self *self, struct mg_request *r,
				    struct mg_branch *b);
	struct mg_verdict (*reply)(struct mg_self *self, struct mg_request *r, struct mg_reply *p);
	struct mg_verdict (*failure)(struct mg_self *self, struct mg_request *r, unsigned status);
	struct mg_verdict (*send)(struct mg_self *self, const struct mg_sending *sending);
	void (*final)(struct mg_self *self, struct mg_request *r, unsigned status);
};

/* A shared object exports its descriptor under this name. */
#define MG_MODULE_SYMBOL "mg_module"

#endif
