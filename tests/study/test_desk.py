"""The desk and the store, on SQLite and PostgreSQL: nothing lost, none doubled, reservations lapse, no trace left."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from mixedsignals.errors import CannotFinish, InputError
from mixedsignals.study.cells import Design, make_design
from mixedsignals.study.desk import Desk, NotYours
from mixedsignals.study.records import ANSWERS
from mixedsignals.study.store import Database, facts, invitations, people, read_answers, reading, schema
from mixedsignals.study.store.handing import Answer
from mixedsignals.study.store.people import Participant

WARM = Answer(label="warm", confidence=4)


class Clock:
    """Time that tests move."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def opened(database: str) -> Iterator[Database]:
    made = Database(database)
    yield made
    made.close()


@pytest.fixture
def design(make_study: Callable[..., object]) -> Design:
    folder = make_study()
    return make_design(folder.settings(), folder.stimuli())  # type: ignore[attr-defined]


def newcomer(database: Database, *, external: str | None = None) -> Participant:
    with database.writing() as connection:
        way = invitations.make_invitations(connection, "single")[0]
        return people.enter(connection, way, external=external)


def finish(desk: Desk, person: Participant, answer: Answer = WARM) -> int:
    shown, count = desk.current(person), 0
    while shown is not None:
        shown = desk.answer(person, shown.exposure_id, answer)
        count += 1
    return count


def test_a_person_gets_practice_items_a_check_and_a_repeat(opened: Database, design: Design) -> None:
    desk, person = Desk(opened, design), newcomer(opened)
    assert finish(desk, person) == 1 + 4 + 1 + 1
    answers = read_answers(opened)
    assert answers.schema == ANSWERS.schema
    assert Counter(answers["kind"]) == {"practice": 1, "item": 5, "attention": 1}
    items = answers.filter(kind="item")
    first, again = items.filter(occasion=0), items.filter(occasion=1)
    assert first["clip_id"].n_unique() == 4
    assert Counter(first["given"]) == dict.fromkeys(design.arms, 1)
    assert again["arm"].to_list() == ["repeat"]
    assert again.join(first, on=["clip_id", "given", "stimulus_id"]).height == 1
    assert sorted(answers.filter(kind="attention")["expected"]) in (["calm"], ["warm"])
    assert items["position"].n_unique() == 5
    with opened.reading() as connection:
        found = people.find_participant(connection, person.participant_id)
    assert found is not None
    assert found.stage == "done"


def test_every_cell_is_filled_and_then_nobody_is_needed(opened: Database, design: Design) -> None:
    desk = Desk(opened, design)
    for _ in range(design.settings.participants_for(8)):
        assert desk.room()
        finish(desk, newcomer(opened))
    assert not desk.room()
    counts = read_answers(opened).filter(kind="item", occasion=0).group_by("clip_id", "given").len()
    assert set(counts["len"]) == {2}
    assert counts.height == 8 * 4
    assert read_answers(opened).filter(kind="item", occasion=0, rater_id="nobody").is_empty()


def test_the_same_answer_twice_counts_once_and_another_one_later_changes_nothing(
    opened: Database, design: Design
) -> None:
    desk, person = Desk(opened, design), newcomer(opened)
    shown = desk.current(person)
    assert shown is not None
    following = desk.answer(person, shown.exposure_id, WARM)
    assert desk.answer(person, shown.exposure_id, Answer(label="calm")) == following
    assert read_answers(opened)["label"].to_list() == ["warm"]


def test_many_at_once_send_the_same_answer(opened: Database, design: Design) -> None:
    desk, person = Desk(opened, design), newcomer(opened)
    shown = desk.current(person)
    assert shown is not None
    threads = [
        threading.Thread(target=desk.answer, args=(person, shown.exposure_id, WARM)) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_answers(opened).height == 1
    with opened.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(schema.exposures)) == 2


def test_nobody_answers_for_another(opened: Database, design: Design) -> None:
    desk, one, other = Desk(opened, design), newcomer(opened), newcomer(opened)
    shown = desk.current(one)
    assert shown is not None
    for wrong in (shown.exposure_id, 10_000, -1):
        with pytest.raises(NotYours):
            desk.answer(other, wrong, WARM)
    assert read_answers(opened).is_empty()


def test_what_somebody_leaves_goes_to_others_and_whoever_comes_back_may_still_answer(
    opened: Database, make_study: Callable[..., object]
) -> None:
    folder = make_study(clips=1, conditions=("text",), raters_per_cell=1, items_per_participant=1, practice=0,
                        attention=0, repeats=0)  # fmt: skip
    design = make_design(folder.settings(), folder.stimuli())  # type: ignore[attr-defined]
    clock = Clock()
    desk = Desk(opened, design, clock=clock)
    leaver, other = newcomer(opened), newcomer(opened)
    left = desk.current(leaver)
    assert left is not None
    assert not desk.room()
    clock.now += 60 * 44
    assert not desk.room(), "the reservation holds"
    clock.now += 60 * 2
    assert desk.room(), "the reservation has lapsed"
    assert finish(desk, other) == 1
    back = desk.current(leaver)
    assert back is not None
    assert back.exposure_id == left.exposure_id
    desk.answer(leaver, back.exposure_id, WARM)
    assert read_answers(opened).height == 2
    seconds = read_answers(opened).filter(rater_id=leaver.participant_id)["seconds"].item()
    assert seconds < 60, "the time away is not the time taken"


