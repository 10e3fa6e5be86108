/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * header: the table of header fields. A header is one row: symbol, name, compact form, shape, and whether it may
 * stand in a message once or more often. What a shape is, and how it is read, says value.h; how to add a header
 * says docs/adding-a-header.md. Names of headers that are not in the table give SIP_H_OTHER.
 */
#ifndef MG_SIP_HEADER_H
#define MG_SIP_HEADER_H

#include <stdbool.h>

#include "base/sv.h"

/* The shapes of header values (RFC 3261 §25). */
enum sip_shape {
	SIP_SHAPE_TEXT,   /* words or free text, no list */
	SIP_SHAPE_NUMBER, /* delta-seconds or count, optional comment and parameters */
	SIP_SHAPE_CSEQ,   /* number and method */
	SIP_SHAPE_RACK,   /* number, number and method */
	SIP_SHAPE_ADDR,   /* name-addr or addr-spec, with parameters */
	SIP_SHAPE_ROUTE,  /* the same, in brackets always */
	SIP_SHAPE_TOKEN,  /* token, type/subtype or word, with parameters */
	SIP_SHAPE_VIA,
	SIP_SHAPE_DIGEST, /* scheme and comma-separated auth-params */
};

enum {
	SIP_ONE = 0,   /* once, one value */
	SIP_LIST = 1,  /* any number of lines, each a comma-separated list of values */
	SIP_LINES = 2, /* any number of lines, commas do not separate values */
};

