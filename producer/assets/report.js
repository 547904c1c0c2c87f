// The contact sheet: shows a page of the images that match, and one of them larger. All texts are strangers': they become text
// nodes and attributes of images, and never markup; addresses become links only if they are of the web.
"use strict";

const PAGE = 48;
const data = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);
const controls = ["host", "format", "status", "text"].map(name => byId("filter-" + name));
const sheet = byId("sheet");
let matching = data.images;
let page = 0;

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function size(bytes) {
  let number = bytes;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (number < 1000) return (unit === "B" ? bytes : number.toFixed(1)) + "\u00a0" + unit;
    number /= 1000;
  }
  return number.toFixed(1) + "\u00a0TB";
}

function says(image) {
  return image.alt || image.title || image.caption || "";
}

function fileName(image) {
  return decodeURIComponentSafely(image.url.split(/[?#]/)[0].split("/").pop() || image.url).slice(0, 120);
}

function decodeURIComponentSafely(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

function frame(image) {
  const made = element("span", "frame");
  if (image.thumbnail) {
    const picture = element("img");
    picture.src = "data:image/webp;base64," + image.thumbnail;
    picture.width = image.thumbnail_size[0];
    picture.height = image.thumbnail_size[1];
    picture.alt = says(image) || fileName(image);
    picture.loading = "lazy";
    made.append(picture);
  } else {
    made.append(element("span", "", image.none || image.reason || image.status));
  }
  return made;
}

function facts(image) {
  const parts = [];
  if (image.format) parts.push(image.format);
  if (image.width) parts.push(image.width + "\u00d7" + image.height);
  if (image.bytes != null) parts.push(size(image.bytes));
  if (image.status !== "stored") parts.push(image.reason ? image.status + ", " + image.reason : image.status);
  return parts.join(" \u00b7 ");
}

function onPage(image) {
  return image.page ? "on " + fileName({ url: image.page.replace(/\/$/, "") }) : "from a list";
}

function card(image) {
  const item = element("li");
  const button = element("button");
  button.type = "button";
  button.append(frame(image), element("bdi", "says", says(image) || fileName(image)), element("span", "facts", facts(image)),
    element("bdi", "facts", onPage(image)));
  button.addEventListener("click", () => show(image));
  item.append(button);
  return item;
}

// One that was cut, which ends in what no whole address has, leads nowhere.
function address(text) {
  if (!/^https?:\/\//i.test(text) || text.endsWith("\u2026")) return element("bdi", "", text);
  const link = element("a", "", text);
  link.href = text;
  link.rel = "noreferrer noopener";
  return link;
}

function show(image) {
  const rows = [
    ["Address", address(image.url)], ["Page", image.page ? address(image.page) : null], ["Alternative text", image.alt],
    ["Title", image.title], ["Caption", image.caption], ["Status", image.status], ["Reason", image.reason],
    ["In words", image.detail], ["HTTP status", image.http_status], ["Format", image.format],
    ["Size", image.width ? image.width + " \u00d7 " + image.height + " pixels" : null],
    ["Length", image.bytes == null ? null : image.bytes.toLocaleString("en") + " bytes"], ["Stored as", image.path],
    ["Host", image.host], ["Fetched", image.fetched_at ? new Date(image.fetched_at).toISOString() : null],
    ["Took", image.duration_ms == null ? null : image.duration_ms + " ms"], ["Downloader", image.worker],
  ];
  const list = element("dl");
  for (const [name, value] of rows) {
    if (value === null || value === undefined || value === "") continue;
    const said = element("dd");
    said.append(value instanceof Node ? value : element("bdi", "", String(value)));
    list.append(element("dt", "", name), said);
  }
  byId("one-image").replaceChildren(frame(image), list);
  byId("one").showModal();
}

function matches(image) {
  const [host, format, status, text] = controls.map(control => control.value);
  if (host && image.host !== host) return false;
  if (format && image.format !== format) return false;
  if (status && image.status !== status) return false;
  const wanted = text.trim().toLowerCase();
  return !wanted || [image.url, image.page, image.alt, image.title, image.caption]
    .some(part => part && part.toLowerCase().includes(wanted));
}

function draw() {
  const pages = Math.max(1, Math.ceil(matching.length / PAGE));
  page = Math.min(Math.max(page, 0), pages - 1);
  sheet.replaceChildren(...matching.slice(page * PAGE, (page + 1) * PAGE).map(card));
  byId("count").textContent = matching.length.toLocaleString("en") + " of " + data.images.length.toLocaleString("en") +
    " images, page " + (page + 1) + " of " + pages;
  byId("before").disabled = page === 0;
  byId("after").disabled = page === pages - 1;
}

function turn(by) {
  page += by;
  draw();
  byId("contact-sheet").scrollIntoView();
}

function filter() {
  matching = data.images.filter(matches);
  page = 0;
  draw();
}

for (const name of ["host", "format", "status"]) {
  const counts = new Map();
  for (const image of data.images) if (image[name]) counts.set(image[name], (counts.get(image[name]) || 0) + 1);
  const sorted = [...counts].sort((one, other) => other[1] - one[1] || (one[0] < other[0] ? -1 : 1));
  for (const [word, count] of sorted) {
    const option = element("option", "", word + " (" + count.toLocaleString("en") + ")");
    option.value = word;
    byId("filter-" + name).append(option);
  }
}
for (const control of controls) control.addEventListener("input", filter);
byId("filters").addEventListener("submit", event => event.preventDefault());
byId("filters").addEventListener("reset", () => setTimeout(filter));
byId("before").addEventListener("click", () => turn(-1));
byId("after").addEventListener("click", () => turn(1));
byId("close").addEventListener("click", () => byId("one").close());
filter();
