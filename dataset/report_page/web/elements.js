"use strict";

// An element with attributes and children. Texts become text nodes: what a dataset says is never markup.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function plain(number, digits = 4) {
  if (typeof number !== "number") return String(number);
  if (number && Math.abs(number) < 1e-3) return number.toExponential(1);
  return Math.abs(number) >= 10 ** digits ? Math.round(number).toLocaleString("en") : String(Number(number.toPrecision(digits)));
}

function percent(share) {
  return `${(100 * share).toFixed(share > 0 && share < 0.0995 ? 1 : 0)} %`;
}

function tableOf(heads, rows) {
  return make(
    "table", {},
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell, k) =>
      k ? make("td", { class: typeof cell === "number" ? "number" : null }, plain(cell)) : make("th", { scope: "row" }, plain(cell)))))),
  );
}
