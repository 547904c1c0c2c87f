"""Headless Chromium, asked which requests a page makes. Nothing is judged here.

Speaks the DevTools protocol over the pipe of --remote-debugging-pipe (JSON messages, each ended by a NUL, on descriptors
3 and 4), so that no WebSocket library is needed. Protocol: https://chromedevtools.github.io/devtools-protocol/
"""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections import deque
from dataclasses import dataclass

# Longest wait for an answer, and for a page to load, in seconds.
ANSWER = 60
LOAD = 60
# A page is done when for so long nothing was on its way, in seconds.
QUIET = 0.7
# A page on which something is always on its way is left after so long, in seconds.
RESTLESS = 20

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-dev-shm-usage", "--remote-debugging-pipe",
    # Requests to other hosts are made, and so are seen, but lead nowhere.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-proxy-server",
]

# Everything that scrolls is brought to its end, a window at a time: only then do lazy images load.
SCROLL = """(async () => {
  const rest = () => new Promise(done => setTimeout(done, 60));
  const all = [document.scrollingElement, ...document.querySelectorAll('body, body *')];
  for (const one of all.filter(one => one && one.scrollHeight > one.clientHeight + 1 && one.clientHeight > 100)) {
    const step = Math.max(one.clientHeight, Math.ceil(one.scrollHeight / 60));
    for (let to = 0; to <= one.scrollHeight; to += step) { one.scrollTop = to; await rest(); }
  }
})()"""


@dataclass(frozen=True)
class Window:
    """What a page is shown in."""

    width: int
    height: int
    ratio: float
    mobile: bool


@dataclass(frozen=True)
class Request:
    """An image or a style sheet that a page asked for."""

    url: str  # without fragment
    document: str  # the page or frame that needs it
    initiator: str  # parser, script, preload, other


@dataclass
class Visit:
    """What a page asked for."""

    images: set
    sheets: set


class Chromium:
    """A browser with an empty profile."""

    def __init__(self, program):
        self.profile = tempfile.mkdtemp(prefix="warren-chromium-")
        their_in, self.out = os.pipe()
        self.inp, their_out = os.pipe()
        shell = f'exec "$@" 3<&{their_in} 4>&{their_out}'
        command = ["bash", "-c", shell, "chromium", program, *FLAGS, f"--user-data-dir={self.profile}", "about:blank"]
        self.process = subprocess.Popen(command, pass_fds=(their_in, their_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(their_in)
        os.close(their_out)
        self.number, self.rest, self.arrived = 0, b"", deque()
        self.version = self.ask("Browser.getVersion")["product"]

    def close(self):
        """Ends the browser and removes its profile."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def visit(self, url, window):
        """Shows a page in a fresh context, to its end."""
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        watch = Watch(self, session)
        for domain in ("Network", "Page", "Runtime"):
            watch.ask(f"{domain}.enable")
        watch.ask("Emulation.setDeviceMetricsOverride", width=window.width, height=window.height,
                  deviceScaleFactor=window.ratio, mobile=window.mobile)
        watch.ask("Page.navigate", url=url)
        watch.until(lambda: watch.loaded, LOAD, f"{url} does not load")
        watch.ask("Runtime.evaluate", expression=SCROLL, awaitPromise=True)
        watch.settle()
        self.ask("Target.disposeBrowserContext", browserContextId=context)
        return watch.visit

    def ask(self, method, session=None, on_event=lambda event: None, **params):
        """Sends a command and returns its answer; events that come before it go to `on_event`."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data):]
        deadline = time.monotonic() + ANSWER
        while time.monotonic() < deadline:
            event = self.next(deadline - time.monotonic())
            if event and event.get("id") == self.number:
                if "error" in event:
                    raise RuntimeError(f"{method}: {event['error']}")
                return event["result"]
            if event:
                on_event(event)
        raise RuntimeError(f"Chromium does not answer {method}")

    def next(self, wait):
        """The next message, or None when there is none in time."""
        if not self.arrived and select.select([self.inp], [], [], max(wait, 0))[0]:
            data = os.read(self.inp, 1 << 20)
            if not data:
                raise RuntimeError("Chromium ended")
            *whole, self.rest = (self.rest + data).split(b"\0")
            self.arrived.extend(json.loads(one) for one in whole)
        return self.arrived.popleft() if self.arrived else None


class Watch:
    """Listens to one page."""

    def __init__(self, chromium, session):
        self.chromium, self.session = chromium, session
        self.visit, self.loaded, self.underway, self.seen = Visit(set(), set()), False, set(), {}

    def ask(self, method, **params):
        return self.chromium.ask(method, session=self.session, on_event=self.hear, **params)

    def until(self, done, wait, complaint):
        deadline = time.monotonic() + wait
        while not done():
            event = self.chromium.next(deadline - time.monotonic())
            if event:
                self.hear(event)
            elif time.monotonic() > deadline:
                raise RuntimeError(complaint)

    def settle(self):
        """Waits until nothing is on its way any more; a page that never rests is left after a while."""
        deadline = time.monotonic() + RESTLESS
        quiet = time.monotonic()
        while time.monotonic() < min(deadline, quiet + QUIET):
            event = self.chromium.next(0.1)
            if event:
                self.hear(event)
            if event or self.underway:
                quiet = time.monotonic()

    def hear(self, event):
        if event.get("sessionId") != self.session:
            return
        params = event.get("params", {})
        match event.get("method"):
            case "Page.loadEventFired":
                self.loaded = True
            case "Network.requestWillBeSent":
                self.sent(params)
            case "Network.responseReceived":
                self.answered(params)
            case "Network.loadingFinished" | "Network.loadingFailed":
                self.underway.discard(params["requestId"])

    def sent(self, params):
        # A redirect repeats the number of the request: what the page asked for was the first.
        if params["requestId"] in self.seen:
            return
        self.underway.add(params["requestId"])
        request = Request(params["request"]["url"], params["documentURL"].split("#")[0], params["initiator"]["type"])
        self.seen[params["requestId"]] = request
        if params.get("type") == "Image":
            self.visit.images.add(request)
        if params.get("type") == "Stylesheet":
            self.visit.sheets.add(request)

    def answered(self, params):
        # Whatever it was asked for as (a favicon, an object, a poster): what came is an image.
        request = self.seen.get(params["requestId"])
        if request and params["response"]["mimeType"].startswith("image/"):
            self.visit.images.add(request)
