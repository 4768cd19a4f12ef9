"use strict";

// The gallery: rows of pictures that pass the filters, in an order, drawn a page at a time.
const PAGE = 60;
const NO_FILTERS = { class: "", size: "", finding: "", factor: "", value: "", visible: "", number: "", sort: "index", order: "up" };
let filters = { ...NO_FILTERS };
let found = []; // rows that pass, in order
let filled = 0;

const element = (name) => document.getElementById(name);

function passes(row) {
  if (filters.class && !Object.hasOwn(row.classes, filters.class)) return false;
  // Sizes and shares are those of the chosen class's labels.
  const kept = filters.class ? [row.kept[filters.class]] : Object.values(row.kept);
  if (filters.size && !kept.some(([sizes]) => sizes.includes(filters.size))) return false;
  if (filters.finding === "any" && !row.findings) return false;
  if (filters.finding && filters.finding !== "any" && !(row.findings || []).includes(filters.finding)) return false;
  if (filters.factor && filters.value && row.factors[filters.factor] !== filters.value) return false;
  if (filters.visible && !kept.some(([, least]) => least !== null && least <= Number(filters.visible))) return false;
  if (filters.number && !matchesNumber(row.index, filters.number)) return false;
  return true;
}

// 7, 3-9, and lists of these.
function matchesNumber(index, text) {
  return text.split(/[\s,]+/).filter(Boolean).some((part) => {
    const [low, high] = part.split("-");
    return high === undefined ? index === Number(low) : index >= Number(low || 0) && index <= Number(high || Infinity);
  });
}

function sortKey(row) {
  return filters.sort === "index" ? row.index : row.numbers[filters.sort];
}

function select() {
  const sign = filters.order === "down" ? -1 : 1;
  found = facts.rows.filter(passes).sort((a, b) => {
    const [x, y] = [sortKey(a), sortKey(b)];
    if (x === undefined || y === undefined) return (x === undefined) - (y === undefined); // what isn't known comes last
    return sign * (x - y) || a.index - b.index;
  });
}

function showGallery() {
  select();
  filled = 0;
  element("gallery-list").replaceChildren();
  const all = facts.rows.length;
  element("gallery-none").hidden = found.length > 0;
  element("gallery-count").textContent = found.length === all ? `${plain(all)} pictures` : `${plain(found.length)} of ${plain(all)} pictures`;
  fillGallery();
}

function fillGallery() {
  const list = element("gallery-list");
  for (const row of found.slice(filled, filled + PAGE)) list.append(card(row));
  filled = Math.min(found.length, filled + PAGE);
  element("gallery-more").hidden = filled >= found.length;
}

function told(row) {
  const names = Object.entries(row.classes).map(([name, n]) => (n > 1 ? `${n} ${name}` : name));
  return names.length ? names.join(", ") : "no labels";
}

function card(row) {
  const address = imageAddress(row.index, "image");
  const picture = address
    ? make("img", { src: address, alt: "", loading: "lazy", width: row.wh[0], height: row.wh[1] })
    : make("span", { class: "missing" }, row.problem || "can't be shown");
  const value = filters.sort === "index" ? null : row.numbers[filters.sort];
  return make(
    "li", {},
    make(
      "a", { href: linkTo(row.index), title: told(row), "data-index": row.index, "aria-label": `picture ${row.index}: ${told(row)}` },
      picture,
      make(
        "span", { class: "caption" },
        make("b", {}, String(row.index)), value === null ? null : ` ${plain(value ?? "–", 3)} `,
        ...(row.findings || []).map((name) => make("span", { class: "mark" }, name.replaceAll("_", " "))),
      ),
    ),
  );
}

function linkTo(index) {
  return `#${stateText({ ...changedFilters(), picture: index })}`;
}

function changedFilters() {
  return Object.fromEntries(Object.entries(filters).filter(([key, value]) => value !== NO_FILTERS[key]));
}

function stateText(state) {
  return new URLSearchParams(state).toString();
}

function setFilters(changes) {
  filters = { ...NO_FILTERS, ...changedFilters(), ...changes };
  history.replaceState(null, "", `#${stateText({ gallery: "", ...changedFilters() })}`);
  showFilters();
  showGallery();
  element("gallery").scrollIntoView();
}

function showFilters() {
  if (filters.factor) fillValues();
  for (const field of element("filters").elements) if (field.name in filters) field.value = filters[field.name];
  element("filter-value").disabled = !filters.factor;
}

function fillValues() {
  const values = sortedValues(facts.factors[filters.factor] || {});
  element("filter-value").replaceChildren(make("option", { value: "" }, "any"), ...values.map((v) => make("option", { value: v }, v)));
}

function fillChoices() {
  const classes = facts.classes.map((c) => c.name);
  for (const name of ["filter-class", "shown-class"]) {
    const before = element(name).value;
    element(name).replaceChildren(make("option", { value: "" }, "all classes"), ...classes.map((c) => make("option", { value: c }, c)));
    element(name).value = before;
  }
}

function readFilters() {
  const given = Object.fromEntries(new FormData(element("filters")));
  if (given.factor !== filters.factor) given.value = "";
  filters = { ...NO_FILTERS, ...given };
  if (given.factor) fillValues();
  element("filter-value").disabled = !given.factor;
  element("filter-value").value = filters.value;
  history.replaceState(null, "", `#${stateText({ gallery: "", ...changedFilters() })}`);
  showGallery();
}
