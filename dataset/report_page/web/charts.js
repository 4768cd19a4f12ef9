"use strict";

// Numbers out of the facts, as rows of charts: each chart has its rows by a function of its name.
const CLASS_CHARTS_MOST = 60;
const MATRIX_MOST = 40;

function sum(numbers) {
  return numbers.reduce((a, b) => a + b, 0);
}

function classRows() {
  let classes = facts.classes;
  if (classes.length > CLASS_CHARTS_MOST) {
    const sorted = [...classes].sort((a, b) => a.labels - b.labels);
    const ends = new Set([...sorted.slice(0, CLASS_CHARTS_MOST / 2), ...sorted.slice(-CLASS_CHARTS_MOST / 2)]);
    classes = classes.filter((c) => ends.has(c));
  }
  const of = facts.target_of === "pictures" ? "pictures" : "labels";
  return classes.flatMap((c) => [
    { class: c.name, what: "placed", n: c.placed },
    { class: c.name, what: "labels", n: c.labels },
    ...(c.target !== null && of === "labels" ? [{ class: c.name, what: "asked for", n: c.target }] : []),
  ]);
}

function binRows(edges, counts) {
  return counts.map((n, k) => ({ from: edges[k], to: edges[k + 1], n }));
}

function figureRows(name, ofClass) {
  const figure = facts.figures[name];
  return binRows(figure.edges, ofClass && figure.of === "label" ? figure.by_class[ofClass] : figure.counts);
}

function gridRows(ofClass) {
  return facts.centers[ofClass].flatMap((line, row) => line.map((n, column) => ({ row, column, n })));
}

// Cells of equal area on the sphere, as GeoJSON: clockwise, so that the inside is the cell and not all the rest.
function directionRows(ofClass) {
  const grid = (Object.hasOwn(facts.directions, ofClass) && facts.directions[ofClass]) || facts.directions[""].map((line) => line.map(() => 0));
  const bands = grid.length, sectors = grid[0].length;
  const latitude = (band) => (Math.asin(Math.min(1, Math.max(-1, (2 * band) / bands - 1))) * 180) / Math.PI;
  return grid.flatMap((line, band) => line.map((n, sector) => {
    const [west, east] = [sector, sector + 1].map((s) => (360 * s) / sectors - 180);
    const [south, north] = [latitude(band), latitude(band + 1)];
    const steps = [0, 0.25, 0.5, 0.75, 1];
    const ring = [
      ...steps.map((s) => [west, south + s * (north - south)]),
      ...steps.map((s) => [west + s * (east - west), north]),
      ...steps.map((s) => [east, north + s * (south - north)]),
      ...steps.map((s) => [east + s * (west - east), south]),
    ].filter((p, k, all) => !k || p[0] !== all[k - 1][0] || p[1] !== all[k - 1][1]);
    return { type: "Feature", properties: { n, west, east, south, north }, geometry: { type: "Polygon", coordinates: [ring] } };
  }));
}

function togetherRows() {
  const names = facts.classes.map((c) => c.name);
  const shown = names.map((_, k) => k).sort((a, b) => facts.classes[b].labels - facts.classes[a].labels).slice(0, MATRIX_MOST).sort((a, b) => a - b);
  return shown.flatMap((r) => shown.map((c) => ({ row: names[r], column: names[c], n: facts.together[r][c] })));
}

function tieRows(name) {
  const tie = facts.ties.find((t) => t.factor === name);
  const most = tie.classes.map((_, r) => r).sort((a, b) => sum(tie.counts[b]) - sum(tie.counts[a])).slice(0, MATRIX_MOST);
  return tie.classes.flatMap((row, r) => {
    if (!most.includes(r)) return [];
    const total = sum(tie.counts[r]);
    return tie.values.map((column, c) => ({ row, column, share: total ? tie.counts[r][c] / total : 0, n: tie.counts[r][c] }));
  });
}

const VALUES_MOST = 20;

// Bins by their lower edge, names by how often they came.
function sortedValues(counts) {
  const bins = Object.keys(counts).every((value) => !Number.isNaN(parseFloat(value)));
  return Object.keys(counts).sort((a, b) => (bins ? parseFloat(a) - parseFloat(b) : counts[b] - counts[a]));
}

function valueRows(counts) {
  const pairs = sortedValues(counts).map((value) => [value, counts[value]]);
  const rows = pairs.slice(0, VALUES_MOST).map(([value, n]) => ({ value, n }));
  const rest = pairs.slice(VALUES_MOST);
  return rest.length ? [...rows, { value: `${rest.length} others`, n: sum(rest.map((p) => p[1])), others: true }] : rows;
}

function againstRows(name) {
  const found = facts.against.differences.find((d) => d.name === name);
  const names = [facts.name, facts.against.name === facts.name ? `${facts.against.name} (other)` : facts.against.name];
  if (found.shares) {
    return found.shares.slice(0, VALUES_MOST).flatMap(([value, ...shares]) =>
      shares.map((share, k) => ({ value, share, of: names[k], first: k === 0 })));
  }
  return found.counts.flatMap((counts, k) => {
    const total = sum(counts);
    const rows = counts.map((n, b) => ({ from: found.edges[b], to: found.edges[b + 1], share: n / total, of: names[k], first: k === 0 }));
    // Steps end at the last edge, which no bin begins at.
    return [...rows, { ...rows[rows.length - 1], from: found.edges[counts.length], to: found.edges[counts.length] }];
  });
}

function rowsOf(chart, ofClass) {
  const [kind, ...rest] = chart.split("-");
  const name = rest.join("-");
  switch (kind) {
    case "classes": return classRows();
    case "figure": return figureRows(name, ofClass);
    case "centers": return gridRows(ofClass);
    case "directions": return directionRows(ofClass);
    case "together": return togetherRows();
    case "factor": return valueRows(facts.factors[name]);
    case "tie": return tieRows(name);
    case "seconds": return valueRows(facts.quality.seconds);
    default: return againstRows(name);
  }
}

