// Fills the page: first with what came along with it, then live from /feed. It keeps nothing that these do not have, and
// makes words of every text: no markup is read from anywhere, and elements are only those of the list below.

const TAGS = new Set(["a", "b", "blockquote", "br", "code", "div", "h4", "hr", "i", "li", "ol", "pre", "s", "span", "ul"]);
const SCHEMES = ["https:", "http:", "mailto:"];

const $ = (id) => document.getElementById(id);

/** An element with a class and what is in it: elements and words. */
function make(tag, name, ...inside) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...inside);
  return element;
}

// --- times, in the reader's own way ---

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const seconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

function time(at, form) {
  const element = make("time", "", form.format(at));
  element.dateTime = new Date(at).toISOString();
  element.title = full.format(at);
  return element;
}

// --- lists: each thing in its place, replaced when it changes; the newest in sight ---

const places = new Map();
let feed = null;

/** Puts an item into a list by its place; one with the same name before it goes. Newest last, unless `newestFirst`. */
function put(list, name, place, item, newestFirst = false) {
  const follow = newestFirst || list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  const key = `${list.id} ${name}`;
  const before = places.get(key);
  item.dataset.place = place;
  places.set(key, item);
  if (before) {
    before.replaceWith(item);
  } else {
    if (feed) item.classList.add("fresh");
    const behind = [...list.children].find((other) =>
      newestFirst ? Number(other.dataset.place) < place : Number(other.dataset.place) > place);
    list.insertBefore(item, behind ?? null);
  }
  if (follow) list.scrollTop = newestFirst ? 0 : list.scrollHeight;
}

// --- the head ---

const LINES = { open: "live", lost: "the demo has ended" };

function line(state) {
  $("line").textContent = LINES[state];
  $("line").dataset.state = state;
}

function about({ what }) {
  const { now, replay, outside, verdict } = what;
  $("now").textContent = verdict ? verdict.text : now;
  $("now").dataset.verdict = verdict ? (verdict.right ? "right" : "wrong") : "";
  const said = replay ? [make("p", "replay", replay)] : [];
  for (const who of outside) said.push(make("p", "", `Also sent to ${who}.`));
  $("notices").replaceChildren(...said);
  $("notices").hidden = said.length === 0;
}

const STATES = { waits: "to come", runs: "runs", told: "told", lacks: "something is missing" };

function job({ id, place, what }) {
  const item = make("li", `job ${what.state}`, make("span", "state", STATES[what.state]), make("b", "", what.name));
  item.title = [what.command, what.note].filter(Boolean).join(" · ");
  put($("jobs"), id, place, item);
}

// --- what Salt did ---

const MARKS = { new: "start", beat: "alive" };

function event({ id, place, what }) {
  const mark = make("span", `mark ${what.mark}`, MARKS[what.mark] ?? what.mark);
  const summary = make("summary", "", time(what.at, seconds), mark, make("span", "text", what.text));
  summary.title = what.text;
  const json = make("pre", "", what.json);
  json.tabIndex = 0;
  put($("events"), id, place, make("li", "", make("details", "", summary, json)));
}

// --- Slack ---

/** Elements of a drawn message: words stay words. */
function build(node) {
  if (typeof node === "string") return document.createTextNode(node);
  if (!TAGS.has(node.tag)) return document.createTextNode("");
  const element = make(node.tag, node.class, ...node.inside.map(build));
  if (node.colour) element.style.borderLeftColor = node.colour;
  if (node.tag === "a") follow(element, node.href);
  return element;
}

function follow(anchor, href) {
  if (!SCHEMES.some((scheme) => href.startsWith(scheme))) return;
  anchor.href = href;
  anchor.rel = "noreferrer noopener";
  anchor.target = "_blank";
}

function avatar(icon) {
  if (icon) return make("span", "avatar emoji", icon);
  const image = make("img", "avatar");
  image.src = "/icon.svg";
  image.alt = "";
  return image;
}

