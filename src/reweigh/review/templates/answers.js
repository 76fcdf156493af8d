// What a person answers: one of the classes, any of the labels, or a number. Each has a form, which says what keys do.
// A label is a class's number, a list of numbers, or a number as text; as text it is what stands in the file.

function labelText(label) {
  if (Array.isArray(label)) return label.map((k) => data.classes[k]).join("; ");
  return typeof label === "number" ? data.classes[label] : label;
}

// A label's text in its one spelling, or null where it is none.
function readLabel(text) {
  if (data.answers === "one") return data.classes.includes(text) ? text : null;
  if (data.answers === "number") return readNumber(text);
  const names = text.split(";").map((name) => name.trim()).filter(Boolean);
  if (names.some((name) => !data.classes.includes(name))) return null;
  return data.classes.filter((name) => names.includes(name)).join("; ");
}

// A comma may stand for the point, as it does in half of the world; null where it is no number, or could be two: 1,234.
function readNumber(text) {
  if (/^\s*[+-]?[1-9]\d{0,2},\d{3}\s*$/.test(text)) return null;
  const plain = text.trim().replace(/^([^,.]*),([^,.]*)$/, "$1.$2");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) && Number.isFinite(Number(plain)) ? String(Number(plain)) : null;
}

const MOST_BUTTONS = 10;
const MOST_FOUND = 50;
const DIGITS = "1234567890";
const areDigits = () => data.classes.every((label) => /^[0-9]$/.test(label));

// The key of the label k that stands at this place; labels that are digits have their own, whatever their place.
function keyOf(k, place) {
  return areDigits() ? data.classes[k] : DIGITS[place] ?? null;
}

// Buttons for labels, those of a long list found by their letters; `press` is told the label's number.
class Labels {
  constructor(place, press) {
    this.press = press;
    this.list = element("div", { class: "labels", role: "group", "aria-label": "Labels" });
    this.input = null;
    this.shown = [];
    if (data.classes.length > MOST_BUTTONS) {
      this.input = element("input", { type: "search", id: "find", autocomplete: "off", "aria-keyshortcuts": "c" });
      this.input.addEventListener("input", () => this.draw());
      this.input.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || !this.shown.length) return;
        event.preventDefault();
        this.press(this.shown[0]);
      });
      place.append(element("label", { class: "find" }, element("kbd", {}, "c"), " Find a label ", this.input));
    }
    place.append(this.list);
  }

  // `first` are the likeliest labels; `describe` says of each [pressed or null, a remark].
  show(first, describe) {
    this.first = [...new Set(first)];
    this.describe = describe;
    if (this.input) this.input.value = "";
    this.draw();
  }

  draw() {
    const every = data.classes.map((_, k) => k);
    const wanted = this.input?.value.trim().toLowerCase() ?? "";
    const ordered = this.input ? [...this.first, ...every.filter((k) => !this.first.includes(k))] : every;
    const fits = ordered.filter((k) => data.classes[k].toLowerCase().includes(wanted));
    this.shown = fits.slice(0, MOST_FOUND);
    this.list.replaceChildren(...this.shown.map((k, place) => this.button(k, place)));
    if (fits.length > MOST_FOUND) this.list.append(element("p", {}, `and ${fits.length - MOST_FOUND} more: type some letters`));
    const likely = this.list.children[this.shown.indexOf(this.first[0])];
    if (likely) [this.list.scrollLeft, this.list.scrollTop] = [likely.offsetLeft - 80, likely.offsetTop - this.list.offsetTop - 80];
    if (!fits.length) this.list.append(element("p", {}, "no label has these letters"));
  }

  button(k, place) {
    const [pressed, remark] = this.describe(k);
    const key = keyOf(k, place);
    const button = element("button", { type: "button", ...(key && { "aria-keyshortcuts": key }), ...(pressed !== null && { "aria-pressed": pressed }) },
      ...(key ? [element("kbd", {}, key), " "] : []), name(data.classes[k]), ...(remark ? [element("small", {}, remark)] : []));
    button.addEventListener("click", () => this.press(k));
    return button;
  }

  // Whether the key was one of ours.
  key(key) {
    if (key === "c" && this.input) {
      this.input.focus();
      return true;
    }
    const k = /^[0-9]$/.test(key) ? this.shown.find((one, place) => keyOf(one, place) === key) : undefined;
    if (k === undefined) return false;
    this.press(k);
    return true;
  }
}

// Labels that the nearest checked examples carry, the most frequent first.
function labelsNear(one) {
  const counts = new Map();
  for (const k of one.near.flatMap((place) => data.checked[place].label)) counts.set(k, (counts.get(k) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([k]) => k);
}

class OneAnswer {
  constructor(place, answer) {
    this.labels = new Labels(place, (k) => answer(data.classes[k]));
  }

  show(one) {
    const remark = (k) => [k === one.given && "given", k === one.suggested && k !== one.given && "suggested"].filter(Boolean).join(", ");
    this.labels.show([one.suggested, ...labelsNear(one)], (k) => [null, remark(k)]);
  }

  key(key) {
    return this.labels.key(key);
  }
}

class SeveralAnswers {
  constructor(place, answer) {
    this.labels = new Labels(place, (k) => this.toggle(k));
    this.button = element("button", { type: "button", "aria-keyshortcuts": "Enter" }, element("kbd", {}, "Enter"), " Change to these labels");
    this.finish = () => answer(labelText(data.classes.map((_, k) => k).filter((k) => this.set.has(k))));
    this.button.addEventListener("click", this.finish);
    place.append(this.button);
  }

  show(one, decided) {
    const names = decided?.decision === "change" ? decided.label.split("; ") : null;
    this.one = one;
    this.set = new Set(names ? names.filter(Boolean).map((label) => data.classes.indexOf(label)) : one.given);
    this.labels.show([...one.suggested, ...one.given, ...labelsNear(one)], (k) => [String(this.set.has(k)), this.remark(k)]);
  }

  remark(k) {
    const [given, suggested] = [this.one.given.includes(k), this.one.suggested.includes(k)];
    const doubt = given === suggested ? "" : suggested ? "likely missing" : "likely too many";
    return [this.set.has(k) ? "✓ set" : "not set", given && "given", doubt].filter(Boolean).join(", ");
  }

  toggle(k) {
    if (!this.set.delete(k)) this.set.add(k);
    this.labels.draw();
    say(`${data.classes[k]} is ${this.set.has(k) ? "set" : "not set"}`);
  }

  key(key) {
    if (key === "Enter") this.finish();
    return key === "Enter" || this.labels.key(key);
  }
}

class NumberAnswer {
  constructor(place, answer) {
    this.input = element("input", { type: "text", inputmode: "decimal", id: "number", autocomplete: "off", "aria-describedby": "number-wrong" });
    this.wrong = element("p", { id: "number-wrong", role: "alert" });
    const form = element("form", {}, element("label", {}, "The right number ", this.input), " ", element("button", {}, element("kbd", {}, "Enter"), " Change to this"), this.wrong);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const number = readNumber(this.input.value);
      this.wrong.textContent = number === null ? "This is no number, or could be two: type one such as 1234.5" : "";
      if (number !== null) answer(number);
    });
    place.append(form);
  }

  show(one, decided) {
    this.input.value = decided?.decision === "change" ? decided.label : "";
    this.wrong.textContent = "";
  }

  // Whoever begins to type a number means this field.
  key(key) {
    if (!/^[-.0-9]$/.test(key)) return false;
    this.input.value = key;
    this.input.focus();
    return true;
  }
}

const ANSWERS = { one: OneAnswer, several: SeveralAnswers, number: NumberAnswer };
