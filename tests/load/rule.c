/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * rule: what RFC 3261 lets a proxy change in the generator's messages, and nothing else. Compares
 * with what message.c makes. Called for each message that belongs to a call.
 */
#include "load/load.h"

#define COOKIE "z9hG4bK"

#define RULE_TEXT(name, text) text,
static const char *const TEXTS[] = {RULES(RULE_TEXT)};
#undef RULE_TEXT

void rule_broken(struct load *l, enum rule r, struct sv message)
{
	if (l->tally.rules[r]++ == 0)
		fprintf(stderr, "mgload: %s:\n%.*s\n", TEXTS[r], SV_ARG(message));
}

/* The name of a call in tags and branches: letter, digits, run. */
struct name {
	char text[1 + MESSAGE_NAME];
};

static struct name name_of(const struct load *l, uint64_t id)
{
	struct name name;

	text_hex(name.text + 1, id);
	memcpy(name.text + 17, l->msg.run, MESSAGE_RUN);
	return name;
}

static bool is_name(struct name *name, struct sv text, char letter)
{
	name->text[0] = letter;
	return sv_eq(text, sv_of(name->text, sizeof(name->text)));
}

static bool is_tag(struct name *name, struct sv value, char letter)
{
	return is_name(name, text_param(value, SV(";tag=")), letter);
}

/* An entry is loose, and its host and port, behind a user part if any, are `host`. */
static bool is_route(struct sv entry, struct sv host)
{
	const char *end = entry.p + entry.n, *p = memmem(entry.p, entry.n, "sip", 3), *at, *q;

	if (!p || !memmem(entry.p, entry.n, ";lr", 3))
		return false;
	if (host.n == 0)
		return true;
	at = memchr(p, '@', (size_t)(end - p));
	p = at ? at + 1 : p + sv_find(sv_span(p, end), ':') + 1;
	for (q = p; q < end && *q != ';' && *q != '>'; q++)
		;
	return sv_eq(sv_span(p, q), host);
}

uint64_t rule_branch_hash(const struct load *l, const struct text *t)
{
	struct sv branch = text_param(t->via, SV(";branch="));

	return siphash_13(&l->key, branch.p, branch.n) | 1;
}

/* Without the user: a proxy may write its own anew in the response (§16.7 step 8). */
static uint64_t route_hash(const struct load *l, struct sv route)
{
	size_t at = sv_find(route, '@');

	if (at < route.n)
		route = sv_of(route.p + at, route.n - at);
	return siphash_13(&l->key, route.p, route.n);
}

uint64_t rule_routes_hash(const struct load *l, const struct text *t)
{
	uint64_t hash = t->record_routes;

	for (unsigned i = 0; i < t->record_routes && i < TEXT_ROUTES; i++)
		hash = hash * 31 + route_hash(l, t->record_route[i]);
	return hash;
}

uint64_t rule_branch(struct load *l, const struct text *t, struct sv message)
{
	uint64_t hash = rule_branch_hash(l, t), *seen = &l->branches[hash / 2 % LOAD_BRANCHES];

	if (*seen == hash)
		rule_broken(l, t->method == TEXT_ACK ? RULE_ack_branch_seen : RULE_branch_seen,
			    message);
	*seen = hash;
	return hash;
}

static void check(struct load *l, bool right, enum rule r, struct sv message)
{
	if (!right)
		rule_broken(l, r, message);
}

/* Request-URI of the INVITE: the call's digits in the place of the user. */
static bool is_invited(const struct load *l, const struct name *name, struct sv uri)
{
	struct sv rest = sv_of(l->msg.uas + 10, l->msg.uas_n - 10); /* behind "sip:callee" */

	return uri.n == 20 + rest.n && sv_starts(uri, SV("sip:")) &&
	       memcmp(uri.p + 4, name->text + 1, 16) == 0 &&
	       sv_eq(sv_of(uri.p + 20, uri.n - 20), rest);
}

static bool are_loose(const struct load *l, const struct text *t)
{
	bool loose = t->record_routes >= l->opt.hops && t->record_routes <= 2 * l->opt.hops;

	for (unsigned i = 0; i < t->record_routes && i < TEXT_ROUTES; i++)
		loose = loose && is_route(t->record_route[i], sv_of("", 0));
	return loose;
}

