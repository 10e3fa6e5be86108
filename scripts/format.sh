#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# format.sh [--check] [FILE...]: bring every C file, or those named, into the shape of .clang-format, or fail and show
# what differs.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# differs FILE...: show how each would change, then which would; fails when one would
differs()
{
	local file unformatted=()
	for file in "$@"; do
		clang-format "$file" | diff -u --label "$file" --label "$file, formatted" "$file" - || unformatted+=("$file")
	done
	[ ${#unformatted[@]} = 0 ] || die "not formatted: ${unformatted[*]}"
}

check=
case ${1-} in
--check) check=1 && shift ;;
--*) usage 'format.sh [--check] [FILE...]' ;;
esac
files=("$@")
[ $# -gt 0 ] || mapfile -d '' files < <(ours '*.c' '*.h')
[ ${#files[@]} -gt 0 ] || exit 0
if [ "$check" ]; then differs "${files[@]}"; else clang-format -i "${files[@]}"; fi
