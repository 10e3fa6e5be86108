# SPDX-License-Identifier: GPL-3.0-or-later
# stream: TCP and TLS
set(TRANSPORT_STREAM
	tls.c tls_context.c tls_context_load.c tls_name.c tls_sessions.c tls_ticket_keys.c)
set(TRANSPORT_STREAM_TESTS tls tls_context tls_name tls_resume)
