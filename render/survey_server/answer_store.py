"""Where answers are kept: SQLite in WAL mode. An answer is acknowledged when it is on disk, and not before.

Of a rater there is a hash of the invite, a pseudonym, the answers, and a remark; nothing else, and all of it can be
deleted.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.survey.survey_answers import RaterAnswer

FILE = "answers.sqlite"
TOKEN_BYTES = 18
MOST_PSEUDONYM, MOST_REMARK = 40, 1000
EXPIRES_S = 3600.0
"""A picture that was assigned and not answered for so long is given to others."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS raters (
    rater TEXT PRIMARY KEY, token_sha256 TEXT UNIQUE NOT NULL, pseudonym TEXT NOT NULL DEFAULT '',
    consented REAL, ended TEXT NOT NULL DEFAULT '', counts INTEGER NOT NULL DEFAULT 1, remark TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE IF NOT EXISTS answers (
    rater TEXT NOT NULL REFERENCES raters(rater) ON DELETE CASCADE, number INTEGER NOT NULL, item TEXT NOT NULL,
    score INTEGER NOT NULL, seconds REAL, phase TEXT NOT NULL, attempt INTEGER NOT NULL,
    PRIMARY KEY (rater, number)
) STRICT;
CREATE TABLE IF NOT EXISTS assigned (
    rater TEXT NOT NULL REFERENCES raters(rater) ON DELETE CASCADE, number INTEGER NOT NULL, item TEXT NOT NULL,
    since REAL NOT NULL, PRIMARY KEY (rater, number)
) STRICT;
CREATE INDEX IF NOT EXISTS answers_item ON answers(item);
"""

Saved = Literal["saved", "known", "other"]


@dataclass(frozen=True)
class Invited:
    """A rater, as the store knows one.

    Attributes:
        rater: name that was given here; orders follow from it.
        pseudonym: that the rater chose; may be empty.
        consented: whether the rater has agreed to take part.
        ended: how the session ended; empty where it goes on.
    """

    rater: str
    pseudonym: str
    consented: bool
    ended: str


class AnswerStore:
    """Answers of a survey. Several threads may use it."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it. Raises InputError where it is none."""
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA foreign_keys=ON")
            self._db.execute("PRAGMA secure_delete=ON")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as e:
            raise InputError(f"{path}: can't be used ({e})", "move it away, and the survey begins anew") from e
        self._lock = threading.RLock()

    def close(self) -> None:
        """Write all into the one file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All or nothing of what is done within; within another one, a part of that."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _all(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def invite(self, count: int) -> list[tuple[str, str]]:
        """New raters: name and token of each. Tokens can't be had again."""
        made = []
        with self.writing():
            there = int(str(self._all("SELECT COUNT(*) FROM raters")[0][0]))
            for number in range(there + 1, there + count + 1):
                token = secrets.token_urlsafe(TOKEN_BYTES)
                name = f"rater-{number:03d}-{secrets.token_hex(2)}"
                self._db.execute("INSERT INTO raters (rater, token_sha256) VALUES (?, ?)", (name, _hash(token)))
                made.append((name, token))
        return made

    def rater_of(self, token: str) -> Invited | None:
        """Whose invite a token is; None where it is nobody's."""
        rows = self._all(
            "SELECT rater, pseudonym, consented IS NOT NULL, ended FROM raters WHERE token_sha256 = ?", (_hash(token),)
        )
        return Invited(str(rows[0][0]), str(rows[0][1]), bool(rows[0][2]), str(rows[0][3])) if rows else None

    def consent(self, rater: str, pseudonym: str) -> None:
        """Note that a rater takes part."""
        with self.writing():
            self._db.execute(
                "UPDATE raters SET consented = COALESCE(consented, ?), pseudonym = ? WHERE rater = ?",
                (time.time(), pseudonym[:MOST_PSEUDONYM], rater),
            )

    def remark(self, rater: str, text: str) -> None:
        """Keep what a rater says at the end."""
        with self.writing():
            self._db.execute("UPDATE raters SET remark = ? WHERE rater = ?", (text[:MOST_REMARK], rater))

    def end(self, rater: str, how: str) -> None:
        """Note how a session ended; one that failed or lapsed counts no longer. Empty: it goes on."""
        with self.writing():
            counts = how not in ("failed", "lapsed")
            self._db.execute("UPDATE raters SET ended = ?, counts = ? WHERE rater = ?", (how, counts, rater))

    def ended(self, rater: str) -> str:
        """How a session ended; empty where it goes on."""
        rows = self._all("SELECT ended FROM raters WHERE rater = ?", (rater,))
        return str(rows[0][0]) if rows else ""

    def set_counting(self, raters: Sequence[str], counts: bool) -> None:
        """Whether answers of raters count for how many a picture has."""
        with self.writing():
            self._db.executemany("UPDATE raters SET counts = ? WHERE rater = ?", [(counts, name) for name in raters])

    def forget(self, rater: str) -> None:
        """Delete all that is known of a rater; the invite is no longer good for anything."""
        with self.writing():
            self._db.execute("DELETE FROM raters WHERE rater = ?", (rater,))
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def save(self, answer: RaterAnswer) -> Saved:
        """Keep an answer. One that is there already, as after an acknowledgement that was lost, is kept once."""
        with self.writing():
            number = f"SELECT item, score FROM answers WHERE rater = ? AND number = {int(answer.order)}"
            if rows := self._all(number, (answer.rater,)):
                return "known" if tuple(rows[0]) == (answer.item, answer.score) else "other"
            seconds = None if math.isnan(answer.seconds) else answer.seconds
            self._db.execute(
                "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)",
                (answer.rater, answer.order, answer.item, answer.score, seconds, answer.phase, answer.attempt),
            )
        return "saved"

    def take_back(self, rater: str, number: int) -> None:
        """Delete a rater's answer of a number, and those after it."""
        with self.writing():
            self._db.execute("DELETE FROM answers WHERE rater = ? AND number >= ?", (rater, number))

    def answers(self, rater: str | None = None) -> list[RaterAnswer]:
        """All answers, or those of a rater, in their order."""
        where = "" if rater is None else "WHERE rater = ?"
        rows = self._all(
            f"SELECT rater, item, score, seconds, number, phase, attempt FROM answers {where} ORDER BY rater, number",
            () if rater is None else (rater,),
        )
        return [RaterAnswer(*row[:3], math.nan if row[3] is None else row[3], *row[4:]) for row in rows]  # type: ignore[arg-type, call-arg]

    def assign(self, rater: str, number: int, item: str) -> None:
        """Give a picture to a rater."""
        self._db.execute("INSERT INTO assigned VALUES (?, ?, ?, ?)", (rater, number, item, time.time()))

    def assigned(self, rater: str) -> list[str]:
        """Pictures that a rater was given, in their order."""
        return [str(r[0]) for r in self._all("SELECT item FROM assigned WHERE rater = ? ORDER BY number", (rater,))]

    def answered(self, survey_items: frozenset[str], besides: str) -> Counter[str]:
        """Answers that pictures have of raters who count, and those that raters are about to give.

        Args:
            survey_items: ids of pictures that aren't golds.
            besides: rater whose own assignments don't matter.
        """
        rows = self._all(
            "SELECT item, COUNT(*) FROM answers JOIN raters USING (rater) "
            "WHERE counts AND phase = 'rating' GROUP BY item"
        )
        found = Counter({str(item): int(str(n)) for item, n in rows if item in survey_items})
        open_ = self._all(
            "SELECT a.item FROM assigned a JOIN raters r USING (rater) WHERE r.counts AND r.ended = '' AND a.since > ? "
            "AND a.rater != ? AND NOT EXISTS (SELECT 1 FROM answers b WHERE b.rater = a.rater AND b.item = a.item)",
            (time.time() - EXPIRES_S, besides),
        )
        found.update(str(row[0]) for row in open_)
        return found

    def remarks(self) -> list[tuple[str, str, str]]:
        """Rater, pseudonym and remark, of those who left one."""
        rows = self._all("SELECT rater, pseudonym, remark FROM raters WHERE remark != '' ORDER BY rater")
        return [(str(a), str(b), str(c)) for a, b, c in rows]

    def invited(self) -> Counter[str]:
        """How many raters there are, by how their session ended: ``new``, ``begun``, ``done`` …"""
        rows = self._all(
            "SELECT CASE WHEN ended != '' THEN ended WHEN consented IS NULL THEN 'new' ELSE 'begun' END FROM raters"
        )
        return Counter(str(row[0]) for row in rows)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
