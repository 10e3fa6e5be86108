# SPDX-License-Identifier: GPL-3.0-or-later
# The resolver of RFC 3263.
set(TRANSPORT_DNS dns.c dns_cache.c dns_channel.c dns_host.c dns_lru.c dns_packet.c dns_query.c dns_select.c dns_set.c
	dns_shared.c dns_steps.c dns_wire.c health.c)
set(TRANSPORT_DNS_TESTS dns dns_alloc dns_cache dns_fault dns_many dns_packet dns_select dns_thread dns_wire health)

# Lets allocations and random bytes fail. The target is there when the folder has been read.
cmake_language(DEFER CALL target_link_options transport_dns_alloc_test PRIVATE
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=aligned_alloc,--wrap=getrandom)
