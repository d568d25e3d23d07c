"""Fifty people in one study over loopback, twenty answers each, on SQLite and on PostgreSQL where it is installed.

    python -m benchmarks.study

Everybody loads each recording, waits a moment as if judging it (far less than a person needs) and answers. Timed is
the answer: the request that makes it durable and brings the next page. Limit: 200 ms for 95 of 100. A second row per
database has nobody wait at all, which tells how many answers a second the server takes.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results_file import print_table, save
from mixedsignals import api
from mixedsignals.study.store import read_answers
from mixedsignals.testing.servers import has_postgres, postgres, served
from mixedsignals.testing.visitor import Visitor

LIMIT_MS = 200.0
PEOPLE, ANSWERS = 50, 20
CONDITIONS = ("text", "audio", "video", "text+audio+video")


@dataclass
class Person(threading.Thread):
    """Answers until nothing is left, and keeps how long each answer took."""

    address: str
    link: str
    number: int
    pause: float
    together: threading.Barrier
    took: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return self.number

    def run(self) -> None:
        """Take the study."""
        draw, visitor = random.Random(self.number), Visitor(self.address)
        visitor.enter(self.link)
        self.together.wait(300)  # everybody has come in: from here on there are only clips and answers
        time.sleep(draw.uniform(0, self.pause))
        while visitor.shown is not None:
            if visitor.media is not None:
                visitor.get(visitor.media)
            time.sleep(draw.uniform(0.5, 1.5) * self.pause)
            began = time.perf_counter()
            reply = visitor.answer(label="neutral", confidence=draw.randint(1, 5))
            if reply.status != 200:
                raise RuntimeError(f"the server said {reply.status}")
            self.took.append(time.perf_counter() - began)


def measure(study: Path, database: str, *, name: str, pause: float) -> dict[str, Any]:
    """One row: fifty people with this pause, on an empty database."""
    with served(study, database=database) as server:
        address = server.address
        links = api.invite_people(study, count=PEOPLE, address=address, database=database)
        together = threading.Barrier(PEOPLE + 1)
        people = [Person(address, link, number, pause, together) for number, link in enumerate(links)]
        for person in people:
            person.start()
        together.wait(300)
        began = time.perf_counter()
        for person in people:
            person.join()
        seconds = time.perf_counter() - began
    took = 1000 * np.array([each for person in people for each in person.took])
    stored = read_answers(database)
    return {
        "database": name,
        "people": PEOPLE,
        "pause, s": pause,
        "answers": stored.height,
        "lost or doubled": len(took) - stored.select("rater_id", "clip_id").n_unique(),
        "median, ms": float(np.median(took)),
        "p95, ms": float(np.quantile(took, 0.95)),
        "p99, ms": float(np.quantile(took, 0.99)),
        "answers per second": len(took) / seconds,
        "limit of p95, ms": LIMIT_MS if pause else None,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Make the study, measure, print and save the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pause", type=float, default=2.0, help="mean seconds between clip and answer")
    pause, rows = parser.parse_args(argv).pause, []
    load = os.getloadavg()[0]  # what else the machine was doing: on a busy one these times tell little
    with tempfile.TemporaryDirectory() as scratch:
        settings = {
            "conditions": CONDITIONS,
            "items_per_participant": ANSWERS,
            "raters_per_cell": 12,
            "practice": 0,
            "attention": 0,
            "repeats": 0,
            "headphones": False,
        }
        study = Path(scratch) / "study"
        api.create_study(api.playhouse(), study, settings=settings, clips=24, simulations=0)
        for wait in (pause, 0.0):
            place = str(Path(scratch) / f"answers{wait}.db")
            rows.append(measure(study, place, name="SQLite", pause=wait))
            if has_postgres():
                with postgres() as new:
                    rows.append(measure(study, new(), name="PostgreSQL", pause=wait))
    print_table(rows)
    save("study", rows, load_average_before=load)


if __name__ == "__main__":
    main()
