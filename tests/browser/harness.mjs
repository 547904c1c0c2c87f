// What tests in a browser need: sites on loopback, the real programs, Chromium with everything that it does written down, a check of
// accessibility, and the ledger's own numbers.

import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const needed = name => process.env[name] || assert.fail(`${name} is not set; hint: make browser-test`);
const require = createRequire(needed("BROWSER_MODULES"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const PRODUCER = needed("PRODUCER");
const GIMP = "/usr/share/gimp/2.0/help/en";
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--no-proxy-server"];

/** A folder that is gone when the test is over. */
export function folder(t) {
  const path = mkdtempSync(join(tmpdir(), "warren-browser-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  await new Promise(done => server.close(done));
  return port;
}

/** Waits until `is` gives something, and says what was waited for if it never does. */
export async function eventually(what, is, patience = 20_000) {
  const until = Date.now() + patience;
  for (;;) {
    const found = await is();
    if (found) return found;
    assert.ok(Date.now() < until, `${what} did not come about within ${patience} ms`);
    await new Promise(done => setTimeout(done, 50));
  }
}

function stopped(child) {
  return child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : once(child, "exit");
}

/** A program that runs until the test is over; `child.said()` is what it wrote to standard error so far. */
export function start(t, program, args, options = {}) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  let said = "";
  child.stderr.on("data", text => { said += text; });
  child.stdout.resume();
  child.said = () => said;
  t.after(async () => {
    child.kill("SIGKILL");
    await stopped(child);
  });
  return child;
}

/** The manual of GIMP, which Debian packages, behind nginx. Returns the address of its first page. */
export async function gimp(t) {
  const [place, port] = [folder(t), await freePort()];
  const settings = `daemon off; master_process off; pid ${place}/pid; error_log stderr; events {}
    http { include /etc/nginx/mime.types; access_log off; client_body_temp_path ${place}; proxy_temp_path ${place};
      fastcgi_temp_path ${place}; uwsgi_temp_path ${place}; scgi_temp_path ${place};
      server { listen 127.0.0.1:${port}; root ${GIMP}; } }`;
  writeFileSync(join(place, "nginx.conf"), settings);
  const server = start(t, "nginx", ["-p", place, "-e", "stderr", "-c", join(place, "nginx.conf")],
    { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
  const url = `http://127.0.0.1:${port}/index.html`;
  await eventually("nginx", async () => {
    assert.equal(server.exitCode, null, server.said());
    return fetch(url).then(answer => answer.ok, () => false);
  });
  return url;
}

/** A site of what `pages` has: path to [content type, body] or [content type, body, status]. Returns its address. */
export async function site(t, pages) {
  const server = createServer((request, answer) => {
    const [type, body, status] = pages[request.url.split("?")[0]] || ["text/plain", "nothing here", 404];
    answer.writeHead(status || 200, { "content-type": type }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => new Promise(done => { server.closeAllConnections(); server.close(done); }));
  return `http://127.0.0.1:${server.address().port}`;
}

/** Runs the producer to its end; fails unless it ends with `code`. */
export async function producer(args, code = 0) {
  const ended = await promisify(execFile)(PRODUCER, args, { maxBuffer: 64 << 20 })
    .then(out => ({ code: 0, ...out }), error => error);
  assert.equal(ended.code, code, `producer ${args.join(" ")}: ${ended.stderr}`);
  return ended;
}

/** Crawls in one process, below `place`. Returns the folder of the run. */
export async function crawl(place, name, url, ...more) {
  await producer(["crawl", "--embedded", "--allow-private", "--runs", join(place, "runs"), "--run", name,
    "--store", join(place, "images"), ...more, url]);
  return join(place, "runs", name);
}

/** Rows that an SQL statement finds in a run's ledger. */
export function ledger(run, sql) {
  const read = "import json,sqlite3,sys; print(json.dumps(sqlite3.connect('file:'+sys.argv[1]+'?mode=ro',uri=True).execute(sys.argv[2]).fetchall()))";
  return JSON.parse(execFileSync("python3", ["-c", read, join(run, "ledger.db"), sql], { maxBuffer: 64 << 20 }));
}

/** The one number that an SQL statement finds. */
export const number = (run, sql) => ledger(run, sql)[0][0];

/**
 * Chromium, for as long as the test lasts. Requests to other hosts are made, and so are seen, but lead nowhere; the hosts of `names`
 * lead to 127.0.0.1.
 */
export async function browser(t, names = []) {
  const rules = [...names.map(name => `MAP ${name} 127.0.0.1`), "MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1"].join(", ");
  const args = [...FLAGS, `--host-resolver-rules=${rules}`];
  const started = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args });
  t.after(() => started.close());
  return started;
}

/** Ways in which people look. */
export const LOOKS = {
  light: { colorScheme: "light", viewport: { width: 1200, height: 900 } },
  dark: { colorScheme: "dark", viewport: { width: 1200, height: 900 } },
  narrow: { colorScheme: "light", viewport: { width: 375, height: 812 }, deviceScaleFactor: 2, hasTouch: true },
};

/**
 * Opens an address. What the page does is in `page.seen`: `errors` of its script and console, `requests` beside the page itself and what
 * stands in it, `dialogs` that were opened.
 */
export async function open(browser, url, look = LOOKS.light) {
  const context = await browser.newContext(look);
  const page = await context.newPage();
  page.seen = { errors: [], requests: [], dialogs: [] };
  page.on("console", message => {
    if (["error", "warning"].includes(message.type())) page.seen.errors.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", error => page.seen.errors.push(String(error)));
  page.on("request", request => {
    if (request.url() !== url && !request.url().startsWith("data:")) page.seen.requests.push(request.url());
  });
  page.on("dialog", dialog => {
    page.seen.dialogs.push(dialog.message());
    dialog.dismiss();
  });
  await page.goto(url, { waitUntil: "load" });
  return page;
}

/** Fails on errors, dialogs, and requests to anybody but `origin`; without one, on any request. */
export function expectQuiet(page, origin) {
  assert.deepEqual(page.seen.errors, []);
  assert.deepEqual(page.seen.dialogs, []);
  assert.deepEqual(page.seen.requests.filter(url => !origin || new URL(url).origin !== origin), []);
}

/** Fails on what axe-core finds: WCAG 2.2 at the levels A and AA, and its own best practices. */
export async function expectAccessible(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.slice(0, 5).map(node => `${node.target} ${node.failureSummary}`).join("\n  ")}`);
  assert.deepEqual(told, [], told.join("\n"));
}

/** Fails if the page is wider than the window. */
export async function expectNoSidewaysScroll(page) {
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= window, `the page is ${wide} wide in a window of ${window}`);
}

/** A picture of what is to be seen, where SCREENSHOTS names a folder; at most 300 kB, as documents have them. */
export async function screenshot(page, name, options = {}) {
  if (!process.env.SCREENSHOTS) return;
  mkdirSync(process.env.SCREENSHOTS, { recursive: true });
  const path = join(process.env.SCREENSHOTS, `${name}.png`);
  const taken = await page.screenshot({ path, scale: "css", ...options });
  assert.ok(taken.length < 300_000, `${path} has ${taken.length} bytes`);
}
