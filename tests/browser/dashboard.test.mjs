// The dashboard in a browser: of the manual of GIMP, of a run that is at work, and of a site that means harm.

import assert from "node:assert/strict";
import { existsSync, utimesSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";

import {
  LOOKS, PRODUCER, browser, crawl, eventually, expectAccessible, expectNoSidewaysScroll, expectQuiet, folder, freePort, gimp, number, open,
  producer, screenshot, site, start,
} from "./harness.mjs";

const digits = text => Number(text.replaceAll(",", "").match(/\d+/)[0]);
const PIXEL = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=", "base64");

/** A dashboard of the runs below a place. Returns its address. */
async function dashboard(t, place, ...more) {
  const args = ["dashboard", "--offline", "--listen", "127.0.0.1:0", "--runs", join(place, "runs"), ...more];
  const serving = start(t, PRODUCER, args);
  const said = await eventually("the dashboard", () => serving.said().match(/the dashboard is at (http:\S+\/)/));
  return said[1];
}

/** A server of the test's own. */
async function listening(t, answers) {
  const server = createServer(answers).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => new Promise(done => { server.closeAllConnections(); server.close(done); }));
  return server;
}

/** The number that the run's page has for a status. */
const status = async (page, word) =>
  digits(await page.locator("#statuses button", { has: page.getByText(word, { exact: true }) }).locator("strong").innerText());

/** The number of images that the gallery shows. */
const shown = async page => {
  await page.locator("#images:not([aria-busy])").waitFor({ state: "attached" });
  return page.locator("#images > li").count();
};

async function choose(page, label, value) {
  const answered = page.waitForResponse(answer => answer.url().includes("/images?") || answer.url().endsWith("/images"));
  await page.getByLabel(label, { exact: true }).selectOption(value);
  await answered;
}

test("the dashboard of a whole manual", async t => {
  const place = folder(t);
  const run = await crawl(place, "gimp-manual", await gimp(t), "--depth", "100");
  const [url, chromium] = [await dashboard(t, place), await browser(t)];
  const origin = new URL(url).origin;

  for (const [name, look] of Object.entries(LOOKS)) {
    await t.test(`is quiet and accessible: ${name}`, async () => {
      const page = await open(chromium, url, look);
      await page.locator("#images > li img").first().waitFor();
      await eventually("pictures", () => page.evaluate(() =>
        [...document.querySelectorAll("#stored img")].every(image => image.complete)));
      await expectAccessible(page);
      await expectNoSidewaysScroll(page);
      await screenshot(page, `dashboard-${name}`);
      await page.evaluate(() => document.getElementById("gallery").scrollIntoView());
      await eventually("pictures of the gallery", () => page.evaluate(() =>
        [...document.querySelectorAll("#images img")].slice(0, 12).every(image => image.complete)), 60_000);
      if (name === "light") await screenshot(page, "dashboard-gallery");
      await page.locator("#images button").first().click();
      await expectAccessible(page);
      await page.keyboard.press("Escape");
      expectQuiet(page, origin);
      await page.context().close();
    });
  }

  await t.test("says what the ledger says", async () => {
    const page = await open(chromium, url);
    await page.locator("#statuses button").first().waitFor();
    for (const word of ["stored", "duplicate", "failed"]) {
      const images = number(run, `SELECT count(*) FROM images WHERE status = '${word}'`);
      if (images > 0) assert.equal(await status(page, word), images, word);
    }
    const found = page.locator("#figures div", { has: page.getByText("Found", { exact: true }) }).locator("dd");
    assert.equal(digits(await found.innerText()), number(run, "SELECT count(*) FROM images"));
    await page.context().close();
  });

  await t.test("its gallery filters, and is turned page by page with the keyboard", async () => {
    const page = await open(chromium, url);
    assert.equal(await shown(page), 60);
    await page.getByRole("button", { name: "Next page" }).focus();
    const first = await page.locator("#images > li .name").first().innerText();
    await page.keyboard.press("Enter");
    await page.waitForFunction(before => document.querySelector("#images > li .name").innerText !== before, first);
    await page.getByRole("button", { name: "Previous page" }).click();
    await page.waitForFunction(before => document.querySelector("#images > li .name").innerText === before, first);

    for (const [label, value, where] of [
      ["Status", "duplicate", "status = 'duplicate'"], ["Status", "failed", "status = 'failed'"], ["Format", "gif", "format = 'gif'"],
    ]) {
      await page.getByRole("button", { name: "Clear" }).click();
      await choose(page, label, value);
      const images = number(run, `SELECT count(*) FROM images WHERE ${where}`);
      assert.equal(await shown(page), Math.min(images, 60), value);
    }
    await page.getByRole("button", { name: "Clear" }).click();
    await page.getByLabel("Text", { exact: true }).fill("BRUSH");
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await page.waitForFunction(() => document.getElementById("gallery-news").textContent !== "");
    const wanted = "'%brush%'";
    const images = number(run, `SELECT count(*) FROM images LEFT JOIN pages ON pages.id = page WHERE images.url LIKE ${wanted}
      OR alt LIKE ${wanted} OR title LIKE ${wanted} OR caption LIKE ${wanted}
      OR coalesce(images.page_url, pages.final_url, pages.url) LIKE ${wanted}`);
    await eventually("the images with that text", async () => await shown(page) === Math.min(images, 60));
    expectQuiet(page, origin);
    await page.context().close();
  });
});

