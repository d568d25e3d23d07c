"""Fifty people at once, and a server that is killed under load: nothing acknowledged is lost, and none is doubled."""

from __future__ import annotations

import base64
import http.client
import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from mixedsignals.study.store import Database, read_answers, schema
from mixedsignals.testing.visitor import Visitor

Study = Callable[..., Any]
LABELS = ("calm", "warm")


def number_of(shown: str) -> int:
    """The exposure that a token is about."""
    payload = shown.split(".")[0]
    found: int = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


class Person(threading.Thread):
    """Answers until nothing is left; remembers what was sent and what was acknowledged."""

    def __init__(self, address: str, link: str, number: int, deadline: float) -> None:
        super().__init__(daemon=True)
        self.visitor, self.link, self.number, self.deadline = Visitor(address), link, number, deadline
        self.sent: dict[int, str] = {}
        self.acknowledged: dict[int, str] = {}
        self.interruptions = 0

    def run(self) -> None:
        while time.monotonic() < self.deadline:
            try:
                self.visitor.enter(self.link)
                while self.visitor.shown is not None and time.monotonic() < self.deadline:
                    self._answer()
                if self.visitor.page.status == 200:
                    return
            except (OSError, http.client.HTTPException):
                self.interruptions += 1
                time.sleep(0.1)

    def _answer(self) -> None:
        shown = number_of(str(self.visitor.shown))
        label = LABELS[(shown + self.number) % 2]
        self.sent[shown] = label
        if self.visitor.answer(label=label, confidence=1 + shown % 5).status == 200:
            self.acknowledged[shown] = label


def stored(database: str) -> dict[int, str]:
    """Exposure -> label, as it lies in the database; every exposure once."""
    opened = Database(database, create=False)
    with opened.reading() as connection:
        rows = connection.execute(sa.select(schema.answers.c.exposure_id, schema.answers.c.label)).all()
    opened.close()
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0]: row[1] for row in rows}


def judge(people: list[Person], database: str) -> dict[int, str]:
    """Let everybody answer at once; give what is stored: all that was acknowledged, and as it was sent."""
    for person in people:
        person.start()
    for person in people:
        person.join(200)
        assert not person.is_alive()
    found = stored(database)
    for person in people:
        assert person.acknowledged.items() <= found.items(), "lost"
        assert {shown: found[shown] for shown in person.sent if shown in found}.items() <= person.sent.items()
    sent = {shown for person in people for shown in person.sent}
    assert set(found) <= sent, "made up"
    return found


def test_fifty_people_answer_at_once(make_study: Study, serve: Study, database: str) -> None:
    folder = make_study(
        clips=20,
        conditions=("text", "audio"),
        raters_per_cell=11,
        items_per_participant=8,
        practice=0,
        attention=0,
        repeats=0,
    )
    with serve(folder, database=database) as running:
        links, deadline = running.links(50), time.monotonic() + 180
        people = [Person(running.address, link, at, deadline) for at, link in enumerate(links)]
        found = judge(people, database)
    assert len(found) == 50 * 8
    assert all(len(person.acknowledged) == 8 and not person.interruptions for person in people)
    answers = read_answers(database)
    assert answers.select("rater_id", "clip_id").n_unique() == 50 * 8
    assert set(answers.group_by("rater_id").len()["len"]) == {8}
    cells = answers.group_by("clip_id", "given").len()["len"]
    assert 9 <= cells.min() <= cells.max() <= 11, "cells fill evenly, and none beyond its quota"
    said = (folder.path.parent / "server.log").read_text()
    assert len(re.findall(r" 200 \d+ ms", said)) > 50 * 8
    assert not re.findall(r" 5\d\d \d+ ms", said)


def test_a_server_killed_under_load_loses_nothing_that_it_acknowledged(
    make_study: Study, serve: Study, database: str
) -> None:
    folder = make_study(
        clips=24,
        conditions=("text", "audio"),
        raters_per_cell=30,
        items_per_participant=12,
        practice=0,
        repeats=0,
    )
    people: list[Person] = []
    port = 0
    for kill in (True, True, False):
        with serve(folder, database=database, port=port) as running:
            if not people:
                port = int(running.address.rsplit(":", 1)[1])
                deadline = time.monotonic() + 150
                links = running.links(12)
                people = [Person(running.address, link, at, deadline) for at, link in enumerate(links)]
                for person in people:
                    person.start()
            if kill:
                before = sum(len(person.acknowledged) for person in people)
                while sum(len(person.acknowledged) for person in people) < before + 30:
                    time.sleep(0.02)
                running.kill()
            else:
                for person in people:
                    person.join(160)
    assert sum(person.interruptions for person in people) >= 2
    found = stored(database)
    for person in people:
        assert not person.is_alive()
        assert len(person.sent) == 13
        assert person.acknowledged.items() <= found.items()
        assert person.sent.items() == {shown: found[shown] for shown in person.sent}.items()
    assert len(found) == 12 * 13
    items = read_answers(database).filter(kind="item")
    assert items.select("rater_id", "clip_id").n_unique() == items.height == 12 * 12


def test_a_server_that_is_stopped_ends_in_order(make_study: Study, serve: Study) -> None:
    with serve(make_study()) as running:
        person = running.visitor().enter(running.links()[0])
        assert person.answer(label="warm", confidence=3).status == 200
        running.process.terminate()
        running.process.wait(20)
    assert len(stored(str(running.folder.path / "study.db"))) == 1
