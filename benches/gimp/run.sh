#!/usr/bin/env bash
# The whole manual of GIMP by Scrapy and by Warren, in turns; see bench.py. Installs what it needs on Debian, Scrapy in a
# virtual environment under cargo's target folder.
#
# usage: run.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
scrapy=2.19.0

tests/install.sh
cargo build --release --locked --bin producer --bin downloader
python=$target/scrapy-$scrapy/bin/python
if ! "$python" -m scrapy version >/dev/null 2>&1; then
  python3 -m venv "$target/scrapy-$scrapy" \
    || { echo "bench: no virtual environment; hint: apt-get install python3-venv" >&2; exit 1; }
  "$python" -m pip install --quiet "scrapy==$scrapy"
fi
exec python3 benches/gimp/bench.py "$python" "$target/release" "$@"
