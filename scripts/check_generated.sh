#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# check_generated.sh: every file that a scripts/gen_*.py writes is what it would write now. A generator takes --check
# and then writes nothing, but fails and says what is out of date.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

status=0
for generator in scripts/gen_*.py; do
	[ -f "$generator" ] || continue
	/usr/bin/python3 "$generator" --check || status=1
done
exit $status
