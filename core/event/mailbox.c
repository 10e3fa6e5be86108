/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * mailbox: rings with one writer and one reader, and whom to wake. What letters are is their
 * senders' affair. Called by the threads that own its ends.
 *
 * Why no wake-up is lost. A sender first releases the ring's tail, then posts the receiver's wake
 * (wake_post: a flag is exchanged for true; when it was false, the eventfd is written). The receiver
 * first takes the wake (exchanges the flag for false), then acquires the tails. Exchanges of one flag
 * have one order. Where a post comes before a take, that take or an earlier one reads what the post
 * released, so the drain behind it sees the letter. Where it comes behind the last take, the first
 * post since then found false and wrote the eventfd, so there will be another take. The eventfd is
 * edge triggered and each write is an edge, so it makes no difference whether the write meets the
 * receiver waiting, awake, or draining. A drain that leaves letters, because their number in a turn
 * is bounded, posts its own wake.
 *
 * A post may be put off until the end of the sender's turn because one is sure to come: the hook
 * runs behind all others, and outside of turns nothing is put off.
 */
#include "event/mailbox.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "event/loop_priv.h"

#define CACHE_LINE 64
#define TURN_MAX   1024 /* letters in a turn of the receiver, shared by its rings */
#define RING_MIN   8    /* of a ring at least */

struct ring {
	alignas(CACHE_LINE) _Atomic uint32_t tail; /* the sender writes this line */
	uint32_t head_seen;
	bool owed; /* the receiver is to be woken at the end of the sender's turn */
	_Atomic uint64_t refused;
	alignas(CACHE_LINE) _Atomic uint32_t head; /* the receiver writes this one */
	alignas(CACHE_LINE) void *slots[];
};

struct post {
	alignas(CACHE_LINE) struct wake wake;    /* everybody writes this line */
	alignas(CACHE_LINE) struct mailbox *box; /* the rest is the thread's own */
	unsigned me;
	struct loop *loop; /* NULL: not open */
	struct loop_watch watch;
	struct loop_hook hook;
	void (*fn)(void *arg, void *letter);
	void *arg;
	unsigned *owed; /* receivers whose ring says so */
	unsigned owed_n;
	_Atomic unsigned high;
};

struct mailbox {
	unsigned threads, room, kinds;
	uint32_t batch; /* letters of a ring in a turn */
	size_t stride;  /* bytes from ring to ring */
	char *rings;    /* all from thread 0, all from thread 1, ... */
	struct post *posts;
	unsigned *owed;
};

static struct ring *ring_of(const struct mailbox *box, unsigned from, unsigned to)
{
	return (struct ring *)(box->rings + ((size_t)from * box->threads + to) * box->stride);
}

/* ---- making one ---- */

/* Cleared but for the slots: memory that no letter was ever in is never touched. */
static bool rings_new(struct mailbox *box)
{
	size_t pairs = (size_t)box->threads * box->threads, bytes;

	box->stride = sizeof(struct ring) + box->room * sizeof(void *);
	box->stride = (box->stride + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	if (__builtin_mul_overflow(pairs, box->stride, &bytes) ||
	    !(box->rings = aligned_alloc(CACHE_LINE, bytes)))
		return false;
	for (size_t i = 0; i < pairs; i++)
		memset(box->rings + i * box->stride, 0, sizeof(struct ring));
	return true;
}

static bool posts_new(struct mailbox *box)
{
	size_t bytes = box->threads * sizeof(struct post);
	bool made = true;

	if (!(box->owed = calloc((size_t)box->threads * box->threads, sizeof(*box->owed))) ||
	    !(box->posts = aligned_alloc(CACHE_LINE, bytes)))
		return false;
	memset(box->posts, 0, bytes);
	for (unsigned i = 0; i < box->threads; i++) {
		struct post *post = &box->posts[i];

		post->box = box;
		post->me = i;
		post->owed = box->owed + (size_t)i * box->threads;
		list_init(&post->hook.link);
		made &= wake_init(&post->wake) == 0; /* all are tried: all can be freed */
	}
	return made;
}

struct mailbox *mailbox_new(unsigned threads, unsigned room, unsigned kinds)
{
	struct mailbox *box = calloc(1, sizeof(*box));

	assert(threads > 0 && room > 0 && (room & (room - 1)) == 0 && kinds > 0 && kinds <= room);
	if (!box)
		return NULL;
	box->threads = threads;
	box->room = room;
	box->kinds = kinds;
	box->batch = TURN_MAX / threads > RING_MIN ? TURN_MAX / threads : RING_MIN;
	if (!rings_new(box) || !posts_new(box)) {
		mailbox_free(box, NULL);
		return NULL;
	}
	return box;
}

static void drop_all(struct mailbox *box, struct ring *ring, void (*drop)(void *letter))
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);

	for (uint32_t i = atomic_load_explicit(&ring->head, memory_order_acquire); i != tail; i++)
		drop(ring->slots[i & (box->room - 1)]);
}

