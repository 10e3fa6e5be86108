/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_steps: RFC 3263 §4: from a host name to hops. The steps are gone through from the begin whenever there is news; what has
 * been asked is found again in the job, so this reads like the RFC and holds no state of its own:
 *
 *   a port is said               A and AAAA of the host
 *   a transport is said          SRV of _service._transport.host
 *   neither                      NAPTR of the host, its best services' SRV; without NAPTR the SRV of all we can do
 *   no SRV                       A and AAAA of the host, default transport and port
 *   SRV                          A and AAAA of the targets, in their order
 *
 * A server that does not answer NAPTR or SRV at all must not stop a call: after one timeout the steps go on as if there were
 * none, and come back to it when it answers after all.
 */
#include "transport/dns_priv.h"
#include "transport/dns_select.h"

struct target {
	struct sv name;
	uint16_t port;
	uint8_t transport;
};

/* A kind of service with the name of its SRV records. */
struct service {
	struct sv name;
	uint16_t
		rank; /* services of one rank are alternatives; a further rank is for when nothing came of those before */
	uint8_t transport;
};

struct steps {
	struct dns_job *job;
	uint64_t now_ms;
	unsigned n_services, n_targets;
	bool looked;  /* there were targets whose addresses matter */
	bool refused; /* there are SRV records, and they say that there is no service */
	struct service service[DNS_RECORDS_MAX];
	struct target target[DNS_HOPS_MAX];
};

enum step { STEP_NOTHING, STEP_WAIT, STEP_DONE };

/* ---- questions ---- */

static struct dns_question *find_question(struct dns_job *job, struct sv name, enum dns_type type)
{
	for (unsigned i = 0; i < job->n_questions; i++) {
		struct dns_question *q = &job->question[i];

		if (q->type == type && sv_eq(q->name, name))
			return q;
	}
	return NULL;
}

/* The question of that name and type, asked if it has not been; NULL when this look-up has asked enough. */
static struct dns_question *question(struct steps *s, struct sv name, enum dns_type type)
{
	struct dns_job *job = s->job;
	struct dns_question *q = find_question(job, name, type);

	if (q || job->n_questions == DNS_QUESTIONS_MAX)
		return q;
	q = &job->question[job->n_questions++];
	*q = (struct dns_question){.job = job, .name = name, .type = type};
	dns_question_ask(job->dns, q);
	return q;
}

static void wake_at(struct steps *s, uint64_t at_ms)
{
	if (at_ms < s->job->wake_ms)
		s->job->wake_ms = at_ms;
}

/* Whether to wait for an answer: as long as one try of a server takes. Then an old answer serves. */
static bool awaited(struct steps *s, struct dns_question *q)
{
	if (!q || q->settled)
		return false;
	uint64_t patience_ms = q->since_ms + s->job->dns->conf.timeout_ms;
	if (s->now_ms < patience_ms && s->now_ms < s->job->deadline_ms) {
		wake_at(s, patience_ms);
		return true;
	}
	if (q->old)
		dns_question_give_up(q);
	return false;
}

static const struct dns_set *found(const struct dns_question *q)
{
	return q && q->settled && dns_set_kind(q->set) == DNS_FOUND ? q->set : NULL;
}

static struct dns_draw draw_for(const struct dns_job *job, unsigned what)
{
	return (struct dns_draw){job->seed + what * UINT64_C(0xd1342543de82ef95)};
}

/* ---- addresses ---- */

static void add_hop(struct dns_lookup *lookup, const struct target *t, const struct addr *addr)
{
	struct dns_hop hop = {.addr = *addr, .transport = t->transport};

	hop.addr.port = t->port;
	for (unsigned i = 0; i < lookup->n; i++) {
		if (addr_eq(&lookup->hop[i].addr, &hop.addr) &&
		    lookup->hop[i].transport == hop.transport)
			return;
	}
	if (lookup->n < DNS_HOPS_MAX)
		lookup->hop[lookup->n++] = hop;
}

/* The addresses of a target, IPv6 and IPv4 by turns (RFC 7984 §3, RFC 8305 §4). */
static void add_hops(struct steps *s, unsigned which, const struct dns_set *six,
		     const struct dns_set *four)
{
	struct dns_draw draw = draw_for(s->job, which + 8);
	uint8_t order6[DNS_RECORDS_MAX], order4[DNS_RECORDS_MAX];
	unsigned n6 = six ? dns_address_order(six->rec, six->n, &draw, order6) : 0;
	unsigned n4 = four ? dns_address_order(four->rec, four->n, &draw, order4) : 0;

	for (unsigned i = 0; i < n6 || i < n4; i++) {
		if (i < n6)
			add_hop(s->job->lookup, &s->target[which], &six->rec[order6[i]].addr);
		if (i < n4)
			add_hop(s->job->lookup, &s->target[which], &four->rec[order4[i]].addr);
	}
}

