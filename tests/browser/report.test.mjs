// The report in a browser: of the manual of GIMP, and of a site that means harm.

import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import {
  LOOKS, browser, crawl, expectAccessible, expectNoSidewaysScroll, expectQuiet, folder, gimp, ledger, number, open, producer, screenshot,
  site,
} from "./harness.mjs";

const KEPT = "status IN ('stored', 'duplicate', 'unchanged')";
const digits = text => Number(text.replaceAll(",", "").match(/\d+/)[0]);
const address = (run, name = "report.html") => pathToFileURL(join(run, name)).href;
const shown = async page => digits(await page.locator("#count").innerText());

/** What a tile of the summary says. */
const tile = async (page, name) => digits(await page.locator(".tiles div", { has: page.getByText(name, { exact: true }) }).locator("dd").innerText());

/** The cells of a table's row that begins so. */
async function row(page, label, name) {
  const table = page.getByRole("region", { name: label, exact: true });
  return table.locator("tr", { has: page.locator("th", { hasText: new RegExp(`^${name}$`) }) }).locator("td").allInnerTexts();
}

test("the report of a whole manual", async t => {
  const place = folder(t);
  const run = await crawl(place, "gimp-manual", await gimp(t), "--depth", "100", "--report");
  const chromium = await browser(t);
  // A machine that is busy makes not all pictures in its time; they are kept, and the next report has more.
  const pictures = number(run, "SELECT count(*) FROM images WHERE " + KEPT);
  for (let again = 0; again < 5 && !readFileSync(join(run, "report.html"), "utf8").includes(`${pictures.toLocaleString("en")} with a picture`); again++) {
    await producer(["report", "--runs", join(place, "runs"), "gimp-manual"]);
  }
  assert.ok(statSync(join(run, "report.html")).size < 20_000_000);

  for (const [name, look] of Object.entries(LOOKS)) {
    await t.test(`is quiet and accessible: ${name}`, async () => {
      const page = await open(chromium, address(run), look);
      await expectAccessible(page);
      await expectNoSidewaysScroll(page);
      await screenshot(page, `report-${name}`);
      await page.locator("#contact-sheet").scrollIntoViewIfNeeded();
      await page.evaluate(() => document.getElementById("contact-sheet").scrollIntoView());
      await page.waitForTimeout(300);
      await screenshot(page, `report-sheet-${name}`);
      await page.locator("#sheet button").first().click();
      await expectAccessible(page);
      expectQuiet(page);
      await page.context().close();
    });
  }

  await t.test("says what the ledger says", async () => {
    const page = await open(chromium, address(run));
    assert.equal(await tile(page, "Images found"), number(run, "SELECT count(*) FROM images"));
    assert.equal(await tile(page, "Stored"), number(run, "SELECT count(*) FROM images WHERE status = 'stored'"));
    assert.equal(await tile(page, "Pages"), number(run, "SELECT count(*) FROM pages WHERE kind = 'page' AND state = 'fetched'"));
    for (const [format, images] of ledger(run, `SELECT format, count(*) FROM images WHERE ${KEPT} GROUP BY format`)) {
      assert.equal(digits((await row(page, "Formats", format))[0]), images, format);
    }
    for (const [host, images, failed] of ledger(run,
      "SELECT name, count(*), sum(status = 'failed') FROM images JOIN hosts ON hosts.id = host GROUP BY host")) {
      const cells = await row(page, "Hosts", host);
      assert.deepEqual([digits(cells[0]), digits(cells[3])], [images, failed], host);
    }
    const columns = page.locator("figure", { has: page.getByRole("heading", { name: "Images over time" }) });
    await columns.locator("summary").click();
    const kept = (await columns.locator("tbody tr td:nth-child(2)").allInnerTexts()).map(digits).reduce((sum, one) => sum + one, 0);
    assert.equal(kept, number(run, `SELECT count(*) FROM images WHERE ${KEPT}`));
    await page.context().close();
  });

  await t.test("its filters show what they say", async () => {
    const page = await open(chromium, address(run));
    const all = number(run, "SELECT count(*) FROM images");
    assert.equal(await shown(page), all, "all images fit on the sheet");
    for (const format of ["png", "jpg", "gif"]) {
      const images = number(run, `SELECT count(*) FROM images WHERE format = '${format}'`);
      if (images === 0) continue;
      await page.getByLabel("Format", { exact: true }).selectOption(format);
      assert.equal(await shown(page), images, format);
    }
    await page.getByLabel("Format", { exact: true }).selectOption("");
    await page.getByLabel("Status", { exact: true }).selectOption("stored");
    assert.equal(await shown(page), number(run, "SELECT count(*) FROM images WHERE status = 'stored'"));
    await page.getByRole("button", { name: "Show all", exact: true }).click();
    await page.getByLabel("Text", { exact: true }).fill("BRUSH");
    const wanted = "'%brush%'";
    assert.equal(await shown(page), number(run, `SELECT count(*) FROM images LEFT JOIN pages ON pages.id = page
      WHERE images.url LIKE ${wanted} OR alt LIKE ${wanted} OR title LIKE ${wanted} OR caption LIKE ${wanted}
        OR coalesce(images.page_url, pages.final_url, pages.url) LIKE ${wanted}`));
    await page.getByLabel("Text", { exact: true }).fill("no such text anywhere");
    assert.equal(await shown(page), 0);
    await page.getByRole("button", { name: "Show all", exact: true }).click();
    await page.waitForFunction(() => document.querySelectorAll("#sheet li").length > 0);
    assert.equal(await shown(page), all);
    await page.context().close();
  });

  await t.test("is turned page by page, with the keyboard alone", async () => {
    const page = await open(chromium, address(run));
    const first = await page.locator("#sheet .says").first().innerText();
    assert.equal(await page.locator("#sheet li").count(), 48);
    assert.ok(await page.getByRole("button", { name: "Previous", exact: true }).isDisabled());
    await page.getByRole("button", { name: "Next", exact: true }).focus();
    await page.keyboard.press("Enter");
    assert.match(await page.locator("#count").innerText(), /page 2 of/);
    assert.notEqual(await page.locator("#sheet .says").first().innerText(), first);
    await page.locator("#sheet button").first().focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    const url = await dialog.getByRole("link").first().getAttribute("href");
    assert.equal(number(run, `SELECT count(*) FROM images WHERE url = '${url}'`), 1);
    const picture = dialog.getByRole("img");
    assert.ok(await picture.evaluate(image => image.complete && image.naturalWidth > 0), "the thumbnail is a picture");
    await page.keyboard.press("Escape");
    assert.equal(await dialog.count(), 0);
    expectQuiet(page);
    await page.context().close();
  });

  await t.test("prints, and works without its store and without scripts", async () => {
    const away = join(place, "elsewhere.html");
    await producer(["report", "--runs", join(place, "runs"), "--store", join(place, "nowhere"), "--output", away, "gimp-manual"]);
    const page = await open(chromium, pathToFileURL(away).href);
    assert.match(await page.locator("#contact-sheet").innerText(), /cannot be read from this machine/);
    assert.equal(await page.locator("#sheet img").count(), 0);
    await expectAccessible(page);
    expectQuiet(page);
    const printed = await page.pdf({ format: "A4" });
    assert.ok(printed.length > 10_000);
    await page.context().close();
    const plain = await open(chromium, address(run), { ...LOOKS.light, javaScriptEnabled: false });
    assert.match(await plain.locator("#contact-sheet").innerText(), /needs JavaScript/);
    assert.equal(await tile(plain, "Images found"), number(run, "SELECT count(*) FROM images"));
    await plain.context().close();
  });
});

