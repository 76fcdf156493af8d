// What scrolls can be scrolled by the keyboard: code and tables that are wider than the page. Each has a name of its own.
document$.subscribe(() => {
  const name = { CODE: "Code", DIV: "Table" };
  const mark = () => {
    const boxes = document.querySelectorAll(".md-typeset pre > code, .md-typeset__scrollwrap");
    for (const [number, box] of boxes.entries()) {
      const wide = box.scrollWidth > box.clientWidth;
      const label = `${name[box.tagName]} ${number + 1}, wider than the page`;
      const said = { tabindex: "0", role: "region", "aria-label": label };
      for (const [key, value] of Object.entries(said)) {
        if (wide) box.setAttribute(key, value);
        else box.removeAttribute(key);
      }
    }
    nameWhatTheThemeDoesNot();
  };
  mark();
  new ResizeObserver(mark).observe(document.body);
  new MutationObserver(nameWhatTheThemeDoesNot).observe(document.body, { childList: true, subtree: true });
});

// The theme gives its search no name, and calls a part of navigation what is a button or a list within the navigation.
function nameWhatTheThemeDoesNot() {
  document.querySelector(".md-search[role=dialog]")?.setAttribute("aria-label", "Search");
  for (const part of document.querySelectorAll("nav.md-code__nav:not([role]), .md-nav--secondary nav:not([role])")) {
    part.setAttribute("role", "none");
    part.removeAttribute("aria-label");
  }
}
