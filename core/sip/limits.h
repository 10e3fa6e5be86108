/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * limits: how large anything that a stranger sends may be. Sizes in bytes. Each is checked before the value is
 * used, and a value above it is refused with the fault that fault.h names.
 */
#ifndef MG_SIP_LIMITS_H
#define MG_SIP_LIMITS_H

enum {
	SIP_DATAGRAM_MAX = 16384,       /* a message in a datagram */
	SIP_STREAM_MESSAGE_MAX = 65536, /* a message on a stream */
	SIP_START_LINE_MAX = 2048,      /* start line without its CRLF */
	SIP_HEADER_SECTION_MAX =
		16384, /* all header lines with their CRLFs, start line and blank line not counted */
	SIP_HEADER_LINE_MAX = 8192, /* one header line, its folds included, without the last CRLF */
	SIP_HEADER_LINES_MAX = 128,
	SIP_HEADER_NAME_MAX = 256,
	SIP_URI_MAX = 1024,
	SIP_IDENT_MAX = 256, /* tag, branch, Call-ID */
	SIP_VIA_MAX = 70,    /* Via values in a message */
	SIP_VIA_OURS = 1,    /* beside them in a response: what we put on the request comes back */
	SIP_ROUTE_MAX = 32,  /* Route and Record-Route values together */
	SIP_ROUTE_OURS = 2,  /* beside them in a response (RFC 5658) */
	SIP_CONTACT_MAX = 10,
	SIP_VALUES_MAX = 64, /* values of any other list */
	SIP_PARAMS_MAX = 32, /* parameters of one value or URI */
	SIP_CONTENT_LENGTH_DIGITS_MAX = 6,
	SIP_MULTIPART_PARTS_MAX = 8,
	SIP_MULTIPART_DEPTH_MAX = 1,
	SIP_MULTIPART_BOUNDARY_MAX = 70, /* RFC 2046 §5.1.1 */
};

#endif
