"""Scrapy's FilesPipeline on a list of images, 64 at once.

usage: scrapy_files.py LIST FOLDER
"""

import sys
from pathlib import Path

import scrapy
from scrapy.crawler import CrawlerProcess


class Files(scrapy.Spider):
    name = "files"

    async def start(self):
        for url in Path(sys.argv[1]).read_text().split():
            yield {"file_urls": [url]}


process = CrawlerProcess({
    "CONCURRENT_REQUESTS": 64, "CONCURRENT_REQUESTS_PER_DOMAIN": 64, "DOWNLOAD_DELAY": 0, "LOG_LEVEL": "ERROR",
    "TELNETCONSOLE_ENABLED": False, "ITEM_PIPELINES": {"scrapy.pipelines.files.FilesPipeline": 1}, "FILES_STORE": sys.argv[2],
})
process.crawl(Files)
process.start()
