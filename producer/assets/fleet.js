// The broker and the downloaders.

import { ago, at, bytes, figures, keep, make, number, rate, say, show, span } from "./show.js";

export function showFleet(state, detail, run) {
  const broker = state.broker;
  const reached = broker.state === "reached";
  const note = noteOf(broker);
  show(at("fleet-note"), note !== null);
  say(at("fleet-note"), note ?? "");
  figures(at("fleet"), [
    ["Downloaders", reached ? number(broker.downloaders) : run && run.live ? number(run.live.downloaders) : null],
    ["Batches waiting", reached ? number(broker.waiting) : null],
    ["Dead letters", reached ? number(broker.dead) : null],
    ["Broker", reached ? (broker.blocked ? "blocked" : "ready") : null],
  ]);
  const rows = workersOf(broker, detail);
  show(at("workers-region"), rows.length > 0);
  keep(at("workers"), rows, (row) => row.key, () => make("tr", {}, make("th", { scope: "row" }), ...Array.from({ length: 7 }, () => make("td"))), fill);
}

function noteOf(broker) {
  if (broker.state === "out-of-reach") return `The broker cannot be asked: ${broker.why}`;
  if (broker.state === "awaited") return "Asking the broker…";
  if (broker.state === "not-asked") return "No broker is asked; a run in one process has its own downloader.";
  if (broker.blocked) return "The broker is short of memory or disk and takes no messages; nothing goes on until it has some again.";
  const silent = broker.downloaders - broker.workers.length;
  return silent > 0 ? `${number(silent)} of ${number(broker.downloaders)} did not answer: frozen, cut off, or counted twice while busy.` : null;
}

// Who answers the broker's question, and who replies to the run that is looked at and did not answer.
function workersOf(broker, detail) {
  const heard = new Map((detail ? detail.workers : []).map((worker) => [worker.worker, worker]));
  const answers = broker.state === "reached" ? broker.workers : [];
  const rows = answers.map((worker) => {
    const replied = heard.get(worker.worker);
    heard.delete(worker.worker);
    return {
      key: `${worker.worker} ${worker.started_ms}`,
      cells: [
        worker.worker,
        worker.host,
        rate(worker.rate).replace("/s", ""),
        `${number(worker.in_flight)} of ${number(worker.concurrency)}`,
        number(worker.done),
        bytes(worker.bytes),
        replied ? ago(replied.ago_ms) : "not to this run",
        worker.trouble ?? "ok",
      ],
      title: `Warren ${worker.version}, up for ${span(Date.now() - worker.started_ms)}`,
      trouble: worker.trouble !== null,
    };
  });
  for (const worker of heard.values()) {
    const limit = `– of ${number(worker.concurrency)}`;
    rows.push({ key: worker.worker, cells: [worker.worker, "–", "–", limit, "–", "–", ago(worker.ago_ms), "–"], title: "", trouble: false });
  }
  return rows;
}

function fill(element, row) {
  element.title = row.title;
  row.cells.forEach((text, index) => {
    const cell = element.children[index];
    say(cell, text);
    if (index >= 2 && index <= 5) cell.className = "number";
    if (index === 7) cell.className = row.trouble ? "trouble" : "";
  });
}
