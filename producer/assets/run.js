// One run: its numbers, what can be done with it, its newest images and failures, its hosts at rest.

import { look } from "./gallery.js";
import { at, bytes, figures, keep, make, nameOf, number, order, rate, say, show, span } from "./show.js";

const STATUSES = ["stored", "duplicate", "unchanged", "rejected", "blocked", "failed", "outstanding"];
const SPARK = 60;
const UNFINISHED = "None among the newest images; older ones were not looked through. The gallery finds them.";

let shown = null;
// The last order that was refused, of which run and why: it is said until the next order.
let refused = null;
let rates = { run: null, at: null, values: [] };
const spark = sparkline();

export function showRun(run, tasks) {
  shown = run;
  const stand = run.held && run.paused ? "paused" : run.state;
  say(at("run-title"), run.name);
  at("run-state").dataset.state = stand;
  say(at("run-state"), stand);
  const note = noteOf(run, tasks);
  show(at("run-note"), note !== null);
  say(at("run-note"), note ?? "");
  showActions(run, tasks);
  showNumbers(run);
}

function noteOf(run, tasks) {
  const working = tasks.find((task) => !task.ended && (task.command === "cancel" || !run.held));
  if (refused !== null && refused.run === run.name) return refused.text;
  if (run.error) return run.error;
  if (working) return `producer ${working.command} is at work.`;
  const bad = tasks.find((task) => task.ended && task.exit !== 0 && task.exit !== 130);
  if (bad && !run.held) return `producer ${bad.command} ended with ${bad.exit ?? "a signal"}: ${bad.said ?? "see dashboard.log in the run's folder"}`;
  if (run.live && run.live.blocked) return "The broker takes no messages: it is short of memory or disk.";
  if (run.held && run.paused) return "Paused: nothing is handed out. What is out is finished.";
  if (run.live && run.live.downloaders === 0) return "No downloader consumes the task queue.";
  if (run.killed) return "Its producer was killed. Resume goes on where it was.";
  return null;
}

function showActions(run, tasks) {
  const failed = run.tally ? run.tally.images.failed + run.tally.images.rejected + run.tally.images.blocked : 0;
  const over = run.state === "complete" || run.state === "cancelled";
  const can = {
    pause: run.held && !run.paused,
    unpause: run.held && run.paused,
    resume: !run.held && !over && run.state !== "",
    retry: !run.held && run.state !== "cancelled" && failed > 0,
    cancel: run.held || (!over && run.state !== ""),
  };
  const busy = tasks.some((task) => !task.ended && (task.command === "cancel" || !run.held));
  for (const button of at("actions").children) {
    show(button, can[button.dataset.action]);
    button.disabled = busy;
  }
}

function showNumbers(run) {
  const tally = run.tally;
  show(at("meter"), Boolean(tally));
  if (tally) {
    const present = STATUSES.filter((status) => tally.images[status] > 0);
    at("meter").setAttribute(
      "aria-label",
      present.map((status) => `${number(tally.images[status])} ${status}`).join(", ") || "No images yet",
    );
    keep(at("meter"), present, (status) => status, (status) => make("span", { "data-status": status }), (part, status) => {
      part.style.flexGrow = tally.images[status];
    });
  }
  keep(
    at("statuses"),
    tally ? STATUSES.filter((status) => tally.images[status] > 0 || ["stored", "failed", "outstanding"].includes(status)) : [],
    (status) => status,
    (status) =>
      make(
        "li",
        {},
        make(
          "button",
          { type: "button", class: "status", "data-status": status, onclick: () => look({ status }) },
          make("strong"),
          make("span", {}, status),
        ),
      ),
    (item, status) => say(item.firstElementChild.firstElementChild, number(tally.images[status])),
  );
  const live = run.live;
  note(run);
  figures(at("figures"), [
    ["Found", tally ? number(tally.found) : "counting…"],
    ["Rate", run.held ? rate(run.rate) : null],
    ["Last minute", run.held && rates.values.length > 1 ? spark : null],
    ["Out", live ? `${number(live.out)} of ${number(live.window)}` : null],
    ["Left", run.held && tally && run.rate > 0.05 && !run.paused ? left(tally, run.rate) : null],
    ["Bytes stored", tally ? bytes(tally.bytes) : null],
    ["Pages", tally && tally.pages_fetched + (tally.pages_pending ?? 0) > 0 ? pages(tally) : null],
    ["Hosts at rest", live ? number(live.at_rest) : null],
    ["Given up", live && live.given_up > 0 ? number(live.given_up) : null],
    ["Took", run.seconds !== null && !run.held ? span(run.seconds * 1000) : null],
    ["Numbers", run.held && !live ? "from the ledger, now and then" : null],
  ]);
  const reasons = tally ? Object.entries(tally.reasons).sort((one, other) => other[1] - one[1]) : [];
  show(at("no-reasons"), reasons.length === 0);
  const most = reasons.length > 0 ? reasons[0][1] : 1;
  keep(
    at("reasons"),
    reasons.slice(0, 12),
    ([reason]) => reason,
    ([reason]) =>
      make(
        "li",
        {},
        make("button", { type: "button", class: "plain", onclick: () => look({ reason }) }, reason),
        make("span", { class: "track", "aria-hidden": "true" }, make("span")),
        make("span", { class: "number" }),
      ),
    (item, [, images]) => {
      item.children[1].firstElementChild.style.width = `${(images / most) * 100}%`;
      say(item.lastElementChild, number(images));
    },
  );
}

