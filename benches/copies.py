#!/usr/bin/env python3
"""Copies of 256 by 256 pixels in JPEG, by Warren and by img2dataset's resizer: one thread of each on one core, from bytes in memory to
bytes in memory. Run by run.sh.

usage: copies.py FOLDER-OF-PROGRAMS PYTHON-WITH-PEERS

Of 300 pictures of Debian's openclipart-png as they are, and as JPEGs of quality 90. The fit is the same: as large as fits, smaller ones
enlarged, quality 95. Each goes five times through its images, and the fastest time counts; they take turns, and the best of ROUNDS
(3) counts.

Goal: at least 3 times img2dataset's rate, on either input. Exit code 1: it is not reached.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ratios import tell
from services import scratch

PICTURES = Path("/usr/share/openclipart/png")
RESIZER = Path(__file__).parent / "peers/resizer.py"
COUNT = 300
CARGO = ["cargo", "bench", "--locked", "--package", "warren-downloader", "--features", "benching", "--bench", "copies"]


def main():
    python = Path(sys.argv[2]).absolute()
    if not python.exists():
        sys.exit("bench: img2dataset is not installed\nhint: make bench-peers")
    # It looks for a newer version of itself otherwise.
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    with scratch() as folder:
        inputs = [folder / "png", folder / "jpg"]
        found = sorted(path for path in PICTURES.rglob("*.png") if path.is_file() and not path.is_symlink())
        inputs[0].mkdir()
        # Scattered over the alphabet, the same ones each time.
        for number, path in enumerate(found[::len(found) // COUNT][:COUNT]):
            shutil.copy(path, inputs[0] / f"{number:03}.png")
        subprocess.run([python, RESIZER, "--make", *inputs], check=True)
        subprocess.run([*CARGO, "--no-run"], check=True)
        print("| input | Warren, copies/s | img2dataset, copies/s | times |\n|---|--:|--:|--:|", flush=True)
        good = [compare(place, python) for place in inputs]
    print()
    sys.exit(0 if all([tell(f"{name}, times img2dataset's rate on one core", times, 3, True) for name, times in good]) else 1)


def compare(place, python):
    best = {"Warren": 0, "img2dataset": 0}
    for _ in range(int(os.environ.get("ROUNDS") or 3)):
        for name, command in (("Warren", [*CARGO, "--", place]), ("img2dataset", [python, RESIZER, place])):
            done = subprocess.run(["taskset", "-c", "0", *map(str, command)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            made, seconds = done.stdout.split()[-2:]
            if int(made) != COUNT:
                print(f"bench: {name} made {made} of {COUNT}", file=sys.stderr)
            best[name] = max(best[name], int(made) / float(seconds))
    times = best["Warren"] / best["img2dataset"]
    print(f"| {place.name} | {best['Warren']:,.0f} | {best['img2dataset']:,.0f} | {times:.2f} |", flush=True)
    return place.name, times


if __name__ == "__main__":
    main()