def test_two_servers_on_one_database_do_not_overfill(opened: Database, database: str, design: Design) -> None:
    second = Database(database)
    desks = [Desk(opened, design), Desk(second, design)]
    for number in range(design.settings.participants_for(8)):
        finish(desks[number % 2], newcomer(opened))
    counts = read_answers(opened).filter(kind="item", occasion=0).group_by("clip_id", "given").len()
    assert set(counts["len"]) == {2}
    second.close()


def test_an_excluded_persons_cells_are_free_again_and_their_answers_stay(
    opened: Database, design: Design
) -> None:
    desk = Desk(opened, design)
    persons = [newcomer(opened) for _ in range(design.settings.participants_for(8))]
    for person in persons:
        finish(desk, person)
    with opened.writing() as connection:
        people.exclude(connection, persons[0].participant_id, "slept")
    assert desk.room()
    answers = read_answers(opened).filter(rater_id=persons[0].participant_id)
    assert answers["excluded"].unique().to_list() == ["slept"]
    assert answers.height == 7
    with opened.writing() as connection:
        people.exclude(connection, persons[0].participant_id, "woke", excluded=False)
    assert not desk.room()
    assert read_answers(opened)["excluded"].null_count() == read_answers(opened).height


def test_an_excluded_person_gets_no_more_clips(opened: Database, design: Design) -> None:
    desk, person = Desk(opened, design), newcomer(opened)
    shown = desk.current(person)
    assert shown is not None
    with opened.writing() as connection:
        people.exclude(connection, person.participant_id, "a robot")
    assert desk.answer(person, shown.exposure_id, WARM) is None
    assert read_answers(opened).height == 1


def test_deletion_leaves_no_row_of_the_person(opened: Database, design: Design) -> None:
    desk, person, other = Desk(opened, design), newcomer(opened, external="digest"), newcomer(opened)
    finish(desk, person)
    finish(desk, other)
    with opened.writing() as connection:
        people.exclude(connection, person.participant_id, "asked")
        assert people.delete_participant(connection, person.participant_id, asked_by="owner") == 7
    with opened.reading() as connection:
        for table in schema.metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                assert person.participant_id not in row
                assert person.link_key not in row
                assert "digest" not in row
        assert reading.removed(connection) == reading.Removals(people=1, answers=7)
        assert [each.participant_id for each in reading.people_of(connection)] == [other.participant_id]
    assert set(read_answers(opened)["rater_id"]) == {other.participant_id}
    assert Counter(read_answers(opened)["kind"])["item"] == 5


@pytest.mark.parametrize("table", ["answers", "exclusions", "removals"])
def test_what_is_written_cannot_be_changed(opened: Database, design: Design, table: str) -> None:
    desk, person, other = Desk(opened, design), newcomer(opened), newcomer(opened)
    finish(desk, person)
    with opened.writing() as connection:
        people.exclude(connection, person.participant_id, "why")
        people.delete_participant(connection, other.participant_id, asked_by="owner")
    column = {"answers": "label", "exclusions": "reason", "removals": "asked_by"}[table]
    with pytest.raises(sa.exc.DatabaseError, match="only added"), opened.writing() as connection:
        connection.execute(sa.text(f"UPDATE {table} SET {column} = 'other'"))


def test_a_closed_study_takes_the_answer_that_was_begun_and_hands_out_nothing(
    opened: Database, design: Design
) -> None:
    desk, person = Desk(opened, design), newcomer(opened)
    shown = desk.current(person)
    assert shown is not None
    with opened.writing() as connection:
        facts.close_study(connection)
    assert desk.answer(person, shown.exposure_id, WARM) is None
    assert desk.current(person) is None
    with opened.writing() as connection:
        facts.reopen_study(connection)
    assert desk.current(person) is not None


def test_the_counterfactual_design_shows_less_and_then_more(
    opened: Database, make_study: Callable[..., object]
) -> None:
    folder = make_study(
        conditions=("text", "text+audio+video"), design="counterfactual", repeats=0, raters_per_cell=2
    )
    design = make_design(folder.settings(), folder.stimuli())  # type: ignore[attr-defined]
    desk = Desk(opened, design)
    for _ in range(design.settings.participants_for(8)):
        person = newcomer(opened)
        assert desk.progress(person) == (0, 1 + 1 + 2 * 4)
        assert finish(desk, person) == 10
        assert desk.progress(person) == (10, 10)
    items = read_answers(opened).filter(kind="item")
    pairs = items.group_by("rater_id", "clip_id", "arm").agg(pl.col("given").sort_by("occasion"))
    shown = {arm: set(map(tuple, rows["given"])) for (arm,), rows in pairs.group_by("arm")}
    assert shown == {
        "text>text": {("text", "text")},
        "text>text+audio+video": {("text", "text+audio+video")},
    }
    assert set(items.filter(occasion=0).group_by("clip_id", "arm").len()["len"]) == {2}
    assert set(items["occasion"]) == {0, 1}


