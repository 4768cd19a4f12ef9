"use strict";

// One picture, large: what is drawn over it, and what is known of it.
const KEYS = { b: "boxes", n: "names", m: "masks", a: "amodal", k: "keypoints", c: "solids" };
const UNDER = ["image", "depth", "normals"];
const TOLD = { image: "", depth: "near is yellow, far violet, nothing black", normals: "red, green, blue: to the right, down, away from the camera" };
const MOST_ZOOM = 6;
let under = "image", zoom = 1;
let open = null; // { index, detail, chosen }
let cameFrom = null;

const shown = () => Object.fromEntries(Object.values(KEYS).map((name) => [name, element(`show-${name}`).checked]));

function redraw() {
  if (open) drawOverlays(element("overlay"), open.detail, shown(), open.chosen);
}

async function openPicture(index) {
  const row = facts.rows.find((r) => r.index === index);
  const dialog = element("picture");
  if (!dialog.open) { cameFrom = document.activeElement; dialog.showModal(); }
  open = { index, detail: null, chosen: null };
  element("picture-facts").scrollTop = 0;
  setZoom(1);
  const place = found.findIndex((r) => r.index === index);
  element("picture-title").textContent = `Picture ${index}`;
  element("picture-place").textContent = place >= 0 ? `${place + 1} of ${found.length}` : "";
  element("picture-before").disabled = place <= 0;
  element("picture-after").disabled = place < 0 || place >= found.length - 1;
  if (!row) {
    element("picture-problem").textContent = `There is no picture ${index} among those that are shown.`;
    element("under").hidden = true;
    element("picture-facts").replaceChildren();
    redraw();
    return;
  }
  for (const kind of UNDER) element(`under-${kind}`).disabled = !hasImage(index, kind);
  showUnder(row);
  const detail = await detailOf(index);
  if (!open || open.index !== index) return; // another one was opened meanwhile
  open.detail = detail;
  element("show-keypoints").disabled = !(detail && detail.labels.some((l) => l.keypoints));
  element("picture-facts").replaceChildren(...picturesFacts(row, detail));
  redraw();
}

function showUnder(row) {
  const kind = hasImage(row.index, under) ? under : "image";
  for (const name of UNDER) element(`under-${name}`).setAttribute("aria-pressed", String(name === kind));
  element("under-told").textContent = TOLD[kind];
  element("under-told").hidden = !TOLD[kind];
  const address = imageAddress(row.index, kind);
  const image = element("under");
  element("picture-problem").textContent = address ? "" : row.problem || "This picture can't be shown.";
  image.hidden = !address;
  image.width = row.wh[0];
  image.height = row.wh[1];
  element("frame").style.setProperty("--aspect", row.wh[0] / row.wh[1]);
  if (address) image.src = address;
  image.alt = `picture ${row.index}: ${told(row)}`;
}

function setZoom(to) {
  zoom = Math.min(MOST_ZOOM, Math.max(1, to));
  element("frame").style.setProperty("--zoom", zoom);
  element("zoom-out").disabled = zoom <= 1;
  element("zoom-in").disabled = zoom >= MOST_ZOOM;
}

// By the wheel or a double click: what is under the pointer stays there.
function zoomAt(event, factor) {
  const stand = element("stand"), before = element("frame").getBoundingClientRect();
  const at = [(event.clientX - before.left) / before.width, (event.clientY - before.top) / before.height];
  setZoom(zoom * factor);
  const after = element("frame").getBoundingClientRect();
  stand.scrollLeft += after.left + at[0] * after.width - event.clientX;
  stand.scrollTop += after.top + at[1] * after.height - event.clientY;
  event.preventDefault();
}

function picturesFacts(row, detail) {
  const command = `scanstage replay ${quoted(facts.folder)} --image ${row.index}`;
  const copied = make("button", { type: "button", onclick: () => navigator.clipboard?.writeText(command).then(() => { copied.textContent = "copied"; }) }, "copy");
  const numbers = Object.entries(row.numbers).map(([name, value]) => [titleOf(name), value]);
  const parts = [
    ...(row.findings || []).map((name) => make("p", { class: "mark" }, findingText(name))),
    row.problem ? make("p", {}, row.problem) : null,
    row.alike ? make("p", {}, "Nearly the same as ", ...row.alike.slice(0, 8).flatMap((i) => [make("a", { href: linkTo(i) }, String(i)), " "])) : null,
    make("h3", {}, "Labels"),
    detail ? labelTable(detail) : null,
    detail && detail.others.length ? make("details", {}, make("summary", {}, `${detail.others.length} ${detail.others.length === 1 ? "object" : "objects"} without a label`), tableOf(["object", "why", "visible px"], detail.others.map((o) => [o.class || "distractor", o.reason, o.visible_px]))) : null,
    make("h3", {}, "Render it again"),
    make("p", { class: "command" }, make("code", {}, command), " ", copied),
    make("h3", {}, "Measured"), tableOf(["figure", "value"], numbers),
    make("h3", {}, "Circumstances"), tableOf(["circumstance", "value"], Object.entries(row.factors).map(([name, value]) => [facts.factor_titles[name] || name, value])),
    detail ? make("details", {}, make("summary", {}, "All values of its plan"), tree(detail.plan)) : null,
    make("p", { class: "faint" }, `${row.file}, ${row.wh.join(" x ")} px${detail ? `; labels from ${detail.label_source}, rendered by ${Object.values(detail.engine).join(" ")}` : ""}`),
    facts.images ? make("p", {}, make("a", { href: `${facts.images}/${encodeURIComponent(row.file)}`, target: "_blank", rel: "noopener" }, "the file itself"), " (where the dataset is)") : null,
  ];
  return parts.filter(Boolean);
}

