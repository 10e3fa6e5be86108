/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * registry: the modules of one configuration: loading in order, unloading backwards, their parts in each worker, their counters. Where
 * descriptors come from is open.c; nothing is run through them here but their own begin and end.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "chain/chain_priv.h"
#include "gate/gate.h"

/* ---- counters ---- */

static struct chain_counts *counts_new(const struct mg_module *m, unsigned workers)
{
	struct chain_counts *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	atomic_init(&c->refs, 1);
	c->stats = stats_new(m->counters, m->n_counters, workers);
	if (!c->stats) {
		free(c);
		return NULL;
	}
	return c;
}

static void counts_drop(struct chain_counts *c)
{
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1)
		return;
	stats_free(c->stats);
	free(c);
}

bool chain_counters(const struct chain *chain, unsigned i, const char **name,
		    const struct stats **counters)
{
	if (i >= chain->n)
		return false;
	*name = chain->member[i].module->name;
	*counters = chain->member[i].self.counters;
	return true;
}

/* ---- what a module asks while it is set up ---- */

void mg_setup_fault(struct mg_setup *setup, const char *format, ...)
{
	const struct chain_member *m = &setup->chain->member[setup->at];
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	setup->faulted = true;
	conf_faults_add(setup->conf->faults, "%s: module %s: %s", m->at, m->module->name, text);
}

const struct mg_zone *mg_setup_zone(struct mg_setup *setup, const char *name)
{
	for (unsigned i = 0; i < setup->conf->n_zones; i++)
		if (strcmp(setup->conf->zones[i].name, name) == 0)
			return &setup->conf->zones[i];
	return NULL;
}

const struct mg_zone *mg_setup_zone_at(struct mg_setup *setup, const char *name, const char *format,
				       ...)
{
	const struct mg_zone *zone = mg_setup_zone(setup, name);
	char at[256];
	va_list args;

	if (zone)
		return zone;
	va_start(args, format);
	vsnprintf(at, sizeof(at), format, args);
	va_end(args);
	mg_setup_fault(setup, "%s: there is no zone \"%s\"", at, name);
	return NULL;
}

unsigned mg_setup_workers(const struct mg_setup *setup)
{
	return setup->conf->workers;
}

/* ---- loading ---- */

static const struct chain_member *member_before(const struct chain *before,
						const struct mg_module *module)
{
	for (unsigned i = 0; before && i < before->n; i++)
		if (before->member[i].module == module)
			return &before->member[i];
	return NULL;
}

/* A `load` or `ready` hook said no. */
static int said_no(struct mg_setup *setup, int err)
{
	if (!setup->faulted)
		mg_setup_fault(setup, "could not begin: %s", mg_err_name(err));
	return err;
}

static int member_counts(struct chain_member *m, const struct chain_member *before,
			 unsigned workers)
{
	if (m->module->n_counters == 0)
		return 0;
	if (before && before->counts) {
		m->counts = before->counts;
		atomic_fetch_add_explicit(&m->counts->refs, 1, memory_order_relaxed);
	} else {
		m->counts = counts_new(m->module, workers);
	}
	m->self.counters = m->counts ? m->counts->stats : NULL;
	return m->counts ? 0 : MG_ENOMEM;
}

static int member_load(struct mg_setup *setup)
{
	struct chain_member *m = &setup->chain->member[setup->at];
	const struct chain_member *before = member_before(setup->conf->before, m->module);
	int err = member_counts(m, before, setup->conf->workers);

	if (err)
		return said_no(setup, err);
	m->loaded = true;
	if (!m->module->load)
		return 0;
	err = m->module->load(setup, &m->self, before ? &before->self : NULL);
	if (err) {
		m->loaded = false; /* what failed has cleaned up behind itself */
		return said_no(setup, err);
	}
	return 0;
}

static int load_all(struct chain *chain, const struct chain_setup *conf)
{
	struct mg_setup setup = {.chain = chain, .conf = conf};
	int err = 0;

	for (unsigned i = 0; i < chain->n && !err; i++) {
		setup.at = i;
		setup.faulted = false;
		err = member_load(&setup);
	}
	for (unsigned i = 0; i < chain->n && !err; i++) {
		setup.at = i;
		setup.faulted = false;
		if (chain->member[i].module->ready)
			err = chain->member[i].module->ready(&setup, &chain->member[i].self);
		if (err)
			said_no(&setup, err);
	}
	return err;
}

static bool has_hook(const struct mg_module *m, enum mg_phase phase)
{
	switch (phase) {
	case MG_ARRIVAL: return m->arrival;
	case MG_MESSAGE: return m->message;
	case MG_REQUEST: return m->request;
	case MG_TARGET: return m->target;
	case MG_BRANCH: return m->branch;
	case MG_REPLY: return m->reply;
	case MG_FAILURE: return m->failure;
	case MG_SEND: return m->send;
	case MG_FINAL: return m->final;
	case MG_PHASES: break;
	}
	return false;
}

/* Responses, and what leaves, pass the modules backwards. */
static bool is_backwards(enum mg_phase phase)
{
	return phase == MG_REPLY || phase == MG_SEND;
}

