#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# reference.sh [--check] [EXECUTABLE]: writes docs/reference.md and config/margrave.cfg as the executable (build/release/bin/margrave) prints them from the
# tables of the source; --check writes nothing, but fails when they are out of date.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

check=
if [ "${1:-}" = --check ]; then
	check=1
	shift
fi
[ $# -le 1 ] || usage 'reference.sh [--check] [EXECUTABLE]'
margrave=${1:-build/release/bin/margrave}

# page OPTION: what the option prints; a sample says first what every file of ours says
page() {
	if [ "$1" = --sample ]; then
		echo "# SPDX-License-Identifier: GPL-3.0-or-later"
		echo "# Every option at its default. Generated from the tables of the source; copy it and change the copy."
		echo
	fi
	"$margrave" "$1"
}

# one OPTION FILE: the file is that page
one() {
	if [ -z "$check" ]; then
		page "$1" >"$2"
	elif ! page "$1" | cmp -s - "$2"; then
		echo "$2 is out of date: scripts/reference.sh writes it" >&2
		return 1
	fi
}

status=0
one --reference docs/reference.md || status=1
one --sample config/margrave.cfg || status=1
exit $status
