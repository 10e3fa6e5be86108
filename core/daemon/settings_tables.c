/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * settings_tables: the options of the configuration file, but for those of modules. What they have to be to each other is settings_check.c. Read by conf_load,
 * --options and the generated reference.
 */
#include "base/log.h"
#include "chain/chain_conf.h"
#include "chain/mg_module.h"
#include "daemon/settings.h"
#include "daemon/settings_check.h"
#include "transport/tls_context.h"

#define INT_OPTION(struct_, field, unit_, min_, max_, def_, help_)                            \
	{                                                                                     \
		.name = #field, .type = CONF_INT, .offset = offsetof(struct_, field),         \
		.unit = (unit_), .min = (min_), .max = (max_), .def = (def_), .help = (help_) \
	}
#define BOOL_OPTION(struct_, field, def_, help_)                                       \
	{                                                                              \
		.name = #field, .type = CONF_BOOL, .offset = offsetof(struct_, field), \
		.def = (def_), .help = (help_)                                         \
	}

/* ---- zones ---- */

static const char *const trusts[] = {
	[MG_PHONES] = "phones", [MG_CARRIER] = "carrier", [MG_INTERNET] = "internet", NULL};

static const struct conf_option zone_options[] = {
	{.name = "name",
	 .type = CONF_STRING,
	 .flags = CONF_REQUIRED,
	 .max = 63,
	 .offset = offsetof(struct zone_settings, name),
	 .example = "\"lan\"",
	 .help = "what routes, logs and the control tool call it"},
	{.name = "listen",
	 .type = CONF_STRING,
	 .flags = CONF_REQUIRED | CONF_LIST,
	 .max = 127,
	 .max_items = 32,
	 .offset = offsetof(struct zone_settings, listen),
	 .example = "( \"udp:*:5060\", \"tcp:*:5060\" )",
	 .help = "where to listen: \"udp:192.0.2.1:5060\", \"tcp:eth0:5060\", \"tls:*:5061\", "
		 "\"udp:[2001:db8::1]:5060\""},
	{.name = "advertise",
	 .type = CONF_STRING,
	 .max = 255,
	 .offset = offsetof(struct zone_settings, advertise),
	 .example = "\"sip.example.com\"",
	 .help = "host, or host:port, that peers know this zone by when it is behind a 1:1 NAT: "
		 "a name, an IPv4 address, or an IPv6 address in brackets"},
	{.name = "trust",
	 .type = CONF_ENUM,
	 .choices = trusts,
	 .def = "internet",
	 .offset = offsetof(struct zone_settings, trust),
	 .help = "who is there"},
	{.name = "tls",
	 .type = CONF_STRING,
	 .flags = CONF_LIST,
	 .max = 63,
	 .max_items = 32,
	 .offset = offsetof(struct zone_settings, tls),
	 .help = "names of TLS contexts by SNI, the first is the default; none: the first of all"},
	INT_OPTION(struct zone_settings, conns_per_source, "connections", 1, 100000, "32",
		   "unauthenticated connections per IPv4 address or IPv6 /64"),
	INT_OPTION(struct zone_settings, handshake_s, "seconds", 1, 60, "10",
		   "time for a TLS handshake"),
	INT_OPTION(struct zone_settings, idle_s, "seconds", 1, 3600, "30",
		   "a connection may be idle so long before its first request is let in"),
	INT_OPTION(struct zone_settings, idle_known_s, "seconds", 10, 86400, "3600",
		   "and so long afterwards"),
	INT_OPTION(struct zone_settings, complete_s, "seconds", 1, 60, "10",
		   "time from the first byte of a message on a stream to its last"),
	INT_OPTION(struct zone_settings, handshakes_per_s, "per second", 1, 100000, "10",
		   "new TLS handshakes of an unknown source"),
	INT_OPTION(struct zone_settings, handshakes_per_source, "handshakes", 1, 10000, "16",
		   "TLS handshakes of an unknown source under way at a time"),
	INT_OPTION(struct zone_settings, keepalives_per_s, "per second", 1, 1000, "1",
		   "keepalives answered per connection or source"),
};