// What is left, if it goes on like this. More may be found meanwhile, so it is said roughly.
function left(tally, perSecond) {
  return `about ${span((tally.images.outstanding / perSecond) * 1000)}`;
}

function pages(tally) {
  const waiting = tally.pages_pending ? ` (+${number(tally.pages_pending)})` : "";
  return `${number(tally.pages_fetched)}${waiting}`;
}

function note(run) {
  if (rates.run !== run.name) rates = { run: run.name, at: null, values: [] };
  const now = Math.floor(Date.now() / 1000);
  if (run.rate !== null && now !== rates.at) {
    rates.at = now;
    rates.values = [...rates.values, run.rate].slice(-SPARK);
    drawSpark();
  }
}

function sparkline() {
  const kind = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(kind, "svg");
  svg.setAttribute("viewBox", "0 0 120 28");
  svg.setAttribute("class", "spark");
  svg.setAttribute("role", "img");
  svg.append(document.createElementNS(kind, "polyline"));
  return svg;
}

function drawSpark() {
  const most = Math.max(...rates.values, 1);
  const step = 120 / (SPARK - 1);
  const points = rates.values.map((value, index) => {
    const x = 120 - (rates.values.length - 1 - index) * step;
    return `${x.toFixed(1)},${(26 - (value / most) * 24).toFixed(1)}`;
  });
  spark.firstElementChild.setAttribute("points", points.join(" "));
  spark.setAttribute("aria-label", `Images a second in the last minute, at most ${number(Math.round(most))}`);
}

export function showDetail(run, detail) {
  const stored = detail ? detail.stored : [];
  keep(at("stored"), stored, (image) => image.id, (image) => make("li", {}, thumb(run.name, image)));
  show(at("no-stored"), detail !== null && stored.length === 0);
  say(at("no-stored"), detail && detail.is_in_part.stored ? UNFINISHED : "None yet.");
  const failed = detail ? detail.failed : [];
  keep(at("failed"), failed, (image) => image.id, (image) => make("li", {}, failure(run.name, image)));
  show(at("no-failed"), detail !== null && failed.length === 0);
  say(at("no-failed"), detail && detail.is_in_part.failed ? UNFINISHED : "None.");
  const resting = detail && detail.resting ? detail.resting : [];
  keep(at("resting"), resting, (host) => host.host, createHost, (item, host) => say(item.lastElementChild, span(host.for_ms)));
  const why = !run.held ? "No producer works on the run." : detail && detail.resting ? "None: every host is asked." : "Its producer does not say.";
  show(at("no-resting"), resting.length === 0);
  say(at("no-resting"), why);
}

function createHost(host) {
  return make(
    "li",
    { class: "split" },
    make("button", { type: "button", class: "plain", onclick: () => look({ host: host.host }) }, host.host),
    make("span", { class: "number" }),
  );
}

// A picture that can be looked at closely.
export function thumb(run, image) {
  const name = image.text || nameOf(image.url);
  return make(
    "button",
    { type: "button", class: "thumb", title: name, onclick: () => openImage(run, image) },
    picture(run, image, name),
  );
}

// The thumbnail of an image, or a word in its place.
export function picture(run, image, alt) {
  const said = alt ? make("span", { class: "visually-hidden" }, ` ${alt}`) : null;
  const word = () => make("span", { class: "nothing" }, image.kept ? (image.format ?? "no picture") : (image.reason ?? image.status), said);
  if (!image.kept) return word();
  const path = `/runs/${encodeURIComponent(run)}/images/${image.id}/thumbnail`;
  const element = make("img", { src: path, alt, loading: "lazy", decoding: "async" });
  element.addEventListener("error", () => element.replaceWith(word()));
  return element;
}

