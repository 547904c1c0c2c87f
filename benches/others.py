"""What people use today, each as its documentation has it, 64 at once where it can be said."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from cost import Watch, cpu, run
from measured import Around, Measured, Way
from services import QUIET, program

PEERS = Path(__file__).parent / "peers"
FROM_DEBIAN = {"wrk": "wrk", "wget2": "wget2", "aria2c": "aria2"}
FROM_PYPI = {"celery": "celery", "scrapy": "scrapy", "img2dataset": "img2dataset"}


class Others:
    """Those that are installed; what is missing is said on standard error."""

    def __init__(self, python, images, server, broker):
        self.python, self.images, self.server, self.broker = python, images, server, broker
        self.kept = None

    def ways(self, chosen):
        """`chosen`: names with commas between them; None or nothing for all."""
        known = {
            "wrk": [Way("wrk, the limit", self.wrk)],
            "wget2": [Way("wget2, fresh folder", self.wget2), Way("wget2, kept folder", self.wget2_again)],
            "aria2c": [Way("aria2c", self.aria2c, True)],
            "classic": [Way("managers, 4 workers", self.classic)],
            "celery": [Way("Celery", self.celery, True)],
            "scrapy": [Way("Scrapy FilesPipeline", self.scrapy, True)],
            "img2dataset": [
                Way("img2dataset", self.img2dataset, True),
                Way("img2dataset, not encoded anew", lambda place: self.img2dataset(place, "--disable_all_reencoding", "True"), True),
            ],
        }
        names = [name for name in (chosen or ",".join(known)).split(",") if name != "none"]
        if unknown := set(names) - set(known):
            sys.exit(f"bench: PEERS has {', '.join(sorted(unknown))}; known are {', '.join(known)}, none")
        return [way for name in names if self.is_there(name) for way in known[name]]

    def is_there(self, name):
        if name in FROM_DEBIAN:
            there, how = shutil.which(name), f"apt-get install {FROM_DEBIAN[name]}"
        elif name in FROM_PYPI:
            found = [self.python, "-c", f"import importlib.util as u, sys; sys.exit(not u.find_spec('{FROM_PYPI[name]}'))"]
            there, how = self.python.exists() and subprocess.run(found, **QUIET).returncode == 0, "make bench-peers"
        else:
            return True
        if not there:
            print(f"bench: {name} is not installed, its row is left out\nhint: {how}", file=sys.stderr)
        return there

    def by_command(self, command, stored, **more):
        with Around(nginx=self.server) as around:
            took = run(command, **more)
        return Measured(stored(), took.seconds, {"it": took.cpu, **around.took}, {"it": took.memory})

    def wrk(self, _place):
        """As many requests as can be made in three seconds; nothing is kept."""
        command = ["wrk", "-t1", "-c64", "-d3s", "-s", PEERS / "paths.lua", self.server.address]
        with Around(nginx=self.server) as around:
            before = time.monotonic()
            process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True, env={**os.environ, "PATHS": str(self.images.paths)})
            watch = Watch(process.pid)
            told = process.stdout.read()
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
            watch.end()
        requests, seconds = re.search(r"(\d+) requests in ([\d.]+)s", told).groups()
        if "Non-2xx" in told:
            sys.exit(f"bench: wrk was refused\n{told}")
        if time.monotonic() - before > 10:
            sys.exit("bench: wrk took longer than it should")
        return Measured(int(requests), float(seconds), {"it": usage.ru_utime + usage.ru_stime, **around.took}, {"it": watch.most}, stores=False)

    def wget2(self, place):
        command = ["wget2", "-q", "-i", self.images.list, "--max-threads=64", "-x", "-P", place / "images"]
        return self.by_command(command, lambda: files(place / "images"))

    def wget2_again(self, place):
        """Into a folder that has every image already: each is taken anew, and kept beside the others with a number in its name."""
        if not self.kept:
            self.kept = place
            self.wget2(place)
        before = files(self.kept / "images")
        taken = self.wget2(self.kept)
        taken.images -= before
        return taken

    def aria2c(self, place):
        """Many have the same name in other folders, so each is told where to be."""
        listed = place / "list.txt"
        paths = self.images.paths.read_text().split()
        listed.write_text("".join(f"{url}\n  out={path[1:]}\n" for url, path in zip(self.images.urls, paths, strict=True)))
        command = ["aria2c", "-q", "-i", listed, "-j", "64", "-d", place / "images", "--no-conf"]
        return self.by_command(command, lambda: files(place / "images"))

    def classic(self, place):
        command = [sys.executable, PEERS / "classic.py", self.images.list, place / "images"]
        return self.by_command(command, lambda: files(place / "images"), stdout=subprocess.DEVNULL)

    def celery(self, place):
        images = place / "images"
        images.mkdir()
        environment = {**os.environ, "BROKER": self.broker.address.replace("//", "//guest:guest@", 1), "FOLDER": str(images), "PYTHONPATH": str(PEERS)}
        worker = [self.python, "-m", "celery", "-A", "celery_app", "worker", "--concurrency", "8", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
        log = place / "worker.log"
        with log.open("w") as talk, program(worker, env=environment, stdout=talk, stderr=talk, cwd=place) as process:
            while " ready." not in log.read_text():
                if process.poll() is not None:
                    sys.exit(f"bench: Celery's worker does not start: {log.read_text()}")
                time.sleep(0.1)
            watch, before = Watch(process.pid), cpu(process.pid)
            with Around(nginx=self.server, broker=self.broker) as around:
                took = run([self.python, PEERS / "celery_app.py", self.images.list], env=environment, stdout=subprocess.DEVNULL)
            spent = cpu(process.pid) - before
            watch.end()
        return Measured(files(images), took.seconds, {"it": took.cpu, "worker": spent, **around.took}, {"it": took.memory, "worker": watch.most})

    def scrapy(self, place):
        command = [self.python, PEERS / "scrapy_files.py", self.images.list, place / "images"]
        return self.by_command(command, lambda: files(place / "images"), cwd=place)

    def img2dataset(self, place, *more):
        """Shards of 500, so that both processes have work to the end."""
        command = [
            self.python, "-m", "img2dataset.main", "--url_list", self.images.list, "--output_folder", place / "images", "--resize_mode", "no",
            "--processes_count", "2", "--thread_count", "64", "--output_format", "webdataset", "--number_sample_per_shard", "500",
            "--enable_wandb", "False", *more,
        ]

        def stored():
            return sum(json.loads(file.read_text())["successes"] for file in (place / "images").glob("*_stats.json"))

        environment = {**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1"}
        return self.by_command(command, stored, env=environment, cwd=place, **QUIET)


def files(folder):
    return sum(len(names) for _, _, names in os.walk(folder))
