/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * landlock: by the bare system calls, which libc does not wrap.
 */
#include "daemon/landlock.h"

#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights of the first version; later versions add a few, which are handled when the kernel knows them. */
#define RIGHTS_1                                                          \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |     \
	 LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |     \
	 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	 LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |     \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |     \
	 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |   \
	 LANDLOCK_ACCESS_FS_MAKE_SYM)
#define RIGHT_REFER    (1ULL << 13) /* version 2 */
#define RIGHT_TRUNCATE (1ULL << 14) /* version 3 */
#define NOT_GIVEN \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK)

static uint64_t rights_of(long version)
{
	return RIGHTS_1 | (version >= 2 ? RIGHT_REFER : 0) | (version >= 3 ? RIGHT_TRUNCATE : 0);
}

static int restrict_to(int ruleset, int folder, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = rights & ~(uint64_t)NOT_GIVEN,
						  .parent_fd = folder};

	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ||
			       syscall(SYS_landlock_restrict_self, ruleset, 0) < 0
		       ? -errno
		       : 0;
}

int landlock_enter(int folder)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (version < 0)
		return -errno;
	struct landlock_ruleset_attr attr = {.handled_access_fs = rights_of(version)};
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return -errno;
	int err = restrict_to(ruleset, folder, attr.handled_access_fs);
	close(ruleset);
	return err;
}
