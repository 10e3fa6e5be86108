# SPDX-License-Identifier: GPL-3.0-or-later
# The core of the room and datagrams.
set(TRANSPORT_UDP
	buf.c keep.c local.c pick.c reply.c shared.c shared_source.c stun.c tp.c
	udp.c udp_error.c udp_receive.c udp_send.c)
set(TRANSPORT_UDP_TESTS shared stun)