/* clang-format off */
/*        symbol               name                         compact shape count */
#define SIP_HEADER_TABLE(X)                                                        \
	X(ACCEPT,              "Accept",                    0,   TOKEN,  LIST)     \
	X(ACCEPT_CONTACT,      "Accept-Contact",            'a', TOKEN,  LIST)     \
	X(ACCEPT_ENCODING,     "Accept-Encoding",           0,   TOKEN,  LIST)     \
	X(ACCEPT_LANGUAGE,     "Accept-Language",           0,   TOKEN,  LIST)     \
	X(ALERT_INFO,          "Alert-Info",                0,   ADDR,   LIST)     \
	X(ALLOW,               "Allow",                     0,   TOKEN,  LIST)     \
	X(ALLOW_EVENTS,        "Allow-Events",              'u', TOKEN,  LIST)     \
	X(AUTHENTICATION_INFO, "Authentication-Info",       0,   DIGEST, ONE)      \
	X(AUTHORIZATION,       "Authorization",             0,   DIGEST, LINES)    \
	X(CALL_ID,             "Call-ID",                   'i', TEXT,   ONE)      \
	X(CALL_INFO,           "Call-Info",                 0,   ADDR,   LIST)     \
	X(CONTACT,             "Contact",                   'm', ADDR,   LIST)     \
	X(CONTENT_DISPOSITION, "Content-Disposition",       0,   TOKEN,  ONE)      \
	X(CONTENT_ENCODING,    "Content-Encoding",          'e', TOKEN,  LIST)     \
	X(CONTENT_LANGUAGE,    "Content-Language",          0,   TOKEN,  LIST)     \
	X(CONTENT_LENGTH,      "Content-Length",            'l', NUMBER, ONE)      \
	X(CONTENT_TYPE,        "Content-Type",              'c', TOKEN,  ONE)      \
	X(CSEQ,                "CSeq",                      0,   CSEQ,   ONE)      \
	X(DATE,                "Date",                      0,   TEXT,   ONE)      \
	X(DIVERSION,           "Diversion",                 0,   ADDR,   LIST)     \
	X(ERROR_INFO,          "Error-Info",                0,   ADDR,   LIST)     \
	X(EVENT,               "Event",                     'o', TOKEN,  ONE)      \
	X(EXPIRES,             "Expires",                   0,   NUMBER, ONE)      \
	X(FLOW_TIMER,          "Flow-Timer",                0,   NUMBER, ONE)      \
	X(FROM,                "From",                      'f', ADDR,   ONE)      \
	X(GEOLOCATION,         "Geolocation",               0,   ADDR,   LIST)     \
	X(HISTORY_INFO,        "History-Info",              0,   ADDR,   LIST)     \
	X(IDENTITY,            "Identity",                  'y', TEXT,   LINES)    \
	X(INFO_PACKAGE,        "Info-Package",              0,   TOKEN,  ONE)      \
	X(IN_REPLY_TO,         "In-Reply-To",               0,   TOKEN,  LIST)     \
	X(JOIN,                "Join",                      0,   TOKEN,  ONE)      \
	X(MAX_BREADTH,         "Max-Breadth",               0,   NUMBER, ONE)      \
	X(MAX_FORWARDS,        "Max-Forwards",              0,   NUMBER, ONE)      \
	X(MIME_VERSION,        "MIME-Version",              0,   TEXT,   ONE)      \
	X(MIN_EXPIRES,         "Min-Expires",               0,   NUMBER, ONE)      \
	X(MIN_SE,              "Min-SE",                    0,   NUMBER, ONE)      \
	X(ORGANIZATION,        "Organization",              0,   TEXT,   ONE)      \
	X(PATH,                "Path",                      0,   ROUTE,  LIST)     \
	X(PRIORITY,            "Priority",                  0,   TOKEN,  ONE)      \
	X(PRIVACY,             "Privacy",                   0,   TOKEN,  LIST)     \
	X(PROXY_AUTHENTICATE,  "Proxy-Authenticate",        0,   DIGEST, LINES)    \
	X(PROXY_AUTHENTICATION_INFO, "Proxy-Authentication-Info", 0, DIGEST, ONE)  \
	X(PROXY_AUTHORIZATION, "Proxy-Authorization",       0,   DIGEST, LINES)    \
	X(PROXY_REQUIRE,       "Proxy-Require",             0,   TOKEN,  LIST)     \
	X(P_ACCESS_NETWORK_INFO, "P-Access-Network-Info",   0,   TOKEN,  LIST)     \
	X(P_ASSERTED_IDENTITY, "P-Asserted-Identity",       0,   ADDR,   LIST)     \
	X(P_ASSOCIATED_URI,    "P-Associated-URI",          0,   ADDR,   LIST)     \
	X(P_CALLED_PARTY_ID,   "P-Called-Party-ID",         0,   ADDR,   ONE)      \
	X(P_PREFERRED_IDENTITY, "P-Preferred-Identity",     0,   ADDR,   LIST)     \
	X(RACK,                "RAck",                      0,   RACK,   ONE)      \
	X(REASON,              "Reason",                    0,   TOKEN,  LIST)     \
	X(RECORD_ROUTE,        "Record-Route",              0,   ROUTE,  LIST)     \
	X(RECV_INFO,           "Recv-Info",                 0,   TOKEN,  LIST)     \
	X(REFERRED_BY,         "Referred-By",               'b', ADDR,   ONE)      \
	X(REFER_SUB,           "Refer-Sub",                 0,   TOKEN,  ONE)      \
	X(REFER_TO,            "Refer-To",                  'r', ADDR,   ONE)      \
	X(REJECT_CONTACT,      "Reject-Contact",            'j', TOKEN,  LIST)     \
	X(REMOTE_PARTY_ID,     "Remote-Party-ID",           0,   ADDR,   LIST)     \
	X(REPLACES,            "Replaces",                  0,   TOKEN,  ONE)      \
	X(REPLY_TO,            "Reply-To",                  0,   ADDR,   ONE)      \
	X(REQUEST_DISPOSITION, "Request-Disposition",       'd', TOKEN,  LIST)     \
	X(REQUIRE,             "Require",                   0,   TOKEN,  LIST)     \
	X(RESOURCE_PRIORITY,   "Resource-Priority",         0,   TOKEN,  LIST)     \
	X(RETRY_AFTER,         "Retry-After",               0,   NUMBER, ONE)      \
	X(ROUTE,               "Route",                     0,   ROUTE,  LIST)     \
	X(RSEQ,                "RSeq",                      0,   NUMBER, ONE)      \
	X(SECURITY_CLIENT,     "Security-Client",           0,   TOKEN,  LIST)     \
	X(SECURITY_SERVER,     "Security-Server",           0,   TOKEN,  LIST)     \
	X(SECURITY_VERIFY,     "Security-Verify",           0,   TOKEN,  LIST)     \
	X(SERVER,              "Server",                    0,   TEXT,   ONE)      \
	X(SERVICE_ROUTE,       "Service-Route",             0,   ROUTE,  LIST)     \
	X(SESSION_EXPIRES,     "Session-Expires",           'x', NUMBER, ONE)      \
	X(SESSION_ID,          "Session-ID",                0,   TOKEN,  ONE)      \
	X(SIP_ETAG,            "SIP-ETag",                  0,   TOKEN,  ONE)      \
	X(SIP_IF_MATCH,        "SIP-If-Match",              0,   TOKEN,  ONE)      \
	X(SUBJECT,             "Subject",                   's', TEXT,   ONE)      \
	X(SUBSCRIPTION_STATE,  "Subscription-State",        0,   TOKEN,  ONE)      \
	X(SUPPORTED,           "Supported",                 'k', TOKEN,  LIST)     \
	X(SUPPRESS_IF_MATCH,   "Suppress-If-Match",         0,   TOKEN,  ONE)      \
	X(TARGET_DIALOG,       "Target-Dialog",             0,   TOKEN,  ONE)      \
	X(TIMESTAMP,           "Timestamp",                 0,   TEXT,   ONE)      \
	X(TO,                  "To",                        't', ADDR,   ONE)      \
	X(UNSUPPORTED,         "Unsupported",               0,   TOKEN,  LIST)     \
	X(USER_AGENT,          "User-Agent",                0,   TEXT,   ONE)      \
	X(VIA,                 "Via",                       'v', VIA,    LIST)     \
	X(WARNING,             "Warning",                   0,   TEXT,   LINES)    \
	X(WWW_AUTHENTICATE,    "WWW-Authenticate",          0,   DIGEST, LINES)
/* clang-format on */

enum sip_hid {
	SIP_H_OTHER, /* not in the table */
#define SIP_HEADER_ID(sym, name, compact, shape, count) SIP_H_##sym,
	SIP_HEADER_TABLE(SIP_HEADER_ID)
#undef SIP_HEADER_ID
		SIP_H_END /* one more than the last; no header */
};

struct sip_header {
	struct sv name;        /* canonical spelling */
	const char *missing;   /* "Missing Via": reason phrases, constant */
	const char *duplicate; /* "Duplicate Via" */
	const char *bad;       /* "Bad Via" */
	const char *many;      /* "Too Many Via Values" */
	uint8_t shape;         /* enum sip_shape */
	uint8_t count;         /* SIP_ONE, SIP_LIST, SIP_LINES */
	char compact;          /* compact form in lower case, 0 when there is none */
};

/* The row of a header; of SIP_H_OTHER a row with an empty name and the shape of text. Never NULL. */
const struct sip_header *sip_header(enum sip_hid id);

/* Find a header by name, long or compact form, any case (RFC 3261 §7.3.1, §7.3.3).
 *
 * readable   Bytes that may be read from name.p on, at least name.n; with 32 or more the look-up needs no copy.
 * Returns    SIP_H_OTHER for a name that the table does not hold.
 */
enum sip_hid sip_header_find(struct sv name, size_t readable);

#endif
