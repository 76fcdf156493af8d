// What scrolls can be scrolled by the keyboard: code and tables that are wider than the page.
document$.subscribe(() => {
  const name = { CODE: "Code", DIV: "Table" };
  const mark = () => {
    for (const box of document.querySelectorAll(".md-typeset pre > code, .md-typeset__scrollwrap")) {
      const wide = box.scrollWidth > box.clientWidth;
      const said = { tabindex: "0", role: "region", "aria-label": `${name[box.tagName]}, wider than the page` };
      for (const [key, value] of Object.entries(said)) {
        if (wide) box.setAttribute(key, value);
        else box.removeAttribute(key);
      }
    }
  };
  mark();
  new ResizeObserver(mark).observe(document.body);
});