static const struct conf_table zone_table = {.name = "zone",
					     .help = "a network as it is drawn on paper",
					     .size = sizeof(struct zone_settings),
					     CONF_OPTIONS(zone_options),
					     .check = settings_check_zone};

/* ---- TLS ---- */

static const char *const verifies[] = {[TLS_VERIFY_NONE] = "none",
				       [TLS_VERIFY_OPTIONAL] = "optional",
				       [TLS_VERIFY_REQUIRED] = "required",
				       NULL};

static const struct conf_option tls_options[] = {
	{.name = "name",
	 .type = CONF_STRING,
	 .flags = CONF_REQUIRED,
	 .max = 63,
	 .offset = offsetof(struct tls_settings_conf, name),
	 .example = "\"default\"",
	 .help = "what zones call it"},
	{.name = "certificate",
	 .type = CONF_FILE,
	 .flags = CONF_REQUIRED,
	 .offset = offsetof(struct tls_settings_conf, certificate),
	 .example = "\"/etc/margrave/tls.crt\"",
	 .help = "certificate and intermediates, PEM"},
	{.name = "key",
	 .type = CONF_FILE,
	 .flags = CONF_REQUIRED | CONF_SECRET,
	 .offset = offsetof(struct tls_settings_conf, key),
	 .example = "\"/etc/margrave/tls.key\"",
	 .help = "private key, PEM; readable by its owner only"},
	{.name = "ca",
	 .type = CONF_FILE,
	 .offset = offsetof(struct tls_settings_conf, ca),
	 .help = "authorities, PEM; none: those of the system"},
	{.name = "crl",
	 .type = CONF_FILE,
	 .offset = offsetof(struct tls_settings_conf, crl),
	 .help = "revocation lists, PEM; with one, a certificate without a valid list is refused"},
	{.name = "verify_client",
	 .type = CONF_ENUM,
	 .choices = verifies,
	 .def = "none",
	 .offset = offsetof(struct tls_settings_conf, verify_client),
	 .help = "whether who connects must show a certificate of one of the authorities in ca; "
		 "whom it "
		 "makes known is for acl to say"},
	BOOL_OPTION(struct tls_settings_conf, verify_server, "true",
		    "whether whom we connect to must have a certificate that names the domain "
		    "asked for (RFC 5922)"),
	BOOL_OPTION(struct tls_settings_conf, wildcards, "false",
		    "take *.example.com in a server's certificate for sip.example.com, against RFC "
		    "5922"),
	BOOL_OPTION(struct tls_settings_conf, client, "false",
		    "show this certificate to whom we connect to; else none is shown"),
};

static void check_tls(struct conf_check *check, const void *value)
{
	const struct tls_settings_conf *tls = value;

	if (tls->verify_client != TLS_VERIFY_NONE && !(tls->ca.path && *tls->ca.path))
		conf_fault(check, "verify_client",
			   "\"none\", unless ca names the authorities that may vouch for clients: "
			   "those of the system vouch for anybody");
	if (!tls->verify_server)
		conf_risk(check, "verify_server", "tls-unverified",
			  "connections we open go to whoever answers");
}

static const struct conf_table tls_table = {.name = "tls",
					    .help = "a TLS context",
					    .size = sizeof(struct tls_settings_conf),
					    CONF_OPTIONS(tls_options),
					    .check = check_tls};

/* ---- groups ---- */

#define PROXY __typeof__(((struct settings *)0)->proxy)
static const struct conf_option proxy_options[] = {
	INT_OPTION(PROXY, timer_c_s, "seconds", 181, 3600, "185",
		   "how long an INVITE may ring (timer C, RFC 3261 16.8)"),
	BOOL_OPTION(PROXY, record_route, "true", "stay on the path of dialogs"),
	BOOL_OPTION(PROXY, recurse, "false",
		    "call the contacts of a 3xx answer instead of passing it back, unless it comes "
		    "from a zone of trust internet"),
	BOOL_OPTION(PROXY, stateless, "false",
		    "forward without transactions (RFC 3261 16.11): no forking, no fail-over, no "
		    "Record-Route"),
};
static void check_proxy(struct conf_check *check, const void *value)
{
	const PROXY *proxy = value;

	if (proxy->recurse)
		conf_risk(check, "recurse", "recurse",
			  "whoever is called decides whom we call next (F-7)");
}
static const struct conf_table proxy_table = {.name = "proxy",
					      .help = "the proxy core",
					      .size = sizeof(PROXY),
					      CONF_OPTIONS(proxy_options),
					      .check = check_proxy};

