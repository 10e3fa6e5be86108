#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# lab_certificate.sh [FOLDER]: a self-signed certificate for localhost and 127.0.0.1, lab.crt and lab.key, beside the example configurations.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

folder=${1:-config/examples}
[ $# -le 1 ] || usage 'lab_certificate.sh [FOLDER]'
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1 -keyout "$folder/lab.key" -out "$folder/lab.crt" 2>/dev/null
chmod 644 "$folder/lab.crt" # phones read it; the key is nobody else's
echo "$folder/lab.crt and $folder/lab.key"
