# SPDX-License-Identifier: GPL-3.0-or-later
# The way of messages and the process that carries them.
set(DAEMON_LEAD
	call.c flow.c flow_events.c flow_overload.c flow_request.c full.c overload.c running.c running_tls.c settings.c settings_check.c settings_tables.c sip_process.c worker.c zones.c)
set(DAEMON_LEAD_TESTS full overload settings zones)