function labelTable(detail) {
  const rows = detail.labels.map((label) => {
    const choose = (id) => () => { open.chosen = id; redraw(); };
    const swatch = make("span", { class: "swatch" });
    swatch.style.background = colorOf(label.class);
    return make(
      "tr", { onmouseenter: choose(label.id), onmouseleave: choose(null) },
      make("th", { scope: "row" }, swatch, make("button", { type: "button", class: "plain", onfocus: choose(label.id), onblur: choose(null), title: label.asset }, label.ignored ? `${label.class} (ignored: ${label.ignored})` : label.class)),
      make("td", { class: "number" }, `${plain(label.box[2])} x ${plain(label.box[3])}`),
      make("td", { class: "number" }, percent(label.visible)),
      make("td", { class: "number" }, percent(label.truncated)),
      make("td", { class: "number" }, (label.agreement ?? 1).toFixed(4)),
    );
  });
  const heads = [["class", ""], ["box, px", ""], ["seen", "of what lies inside the picture"], ["outside", "share of the object beyond the border"], ["agreement", "mask IoU of the label and the engine's own pass"]];
  return make("div", { class: "scrolled labels", tabindex: "0", role: "region", "aria-label": "labels" }, make("table", {}, make("thead", {}, make("tr", {}, ...heads.map(([h, title]) => make("th", { scope: "col", title: title || null }, h)))), make("tbody", {}, ...rows)));
}

function tree(value) {
  if (Array.isArray(value) && value.every((v) => typeof v !== "object" || v === null)) return make("span", {}, value.map((v) => plain(v, 5)).join(", "));
  if (value !== null && typeof value === "object") {
    return make("dl", {}, ...Object.entries(value).flatMap(([key, below]) => [make("dt", {}, key), make("dd", {}, tree(below))]));
  }
  return make("span", {}, plain(value, 5));
}

function quoted(text) {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function titleOf(name) {
  const extra = { smallest_px: "smallest box, shorter side, px", least_visible: "least visible share of a label" };
  const figure = facts.figures[name];
  return extra[name] || (figure ? figure.title + (figure.unit ? `, ${figure.unit}` : "") : name.replaceAll("_", " "));
}

function findingText(name) {
  const known = facts.quality.findings.find((f) => f.name === name);
  return known ? known.told : name.replaceAll("_", " ");
}

function step(by) {
  const place = found.findIndex((r) => r.index === (open || {}).index);
  const next = found[place + by];
  if (place < 0 || !next) return;
  history.replaceState(null, "", linkTo(next.index)); // which fires nothing: who presses fast is never behind
  openPicture(next.index);
}

function closed() {
  const was = open;
  open = null;
  if (new URLSearchParams(location.hash.slice(1)).has("picture")) {
    history.replaceState(null, "", `#${stateText({ gallery: "", ...changedFilters() })}`);
  }
  // Back to the link that opened it, or in the gallery to the picture that was seen last.
  const card = was && document.querySelector(`#gallery-list a[data-index="${was.index}"]`);
  if (card && cameFrom?.closest("#gallery-list")) {
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
  } else cameFrom?.focus({ preventScroll: true });
}

function pressed(event) {
  if (!open || event.ctrlKey || event.metaKey || event.altKey || ["INPUT", "SELECT"].includes(event.target.tagName) && event.target.type !== "checkbox") return;
  const name = KEYS[event.key.toLowerCase()];
  if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "ArrowRight") step(1);
  else if (event.key === "+") setZoom(zoom * 1.5);
  else if (event.key === "-") setZoom(zoom / 1.5);
  else if (event.key === "0") setZoom(1);
  else if (name) { const box = element(`show-${name}`); if (!box.disabled) { box.checked = !box.checked; redraw(); } }
  else return;
  event.preventDefault();
}
