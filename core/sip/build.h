/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * build: messages of our own: a response to a request, ACK and CANCEL for an INVITE, and requests from nothing. Lines
 * that are taken over from another message are referenced, not copied: that message's bytes, its view and the arena of
 * `out` must live until the result is sent.
 */
#ifndef MG_SIP_BUILD_H
#define MG_SIP_BUILD_H

#include "sip/edit.h"

/* A header line to add; not Content-Length, which every builder writes itself. */
struct sip_extra {
	enum sip_hid id;
	struct sv name; /* when id is SIP_H_OTHER */
	struct sv value;
};

struct sip_response {
	unsigned status;   /* 100 to 699 */
	struct sv reason;  /* empty: the registered phrase of the status */
	struct sv to_tag;  /* put on To when the request has none there and status is not 100 */
	bool record_route; /* copy Record-Route too: for responses that set up a dialog (§12.1.1) */
	const struct sip_extra *extra;
	size_t extras;
	struct sv body; /* not copied */
};

/* Write the response to a request (RFC 3261 §8.2.6): all Vias, From, To, Call-ID and CSeq of the request as `req`
 * shows them by now (so that received and rport, set on the top Via, are there), Timestamp in a 100, then what `r`
 * adds, one Content-Length, the body.
 *
 * Returns    0, MG_EINVAL when `req` is no request or lacks one of these headers, or `r` holds text that breaks out of
 *            its place (to_tag is a token), MG_ENOMEM or MG_ENOSPC; behind these two `out` cannot be sent.
 */
MG_MUST_CHECK int sip_build_response(struct sip_out *out, struct sip_view *req,
				     const struct sip_response *r);

/* Write the ACK for a final response other than 2xx (§17.1.1.3). `invite` is the INVITE as it was sent: its top Via
 * alone, Request-URI, From, Call-ID, CSeq number and Route; To comes from the response.
 *
 * Returns    as sip_build_response.
 */
MG_MUST_CHECK int sip_build_ack(struct sip_out *out, struct sip_view *invite,
				struct sip_view *response);

/* Write the CANCEL for an INVITE as it was sent (§9.1), `extra` added (Reason, RFC 3326). Returns as above. */
MG_MUST_CHECK int sip_build_cancel(struct sip_out *out, struct sip_view *invite,
				   const struct sip_extra *extra, size_t extras);

struct sip_request {
	struct sv method, uri;
	struct sv via;      /* value: "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK..." */
	struct sv from, to; /* values with their tags */
	struct sv call_id;
	uint32_t cseq;
	unsigned max_forwards; /* 70 is usual (§8.1.1.6) */
	const struct sip_extra *extra;
	size_t extras;
	struct sv body; /* not copied */
};

/* Write a request of our own (§8.1.1). Returns 0, MG_EINVAL for text that breaks out of its line or is missing,
 * MG_ENOMEM or MG_ENOSPC. */
MG_MUST_CHECK int sip_build_request(struct sip_out *out, const struct sip_request *r);

/* The registered reason phrase of a status code; of an unknown one that of its class (§8.1.3.2). Never empty. */
struct sv sip_reason(unsigned status);

#endif
