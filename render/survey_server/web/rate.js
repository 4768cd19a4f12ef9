"use strict";
// The page of a rater: shows what `link` says is asked now, and sends answers.
const at = (id) => document.getElementById(id);
const SECTIONS = ["consent", "intro", "rate", "between", "paused", "thanks", "forget", "forgotten"];
let now = null; // what is asked, as the link told it
let shownAt = 0; // when the picture was seen, in seconds of time that the page was visible
let awaySince = null;
let busy = false;
let before = null; // section that "delete" was asked from
let askedPhase = null; // of the picture before
const BROKEN = {
  floating: "things float in the air",
  interpenetrating: "things pass through each other",
  "one sample": "it is full of grain",
  "wrong light": "light falls on things that isn't there",
  "broken texture": "surfaces are torn",
  "pasted mask": "a part of another picture is pasted over",
};

function show(name) {
  for (const section of SECTIONS) at(section).hidden = section !== name;
  const head = at(`${name}-head`);
  if (name !== "rate") { window.scrollTo(0, 0); head.focus({ preventScroll: true }); }
}

function say(text) { at("told").textContent = text; }

function trouble(text) {
  at("trouble").textContent = text;
  at("trouble").hidden = text === "";
}
link.waiting = () => trouble("No connection. Your answers so far are kept; trying again …");

function wait(is) {
  busy = is;
  document.querySelector("main").setAttribute("aria-busy", String(is));
}

async function tell(ask) {
  if (busy) return;
  wait(true);
  try {
    const told = await ask();
    trouble("");
    wait(false);
    take(told);
  } catch (error) {
    wait(false);
    if (error.message !== "gone") throw error;
    show("forgotten");
    at("forgotten-head").textContent = "This invite isn't valid";
  }
}

function take(told) {
  if (told.scale) buttons(told.scale);
  now = told;
  if (told.feedback) explain(told.feedback);
  else proceed();
}

function proceed() {
  if (now.phase === "consent") { at("minutes").textContent = now.most; at("pseudonym").value = now.pseudonym; return show("consent"); }
  if (now.phase === "forgotten") return show("forgotten");
  if (now.phase === "thanks") return thank();
  if (now.phase === "training" && now.first && now.attempt === 1) return show("intro");
  if (now.phase === "training" && now.first) return between("A few more examples", "Before you go on, some more examples, with what would have been right.");
  if (now.phase === "rating" && askedPhase === "training") return between("Now it begins", "That was the last example. From now on you are told nothing: what counts is how it looks to you. You can pause at any time, and take the last answer back.");
  ask();
}

function between(head, text) {
  at("between-head").textContent = head;
  at("between-text").textContent = text;
  show("between");
}

function thank() {
  at("thanks-text").textContent = now.finished ? "That was all. Your answers are kept." : "That was all we wanted to ask you. Your answers so far are kept.";
  if (link.downloads) { link.downloads(); at("thanks-text").hidden = at("remark-form").hidden = true; }
  show("thanks");
}

// One picture. Buttons work once it is seen.
function ask() {
  askedPhase = now.phase;
  at("feedback").hidden = true;
  at("scores").hidden = false;
  const [done, all] = now.progress;
  at("progress").max = all;
  at("progress").value = done;
  at("count").textContent = `${done + 1} of ${all}`;
  at("undo").disabled = !now.undo;
  for (const button of at("buttons").children) { button.setAttribute("aria-pressed", "false"); button.disabled = true; }
  if (at("rate").hidden) { show("rate"); at("rate-head").focus({ preventScroll: true }); }
  const picture = at("picture");
  picture.classList.add("loading");
  picture.onload = seen;
  picture.onerror = () => trouble("The picture could not be loaded. Reload the page; your answers are kept.");
  const address = link.picture(now.item);
  if (picture.getAttribute("src") === address) { if (picture.complete) seen(); } else picture.src = address;
}

