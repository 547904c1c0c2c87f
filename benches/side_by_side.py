#!/usr/bin/env python3
"""Thousands of small images by Warren and by what people use today, in turns, from the same web server. Run by run.sh.

usage: side_by_side.py FOLDER-OF-PROGRAMS PYTHON-WITH-PEERS

nginx serves the files of Debian's openclipart-png that `find -size -200k` finds on loopback; everybody gets the list of their addresses.
Everybody is timed whole, from the start of its process to its end; brokers, downloaders and Celery's workers wait already. A
round is everybody once, each with a fresh folder. What is slow takes part in the first rounds alone. All share the machine with
the server and the broker, whose CPU time is in the table.

Standard output is a Markdown table and the goals. Exit code 1: a goal is not reached, or somebody did not store what it should.

Environment: ROUNDS (5), SLOW_ROUNDS (2: rounds of those under 1,000 images a second), PEERS (all that are installed; with commas
between them, or `none`), IMAGES (all: the first so many of the list).
"""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import start
from others import Others
from ratios import goals, table
from services import nginx, rabbitmq, scratch
from warren import Warren

PICTURES = Path("/usr/share/openclipart/png")
# What `find -size -200k` finds.
LARGEST = 199 << 10


def main():
    programs, python = Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute()
    rounds, slow_rounds = (int(os.environ.get(name) or default) for name, default in (("ROUNDS", 5), ("SLOW_ROUNDS", 2)))
    if not PICTURES.is_dir():
        sys.exit("bench: the pictures are not there\nhint: apt-get install openclipart-png")
    # It stays until everybody is done: where files were just deleted, ext4 looks long for a free inode, and whoever is next would pay for it.
    with scratch() as folder:
        with nginx(PICTURES, folder) as server, rabbitmq(folder) as broker:
            images = Images(folder, server.address)
            ways = [*Others(python, images, server, broker).ways(os.environ.get("PEERS")), *Warren(programs, images, server, broker).ways()]
            measured = take_turns(ways, folder, rounds, slow_rounds)
    print(f"\n{len(images.urls):,} images, {images.bytes / 1e6:.0f} MB; {about_the_machine()}\n")
    print(table(ways, measured), end="\n\n")
    good = all([goals(measured), start.goals(programs)])
    whole = all(one.images == len(images.urls) for taken in measured.values() for one in taken if one.stores)
    sys.exit(0 if good and whole else 1)


class Images:
    """The list: `urls`, the file that has them (`list`), the one that has their paths (`paths`), and their length together."""

    def __init__(self, folder, server):
        found = sorted(path for path in PICTURES.rglob("*.png") if path.is_file() and path.stat().st_size <= LARGEST)
        chosen = found[:int(os.environ.get("IMAGES") or len(found))]
        paths = [f"/{path.relative_to(PICTURES)}" for path in chosen]
        self.urls = [server + path for path in paths]
        self.bytes = sum(path.stat().st_size for path in chosen)
        self.list, self.paths = folder / "list.txt", folder / "paths.txt"
        self.list.write_text("".join(f"{url}\n" for url in self.urls))
        self.paths.write_text("".join(f"{path}\n" for path in paths))


def take_turns(ways, folder, rounds, slow_rounds):
    measured = {way.name: [] for way in ways}
    for number in range(rounds):
        for way in ways:
            if way.is_slow and number >= slow_rounds:
                continue
            place = folder / f"{re.sub('[^a-z0-9]+', '-', way.name.lower())}-{number}"
            place.mkdir()
            one = way.run(place)
            measured[way.name].append(one)
            print(f"round {number + 1}: {way.name:28} {one.rate:8.0f} images/s, {one.images} images", file=sys.stderr, flush=True)
    return measured


def about_the_machine():
    model = next((line.split(": ")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False).stdout.strip()
    return f"{os.cpu_count()} cores ({model}), Linux {platform.release()}, commit {commit}"


if __name__ == "__main__":
    main()
