# SPDX-License-Identifier: GPL-3.0-or-later
# The core of the room and datagrams.
set(TRANSPORT_UDP stun.c)
set(TRANSPORT_UDP_TESTS stun)
