// The images of a run by what is looked for, a page at a time.

import { ask, at, bytes, keep, make, nameOf, number, say } from "./show.js";
import { thumb } from "./run.js";

const STATUSES = ["stored", "duplicate", "unchanged", "rejected", "blocked", "failed", "outstanding"];
const FORMATS = ["jpg", "png", "gif", "webp", "avif", "svg", "bmp", "ico", "tiff", "heic", "jxl"];

let run = null;
let tallied = "";
// Where each page that was turned over began.
let pages = [null];
let next = null;
let asked = 0;
// Whether the form is emptied by us, who look then for something ourselves.
let emptying = false;

const form = at("filters");

options(at("f-status"), STATUSES);
options(at("f-format"), FORMATS);
options(at("f-reason"), []);

function options(select, words) {
  const before = select.value;
  select.replaceChildren(make("option", { value: "" }, "any"), ...words.map((word) => make("option", { value: word }, word)));
  select.value = words.includes(before) ? before : "";
}

// Shows the gallery of a run, if that is another one than before; and which reasons there are.
export function galleryOf(shown) {
  const reasons = shown.tally ? Object.keys(shown.tally.reasons).sort() : [];
  const wanted = at("f-reason").value;
  if (reasons.join() !== tallied && (!wanted || reasons.includes(wanted))) {
    tallied = reasons.join();
    options(at("f-reason"), reasons);
  }
  if (run === shown.name) return;
  run = shown.name;
  empty();
  begin(false);
}

// Looks for something, and goes there.
export function look(sought) {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  empty();
  for (const [name, value] of Object.entries(sought)) {
    const field = form.elements[name];
    if (field.tagName === "SELECT" && ![...field.options].some((option) => option.value === value)) {
      field.append(make("option", { value }, value));
    }
    field.value = value;
  }
  begin(true);
  at("gallery").scrollIntoView();
}

function empty() {
  emptying = true;
  form.reset();
  emptying = false;
}

function begin(aloud) {
  pages = [null];
  turn(aloud);
}

async function turn(aloud) {
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  const after = pages[pages.length - 1];
  if (after !== null) query.set("after", after);
  const mine = ++asked;
  at("images").setAttribute("aria-busy", "true");
  try {
    const found = await ask(`/runs/${encodeURIComponent(run)}/images?${query}`);
    if (mine !== asked) return;
    next = found.next;
    keep(at("images"), found.images, (image) => `${run} ${image.id} ${image.status}`, create);
    const where = pages.length > 1 ? ` on page ${pages.length}` : "";
    const more = next === null ? "" : found.images.length === 0 ? "; none so far, there is more to look through" : "; there are more";
    report(found.images.length === 1 ? `1 image${where}${more}` : `${number(found.images.length)} images${where}${more}`, aloud);
  } catch (error) {
    if (mine !== asked) return;
    next = null;
    at("images").replaceChildren();
    report(error.message, true);
  }
  at("images").removeAttribute("aria-busy");
  at("back").disabled = pages.length < 2;
  at("forth").disabled = next === null;
}

// The line is spoken where it answers what somebody did, and not when the page is loaded.
function report(text, aloud) {
  at("gallery-news").setAttribute("aria-live", aloud ? "polite" : "off");
  say(at("gallery-news"), text);
}

function create(image) {
  const facts = [image.format, image.width ? `${image.width}×${image.height}` : null, image.bytes === null ? null : bytes(image.bytes)];
  return make(
    "li",
    {},
    thumb(run, image),
    make("span", { class: "name" }, nameOf(image.url)),
    make("span", { class: "status", "data-status": image.status }, image.reason ?? image.status),
    make("span", { class: "soft" }, facts.filter((fact) => fact).join(" · ")),
  );
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  begin(true);
});
form.addEventListener("change", (event) => {
  if (event.target.tagName === "SELECT") begin(true);
});
form.addEventListener("reset", () => {
  // The fields are empty only after this.
  if (!emptying) setTimeout(() => begin(true));
});
at("forth").addEventListener("click", () => {
  pages.push(next);
  turn(true);
});
at("back").addEventListener("click", () => {
  pages.pop();
  turn(true);
});
