/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * multipart: where the parts of a multipart body lie (RFC 2046 §5.1, RFC 5621). Parts are located, never rewritten or
 * decoded, so that what is forwarded stays byte-identical; a part that is multipart itself is refused (depth 1).
 *
 * What two readers could split differently is refused (threat P-8). A delimiter is a whole line: CRLF, "--", the
 * boundary, spaces, CRLF. A line that only begins like one is refused, since RFC 2046 §5.1.1 lets readers compare the
 * beginning alone; so is a delimiter behind a lone CR or LF, or behind the closing one; so are header lines that no
 * blank line ends, lone CR or LF and other control bytes in them, and a field twice that is read here.
 */
#ifndef MG_SIP_MULTIPART_H
#define MG_SIP_MULTIPART_H

#include <stdbool.h>

#include "base/sv.h"
#include "sip/fault.h"
#include "sip/limits.h"

/* One part. Views lie in the body; values of fields are trimmed, folds in them as written, empty when absent. */
struct sip_part {
	/* headers and body, from behind the delimiter line to before the next one's CRLF */
	struct sv text;
	struct sv headers; /* header lines with their CRLFs, without the blank line */
	struct sv body;
	struct sv content_type; /* absent means text/plain (RFC 2046 §5.1) */
	struct sv content_disposition;
	struct sv content_id;
	/* base64 or quoted-printable: the body is not what it seems */
	struct sv content_transfer_encoding;
	struct sv content_encoding;
};

struct sip_multipart {
	struct sip_part part[SIP_MULTIPART_PARTS_MAX];
	unsigned n;
	struct sv boundary; /* in the Content-Type value */
	struct sv preamble; /* before the first delimiter, without the CRLF that belongs to it */
	struct sv epilogue; /* behind the line of the closing delimiter */
};

/* Whether a Content-Type value names a multipart type. */
bool sip_multipart_is(struct sv content_type);

/* Locate the parts of a body. Never allocates, never logs; linear.
 *
 * content_type  Value of the Content-Type header; its boundary parameter has 1 to 70 bchars (RFC 2046 §5.1.1).
 * out        Untouched on failure.
 * at         On failure: SIP_FAULT_BODY and an offset into `body`; for a Content-Type that is no multipart or whose
 *            boundary is missing, twice there or bad, SIP_FAULT_BAD, SIP_H_CONTENT_TYPE and an offset into that.
 * Returns    0, MG_EPARSE, or MG_ELIMIT for more than SIP_MULTIPART_PARTS_MAX parts, or one that is multipart.
 */
MG_MUST_CHECK int sip_multipart_parse(struct sip_multipart *out, struct sv content_type,
				      struct sv body, struct sip_where *at);

/* The next part of a type, "application/sdp", any case, parameters ignored.
 *
 * after      A part of `m` to go on behind, NULL for the first.
 * Returns    NULL when there is none. Whether several may stand there is the caller's to decide (RFC 5621 §8).
 */
const struct sip_part *sip_multipart_find(const struct sip_multipart *m, struct sv type,
					  const struct sip_part *after);

#endif
