#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# tidy.sh [--changed | FILE...]: clang-tidy with .clang-tidy over the C files that the dev preset builds: all of them,
# those that differ from the last commit, or those named. Headers are judged with the files that include them.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

configure()
{
	mkdir -p build/log
	cmake --preset dev >build/log/tidy-configure.log 2>&1 || {
		cat build/log/tidy-configure.log >&2
		die "the dev preset does not configure"
	}
}

wanted()
{
	case ${1-} in
	'') ours '*.c' ;;
	--changed)
		git diff -z --name-only --diff-filter=d HEAD -- '*.c'
		git ls-files -z --others --exclude-standard -- '*.c'
		;;
	--*) usage 'tidy.sh [--changed | FILE...]' ;;
	*) printf '%s\0' "$@" ;;
	esac
}

# compiled: of the files on standard input those that the dev preset compiles
compiled()
{
	while IFS= read -r -d '' file; do
		if grep -qF "\"file\": \"$PWD/$file\"" build/dev/compile_commands.json; then printf '%s\0' "$file"; fi
	done
}

# tidy FILE: its findings in one piece, without the count of warnings in headers that are not ours
tidy()
{
	local out status=0
	out=$(clang-tidy --quiet -p build/dev "$1" 2>&1) || status=1
	grep -vE '^[0-9]+ warnings? (and [0-9]+ errors? )?generated\.$' <<<"$out" | grep . || true
	return $status
}
export -f tidy

configure
# shellcheck disable=SC2016 # the inner bash expands it
wanted "$@" | compiled | xargs -0r -n 1 -P "$(nproc)" bash -c 'tidy "$1"' tidy
