// Puts values into the page. Everything that comes from the server goes in as text: nothing here ever parses markup.

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const at = (id) => document.getElementById(id);

// An element with properties and children; a child that is a string becomes text.
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Changes a text only if it is another one, so that what is selected stays so and nothing is laid out anew.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, visible) {
  element.hidden = !visible;
}

// Makes the children of a list those of `items`, each kept by its key: focus and pictures stay where they are.
export function keep(list, items, key, create, update) {
  const known = new Map([...list.children].map((child) => [child.dataset.key, child]));
  let before = list.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let child = known.get(name);
    known.delete(name);
    if (!child) {
      child = create(item);
      child.dataset.key = name;
    }
    if (child === before) before = before.nextElementSibling;
    else list.insertBefore(child, before);
    if (update) update(child, item);
  }
  for (const gone of known.values()) gone.remove();
}

// Pairs of a name and a value, as a description list that keeps its elements.
export function figures(list, pairs) {
  keep(
    list,
    pairs.filter(([, value]) => value !== null && value !== undefined),
    ([name]) => name,
    ([name]) => make("div", {}, make("dt", {}, name), make("dd")),
    (element, [, value]) => {
      const place = element.lastElementChild;
      if (value instanceof Node) {
        if (place.firstChild !== value) place.replaceChildren(value);
      } else say(place, value);
    },
  );
}

export const number = (value) => whole.format(value);
export const rate = (value) => (value === null || value === undefined ? "–" : `${short.format(value)}/s`);

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${short.format(value)} ${units[unit]}`;
}

export function span(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 1) return "under 1 s";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

export const ago = (milliseconds) => (milliseconds < 1000 ? "now" : `${span(milliseconds)} ago`);

// The last part of an address, for people: what a file would be called.
export function nameOf(url) {
  const path = url.split(/[?#]/, 1)[0].replace(/\/+$/, "");
  const name = path.slice(path.lastIndexOf("/") + 1) || url;
  return name.length > 80 ? `${name.slice(0, 79)}…` : name;
}

// Asks the server for JSON.
export async function ask(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" } });
  if (answer.status === 401) location.assign("/login");
  if (!answer.ok) throw new Error((await answer.text()).trim() || `The server answers ${answer.status}.`);
  return answer.json();
}

// Asks the server to change something. Only a page that it gave out knows the word.
export async function order(path, body) {
  const word = document.querySelector("meta[name=warren-page]").content;
  const headers = { "x-warren-page": word, "content-type": "application/json" };
  const answer = await fetch(path, { method: "POST", headers, body: body ? JSON.stringify(body) : undefined });
  if (answer.status === 401) location.assign("/login");
  const text = await answer.text();
  if (answer.ok) return;
  let said = text.trim();
  try {
    said = JSON.parse(text).said;
  } catch {
    // It is plain text, then.
  }
  throw new Error(said || `The server answers ${answer.status}.`);
}
