/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * frame: any bytes as a stream. The low three bits of the first byte, plus 1, say how many bytes of chunk sizes follow; the
 * rest is the stream, behind which an empty line is put so that every header section ends.
 *
 * Holds: read in these chunks, in turns, the same comes out as when all is there at once (bytes consumed, kind, fault, and
 * the lines of each message); every step consumes something or ends; and no byte behind what was delivered is read.
 */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "sip/test_message.h"

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

struct event {
	int ret;
	uint32_t off, len, body;
	uint8_t kind, fault, lines, method;
};

struct reader {
	struct sip_stream stream;
	struct event event[4096];
	unsigned n;
	size_t begin;
	bool over;
};

/* Take what is complete of the first `len` bytes. */
static void feed(struct reader *r, const char *all, size_t len)
{
	static struct sip_msg msg;

	while (!r->over) {
		size_t there = len - r->begin;
		/* in an allocation of its own size, as long as that is cheap */
		char *copy = there && there <= 1024 ? malloc(there) : NULL;
		const char *buf = copy ? memcpy(copy, all + r->begin, there) : all + r->begin;
		struct sip_where at = {0};
		int ret = sip_parse_stream(&msg, &r->stream, buf, there, &at);
		CHECK(ret == MG_EPARTIAL || ret == MG_EPARSE || ret == MG_ELIMIT ||
		      (ret > 0 && (size_t)ret <= there));
		if (ret != MG_EPARTIAL) {
			CHECK(ret < 0 || !message_broken(&msg, sv_of(buf, there)));
			CHECK(ret > 0 || (at.fault != SIP_OK && at.fault == msg.fault.fault));
			CHECK(r->n < sizeof(r->event) / sizeof(r->event[0]));
			struct event *e = &r->event[r->n++];
			memset(e, 0, sizeof(*e));
			*e = (struct event){ret,
					    msg.fault.off,
					    ret > 0 ? msg.len : 0,
					    ret > 0 ? msg.body : 0,
					    msg.kind,
					    msg.fault.fault,
					    msg.lines,
					    msg.method};
			r->over =
				ret < 0 || (msg.fault.fault && sip_fault_framing(msg.fault.fault));
			r->begin += ret > 0 ? (size_t)ret : 0;
		}
		free(copy);
		if (ret == MG_EPARTIAL || r->n == sizeof(r->event) / sizeof(r->event[0]))
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reader one, two;

	if (size < 2)
		return 0;
	size_t k = (data[0] & 7u) + 1;
	if (size < k + 1)
		return 0;
	const uint8_t *sizes = data + 1;
	size_t n = size - k - 1 + 4;
	char *all = malloc(n);
	CHECK(all);
	memcpy(all, data + k + 1, n - 4);
	memcpy(all + n - 4, "\r\n\r\n", 4);
	memset(&one, 0, sizeof(one.stream));
	one.n = two.n = 0;
	one.begin = two.begin = 0;
	one.over = two.over = false;
	memset(&two, 0, sizeof(two.stream));
	feed(&one, all, n);
	/* a chunk of many bytes for sizes from 128 on */
	for (size_t len = 0, i = 0; len < n; i = (i + 1) % k) {
		size_t step = sizes[i] < 128 ? sizes[i] + 1u : (sizes[i] - 127u) * 97u;
		len = n - len < step ? n : len + step;
		feed(&two, all, len);
	}
	CHECK(one.n == two.n && one.begin == two.begin && one.over == two.over);
	CHECK(one.n == 0 || memcmp(one.event, two.event, one.n * sizeof(one.event[0])) == 0);
	free(all);
	return 0;
}
