// decisions.csv: written as RFC 4180 has it, and read as spreadsheets write it again.

const COLUMNS = ["id", "given", "decision", "label"];
const FORMULA = /^ *[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

// A text that no spreadsheet runs. Names that begin so are known beforehand (`data.written`); several labels in one cell are not.
function cell(text) {
  if (Object.hasOwn(data.written, text)) return data.written[text];
  return text.includes("; ") && FORMULA.test(text) ? `'${text}` : text;
}

// The text that such a cell holds.
function uncell(text) {
  return text.startsWith("'") && cell(text.slice(1)) === text ? text.slice(1) : text;
}

function asCsv(rows) {
  const quoted = (text) => (/[",;\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return rows.map((row) => `${row.map(quoted).join(",")}\r\n`).join("");
}

function decisionsAsCsv(suspects, decisions) {
  const rows = suspects.filter((one) => decisions.get(one.id)).map((one) => {
    const { decision, label } = decisions.get(one.id);
    return [cell(one.id), cell(labelText(one.given)), decision, cell(label)];
  });
  return asCsv([COLUMNS, ...rows]);
}

// Rows of cells; the delimiter is what the first line has most of, since some spreadsheets save with semicolons or tabs.
function rowsOf(text) {
  text = text.replace(/^\ufeff/, "");
  const [head] = text.split(/[\r\n]/, 1);
  const count = (mark) => head.split(mark).length;
  const delimiter = [",", ";", "\t"].reduce((best, mark) => (count(mark) > count(best) ? mark : best));
  const rows = [];
  let row = [];
  let at = 0;
  while (at < text.length) {
    let value = "";
    if (text[at] === '"') {
      at += 1;
      while (at < text.length && !(text[at] === '"' && text[at + 1] !== '"')) {
        value += text[at];
        at += text[at] === '"' ? 2 : 1;
      }
      at += 1;
    }
    while (at < text.length && text[at] !== delimiter && text[at] !== "\n" && text[at] !== "\r") {
      value += text[at];
      at += 1;
    }
    row.push(value);
    if (text[at] === delimiter) {
      at += 1;
      if (at < text.length) continue;
      row.push("");
    }
    at += text[at] === "\r" && text[at + 1] === "\n" ? 2 : 1;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  }
  return rows;
}

// What a saved file decides: { found: [[id, decision]], problems: sentences }; an Error where it is no such file.
function decisionsFromCsv(text, suspects) {
  const [names = [], ...rows] = rowsOf(text);
  const places = COLUMNS.map((name) => names.map((one) => one.trim().toLowerCase()).indexOf(name));
  if (places.includes(-1)) throw new Error(`it has no column ${COLUMNS[places.indexOf(-1)]}: load a file that this page has saved`);
  const known = new Map(suspects.map((one) => [one.id, one]));
  const found = [];
  const left = { "about examples that are not on this page": 0, "that say another label was given": 0, "that say nothing that can be done": 0 };
  const [strange, changed, unclear] = Object.keys(left);
  for (const row of rows) {
    const [id, given, said, label] = places.map((place) => uncell(row[place] ?? ""));
    const [one, decision] = [known.get(id), said.trim().toLowerCase()];
    if (decision === "") continue;  // a line that somebody left open
    const wanted = decision === "change" ? readLabel(label) : "";
    if (!one) left[strange] += 1;
    else if (readLabel(given) !== readLabel(labelText(one.given))) left[changed] += 1;
    else if (!["keep", "change", "drop"].includes(decision) || wanted === null) left[unclear] += 1;
    else found.push([id, { decision, label: wanted }]);
  }
  const problems = Object.entries(left).filter(([, count]) => count).map(([what, count]) => `rows ${what} (${count})`);
  return { found, problems };
}
