/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * base64: bytes as letters that stand unescaped in URIs and quoted texts: base64url without padding (RFC 4648 §5, §3.2). One text for each sequence of
 * bytes, so that a text can be compared instead of them. Called by whatever mints tokens and nonces.
 */
#ifndef MG_BASE_BASE64_H
#define MG_BASE_BASE64_H

#include <stdint.h>

#include "base/err.h"
#include "base/sv.h"

/* Letters for n bytes; bytes of n letters. */
#define BASE64_LETTERS(n) (((n)*8 + 5) / 6)
#define BASE64_BYTES(n)   ((n)*6 / 8)

/* Write BASE64_LETTERS(n) letters, without NUL. Returns their number. */
size_t base64_write(char *out, const uint8_t *raw, size_t n);

/* Read a text into BASE64_BYTES(text.n) bytes. Returns their number, or MG_EPARSE, `out` then being garbage: another character, a length that no bytes
 * have, or bits left over that are not 0. */
MG_MUST_CHECK int base64_read(uint8_t *out, struct sv text);

#endif
