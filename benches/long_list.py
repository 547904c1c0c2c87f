#!/usr/bin/env python3
"""A list of ten million URLs through the producer, RabbitMQ and downloaders that fetch nothing. Run by run.sh.

usage: long_list.py FOLDER-OF-PROGRAMS

The URLs are of 100,000 hosts, and the answerers say of each that it is stored. Outcomes are counted as they come, by `--stream`: of every
tenth of the list it says how long it took, and what the producer and the broker held in memory then. What the producer did besides,
until its end (the manifest is written then), has a line of its own.

Goals: the producer holds at most 200 MiB, and the last tenth takes at most 1.2 times the first. Exit code 1: one is not reached.

Environment: URLS (10,000,000), ANSWERERS (2).
"""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from cost import cpu, family, memory
from ratios import tell
from services import program, rabbitmq, scratch

HOSTS = 100_000


def main():
    programs = Path(sys.argv[1]).absolute()
    urls, answerers = int(os.environ.get("URLS") or 10_000_000), int(os.environ.get("ANSWERERS") or 2)
    with scratch() as folder:
        write(folder / "list.txt", urls)
        with rabbitmq(folder) as broker, ExitStack() as fleet:
            for number in range(answerers):
                command = [programs / "warren-bench-answerer", "--broker", broker.address, "--worker", f"answerer-{number}"]
                fleet.enter_context(program(command))
            good = follow(programs, broker, folder, urls)
    sys.exit(0 if good else 1)


def write(path, urls):
    with path.open("w") as out:
        for number in range(urls):
            # Scattered over the hosts, but the same each time.
            scattered = number * 0x9E3779B97F4A7C15 % 2**64 >> 24
            out.write(f"https://img{scattered % 7}.host-{scattered % HOSTS}.example/media/{number:x}/{scattered:010x}.jpg\n")


def follow(programs, broker, folder, urls):
    command = [
        programs / "producer", "urls", folder / "list.txt", "--broker", broker.address, "--per-host", "0", "--ignore-robots", "--stream",
        "--runs", folder, "--run", "run",
    ]
    print(f"{urls:,} URLs\n\n| of the list | seconds | rows/s | producer, MiB (most) | its CPU, s | broker, MiB |\n|--:|--:|--:|--:|--:|--:|", flush=True)
    tenths, begun = [], time.monotonic()
    log = folder / "producer.log"
    with log.open("w") as talk, subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=talk) as process:
        last, marks = begun, [urls * part // 10 for part in range(1, 11)]
        for rows in counted(process.stdout):
            while marks and rows >= marks[0]:
                now = time.monotonic()
                tenths.append(now - last)
                held = f"{memory(process.pid):.0f} ({memory(process.pid, 'VmHWM'):.0f})"
                of_broker = sum(map(memory, family(broker.pid)))
                print(f"| {marks[0]:,} | {now - last:.1f} | {urls / 10 / (now - last):,.0f} | {held} | {cpu(process.pid):.1f} | {of_broker:.0f} |", flush=True)
                last = now
                marks.pop(0)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or marks:
        sys.exit(f"bench: the producer ended with {process.returncode} after {rows:,} of {urls:,} rows: {log.read_text()[-1000:]}")
    seconds, most = time.monotonic() - begun, usage.ru_maxrss / 1024
    print(f"| to its end | {time.monotonic() - last:.1f} | {urls / seconds:,.0f} in all | ({most:.0f}) | {usage.ru_utime + usage.ru_stime:.1f} | |\n")
    return all([
        tell("the producer's memory, MiB", most, 200, False),
        tell("the last tenth, times the first", tenths[-1] / tenths[0], 1.2, False),
    ])


def counted(stream):
    """How many lines there were so far, after each piece that is read."""
    rows = 0
    while piece := stream.read1(1 << 20):
        rows += piece.count(b"\n")
        yield rows


if __name__ == "__main__":
    main()
