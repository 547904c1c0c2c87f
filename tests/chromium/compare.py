#!/usr/bin/env python3
"""Is every image that Chromium requests among what `producer extract` finds? Run by run.sh, which brings the parts.

usage: compare.py PRODUCER ROOT [WORD...]   only pages with one of the words in their path

Each page is shown in two windows (desktop; a phone with three pixels to a dot), scrolled to its end, and every image that
Chromium asks for is looked up, first match first, in
  page   what `producer extract --srcset all` prints for the page,
  sheet  what it prints for a style sheet that Chromium loads for the page; a crawl does this with the sheets of a page,
  frame  what it prints for a document in a frame of the page, or for its sheets; to a crawl it is a page of its own,
  known  exceptions.txt, with a reason.
Anything else is missed, and the exit code is 1; so it is when an exception is not needed any more. "smaller" counts those of `page`
which `--srcset largest` leaves out for a larger candidate of the same set.

At the end one crawl, without a broker, begins at all the pages and follows no link: what Chromium asked for, less frames
and exceptions, must be in its manifest. That shows that the style sheets are found by Warren itself.
"""

import base64
import binascii
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from chromium import Chromium, Window

HERE = Path(__file__).parent
WINDOWS = [Window(1280, 800, 1, False), Window(390, 844, 3, True)]
CLASSES = ["page", "sheet", "frame", "known", "missed"]
CRAWL = ["crawl", "--embedded", "--allow-private", "--per-host", "0", "--depth", "0", "--srcset", "all", "--ignore-robots",
         "--opt-outs", "", "--retries", "0", "--run", "pages"]


def main():
    producer, root, words = sys.argv[1], Path(sys.argv[2]).resolve(), sys.argv[3:]
    pages = [(kind, page) for kind, page in listed() if not words or any(word in page for word in words)]
    gone = [page for _, page in pages if not (root / page).is_file()]
    if gone:
        sys.exit(f"compare: no such page: {', '.join(gone)}")
    with Site(root) as site:
        chromium = Chromium(shutil.which("chromium") or shutil.which("google-chrome"))
        try:
            verdict = compare(chromium, Extraction(producer), site, pages, whole=not words)
        finally:
            chromium.close()
        crawled = crawl(producer, site, pages, verdict.found)
    sys.exit(0 if verdict.good and crawled else 1)


def listed():
    """The pages of pages.txt with their generators."""
    kind = ""
    for line in (HERE / "pages.txt").read_text().splitlines():
        if line.startswith("["):
            kind = line.strip("[]")
        elif line and not line.startswith(("#", "package ")):
            yield kind, line


def exceptions():
    """Of exceptions.txt: (page, image as a regular expression) -> reason."""
    lines = (line for line in (HERE / "exceptions.txt").read_text().splitlines() if line and not line.startswith("#"))
    return {tuple(line.split("\t")[:2]): line.split("\t")[2] for line in lines}