test("what a hostile site says runs nothing", async t => {
  const place = folder(t);
  const evil = "alert('owned');document.title='owned'";
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="${evil}"><script>${evil}</script></svg>`;
  const html = `<!doctype html><title>x</title>
    <img src="/1.svg" alt="&lt;script&gt;${evil}&lt;/script&gt;&lt;img src=x onerror=${evil}&gt;">
    <img src="/2.svg?&lt;/script&gt;&lt;script&gt;${evil}&lt;/script&gt;" alt="&lt;/script&gt;&lt;script&gt;${evil}&lt;/script&gt;&lt;!--&lt;script&gt;">
    <img src="/missing&quot;&gt;&lt;img src=x onerror=${evil}&gt;.png" title="&quot; onfocus=&quot;${evil}&quot; autofocus x=&quot;">
    <img src="javascript:${evil}" alt="&#x202e;backwards">`;
  const url = await site(t, {
    "/": ["text/html", html], "/1.svg": ["image/svg+xml", svg], "/2.svg": ["image/svg+xml", svg.replace("9", "8")],
  });
  const run = await crawl(place, "hostile", `${url}/`, "--depth", "0", "--report");
  assert.equal(number(run, "SELECT count(*) FROM images WHERE scripted"), 2, "the scripts are there");
  const chromium = await browser(t);
  const page = await open(chromium, address(run));
  const title = await page.title();
  for (const button of await page.locator("#sheet button").all()) {
    await button.click();
    await page.waitForTimeout(50);
    for (const link of await page.getByRole("dialog").getByRole("link").all()) {
      assert.match(await link.getAttribute("href"), /^https?:\/\/127\.0\.0\.1:/);
    }
    await page.keyboard.press("Escape");
  }
  assert.ok((await page.locator("#sheet").innerText()).includes("<script>alert"), "it is there as text");
  assert.equal(await page.locator("#sheet script, #sheet [onerror], #failures ~ * [onerror], [autofocus]").count(), 0);
  assert.equal(await page.locator("script").count(), 2, "the data and our own");
  assert.equal(await page.locator("#sheet img").count(), 0, "an SVG is not drawn");
  assert.equal(await page.title(), title);
  expectQuiet(page);
  await expectAccessible(page);

  await t.test("and what gets into the file all the same is not run", async () => {
    const file = join(run, "changed.html");
    writeFileSync(file, readFileSync(join(run, "report.html"), "utf8").replace("<main", `<script>document.title='owned'</script><img src="x" onerror="document.title='owned'"><main`));
    const changed = await open(chromium, address(run, "changed.html"));
    assert.equal(await changed.title(), title);
    assert.ok(changed.seen.errors.some(error => error.includes("Content Security Policy")), changed.seen.errors.join());
    await changed.context().close();
  });
  await page.context().close();
});

test("the report of a million images opens at once", { skip: process.env.MILLION ? false : "MILLION names no report" }, async t => {
  const chromium = await browser(t);
  const begun = Date.now();
  const page = await open(chromium, pathToFileURL(process.env.MILLION).href);
  await page.locator("#sheet li").first().waitFor();
  const took = Date.now() - begun;
  console.log(`${statSync(process.env.MILLION).size} bytes, opened in ${took} ms`);
  assert.ok(took < 2000, `${took} ms`);
  await expectAccessible(page);
  await expectNoSidewaysScroll(page);
  expectQuiet(page);
  await page.context().close();
});