const drawn = new Map(); // what was drawn, by place
let shownClass = "";

function themeConfig() {
  const style = getComputedStyle(document.documentElement);
  const [ink, faint, line, accent, other] = ["--ink", "--faint", "--line", "--accent", "--other"].map((v) => style.getPropertyValue(v).trim());
  const font = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
  return {
    background: null, font,
    axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: faint, tickColor: faint, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
    legend: { labelColor: ink, titleColor: ink, labelFontSize: 12, symbolOpacity: 1 },
    view: { stroke: null },
    bar: { color: accent }, mark: { color: accent }, range: { category: [accent, other, faint] },
    scale: { barBandPaddingInner: 0.15, rectBandPaddingInner: 0 },
  };
}

// A step for each row: said as a number, for a chart can't both fit its width and follow its rows.
function heightOf(spec, rows) {
  if (!spec.height.step) return spec.height;
  const { y, yOffset } = (spec.layer ? spec.layer[0] : spec).encoding;
  const distinct = (field) => (field ? new Set(rows.map((row) => row[field.field])).size : 1);
  return spec.height.step * distinct(y) * distinct(yOffset);
}

async function draw(place) {
  const name = place.dataset.chart;
  const ofClass = shownClass, rows = rowsOf(name, ofClass);
  const known = drawn.get(place);
  if (known) {
    known.view.data("rows", rows);
    await known.view.runAsync();
    return;
  }
  drawn.set(place, { view: { data() {}, async runAsync() {} } }); // while it is made
  const spec = { ...specs[name], description: place.dataset.title };
  spec.datasets = { rows };
  if (spec.width === "container") Object.assign(spec, { width: place.clientWidth, height: heightOf(spec, rows) });
  const made = await vegaEmbed(place, spec, { actions: false, ast: true, renderer: "svg", config: themeConfig(), tooltip: { theme: "custom" } });
  drawn.set(place, made);
  if (place.dataset.byclass !== undefined && ofClass !== shownClass) draw(place); // another was chosen meanwhile
  if (place.dataset.filter) made.view.addEventListener("click", (event, item) => item && item.datum && chartClicked(place, item.datum));
}

function chartClicked(place, datum) {
  if (datum.others) return;
  const value = datum.value ?? datum.class;
  if (value !== undefined) setFilters(place.dataset.filter === "class" ? { class: value } : { factor: place.dataset.filter, value });
}

// A chart is drawn when it comes near the window, and all of them for print.
const nearby = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { nearby.unobserve(entry.target); draw(entry.target); }
}, { rootMargin: "300px" });

function watchCharts() {
  for (const place of document.querySelectorAll("[data-chart]")) {
    if (drawn.has(place)) continue;
    reserve(place);
    nearby.observe(place);
  }
}

async function drawAll() {
  await Promise.all([...document.querySelectorAll("[data-chart]")].map((place) => { nearby.unobserve(place); return drawn.has(place) ? null : draw(place); }));
}

function redrawCharts() {
  for (const [place, made] of drawn) {
    if (made.finalize) made.finalize();
    place.replaceChildren();
  }
  drawn.clear();
  watchCharts();
}

// What a figure's caption says of its middle, of the chosen class.
function spreadText(name) {
  const figure = facts.figures[name];
  const of = figure.by_class_p5_p50_p95;
  const known = shownClass ? Object.hasOwn(of, shownClass) && of[shownClass] : figure.p5_p50_p95;
  if (!known) return "No labels.";
  const unit = figure.unit ? ` ${figure.unit}` : "";
  const [low, middle, high] = known.map((v) => plain(v, 3));
  return low === high ? `Nine in ten and more are ${middle}${unit}.` : `Median ${middle}${unit}; nine in ten are from ${low} to ${high}.`;
}

// Where a chart will stand, so that what is below doesn't move when it is drawn.
function reserve(place) {
  const spec = specs[place.dataset.chart];
  const chart = place.dataset.chart, name = chart.split("-")[0];
  const rows = rowsOf(chart, shownClass);
  // Beside the rows: axes, titles and legends, as they came out; of matrices, the names above them.
  const beside = { classes: 80, figure: (facts.figures[chart.slice(7)] || {}).unit ? 57 : 42, factor: 50, seconds: 50, against: 66 };
  let height = { centers: 325, directions: 224 }[name];
  if (name === "together" || name === "tie") {
    const above = 20 + 5 * Math.max(...rows.map((r) => Math.min(20, r.column.length)), 0);
    height = above + Math.max(150, 20 * new Set(rows.map((r) => r.row)).size);
  }
  height ??= heightOf(spec, rows) + beside[name];
  place.style.minHeight = `${height}px`;
}

function showClass(name) {
  shownClass = name;
  for (const figure of document.querySelectorAll("[data-spread]")) figure.textContent = spreadText(figure.dataset.spread);
  for (const place of drawn.keys()) if (place.dataset.byclass !== undefined) draw(place);
  for (const table of document.querySelectorAll("details[data-numbers]")) if (table.open) fillNumbers(table);
}

// The same numbers as a table, made when somebody opens it.
function fillNumbers(details) {
  const rows = rowsOf(details.dataset.numbers, shownClass).map((row) => (row.type === "Feature" ? row.properties : row));
  const heads = rows.length ? Object.keys(rows[0]).filter((key) => key !== "first" && key !== "others") : ["nothing"];
  const body = tableOf(heads, rows.filter((r) => r.n !== 0).map((row) => heads.map((key) => row[key])));
  details.querySelector("div").replaceChildren(body);
}
