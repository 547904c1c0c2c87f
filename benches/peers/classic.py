"""The classic design in Python: a task queue and a result queue, served by a manager, and worker processes that connect to it.

usage: classic.py LIST FOLDER

Four workers, each with one connection to the web server that it keeps. Prints how many images it stored.
"""

import http.client
import sys
from hashlib import sha256
from multiprocessing import Process, Queue
from multiprocessing.managers import BaseManager
from pathlib import Path
from urllib.parse import urlsplit

WORKERS = 4


class Queues(BaseManager):
    pass


def worker(address, key, folder):
    Queues.register("tasks")
    Queues.register("results")
    queues = Queues(address=address, authkey=key)
    queues.connect()
    tasks, results = queues.tasks(), queues.results()
    connection = None
    while (url := tasks.get()) is not None:
        parts = urlsplit(url)
        connection = connection or http.client.HTTPConnection(parts.netloc, timeout=60)
        try:
            connection.request("GET", parts.path)
            answer = connection.getresponse()
            body = answer.read()
            good = answer.status == 200
        except (OSError, http.client.HTTPException):
            connection.close()
            good = False
        if good:
            (folder / f"{sha256(url.encode()).hexdigest()}{Path(parts.path).suffix}").write_bytes(body)
        results.put((url, good))


def main():
    urls, folder = Path(sys.argv[1]).read_text().split(), Path(sys.argv[2])
    folder.mkdir(parents=True)
    tasks, results = Queue(), Queue()
    Queues.register("tasks", callable=lambda: tasks)
    Queues.register("results", callable=lambda: results)
    queues = Queues(address=("127.0.0.1", 0), authkey=b"bench")
    queues.start()
    workers = [Process(target=worker, args=(queues.address, b"bench", folder)) for _ in range(WORKERS)]
    for process in workers:
        process.start()
    wanted, outcomes = queues.tasks(), queues.results()
    for url in urls:
        wanted.put(url)
    stored = sum(outcomes.get()[1] for _ in urls)
    for _ in workers:
        wanted.put(None)
    for process in workers:
        process.join()
    queues.shutdown()
    print(stored)


if __name__ == "__main__":
    main()
