#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# fuzz.sh [--no-build] TARGET SECONDS: run one fuzz target. Seeds are tests/fuzz/corpus/TARGET, a dictionary
# tests/fuzz/TARGET.dict and a largest input in tests/fuzz/TARGET.maxlen count when they are there. What it learns stays in
# build/fuzz/corpus-TARGET. Prints executions, speed, coverage and findings; fails on a finding and says where the
# input lies. Without arguments the targets are listed.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if [ "${1-}" = --no-build ]; then
	shift
else
	[ $# = 0 ] || build fuzz fuzzers
fi
if [ $# = 0 ]; then
	for source in tests/fuzz/*_fuzz.c; do
		name=${source##*/}
		printf '%s\n' "${name%_fuzz.c}"
	done
	exit 0
fi
[[ $# = 2 && $2 =~ ^[0-9]+$ ]] || usage 'fuzz.sh TARGET SECONDS'
target=$1 seconds=$2
exe=build/fuzz/bin/fuzz_$target
[ -x "$exe" ] || die "no fuzz target $target; fuzz.sh without arguments lists them"

work=build/fuzz/corpus-$target
found=build/fuzz/found-$target
log=build/log/fuzz-$target.log
mkdir -p "$work" "$found" build/log

args=(-max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$found/")
if [ -f "tests/fuzz/$target.maxlen" ]; then
	args+=(-max_len="$(cat "tests/fuzz/$target.maxlen")")
else
	args+=(-max_len=65536)
fi
[ ! -f "tests/fuzz/$target.dict" ] || args+=(-dict="tests/fuzz/$target.dict")
corpora=("$work")
[ ! -d "tests/fuzz/corpus/$target" ] || corpora+=("tests/fuzz/corpus/$target")

status=0
UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1} "$exe" "${args[@]}" "${corpora[@]}" >"$log" 2>&1 </dev/null &
fuzzer=$!
trap 'kill "$fuzzer" 2>/dev/null || true' EXIT # in the background, so that ending the script ends the fuzzer
wait "$fuzzer" || status=$?

# figure NAME: one of libFuzzer's final statistics
figure()
{
	sed -n "s/^stat::$1: *//p" "$log"
}
coverage=$(grep -oE 'cov: [0-9]+ ft: [0-9]+' "$log" | tail -n 1 || true)
printf 'fuzz %s: %s executions, %s/s, %s, %s s, %s\n' "$target" "$(figure number_of_executed_units)" \
	"$(figure average_exec_per_sec)" "${coverage:-no coverage}" "$seconds" \
	"$([ $status = 0 ] && echo 'no findings' || echo 'A FINDING')"
if [ $status != 0 ]; then
	tail -n 60 "$log"
	input=$(sed -n 's/^artifact_prefix=.*Test unit written to //p' "$log" | tail -n 1)
	die "${input:+the input lies in $input, }the log in $log"
fi
