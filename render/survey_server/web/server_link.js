"use strict";
// How the page reaches its survey: here by the server that it came from. static_link.js does the same without one.
const link = {
  kept: true,
  async ask(path, body) {
    const sent = body === undefined ? { method: "GET" } : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    for (let trial = 0; ; trial += 1) {
      let answer = null;
      try {
        answer = await fetch(path, { ...sent, cache: "no-store" });
      } catch {
        answer = null; // no network, or the server is being started anew
      }
      if (answer !== null && answer.status === 404) throw new Error("gone");
      if (answer !== null && answer.status === 409) return link.ask("state"); // it was answered already, in another window perhaps
      if (answer !== null && answer.ok) return answer.json();
      link.waiting(true);
      await new Promise((done) => setTimeout(done, Math.min(500 * 2 ** trial, 8000)));
    }
  },
  waiting() {},
  state: () => link.ask("state"),
  consent: (pseudonym) => link.ask("consent", { pseudonym }),
  answer: (number, item, score, seconds) => link.ask("answer", { number, item, score, seconds }),
  undo: (number) => link.ask("undo", { number }),
  remark: (text) => link.ask("remark", { text }),
  forget: () => link.ask("forget", {}),
  picture: (item) => `picture/${item}`,
};
