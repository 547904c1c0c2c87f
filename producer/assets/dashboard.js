// The dashboard's page: what the server sends goes to those who show it. Nothing is asked for while nobody sees the page.

import { showFleet } from "./fleet.js";
import { galleryOf } from "./gallery.js";
import { showRun, showDetail } from "./run.js";
import { at, keep, make, number, order, rate, say, show } from "./show.js";

let source = null;
let comeBack = null;
let state = null;
let detail = null;
let selected = named();

function named() {
  try {
    return location.hash.startsWith("#/") ? decodeURIComponent(location.hash.slice(2)) : null;
  } catch {
    return null;
  }
}

// Told to those who do not see the page change: seldom, and only what they would want to be interrupted for.
export function tell(text) {
  at("news").textContent = text;
}

function connect() {
  disconnect();
  if (document.hidden) return;
  source = new EventSource(selected ? `/events?run=${encodeURIComponent(selected)}` : "/events");
  source.addEventListener("open", () => linked("live", "Live"));
  source.addEventListener("state", (event) => {
    const before = state;
    state = JSON.parse(event.data);
    render();
    tellChanges(before);
  });
  source.addEventListener("run", (event) => {
    detail = JSON.parse(event.data);
    render();
  });
  source.addEventListener("error", () => {
    linked("lost", "Connection lost; trying again");
    // A browser does not come back by itself after an answer that is none.
    if (source && source.readyState === EventSource.CLOSED) {
      comeBack = setTimeout(returnOrLogIn, 3000);
    }
  });
}

async function returnOrLogIn() {
  const answer = await fetch("/", { method: "HEAD", redirect: "manual", headers: { accept: "text/html" } }).catch(() => null);
  if (answer && answer.type === "opaqueredirect") location.assign("/login");
  else connect();
}

function disconnect() {
  clearTimeout(comeBack);
  if (source) source.close();
  source = null;
}

function linked(kind, text) {
  at("link-dot").dataset.link = kind;
  say(at("link"), text);
}

function current() {
  return state ? state.runs.find((run) => run.name === selected) : undefined;
}

function render() {
  if (!state) return;
  if (!current() && !named() && state.runs.length > 0) {
    select(state.runs[0].name);
    return;
  }
  showRuns();
  const run = current();
  show(at("run"), Boolean(run));
  show(at("gallery"), Boolean(run));
  document.title = run ? `${run.name} – Warren` : "Warren";
  const own = detail && run && detail.run === run.name ? detail : null;
  if (run) {
    const tasks = state.tasks.filter((task) => task.run === run.name);
    showRun(run, tasks);
    showDetail(run, own);
    galleryOf(run);
  }
  showFleet(state, own, run);
}

function showRuns() {
  show(at("no-runs"), state.runs.length === 0);
  show(at("beyond"), state.beyond > 0);
  say(at("beyond"), `${number(state.beyond)} older runs are not listed.`);
  keep(at("runs"), state.runs, (run) => run.name, createRun, updateRun);
}

function createRun(run) {
  const link = make("a", { href: `#/${encodeURIComponent(run.name)}` });
  link.append(
    make("span", { class: "name" }, run.name),
    make("span", { class: "state" }),
    make("progress", { max: 1, "aria-hidden": "true" }),
    make("span", { class: "soft line" }),
  );
  return make("li", {}, link);
}

function updateRun(item, run) {
  const [, word, bar, line] = item.firstElementChild.children;
  if (run.name === selected) item.firstElementChild.setAttribute("aria-current", "true");
  else item.firstElementChild.removeAttribute("aria-current");
  const stand = run.held && run.paused ? "paused" : run.state;
  word.dataset.state = stand;
  say(word, stand);
  const tally = run.tally;
  const settled = tally ? tally.found - tally.images.outstanding : 0;
  bar.value = tally && tally.found > 0 ? settled / tally.found : 0;
  if (run.error) say(line, run.error);
  else if (!tally) say(line, "counting…");
  else if (run.held) say(line, `${number(settled)} of ${number(tally.found)} · ${rate(run.rate)}`);
  else say(line, `${number(tally.found)} images · ${number(tally.images.failed)} failed`);
}

function select(name) {
  selected = name;
  detail = null;
  connect();
  render();
}

function tellChanges(before) {
  if (!before) return;
  for (const run of state.runs) {
    const old = before.runs.find((known) => known.name === run.name);
    if (!old) tell(`Run ${run.name} begins.`);
    else if (old.held && !run.held) tell(`Run ${run.name} has ended: ${run.state}.`);
    else if (old.paused !== run.paused && run.held) tell(`Run ${run.name} ${run.paused ? "is paused" : "goes on"}.`);
  }
  for (const task of state.tasks) {
    const old = before.tasks.find((known) => known.run === task.run && known.command === task.command);
    if (task.ended && old && !old.ended && task.exit !== 0) {
      tell(`producer ${task.command} ${task.run} did not end well: ${task.said ?? "it was killed"}`);
    }
  }
}

addEventListener("hashchange", () => {
  if (named() !== selected && location.hash.startsWith("#/")) select(named());
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    disconnect();
    linked("lost", "Not watching");
  } else connect();
});
at("leave").addEventListener("click", async () => {
  await order("/leave").catch(() => null);
  location.assign("/login");
});
connect();
