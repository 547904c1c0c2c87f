#!/usr/bin/env python3
"""Many downloaders on a server that is far away, as it were: 50 ms an answer. Run by run.sh.

usage: scaling.py FOLDER-OF-PROGRAMS

1, 2, 4 and 8 downloaders of concurrency 16 over RabbitMQ, one run each, long enough to take the same time with all of them. What one
could do at best is 16 images in 50 ms. The rate is from the first fetch to the last by the manifest, so that the start of
the producer is not in it; so is the tail, from the end of the fetch before which 99 % had ended to the end of the last.

Goals: at least 0.9 of linear, a tail under 2 s. Exit code 1: one is not reached.

Environment: TAKES (15: how many seconds each run should take), ROUNDS (1: the median counts).
"""

import json
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from cost import run
from ratios import tell
from services import downloader, free_port, listens, program, rabbitmq, scratch

FLEETS = (1, 2, 4, 8)
CONCURRENCY = 16
MILLISECONDS = 50
BEST = CONCURRENCY * 1000 / MILLISECONDS


def main():
    programs = Path(sys.argv[1]).absolute()
    seconds, rounds = float(os.environ.get("TAKES") or 15), int(os.environ.get("ROUNDS") or 1)
    with scratch() as folder:
        port = free_port()
        server = [programs / "warren-bench-slow-server", port, "--milliseconds", MILLISECONDS]
        with program(server) as process, rabbitmq(folder) as broker:
            listens(port, process, "the slow server")
            taken = {
                size: [one(programs, broker, f"http://127.0.0.1:{port}", folder / f"{size}-{number}", size, seconds) for number in range(rounds)]
                for size in FLEETS
            }
    sys.exit(0 if report(taken) else 1)


def one(programs, broker, server, place, size, seconds):
    place.mkdir()
    count = round(BEST * size * seconds)
    (place / "list.txt").write_text("".join(f"{server}/{number}.svg\n" for number in range(count)))
    prefix = ["--prefix", f"bench-{place.name}"]
    with ExitStack() as fleet:
        for number in range(size):
            store = place / f"store-{number}"
            fleet.enter_context(downloader(programs, broker.address, store, "--layout", "webdataset", "--concurrency", str(CONCURRENCY), *prefix))
        command = [
            programs / "producer", "urls", place / "list.txt", "--allow-private", "--per-host", "0", "--runs", place, "--run", "run",
            "--broker", broker.address, *prefix,
        ]
        run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rows = [json.loads(line) for line in (place / "run/results.jsonl").read_text().splitlines()]
    ends = sorted(ended(row) for row in rows if row["status"] == "stored")
    if len(ends) != count:
        sys.exit(f"bench: {count - len(ends)} of {count} images are not stored")
    begin = min(ended(row) - row["duration_ms"] / 1000 for row in rows)
    def at(part):
        return ends[int(count * part) - 1]

    return count, count / (at(1) - begin), count * 0.8 / (at(0.9) - at(0.1)), at(1) - at(0.99)


def ended(row):
    """When the fetch of an image ended, in seconds."""
    return datetime.fromisoformat(row["fetched_at"]).timestamp() + row["duration_ms"] / 1000


def report(taken):
    """Prints the table and the goals. Whether they are reached."""
    median = {size: statistics.median(rate for _, rate, _, _ in runs) for size, runs in taken.items()}
    print("| downloaders | images | images/s | in the middle (10 % to 90 %) | of what is possible | of linear | tail, s |\n|--:|--:|--:|--:|--:|--:|--:|")
    for size, runs in taken.items():
        middle, tail = statistics.median(middle for _, _, middle, _ in runs), max(tail for _, _, _, tail in runs)
        print(f"| {size} | {runs[0][0]:,} | {median[size]:,.0f} | {middle:,.0f} | {median[size] / BEST / size:.2f} | {median[size] / median[1] / size:.2f} | {tail:.2f} |")
    print()
    least = min(median[size] / median[1] / size for size in FLEETS)
    longest = max(tail for runs in taken.values() for *_, tail in runs)
    return all([tell("of linear", least, 0.9, True), tell("the tail, from 99 % to the last image, s", longest, 2, False)])


if __name__ == "__main__":
    main()
