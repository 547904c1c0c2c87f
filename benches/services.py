"""What every bench needs around the programs that it measures: a web server, a broker, a downloader, each of its own and on a free
port, and each for as long as a block runs.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@contextmanager
def scratch():
    """A folder on a real disk, which is gone after the block: where syncs cost nothing, whoever syncs would be flattered."""
    folder = Path(tempfile.mkdtemp(prefix="warren-bench-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def program(command, **more):
    """Runs as long as the block."""
    process = subprocess.Popen([str(word) for word in command], **more)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port, process, what):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"bench: {what} does not start")


class Service:
    """Something that runs: where it is reached, and its process."""

    def __init__(self, process, address):
        self.process, self.address = process, address
        self.pid = process.pid


@contextmanager
def nginx(root, folder):
    port, place = free_port(), folder / "nginx"
    place.mkdir()
    (place / "nginx.conf").write_text(f"""
        daemon off; worker_processes 1; pid nginx.pid; error_log /dev/null crit;
        events {{ worker_connections 1024; }}
        http {{
          client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
          include /etc/nginx/mime.types; access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000;
          open_file_cache max=10000;
          server {{ listen 127.0.0.1:{port} backlog=1024; root {root}; }}
        }}""")
    found = shutil.which("nginx") or "/usr/sbin/nginx"
    with program([found, "-p", place, "-e", "/dev/null", "-c", "nginx.conf"]) as process:
        listens(port, process, "nginx")
        yield Service(process, f"http://127.0.0.1:{port}")


@contextmanager
def rabbitmq(folder):
    """A broker of its own, which leaves any other alone."""
    port, place = free_port(), folder / "rabbitmq"
    place.mkdir()
    (place / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\nlog.console = false\nlog.file.level = warning\n")
    (place / "enabled_plugins").write_text("[].\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")}
    environment |= {
        "HOME": str(place), "RUNNING_UNDER_SYSTEMD": "true", "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": str(free_port()),
        "RABBITMQ_NODENAME": f"warren-bench-{os.getpid()}@localhost", "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null", "RABBITMQ_CONFIG_FILE": str(place / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(place / "enabled_plugins"), "RABBITMQ_MNESIA_BASE": str(place / "data"),
        "RABBITMQ_LOG_BASE": str(place / "log"), "RABBITMQ_PID_FILE": str(place / "pid"),
    }
    # Debian's wrapper in /usr/sbin would change to another user. As under systemd, the script becomes the node.
    found = next((path for path in ("/usr/lib/rabbitmq/bin/rabbitmq-server",) if Path(path).exists()), "rabbitmq-server")
    # The name server that a node would start by itself would stay.
    with program(["epmd", "-address", "127.0.0.1", "-port", environment["ERL_EPMD_PORT"]], **QUIET) as names:
        listens(int(environment["ERL_EPMD_PORT"]), names, "epmd")
        with program([found], env=environment, **QUIET) as node:
            listens(port, node, "RabbitMQ")
            yield Service(node, f"amqp://127.0.0.1:{port}/%2f")


@contextmanager
def downloader(programs, broker, store, *more):
    """One that waits for work already."""
    command = [programs / "downloader", "--broker", broker, "--store", store, "--allow-private", "--per-host", "0", *more]
    log = Path(f"{store}.log")
    with log.open("w") as talk, program(command, stderr=talk) as process:
        deadline = time.monotonic() + 60
        while "ready for work" not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"bench: the downloader does not start: {log.read_text()}")
            time.sleep(0.01)
        yield Service(process, None)
