/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * err: the one set of error codes. A function that can fail returns 0 or a count (>= 0) on success
 * and one of these (< 0) on failure: negated errno values, then our own from -1000 down. It does
 * not log; whoever decides what to do about the failure does.
 */
#ifndef MG_BASE_ERR_H
#define MG_BASE_ERR_H

#include <errno.h>

#define MG_MUST_CHECK __attribute__((warn_unused_result))

/* A function for what is rare: kept out of the loops of those who call it. */
#define MG_COLD __attribute__((cold, noinline))

enum mg_err {
	MG_OK = 0,
	MG_ENOMEM = -ENOMEM, /* an allocation failed */
	MG_EINVAL = -EINVAL, /* an argument is not what the function takes */
	MG_ERANGE = -ERANGE, /* a number does not fit its type or range */
	MG_ENOSPC = -ENOSPC, /* the caller's buffer is too small */
	MG_ENOENT = -ENOENT, /* nothing of that name */
	MG_EEXIST = -EEXIST, /* there is one already */
	MG_EPARTIAL = -1000, /* more input is needed (streams) */
	MG_EPARSE = -1001,   /* the input breaks its grammar */
	MG_ELIMIT = -1002,   /* the input or a table goes beyond a limit */
	MG_EFROZEN = -1003,  /* no further change is allowed */
	MG_EAUTH = -1004,    /* a key, tag or digest does not verify */
	MG_ESTALE = -1005,   /* it verified, but its time is over */
};

/* The name of an error code as it stands in logs, "EPARSE" for MG_EPARSE; errno values by their
 * symbol.
 *
 * Returns    constant text, "E?" for a code that nobody defines. Never NULL.
 */
const char *mg_err_name(int err);

#endif
