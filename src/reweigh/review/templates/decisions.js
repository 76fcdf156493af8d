// What was decided, by the id of its example: { decision: "keep" | "change" | "drop", label: the new one, else "" }.
// It is kept in this browser under the run's digest, where the browser lets us; else as long as the page is open.

class Decisions {
  constructor(digest) {
    this.key = `reweigh-review:${digest}`;
    this.made = new Map();
    this.history = [];
    this.kept = true;
    this.saved = true;
    this.read();
  }

  read() {
    try {
      this.made = new Map(Object.entries(JSON.parse(localStorage.getItem(this.key) ?? "{}")));
    } catch {
      this.kept = false;
    }
  }

  get(id) {
    return this.made.get(id) ?? null;
  }

  set(id, decision) {
    this.history.push([id, this.get(id)]);
    this.put(id, decision);
  }

  // Several at once, from a file; they are undone one by one.
  add(found) {
    for (const [id, decision] of found) {
      this.history.push([id, this.get(id)]);
      this.made.set(id, decision);
    }
    this.keep();
  }

  // The id whose decision was taken back, or null where nothing is left to undo.
  undo() {
    const last = this.history.pop();
    if (!last) return null;
    this.put(...last);
    return last[0];
  }

  put(id, decision) {
    if (decision) this.made.set(id, decision);
    else this.made.delete(id);
    this.keep();
  }

  keep() {
    this.saved = false;
    try {
      localStorage.setItem(this.key, JSON.stringify(Object.fromEntries(this.made)));
      this.kept = true;
    } catch {
      this.kept = false;
    }
  }
}
