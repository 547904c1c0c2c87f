#!/usr/bin/env bash
# What Warren shows in a browser: crawls real pages with the real programs, opens what comes of it in headless Chromium, and clicks.
# Chromium, nginx, Node.js and the manual of GIMP are installed where they are missing (Debian, as root); playwright-core and axe-core
# come from npm, into cargo's target folder.
#
# usage: run.sh [FILE...]                 the *.test.mjs given, or all
#        SCREENSHOTS=docs/images run.sh   pictures of what is shown, too
#        PRODUCER=PATH run.sh             with this program, instead of one that is built first
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
place=$target/browser

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v nginx >/dev/null || [[ -x /usr/sbin/nginx ]] || missing+=(nginx-light)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v python3 >/dev/null || missing+=(python3)
[[ -e /usr/share/gimp/2.0/help/en/index.html ]] || missing+=(gimp-help-en)
# Without a font there is nothing to look at.
[[ -n $(find /usr/share/fonts -name '*.ttf' -print -quit 2>/dev/null) ]] || missing+=(fonts-dejavu-core)
if [[ ${#missing[@]} -gt 0 ]]; then
  hint="hint: sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}"
  [[ $(id -u) == 0 ]] || { printf '%s\n' "browser: missing: ${missing[*]}" "$hint" >&2; exit 1; }
  echo "browser: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq </dev/null
  apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null \
    || { printf '%s\n' "browser: the installation failed" "$hint" >&2; exit 1; }
fi

mkdir -p "$place"
if ! cmp -s tests/browser/package-lock.json "$place/package-lock.json"; then
  cp tests/browser/package.json "$place/"
  (cd "$place" && cp "$OLDPWD/tests/browser/package-lock.json" package-lock.new \
    && cp package-lock.new package-lock.json && npm ci --silent --no-audit --no-fund --ignore-scripts) \
    || { rm -f "$place/package-lock.json"; echo "browser: playwright-core and axe-core could not be had from npm" >&2; exit 1; }
fi

if [[ -z ${PRODUCER:-} ]]; then
  cargo build --locked --bin producer
  PRODUCER=$target/debug/producer
fi
PRODUCER=$(realpath "$PRODUCER")
export PRODUCER BROWSER_MODULES=$place/
files=("$@")
[[ ${#files[@]} -gt 0 ]] || files=(tests/browser/*.test.mjs)
exec node --test --test-concurrency=1 "${files[@]}"
