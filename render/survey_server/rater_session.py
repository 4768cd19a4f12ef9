"""What a rater's page asks of the server, and what it is told: all but HTTP."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scanstage.dataset.survey.rater_flow import Step, assign, next_step
from scanstage.dataset.survey.rater_screening import screen_raters
from scanstage.dataset.survey.survey_answers import Phase, RaterAnswer
from scanstage.dataset.survey.survey_file import PICTURES, Survey
from scanstage.render.survey_server.answer_store import AnswerStore, Invited

Json = dict[str, Any]
MOST_SECONDS = 3600.0
ENDS = ("done", "failed", "lapsed")


class RequestRefused(ValueError):
    """A request that makes no sense; the text says why."""


@dataclass
class RaterSessions:
    """Sessions of all raters.

    Attributes:
        folder: of the survey.
        survey: that is asked.
        store: of answers.
    """

    folder: Path
    survey: Survey
    store: AnswerStore
    _pictures: frozenset[str] = field(default_factory=frozenset)
    _apart: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _screening: Future[None] | None = None

    def __post_init__(self) -> None:
        self._pictures = frozenset(i.item_id for i in self.survey.pictures)

    def close(self) -> None:
        """Wait for what goes on beside requests."""
        self._apart.shutdown()

    def state(self, who: Invited) -> Json:
        """What the page is to show now. Nothing in it tells golds from others, but after answers in training."""
        base: Json = {
            "scale": list(self.survey.settings.scale),
            "consented": who.consented,
            "pseudonym": who.pseudonym,
        }
        if not who.consented:
            return base | {"phase": "consent", "most": self._most_minutes()}
        said = self.store.answers(who.rater)
        answers = self._known(said)
        step = self._step(who.rater, answers)
        if step.phase in ENDS:
            return base | {"phase": "thanks", "finished": step.phase == "done"}
        return base | {
            "phase": "training" if step.phase == "training" else "rating",
            "attempt": step.attempt,
            "number": len(said),
            "item": step.item,
            "next": self._likely_next(who.rater, answers, step),
            "progress": [self._done(answers, step), self._all(answers, step)],
            "undo": self._can_undo(answers, step),
            "first": not [a for a in answers if a.phase == step.phase and a.attempt == step.attempt],
        }

    def answer(self, who: Invited, sent: Mapping[str, Any]) -> Json:
        """Keep an answer; in training, say whether it was right. Raises RequestRefused.

        Answer and what is assigned next are written at once: a disk is waited for a single time.
        """
        with self.store.writing():
            return self._answer(who, sent)

    def _answer(self, who: Invited, sent: Mapping[str, Any]) -> Json:
        number, score = sent.get("number"), sent.get("score")
        low, high = self.survey.settings.scale
        if type(number) is not int or type(score) is not int or not low <= score <= high:
            raise RequestRefused(f"an answer has a number, and a score from {low} to {high}")
        if not who.consented:
            raise RequestRefused("nobody is asked who hasn't agreed")
        said = self.store.answers(who.rater)
        known = next((a for a in said if a.order == number), None)
        if known is None:
            step = self._step(who.rater, self._known(said))
            if step.phase in ENDS or number != len(said) or sent.get("item") != step.item or step.item is None:
                raise RequestRefused("that isn't what is asked now")
            seconds = _seconds(sent.get("seconds"))
            known = RaterAnswer(who.rater, step.item, score, seconds, number, _asked(step), step.attempt)
            if self.store.save(known) == "other":  # another window was faster
                raise RequestRefused("that was answered otherwise")
        elif (known.item, known.score) != (sent.get("item"), score):
            raise RequestRefused("that was answered otherwise")
        told = self.state(who)
        if known.phase == "training" and known.item in self.survey.by_id:
            told["feedback"] = self._feedback(known)
        return told

    def undo(self, who: Invited, number: object) -> Json:
        """Take the last answer back. Raises RequestRefused where it can't be."""
        answers = self._known(self.store.answers(who.rater))
        if type(number) is not int or not answers or number != answers[-1].order:
            raise RequestRefused("only the last answer can be taken back")
        if not self._can_undo(answers, self._step(who.rater, answers)):
            raise RequestRefused("that answer can't be taken back")
        self.store.take_back(who.rater, number)
        return self.state(who)

    def consent(self, who: Invited, pseudonym: object) -> Json:
        """Begin."""
        self.store.consent(who.rater, _text(pseudonym).strip())
        return self.state(Invited(who.rater, _text(pseudonym).strip(), True, who.ended))

    def remark(self, who: Invited, text: object) -> Json:
        """Keep what a rater says at the end."""
        self.store.remark(who.rater, _text(text))
        return self.state(who)

    def picture(self, item: str) -> Path | None:
        """File of a picture of the survey."""
        found = self.survey.by_id.get(item)
        return None if found is None else self.folder / PICTURES / found.file_name

    def _known(self, said: list[RaterAnswer]) -> list[RaterAnswer]:
        """Answers but those to golds that a person took out after they were given."""
        return [a for a in said if a.item in self.survey.by_id]

    def _step(self, rater: str, answers: list[RaterAnswer]) -> Step:
        """What comes next; where a picture has to be assigned, it is."""
        if self.store.ended(rater) == "done":  # who was thanked isn't asked for more, though others were screened since
            return Step("done")
        step = next_step(self.survey, rater, answers, self.store.assigned(rater))
        if step.phase == "rating" and step.item is None:
            with self.store.writing():
                assigned = self.store.assigned(rater)
                found = assign(self.survey, rater, self.store.answered(self._pictures, rater), assigned)
                if found is not None:
                    self.store.assign(rater, len(assigned), found)
            step = next_step(self.survey, rater, answers, self.store.assigned(rater)) if found else Step("done")
        if step.phase in ENDS:
            self._end(rater, str(step.phase))
        return step

    def _end(self, rater: str, how: str) -> None:
        """Note it once; and look anew at who counts, so that others are asked in the place of those who don't."""
        if self.store.ended(rater) == how:
            return
        self.store.end(rater, how)
        if how == "done" and (self._screening is None or self._screening.done()):
            self._screening = self._apart.submit(self._screen)

    def _screen(self) -> None:
        """Beside all requests: it takes a second, of many raters."""
        found = screen_raters(self.survey, self._known(self.store.answers()))
        self.store.set_counting([r.name for r in found.raters if r.standing == "screened"], False)

    def _likely_next(self, rater: str, answers: list[RaterAnswer], step: Step) -> str | None:
        """The picture after this one, to be loaded beforehand; None where that can't be known yet."""
        if step.item is None:
            return None
        middle = sum(self.survey.settings.scale) // 2
        guess = RaterAnswer(rater, step.item, middle, math.nan, len(answers), _asked(step), step.attempt)
        item = self.survey.by_id[step.item]
        if item.kind != "picture":  # as if it were right: else the next might be another try's
            score = getattr(self.survey.settings.gold.accept, item.kind)[0 if item.kind == "real" else 1]
            guess = RaterAnswer(rater, step.item, score, math.nan, len(answers), _asked(step), step.attempt)
        after = next_step(self.survey, rater, [*answers, guess], self.store.assigned(rater))
        if after.phase == "rating" and after.item is None:
            with self.store.writing():
                assigned = self.store.assigned(rater)
                found = assign(self.survey, rater, self.store.answered(self._pictures, rater), assigned)
                if found is not None:
                    self.store.assign(rater, len(assigned), found)
            return found
        return after.item

    def _can_undo(self, answers: list[RaterAnswer], step: Step) -> bool:
        """The last answer, unless something was told of it, or what came of it was decided."""
        return (
            bool(answers)
            and answers[-1].phase != "training"
            and ((answers[-1].phase, answers[-1].attempt) == (step.phase, step.attempt))
        )

    def _done(self, answers: list[RaterAnswer], step: Step) -> int:
        """Pictures behind a rater, of the training, or of test and ratings together."""
        return step.position if step.phase == "training" else len([a for a in answers if a.phase != "training"])

    def _all(self, answers: list[RaterAnswer], step: Step) -> int:
        if step.phase == "training":
            return step.of
        tested = len([a for a in answers if a.phase == "test"])
        return (max(tested, 10) if step.phase == "test" else tested) + self.survey.settings.session

    def _feedback(self, answer: RaterAnswer) -> Json:
        item = self.survey.by_id[answer.item]
        low, high = self.survey.settings.scale
        accept = getattr(self.survey.settings.gold.accept, item.kind)
        return {
            "right": self.survey.is_right(item, answer.score),
            "kind": item.kind,
            "how": item.broken_by,
            "accept": [max(low, accept[0]), min(high, accept[1])],
            "score": answer.score,
        }

    def _most_minutes(self) -> int:
        return max(1, math.ceil((self.survey.settings.session + 22) * 5 / 60))


def _asked(step: Step) -> Phase:
    """The phase of a step that asks for something. Raises RequestRefused where it doesn't."""
    if step.phase in ("training", "test", "rating"):
        return step.phase
    raise RequestRefused("nothing more is asked")


def _text(value: object) -> str:
    """A text that can be written: halves of characters, which JSON may hold, are replaced."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_SECONDS:
        return math.nan
    return float(value)
