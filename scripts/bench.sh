#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# bench.sh NAME [--json FILE]: run one benchmark with the peers it compares with, print a table. Without a name the
# names are listed. A benchmark is tests/bench/NAME/run.py; this only installs its peers and builds the bench
# preset, which is release with the benchmarks.

# shellcheck source=scripts/lib.sh
here=$PWD
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if [ $# = 0 ]; then
	for run in tests/bench/*/run.py; do
		[ ! -f "$run" ] || basename "$(dirname "$run")"
	done
	exit 0
fi
name=$1 json=
shift
while [ $# -gt 0 ]; do
	case $1 in
	--json)
		[ $# -ge 2 ] || usage 'bench.sh NAME [--json FILE]'
		json=$2
		case $json in /*) ;; *) json=$here/$json ;; esac
		shift 2
		;;
	*) usage 'bench.sh NAME [--json FILE]' ;;
	esac
done
[ -f "tests/bench/$name/run.py" ] || die "no benchmark $name; bench.sh without arguments lists them"

scripts/setup.sh bench
build bench
exec /usr/bin/python3 "tests/bench/$name/run.py" ${json:+--json "$json"} --build-dir build/bench
