"""Surveys with simulated raters: who is screened, how scores come back, whether falls are found; the server's pace.

Good raters, lenient, harsh and noisy ones; bad ones that answer at random, always 8 to 10, always the same, the wrong
way round, 60 % at random, too fast, or at random after a good start (``survey_raters.py``). Each works through the same
flow that the server's page goes through, one after the other, until every picture has its answers of raters who count.
Three raters in ten are bad, each kind as often; of the others half are good, a sixth each lenient, harsh and noisy.

A good-then-random rater whose session ended before ten answers at random were given isn't counted as one.

    python benchmarks/survey.py --write
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
from results import made_on, markdown_table, write_section
from survey_raters import BAD, GOOD, SimulatedRater, SimulatedSurvey, simulated_rater, simulated_survey

from scanstage.assets.machine.blas_threads import use_one_blas_thread
from scanstage.dataset.survey.rater_flow import next_step
from scanstage.dataset.survey.rater_screening import Screened, screen_raters
from scanstage.dataset.survey.version_regression import version_regression

BAD_SHARE = 0.3
GOOD_MIX = (0.5, 1 / 6, 1 / 6, 1 / 6)
MOST_RATERS = 200
FEWEST_RANDOM = 10
PLANS, LARGE = 50, 100
FALLS = (0.0, 0.5, 1.0)
THRESHOLD = 0.5
WANTED = 0.3
"""Points within which a mean opinion is to be found."""
PANEL = (
    "What a mean opinion is off by is nearly all the panel's: the ten or so raters who count are as lenient or harsh "
    "as they happen to be. No statistic knows that; more raters do. Both versions have the same raters, so falls are "
    "found all the same."
)
SECONDS_EACH = 2.0
"""That raters who ask the server take for a picture, on the mean: keen ones."""


@dataclass
class Outcome:
    """What a survey came to.

    Attributes:
        standing: of raters, by kind: rule that screened them, or ``counts``.
        off: estimated mean opinion less the true one, of both versions.
        off_raw: the same of plain means of all who were let in and never screened.
        off_panel: ``off`` less the mean bias of those who counted, which nobody can know.
        picture_off: root mean square of single pictures, whose mean is taken off.
        verdicts: by threshold, of the second version against the first.
    """

    standing: list[tuple[str, str]] = field(default_factory=list)
    off: list[float] = field(default_factory=list)
    off_raw: list[float] = field(default_factory=list)
    off_panel: list[float] = field(default_factory=list)
    picture_off: list[float] = field(default_factory=list)
    verdicts: dict[float, str] = field(default_factory=dict)


def run_survey(seed: int, plans: int, fall: float) -> Outcome:
    """A survey from the first rater to the last."""
    rng = np.random.default_rng((19, seed, plans, round(fall * 10)))
    simulated = simulated_survey(rng, plans, fall)
    session = simulated.survey.settings.session
    raters: dict[str, SimulatedRater] = {}
    while simulated.wanting and len(simulated.kinds) < MOST_RATERS:
        kind = str(rng.choice(BAD)) if rng.random() < BAD_SHARE else str(rng.choice(GOOD, p=GOOD_MIX))
        rater = simulated_rater(f"rater {len(simulated.kinds)}", kind, rng, session)
        simulated.ask(rater)
        raters[rater.name] = rater
        simulated.count(lambda name: next_step(simulated.survey, name, simulated.answers[name], ()).phase not in OUT)
        if not simulated.wanting:
            counting = {r.name for r in screened(simulated).raters if r.standing == "counts"}
            simulated.count(counting.__contains__)
    return judged(simulated, raters)


OUT = ("failed", "lapsed")


def screened(simulated: SimulatedSurvey) -> Screened:
    """Who counts."""
    return screen_raters(simulated.survey, [a for own in simulated.answers.values() for a in own])


def judged(simulated: SimulatedSurvey, raters: dict[str, SimulatedRater]) -> Outcome:
    """Hold what came out against what is true."""
    found, out = screened(simulated), Outcome()
    for rater in found.raters:
        kind = simulated.kinds[rater.name]
        asked = raters[rater.name]
        if kind == "good, then random" and rater.standing == "counts" and asked.rated - asked.turns_at < FEWEST_RANDOM:
            continue
        out.standing.append((kind, rater.rule or rater.standing))
    opinions = found.opinions
    assert opinions is not None
    everybody = fit_everybody(simulated)
    opinion = dict(zip(opinions.table.items, opinions.opinion, strict=True))
    panel = [raters[r.name] for r in found.raters if r.standing == "counts"]
    bias = float(np.average([r.bias for r in panel], weights=[r.rated for r in panel]))
    for version in simulated.survey.datasets:
        own = [i.item_id for i in simulated.survey.pictures if i.dataset == version]
        truth = np.array([simulated.truth[i] for i in own])
        estimate = np.array([opinion.get(i, np.nan) for i in own])
        out.off.append(float(np.nanmean(estimate - truth)))
        out.off_panel.append(out.off[-1] - bias)
        out.off_raw.append(float(np.nanmean([everybody.get(i, np.nan) for i in own]) - truth.mean()))
        apart = estimate - truth
        out.picture_off.append(float(np.nanstd(apart)))
    for threshold in (0.0, THRESHOLD):
        out.verdicts[threshold] = version_regression(simulated.survey, opinions, "v1", "v2", threshold).verdict
    return out


def fit_everybody(simulated: SimulatedSurvey) -> dict[str, float]:
    """Plain means of everybody's answers, as if none was tested or screened."""
    sums: defaultdict[str, list[int]] = defaultdict(list)
    rng = np.random.default_rng(0)
    for name, kind in simulated.kinds.items():
        rater = simulated_rater(name, kind, rng, 60)
        for item in rng.permutation([i.item_id for i in simulated.survey.pictures])[:53]:
            sums[str(item)].append(rater.plain(simulated.truth[str(item)]))
    return {item: float(np.mean(own)) for item, own in sums.items()}


