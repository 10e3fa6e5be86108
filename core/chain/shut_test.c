/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What modules have of the gate: with a table in memory that no kernel reads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "chain/chain.h"
#include "gate/gate.h"

/* More than any table has. */
#define TABLE_ROOM (8 << 20)

static struct mg_source source_of(uint8_t transport)
{
	struct mg_source s = {.transport = transport, .listener = 3};

	assert_int_equal(addr_parse(sv_str("192.0.2.7"), ADDR_IP, &s.addr), 0);
	return s;
}

static unsigned bytes_set(int fd)
{
	unsigned n = 0;
	unsigned char *p = mmap(NULL, TABLE_ROOM, PROT_READ, MAP_SHARED, fd, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	for (size_t i = 0; i < TABLE_ROOM; i++)
		n += p[i] != 0;
	munmap(p, TABLE_ROOM);
	return n;
}

static void nothing_without_a_gate(void **state)
{
	struct mg_worker worker = {0};
	struct mg_source s = source_of(SIP_TRANSPORT_UDP);

	(void)state;
	mg_shut(&worker, &s, MG_SHUT_RATE, 1000);
	mg_unshut(&worker, &s.addr);
	assert_int_equal(mg_shut_dropped(&worker, MG_SHUT_DENIED), 0);
}

static void datagrams_only(void **state)
{
	struct mg_worker worker = {0};
	struct mg_source udp = source_of(SIP_TRANSPORT_UDP), tcp = source_of(SIP_TRANSPORT_TCP);
	int fd = memfd_create("gate", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, TABLE_ROOM), 0);
	assert_int_equal(gate_open(&worker.gate, fd, 1), 0);
	mg_shut(&worker, &tcp, MG_SHUT_DENIED, 1000);
	assert_int_equal(bytes_set(fd), 0);
	mg_shut(&worker, &udp, MG_SHUT_DENIED, 1000);
	unsigned shut = bytes_set(fd);
	assert_true(shut > 0);
	mg_unshut(&worker, &udp.addr);
	assert_true(bytes_set(fd) < shut);
	assert_int_equal(mg_shut_dropped(&worker, MG_SHUT_DENIED), 0);
	gate_close(worker.gate);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_without_a_gate),
		cmocka_unit_test(datagrams_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