struct families {
	struct dns_question *six, *four;
};

static struct families ask_addresses(struct steps *s, unsigned which)
{
	struct families f = {0};

	if (s->job->v6)
		f.six = question(s, s->target[which].name, DNS_AAAA);
	if (s->job->v4)
		f.four = question(s, s->target[which].name, DNS_A);
	return f;
}

static bool pending(const struct dns_question *q)
{
	return q && !q->settled;
}

/* Whether to wait for addresses still. With none as long as there is time; else while the target that is to be tried first has
 * its patience, and when that one is known a moment for the others.
 */
static bool wait_for_addresses(struct steps *s, bool first_pending, bool first_waits)
{
	struct dns_job *job = s->job;

	if (s->now_ms >= job->deadline_ms)
		return false;
	if (!job->lookup->n)
		return true;
	if (first_pending)
		return first_waits;
	if (!job->found_ms)
		job->found_ms = s->now_ms;
	wake_at(s, job->found_ms + DNS_GRACE_MS);
	return s->now_ms < job->found_ms + DNS_GRACE_MS;
}

/* Addresses of all targets there are. All are asked for before any is waited for. */
static enum step addresses(struct steps *s)
{
	struct dns_lookup *lookup = s->job->lookup;
	struct families f[DNS_HOPS_MAX];
	bool any_pending = false, first_pending = false, first_waits = false;

	lookup->n = 0;
	s->looked = true;
	for (unsigned i = 0; i < s->n_targets; i++)
		f[i] = ask_addresses(s, i);
	for (unsigned i = 0; i < s->n_targets; i++) {
		bool waits6 = awaited(s, f[i].six), waits4 = awaited(s, f[i].four);
		bool waits = pending(f[i].six) || pending(f[i].four);

		add_hops(s, i, found(f[i].six), found(f[i].four));
		any_pending |= waits;
		if (!lookup->n) {
			first_pending |= waits;
			first_waits |= waits6 || waits4;
		}
	}
	if (any_pending && wait_for_addresses(s, first_pending, first_waits))
		return STEP_WAIT;
	return lookup->n ? STEP_DONE : STEP_NOTHING;
}

/* The host itself. */
static enum step host_addresses(struct steps *s)
{
	struct dns_job *job = s->job;
	enum sip_transport transport = (enum sip_transport)job->transport;

	if (transport == SIP_TRANSPORT_NONE)
		transport = dns_default_transport(job->can, job->sips);
	s->n_targets = 1;
	s->target[0] = (struct target){
		job->host, job->port ? job->port : dns_default_port(transport), (uint8_t)transport};
	return addresses(s);
}

/* ---- services ---- */

static const struct {
	enum sip_transport transport;
	struct sv prefix;
} kinds[3] = {
	{SIP_TRANSPORT_UDP, SV_INIT("_sip._udp.")},
	{SIP_TRANSPORT_TCP, SV_INIT("_sip._tcp.")},
	{SIP_TRANSPORT_TLS, SV_INIT("_sips._tcp.")},
};

/* The service of a transport at the host; none when the name would be too long for one. */
static void add_own_service(struct steps *s, unsigned kind)
{
	struct dns_job *job = s->job;
	struct sv prefix = kinds[kind].prefix;
	char *text = job->service_text[kind];

	if (prefix.n + job->host.n > DNS_NAME_MAX)
		return;
	memcpy(text, prefix.p, prefix.n);
	memcpy(text + prefix.n, job->host.p, job->host.n);
	s->service[s->n_services++] = (struct service){.name = sv_of(text, prefix.n + job->host.n),
						       .transport = (uint8_t)kinds[kind].transport};
}

static void own_services(struct steps *s)
{
	const struct dns_job *job = s->job;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		enum sip_transport transport = kinds[i].transport;

		if (job->transport != SIP_TRANSPORT_NONE && job->transport != transport)
			continue;
		if ((job->can & 1u << transport) && (!job->sips || transport == SIP_TRANSPORT_TLS))
			add_own_service(s, i);
	}
}

