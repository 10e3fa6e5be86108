# SPDX-License-Identifier: GPL-3.0-or-later
# stream: TCP and TLS
set(TRANSPORT_STREAM
	accept.c conn.c conn_life.c conn_refused.c conn_say.c conn_send.c conn_tls.c letter.c stream.c
	stream_out.c tcp.c tls.c tls_context.c tls_context_load.c tls_meter.c tls_name.c tls_sessions.c
	tls_ticket_keys.c)
set(TRANSPORT_STREAM_TESTS
	accept conn conn_alloc conn_memory conn_refused conn_tls conn_tls_flood conn_tls_threads letter stream
	tls tls_context tls_meter tls_name tls_resume tls_rules)

# Lets allocations fail. The target is there when the folder has been read.
cmake_language(DEFER CALL target_link_options transport_conn_alloc_test PRIVATE
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc)
