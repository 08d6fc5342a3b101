#!/usr/bin/env bash
# Prints the certificates of a bundle, earliest expiry first, and the bundle's checksum. Fails if one is
# invalid or has expired.
# usage: check.sh [FILE] [DAYS]     fails also if one expires within DAYS (default 0)
set -euo pipefail

bundle=${1:-$(dirname "$0")/rds-global-bundle.pem}
days=${2:-0}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk -v dir="$work" '
    /-----BEGIN CERTIFICATE-----/ { file = sprintf("%s/%04d.crt", dir, ++count) }
    file { print > file }
    /-----END CERTIFICATE-----/ { close(file); file = "" }
' "$bundle"

count=0 over=0
for certificate in "$work"/*.crt; do
    # The script stops here at an invalid certificate.
    end=$(openssl x509 -in "$certificate" -noout -enddate)
    subject=$(openssl x509 -in "$certificate" -noout -subject -nameopt multiline | sed -n 's/ *commonName *= //p')
    printf '%s  %s\n' "$(date -u -d "${end#notAfter=}" +%F)" "$subject" >>"$work/list"
    count=$((count + 1))
    openssl x509 -in "$certificate" -noout -checkend $((days * 86400)) >/dev/null || over=$((over + 1))
done

sort "$work/list"
echo "$count certificates, the first expires on $(sort "$work/list" | head -c 10)"
echo "sha256 $(sha256sum <"$bundle" | cut -d ' ' -f 1)"
if ((over > 0)); then
    echo "$over of them expired, or within $days days" >&2
    exit 1
fi
