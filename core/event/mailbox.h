/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * mailbox: bounded queues of pointers from thread to thread, one ring for every pair of a sender and
 * a receiver, so that neither takes a lock. The receiver drains all rings in batches; a sender wakes
 * it at the end of its own turn at most once, through an eventfd, and only when no wake-up is on its
 * way already. What does not fit is refused, never waited for: the sender sheds it. Called by
 * workers, and by threads without a loop that send to them.
 */
#ifndef MG_EVENT_MAILBOX_H
#define MG_EVENT_MAILBOX_H

#include "event/loop.h"

struct mailbox;

/* Make the mailboxes of `threads` threads, numbered from 0: a ring of `room` (a power of two)
 * letters for each pair.
 *
 * kinds      Classes of letters, 1 to `room`: class 0 may use the whole ring, each further class a
 *            share less, so that when a ring fills, the less important is refused first (class c may
 *            fill (kinds - c) / kinds of it).
 * Returns    NULL without memory or descriptors (one for each thread).
 */
MG_MUST_CHECK struct mailbox *mailbox_new(unsigned threads, unsigned room, unsigned kinds);

/* Free it after all threads have closed; NULL is fine. Letters still in it go to `drop` (may be
 * NULL).
 */
void mailbox_free(struct mailbox *box, void (*drop)(void *letter));

/* Begin to receive as thread `me`, in its loop: `fn(arg, letter)` for each, at most some 1024 in a
 * turn; letters that were sent before are there too. From now on what `me` sends wakes others at the
 * end of this loop's turns, behind all its hooks.
 *
 * Returns    0 or MG_ENOMEM.
 */
MG_MUST_CHECK int mailbox_open(struct mailbox *box, unsigned me, struct loop *loop,
			       void (*fn)(void *arg, void *letter), void *arg);

/* Receive no more, in the loop's thread, also from `fn`; does nothing when not open. Letters stay,
 * and more may be sent.
 */
void mailbox_close(struct mailbox *box, unsigned me);

/* Send `letter` from thread `from` (the caller's own number) to `to`, which may be the same. The
 * letter's ownership moves on success. Outside of a turn of the sender's loop, or when it has none,
 * the receiver is woken at once.
 *
 * kind       Class of the letter, 0 the most important.
 * Returns    0, or MG_ELIMIT when the ring has no room for that class (counted).
 */
MG_MUST_CHECK int mailbox_send(struct mailbox *box, unsigned from, unsigned to, unsigned kind,
			       void *letter);

/* Letters refused so far, and the most that were ever seen waiting for `me`. Any thread. */
uint64_t mailbox_refused(const struct mailbox *box);
unsigned mailbox_high(const struct mailbox *box, unsigned me);

#endif
