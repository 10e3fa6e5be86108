/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * landlock: no files but those in one folder, for this process and all it starts (landlock(7)).
 */
#ifndef MG_DAEMON_LANDLOCK_H
#define MG_DAEMON_LANDLOCK_H

#include "base/err.h"

/* Everything outside of the folder that is open as `folder` (O_PATH suffices) gives EACCES from now on; what is open stays open. Needs no_new_privs.
 *
 * Returns    0, -ENOSYS or -EOPNOTSUPP when the kernel has no Landlock, or another negative errno.
 */
MG_MUST_CHECK int landlock_enter(int folder);

#endif
