#!/usr/bin/env bash
# What headless Chromium requests on real pages, against what `producer extract` finds on them; see compare.py. Chromium and
# nginx are installed where they are missing (Debian, as root); the pages' packages are unpacked under cargo's target folder,
# not installed: 220 MB to download, 1.5 GB unpacked.
#
# usage: run.sh [WORD...]    only pages with one of the words in their path
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
place=$target/chromium

missing=()
command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
command -v nginx >/dev/null || [[ -x /usr/sbin/nginx ]] || missing+=(nginx-light)
if [[ ${#missing[@]} -gt 0 ]]; then
  [[ $(id -u) == 0 ]] || { echo "chromium: missing; hint: sudo apt-get install --no-install-recommends ${missing[*]}" >&2; exit 1; }
  tests/install.sh
  apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null
fi

mkdir -p "$place/root"
while read -r _ package; do
  [[ -e $place/$package ]] && continue
  echo "chromium: unpacking $package"
  rm -rf "$place/debs" && mkdir "$place/debs"
  (cd "$place/debs" && apt-get download -qq "$package" 2>/dev/null) \
    || { echo "chromium: no package $package; hint: apt-get update" >&2; exit 1; }
  dpkg -x "$place"/debs/*.deb "$place/root"
  rm -rf "$place/debs"
  touch "$place/$package"
done < <(grep '^package ' tests/chromium/pages.txt)

if [[ -z ${PRODUCER:-} ]]; then
  cargo build --locked --bin producer
  PRODUCER=$target/debug/producer
fi
exec python3 tests/chromium/compare.py "$PRODUCER" "$place/root/usr/share" "$@"