static void list_hooks(struct chain *c)
{
	for (enum mg_phase phase = 0; phase < MG_PHASES; phase++)
		for (unsigned i = 0; i < c->n; i++) {
			unsigned at = is_backwards(phase) ? c->n - 1 - i : i;
			if (has_hook(c->member[at].module, phase))
				c->hooks[phase][c->n_hooks[phase]++] = (uint8_t)at;
		}
	for (unsigned i = 0; i < c->n; i++)
		if (c->member[i].module->tick)
			c->ticking[c->n_ticking++] = (uint8_t)i;
}

struct chain *chain_new(const struct chain_setup *setup)
{
	struct chain *chain = calloc(1, sizeof(*chain));

	assert(setup->n <= CHAIN_MODULES_MAX && setup->workers <= CHAIN_WORKERS_MAX &&
	       setup->n_zones <= MG_ZONES_MAX);
	if (!chain) {
		conf_faults_add(setup->faults, "no memory for modules");
		return NULL;
	}
	chain->n = setup->n;
	chain->workers = setup->workers;
	chain->zones = setup->zones;
	chain->n_zones = setup->n_zones;
	for (unsigned i = 0; i < setup->n; i++)
		chain->member[i] = (struct chain_member){
			.module = setup->descriptors[i],
			.at = setup->modules[i].at,
			.self = {.conf = setup->modules[i].options,
				 .name = setup->descriptors[i]->name},
		};
	if (load_all(chain, setup)) {
		chain_free(chain);
		return NULL;
	}
	list_hooks(chain);
	chain_roles_done(chain);
	return chain;
}

void chain_free(struct chain *chain)
{
	if (!chain)
		return;
	for (unsigned i = chain->n; i-- > 0;) {
		struct chain_member *m = &chain->member[i];
		if (m->loaded && m->module->unload)
			m->module->unload(&m->self);
		counts_drop(m->counts);
	}
	free(chain);
}

/* ---- a worker's part ---- */

static void end_slot(const struct chain *chain, struct chain_slot *slot)
{
	while (slot->begun > 0) {
		unsigned i = --slot->begun;
		if (chain->member[i].module->worker_end)
			chain->member[i].module->worker_end(&slot->self[i]);
	}
	free(slot->self);
	*slot = (struct chain_slot){0};
}

/* The same module's part of the chain that this worker is in, if there is one. */
static const struct mg_self *self_before(const struct mg_worker *worker,
					 const struct mg_module *module)
{
	const struct chain_member *m = member_before(worker->chain, module);

	return m ? &worker->chain->slot[worker->index].self[m - worker->chain->member] : NULL;
}

int mg_local_begin(struct mg_self *self, const struct mg_self *before, size_t size)
{
	self->local = calloc(1, size);
	if (!self->local)
		return MG_ENOMEM;
	if (before)
		memcpy(self->local, before->local, size);
	return 0;
}

void mg_local_end(struct mg_self *self)
{
	free(self->local);
}

int chain_worker_enter(struct mg_worker *worker, struct chain *chain)
{
	struct chain_slot *slot = &chain->slot[worker->index];
	size_t room = (chain->n * sizeof(struct mg_self) + 63) / 64 * 64;

	assert(worker->index < chain->workers && !slot->self);
	slot->self = aligned_alloc(64, room ? room : 64);
	if (!slot->self)
		return MG_ENOMEM;
	chain_waits_here(worker);
	for (unsigned i = 0; i < chain->n; i++) {
		const struct mg_module *module = chain->member[i].module;
		int err = 0;

		slot->self[i] = chain->member[i].self;
		slot->self[i].worker = worker;
		if (module->worker)
			err = module->worker(&slot->self[i], self_before(worker, module));
		if (err) {
			end_slot(chain, slot);
			return err;
		}
		slot->begun++;
	}
	worker->chain = chain;
	if (worker->gate) /* who was shut out by another configuration may be welcome in this one */
		gate_lift_all(worker->gate);
	return 0;
}

void chain_worker_leave(struct mg_worker *worker, struct chain *chain)
{
	end_slot(chain, &chain->slot[worker->index]);
	if (worker->chain == chain)
		worker->chain = NULL;
}

void chain_tick(struct mg_worker *worker, uint64_t now_ms)
{
	struct chain *chain = worker->chain;

	for (unsigned i = 0; chain && i < chain->n_ticking; i++) {
		unsigned at = chain->ticking[i];
		chain->member[at].module->tick(&chain->slot[worker->index].self[at], now_ms);
	}
	chain_waits_tick(worker, now_ms);
}

/* ---- what a worker is asked ---- */

uint64_t mg_now_ms(const struct mg_worker *worker)
{
	return worker->now_ms(worker->loop);
}

struct wheel *mg_wheel(struct mg_worker *worker)
{
	return worker->wheel;
}

struct rnd *mg_rnd(struct mg_worker *worker)
{
	return worker->rnd;
}

unsigned mg_worker_index(const struct mg_worker *worker)
{
	return worker->index;
}

const struct mg_zone *mg_zone_at(const struct mg_worker *worker, unsigned place)
{
	return place < worker->chain->n_zones ? &worker->chain->zones[place] : NULL;
}
