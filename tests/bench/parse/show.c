/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * show: prints typed values as lines "message TAB field TAB nth TAB value", the field by name. Linked into the
 * *_show executables only; run.py compares their output where checksums differ.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

void show_message(size_t i);
void show_end(void);

static size_t message;

static const char *const names[] = {
	[F_METHOD] = "method",
	[F_RURI + URI_USER] = "request-uri user",
	[F_RURI + URI_HOST] = "request-uri host",
	[F_RURI + URI_PORT] = "request-uri port",
	[F_STATUS] = "status",
	[F_VIA_HOST] = "via host",
	[F_VIA_PORT] = "via port",
	[F_VIA_BRANCH] = "via branch",
	[F_FROM + URI_USER] = "from user",
	[F_FROM + URI_HOST] = "from host",
	[F_FROM + URI_PORT] = "from port",
	[F_FROM_TAG] = "from tag",
	[F_TO + URI_USER] = "to user",
	[F_TO + URI_HOST] = "to host",
	[F_TO + URI_PORT] = "to port",
	[F_TO_TAG] = "to tag",
	[F_CALL_ID] = "call-id",
	[F_CSEQ] = "cseq number",
	[F_CSEQ_METHOD] = "cseq method",
	[F_CONTACT + URI_USER] = "contact user",
	[F_CONTACT + URI_HOST] = "contact host",
	[F_CONTACT + URI_PORT] = "contact port",
	[F_CONTACT_STAR] = "contact *",
	[F_MAX_FORWARDS] = "max-forwards",
	[F_EXPIRES] = "expires",
	[F_CONTENT_LENGTH] = "content-length",
	[F_ROUTE + URI_USER] = "route user",
	[F_ROUTE + URI_HOST] = "route host",
	[F_ROUTE + URI_PORT] = "route port",
	[F_ROUTE + URI_LR] = "route lr",
	[F_RECORD_ROUTE + URI_USER] = "record-route user",
	[F_RECORD_ROUTE + URI_HOST] = "record-route host",
	[F_RECORD_ROUTE + URI_PORT] = "record-route port",
	[F_RECORD_ROUTE + URI_LR] = "record-route lr",
};

void show_message(size_t i)
{
	message = i;
}

void show_end(void)
{
	exit(fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS);
}

void show_text(unsigned field, unsigned nth, const char *p, size_t n)
{
	printf("%zu\t%s\t%u\t", message, names[field], nth);
	for (size_t i = 0; i < n; i++)
		printf(p[i] < ' ' || p[i] > '~' ? "\\x%02x" : "%c", (unsigned char)p[i]);
	putchar('\n');
}

void show_number(unsigned field, unsigned nth, uint64_t value)
{
	if (value == SUM_ABSENT)
		printf("%zu\t%s\t%u\tabsent\n", message, names[field], nth);
	else
		printf("%zu\t%s\t%u\t%llu\n", message, names[field], nth,
		       (unsigned long long)value);
}
