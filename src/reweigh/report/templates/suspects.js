// The suspects of a report, which stand in the page: which of them are shown, and in which order.

const MORE = 100;
const list = byId("all");
const suspects = [...list.querySelectorAll("[data-given]")].map((place, rank) => ({
  place, rank, doubt: Number(place.dataset.doubt), issue: "issue" in place.dataset, copies: "copies" in place.dataset,
  given: place.dataset.given.split(" "), suggested: place.dataset.suggested.split(" "), text: null,
}));
const AT_FIRST = suspects.filter((one) => !one.place.hidden).length;
let limit = AT_FIRST;
let order = "rank";

// All that is to be read of it, in small letters.
function textOf(one) {
  one.text ??= one.place.textContent.toLowerCase();
  return one.text;
}

const said = (one, what) => one.place.querySelector(`[data-said=${what}]`).textContent;
const byWords = (what) => (a, b) => inOrder.compare(said(a, what), said(b, what)) || a.rank - b.rank;
const ORDERS = {
  rank: (a, b) => a.rank - b.rank,
  unsure: (a, b) => a.doubt - b.doubt || a.rank - b.rank,
  given: byWords("given"),
  suggested: byWords("suggested"),
  id: byWords("id"),
};

function show() {
  const value = (id) => byId(id)?.value ?? "";
  if (value("sort") !== order) {
    order = value("sort");
    list.append(...suspects.sort(ORDERS[order]).map((one) => one.place));
  }
  const [words, given, suggested, which] = [wordsOf(value("search")), value("given"), value("suggested"), value("which")];
  const found = suspects.filter((one) => (which === "" || one[which]) && (given === "" || one.given.includes(given)) &&
    (suggested === "" || one.suggested.includes(suggested)) && hasAll(words, textOf(one)));
  const shown = new Set(found.slice(0, limit));
  for (const one of suspects) one.place.hidden = !shown.has(one);
  const [few, all] = [shown.size, found.length].map((count) => count.toLocaleString("en"));
  byId("shown").textContent = shown.size === found.length ? `${all} shown` : `${few} of ${all} shown`;
  byId("more").hidden = shown.size === found.length;
}

byId("filters").addEventListener("input", () => {
  limit = AT_FIRST;
  show();
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("more").addEventListener("click", () => {
  const first = suspects.filter((one) => !one.place.hidden).length;
  limit += MORE;
  show();
  list.querySelectorAll("[data-given]:not([hidden]) [data-said=id]")[first]?.focus();
});
byId("filters").hidden = false;
show();
