"""Who is given which clip how: every cell filled evenly, every clip once, every condition equally often and early."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.study import assignment
from mixedsignals.study.assignment import PARTS, Tally, choose, latin_row, part_of, repeated, schedule
from mixedsignals.study.cells import Design, make_design
from mixedsignals.study.settings import StudySettings

FOUR = ("text", "audio", "video", "text+audio+video")


def design_of(clips: int, conditions: tuple[str, ...] = FOUR, **chosen: object) -> Design:
    given = {"raters_per_cell": 3, "items_per_participant": 6, "practice": 2, "repeats": 0, **chosen}
    made = StudySettings(name="made", conditions=conditions, labels=("a", "b"), **given)  # type: ignore[arg-type]
    kinds = [("item", f"c{at:03}") for at in range(clips)] + [("practice", f"p{at}") for at in range(2)]
    rows = [
        {
            "stimulus_id": f"{clip}-{shown}",
            "clip_id": clip,
            "condition": shown,
            "kind": kind,
            "expected": None,
        }
        for kind, clip in kinds
        for shown in conditions
    ]
    for at in range(3):
        check = {"stimulus_id": f"check{at}", "clip_id": f"attention:{at}", "condition": "text"}
        rows.append({**check, "kind": "attention", "expected": "a"})
    return make_design(made, pl.DataFrame(rows, infer_schema_length=None))


def judge(design: Design, tally: Tally, serial: int) -> list[int]:
    """All items of one person."""
    cells: list[int] = []
    for position in range(design.items):
        chosen = choose(design, tally, serial=serial, position=position, judged=cells)
        if chosen is None:
            break
        tally.add(chosen, part_of(position, design.items))
        cells.append(chosen)
    return cells


@given(
    clips=st.integers(6, 40),
    items=st.integers(1, 12),
    raters=st.integers(1, 5),
    conditions=st.sampled_from([FOUR, FOUR[:2], FOUR[:1]]),
    seed=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=40)
def test_cells_fill_evenly_and_nobody_meets_a_clip_twice(
    clips: int, items: int, raters: int, conditions: tuple[str, ...], seed: int
) -> None:
    made = design_of(clips, conditions, items_per_participant=items, raters_per_cell=raters, seed=seed)
    tally = Tally(made)
    for serial in range(made.settings.participants_for(clips) * 3):
        cells = judge(made, tally, serial)
        met = [made.cells[cell].clip_id for cell in cells]
        assert len(set(met)) == len(met)
        assert tally.filled.max() <= raters
        if not cells:
            break
    assert (tally.filled == raters).all()


def test_counts_differ_by_one_at_most_while_the_study_fills() -> None:
    made = design_of(24, raters_per_cell=5, items_per_participant=12)
    tally = Tally(made)
    for serial in range(made.settings.participants_for(24)):
        judge(made, tally, serial)
        assert tally.filled.max() - tally.filled.min() <= 1


def test_each_person_has_every_condition_equally_often() -> None:
    made = design_of(40, items_per_participant=12, raters_per_cell=6)
    tally = Tally(made)
    for serial in range(10):
        given = Counter(made.cells[cell].arm for cell in judge(made, tally, serial))
        assert max(given.values()) - min(given.values()) <= 1


def test_conditions_are_as_frequent_in_every_part_of_an_order() -> None:
    made = design_of(40, items_per_participant=16, raters_per_cell=8)
    tally = Tally(made)
    for serial in range(made.settings.participants_for(40)):
        judge(made, tally, serial)
    by_arm = np.stack([np.bincount(made.arm_of, weights=tally.by_part[:, part]) for part in range(PARTS)])
    wanted = by_arm.sum() / by_arm.size
    assert np.abs(by_arm - wanted).max() <= 0.15 * wanted


def test_orders_follow_the_seed_and_differ_between_people() -> None:
    def order(seed: int, serial: int) -> list[int]:
        return judge(design_of(30, seed=seed), Tally(design_of(30, seed=seed)), serial)

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


@given(
    clips=st.integers(1, 30),
    attention=st.integers(0, 3),
    repeats=st.integers(0, 6),
    serial=st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_a_schedule_has_what_was_asked_for(clips: int, attention: int, repeats: int, serial: int) -> None:
    made = design_of(clips, attention=attention, repeats=repeats)
    slots = schedule(made, serial)
    counts = Counter(slot.kind for slot in slots)
    expected = {"practice": 2, "item": made.items, "attention": attention, "repeat": min(repeats, made.items)}
    assert counts == {kind: count for kind, count in expected.items() if count}
    kinds = [slot.kind for slot in slots]
    assert kinds[:2] == ["practice"] * 2
    assert kinds[2] == "item", "an order never begins with a check"
    assert [slot.position for slot in slots[2:]] == list(range(len(slots) - 2))
    assert slots == schedule(made, serial)


def test_repeats_are_early_clips_and_each_comes_once() -> None:
    made = design_of(30, items_per_participant=10, repeats=3)
    judged = [f"c{at:03}" for at in range(10)]
    again = [repeated(made, 4, judged, number) for number in range(3)]
    assert len(set(again)) == 3
    assert set(again) <= set(judged[:5])
    assert repeated(made, 4, judged[:1], 2) is None


def test_practice_clips_come_again_only_when_all_have_come() -> None:
    made = design_of(10, practice=2)
    for serial in range(20):
        slots = [slot for slot in schedule(made, serial) if slot.kind == "practice"]
        clips = [made.practice[assignment.around(made, serial, slot)].clip_id for slot in slots]
        assert len(set(clips)) == 2


@pytest.mark.parametrize("clips", [8, 12, 13])
def test_a_latin_square_gives_every_clip_in_every_condition_once(clips: int) -> None:
    made = design_of(clips, items_per_participant=4, design="latin", raters_per_cell=1)
    windows = -(-clips // 4)
    counts: Counter[int] = Counter()
    for row in range(len(FOUR) * windows):
        cells = latin_row(made, row)
        assert len(cells) == 4
        assert Counter(made.cells[cell].arm for cell in cells) == dict.fromkeys(FOUR, 1)
        assert len({made.cells[cell].clip_id for cell in cells}) == 4
        counts.update(cells)
    assert set(counts) == set(range(len(made.cells)))
    # Where the clips do not fill the last window it begins again with the first ones.
    assert max(counts.values()) - min(counts.values()) <= (clips % 4 != 0)


def test_a_latin_square_moves_a_clip_through_the_places() -> None:
    made = design_of(8, items_per_participant=8, design="latin")
    places = {cell.clip_id: set() for cell in made.cells}
    for row in range(8):
        for place, cell in enumerate(latin_row(made, row)):
            places[made.cells[cell].clip_id].add(place)
    assert all(len(found) >= 4 for found in places.values())


def test_the_counterfactual_design_pairs_every_gain_with_a_control() -> None:
    made = design_of(6, ("text", "text+audio"), design="counterfactual", repeats=2)
    assert made.arms == ("text>text+audio", "text>text")
    assert made.repeats == 0
    gain, control = made.cells[0], made.cells[1]
    assert gain.conditions == ("text", "text+audio")
    assert gain.stimuli == ("c000-text", "c000-text+audio")
    assert control.stimuli == ("c000-text", "c000-text")
    tally = Tally(made)
    for serial in range(made.settings.participants_for(6)):
        given = Counter(made.cells[cell].arm for cell in judge(made, tally, serial))
        assert max(given.values()) - min(given.values()) <= 1
    assert (tally.filled == 3).all()


def test_a_clip_without_a_stimulus_has_no_cell() -> None:
    rows = pl.DataFrame(
        {
            "stimulus_id": ["1", "2", "3"],
            "clip_id": ["a", "a", "b"],
            "condition": ["text", "audio", "text"],
            "kind": ["item"] * 3,
            "expected": [None] * 3,
        }
    )
    made = make_design(StudySettings(name="x", conditions=("text", "audio"), labels=("a", "b")), rows)
    assert [(cell.clip_id, cell.arm) for cell in made.cells] == [("a", "text"), ("a", "audio"), ("b", "text")]