void mailbox_free(struct mailbox *box, void (*drop)(void *letter))
{
	if (!box)
		return;
	for (unsigned i = 0; drop && i < box->threads * box->threads; i++)
		drop_all(box, ring_of(box, 0, i), drop);
	for (unsigned i = 0; box->posts && i < box->threads; i++)
		wake_done(&box->posts[i].wake);
	free(box->posts);
	free(box->owed);
	free(box->rings);
	free(box);
}

/* ---- receiving ---- */

/* Returns whether letters are left. */
static bool drain_ring(struct post *me, struct ring *ring)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint32_t waiting = atomic_load_explicit(&ring->tail, memory_order_acquire) - head;
	uint32_t n = waiting < me->box->batch ? waiting : me->box->batch;

	for (uint32_t end = head + n; head != end && me->loop;) {
		void *letter = ring->slots[head & (me->box->room - 1)];

		atomic_store_explicit(&ring->head, ++head, memory_order_release);
		me->fn(me->arg, letter);
	}
	return waiting > n;
}

static unsigned waiting_for(const struct mailbox *box, unsigned me)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < box->threads; i++) {
		const struct ring *ring = ring_of(box, i, me);
		uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
		uint32_t n = atomic_load_explicit(&ring->tail, memory_order_relaxed) - head;

		sum += n < box->room ? n : box->room; /* the head may have moved on meanwhile */
	}
	return sum;
}

static void note_high(struct post *me)
{
	unsigned n = waiting_for(me->box, me->me);

	if (n > atomic_load_explicit(&me->high, memory_order_relaxed))
		atomic_store_explicit(&me->high, n, memory_order_relaxed);
}

static void drain(struct loop_watch *watch, unsigned events)
{
	struct post *me = container_of(watch, struct post, watch);
	bool left = false;

	(void)events;
	wake_take(&me->wake);
	note_high(me);
	for (unsigned i = 0; i < me->box->threads; i++)
		left |= drain_ring(me, ring_of(me->box, i, me->me));
	if (left)
		wake_post(&me->wake);
}

/* ---- sending ---- */

static void wake_owed(struct loop_hook *hook)
{
	struct post *me = container_of(hook, struct post, hook);

	for (unsigned i = 0; i < me->owed_n; i++) {
		unsigned to = me->owed[i];

		ring_of(me->box, me->me, to)->owed = false;
		wake_post(&me->box->posts[to].wake);
	}
	me->owed_n = 0;
}

static void tell(struct post *me, struct ring *ring, unsigned to)
{
	if (!me->loop || !me->loop->in_turn) {
		wake_post(&me->box->posts[to].wake);
	} else if (!ring->owed) {
		ring->owed = true;
		me->owed[me->owed_n++] = to;
	}
}

/* Whether one more than `used` letters are within the share of the class. */
static bool has_room(const struct mailbox *box, uint32_t used, unsigned kind)
{
	return (uint64_t)(used + 1) * box->kinds <= (uint64_t)box->room * (box->kinds - kind);
}

int mailbox_send(struct mailbox *box, unsigned from, unsigned to, unsigned kind, void *letter)
{
	struct ring *ring = ring_of(box, from, to);
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	assert(from < box->threads && to < box->threads && kind < box->kinds);
	if (!has_room(box, tail - ring->head_seen, kind)) {
		ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
		if (!has_room(box, tail - ring->head_seen, kind)) {
			uint64_t n = atomic_load_explicit(&ring->refused, memory_order_relaxed);

			atomic_store_explicit(&ring->refused, n + 1, memory_order_relaxed);
			return MG_ELIMIT;
		}
	}
	ring->slots[tail & (box->room - 1)] = letter;
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	tell(&box->posts[from], ring, to);
	return 0;
}

/* ---- opening and closing ---- */

int mailbox_open(struct mailbox *box, unsigned me, struct loop *loop,
		 void (*fn)(void *arg, void *letter), void *arg)
{
	struct post *post = &box->posts[me];

	assert(me < box->threads && !post->loop);
	if (loop_watch_edge(loop, &post->watch, post->wake.fd, drain, "mailbox") < 0)
		return MG_ENOMEM;
	post->loop = loop;
	post->fn = fn;
	post->arg = arg;
	post->hook.fn = wake_owed;
	loop_at_turn_last(loop, &post->hook);
	return 0;
}

void mailbox_close(struct mailbox *box, unsigned me)
{
	struct post *post = &box->posts[me];

	if (!post->loop)
		return;
	wake_owed(&post->hook);
	loop_hook_remove(&post->hook);
	loop_unwatch(&post->watch);
	post->loop = NULL;
}

/* ---- figures ---- */

uint64_t mailbox_refused(const struct mailbox *box)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < box->threads * box->threads; i++)
		sum += atomic_load_explicit(&ring_of(box, 0, i)->refused, memory_order_relaxed);
	return sum;
}

unsigned mailbox_high(const struct mailbox *box, unsigned me)
{
	unsigned high = atomic_load_explicit(&box->posts[me].high, memory_order_relaxed);
	unsigned now = waiting_for(box, me);

	return now > high ? now : high;
}