void rule_request(struct load *l, const struct call *c, const struct text *t, struct sv message)
{
	static const struct sv CSEQ[] = {[TEXT_INVITE] = SV_INIT("1 INVITE"),
					 [TEXT_ACK] = SV_INIT("1 ACK"),
					 [TEXT_BYE] = SV_INIT("2 BYE")};
	bool invite = t->method == TEXT_INVITE;
	struct sv branch = text_param(t->via, SV(";branch="));
	struct name name = name_of(l, c->id);

	check(l, t->vias == 1 + l->opt.hops && sv_starts(branch, SV(COOKIE)), RULE_via, message);
	check(l, t->max_forwards == 70 - l->opt.hops, RULE_max_forwards, message);
	check(l, t->routes == 0, RULE_route, message);
	check(l, is_tag(&name, t->from, 'f'), RULE_from, message);
	check(l, sv_eq(t->cseq, CSEQ[t->method]), RULE_cseq, message);
	check(l, sv_eq(t->body, invite ? l->msg.offer : sv_of("", 0)), RULE_body, message);
	if (invite) {
		check(l, is_invited(l, &name, t->uri), RULE_uri, message);
		check(l, are_loose(l, t), RULE_record_route, message);
	} else {
		check(l, sv_eq(t->uri, sv_of(l->msg.uas, l->msg.uas_n)), RULE_uri, message);
		check(l, is_tag(&name, t->to, 't'), RULE_to, message);
	}
}

/* The only Via is the one we sent, with what RFC 3581 adds. */
static bool is_our_via(struct name *name, const struct text *t)
{
	struct sv branch = text_param(t->via, SV(";branch="));

	return t->vias == 1 && sv_starts(branch, SV(COOKIE)) &&
	       is_name(name, sv_of(branch.p + 7, branch.n - 7), t->method == TEXT_BYE ? 'b' : 'i');
}

static bool is_rport(const struct load *l, const struct text *t)
{
	struct sv value = text_param(t->via, SV(";rport="));
	uint32_t port;

	if (l->opt.hops == 0 || !l->uac)
		return true;
	return sv_u32(value, 65535, &port) == 0 && port == l->opt.uac.port;
}

/* A response that makes or confirms the dialog. */
static void rule_dialog(struct load *l, const struct call *c, const struct text *t,
			struct name *name, struct sv message)
{
	struct sv contact = t->contact;
	unsigned last = t->record_routes - 1;

	check(l, is_tag(name, t->to, 't'), RULE_to, message);
	if (t->method != TEXT_INVITE)
		return;
	check(l,
	      contact.n == l->msg.uas_n + 2 && memcmp(contact.p + 1, l->msg.uas, l->msg.uas_n) == 0,
	      RULE_contact, message);
	check(l, rule_routes_hash(l, t) == c->routes_hash, RULE_record_route_changed, message);
	check(l,
	      l->opt.hops == 0 || (last < TEXT_ROUTES &&
				   is_route(t->record_route[last], sv_str(l->next_hop_text))),
	      RULE_record_route, message);
	check(l, sv_eq(t->body, t->status < 200 ? sv_of("", 0) : l->msg.answer), RULE_body,
	      message);
}

void rule_response(struct load *l, const struct call *c, const struct text *t, struct sv message)
{
	bool bye = t->method == TEXT_BYE;
	struct name name = name_of(l, c->id);

	check(l, is_our_via(&name, t), RULE_via, message);
	check(l, is_rport(l, t), RULE_rport, message);
	check(l, is_tag(&name, t->from, 'f'), RULE_from, message);
	check(l, sv_eq(t->cseq, bye ? SV("2 BYE") : SV("1 INVITE")), RULE_cseq, message);
	if (t->status > 100 && t->status < 300)
		rule_dialog(l, c, t, &name, message);
	else if (t->status >= 300)
		check(l, text_param(t->to, SV(";tag=")).n > 0, RULE_to, message);
}