test("a manual that is being crawled", async t => {
  const place = folder(t);
  const crawling = start(t, PRODUCER, ["crawl", "--embedded", "--allow-private", "--runs", join(place, "runs"), "--run", "gimp-manual",
    "--store", join(place, "images"), "--depth", "100", "--max-pages", "300", "--delay", "5ms", "--dashboard", "127.0.0.1:0", await gimp(t)]);
  const ended = once(crawling, "exit");
  const [, url] = await eventually("the dashboard", () => crawling.said().match(/the dashboard is at (http:\S+\/)/));
  const page = await open(await browser(t), url);
  await page.locator("#statuses button").first().waitFor();
  await eventually("a few hundred images", async () => await status(page, "stored") > 300 && await page.locator("#stored img").count() === 12, 60_000);
  assert.equal(await page.locator("#run-state").innerText(), "running");
  await eventually("a rate", async () => digits(await page.locator("#figures div", { has: page.getByText("Rate", { exact: true }) }).innerText()) > 0);
  await eventually("their pictures", () => page.evaluate(() =>
    [...document.querySelectorAll("#stored img")].every(image => image.complete && image.naturalWidth > 0)));
  await screenshot(page, "dashboard-live");
  await expectAccessible(page);
  expectQuiet(page, new URL(url).origin);
  await ended;
  // The last word is how it ended, although nobody is there any more.
  await page.locator("#run-state", { hasText: "complete" }).waitFor();
  const run = join(place, "runs", "gimp-manual");
  assert.equal(await status(page, "stored"), number(run, "SELECT count(*) FROM images WHERE status = 'stored'"));
  assert.equal(await status(page, "outstanding"), 0);
});

