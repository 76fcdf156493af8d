// The page at work: where we are, what keys and buttons do, and what is said of it.

const data = JSON.parse(byId("data").textContent);
const ranks = new Map(data.suspects.map((one, rank) => [one, rank]));
const decisions = new Decisions(data.digest);
const answer = new ANSWERS[data.answers](byId("choices"), change);
let queue = data.suspects;
let place = 0;

function say(text) {
  byId("said").textContent = visible(text);
}

function notice(text) {
  byId("notice").hidden = !text;
  byId("notice").textContent = visible(text);
}

function current() {
  return queue[place];
}

function draw() {
  const one = current();
  byId("card").hidden = !one;
  byId("none").hidden = Boolean(one);
  byId("place").textContent = one ? `${(place + 1).toLocaleString("en")} of ${queue.length.toLocaleString("en")} shown` : "0 shown";
  byId("back").disabled = place === 0;
  byId("next").disabled = place >= queue.length - 1;
  byId("undo").disabled = !decisions.history.length;
  drawProgress();
  if (!one) return;
  const decided = decisions.get(one.id);
  byId("title").replaceChildren(name(one.id));
  byId("labels").replaceChildren(...drawLabels(one));
  byId("why").textContent = visible(one.why);
  const [seen, near] = drawSeen(one, ranks.get(one));
  byId("seen").replaceChildren(...seen);
  byId("near").replaceChildren(...near);
  byId("near").hidden = !near.length;
  byId("decided").textContent = told(decided);
  byId("decided").className = decided ? "done" : "";
  answer.show(one, decided);
}

function drawProgress() {
  const done = data.suspects.filter((one) => decisions.get(one.id)).length;
  const outlook = expected(queue, place, decisions);
  byId("bar").value = done;
  byId("progress").textContent = `${done.toLocaleString("en")} of ${data.suspects.length.toLocaleString("en")} reviewed${outlook && `; ${outlook}`}`;
  if (!decisions.kept) notice("This browser keeps nothing for this page: download your decisions before you close it.");
}

function wanted() {
  const value = (id) => byId(id)?.value ?? "";
  return { search: value("search"), given: value("given"), suggested: value("suggested"), state: value("state"), sort: value("sort") };
}

// Look again at what is to be shown, and stay with `one` where it is still there.
function refresh(one = current()) {
  queue = queueOf(data.suspects, decisions, wanted());
  const found = queue.indexOf(one);
  place = found >= 0 ? found : Math.max(0, Math.min(place, queue.length - 1));
  draw();
}

function go(step) {
  const next = Math.max(0, Math.min(place + step, queue.length - 1));
  if (next === place) return;
  place = next;
  draw();
  sayCurrent("");
}

function sayCurrent(before) {
  const one = current();
  if (!one) return say(before);
  const sure = one.wrong === null ? "" : `, likely wrong with ${percent(one.wrong)}`;
  return say(`${before} ${one.id}: given ${labelText(one.given) || "nothing"}, suggested ${labelText(one.suggested) || "nothing"}${sure}`.trim());
}

// Take a decision and go on to the next that is open.
function decide(decision, label = "") {
  const one = current();
  if (!one) return;
  decisions.set(one.id, { decision, label });
  const next = queue.slice(place + 1).find((other) => decisions.get(other.id) === null);
  const before = `${told(decisions.get(one.id))}.`;
  refresh(next ?? one);
  focusCard();
  sayCurrent(next ? before : `${before} No open example follows.`);
}

// Whoever chooses the given label keeps it.
function change(label) {
  const same = label === readLabel(labelText(current().given));
  decide(same ? "keep" : "change", same ? "" : label);
}

function take() {
  if (current()) change(readLabel(labelText(current().suggested)));
}

function find() {
  byId("tools").open = true;
  byId("search").focus();
}

function undo() {
  const id = decisions.undo();
  if (id === null) return;
  const one = data.suspects.find((other) => other.id === id);
  refresh(one);
  if (one && current() !== one) {  // the filters hide it
    for (const filter of byId("filters").elements) if (filter.id !== "sort") filter.value = "";
    refresh(one);
  }
  focusCard();
  sayCurrent("Undone.");
}

function focusCard() {
  byId("card").focus({ preventScroll: true });
  if (byId("card").getBoundingClientRect().top < 0) byId("card").scrollIntoView({ block: "start" });
}

function save() {
  const file = new Blob([decisionsAsCsv(data.suspects, decisions)], { type: "text/csv;charset=utf-8" });
  const link = element("a", { href: URL.createObjectURL(file), download: "decisions.csv" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  decisions.saved = true;
}

async function load(file) {
  try {
    const { found, problems } = decisionsFromCsv(await file.text(), data.suspects);
    decisions.add(found);
    notice(`${found.length === 1 ? "1 decision is" : `${found.length} decisions are`} loaded from ${file.name}${problems.length ? `; left out: ${problems.join(", ")}` : ""}.`);
  } catch (wrong) {
    notice(`${file.name} was not loaded: ${wrong.message}.`);
  }
  refresh();
}

const [forward, backward] = [() => go(1), () => go(-1)];
const KEYS = {
  j: forward, ArrowDown: forward, ArrowRight: forward, k: backward, ArrowUp: backward, ArrowLeft: backward,
  " ": () => decide("keep"), d: () => decide("drop"), u: undo,
  s: take, "/": find, "?": () => byId("keys").showModal(),
};

function pressed(event) {
  const at = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  if (event.key === "Escape" && at.matches("input, select")) {
    at.blur();  // also where no example is shown that could have the focus instead
    return focusCard();
  }
  if (!byId("single").checked || at.matches("input, select, textarea")) return undefined;
  if (at.matches("button, a, summary") && [" ", "Enter"].includes(event.key)) return undefined;
  if (at.matches(".scroll") && event.key.startsWith("Arrow")) return undefined;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const held = event.repeat && ![KEYS.j, KEYS.k].includes(KEYS[key]);  // who holds a key down decides once
  if (!held && Object.hasOwn(KEYS, key)) KEYS[key]();
  else if (!held && (!current() || !answer.key(key))) return undefined;
  return event.preventDefault();
}

document.addEventListener("keydown", pressed);
for (const [id, action] of Object.entries({
  back: backward, next: forward, keep: () => decide("keep"), drop: () => decide("drop"), undo, save, take,
  load: () => byId("file").click(), help: () => byId("keys").showModal(),
})) byId(id)?.addEventListener("click", action);
const wide = matchMedia("(min-width: 761px)");
const fold = () => { byId("tools").open = wide.matches; };
wide.addEventListener("change", fold);
fold();
byId("file").addEventListener("change", () => {
  if (byId("file").files.length) load(byId("file").files[0]);
  byId("file").value = "";
});
byId("keys").addEventListener("close", focusCard);
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filters").addEventListener("input", () => refresh());
window.addEventListener("storage", (event) => {  // the same page in another tab
  if (event.key !== decisions.key) return;
  decisions.read();
  refresh();
});
window.addEventListener("beforeunload", (event) => {
  if (!decisions.kept && !decisions.saved) event.preventDefault();
});
refresh();