def test_a_latin_panel_gives_the_row_of_whoever_was_excluded_to_the_next(
    opened: Database, make_study: Callable[..., object]
) -> None:
    folder = make_study(design="latin", repeats=0, attention=0, practice=0, raters_per_cell=1)
    design = make_design(folder.settings(), folder.stimuli())  # type: ignore[attr-defined]
    desk = Desk(opened, design)
    persons = [newcomer(opened) for _ in range(8)]
    for person in persons:
        finish(desk, person)
    with opened.writing() as connection:
        people.exclude(connection, persons[3].participant_id, "asleep")
    substitute = newcomer(opened)
    assert substitute.serial == persons[3].serial
    finish(desk, substitute)
    kept = read_answers(opened).filter(pl.col("excluded").is_null())
    assert set(kept.group_by("clip_id", "given").len()["len"]) == {1}
    assert kept.height == 32


def test_only_the_digest_of_an_outside_id_is_kept(opened: Database) -> None:
    with opened.reading() as connection:
        digest = facts.external_digest(connection, "5f1e0d")
    person = newcomer(opened, external=digest)
    assert "5f1e0d" not in digest
    with opened.reading() as connection:
        assert people.find_by_external(connection, digest) == person


def test_passwords_are_kept_as_hashes(opened: Database) -> None:
    with opened.writing() as connection:
        assert not facts.check_password(connection, "")
        facts.set_password(connection, "korrekt pferd")
        assert facts.check_password(connection, "korrekt pferd")
        assert not facts.check_password(connection, "korrekt pferd ")
        assert "pferd" not in str(facts.read_fact(connection, "password"))


def test_a_database_that_is_not_there_or_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there"):
        read_answers(tmp_path / "study.db")
    with pytest.raises(InputError, match="mysql"):
        Database("mysql://somebody:secret@host/name")
    with pytest.raises(InputError, match="cannot be read as a URL"):
        Database("postgresql://host:port:what/x")
    (tmp_path / "notes.db").write_text("this is not a database " * 100)
    with pytest.raises(CannotFinish, match="cannot be opened"):
        Database(tmp_path / "notes.db")
    with pytest.raises(CannotFinish, match="cannot be opened") as caught:
        Database("postgresql://somebody:secret@127.0.0.1:1/name")
    assert "secret" not in str(caught.value)


def test_migrations_give_the_tables_that_the_code_expects(opened: Database) -> None:
    inspector = sa.inspect(opened.engine)
    for table in schema.metadata.sorted_tables:
        there = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
        assert there == {column.name: bool(column.nullable) for column in table.columns}
        unique = {tuple(each["column_names"]) for each in inspector.get_unique_constraints(table.name)}
        wanted = {
            tuple(column.name for column in each.columns)
            for each in table.constraints
            if isinstance(each, sa.UniqueConstraint)
        }
        assert wanted <= unique, table.name
    again = Database(opened.engine.url.render_as_string(hide_password=False))
    again.close()


def test_nobody_is_handed_a_clip_twice_whatever_the_program_does(opened: Database, design: Design) -> None:
    desk, person = Desk(opened, design), newcomer(opened)
    finish(desk, person)
    with opened.reading() as connection:
        row = (
            connection.execute(sa.select(schema.trials).where(schema.trials.c.kind == "item"))
            .mappings()
            .first()
        )
    assert row is not None
    twice = {**row, "trial_id": None, "place": 99, "arm": "text"}
    del twice["trial_id"]
    with pytest.raises(sa.exc.IntegrityError), opened.writing() as connection:
        connection.execute(sa.insert(schema.trials).values(twice))


def test_a_clip_that_cannot_be_played_goes_to_others(opened: Database, design: Design) -> None:
    desk, person = Desk(opened, design), newcomer(opened)
    shown = desk.current(person)
    assert shown is not None
    with pytest.raises(NotYours):
        desk.skip(newcomer(opened), shown.exposure_id)
    shown = desk.answer(person, shown.exposure_id, WARM)
    assert shown is not None
    assert desk.progress(person) == (1, 7)
    cell = design.index[shown.trial.clip_id, shown.trial.arm]
    assert desk._tally.filled[cell] == 1
    following = desk.skip(person, shown.exposure_id)
    assert following is not None
    assert following.trial.clip_id != shown.trial.clip_id
    assert desk._tally.filled[cell] == 0
    assert desk.progress(person) == (1, 6)
    with pytest.raises(NotYours):
        desk.skip(person, shown.exposure_id)
    finish(desk, person)
    assert desk.progress(person) == (6, 6)
    again = Desk(opened, design)
    assert again.room()
    assert (again._tally.filled == desk._tally.filled).all()
    with opened.reading() as connection:
        assert [each.skipped for each in reading.people_of(connection)] == [1, 0]
