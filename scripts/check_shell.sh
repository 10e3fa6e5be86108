#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# check_shell.sh: shellcheck over every shell script.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ours '*.sh' .ci/run | xargs -0r shellcheck --external-sources