#define TRANSACTIONS __typeof__(((struct settings *)0)->transactions)
static const struct conf_option transactions_options[] = {
	INT_OPTION(TRANSACTIONS, t1_ms, "milliseconds", 100, 5000, "500",
		   "round trip time assumed (T1)"),
	INT_OPTION(TRANSACTIONS, t2_ms, "milliseconds", 1000, 32000, "4000",
		   "longest time between retransmissions (T2)"),
	INT_OPTION(TRANSACTIONS, t4_ms, "milliseconds", 1000, 32000, "5000",
		   "how long a message stays in the network (T4)"),
	INT_OPTION(TRANSACTIONS, servers_max, "transactions", 1000, 50000000, "4000000",
		   "server transactions, lingering ones included; a tenth is kept for requests in "
		   "dialogs"),
	INT_OPTION(TRANSACTIONS, clients_max, "transactions", 1000, 50000000, "4000000",
		   "client transactions, lingering ones included"),
	INT_OPTION(TRANSACTIONS, suspended_max, "requests", 10, 1000000, "10000",
		   "requests that wait for a module"),
};
static const struct conf_table transactions_table = {.name = "transactions",
						     .help = "timers and limits of transactions",
						     .size = sizeof(TRANSACTIONS),
						     CONF_OPTIONS(transactions_options)};

#define TRANSPORT __typeof__(((struct settings *)0)->transport)
static const struct conf_option transport_options[] = {
	INT_OPTION(TRANSPORT, connections_max, "connections", 16, 1000000, "16384",
		   "TCP and TLS connections of all workers"),
	INT_OPTION(TRANSPORT, reserved_percent, "percent", 0, 90, "25",
		   "share of them kept for known peers"),
	INT_OPTION(TRANSPORT, handshakes_max, "handshakes", 1, 100000, "512",
		   "TLS handshakes under way"),
	INT_OPTION(TRANSPORT, queue_bytes, "bytes", 65536, 67108864, "1048576",
		   "output waiting on a connection before it is closed"),
	INT_OPTION(TRANSPORT, connect_ms, "milliseconds", 100, 32000, "4000",
		   "time to open a connection"),
	INT_OPTION(TRANSPORT, stream_try_ms, "milliseconds", 50, 4000, "500",
		   "the same for a large request that could go by UDP"),
	INT_OPTION(TRANSPORT, large_request_bytes, "bytes", 500, 65535, "1300",
		   "requests beyond this try TCP first (RFC 3261 18.1.1)"),
	INT_OPTION(TRANSPORT, socket_buffer_bytes, "bytes", 65536, 1073741824, "8388608",
		   "receive and send buffer of UDP sockets"),
	INT_OPTION(TRANSPORT, sources_max, "sources", 1000, 10000000, "65536",
		   "sources whose connections and keepalives are counted"),
};
static const struct conf_table transport_table = {.name = "transport",
						  .help = "sockets and connections",
						  .size = sizeof(TRANSPORT),
						  CONF_OPTIONS(transport_options)};

