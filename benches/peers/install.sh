#!/usr/bin/env bash
# Installs what Warren is measured beside: programs on Debian and its relatives, as root or with sudo, and those of PyPI in a virtual
# environment under cargo's target folder. `make bench` works without, with fewer rows.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}

tests/install.sh
missing=()
for need in wrk wget2 aria2c:aria2; do
  command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
if ((${#missing[@]})); then
  as_root=$([[ $EUID == 0 ]] || echo sudo)
  $as_root apt-get update -qq
  $as_root apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
python3 -m venv "$target/bench-peers"
"$target/bench-peers/bin/python" -m pip install --quiet --requirement benches/peers/requirements.txt
