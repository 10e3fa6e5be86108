#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# format.sh [--check]: bring every C file into the shape of .clang-format, or fail and show what differs.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case ${1-} in
'') ours '*.c' '*.h' | xargs -0r clang-format -i ;;
--check) ours '*.c' '*.h' | xargs -0r clang-format --dry-run --Werror ;;
*) usage 'format.sh [--check]' ;;
esac