#define DNS __typeof__(((struct settings *)0)->dns)
static const struct conf_option dns_options[] = {
	{.name = "nameservers",
	 .type = CONF_ADDR,
	 .flags = CONF_LIST,
	 .port = CONF_PORT_OK,
	 .max_items = 8,
	 .offset = offsetof(DNS, nameservers),
	 .help = "name servers; none: those of the system at start"},
	INT_OPTION(DNS, timeout_ms, "milliseconds", 50, 10000, "500", "wait for one answer"),
	INT_OPTION(DNS, tries, "tries", 1, 5, "2", "questions to each server"),
	INT_OPTION(DNS, budget_ms, "milliseconds", 100, 30000, "2000", "a whole look-up"),
	INT_OPTION(DNS, ttl_min_s, "seconds", 0, 3600, "5", "answers count at least so long"),
	INT_OPTION(DNS, ttl_max_s, "seconds", 1, 86400, "3600", "and at most so long"),
	INT_OPTION(DNS, negative_s, "seconds", 1, 3600, "30",
		   "that a name does not exist counts so long"),
	INT_OPTION(DNS, stale_s, "seconds", 0, 604800, "86400",
		   "old answers are used so long when no server answers"),
	INT_OPTION(DNS, cache_max, "answers", 100, 10000000, "10000", "answers kept"),
	INT_OPTION(DNS, avoid_s, "seconds", 1, 3600, "30",
		   "a target that failed is tried last so long, longer each time"),
	INT_OPTION(DNS, targets_max, "targets", 100, 10000000, "10000",
		   "targets whose failures are remembered"),
};
static const struct conf_table dns_table = {.name = "dns",
					    .help = "how names become addresses (RFC 3263)",
					    .size = sizeof(DNS),
					    CONF_OPTIONS(dns_options)};

#define OVERLOAD __typeof__(((struct settings *)0)->overload)
static const struct conf_option overload_options[] = {
	INT_OPTION(OVERLOAD, queue_delay_ms, "milliseconds", 5, 5000, "50",
		   "messages that wait longer before they are handled mean overload"),
	INT_OPTION(OVERLOAD, transactions_percent, "percent", 10, 100, "90",
		   "so much in use of the transactions that new requests may have means overload"),
	{.name = "memory_max_mib",
	 .type = CONF_AUTO,
	 .min = 16,
	 .max = 1048576,
	 .def = "auto",
	 .unit = "MiB",
	 .offset = offsetof(OVERLOAD, memory_max_mib),
	 .help = "memory ceiling, new work is refused at 90 % of it; auto: that of the control "
		 "group, or of the machine"},
	INT_OPTION(OVERLOAD, retry_after_min_s, "seconds", 1, 3600, "1",
		   "Retry-After of refusals, at least"),
	INT_OPTION(OVERLOAD, retry_after_max_s, "seconds", 1, 3600, "10", "and at most"),
	{.name = "emergency",
	 .type = CONF_STRING,
	 .flags = CONF_LIST,
	 .max = 255,
	 .max_items = 64,
	 .offset = offsetof(OVERLOAD, emergency),
	 .def = "(\"urn:service:sos\", \"112\", \"911\", \"110\")",
	 .help = "URN prefixes and user parts that pass in overload"},
};
static const struct conf_table overload_table = {.name = "overload",
						 .help = "when and how new work is refused",
						 .size = sizeof(OVERLOAD),
						 CONF_OPTIONS(overload_options)};

static const char *const levels[] = {[LOG_ERROR] = "error",
				     [LOG_WARNING] = "warning",
				     [LOG_INFO] = "info",
				     [LOG_DEBUG] = "debug",
				     NULL};
#define LOGGING __typeof__(((struct settings *)0)->log)
static const struct conf_option log_options[] = {
	{.name = "level",
	 .type = CONF_ENUM,
	 .choices = levels,
	 .def = "info",
	 .offset = offsetof(LOGGING, level),
	 .help = "say nothing less important"},
};
static const struct conf_table log_table = {.name = "log",
					    .help = "events, one line each, on standard error",
					    .size = sizeof(LOGGING),
					    CONF_OPTIONS(log_options)};

#define METRICS __typeof__(((struct settings *)0)->metrics)
static const struct conf_option metrics_options[] = {
	{.name = "listen",
	 .type = CONF_ADDR,
	 .port = CONF_PORT_NEEDED,
	 .offset = offsetof(METRICS, listen),
	 .help = "loopback address and port of Prometheus metrics, /live and /ready; absent: off"},
};
static void check_metrics(struct conf_check *check, const void *value)
{
	const METRICS *metrics = value;

	if (metrics->listen.family != ADDR_NONE &&
	    addr_class(&metrics->listen) != ADDR_CLASS_LOOPBACK)
		conf_risk(check, "listen", "metrics-open",
			  "figures are told to whoever reaches that address");
}
static const struct conf_table metrics_table = {.name = "metrics",
						.help = "figures over HTTP",
						.size = sizeof(METRICS),
						CONF_OPTIONS(metrics_options),
						.check = check_metrics};

