#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# spell.sh: codespell over every text of ours. Words that are right, though it thinks otherwise, are in
# scripts/spell.ignore; messages copied from elsewhere and the licence are not ours to correct.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ours ':!tests/torture/*.dat' ':!tests/fuzz/corpus' ':!LICENSE' ':!scripts/spell.ignore' |
	xargs -0r codespell --ignore-words=scripts/spell.ignore
