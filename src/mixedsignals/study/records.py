"""The two tables that the parts of a study share: what can be shown (stimuli), and what people answered (answers).

Stimuli are made once, when a study is created. Answers are read from the store, one row per answer, with the columns
of `votes` and with what decides whether an answer becomes one.
"""

from __future__ import annotations

import polars as pl

from mixedsignals.study.conditions import is_condition
from mixedsignals.tables import VOTES, Column, Table

__all__ = ["ANSWERS", "STIMULI"]

TEXT, WHOLE, NUMBER = pl.String(), pl.Int64(), pl.Float64()
_KIND = Column(
    "kind",
    TEXT,
    "`item` (counts), `practice` or `attention` (never do)",
    legal=("item", "practice", "attention"),
)
_EXPECTED = Column("expected", TEXT, "the answer that an attention check asks for", nullable=True)
_CONDITION = (is_condition, "text, audio, audio-lowpass, video or a combination such as text+audio+video")

STIMULI = Table(
    "stimuli",
    ("stimulus_id",),
    (
        Column("stimulus_id", TEXT, "a random token; the only name that a participant's browser learns"),
        Column("clip_id", TEXT, "the clip; `attention:1`, … for attention checks, which show none"),
        Column("condition", TEXT, "what is perceived", check=_CONDITION),
        Column(
            "file",
            TEXT,
            "name in `stimuli/`, a random token of its own; null where only text is",
            nullable=True,
        ),
        Column(
            "mime", TEXT, "`video/mp4` (moving picture, with or without sound) or `audio/mp4`", nullable=True
        ),
        Column("text", TEXT, "the words that are shown; null in conditions without text", nullable=True),
        _KIND,
        _EXPECTED,
        Column("seconds", NUMBER, "length of the file; null without one", nullable=True, low=0.0, unit="s"),
    ),
    "What can be shown to participants, one row per clip and condition.",
)

ANSWERS = Table(
    "answers",
    ("rater_id", "stimulus_id", "occasion"),
    (
        Column("stimulus_id", TEXT, "what was shown"),
        Column("clip_id", TEXT, "the clip"),
        Column("rater_id", TEXT, "the participant's random token for exports (never the one in the link)"),
        Column("given", TEXT, "what was perceived", check=_CONDITION),
        Column(
            "occasion", WHOLE, "how often this person had judged this clip before, in any condition", low=0
        ),
        Column("label", TEXT, "the label; the point of the scale where only that is asked"),
        Column("confidence", NUMBER, "from 1 to 5", nullable=True),
        Column("seconds", NUMBER, "from showing to answering", nullable=True, low=0.0, unit="s"),
        Column("position", WHOLE, "place in the person's order, from 0", low=0),
        Column("arm", TEXT, "arm of a counterfactual design; `repeat` for a test-retest item", nullable=True),
        _KIND,
        _EXPECTED,
        Column("scale", WHOLE, "point of the scale, from 1", nullable=True, low=1),
        Column("free_text", TEXT, "what the person wrote", nullable=True),
        Column("reasons", TEXT, "JSON: per modality, which way it pointed", nullable=True),
        Column("excluded", TEXT, "why the owner excluded this person; null where not", nullable=True),
        Column("answered_at", TEXT, "when, in UTC (ISO 8601)", nullable=True),
    ),
    f"Answers as stored; those that count become `{VOTES.name}`.",
)
