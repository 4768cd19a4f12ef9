"use strict";
// The same as server_link.js without a server: answers stay in this browser until they are saved as a file. The page
// knows of no gold but those of the training; whether the test was passed is found out by `scanstage survey report`.
const link = (() => {
  const plan = JSON.parse(document.getElementById("plan").textContent);
  const wanted = Number(new URLSearchParams(location.hash.slice(1)).get("set"));
  const number = Number.isInteger(wanted) && wanted >= 1 && wanted <= plan.sets.length ? wanted : 1 + Math.floor(Math.random() * plan.sets.length);
  const PLACE = `survey-${plan.key}`;
  let kept = null;
  try { kept = JSON.parse(localStorage.getItem(PLACE)); } catch { kept = null; }
  if (kept === null || !plan.sets[kept.set - 1]) {
    const rater = Array.from(crypto.getRandomValues(new Uint8Array(6)), (b) => b.toString(16).padStart(2, "0")).join("");
    kept = { rater, set: number, pseudonym: "", consented: false, answers: [] };
  }
  const save = () => { try { localStorage.setItem(PLACE, JSON.stringify(kept)); } catch { /* private windows keep nothing */ } };
  const steps = () => [...plan.training, ...plan.sets[kept.set - 1]];
  const phaseOf = (index) => (index < plan.training.length ? "training" : index < plan.training.length + plan.tested ? "test" : "rating");
  const state = () => {
    const base = { scale: plan.scale, consented: kept.consented, pseudonym: kept.pseudonym };
    if (!kept.consented) return { ...base, phase: "consent", most: Math.ceil(steps().length / 12) };
    const at = kept.answers.length;
    if (at >= steps().length) return { ...base, phase: "thanks", finished: true };
    const training = phaseOf(at) === "training";
    const shown = steps()[at];
    const before = training ? 0 : plan.training.length;
    return {
      ...base,
      phase: training ? "training" : "rating",
      attempt: 1,
      number: at,
      item: training ? shown.item : shown,
      next: at + 1 < steps().length ? (steps()[at + 1].item ?? steps()[at + 1]) : null,
      progress: [at - before, training ? plan.training.length : steps().length - before],
      undo: !training && at > plan.training.length,
      first: at === before,
    };
  };
  const ROWS = ["rater", "item", "score", "seconds", "order", "phase", "attempt"];
  const rows = () => kept.answers.map((a, order) => [name(), a.item, a.score, a.seconds, order, phaseOf(order), 1]);
  const name = () => (kept.pseudonym ? `${kept.pseudonym}-${kept.rater}` : kept.rater);
  const cell = (value) => {
    const text = /^[=+\-@\t\r']/.test(String(value)) ? `'${value}` : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return {
    waiting() {},
    state: async () => state(),
    consent: async (pseudonym) => { kept.consented = true; kept.pseudonym = pseudonym.trim(); save(); return state(); },
    answer: async (number, item, score, seconds) => {
      const index = kept.answers.length;
      kept.answers.push({ item, score, seconds });
      save();
      const told = state();
      if (phaseOf(index) === "training") {
        const shown = plan.training[index];
        told.feedback = { kind: shown.kind, how: shown.how, accept: shown.accept, score, right: shown.accept[0] <= score && score <= shown.accept[1] };
      }
      return told;
    },
    undo: async () => { kept.answers.pop(); save(); return state(); },
    forget: async () => { localStorage.removeItem(PLACE); return { phase: "forgotten" }; },
    picture: (item) => `pictures/${plan.files[item]}`,
    downloads: () => {
      document.getElementById("downloads").hidden = false;
      const a = document.getElementById("csv");
      a.href = URL.createObjectURL(new Blob([[ROWS, ...rows()].map((row) => row.map(cell).join(",")).join("\n") + "\n"], { type: "text/csv" }));
      a.download = `answers-${kept.rater}.csv`;
    },
  };
})();
