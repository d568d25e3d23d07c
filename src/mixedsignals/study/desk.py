"""The desk: hands each participant their next clip and takes their answers, one transaction each.

Taking an answer and reserving the next clip is one transaction, on the disk before anything is shown. Counts for
balancing are kept in memory beside a number of events in the database; where somebody else wrote meanwhile, or a
transaction failed, they are counted anew.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from mixedsignals.study import assignment
from mixedsignals.study.assignment import Slot, Tally, latin_rows, part_of
from mixedsignals.study.cells import Cell, Design
from mixedsignals.study.store import facts, handing, people
from mixedsignals.study.store.database import Database
from mixedsignals.study.store.handing import Answer, Exposure, Trial
from mixedsignals.study.store.people import Participant

__all__ = ["Desk", "NotYours"]


class NotYours(Exception):
    """An answer to something that this person was never shown."""


class Desk:
    """Hands out and takes in for one study.

    Args:
        database: where it is written.
        design: the study's cells.
        clock: seconds since 1970; tests bring their own.
    """

    def __init__(self, database: Database, design: Design, *, clock: Callable[[], float] = time.time) -> None:
        self.database, self.design, self._clock = database, design, clock
        self._counting = threading.Lock()
        self._tally = Tally(design)
        self._live: dict[int, tuple[int, int, float]] = {}  # trial -> cell, part, when it lapses
        self._events = -1

    def current(self, participant: Participant) -> Exposure | None:
        """What this person is shown now; the next clip is reserved where they have none.

        Returns:
            The exposure, or None where nothing is left for them or the study is closed.
        """
        now = self._clock()
        with self.database.reading() as connection:
            shown = handing.open_exposure(connection, participant.participant_id)
        if shown is not None and shown.trial.expires_at > now:
            return shown
        with self._changing() as connection:
            shown = handing.open_exposure(connection, participant.participant_id)
            if shown is None:
                return self._advance(connection, participant)
            handing.renew(connection, shown, now=now, expires_at=self._until(now))
            self._reserve(shown.trial, self._until(now))
            return shown

    def open_exposure(self, participant: Participant) -> Exposure | None:
        """What this person is shown now, without handing out anything."""
        with self.database.reading() as connection:
            return handing.open_exposure(connection, participant.participant_id)

    def shown(self, participant: Participant, exposure_id: int) -> Exposure | None:
        """Something that this person is or was shown; None where it is not theirs."""
        with self.database.reading() as connection:
            return handing.exposure_of(connection, participant.participant_id, exposure_id)

    def answer(self, participant: Participant, exposure_id: int, answer: Answer) -> Exposure | None:
        """Take an answer and reserve what comes next. The same answer sent twice is taken once.

        Returns:
            What this person is shown next, or None where nothing is left.

        Raises:
            NotYours: this person was never shown that exposure.
        """
        with self._changing() as connection:
            shown = handing.exposure_of(connection, participant.participant_id, exposure_id)
            if shown is None:
                raise NotYours(str(exposure_id))
            if not handing.answered(connection, shown):
                now = self._clock()
                handing.take_answer(connection, shown, answer, now=now)
                if shown.step + 1 == len(self._steps(shown.trial)):
                    handing.finish_trial(connection, shown.trial, now=now)
                    self._keep(shown.trial)
            following = handing.open_exposure(connection, participant.participant_id)
            return following or self._advance(connection, participant)

    def skip(self, participant: Participant, exposure_id: int) -> Exposure | None:
        """The recording cannot be played on this device: no answer is taken, others get the clip, and the next comes.

        Raises:
            NotYours: this person is not shown that exposure now.
        """
        with self._changing() as connection:
            shown = handing.open_exposure(connection, participant.participant_id)
            if shown is None or shown.exposure_id != exposure_id:
                raise NotYours(str(exposure_id))
            handing.skip_trial(connection, shown.trial, now=self._clock())
            if (held := self._live.pop(shown.trial.trial_id, None)) is not None:
                self._tally.add(held[0], held[1], -1)
            return self._advance(connection, participant)

    def progress(self, participant: Participant) -> tuple[int, int]:
        """Answers given and wanted, practice and checks included."""
        with self.database.reading() as connection:
            done = handing.count_answered(connection, participant.participant_id)
            skipped = handing.count_skipped(connection, participant.participant_id)
        return done, max(self._length(participant.serial) - skipped, done)

    @property
    def most(self) -> int | None:
        """Most people who may take part: as set, or the rows of a Latin square; None where cells alone decide."""
        settings = self.design.settings
        limits = [settings.participants] if settings.participants else []
        if settings.design == "latin":
            limits.append(latin_rows(self.design))
        return min(limits, default=None)

    def room(self) -> bool:
        """Whether one more person is wanted: some cell lacks somebody, and there are not as many as the owner set."""
        settings = self.design.settings
        with self._changing() as connection:
            if self.most is not None and people.count_included(connection) >= self.most:
                return False
            return settings.design == "latin" or bool((self._tally.filled < settings.raters_per_cell).any())

    def _length(self, serial: int) -> int:
        steps = 2 if self.design.settings.arms else 1
        slots = assignment.schedule(self.design, serial)
        return sum(steps if slot.kind == "item" else 1 for slot in slots)

    def _until(self, now: float) -> float:
        return now + 60.0 * self.design.settings.reservation_minutes

    @contextmanager
    def _changing(self) -> Iterator[sa.Connection]:
        """A write with counts that are right at its start; after one that fails they are counted anew."""
        with self._counting:
            try:
                with self.database.writing() as connection:
                    before = facts.next_event(connection)
                    if before != self._events:
                        self._recount(connection)
                    self._lapse()
                    yield connection
            except BaseException:
                self._events = -1
                raise
            self._events = before + 1

    # -- what comes next ------------------------------------------------------------------------------------------

    def _advance(self, connection: sa.Connection, participant: Participant) -> Exposure | None:
        if facts.closed_at(connection) is not None:
            return None
        if people.reason_of(connection, participant.participant_id) is not None:
            self._end(connection, participant)
            return None
        had = handing.trials_of(connection, participant.participant_id)
        if had and had[-1].finished_at is None and had[-1].skipped_at is None:
            return self._next_step(connection, had[-1])
        slots = assignment.schedule(self.design, participant.serial)
        for place in range(had[-1].place + 1 if had else 0, len(slots)):
            if (cell := self._fill(slots[place], participant, had)) is not None:
                return self._hand_out(connection, participant, (place, slots[place]), cell)
        self._end(connection, participant)
        return None

    def _end(self, connection: sa.Connection, participant: Participant) -> None:
        if participant.stage != "done":
            people.set_stage(connection, participant.participant_id, "done")

    def _fill(self, slot: Slot, participant: Participant, had: list[Trial]) -> Cell | None:
        """The cell for a slot; None where nothing fits it."""
        design = self.design
        items = [trial for trial in had if trial.kind == "item"]
        if slot.kind == "item":
            judged = [design.index[trial.clip_id, trial.arm] for trial in items]
            if design.settings.design == "latin":
                row = assignment.latin_row(design, participant.serial)
                return design.cells[row[slot.number]] if slot.number < len(row) else None
            chosen = assignment.choose(
                design, self._tally, serial=participant.serial, position=slot.position or 0, judged=judged
            )
            return None if chosen is None else design.cells[chosen]
        if slot.kind == "repeat":
            order = [trial.clip_id for trial in items if trial.finished_at is not None]
            clip = assignment.repeated(design, participant.serial, order, slot.number)
            arms = {trial.clip_id: trial.arm for trial in items}
            return None if clip is None else design.cells[design.index[clip, arms[clip]]]
        around = design.practice if slot.kind == "practice" else design.attention
        return around[assignment.around(design, participant.serial, slot)]

    def _hand_out(
        self, connection: sa.Connection, participant: Participant, at: tuple[int, Slot], cell: Cell
    ) -> Exposure:
        (place, slot), now = at, self._clock()
        trial = handing.add_trial(
            connection,
            participant_id=participant.participant_id,
            place=place,
            position=slot.position,
            kind=slot.kind,
            clip_id=cell.clip_id,
            arm=cell.arm,
            expected=cell.expected,
            occasion=int(slot.kind == "repeat"),
            reserved_at=now,
            expires_at=self._until(now),
        )
        self._reserve(trial, trial.expires_at)
        return handing.add_exposure(
            connection, trial, step=0, condition=cell.conditions[0], stimulus_id=cell.stimuli[0], now=now
        )

    def _next_step(self, connection: sa.Connection, trial: Trial) -> Exposure:
        cell = self.design.cells[self.design.index[trial.clip_id, trial.arm]]
        now = self._clock()
        return handing.add_exposure(
            connection, trial, step=1, condition=cell.conditions[1], stimulus_id=cell.stimuli[1], now=now
        )

    def _steps(self, trial: Trial) -> tuple[str, ...]:
        if trial.kind != "item":
            return (trial.arm,)
        return self.design.cells[self.design.index[trial.clip_id, trial.arm]].conditions

    # -- counts ---------------------------------------------------------------------------------------------------

    def _reserve(self, trial: Trial, until: float) -> None:
        if trial.kind != "item":
            return
        cell = self.design.index[trial.clip_id, trial.arm]
        part = part_of(trial.position or 0, self.design.items)
        if trial.trial_id not in self._live:
            self._tally.add(cell, part)
        self._live[trial.trial_id] = (cell, part, until)

    def _keep(self, trial: Trial) -> None:
        """A finished trial counts for good, whether or not its reservation had lapsed."""
        self._reserve(trial, trial.expires_at)
        self._live.pop(trial.trial_id, None)

    def _recount(self, connection: sa.Connection) -> None:
        self._tally, self._live = Tally(self.design), {}
        for held in handing.reservations(connection, now=self._clock()):
            if (cell := self.design.index.get((held.clip_id, held.arm))) is None:
                continue
            part = part_of(held.position, self.design.items)
            self._tally.add(cell, part)
            if held.expires_at is not None:
                self._live[held.trial_id] = (cell, part, held.expires_at)

    def _lapse(self) -> None:
        now = self._clock()
        for trial_id, (cell, part, until) in list(self._live.items()):
            if until <= now:
                self._tally.add(cell, part, -1)
                del self._live[trial_id]
