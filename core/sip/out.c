/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * out: pieces of a message on its way out.
 */
#include "sip/out.h"

void sip_out_init(struct sip_out *out, struct arena *arena)
{
	out->n = 0;
	out->len = 0;
	out->arena = arena;
	out->err = 0;
}

void sip_out_ref(struct sip_out *out, struct sv bytes)
{
	if (out->err || !bytes.n)
		return;
	struct iovec *last = out->n ? &out->iov[out->n - 1] : NULL;
	if (last && (const char *)last->iov_base + last->iov_len == bytes.p) {
		last->iov_len += bytes.n;
	} else if (out->n == SIP_OUT_PIECES) {
		out->err = MG_ENOSPC;
		return;
	} else {
		/* sendmsg takes a pointer to non-const and only reads */
		union {
			const char *c;
			void *v;
		} base = {.c = bytes.p};
		out->iov[out->n++] = (struct iovec){base.v, bytes.n};
	}
	out->len += bytes.n;
}

void sip_out_copy(struct sip_out *out, struct sv bytes)
{
	if (out->err || !bytes.n)
		return;
	char *copy = arena_text(out->arena, bytes.n);
	if (!copy) {
		out->err = MG_ENOMEM;
		return;
	}
	memcpy(copy, bytes.p, bytes.n);
	sip_out_ref(out, sv_of(copy, bytes.n));
}

void sip_out_number(struct sip_out *out, uint64_t number)
{
	char text[20];
	size_t i = sizeof(text);

	do
		text[--i] = (char)('0' + number % 10);
	while ((number /= 10) != 0);
	sip_out_copy(out, sv_of(text + i, sizeof(text) - i));
}

int sip_out_flat(const struct sip_out *out, char *buf, size_t cap)
{
	size_t n = 0;

	if (out->err)
		return out->err;
	if (out->len > cap)
		return MG_ENOSPC;
	for (unsigned i = 0; i < out->n; i++) {
		memcpy(buf + n, out->iov[i].iov_base, out->iov[i].iov_len);
		n += out->iov[i].iov_len;
	}
	return (int)n;
}
