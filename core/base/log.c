/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * log: building lines in place, the sink, and the rate of repeated events.
 */
#include "base/log.h"

#include <stdatomic.h>
#include <string.h>

#include "base/log_sink.h"

#define TAIL_MAX 16 /* " cut=4294967295\n", kept free for log_text */

static log_sink *line_sink = log_sink_line;
static void *sink_arg;
static _Atomic int said = LOG_INFO;

void log_to(log_sink *sink, void *arg)
{
	line_sink = sink ? sink : log_sink_line;
	sink_arg = arg;
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&said, (int)level, memory_order_relaxed);
}

bool log_on(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&said, memory_order_relaxed);
}

/* Append what is known to need no escape; false when it does not fit. */
static bool put(struct log_line *l, struct sv text)
{
	if (text.n > LOG_LINE_MAX - TAIL_MAX - l->n)
		return false;
	memcpy(l->text + l->n, text.p, text.n);
	l->n += text.n;
	return true;
}

/* Append " key=value", all or nothing. */
static void field(struct log_line *l, const char *key, struct sv value)
{
	size_t before = l->n;

	if (put(l, SV(" ")) && put(l, sv_str(key)) && put(l, SV("=")) && put(l, value))
		return;
	l->n = before;
	l->left_out++;
}

void log_begin(struct log_line *l, enum log_level level, const char *room, const char *event)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};

	l->level = level;
	l->n = 0;
	l->left_out = 0;
	(void)(put(l, sv_str(names[level])) && put(l, SV(" ")) && put(l, sv_str(room)));
	log_str(l, "ev", event);
}

static bool is_plain(unsigned char c, bool quoted)
{
	if (c == '"' || c == '\\')
		return false;
	return (c >= '!' && c <= '~' && c != '=') || (quoted && (c == ' ' || c == '='));
}

/* Returns how many bytes it takes. */
static size_t escape(unsigned char c, bool quoted, char out[4])
{
	if (is_plain(c, quoted)) {
		out[0] = (char)c;
		return 1;
	}
	memcpy(out, "\\x", 2);
	out[2] = "0123456789abcdef"[c >> 4];
	out[3] = "0123456789abcdef"[c & 15];
	return 4;
}

static void escaped(struct log_line *l, const char *key, struct sv value, bool quoted)
{
	char out[LOG_FIELD_MAX], piece[4];
	size_t room = sizeof(out) - quoted;
	size_t n = quoted, whole = n; /* `whole`: where the mark fits in if the rest does not */

	out[0] = '"';
	for (size_t i = 0; i < value.n; i++) {
		size_t need = escape((unsigned char)value.p[i], quoted, piece);

		if (n + need > room) {
			memcpy(out + whole, "\\+", 2);
			n = whole + 2;
			break;
		}
		memcpy(out + n, piece, need);
		n += need;
		if (n + 2 <= room)
			whole = n;
	}
	if (quoted)
		out[n++] = '"';
	field(l, key, sv_of(out, n));
}

void log_sv(struct log_line *l, const char *key, struct sv value)
{
	escaped(l, key, value, false);
}

void log_str(struct log_line *l, const char *key, const char *value)
{
	struct sv text = sv_str(value);

	escaped(l, key, text,
		text.n && memchr(text.p, ' ', text.n < LOG_FIELD_MAX ? text.n : LOG_FIELD_MAX));
}

/* The digits of `v` at the end of `out`. */
static struct sv decimal(uint64_t v, char out[20])
{
	size_t at = 20;

	do
		out[--at] = (char)('0' + v % 10);
	while (v /= 10);
	return sv_of(out + at, 20 - at);
}

void log_u64(struct log_line *l, const char *key, uint64_t value)
{
	char digits[20];

	field(l, key, decimal(value, digits));
}

void log_i64(struct log_line *l, const char *key, int64_t value)
{
	char signed_digits[21] = "-";
	struct sv digits;

	if (value >= 0) {
		log_u64(l, key, (uint64_t)value);
		return;
	}
	digits = decimal(-(uint64_t)value, signed_digits + 1);
	memmove(signed_digits + 1, digits.p, digits.n);
	field(l, key, sv_of(signed_digits, digits.n + 1));
}

void log_addr(struct log_line *l, const char *key, const struct addr *value)
{
	char text[ADDR_TEXT_MAX];

	field(l, key, sv_of(text, addr_write(value, ADDR_HOSTPORT, text)));
}

void log_err(struct log_line *l, int err)
{
	log_str(l, "err", mg_err_name(err));
}

struct sv log_text(struct log_line *l)
{
	char digits[20];
	struct sv number = decimal(l->left_out, digits);
	char *at = l->text + l->n;

	if (l->left_out) {
		memcpy(at, " cut=", 5);
		memcpy(at + 5, number.p, number.n);
		at += 5 + number.n;
	}
	*at++ = '\n';
	return sv_span(l->text, at);
}

void log_end(struct log_line *l)
{
	if (log_on(l->level))
		line_sink(sink_arg, l->level, log_text(l));
}

bool log_limit_pass(struct log_limit *l, uint64_t now_ms, uint64_t *n)
{
	l->held++;
	if (now_ms < l->until_ms)
		return false;
	*n = l->held;
	*l = (struct log_limit){.until_ms = now_ms + LOG_SUMMARY_MS};
	return true;
}

void log_limit_more(struct log_limit *l, uint64_t n)
{
	l->held += n;
}

bool log_limit_flush(struct log_limit *l, uint64_t now_ms, uint64_t *n)
{
	if (l->held == 0 || now_ms < l->until_ms)
		return false;
	*n = l->held;
	*l = (struct log_limit){.until_ms = now_ms + LOG_SUMMARY_MS};
	return true;
}
