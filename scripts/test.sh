#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# test.sh [--full] [--checks]: install what is missing, build, and run every unit test under release and under ASan with
# UBSan (of gcc, and of clang in the fuzz preset), rooms with threads under TSan and the rooms base and sip under MSan too, the
# system tests against the daemon, the tests of the scripts, and each fuzz target for 20 s. --full does the long runs that
# the tests state and fuzzes each target for 600 s. --checks, as CI does, adds formatting, clang-tidy, spelling and the other
# checks of the sources.
# Ends with the line "N passed, M failed, K skipped"; logs are in build/log.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for option in "$@"; do
	case $option in --full | --checks) ;; *) usage 'test.sh [--full] [--checks]' ;; esac
done
scripts/setup.sh test
exec /usr/bin/python3 scripts/stages.py "$@"