function seen() {
  const [low, high] = now.scale;
  at("picture").classList.remove("loading");
  for (const button of at("buttons").children) button.disabled = false;
  shownAt = performance.now();
  awaySince = document.hidden ? shownAt : null;
  say(`Picture ${now.progress[0] + 1} of ${now.progress[1]}. Answer from ${low} to ${high}.`);
  if (now.next) new Image().src = link.picture(now.next);
  document.documentElement.dataset.item = now.item;
}

function score(value) {
  const button = at("buttons").querySelector(`[data-score="${value}"]`);
  if (busy || at("rate").hidden || !at("feedback").hidden || button === null || button.disabled) return;
  const seconds = (performance.now() - shownAt) / 1000;
  button.setAttribute("aria-pressed", "true");
  for (const other of at("buttons").children) other.disabled = true;
  tell(() => link.answer(now.number, now.item, value, Math.round(seconds * 1000) / 1000));
}

function explain(feedback) {
  const [low, high] = feedback.accept;
  const how = BROKEN[feedback.how];
  const what = feedback.kind === "real" ? "This is a photo." : how ? `This picture was broken on purpose: ${how}.` : "This picture was broken on purpose.";
  const text = feedback.right ? `Right. ${what} ${low} to ${high} is what it deserves.` : `${what} ${low} to ${high} would have been right; you said ${feedback.score}.`;
  at("feedback").className = feedback.right ? "right" : "";
  at("feedback-text").textContent = text;
  at("feedback").hidden = false;
  say(text);
  at("feedback-go").focus({ preventScroll: true });
  at("feedback").scrollIntoView({ block: "nearest" });
}

function buttons([low, high]) {
  for (const element of document.querySelectorAll(".low")) element.textContent = low;
  for (const element of document.querySelectorAll(".high")) element.textContent = high;
  at("first-key").textContent = high === 10 ? Math.max(low, 1) : low;
  at("last-key").textContent = Math.min(high, 9);
  at("ten-key").hidden = high !== 10;
  if (at("buttons").children.length === high - low + 1) return;
  at("buttons").style.setProperty("--steps", high - low + 1);
  at("buttons").replaceChildren();
  for (let value = low; value <= high; value += 1) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = value;
    button.dataset.score = value;
    button.addEventListener("click", () => score(value));
    at("buttons").append(button);
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) awaySince = performance.now();
  else if (awaySince !== null) { shownAt += performance.now() - awaySince; awaySince = null; }
});

document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (at("rate").hidden || now === null) return;
  if (/^[0-9]$/.test(event.key)) {
    const digit = Number(event.key);
    event.preventDefault();
    score(digit === 0 && now.scale[1] === 10 ? 10 : digit);
  } else if (event.key === "Backspace" || event.key === "u") {
    event.preventDefault();
    at("undo").click();
  } else if (event.key === "p" || event.key === "Escape") {
    event.preventDefault();
    at("pause").click();
  }
});

at("consent-form").addEventListener("submit", (event) => { event.preventDefault(); tell(() => link.consent(at("pseudonym").value)); });
at("intro-go").addEventListener("click", ask);
at("between-go").addEventListener("click", ask);
at("feedback-go").addEventListener("click", proceed);
at("undo").addEventListener("click", () => { if (!busy && now.undo && at("feedback").hidden) tell(() => link.undo(now.number - 1)); });
at("pause").addEventListener("click", () => show("paused"));
at("resume").addEventListener("click", () => {
  if (now.feedback) proceed(); // it was read before the pause
  else tell(async () => ({ ...(await link.state()), first: false }));
});
at("remark-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  await link.remark(at("remark").value);
  at("remark-told").textContent = "Kept, thank you.";
});
for (const button of document.querySelectorAll(".forget")) {
  button.addEventListener("click", () => { before = at("thanks").hidden ? "paused" : "thanks"; show("forget"); });
}
at("forget-no").addEventListener("click", () => show(before));
at("forget-yes").addEventListener("click", () => tell(link.forget));

tell(link.state).then(() => { document.documentElement.dataset.ready = ""; });
