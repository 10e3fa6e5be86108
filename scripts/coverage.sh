#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# coverage.sh: build with gcov's counters, run the unit tests and the seeds of the fuzz targets, print lines and branches
# per file and room, and fail when a room is below the threshold in scripts/coverage.py.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# = 0 ] || usage 'coverage.sh'
scripts/setup.sh test
build coverage
find build/coverage -name '*.gcda' -delete
log=build/log/ctest-coverage.log
ctest --preset coverage --parallel "$(nproc)" --no-tests=error >"$log" 2>&1 || {
	cat "$log" >&2
	die "tests fail; log in $log"
}
exec /usr/bin/python3 scripts/coverage.py build/coverage
