// The report, and elements that show it. Text is set as text, never as HTML: some of it is from the service.

// A seed may have more digits than a JavaScript number: it is kept as text.
const report = JSON.parse(document.getElementById("report").textContent, (key, value, context) =>
  key === "seed" && context?.source ? context.source : value,
);

/** The value of the report at a path such as "runs.0.admitted.count"; null when a part is missing. */
function at(path) {
  return path.split(".").reduce((part, key) => part?.[key] ?? null, report);
}

/** An element with attributes (except null and false ones) and children. */
function el(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value != null && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return element;
}

/** The value at a path as text, marked with its path. */
function shown(path, as) {
  const value = at(path);
  return el("span", { "data-path": path }, value == null || value === "" ? DASH : as(value));
}

/** A list of labels and values. */
function pairs(rows) {
  return el(
    "dl",
    { class: "pairs" },
    rows.filter(Boolean).map(([what, ...said]) =>
      el("div", {}, el("dt", {}, what), el("dd", {}, said)),
    ),
  );
}

/** A table with row headers; rows may be in named groups: { name, rows }. */
function table(caption, head, ...groups) {
  return el(
    "table",
    {},
    el("caption", { class: "hidden" }, caption),
    el("thead", {}, el("tr", {}, head.map((title) => el("th", { scope: "col" }, title)))),
    groups.map(({ name, rows }) =>
      el(
        "tbody",
        {},
        name && el("tr", {}, el("th", { scope: "rowgroup", colspan: head.length }, name)),
        rows.map(([title, ...cells]) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, title),
            cells.map((cell) => el("td", {}, cell)),
          ),
        ),
      ),
    ),
  );
}

const missing = (...why) => el("p", { class: "missing" }, why);

/** A section of a run: a heading, a description and its content. */
function block(title, about, ...children) {
  return el(
    "section",
    { class: "block" },
    el("h3", {}, title),
    el("p", { class: "about" }, about),
    children,
  );
}
