#!/usr/bin/env bash
# The report of a ledger of a million images: written within 30 s, below 20 MB, and open in Chromium within 2 s.
#
# usage: million.sh [IMAGES]
set -euo pipefail
cd "$(dirname "$0")/../.."
place=$(realpath -m "${CARGO_TARGET_DIR:-target}")/browser/million
mkdir -p "$place"
cargo bench --locked -p warren-producer --bench report -- --images "${1:-1000000}" --into "$place"
MILLION=$place/report.html tests/browser/run.sh --test-name-pattern "million images" tests/browser/report.test.mjs