#define CONTROL __typeof__(((struct settings *)0)->control)
static const struct conf_option control_options[] = {
	{.name = "socket",
	 .type = CONF_STRING,
	 .flags = CONF_RESTART,
	 .max = 100,
	 .offset = offsetof(CONTROL, socket),
	 .help = "path of the socket that margravectl speaks to; absent: control.sock in the state "
		 "folder"},
};
static const struct conf_table control_table = {.name = "control",
						.help = "the operator's socket",
						.size = sizeof(CONTROL),
						CONF_OPTIONS(control_options)};

/* ---- modules ---- */

extern const struct mg_module acl_module, route_module, sanity_module, shield_module;

/* Those that are linked in. A new one is a folder under modules/, a library in CMakeLists.txt, and a name here. */
const struct mg_module *const chain_builtin[] = {&acl_module, &route_module, &sanity_module,
						 &shield_module, NULL};

/* ---- the file ---- */

#define GROUP(field, help_)                                                  \
	{                                                                    \
		.name = #field, .type = CONF_GROUP, .group = &field##_table, \
		.offset = offsetof(struct settings, field), .help = (help_)  \
	}
static const struct conf_option options[] = {
	{.name = "workers",
	 .type = CONF_AUTO,
	 .flags = CONF_RESTART,
	 .min = 1,
	 .max = TP_WORKERS_MAX,
	 .def = "auto",
	 .offset = offsetof(struct settings, workers),
	 .unit = "threads",
	 .help = "threads that carry traffic; auto: one a CPU"},
	{.name = "user",
	 .type = CONF_STRING,
	 .flags = CONF_RESTART,
	 .max = 31,
	 .def = "\"margrave\"",
	 .offset = offsetof(struct settings, user),
	 .help = "who the SIP process becomes when started as root; root itself only with "
		 "accept_risk = "
		 "(\"user-root\")"},
	{.name = "state",
	 .type = CONF_STRING,
	 .flags = CONF_RESTART,
	 .max = 80,
	 .def = "\"/var/lib/margrave\"",
	 .offset = offsetof(struct settings, state),
	 .help = "folder for what is kept; made if it does not exist"},
	INT_OPTION(struct settings, gather_us, "microseconds", 0, 1000, "200",
		   "after work a worker lets messages gather at most so long before it wakes "
		   "again, where that is found to save CPU time"),
	{.name = "accept_risk",
	 .type = CONF_STRING,
	 .flags = CONF_LIST,
	 .max = 63,
	 .max_items = 32,
	 .offset = offsetof(struct settings, accept_risk),
	 .example = "( \"open-relay\" )",
	 .help = "names of dangers that are known and wanted: acl-any, metrics-open, open-relay "
		 "(strangers' calls are answered as RFC 3261 has it, again for each request that "
		 "their source may send), recurse, tls-unverified, user-root"},
	{.name = "zones",
	 .type = CONF_GROUP,
	 .flags = CONF_LIST | CONF_REQUIRED,
	 .group = &zone_table,
	 .max_items = TP_ZONES_MAX,
	 .offset = offsetof(struct settings, zones),
	 .help = "the networks we stand between"},
	{.name = "tls",
	 .type = CONF_GROUP,
	 .flags = CONF_LIST,
	 .group = &tls_table,
	 .max_items = 64,
	 .offset = offsetof(struct settings, tls),
	 .help = "certificates and rules of TLS"},
	CHAIN_MODULES_OPTION(offsetof(struct settings, modules)),
	GROUP(proxy, "the proxy core"),
	GROUP(transactions, "timers and limits of transactions"),
	GROUP(transport, "sockets and connections"),
	GROUP(dns, "how names become addresses"),
	GROUP(overload, "when and how new work is refused"),
	GROUP(log, "what is said on standard error"),
	GROUP(metrics, "figures over HTTP"),
	GROUP(control, "the operator's socket"),
};

const struct conf_table settings_table = {.name = "margrave",
					  .help = "the configuration file",
					  .size = sizeof(struct settings),
					  CONF_OPTIONS(options),
					  .check = settings_check};
