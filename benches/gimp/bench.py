#!/usr/bin/env python3
"""The whole manual of GIMP (685 pages) by Scrapy and by Warren, in turns, on the same server. Run by run.sh.

usage: bench.py PYTHON-WITH-SCRAPY FOLDER-OF-PROGRAMS [ROUNDS]

A round is Scrapy with its FilesPipeline, twice (spider.py: a CrawlSpider with LinkExtractors as documented, which is what the
goal is of, and a leaner one written by hand), `producer crawl --embedded`, and `producer crawl` with RabbitMQ and one
downloader that waits already. Each has fresh folders and is timed whole, from the start of its process to its end. All
keep robots.txt, none waits between requests, and images of other hosts (there are a few) are left out. Every image that Scrapy stored must be in Warren's manifest as stored, and its
bytes in Warren's store. Exit code 1: images are missing, or the ratio is under the goal.
"""

import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from services import downloader, nginx, rabbitmq, scratch

HERE = Path(__file__).parent
GOAL = 30
CRAWL = ["--depth", "50", "--scope", "prefix", "--per-host", "0", "--allow-private", "--include-images", r"^http://127\.0\.0\.1:"]


def main():
    python, programs = Path(sys.argv[1]), Path(sys.argv[2])
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    manual = next(Path("/usr/share/gimp").glob("*/help/en"), None)
    if not manual:
        sys.exit("bench: the manual is not there\nhint: apt-get install gimp-help-en")
    with scratch() as folder:
        with nginx(manual.parents[2], folder) as server, rabbitmq(folder) as broker, downloader(programs, broker.address, folder / "fleet"):
            first = f"{server.address}/{manual.relative_to(manual.parents[2])}/index.html"
            good = compare(rounds, {
                "Scrapy": lambda place: scrapy(python, "crawl", first, place),
                "lean": lambda place: scrapy(python, "lean", first, place),
                "embedded": lambda place: warren(programs, ["--embedded", "--store", place / "store"], first, place, place / "store"),
                "RabbitMQ": lambda place: warren(programs, ["--broker", broker.address], first, place, folder / "fleet"),
            }, folder, python)
    sys.exit(0 if good else 1)


def compare(rounds, ways, folder, python):
    version = subprocess.run([python, "-m", "scrapy", "version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"# {version}, {os.cpu_count()} cores, {rounds} rounds; seconds from the start of a process to its end")
    print(f"{'':10} {'seconds':>8} {'pages':>6} {'images':>7}")
    times, last = {way: [] for way in ways}, {}
    for number in range(rounds):
        for way, run in ways.items():
            place = folder / f"{way}-{number}"
            place.mkdir()
            begun = time.monotonic()
            read = run(place)
            times[way].append(time.monotonic() - begun)
            last[way] = read()
            print(f"{way:10} {times[way][-1]:8.2f} {last[way]['pages']:6} {len(last[way]['images']):7}", flush=True)
            # Its folder stays until the end: where files were just deleted, ext4 looks long for a free inode, and whoever
            # is next would pay for it.
        if not no_fewer(last):
            return False
    return table(times, last)


def table(times, last):
    median = {way: statistics.median(of) for way, of in times.items()}
    print(f"\n{'median':10} {'seconds':>8} {'pages/s':>8} {'images/s':>9} {'Scrapy/this':>12} {'lean/this':>10}")
    for way, seconds in median.items():
        pages, images = last[way]["pages"], len(last[way]["images"])
        print(f"{way:10} {seconds:8.2f} {pages / seconds:8.0f} {images / seconds:9.0f} {median['Scrapy'] / seconds:12.1f} {median['lean'] / seconds:10.1f}")
    reached = median["Scrapy"] / median["embedded"]
    print(f"\nthe goal is {GOAL} times: {'reached' if reached >= GOAL else 'not reached'}")
    return reached >= GOAL


def no_fewer(last):
    """Whether Warren stored each image that Scrapy stored: by address, and by bytes."""
    good = True
    for way in ("embedded", "RabbitMQ"):
        theirs = last["Scrapy"]["images"] | last["lean"]["images"]
        addresses = set(theirs) - set(last[way]["images"])
        contents = set(theirs.values()) - last[way]["contents"]
        if addresses or contents:
            good = False
            print(f"{way}: {len(addresses)} addresses and {len(contents)} files fewer than Scrapy, such as {sorted(addresses)[:3]}")
    return good


def scrapy(python, kind, first, place):
    report = place / "report.json"
    subprocess.run([python, HERE / "spider.py", kind, first, place / "store", report], check=True)

    def read():
        told = json.loads(report.read_text())
        images = {url: digest(place / "store" / path) for url, path in told["images"].items()}
        return {"pages": told["pages"], "images": images}

    return read


def warren(programs, how, first, place, store):
    command = [programs / "producer", "crawl", *CRAWL, *how, "--runs", place, "--run", "manual", first]
    subprocess.run(command, check=True, capture_output=True)

    def read():
        rows = [json.loads(line) for line in (place / "manual/results.jsonl").read_text().splitlines()]
        kept = [row for row in rows if row["status"] in ("stored", "duplicate")]
        pages = json.loads((place / "manual/summary.json").read_text())["pages"]
        contents = {row["sha256"] for row in kept if digest(store / row["path"]) == row["sha256"]}
        return {"pages": pages["fetched"] if isinstance(pages, dict) else pages, "images": {row["url"]: row["sha256"] for row in kept}, "contents": contents}

    return read


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
