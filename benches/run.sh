#!/usr/bin/env bash
# Builds what a bench of Warren needs, and runs it: `benches/run.sh NAME`, where NAME is a Python file of this folder.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
bench=$1

tests/install.sh
# In a build of its own: features that one of them wants of a common crate would get into all of them.
cargo build --release --locked --bin producer --bin downloader
cargo build --release --locked --package warren-benches
PYTHONDONTWRITEBYTECODE=1 exec python3 "benches/$bench.py" "$target/release" "$target/bench-peers/bin/python"
