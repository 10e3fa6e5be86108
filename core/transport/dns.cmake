# SPDX-License-Identifier: GPL-3.0-or-later
# The resolver of RFC 3263.
set(TRANSPORT_DNS dns_packet.c dns_select.c dns_wire.c)
set(TRANSPORT_DNS_TESTS dns_packet dns_select)
