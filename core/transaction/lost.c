/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * lost: a message of ours that did not arrive, told by ICMP or by another worker: which transaction it belonged to. The bytes are those of our own message, but
 * went through strangers' hands and may be cut off anywhere: what stands in front of the cut is read, and a whole branch of ours is the proof: nobody else could know it.
 */
#include "transaction/txn_priv.h"

/* The next line without its end; false when none ends any more. A last line that was cut off is taken as it is. */
static bool next_line(struct sv *rest, struct sv *line)
{
	if (!rest->n)
		return false;
	size_t n = sv_find(*rest, '\n');
	*line = sv_of(rest->p, n);
	n = n < rest->n ? n + 1 : n;
	*rest = sv_of(rest->p + n, rest->n - n);
	return true;
}

/* A line that continues the one above (folding) is none of its own, whatever it looks like. */
static bool is_via(struct sv line, struct sv *value)
{
	size_t n = sv_find(line, ':');

	if (n == line.n || line.p[0] == ' ' || line.p[0] == '\t')
		return false;
	struct sv name = sv_trim(sv_of(line.p, n));
	*value = sv_of(line.p + n + 1, line.n - n - 1);
	return sv_ieq(name, SV("Via")) || sv_ieq(name, SV("v"));
}

/* The branch in the first value of our Via line: begin of a parameter to what ends it, or to the cut. */
static struct sv branch_in(struct sv value)
{
	static const char name[] = "branch=";
	size_t n = sizeof(name) - 1;

	value.n = sv_find(value, ',');
	for (;;) {
		size_t semicolon = sv_find(value, ';');
		if (value.n - semicolon <= n)
			return SV("");
		value = sv_of(value.p + semicolon + 1, value.n - semicolon - 1);
		if (sv_ieq(sv_of(value.p, n), sv_of(name, n)))
			break;
	}
	value = sv_of(value.p + n, value.n - n);
	size_t end = 0;
	while (end < value.n && !strchr("; \t\r\n", value.p[end]))
		end++;
	return sv_of(value.p, end);
}

static struct sv top_branch(struct sv rest)
{
	struct sv line, value;

	while (next_line(&rest, &line))
		if (is_via(line, &value))
			return branch_in(value);
	return SV("");
}

bool txn_lost_worker(struct sv bytes, unsigned *worker)
{
	struct sv rest = bytes, start;
	uint64_t loop;

	return !sv_starts(bytes, SV("SIP/")) && next_line(&rest, &start) &&
	       txn_branch_read(top_branch(rest), worker, &loop);
}

void txn_lost(struct txn_table *table, struct sv bytes, int err)
{
	struct txn_in in = {.err = err > 0 ? -err : err};
	struct sv method = sv_of(bytes.p, sv_find(bytes, ' ')), rest = bytes, start;
	uint8_t key[TXN_KEY_LEN];
	unsigned worker;
	uint64_t loop;

	/* Responses have their way back, and RFC 6026 §7.1 leaves server transactions as they are. */
	if (method.n == bytes.n || sv_starts(bytes, SV("SIP/")) || !next_line(&rest, &start))
		return;
	struct sv branch = top_branch(rest);
	if (!txn_branch_read(branch, &worker, &loop))
		return;
	bool ack = sv_eq(method, SV("ACK"));
	match_client(table, branch, ack ? SV("INVITE") : method, key);
	struct txn *t = txn_find(&table->clients, key);
	/* Too large for the path, or no room on the way: it is sent again, in fragments now. */
	if (t && !client_is_loss(txn_to_client(t), in.err) && in.err != -EMSGSIZE)
		txn_run(t, ERROR, &in);
}
