"use strict";
const at = (id) => document.getElementById(id);
let golds = [];
let index = 0;

function show() {
  const gold = golds[index];
  const said = { keep: "kept", drop: "thrown out", "": "not said yet" }[gold.said];
  at("what").textContent = `${index + 1} of ${golds.length}: ${gold.kind}${gold.kind === "corrupt" ? `, ${gold.how}` : ""}; ${said}`;
  at("picture").src = `picture/${gold.item}`;
  const count = (what) => golds.filter((g) => g.said === what).length;
  const left = count("");
  at("sum").textContent = `${count("keep")} kept, ${count("drop")} thrown out, ${left} left.${left === 0 ? " All are looked at: you can close this page, and end the command with Ctrl-C." : ""}`;
}

function move(by) {
  index = Math.max(0, Math.min(golds.length - 1, index + by));
  show();
}

async function say(said) {
  const answer = await fetch("say", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ item: golds[index].item, said }) });
  if (!answer.ok) { at("what").textContent = "That could not be kept."; return; }
  golds = await answer.json();
  move(1);
}

at("keep").addEventListener("click", () => say("keep"));
at("drop").addEventListener("click", () => say("drop"));
at("back").addEventListener("click", () => move(-1));
at("forward").addEventListener("click", () => move(1));
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const done = { k: () => say("keep"), x: () => say("drop"), ArrowLeft: () => move(-1), ArrowRight: () => move(1) }[event.key];
  if (done) { event.preventDefault(); done(); }
});

fetch("state").then((answer) => answer.json()).then((found) => {
  golds = found;
  index = Math.max(0, golds.findIndex((g) => g.said === ""));
  show();
  document.documentElement.dataset.ready = "";
});
