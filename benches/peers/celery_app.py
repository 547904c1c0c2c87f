"""Celery on RabbitMQ: late acknowledgements, results by RPC, requests.

usage: celery -A celery_app worker --concurrency 8        a worker, with BROKER and FOLDER in the environment
       celery_app.py LIST                                 sends every URL, waits for every result, prints how many are stored
"""

import os
import sys
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import requests
from celery import Celery, group

app = Celery("bench", broker=os.environ["BROKER"], backend="rpc://")
app.conf.update(task_acks_late=True, broker_connection_retry_on_startup=True)
session = requests.Session()


@app.task
def fetch(url):
    answer = session.get(url, timeout=60)
    answer.raise_for_status()
    name = f"{sha256(url.encode()).hexdigest()}{Path(urlsplit(url).path).suffix}"
    (Path(os.environ["FOLDER"]) / name).write_bytes(answer.content)
    return len(answer.content)


if __name__ == "__main__":
    urls = Path(sys.argv[1]).read_text().split()
    results = group(app.signature("celery_app.fetch", (url,)) for url in urls)().join(timeout=600)
    print(len(results))
