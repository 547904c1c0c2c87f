"""What was measured of one who fetched the list once."""

from cost import cpu


class Measured:
    """`images` are in the folder, of those that should be; `cpu` (seconds) and `memory` (MiB) by process."""

    def __init__(self, images, seconds, cpu_seconds, memory, stores=True):
        self.images, self.seconds, self.cpu, self.memory, self.stores = images, seconds, cpu_seconds, memory, stores

    @property
    def rate(self):
        return self.images / self.seconds


class Way:
    """A way to fetch the list: `run` does it in a folder of its own."""

    def __init__(self, name, run, is_slow=False):
        self.name, self.run, self.is_slow = name, run, is_slow


class Around:
    """The CPU time that services take while a block runs, by their names."""

    def __init__(self, **services):
        self.services, self.took = services, {}

    def __enter__(self):
        self._before = {name: cpu(service.pid) for name, service in self.services.items()}
        return self

    def __exit__(self, *_):
        self.took = {name: cpu(service.pid) - self._before[name] for name, service in self.services.items()}
