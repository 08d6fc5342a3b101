#!/usr/bin/env bash
# Replaces rds-global-bundle.pem with the roots that AWS publishes, without the expired ones, and prints the
# differences. On any error the old bundle stays.
# usage: refresh.sh [URL of a PEM file]
set -euo pipefail

url=${1:-https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem}
here=$(cd "$(dirname "$0")" && pwd)
bundle=$here/rds-global-bundle.pem
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

curl --fail --silent --show-error --location --output "$work/published.pem" "$url"
echo "published: sha256 $(sha256sum <"$work/published.pem" | cut -d ' ' -f 1) ($url)"
awk -v dir="$work" '
    /-----BEGIN CERTIFICATE-----/ { file = sprintf("%s/%04d.crt", dir, ++count) }
    file { print > file }
    /-----END CERTIFICATE-----/ { close(file); file = "" }
' "$work/published.pem"

kept=0 expired=0
for certificate in "$work"/*.crt; do
    # The script stops here at an invalid certificate, with the old bundle in place.
    openssl x509 -in "$certificate" -noout
    if openssl x509 -in "$certificate" -noout -checkend 0 >/dev/null; then
        # The PEM block alone, in openssl's own layout.
        openssl x509 -in "$certificate" >>"$work/bundle.pem"
        kept=$((kept + 1))
    else
        expired=$((expired + 1))
    fi
done

"$here/check.sh" "$work/bundle.pem" >"$work/after"
if [ -e "$bundle" ]; then "$here/check.sh" "$bundle" >"$work/before" || true; else : >"$work/before"; fi
diff "$work/before" "$work/after" || true
# Copied first, then renamed: the bundle is replaced as a whole.
cp "$work/bundle.pem" "$bundle.new"
mv "$bundle.new" "$bundle"
echo "$bundle: $kept certificates ($expired expired ones left out)"
echo "update added and removed regions in README.md and in the templates' rule TheRootsOfTheRegionAreBundled"
