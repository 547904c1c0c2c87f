#!/usr/bin/env bash
# Runs one fuzz target, or each after the other, for some seconds: fuzz/run.sh TARGET|all SECONDS
# Ends with 1 and the name of the input where one fails. Needs cargo-fuzz and a C++ compiler; nightly Rust is not needed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if [[ $# -ne 2 || ! $2 =~ ^[0-9]+$ ]]; then
  echo "usage: $0 TARGET|all SECONDS" >&2
  exit 2
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
  echo "fuzz: cargo-fuzz is not installed; hint: cargo install --locked cargo-fuzz" >&2
  exit 1
fi
# The coverage counters are a nightly's option; this opens it on stable. There is no unsafe code of ours, so no sanitizer.
export RUSTC_BOOTSTRAP=1
# The versions that are built and released; only the fuzzer itself is resolved anew.
cp ../Cargo.lock Cargo.lock

targets=("$1")
if [[ $1 == all ]]; then
  mapfile -t targets < <(cd seeds && printf '%s\n' *)
fi
for target in "${targets[@]}"; do
  mkdir -p "corpus/$target"
  # A slow input is a finding: all that these parsers do is linear. What 64 KiB cannot show, the tests' large inputs do.
  cargo fuzz run --sanitizer none "$target" "corpus/$target" "seeds/$target" -- \
    -max_total_time="$2" -timeout=5 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 -verbosity=1
done
