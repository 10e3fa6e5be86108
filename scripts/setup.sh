#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# setup.sh [run|build|test|bench]: install what running, building, testing (the default) or benchmarking needs on
# Debian 12. Each purpose includes those before it; the packages are listed in packaging/debian-*.list.
# Asks dpkg first, so nothing happens when nothing is missing.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case ${1-test} in
run) purposes=(run) ;;
build) purposes=(run build) ;;
test) purposes=(run build test) ;;
bench) purposes=(run build test bench) ;;
*) usage 'setup.sh [run|build|test|bench]' ;;
esac

command -v dpkg-query >/dev/null || die "this is no Debian system; install what packaging/debian-*.list name by hand"

wanted=()
for purpose in "${purposes[@]}"; do
	while read -r package _; do
		case $package in '' | '#'*) ;; *) wanted+=("$package") ;; esac
	done <"packaging/debian-$purpose.list"
done

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/^installed //p' || true)
missing=()
for package in "${wanted[@]}"; do
	grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || die "neither root nor sudo here; as root run: apt-get install ${missing[*]}"
	as_root=(sudo)
fi

# install: what is missing, without questions. Fails on a machine that never fetched its package lists.
install()
{
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "${missing[@]}" </dev/null
}

mkdir -p build/log
log=build/log/setup.log
printf 'setup: installing %s\n' "${missing[*]}"
if ! install >"$log" 2>&1; then
	{
		"${as_root[@]}" dpkg --configure -a </dev/null || true # an installation may have been cut short
		"${as_root[@]}" apt-get update -q </dev/null && install
	} >>"$log" 2>&1 || {
		tail -n 30 "$log" >&2
		die "could not install ${missing[*]}; log in $log"
	}
fi
