#!/usr/bin/env python3
"""How soon both programs are there, and how large they are. Run by run.sh.

usage: start.py FOLDER-OF-PROGRAMS

Goals: `--help` in at most 20 ms (the median of 50, from the start of the process to its end), at most 40 MB. Exit code 1: one is not
reached.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from ratios import tell
from services import QUIET

TIMES = 50


def goals(programs):
    """Prints each goal with what was reached. Whether all are reached."""
    good = []
    for name in ("producer", "downloader"):
        program = programs / name
        good.append(tell(f"{name} --help, ms", statistics.median(start(program) for _ in range(TIMES)), 20, False))
        good.append(tell(f"{name}, MB", program.stat().st_size / 1e6, 40, False))
    return all(good)


def start(program):
    begun = time.monotonic()
    subprocess.run([program, "--help"], check=True, **QUIET)
    return (time.monotonic() - begun) * 1000


if __name__ == "__main__":
    sys.exit(0 if goals(Path(sys.argv[1]).absolute()) else 1)
