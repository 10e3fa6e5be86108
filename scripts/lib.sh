# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# lib: what the other scripts share; sourced, not run. Leaves the caller in the root of the tree.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# usage TEXT: how to call the script, on standard error, and exit 2.
usage()
{
	printf 'usage: %s\n' "$1" >&2
	exit 2
}

# die TEXT: one line on standard error, and exit 1.
die()
{
	printf '%s: %s\n' "${0##*/}" "$1" >&2
	exit 1
}

# ours PATTERN...: files of the repository and new ones that are not ignored, ended by NUL. Files deleted but not
# yet committed are left out.
ours()
{
	git ls-files -z --cached --others --exclude-standard --deduplicate -- "$@" |
		while IFS= read -r -d '' file; do
			if [ -f "$file" ]; then printf '%s\0' "$file"; fi
		done
}

# build PRESET [TARGET...]: configure and build; the whole output, when there is something to say, on failure only.
build()
{
	local preset=$1 log
	shift
	log=build/log/build-$preset.log
	mkdir -p build/log
	if ! { cmake --preset "$preset" && cmake --build --preset "$preset" ${1:+--target "$@"}; } >"$log" 2>&1; then
		cat "$log" >&2
		die "the $preset preset does not build; log in $log"
	fi
}
