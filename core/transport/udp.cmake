# SPDX-License-Identifier: GPL-3.0-or-later
# The core of the room and datagrams.
set(TRANSPORT_UDP
	buf.c keep.c local.c pick.c reply.c shared.c shared_source.c stun.c tp.c
	udp.c udp_error.c udp_receive.c udp_send.c)
set(TRANSPORT_UDP_TESTS pick reply shared stun tp udp udp_listeners udp_send)

# The kernel's errors are made up, and allocations fail. The targets are there when the folder has been read.
cmake_language(DEFER CALL target_link_options transport_udp_send_test PRIVATE -Wl,--wrap=sendmmsg)
cmake_language(DEFER CALL target_link_options transport_tp_test PRIVATE
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=aligned_alloc)
