"""The same crawl as Warren's, written for Scrapy twice: as its documentation has it (`crawl`: a CrawlSpider whose rule is a
LinkExtractor), and by hand with nothing but selectors, which costs it less (`lean`). Every page below the first one's folder, every image of an `img` and every image that a page links to, of the same host, stored by the FilesPipeline.

usage: spider.py crawl|lean FIRST-PAGE STORE REPORT     REPORT becomes {"pages": n, "images": {url: path below STORE}}
"""

import json
import re
import sys
from urllib.parse import urldefrag, urlsplit

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.linkextractors import LinkExtractor
from scrapy.spiders import CrawlSpider, Rule

IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".bmp", ".ico", ".avif", ".tif", ".tiff")


class Report:
    """What was crawled, of the one crawl of this process."""

    pages = 0
    stored = {}


class Collect:
    """Keeps in memory what the FilesPipeline stored."""

    def process_item(self, item):
        for stored in item["files"]:
            Report.stored[stored["url"]] = stored["path"]
        return item


class Lean(scrapy.Spider):
    """Selectors alone."""

    name = "lean"

    def __init__(self, first, **kwargs):
        super().__init__(**kwargs)
        self.start_urls = [first]
        self.site = "/".join(first.split("/")[:3]) + "/"
        self.below = first.rsplit("/", 1)[0] + "/"

    def parse(self, response):
        if not isinstance(response, scrapy.http.HtmlResponse):
            return
        Report.pages += 1
        images = {urldefrag(response.urljoin(src)).url for src in response.css("img::attr(src)").getall()}
        for href in response.css("a::attr(href)").getall():
            url = urldefrag(response.urljoin(href)).url
            if urlsplit(url).path.lower().endswith(IMAGES):
                images.add(url)
            elif url.startswith(self.below):
                yield response.follow(url)
        images = [url for url in images if url.startswith(self.site)]
        if images:
            yield {"file_urls": images}


class Crawl(CrawlSpider):
    """Link extractors, as in Scrapy's documentation."""

    name = "crawl"

    def __init__(self, first, **kwargs):
        self.start_urls = [first]
        site = "/".join(first.split("/")[:3]) + "/"
        pages = LinkExtractor(allow="^" + re.escape(first.rsplit("/", 1)[0] + "/"))
        self.rules = [Rule(pages, callback="parse_page", follow=True)]
        self.shown = LinkExtractor(allow="^" + re.escape(site), tags=["img"], attrs=["src"], deny_extensions=[])
        self.linked = LinkExtractor(allow=f"^{re.escape(site)}.*({'|'.join(map(re.escape, IMAGES))})$", deny_extensions=[])
        super().__init__(**kwargs)

    def parse_start_url(self, response):
        return self.parse_page(response)

    def parse_page(self, response):
        Report.pages += 1
        images = {link.url for found in (self.shown, self.linked) for link in found.extract_links(response)}
        if images:
            yield {"file_urls": list(images)}


def main():
    kind, first, store, report = sys.argv[1:]
    process = CrawlerProcess({
        "CONCURRENT_REQUESTS": 64,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 64,
        "CONCURRENT_ITEMS": 200,
        "DOWNLOAD_DELAY": 0,
        "RANDOMIZE_DOWNLOAD_DELAY": False,
        "ROBOTSTXT_OBEY": True,
        "DEPTH_LIMIT": 50,
        "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "LOG_LEVEL": "CRITICAL",
        "FILES_STORE": store,
        "ITEM_PIPELINES": {"scrapy.pipelines.files.FilesPipeline": 1, Collect: 2},
    })
    process.crawl({"lean": Lean, "crawl": Crawl}[kind], first=first)
    process.start()
    with open(report, "w", encoding="utf-8") as out:
        json.dump({"pages": Report.pages, "images": Report.stored}, out)


if __name__ == "__main__":
    main()
