#!/usr/bin/env python3
"""The micro-benchmarks, by criterion. Run by run.sh. Prints the medians as a table, and the goal of extraction: at least 0.8 of the
speed at which scraper parses the same pages. Exit code 1: it is not reached.

usage: micro.py FOLDER-OF-PROGRAMS
"""

import json
import subprocess
import sys
from pathlib import Path

from ratios import tell

CARGO = ["cargo", "bench", "--locked"]
BENCHES = {
    "warren-common": ["wire"],
    "warren-producer": ["extract", "frontier", "ledger"],
    "warren-downloader": ["verify", "appender"],
}


def main():
    measured = Path(sys.argv[1]).absolute().parent / "criterion"
    for package, benches in BENCHES.items():
        features = ["--features", "benching"] if package == "warren-downloader" else []
        names = [word for bench in benches for word in ("--bench", bench)]
        subprocess.run([*CARGO, "--package", package, *features, *names], check=True, stdout=sys.stderr)
    print("| | median | a second |\n|---|--:|--:|")
    medians = {}
    for file in sorted(measured.glob("*/*/new/benchmark.json")):
        about = json.loads(file.read_text())
        median = json.loads(file.with_name("estimates.json").read_text())["median"]["point_estimate"] / 1e9
        medians[about["full_id"]] = median
        print(f"| {about['full_id']} | {duration(median)} | {throughput(about['throughput'], median)} |")
    print()
    reached = medians["extract/scraper"] / medians["extract/ours"]
    sys.exit(0 if tell("extraction, of scraper's speed at parsing", reached, 0.8, True) else 1)


def duration(seconds):
    return next(f"{seconds * factor:.3g} {unit}" for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns")) if seconds * factor >= 1)


def throughput(of, seconds):
    if not of:
        return ""
    [(kind, amount)] = of.items()
    return f"{amount / seconds / 1e6:,.0f} MB" if kind == "Bytes" else f"{amount / seconds:,.0f}"


if __name__ == "__main__":
    main()