test("a run at work: a failing host, pausing, cancelling and trying again", async t => {
  const place = folder(t);
  const held = [];
  let broken = true;
  const failing = await listening(t, (request, answer) => {
    if (broken || request.url === "/robots.txt") answer.writeHead(404).end();
    else answer.writeHead(200, { "content-type": "image/png" }).end(PIXEL);
  });
  const slow = await listening(t, (request, answer) => {
    if (request.url === "/robots.txt") answer.writeHead(404).end();
    else held.push(answer);
  });
  const host = `127.0.0.1:${failing.address().port}`;
  const images = [1, 2, 3].map(one => `<img src="http://${host}/${one}.png" alt="broken ${one}">`);
  const waiting = Array.from({ length: 12 }, (_, one) => `<img src="http://127.0.0.1:${slow.address().port}/${one}.png">`);
  const from = await site(t, { "/": ["text/html", images.join("") + waiting.join("")], "/robots.txt": ["text/plain", "", 404] });
  const options = ["--embedded", "--allow-private", "--runs", join(place, "runs"), "--store", join(place, "images")];
  const crawling = start(t, PRODUCER, ["crawl", ...options, "--run", "at-work", "--per-host", "4", `${from}/`]);
  const run = join(place, "runs", "at-work");
  const [url, chromium] = [await dashboard(t, place), await browser(t)];
  const origin = new URL(url).origin;
  const page = await open(chromium, url);

  await eventually("the failures", async () => await page.locator("#failed li").count() === 3);
  await eventually("requests that are held", () => held.length === 4);
  await page.locator("#failed button").first().click();
  await page.getByRole("dialog").getByRole("button", { name: host }).click();
  await eventually("the failing host alone", async () => await shown(page) === 3);
  assert.equal(number(run, `SELECT count(*) FROM images JOIN hosts ON hosts.id = host WHERE name = '${host}'`), 3);
  assert.equal(await status(page, "failed"), number(run, "SELECT count(*) FROM images WHERE status = 'failed'"));

  // No is no.
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "No", exact: true }).click();
  assert.ok(!existsSync(join(run, "pause")));
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await expectAccessible(page);
  await page.getByRole("dialog").getByRole("button", { name: "Pause", exact: true }).click();
  await page.locator("#run-state", { hasText: "paused" }).waitFor();
  await eventually("the producer heeds it", () => crawling.said().includes("the run is paused"));
  await page.getByRole("button", { name: "Go on", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Go on", exact: true }).click();
  await page.locator("#run-state", { hasText: "running" }).waitFor();

  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.keyboard.press("Escape");
  assert.equal(crawling.exitCode, null, "closing a dialog is no yes");
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the run" }).click();
  await page.locator("#run-state", { hasText: "cancelled" }).waitFor({ timeout: 60_000 });
  assert.equal(number(run, "SELECT count(*) FROM run WHERE key = 'state' AND value = 'cancelled'"), 1);
  assert.equal(await status(page, "outstanding"), number(run, "SELECT count(*) FROM images WHERE status = 'outstanding'"));
  assert.equal(await page.locator("#actions button:visible").count(), 0, "that is for good");
  expectQuiet(page, origin);

  // Another run, whose failures pass when they are tried again.
  const again = await site(t, { "/": ["text/html", images.join("")] });
  await producer(["crawl", ...options, "--run", "again", `${again}/`]);
  broken = false;
  await page.getByRole("link", { name: /^again/ }).click();
  await eventually("three failures", async () => await page.locator("#run-title").innerText() === "again" && await status(page, "failed") === 3);
  await page.getByRole("button", { name: "Retry", exact: true }).click();
  await page.getByRole("dialog").getByLabel("Which").selectOption("http-404");
  await page.getByRole("dialog").getByRole("button", { name: "Retry", exact: true }).click();
  await eventually("the failed images are there", async () => await status(page, "failed") === 0, 60_000);
  const second = join(place, "runs", "again");
  await eventually("its end", () => number(second, "SELECT count(*) FROM run WHERE key = 'state' AND value = 'complete'") === 1);
  assert.equal(number(second, "SELECT count(*) FROM images WHERE status IN ('stored', 'duplicate')"), 3);
  expectQuiet(page, origin);
});

test("why an order was refused stays on the page", async t => {
  const place = folder(t);
  const held = [];
  const slow = await listening(t, (request, answer) => {
    if (request.url === "/held.png") held.push(answer);
    else if (request.url === "/") answer.writeHead(200, { "content-type": "text/html" }).end("<img src=held.png>");
    else answer.writeHead(404).end();
  });
  const options = ["--embedded", "--allow-private", "--runs", join(place, "runs"), "--store", join(place, "images")];
  const from = `http://127.0.0.1:${slow.address().port}/`;
  const crawling = start(t, PRODUCER, ["crawl", ...options, "--run", "ending", from]);
  const [url, chromium] = [await dashboard(t, place), await browser(t)];
  const page = await open(chromium, url);
  await eventually("a request that is held", () => held.length === 1);
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  // Meanwhile the run ends, so the order comes too late.
  const ended = once(crawling, "exit");
  crawling.kill("SIGINT");
  await ended;
  await page.locator("#run-state", { hasText: "interrupted" }).waitFor({ state: "attached" });
  await page.getByRole("dialog").getByRole("button", { name: "Pause", exact: true }).click();
  const note = page.locator("#run-note", { hasText: "Nobody works on the run" });
  await note.waitFor();
  // Whatever else changes.
  utimesSync(join(place, "runs", "ending", "ledger.db"), new Date(), new Date());
  await new Promise(done => setTimeout(done, 3000));
  assert.ok(await note.isVisible());
});