/** A message, or a reply that waits for the list of its thread. */
function slack({ id, place, what }) {
  const { name, icon, body } = what.message;
  const who = make("div", "who", make("b", "", name), make("span", "app", "APP"), time(what.at, clock));
  const said = make("div", "said", who, ...body.map(build));
  if (what.edited) said.append(make("span", "edited", "(edited)"));
  const before = places.get(`slack ${id}`)?.querySelector(":scope > .said > .thread");
  if (before) said.append(before);
  const item = make("li", "message", avatar(icon), said);
  const list = what.thread ? thread(what.thread) : null;
  put(list ?? $("slack"), id, place, item);
  places.set(`slack ${id}`, item);
}

/** The replies below a message; none if the message never came. */
function thread(parent) {
  const said = places.get(`slack ${parent}`)?.querySelector(":scope > .said");
  if (!said) return null;
  let list = said.querySelector(":scope > .thread");
  if (!list) {
    list = make("ol", "thread");
    list.id = `thread-${parent}`;
    list.setAttribute("aria-label", "Thread");
    said.append(list);
  }
  return list;
}

// --- mail ---

const mails = new Map();
let open = null; // the mail that is read
let chosen = false; // by the reader; else the newest is open
let view = "html";

function mail({ id, place, what }) {
  mails.set(id, what);
  const sender = what.from.replace(/\s*<.*>$/, "") || what.from;
  const first = what.text.split("\n", 1)[0];
  const button = make("button", "", make("span", "sender", sender), time(what.at, clock),
    make("span", "subject", what.subject), make("span", "preview", first));
  button.type = "button";
  button.addEventListener("click", () => { chosen = true; read(id); });
  const item = make("li", "", button);
  item.dataset.mail = id;
  put($("mails"), id, place, item, true);
  $("mail-title").textContent = `Inbox (${mails.size})`;
  if (!chosen && feed) read(id);
}

function read(id) {
  open = id;
  for (const item of $("mails").children) {
    const current = item.dataset.mail === id;
    item.firstChild.setAttribute("aria-current", current ? "true" : "false");
  }
  const { from, to, subject, at } = mails.get(id);
  $("subject").textContent = subject;
  $("from").textContent = from;
  $("to").textContent = to;
  $("date").replaceChildren(time(at, full));
  $("reading").hidden = false;
  show();
}

function show() {
  const { html, text, source } = mails.get(open);
  const shown = view === "html" && !html ? "text" : view;
  $("plain").hidden = shown === "html";
  if (shown !== "html") $("plain").textContent = shown === "text" ? text : source;
  $("html").replaceWith(frame(shown === "html"));
  $("plain").scrollTop = 0;
  for (const button of document.querySelectorAll("[data-view]")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === shown));
    if (button.dataset.view === "html") button.disabled = !html;
  }
}

/** A new box for each mail, so that no reading of mails stands in the browser's history. */
function frame(shown) {
  const box = make("iframe");
  box.id = "html";
  box.title = "The mail's HTML part";
  box.sandbox = "";
  box.hidden = !shown;
  if (shown) box.src = `/mail/${encodeURIComponent(open)}`;
  return box;
}

for (const button of document.querySelectorAll("[data-view]")) {
  button.addEventListener("click", () => { view = button.dataset.view; show(); });
}

// --- what is there, and what comes ---

const SHOWS = { about, job, event, slack, mail };
const board = JSON.parse($("board").textContent);
board.shown.sort((one, other) => one.place - other.place); // a message that was changed comes before its replies
for (const shown of board.shown) SHOWS[shown.list](shown);
if (mails.size > 0) read($("mails").firstChild.dataset.mail);

feed = new EventSource(`/feed?since=${board.revision}`);
for (const [list, shows] of Object.entries(SHOWS)) {
  feed.addEventListener(list, (message) => shows(JSON.parse(message.data)));
}
feed.addEventListener("open", () => line("open"));
feed.addEventListener("error", () => line("lost"));
