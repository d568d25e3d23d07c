"""How a study stands: cells filled, people and their pace, checks and flags, and agreement so far per condition.

Only first judgements of items by people who are not excluded enter counts and agreement.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import polars as pl

from mixedsignals.measures.agreement import krippendorff_alpha
from mixedsignals.measures.groups import Groups
from mixedsignals.study.cells import Design
from mixedsignals.study.records import ANSWERS
from mixedsignals.study.store import Database, facts, reading
from mixedsignals.study.store.reading import Person

__all__ = ["Agreement", "Filled", "Overview", "Seen", "overview"]

_FAST_SHARE = 0.4
_FEW = 5
_FEWEST_SAME = 8


@dataclass(frozen=True)
class Filled:
    """How far one condition or arm is: judgements wanted and given, cells in all and full."""

    arm: str
    wanted: int
    judged: int
    cells: int
    full: int


@dataclass(frozen=True)
class Agreement:
    """How far people agree given one condition.

    Attributes:
        given: the condition.
        clips: clips with two judgements or more.
        same: share of pairs of people who said the same, in [0, 1]; None without pairs.
        alpha: Krippendorff's alpha, at most 1; None where it cannot be computed.
        low, high: its 95 % interval over clips; None where there is none.
    """

    given: str
    clips: int
    same: float | None
    alpha: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Seen:
    """One participant: pace, checks and flags.

    Attributes:
        person: who, how far, and why left out.
        seconds: median seconds per item; None before the first.
        checks: attention checks passed, and taken.
        again: repeated items with the same answer, and all.
        flags: `fast`, `attention`, `sound`, `same`, `skipped`.
    """

    person: Person
    seconds: float | None
    checks: tuple[int, int]
    again: tuple[int, int]
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Overview:
    """The whole study at one moment."""

    closed: bool
    filled: tuple[Filled, ...]
    agreement: tuple[Agreement, ...]
    people: tuple[Seen, ...]
    median_seconds: float | None
    removed: reading.Removals

    @property
    def judged(self) -> int:
        """Judgements that count."""
        return sum(each.judged for each in self.filled)

    @property
    def wanted(self) -> int:
        """Judgements wanted in all."""
        return sum(each.wanted for each in self.filled)

    @property
    def finished(self) -> int:
        """People who have finished and are not excluded."""
        return sum(each.person.stage == "done" and each.person.excluded is None for each in self.people)


def overview(database: Database, design: Design) -> Overview:
    """Read the whole state of a study at one moment."""
    with database.reading() as connection:
        answers = reading.answers_frame(connection)
        persons = reading.people_of(connection)
        removed, closed = reading.removed(connection), facts.closed_at(connection) is not None
    items = answers.filter(pl.col("kind") == "item")
    counted = items.filter(pl.col("excluded").is_null(), pl.col("occasion") == 0)
    median = counted["seconds"].median()
    return Overview(
        closed=closed,
        filled=tuple(_filled(design, items.filter(pl.col("excluded").is_null()))),
        agreement=tuple(_agreement(design, counted)),
        people=tuple(
            _seen(person, answers, median if isinstance(median, float) else None) for person in persons
        ),
        median_seconds=median if isinstance(median, float) else None,
        removed=removed,
    )


def _filled(design: Design, items: pl.DataFrame) -> list[Filled]:
    """Cells by what was finished: in the counterfactual design a clip counts once its second step is answered."""
    two = bool(design.settings.arms)
    name = pl.col("arm") if two else pl.col("given")
    last = items.filter(pl.col("occasion") == int(two), name != "repeat") if two else items.filter(occasion=0)
    counts = {
        (clip, arm): count
        for clip, arm, count in last.group_by("clip_id", name.alias("cell")).len().iter_rows()
    }
    each = design.settings.raters_per_cell
    found = []
    for arm in design.arms:
        judged = [counts.get((cell.clip_id, arm), 0) for cell in design.cells if cell.arm == arm]
        full = sum(number >= each for number in judged)
        found.append(Filled(arm, each * len(judged), sum(judged), len(judged), full))
    return found


def _agreement(design: Design, counted: pl.DataFrame) -> list[Agreement]:
    names = design.settings.answers
    found = []
    for given in dict.fromkeys(cell.conditions[0] for cell in design.cells):
        rows = counted.filter(given=given)
        clips = {clip: at for at, clip in enumerate(rows["clip_id"].unique(maintain_order=True))}
        counts = np.zeros((len(clips), len(names)))
        codes = names.codes(rows["label"])
        for clip, code in zip(rows["clip_id"], codes, strict=True):
            counts[clips[clip], code] += 1
        found.append(_agree(given, counts[counts.sum(axis=1) >= 2], ordinal=names.kind == "ordinal"))
    return found


def _agree(
    given: str, counts: np.ndarray[tuple[int, ...], np.dtype[np.float64]], *, ordinal: bool
) -> Agreement:
    if not len(counts):
        return Agreement(given, 0, None, None, None, None)
    votes = counts.sum(axis=1)
    pairs, same = (votes * (votes - 1)).sum(), (counts * (counts - 1)).sum()
    share = float(same / pairs)
    if len(counts) < 2 or (counts.sum(axis=0) > 0).sum() < 2:
        return Agreement(given, len(counts), share, None, None, None)
    alpha = krippendorff_alpha(counts, Groups.each(len(counts)), metric="ordinal" if ordinal else "nominal")
    ends = [float(end) if end is not None and np.isfinite(end) else None for end in (alpha.low, alpha.high)]
    value = float(alpha.value) if alpha.value is not None and np.isfinite(alpha.value) else None
    return Agreement(given, len(counts), share, value, *ends)


def _seen(person: Person, answers: pl.DataFrame, median: float | None) -> Seen:
    own = answers.filter(rater_id=person.participant_id) if answers.height else ANSWERS.empty()
    items = own.filter(kind="item", occasion=0)
    seconds = items["seconds"].median() if items.height else None
    seconds = seconds if isinstance(seconds, float) else None
    taken = own.filter(kind="attention")
    passed = taken.filter(pl.col("label") == pl.col("expected")).height
    again = _same_again(own)
    flags = {
        "fast": seconds is not None
        and median is not None
        and items.height >= _FEW
        and seconds < _FAST_SHARE * median,
        "attention": passed < taken.height,
        "sound": json.loads(person.checks or "{}").get("passed") is False
        and person.stage in ("judging", "done"),
        "skipped": person.skipped > 0,
        "same": items.height >= _FEWEST_SAME and items["label"].n_unique() == 1,
    }
    return Seen(person, seconds, (passed, taken.height), again, _raised(flags))


def _raised(flags: dict[str, bool]) -> tuple[str, ...]:
    return tuple(name for name, raised in flags.items() if raised)


def _same_again(own: pl.DataFrame) -> tuple[int, int]:
    repeats = own.filter(pl.col("arm") == "repeat").select("clip_id", "label")
    first = own.filter(kind="item", occasion=0).select("clip_id", first="label")
    both = repeats.join(first, on="clip_id", how="inner")
    return both.filter(pl.col("label") == pl.col("first")).height, both.height
