/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * stun: any bytes as a STUN packet. Holds: an answer is given only to what is STUN, has at most 64 bytes and no more than
 * 44 bytes more than what asked, is STUN itself, of the same transaction, and gets no answer in turn.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "transport/stun.h"

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	const struct addr sources[] = {addr_v4((const uint8_t[]){192, 0, 2, 1}, 5060),
				       addr_v6(v6, 65535)};
	struct sv in = sv_of((const char *)data, size);
	char out[TP_STUN_MAX], again[TP_STUN_MAX];

	for (unsigned i = 0; i < 2; i++) {
		size_t n = tp_stun_answer(in, &sources[i], out);
		CHECK(n <= sizeof(out) && n % 4 == 0);
		if (n == 0)
			continue;
		CHECK(tp_is_stun(in) && tp_is_stun(sv_of(out, n)) && n <= size + 44);
		CHECK(memcmp(out + 4, data + 4, 16) == 0);
		CHECK(tp_stun_answer(sv_of(out, n), &sources[i], again) == 0);
	}
	return 0;
}
