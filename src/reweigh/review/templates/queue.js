// Which suspects are shown, in which order, and what is to be expected of those to come.

const haystacks = new Map();

// All that is to be read of a suspect, in small letters.
function haystack(one) {
  if (!haystacks.has(one)) {
    const seen = one.seen === null ? "" : typeof one.seen === "string" ? one.seen : one.seen.cells.join("\n");
    haystacks.set(one, [one.id, labelText(one.given), labelText(one.suggested), seen].join("\n").toLowerCase());
  }
  return haystacks.get(one);
}

function hasLabel(label, wanted) {
  return wanted === "" || (Array.isArray(label) ? label.includes(Number(wanted)) : label === Number(wanted));
}

function isInState(decision, state) {
  if (state === "") return true;
  if (state === "open") return decision === null;
  return decision !== null && (state === "done" || decision.decision === state);
}

const ORDERS = {
  rank: () => 0,
  unsure: (a, b) => Math.abs(a.wrong - 0.5) - Math.abs(b.wrong - 0.5),
  given: (a, b) => inOrder.compare(labelText(a.given), labelText(b.given)),
  suggested: (a, b) => inOrder.compare(labelText(a.suggested), labelText(b.suggested)),
  id: (a, b) => inOrder.compare(a.id, b.id),
};

// The suspects as `wanted` ({ search, given, suggested, state, sort }); sorting is stable, so equal ones stay in their rank.
function queueOf(suspects, decisions, wanted) {
  const words = wordsOf(wanted.search);
  const found = suspects.filter((one) =>
    isInState(decisions.get(one.id), wanted.state) && hasLabel(one.given, wanted.given) &&
    hasLabel(one.suggested, wanted.suggested) && hasAll(words, haystack(one)));
  return wanted.sort === "rank" ? found : found.sort(ORDERS[wanted.sort]);
}

// "about 70 of the next 100 are wrong", of those from this place on that are not yet decided; "" where nobody knows.
function expected(queue, from, decisions) {
  const next = queue.slice(from).filter((one) => decisions.get(one.id) === null).slice(0, 100);
  if (!next.length || next.some((one) => one.wrong === null)) return "";
  const wrong = Math.round(next.reduce((sum, one) => sum + one.wrong, 0));
  return next.length === 1 ? "" : `about ${wrong} of the next ${next.length} ${wrong === 1 ? "is" : "are"} wrong`;
}
