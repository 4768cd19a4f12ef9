"use strict";

// What a link says: filters, and a picture. Names of sections have no "=", and are left to the browser.
function readAddress() {
  const text = location.hash.slice(1);
  const wasOpen = element("picture").open;
  if (!text.includes("=")) { if (wasOpen) element("picture").close(); return; }
  const state = Object.fromEntries(new URLSearchParams(text));
  const given = Object.fromEntries(Object.entries(state).filter(([key]) => key in NO_FILTERS));
  const wanted = { ...NO_FILTERS, ...given };
  if (JSON.stringify(wanted) !== JSON.stringify(filters)) {
    filters = wanted;
    showFilters();
    showGallery();
  }
  if (/^\d+$/.test(state.picture ?? "")) openPicture(Number(state.picture));
  else {
    if (wasOpen) element("picture").close();
    else element("gallery").scrollIntoView();
  }
}

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  try { localStorage.setItem("scanstage-theme", name); } catch { /* a page from disk may not keep anything */ }
  nameTheme(name);
  redrawCharts();
}

function nameTheme(name) {
  element("theme").textContent = name === "dark" ? "light" : "dark";
  element("theme").setAttribute("aria-label", name === "dark" ? "show it light" : "show it dark");
}

function firstTheme() {
  let kept = null;
  try { kept = localStorage.getItem("scanstage-theme"); } catch { /* likewise */ }
  return kept || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

// A folder that a run writes to: the page is fetched again, and what it says is put in place of what it said.
async function refresh() {
  try {
    const answer = await fetch("state");
    const state = await answer.text();
    if (answer.ok && state !== facts.state) {
      const fetched = await fetch("./");
      if (!fetched.ok) throw new Error("not now");
      const page = new DOMParser().parseFromString(await fetched.text(), "text/html");
      facts = JSON.parse(page.getElementById("data-facts").textContent);
      specs = JSON.parse(page.getElementById("data-specs").textContent);
      const there = facts.rows.length, top = scrollY;
      const unfolded = [...document.querySelectorAll("details[data-numbers][open]")].map((d) => d.dataset.numbers);
      document.title = page.title;
      for (const part of document.querySelectorAll("[data-live]")) {
        const now = page.getElementById(part.id);
        if (now) part.replaceChildren(...now.childNodes);
      }
      if (!facts.classes.some((c) => c.name === shownClass)) shownClass = "";
      fillChoices();
      showFilters();
      const at = filled;
      select();
      showGallery();
      while (filled < Math.min(at, found.length)) fillGallery();
      redrawCharts();
      wire();
      for (const details of document.querySelectorAll("details[data-numbers]")) details.open = unfolded.includes(details.dataset.numbers);
      scrollTo({ top, behavior: "instant" });
      element("live").textContent = `live: ${plain(there)} pictures`;
    }
  } catch {
    element("live").textContent = "the server doesn't answer; what is here stays";
  }
  setTimeout(refresh, 2000);
}

function wire() {
  for (const details of document.querySelectorAll("details[data-numbers]")) {
    details.addEventListener("toggle", () => details.open && fillNumbers(details));
  }
}

function start() {
  document.documentElement.dataset.theme = firstTheme();
  nameTheme(firstTheme());
  element("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  fillChoices();
  wire();
  watchCharts();
  showGallery();
  element("filters").addEventListener("input", readFilters);
  element("filters").addEventListener("submit", (event) => event.preventDefault());
  element("filters").addEventListener("reset", () => setTimeout(readFilters));
  element("gallery-more").addEventListener("click", fillGallery);
  element("shown-class").addEventListener("change", (event) => showClass(event.target.value));
  element("picture").addEventListener("close", closed);
  addEventListener("keydown", pressed); // wherever the focus is: of a button that is switched off it is nowhere
  element("picture-close").addEventListener("click", () => element("picture").close());
  element("picture-before").addEventListener("click", () => step(-1));
  element("picture-after").addEventListener("click", () => step(1));
  for (const name of Object.values(KEYS)) element(`show-${name}`).addEventListener("change", redraw);
  for (const kind of UNDER) {
    element(`under-${kind}`).addEventListener("click", () => {
      under = kind;
      if (open) showUnder(facts.rows.find((r) => r.index === open.index));
    });
  }
  element("zoom-in").addEventListener("click", () => setZoom(zoom * 1.5));
  element("zoom-out").addEventListener("click", () => setZoom(zoom / 1.5));
  element("stand").addEventListener("wheel", (event) => zoomAt(event, event.deltaY < 0 ? 1.2 : 1 / 1.2), { passive: false });
  element("stand").addEventListener("dblclick", (event) => zoomAt(event, zoom >= MOST_ZOOM ? 0 : 2));
  if (innerWidth < 600) element("show-names").checked = false; // there they would hide what they name
  new ResizeObserver(redraw).observe(element("frame"));
  let width = innerWidth, waiting = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return; // a phone's bars come and go
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(redrawCharts, 200);
  });
  addEventListener("hashchange", readAddress);
  addEventListener("beforeprint", drawAll);
  readAddress();
  if (isLive) setTimeout(refresh, 2000);
  document.documentElement.dataset.ready = "";
}

start();
