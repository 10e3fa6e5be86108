/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * uri: sip, sips and tel URIs (RFC 3261 §19.1, RFC 3966) and, opaque, any other. Parsing copies nothing; comparison
 * and canonical forms are in uri_compare.c.
 */
#ifndef MG_SIP_URI_H
#define MG_SIP_URI_H

#include "base/sv.h"
#include "sip/fault.h"
#include "sip/lex.h"

enum sip_scheme {
	SIP_SCHEME_OTHER,
	SIP_SCHEME_SIP,
	SIP_SCHEME_SIPS,
	SIP_SCHEME_TEL,
	SIP_SCHEME_URN
};

enum sip_transport {
	SIP_TRANSPORT_NONE, /* not said */
	SIP_TRANSPORT_UDP,
	SIP_TRANSPORT_TCP,
	SIP_TRANSPORT_TLS,
	SIP_TRANSPORT_SCTP,
	SIP_TRANSPORT_TLS_SCTP,
	SIP_TRANSPORT_WS,
	SIP_TRANSPORT_WSS,
	SIP_TRANSPORT_OTHER, /* said, and none of these */
};

/* All views lie in the text that was parsed and are as it was written, escapes included. */
struct sip_uri {
	struct sv text;     /* the whole URI */
	struct sv user;     /* tel: the number; other schemes: all behind the colon */
	struct sv password; /* without its colon */
	struct sv host;     /* IPv6 with its brackets */
	struct sv params;   /* from the first ";", empty when there are none */
	struct sv headers;  /* behind the "?" */
	struct sv maddr;    /* value of that parameter */
	uint16_t port;      /* 0: not said */
	uint16_t once;      /* the parser's own: which parameters of meaning were there */
	uint8_t scheme;     /* enum sip_scheme */
	uint8_t host_kind;  /* enum lex_host */
	uint8_t transport;  /* enum sip_transport of the parameter */
	uint8_t scheme_n;   /* bytes of the scheme, without its colon */
	bool has_user;      /* "sip:@host" is refused, so this is user.n > 0 for sip and sips */
	bool has_password;
	bool escaped; /* user or password holds a "%" HEX HEX */
	bool lr;
	bool user_phone; /* user=phone */
	bool gr;         /* RFC 5627: a GRUU */
	bool ob;         /* RFC 5626 */
};

/* Parse a URI that is the whole text. Never allocates, never logs.
 *
 * at         On failure: offset into `text` and the fault: SIP_FAULT_URI, TOO_LONG or TOO_MANY_PARAMS.
 * Returns    0, MG_EPARSE, or MG_ELIMIT. A scheme we do not know is no error: scheme says so.
 */
MG_MUST_CHECK int sip_uri_parse(struct sip_uri *uri, struct sv text, struct sip_where *at);

/* Parse a URI at the front of [p, end): what stands between "<" and ">", or, with _bare, behind no bracket, where
 * neither parameters nor headers belong to it (RFC 3261 §20.10).
 *
 * e          Zeroed by the caller but for `room`; filled on failure, its fault being SIP_FAULT_BAD when no other says
 *            more.
 * Returns    where the URI ends, NULL on failure.
 */
const char *sip_uri_scan(struct sip_uri *uri, const char *p, const char *end, struct lex_ctx *e);
const char *sip_uri_scan_bare(struct sip_uri *uri, const char *p, const char *end,
			      struct lex_ctx *e);

/* The transport of a name ("udp", any case); SIP_TRANSPORT_OTHER when unknown. */
enum sip_transport sip_transport_find(struct sv name);

/* The name of a transport in lower case, "" for NONE and OTHER. */
const char *sip_transport_name(enum sip_transport transport);

/* Parse host[:port] (RFC 3261 §25.1) that is the whole text, as an operator writes down a place. Stricter than URIs of peers: labels of
 * 1 to 63 bytes without "-" at their ends, 253 bytes in all, and no address that no peer can be at (0.0.0.0/8, ::, multicast, broadcast).
 *
 * host       A view in `text`, IPv6 with its brackets.
 * port       0: not said.
 * Returns    0 or MG_EPARSE.
 */
MG_MUST_CHECK int sip_hostport_parse(struct sv text, struct sv *host, uint16_t *port);

/* Same URI by RFC 3261 §19.1.4 (sip, sips), RFC 3966 §5 (tel), bytes otherwise (scheme in any case). */
bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b);

/* Decode the escapes of a URI component once (RFC 4475 §3.1.1.3).
 *
 * out        Room for in.n bytes; may hold any byte afterwards, NUL too.
 * Returns    bytes written.
 */
size_t sip_uri_unescape(char *out, struct sv in);

/* Write the canonical address-of-record (RFC 3261 §10.3 step 5) of a sip, sips or tel URI: scheme and host in lower
 * case, the user decoded and re-encoded in one way (what need not be escaped is not, hexadecimal in upper case), no
 * password, no parameters, no headers, a port only when it is said; a tel number without visual separators, with its
 * phone-context when it is local.
 *
 * out, cap   Buffer; SIP_AOR_MAX is always enough for what sip_uri_parse took.
 * Returns    bytes written, MG_ENOSPC, or MG_EINVAL for other schemes.
 */
MG_MUST_CHECK int sip_aor_write(char *out, size_t cap, const struct sip_uri *uri);

#define SIP_AOR_MAX 3200

#endif
