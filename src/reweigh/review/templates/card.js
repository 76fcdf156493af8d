// One suspect as a person sees it: what it is, what is said of its label and why, and what is near to it.

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// What a browser would obey instead of showing is written out.
function visible(text) {
  return text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\p{Surrogate}/gu, (letter) => {
    const code = letter.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}

// A name from the data, which may run from right to left, be empty, or hold anything.
function name(text) {
  return text === "" ? element("em", {}, "nothing") : element("bdi", {}, visible(text));
}

function percent(share) {
  const whole = Math.round(100 * share);
  return (share < 1 && whole === 100) ? "over 99 %" : (share > 0 && whole === 0) ? "under 1 %" : `${whole} %`;
}

let pictureLines = null;

// The picture of a suspect, or of a checked example, which stand behind them.
function picture(place, alt) {
  pictureLines ??= byId("pictures").textContent.split("\n");
  const image = element("img", { src: pictureLines[place], alt });
  image.addEventListener("load", () => image.classList.toggle("small", Math.max(image.naturalWidth, image.naturalHeight) <= 64));
  return image;
}

// Wide or long things that are scrolled can be reached by the keyboard.
function scrolled(label, ...children) {
  return element("div", { class: "scroll", role: "region", "aria-label": label, tabindex: "0" }, ...children);
}

function rowTable(one, near) {
  const head = element("tr", {}, element("th", { scope: "col" }, "column"), element("th", { scope: "col" }, "this example"),
    ...near.map((other) => element("th", { scope: "col" }, element("small", {}, "near, checked"), name(labelText(other.label)), element("small", {}, name(other.id)))));
  const rows = one.seen.order.map((k, place) => {
    const against = place < one.seen.against;
    return element("tr", against ? { class: "against" } : {},
      element("th", { scope: "row" }, name(data.columns[k]), ...(against ? [element("small", {}, "speaks against it")] : [])),
      element("td", {}, name(one.seen.cells[k])), ...near.map((other) => element("td", {}, name(other.seen[k]))));
  });
  const more = data.leftOut ? [element("p", { class: "more" }, `${data.leftOut} more columns, which speak less, are left out.`)] : [];
  return [scrolled("The row, beside its nearest checked examples", element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows))), ...more];
}

function text(said, label) {
  return scrolled(label, element("p", { class: "text", dir: "auto" }, visible(said)));
}

function drawSeen(one, rank) {
  const near = one.near.map((place) => data.checked[place]);
  if (data.form === "row") return [rowTable(one, near), []];
  const around = one.near.map((place, k) => element("li", {},
    data.form === "picture" ? picture(data.suspects.length + place, `Checked, ${labelText(near[k].label)}`) : text(near[k].seen, "Its text"),
    element("p", {}, element("b", {}, name(labelText(near[k].label))), " ", element("small", {}, name(near[k].id)))));
  const title = element("h3", {}, "Nearest checked examples, and their labels");
  const seen = data.form === "picture" ? picture(rank, `The picture of ${one.id}`)
    : one.seen === "" ? element("p", {}, name("")) : text(one.seen, "The text");
  return [[seen], near.length ? [title, element("ul", { class: data.form }, ...around)] : []];
}

function drawLabels(one) {
  const pair = (term, ...said) => element("div", {}, element("dt", {}, term), element("dd", {}, ...said));
  const same = JSON.stringify(one.given) === JSON.stringify(one.suggested);
  const sure = one.wrong === null ? ["not known"]
    : [percent(one.wrong), " ", element("meter", { min: "0", low: "0.5", high: "0.8", max: "1", optimum: "0", value: String(one.wrong), "aria-hidden": "true" })];
  return [pair("given", name(labelText(one.given))), pair("suggested", same ? "the same" : name(labelText(one.suggested))), pair("likely wrong", ...sure)];
}

// A decision in words, with a sign of its own.
function told(decision) {
  if (decision === null) return "Not decided yet";
  if (decision.decision === "change") return `→ Changed to ${decision.label === "" ? "nothing" : visible(decision.label)}`;
  return decision.decision === "keep" ? "✓ Kept as it is" : "✕ Dropped";
}