static void naptr_services(struct steps *s, const struct dns_set *set)
{
	uint8_t order[DNS_RECORDS_MAX];
	unsigned n = dns_naptr_order(set->rec, set->n, s->job->can, s->job->sips, order);

	for (unsigned i = 0; i < n; i++) {
		const struct dns_rec *rec = &set->rec[order[i]];

		s->service[s->n_services++] =
			(struct service){rec->name, rec->rank, rec->transport};
	}
}

/* Find out which services there may be. Returns whether that is known. */
static bool services(struct steps *s)
{
	if (s->job->transport == SIP_TRANSPORT_NONE) {
		struct dns_question *naptr = question(s, s->job->host, DNS_NAPTR);

		if (awaited(s, naptr))
			return false;
		if (found(naptr))
			naptr_services(s, found(naptr));
	}
	if (s->n_services == 0)
		own_services(s);
	return true;
}

static void add_targets(struct steps *s, const struct service *service, const struct dns_set *set)
{
	struct dns_draw draw = draw_for(s->job, service->transport);
	uint8_t order[DNS_RECORDS_MAX];
	unsigned n = dns_srv_order(set->rec, set->n, &draw, order);

	s->refused |= n == 0;
	for (unsigned i = 0; i < n && s->n_targets < DNS_HOPS_MAX; i++) {
		const struct dns_rec *rec = &set->rec[order[i]];

		s->target[s->n_targets++] =
			(struct target){rec->name, rec->port, service->transport};
	}
}

/* The SRV records of services that are alternatives, then their targets' addresses. */
static enum step service_targets(struct steps *s, const struct service *service, unsigned n)
{
	bool wait = false;

	s->n_targets = 0;
	for (unsigned i = 0; i < n; i++)
		(void)question(s, service[i].name, DNS_SRV);
	for (unsigned i = 0; i < n; i++)
		wait |= awaited(s, find_question(s->job, service[i].name, DNS_SRV));
	if (wait)
		return STEP_WAIT;
	for (unsigned i = 0; i < n; i++) {
		const struct dns_set *set = found(find_question(s->job, service[i].name, DNS_SRV));

		if (set)
			add_targets(s, &service[i], set);
	}
	return s->n_targets ? addresses(s) : STEP_NOTHING;
}

static unsigned same_rank(const struct service *service, unsigned n)
{
	unsigned same = 1;

	while (same < n && service[same].rank == service[0].rank)
		same++;
	return same;
}

static enum step all_services(struct steps *s)
{
	unsigned n;

	if (!services(s))
		return STEP_WAIT;
	for (unsigned i = 0; i < s->n_services; i += n) {
		n = same_rank(&s->service[i], s->n_services - i);
		enum step step = service_targets(s, &s->service[i], n);

		if (step != STEP_NOTHING)
			return step;
	}
	if (s->looked || s->refused)
		return STEP_NOTHING;
	return host_addresses(s);
}

/* ---- the end ---- */

static bool is_address(const struct dns_question *q)
{
	return q->type == DNS_A || q->type == DNS_AAAA;
}

static int error_of(const struct steps *s)
{
	int err = MG_ENOENT;

	for (unsigned i = 0; i < s->job->n_questions; i++) {
		const struct dns_question *q = &s->job->question[i];

		if (q->over_limit)
			return MG_ELIMIT;
		if (is_address(q) && !s->looked) /* asked before it turned out not to matter */
			continue;
		if (!q->settled || dns_set_kind(q->set) == DNS_LOST)
			err = -ETIMEDOUT;
	}
	return err;
}

/* An answer that the steps went on without. Of addresses they waited for all that matter. */
static bool services_pending(const struct dns_job *job)
{
	for (unsigned i = 0; i < job->n_questions; i++) {
		const struct dns_question *q = &job->question[i];

		if (!q->settled && !is_address(q))
			return true;
	}
	return false;
}

bool dns_steps(struct dns_job *job, uint64_t now_ms)
{
	struct steps s = {.job = job, .now_ms = now_ms};

	job->wake_ms = job->deadline_ms;
	job->lookup->n = 0;
	enum step step = job->port ? host_addresses(&s) : all_services(&s);
	if (step == STEP_NOTHING && services_pending(job)) /* there may be something after all */
		step = STEP_WAIT;
	if (step == STEP_WAIT && now_ms < job->deadline_ms)
		return false;
	job->lookup->err = job->lookup->n ? 0 : error_of(&s);
	dns_job_sort(job, now_ms);
	return true;
}
