"use strict";

// What a search is, and in which order names stand.

const byId = (id) => document.getElementById(id);
const inOrder = new Intl.Collator(undefined, { numeric: true });
const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
const hasAll = (words, text) => words.every((word) => text.includes(word));
