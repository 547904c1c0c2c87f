"""Warren on the list: embedded and with RabbitMQ, in each layout."""

import json
import subprocess
import sys

from cost import memory, cpu, run
from measured import Around, Measured, Way
from services import downloader

LAYOUTS = ("files", "webdataset", "warc")


class Warren:
    def __init__(self, programs, images, server, broker):
        self.programs, self.images, self.server, self.broker = programs, images, server, broker

    def ways(self):
        embedded = [Way(f"Warren embedded, {layout}", lambda place, layout=layout: self.embedded(place, layout)) for layout in LAYOUTS]
        fleet = [Way(f"Warren RabbitMQ, {layout}", lambda place, layout=layout: self.fleet(place, layout)) for layout in LAYOUTS]
        return [*embedded, *fleet]

    def embedded(self, place, layout):
        with Around(nginx=self.server) as around:
            took = self.producer(place, ["--embedded", "--store", place / "store", "--layout", layout])
        stored = self.stored(place)
        return Measured(stored, took.seconds, {"producer": took.cpu, **around.took}, {"producer": took.memory})

    def fleet(self, place, layout):
        """One producer and one downloader, which waits already, with queues of their own."""
        prefix = ["--prefix", f"bench-{place.name}"]
        with downloader(self.programs, self.broker.address, place / "store", "--layout", layout, *prefix) as worker:
            with Around(nginx=self.server, broker=self.broker) as around:
                before = cpu(worker.pid)
                took = self.producer(place, ["--broker", self.broker.address, *prefix])
                spent = cpu(worker.pid) - before
            most = memory(worker.pid, "VmHWM")
        # The downloader has left, and its last shard is complete.
        stored = self.stored(place)
        return Measured(
            stored, took.seconds, {"producer": took.cpu, "downloader": spent, **around.took},
            {"producer": took.memory, "downloader": most},
        )

    def producer(self, place, how):
        command = [self.programs / "producer", "urls", self.images.list, "--allow-private", "--per-host", "0", "--runs", place, "--run", "run", *how]
        log = place / "producer.log"
        with log.open("w") as talk:
            try:
                return run(command, stdout=subprocess.DEVNULL, stderr=talk)
            except SystemExit as failure:
                sys.exit(f"{failure}: {log.read_text()[-1000:]}")

    def stored(self, place):
        """How many images the manifest has as stored whose bytes are in the store: each file has its length, and each shard room
        for what is said to be in it."""
        rows = [json.loads(line) for line in (place / "run/results.jsonl").read_text().splitlines()]
        kept = [row for row in rows if row["status"] in ("stored", "duplicate")]
        lengths, members = {}, {row["path"]: row["bytes"] for row in kept}
        for path, length in members.items():
            file = path.partition("#")[0]
            lengths[file] = lengths.get(file, 0) + length
        lost = {file for file, length in lengths.items() if not self.holds(place / "store" / file, length)}
        if lost:
            print(f"bench: {len(lost)} files of the store are not what the manifest says, such as {sorted(lost)[0]}", file=sys.stderr)
        return sum(row["path"].partition("#")[0] not in lost for row in kept)

    @staticmethod
    def holds(file, length):
        # PNG does not get smaller in the gzip members of a WARC by more than a part.
        return file.is_file() and file.stat().st_size >= length * (0.5 if file.suffix == ".gz" else 1)