function failure(run, image) {
  return make(
    "button",
    { type: "button", class: "failure", onclick: () => openImage(run, image) },
    make("span", { class: "status", "data-status": image.status }, image.reason ?? image.status),
    make("span", { class: "address" }, `${nameOf(image.url)} · ${image.host}`),
  );
}

// Everything that is known of an image.
export function openImage(run, image) {
  const name = image.text || nameOf(image.url);
  say(at("image-title"), name);
  at("image-picture").replaceChildren(picture(run, image, name));
  const link = (url) => make("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, url);
  const size = image.width && image.height ? `${number(image.width)} × ${number(image.height)}` : null;
  at("image-facts").replaceChildren();
  figures(at("image-facts"), [
    ["Status", image.reason ? `${image.status}: ${image.reason}` : image.status],
    ["Why", image.detail],
    ["Address", image.linked ? link(image.url) : image.url],
    ["Page", image.page_url ? link(image.page_url) : null],
    ["Host", make("button", { type: "button", class: "plain", onclick: () => look({ host: image.host }) }, image.host)],
    ["Format", image.format],
    ["Size", size],
    ["Bytes", image.bytes === null ? null : bytes(image.bytes)],
    ["HTTP status", image.http_status === null ? null : String(image.http_status)],
    ["Tries", image.attempts > 0 ? number(image.attempts) : null],
    ["Downloader", image.worker],
    ["Fetched", image.fetched_at ? `${new Date(image.fetched_at).toISOString().replace("T", " ").slice(0, 19)} UTC` : null],
    ["Took", image.duration_ms === null ? null : `${number(image.duration_ms)} ms`],
  ]);
  const original = at("image-original");
  show(original, image.kept);
  if (image.kept) original.href = `/runs/${encodeURIComponent(run)}/images/${image.id}/original`;
  else original.removeAttribute("href");
  if (!at("image").open) at("image").showModal();
}

const QUESTIONS = {
  pause: (run) => ["Pause", `Pause run ${run.name}?`, "Nothing further is handed out until it goes on. What is out is finished."],
  unpause: (run) => ["Go on", `Let run ${run.name} go on?`, "It hands out pages and images again."],
  resume: (run) => ["Resume", `Resume run ${run.name}?`, "A producer goes on where it stopped, with the options that it was started with."],
  retry: (run) => ["Retry", `Try images of run ${run.name} again?`, "A producer tries them again, with the options that the run was started with."],
  cancel: (run) => [
    "Cancel the run",
    `Cancel run ${run.name} for good?`,
    `${run.tally ? number(run.tally.images.outstanding) : "Its"} outstanding images are not fetched, and the run cannot be gone on with. What was stored stays.`,
  ],
};

for (const button of at("actions").children) {
  button.addEventListener("click", () => confirm(button.dataset.action, shown));
}

function confirm(action, run) {
  const [yes, title, text] = QUESTIONS[action](run);
  say(at("confirm-title"), title);
  say(at("confirm-text"), text);
  say(at("confirm-yes"), yes);
  at("confirm-yes").className = action === "cancel" ? "danger" : "primary";
  show(at("confirm-reason"), action === "retry");
  const reasons = run.tally ? Object.entries(run.tally.reasons) : [];
  at("retry-reason").replaceChildren(
    make("option", { value: "" }, `all that failed (${number(run.tally ? run.tally.images.failed : 0)})`),
    ...reasons.map(([reason, images]) => make("option", { value: reason }, `${reason} (${number(images)})`)),
  );
  const dialog = at("confirm");
  dialog.returnValue = "no";
  dialog.addEventListener("close", () => answered(dialog, action, run), { once: true });
  dialog.showModal();
}

async function answered(dialog, action, run) {
  if (dialog.returnValue !== "yes") return;
  const reason = action === "retry" ? at("retry-reason").value : "";
  refused = null;
  try {
    await order(`/runs/${encodeURIComponent(run.name)}/${action}`, reason ? { reason } : null);
    at("news").textContent = `${action}: the server has it in hand.`;
  } catch (error) {
    refused = { run: run.name, text: error.message };
    if (shown.name === run.name) {
      show(at("run-note"), true);
      say(at("run-note"), refused.text);
    }
    at("news").textContent = error.message;
  }
}
