"""What processes cost: CPU time and memory, from /proc. A process counts with all that it has started."""

import os
import subprocess
import threading
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid):
    """CPU seconds so far of a process that runs, its children, and those of them that have ended."""
    return sum(_cpu_of(one) for one in family(pid))


def _cpu_of(pid):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(map(int, fields[11:15])) / TICKS


def family(pid):
    """A process and its descendants."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for thread in threads for child in (thread / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid, *(one for child in children for one in family(int(child)))]


def memory(pid, field="VmRSS"):
    """MiB of one process; VmHWM is the most that it had."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:")), 0)


class Finished:
    """A process that ran to its end: `seconds`, `cpu` (seconds) and `memory` (MiB, the most of all its processes together)."""

    def __init__(self, seconds, cpu_seconds, most):
        self.seconds, self.cpu, self.memory = seconds, cpu_seconds, most


def run(command, may_fail=False, **more):
    """Runs a program to its end. Its memory is looked at ten times a second; the largest single process is known exactly."""
    begun = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], **more)
    watch = Watch(process.pid)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.end()
    if process.returncode != 0 and not may_fail:
        raise SystemExit(f"bench: {' '.join(map(str, command))}: exit code {process.returncode}")
    return Finished(seconds, usage.ru_utime + usage.ru_stime, max(watch.most, usage.ru_maxrss / 1024))


class Watch:
    """Looks at the memory of a process and its children until told to end: `most` together."""

    def __init__(self, pid, every=0.1):
        self.most = 0
        self._pid, self._every, self._ended = pid, every, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self):
        while not self._ended.wait(self._every):
            self.most = max(self.most, sum(map(memory, family(self._pid))))

    def end(self):
        self._ended.set()
        self._thread.join()
