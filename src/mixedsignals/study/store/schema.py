"""The tables of a study's database. Answers are only ever added; a participant is a random token and nothing else.

Times are seconds since 1970 in UTC. No column holds an address, a name or a provider's id: of the latter only a keyed
digest is kept, so that the same person finds their place again.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

__all__ = [
    "answers",
    "exclusions",
    "exposures",
    "invitations",
    "meta",
    "metadata",
    "participants",
    "removals",
    "trials",
]

metadata = MetaData()
_JUDGED = text("kind IN ('item', 'repeat')")  # nobody judges a clip twice on the same occasion

#: single facts about the study: its signing key, the owner's password (scrypt), when it closed, the number of events
meta = Table(
    "study_meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False)
)

#: ways in: `single` links make one participant, `open` and `panel` links as many as their quota
invitations = Table(
    "invitations",
    metadata,
    Column("invitation_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("quota", Integer),
    Column("created_at", Double, nullable=False),
    Column("revoked_at", Double),
)

#: `participant_id` is what exports call the rater; `link_key` opens the participant's own page and is never exported
participants = Table(
    "participants",
    metadata,
    Column("participant_id", Text, primary_key=True),
    Column("link_key", Text, nullable=False, unique=True),
    Column("serial", Integer, nullable=False),
    Column("invitation_id", Text, ForeignKey("invitations.invitation_id"), nullable=False, index=True),
    Column("external_digest", Text, unique=True),
    Column("stage", Text, nullable=False),
    Column("checks", Text),
    Column("entered_at", Double, nullable=False),
    Column("finished_at", Double),
)

#: one row per clip handed to a participant; a reservation until it expires or is finished
trials = Table(
    "trials",
    metadata,
    Column("trial_id", Integer, primary_key=True),
    Column("participant_id", Text, ForeignKey("participants.participant_id"), nullable=False),
    Column("place", Integer, nullable=False),
    Column("position", Integer),
    Column("kind", Text, nullable=False),
    Column("clip_id", Text, nullable=False),
    Column("arm", Text, nullable=False),
    Column("expected", Text),
    Column("occasion", Integer, nullable=False),
    Column("reserved_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("finished_at", Double),
    Column("skipped_at", Double),
    UniqueConstraint("participant_id", "place", name="one_trial_per_place"),
    Index(
        "a_clip_once",
        "participant_id",
        "clip_id",
        "occasion",
        unique=True,
        sqlite_where=_JUDGED,
        postgresql_where=_JUDGED,
    ),
)

#: one row per stimulus shown: a trial has one, or two in the counterfactual design
exposures = Table(
    "exposures",
    metadata,
    Column("exposure_id", Integer, primary_key=True),
    Column("trial_id", Integer, ForeignKey("trials.trial_id"), nullable=False),
    Column("step", Integer, nullable=False),
    Column("condition", Text, nullable=False),
    Column("stimulus_id", Text, nullable=False),
    Column("shown_at", Double, nullable=False),
    UniqueConstraint("trial_id", "step", name="one_exposure_per_step"),
)

answers = Table(
    "answers",
    metadata,
    Column("answer_id", Integer, primary_key=True),
    Column("exposure_id", Integer, ForeignKey("exposures.exposure_id"), nullable=False, unique=True),
    Column("participant_id", Text, ForeignKey("participants.participant_id"), nullable=False),
    Column("answered_at", Double, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("label", Text),
    Column("scale", Integer),
    Column("confidence", Double),
    Column("free_text", Text),
    Column("reasons", Text),
    Index("answers_of_participant", "participant_id"),
)

#: who was left out, when and why; the latest row of a participant counts, none is changed
exclusions = Table(
    "exclusions",
    metadata,
    Column("exclusion_id", Integer, primary_key=True),
    Column("participant_id", Text, ForeignKey("participants.participant_id"), nullable=False, index=True),
    Column("excluded", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", Double, nullable=False),
)

#: that somebody's data were deleted, and how many answers; not whose
removals = Table(
    "removals",
    metadata,
    Column("removal_id", Integer, primary_key=True),
    Column("asked_by", Text, nullable=False),
    Column("answers", Integer, nullable=False),
    Column("removed_at", Double, nullable=False),
)
