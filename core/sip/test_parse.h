/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_parse: a datagram parsed at both edges of a page, for parse_test.c and limits_test.c.
 */
#ifndef MG_SIP_TEST_PARSE_H
#define MG_SIP_TEST_PARSE_H

#include "sip/test_message.h"

static struct fence room;
static struct text in, got;

static inline int make_room(void **state)
{
	(void)state;
	room = fence_init(131072);
	return 0;
}

static inline int leave_room(void **state)
{
	(void)state;
	fence_done(&room);
	return 0;
}

/* Parse at both edges of a page, check what must always hold, and touch everything there is to read. Returns what the
 * parse did; `msg` is that of the second place. */
static inline int parse(struct sip_msg *msg, struct sv text, struct sip_where *at)
{
	struct sip_where first_at = {0};
	int first = 0, err = 0;

	for (unsigned place = 0; place < FENCE_PLACES; place++) {
		struct sv t = fence_put(&room, text, place);
		*at = (struct sip_where){0};
		err = sip_parse_datagram(msg, t.p, t.n, at);
		assert_true(err > 0 ? (size_t)err <= text.n : err == MG_EPARSE || err == MG_ELIMIT);
		if (err < 0)
			assert_true(same_where(at, &msg->fault));
		const char *broken = message_broken(msg, t);
		if (!broken)
			broken = message_read_all(msg);
		struct sip_where ignored;
		int verdict = sip_check(msg, &ignored);
		bool owed = sip_answerable(msg);
		if (verdict == 0 && msg->kind == SIP_KIND_REQUEST && msg->method != SIP_METHOD_ACK)
			assert_true(owed);
		if (broken)
			fail_msg("%s", broken);
		if (place && (err != first || !same_where(at, &first_at)))
			fail_msg("the place in memory makes a difference");
		first = err;
		first_at = *at;
	}
	return err;
}

#endif