test("a token is taken from the dashboard's own form alone", async t => {
  const TOKEN = "a-token-of-30-characters-or-so";
  const [place, port] = [folder(t), await freePort()];
  await crawl(place, "locked", `${await site(t, { "/": ["text/html", "nothing"] })}/`);
  // A name that is no loopback address's, by HTTP: to such the browser says the origin of a form, and nothing else of its site.
  const own = `http://warren.test:${port}`;
  const args = ["dashboard", "--offline", "--listen", `127.0.0.1:${port}`, "--host", `warren.test:${port}`, "--runs", join(place, "runs")];
  const serving = start(t, PRODUCER, args, { env: { ...process.env, WARREN_DASHBOARD_TOKEN: TOKEN } });
  await eventually("the dashboard", () => serving.said().includes("the dashboard is at"));
  const form = `<form method="post" action="${own}/login"><input name="token" value="${TOKEN}"><button>go</button></form>`;
  const foreign = await site(t, { "/": ["text/html", form] });
  const chromium = await browser(t, ["warren.test", "evil.test"]);

  const evil = await open(chromium, `${foreign.replace("127.0.0.1", "evil.test")}/`);
  const refused = evil.waitForResponse(answer => answer.url() === `${own}/login`);
  await evil.getByRole("button").click();
  assert.equal((await refused).status(), 403);
  assert.deepEqual(await evil.context().cookies(own), []);

  const page = await open(chromium, `${own}/`);
  await page.getByLabel("Token").fill("a-token-of-30-characters-or-no");
  await page.getByRole("button", { name: "Enter" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Token").fill(TOKEN);
  await page.getByRole("button", { name: "Enter" }).click();
  await page.locator("#run-title", { hasText: "locked" }).waitFor();
});

test("what means harm does none", async t => {
  const place = folder(t);
  const script = "<script>globalThis.harmed = true; alert(1)</script>";
  const markup = `"><img src=x onerror="globalThis.harmed = true"><b>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="globalThis.harmed = true">${script}</svg>`;
  const escaped = text => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
  const from = await site(t, {
    "/": ["text/html", `<img src="a.png" alt="${escaped(script)}"><img src="b.svg" title="${escaped(markup)}" alt="">
      <img src="${escaped(encodeURI(`x${markup}.png`))}" alt="${escaped(markup)}">`],
    "/a.png": ["image/png", PIXEL],
    "/b.svg": ["image/svg+xml", svg],
  });
  const run = await crawl(place, "hostile", `${from}/`);
  const [url, chromium] = [await dashboard(t, place), await browser(t)];
  const origin = new URL(url).origin;

  await t.test("what was crawled runs nothing", async () => {
    const page = await open(chromium, url);
    assert.equal(await shown(page), 3);
    for (let image = 0; image < 3; image++) {
      await page.locator("#images button").nth(image).click();
      await page.getByRole("dialog").waitFor();
      await page.keyboard.press("Escape");
    }
    assert.equal(await page.evaluate(() => globalThis.harmed), undefined);
    assert.ok((await page.locator("#images").innerHTML()).includes("&lt;script"), "it is there as text");
    expectQuiet(page, origin);
    const id = number(run, "SELECT id FROM images WHERE format = 'svg'");
    const opened = await page.context().newPage();
    await opened.goto(`${url}runs/hostile/images/${id}/original`);
    assert.equal(await opened.evaluate(() => document.contentType), "text/plain");
    assert.equal(await opened.evaluate(() => globalThis.harmed), undefined);
    await page.context().close();
  });

  await t.test("another site's page changes nothing and sees nothing", async () => {
    const evil = await site(t, { "/": ["text/html", "<!doctype html><title>evil</title>"] });
    const page = await open(chromium, `${evil}/`);
    const tried = await page.evaluate(async target => {
      const path = `${target}runs/hostile/retry`;
      const form = document.createElement("form");
      const frame = document.createElement("iframe");
      frame.name = "into";
      document.body.append(frame, form);
      Object.assign(form, { method: "post", action: path, target: "into" });
      form.submit();
      const said = [];
      for (const options of [
        { method: "POST", mode: "no-cors" },
        { method: "POST", mode: "no-cors", credentials: "include", body: "{}" },
        { method: "POST", headers: { "x-warren-page": "guess" } },
        { method: "GET" },
      ]) {
        said.push(await fetch(path, options).then(answer => answer.type, () => "refused"));
      }
      said.push(await fetch(`${target}runs/hostile/images`).then(() => "read", () => "refused"));
      const shown = new Image();
      shown.src = `${target}runs/hostile/images/1/original`;
      said.push(await shown.decode().then(() => "seen", () => "refused"));
      return said;
    }, url);
    assert.deepEqual(tried, Array(6).fill("refused"));
    assert.ok(!existsSync(join(run, "dashboard.log")) && !existsSync(join(run, "cancel")) && !existsSync(join(run, "pause")));
    await page.context().close();
  });

  await t.test("a name of somebody else's leads to nothing", async () => {
    const port = new URL(url).port;
    const rebound = await browser(t, ["evil.test"]);
    const context = await rebound.newContext();
    const page = await context.newPage();
    const answer = await page.goto(`http://evil.test:${port}/`);
    assert.equal(answer.status(), 421);
    assert.ok(!(await page.content()).includes("hostile"));
  });
});