def many(surveys: int, plans: int, fall: float, workers: int) -> list[Outcome]:
    """So many surveys."""
    with ProcessPoolExecutor(workers, initializer=use_one_blas_thread) as pool:
        return list(pool.map(run_survey, range(surveys), [plans] * surveys, [fall] * surveys, chunksize=2))


def screening_table(outcomes: list[Outcome]) -> str:
    """By kind: how many were kept, and by what others were screened."""
    every = [pair for o in outcomes for pair in o.standing]
    rows = []
    for kind in (*GOOD, *BAD):
        rules = Counter(rule for own, rule in every if own == kind)
        total = sum(rules.values())
        kept = rules.pop("counts", 0)
        right = kept if kind in GOOD else total - kept
        said = ", ".join(f"{rule} {n / total:.1%}" for rule, n in rules.most_common()) or "–"
        rows.append([kind, str(total), "kept" if kind in GOOD else "screened", f"{right / max(1, total):.1%}", said])
    return markdown_table(["raters", "how many", "", "share", "screened by"], rows)


def server_pace(raters: int, seconds: float) -> dict[str, float]:
    """Milliseconds that requests take, of raters who all answer at once; and of the server's CPU."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from support.toy_survey import deserved, toy_survey  # type: ignore[import-not-found]

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "survey"
        survey = toy_survey(folder, plans=200, session=60, ratings_per_picture=10)
        command = [sys.executable, "-m", "scanstage.render", "survey", "serve", str(folder), "--port", "0"]
        server = subprocess.Popen([*command, "--invites", str(raters)], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            lines = [server.stdout.readline() for _ in range(4)]
            assert any("first" in line for line in lines), lines
            rows = (folder / "invites.csv").read_text("utf-8").splitlines()[1:]
            links = [row.split(",")[1] for row in rows]
            taken: list[float] = []
            lock, end = threading.Lock(), time.monotonic() + seconds

            def timed(to: HTTPConnection, path: str, body: dict[str, object] | None = None) -> bytes:
                data = None if body is None else json.dumps(body)
                started = time.monotonic()
                to.request("GET" if data is None else "POST", path, data, {"Content-Type": "application/json"})
                content = to.getresponse().read()
                with lock:
                    taken.append(time.monotonic() - started)
                return content

            def work(link: str) -> None:
                address = urlsplit(link)
                to = HTTPConnection(address.netloc, timeout=30)  # kept open, as browsers do
                rng = np.random.default_rng(sum(link.encode()))
                time.sleep(float(rng.uniform(0, SECONDS_EACH)))
                state = json.loads(timed(to, f"{address.path}consent", {"pseudonym": ""}))
                while time.monotonic() < end and state["phase"] != "thanks":
                    timed(to, f"{address.path}picture/{state['item']}")
                    score = deserved(survey.by_id[state["item"]])
                    body = {"number": state["number"], "item": state["item"], "score": score, "seconds": 2.0}
                    time.sleep(float(rng.uniform(0.5, 1.5) * SECONDS_EACH))
                    state = json.loads(timed(to, f"{address.path}answer", body))

            with ThreadPoolExecutor(raters) as pool:
                list(pool.map(work, links))
            spent = sum(psutil.Process(server.pid).cpu_times()[:2])
        finally:
            server.terminate()
            server.wait(20)
    found = np.array(taken) * 1000
    return {"requests": len(found), "50 %": float(np.median(found)), "95 %": float(np.quantile(found, 0.95))} | {
        "most": float(found.max()),
        "CPU ms": 1000 * spent / len(found),
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--surveys", type=int, default=200, help="of each kind")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--raters", type=int, default=50, help="that ask the server at once")
    parser.add_argument("--seconds", type=float, default=60, help="for which they do; 0: leave that out")
    parser.add_argument("--write", action="store_true", help="into benchmarks/RESULTS.md")
    options = parser.parse_args()
    runs = {fall: many(options.surveys, PLANS, fall, options.workers) for fall in FALLS}
    large = many(options.surveys // 2, LARGE, THRESHOLD, options.workers)
    every = [o for outcomes in (*runs.values(), large) for o in outcomes]
    parts = [f"{len(every)} surveys, raters of all.", screening_table(every)]
    rows = []
    for title, outcomes in ((f"2 x {PLANS} pictures", runs[THRESHOLD]), (f"2 x {LARGE} pictures", large)):
        off = np.abs([x for o in outcomes for x in o.off])
        raw = np.abs([x for o in outcomes for x in o.off_raw])
        panel = np.abs([x for o in outcomes for x in o.off_panel])
        between = np.abs([o.off[0] - o.off[1] for o in outcomes])
        single = np.mean([x for o in outcomes for x in o.picture_off])
        cells = [f"{x.mean():.2f}, {np.quantile(x, 0.95):.2f}" for x in (off, panel, raw, between)]
        rows.append([title, f"{(off <= WANTED).mean():.1%}", *cells, f"{single:.2f}"])
    heads = ["five ratings each", f"mean opinion within {WANTED}", "off: mean, 95 %", "less the panel's own bias"]
    parts.append(markdown_table([*heads, "of plain means", "fall off: mean, 95 %", "single pictures off (RMS)"], rows))
    parts.append(PANEL)
    rows = []
    for fall, outcomes in runs.items():
        cells = []
        for threshold in (0.0, THRESHOLD):
            verdicts = Counter(o.verdicts[threshold] for o in outcomes)
            cells += [f"{verdicts[v] / len(outcomes):.3f}" for v in ("fall", "no fall", "not enough")]
        rows.append([f"{fall:g}", *cells])
    heads = [f"{v}, threshold {t:g}" for t in (0, THRESHOLD) for v in ("fall", "no fall", "can't tell")]
    parts.append(markdown_table([f"true fall, {PLANS} plans", *heads], rows))
    if options.seconds:
        pace = server_pace(options.raters, options.seconds)
        told = f"50 % {pace['50 %']:.0f} ms, 95 % {pace['95 %']:.0f} ms, most {pace['most']:.0f} ms"
        parts.append(
            f"{options.raters} raters at once for {options.seconds:.0f} s, an answer in {SECONDS_EACH:g} s each, server"
            f" and raters on the same cores: {pace['requests']:.0f} requests, {told}; {pace['CPU ms']:.1f} ms of CPU a"
            f" request, of the server."
        )
    text = "\n\n".join(parts)
    print(text)
    if options.write:
        write_section("Survey (`survey.py`)", f"{made_on()}\n\n{text}")


if __name__ == "__main__":
    main()