class Site:
    """nginx on loopback, serving the pages; it speaks the truth about their types."""

    def __init__(self, root):
        self.folder = Path(tempfile.mkdtemp(prefix="warren-nginx-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (self.folder / "nginx.conf").write_text(f"""
            daemon off; worker_processes 1; pid {self.folder}/pid; error_log {self.folder}/error.log;
            {"user root;" if os.geteuid() == 0 else ""}
            events {{ worker_connections 512; }}
            http {{
              include /etc/nginx/mime.types; default_type application/octet-stream; access_log off;
              client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy; fastcgi_temp_path {self.folder}/fastcgi;
              uwsgi_temp_path {self.folder}/uwsgi; scgi_temp_path {self.folder}/scgi;
              server {{ listen 127.0.0.1:{self.port}; root {root}; }}
            }}""")

    def __enter__(self):
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen([program, "-e", "stderr", "-c", self.folder / "nginx.conf"])
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("nginx does not listen")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, page):
        return f"http://127.0.0.1:{self.port}/{quote(page)}"


class Extraction:
    """What `producer extract` finds."""

    def __init__(self, producer):
        self.producer = producer

    @cache
    def of(self, url, srcset="all"):
        """The candidates of a page, by URL."""
        command = [self.producer, "extract", "--allow-private", "--srcset", srcset, url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            # A sheet or a frame that is not there, or at another host: it has no images.
            return {}
        return {row["url"]: row for row in map(json.loads, done.stdout.splitlines())}


def name(url):
    """The address as Warren writes it: a data: URI becomes its type and the hash of its bytes."""
    if not url.startswith("data:"):
        return url
    head, _, data = url[5:].partition(",")
    kind, *rest = (part.strip() for part in head.split(";"))
    data = unquote_to_bytes(data)
    if rest and rest[-1].lower() == "base64":
        try:
            data = base64.b64decode(re.sub(rb"\s", b"", data) + b"==")
        except binascii.Error:
            return url
    return f"data:{kind.lower() or 'text/plain'};sha256={hashlib.sha256(data).hexdigest()[:32]}"


class Verdict:
    """The table, line by line."""

    def __init__(self):
        self.total, self.smaller, self.candidates, self.good = dict.fromkeys(CLASSES, 0), 0, 0, True
        self.found = {}
        print(f"{'requests':>8} {' '.join(f'{one:>6}' for one in CLASSES)} {'smaller':>7} {'offered':>7}  page")

    def page(self, kind, page, classes, smaller, offered):
        count = {one: sum(of == one for of in classes.values()) for one in CLASSES}
        for one in CLASSES:
            self.total[one] += count[one]
        self.smaller += smaller
        self.candidates += offered
        self.line(count, smaller, offered, f"{page}  [{kind}]")

    def line(self, count, smaller, offered, what):
        print(f"{sum(count.values()):8} {' '.join(f'{count[one]:6}' for one in CLASSES)} {smaller:7} {offered:7}  {what}", flush=True)


def compare(chromium, extraction, site, pages, whole):
    print(f"# {chromium.version}, {len(pages)} pages of {len({kind for kind, _ in pages})} generators")
    verdict, known, needed = Verdict(), exceptions(), set()
    for kind, page in pages:
        url = site.url(page)
        visits = [chromium.visit(url, window) for window in WINDOWS]
        wanted = {request.url: request for visit in visits for request in visit.images}
        sheets = {sheet for visit in visits for sheet in visit.sheets}
        offered = extraction.of(url)
        classes, differences = {}, []
        for address, request in sorted(wanted.items()):
            classes[address] = classify(request, url, sheets, extraction)
            if classes[address] == "missed":
                rule = next((rule for rule in known if rule[0] == page and re.search(rule[1], address)), None)
                needed.add(rule)
                classes[address] = "known" if rule else "missed"
                differences.append(f"         {classes[address]}: {shown(address)} ({request.initiator}){': ' + known[rule] if rule else ''}")
        largest = extraction.of(url, "largest")
        smaller = sum(of == "page" and name(address) not in largest for address, of in classes.items())
        verdict.page(kind, page, classes, smaller, len(offered))
        for difference in differences:
            print(difference)
        for address, of in classes.items():
            if of in ("page", "sheet"):
                verdict.found.setdefault(name(address), page)
    verdict.line(verdict.total, verdict.smaller, verdict.candidates, "total")
    idle = [rule for rule in known if whole and rule not in needed]
    for page, image in idle:
        print(f"not needed any more: {page} {image}")
    verdict.good = not verdict.total["missed"] and not idle
    return verdict


def classify(request, url, sheets, extraction):
    address = name(request.url)
    if address in extraction.of(url):
        return "page"
    # A sheet that a script brings is none that a reader of the page can find.
    of = [sheet for sheet in sheets if sheet.initiator != "script"]
    if any(address in extraction.of(sheet.url) for sheet in of if sheet.document == url):
        return "sheet"
    frame = request.document
    if frame != url and (address in extraction.of(frame) or any(address in extraction.of(sheet.url) for sheet in of if sheet.document == frame)):
        return "frame"
    return "missed"


def crawl(producer, site, pages, wanted):
    """Whether a crawl of the pages accepts all `wanted`."""
    folder = Path(tempfile.mkdtemp(prefix="warren-crawl-"))
    try:
        urls = [site.url(page) for _, page in pages]
        done = subprocess.run([producer, *CRAWL, "--runs", folder / "runs", "--store", folder / "store", *urls], capture_output=True, text=True, check=False)
        manifest = folder / "runs/pages/results.jsonl"
        if not manifest.exists():
            print(f"the crawl failed: {done.stderr}")
            return False
        rows = {row["url"]: row for row in map(json.loads, manifest.read_text().splitlines())}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    missing = {address: page for address, page in wanted.items() if address not in rows}
    for address, page in missing.items():
        print(f"missed by the crawl: {shown(address)} of {page}")
    kept = sum(row["status"] in ("stored", "duplicate") for row in rows.values())
    print(f"# one crawl of the pages: {len(wanted) - len(missing)} of {len(wanted)} are in its manifest, of {len(rows)} images, {kept} of them stored")
    return not missing


def shown(address):
    return address if len(address) <= 160 else f"{address[:150]}... ({len(address)} bytes)"


if __name__ == "__main__":
    main()
