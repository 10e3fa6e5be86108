/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * param: the ";name=value" lists behind header values and inside URIs, walked without being stored. The parsers of
 * the values have checked the lists; these walkers take any text all the same and stop at what they cannot read.
 */
#ifndef MG_SIP_PARAM_H
#define MG_SIP_PARAM_H

#include "base/sv.h"
#include "sip/lex.h"

struct sip_param {
	struct sv name;
	struct sv value; /* without surrounding quotes, quoted-pairs left as written */
	bool has_value;  /* "lr=" has an empty one, "lr" has none */
	bool quoted;
};

/* Take the first parameter off `rest`, which begins at a ";" (white space around separators allowed).
 *
 * Returns    false at the end of the list or at what is no parameter.
 */
bool sip_param_next(struct sv *rest, struct sip_param *out);

/* Find a parameter by name, any case. Returns false when it is not there; `out` may be NULL. */
bool sip_param_find(struct sv params, struct sv name, struct sip_param *out);

/* Copy the text of a quoted-string with its quoted-pairs resolved.
 *
 * inside     What stands between the quotes.
 * out        Room for inside.n bytes.
 * Returns    bytes written.
 */
size_t sip_unquote(char *out, struct sv inside);

#endif
