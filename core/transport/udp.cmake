# SPDX-License-Identifier: GPL-3.0-or-later
# The core of the room and datagrams.
set(TRANSPORT_UDP shared.c shared_source.c stun.c)
set(TRANSPORT_UDP_TESTS shared stun)
