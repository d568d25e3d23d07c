"""The declarations: every table of the package with its columns, types, units, legal values and meaning."""

from __future__ import annotations

import polars as pl

from mixedsignals.labels import is_perceived
from mixedsignals.tables.column import Column, Table

TEXT, WHOLE, NUMBER = pl.String(), pl.Int64(), pl.Float64()


def _id(name: str, meaning: str, *, nullable: bool = False, default: str | None = None) -> Column:
    return Column(name, TEXT, meaning, nullable=nullable, default=default)


def _label(meaning: str, *, nullable: bool = False) -> Column:
    return Column("label", TEXT, meaning, nullable=nullable, is_label=True)


def _count(
    name: str, meaning: str, *, nullable: bool = False, default: int | None = None, low: float = 0
) -> Column:
    return Column(name, WHOLE, meaning, nullable=nullable, default=default, low=low)


def _share(name: str, meaning: str, *, nullable: bool = False) -> Column:
    return Column(name, NUMBER, meaning, nullable=nullable, low=0.0, high=1.0)


_CLIP = _id("clip_id", "the clip's own id")
_RUN = _id("run_id", "the run that made the row")
_SEED = Column("seed", WHOLE, "the seed of the model")
_SOURCE = _id("source", "the model: `text`, `audio`, `video`, `fusion`, a family member or a user's own name")
_GIVEN_MODEL = _id("given", "the modalities that the source was shown, `unknown` where nobody said")
_GIVEN_PERSON = Column(
    "given",
    TEXT,
    "what the person could perceive: `text`, `audio`, `video`, a combination such as `text+audio+video`, or "
    "`audio-lowpass` (sound without its words)",
    check=(is_perceived, "text, audio, video or a combination in that order, such as text+audio+video"),
)

CLIPS = Table(
    "clips",
    ("clip_id",),
    (
        _CLIP,
        _id("speaker_id", "who speaks; the unit of intervals and folds", nullable=True),
        _id("media", "file with sound and picture, relative to the corpus folder", nullable=True),
        _id("audio", "separate sound file, relative to the corpus folder", nullable=True),
        _id("video", "separate picture file, relative to the corpus folder", nullable=True),
        Column("start", NUMBER, "where the clip starts in its file", nullable=True, low=0.0, unit="s"),
        Column("end", NUMBER, "where the clip ends in its file", nullable=True, low=0.0, unit="s"),
        _id("transcript", "the words spoken", nullable=True),
        _label("the label that the corpus gives", nullable=True),
    ),
    "The clips of a corpus; further columns are kept and can be used as slices.",
    open=True,
)
VOTES = Table(
    "votes",
    ("clip_id", "rater_id", "given", "occasion", "label"),
    (
        _CLIP,
        _id("rater_id", "who judged; null for anonymous counts", nullable=True),
        _GIVEN_PERSON,
        _count("occasion", "counts repeats by the same rater", nullable=True, default=0),
        _label("the judgement"),
        _count("count", "number of anonymous votes; null for a named rater's single vote", nullable=True),
        Column(
            "confidence", NUMBER, "how sure the rater said to be, on the study's own scale", nullable=True
        ),
        Column("seconds", NUMBER, "time taken", nullable=True, low=0.0, unit="s"),
        _count("position", "place in the rater's order, from 0", nullable=True),
        _id("arm", "arm of the study's design", nullable=True),
    ),
    "What people said, one row per judgement (or per count of anonymous judgements); never aggregated on load.",
)
TARGETS = Table(
    "targets",
    ("clip_id", "label"),
    (
        _CLIP,
        _label("a label of the clip"),
        _share("share", "the label's share of the target; sums to 1 per clip"),
    ),
    "What models are trained towards and measured against.",
)
SPLITS = Table(
    "splits",
    ("clip_id", "fold"),
    (
        _CLIP,
        _count("fold", "number of the fold, from 0"),
        Column("role", TEXT, "what the clip is for in this fold", legal=("train", "tune", "test")),
    ),
    "Who is trained on, tuned on and tested on in each fold.",
)
PREDICTIONS = Table(
    "predictions",
    ("run_id", "seed", "clip_id", "source", "given", "label"),
    (
        _RUN,
        _SEED,
        _CLIP,
        _SOURCE,
        _GIVEN_MODEL,
        _label("a label"),
        _share("probability", "raw probability of the label"),
        _share("calibrated", "probability after calibration out of fold", nullable=True),
    ),
    "Out-of-sample probabilities of every source for every clip.",
)
GATES = Table(
    "gates",
    ("run_id", "seed", "clip_id", "source", "given", "modality"),
    (
        _RUN,
        _SEED,
        _CLIP,
        _SOURCE,
        _GIVEN_MODEL,
        _id("modality", "the modality that is let through"),
        _share("gate", "how far its own gate is open; independent of the others"),
        _share("weight", "its share of the attention; sums to 1 over the modalities present"),
    ),
    "How far fusion listened to each modality.",
)
PROBES = Table(
    "probes",
    ("run_id", "seed", "clip_id", "source", "probe", "modality", "donor_id", "label"),
    (
        _RUN,
        _SEED,
        _CLIP,
        _SOURCE,
        _id("probe", "what was changed"),
        _id("modality", "the modality that was changed"),
        _id("donor_id", "the clip that lent its modality", nullable=True),
        _label("a label"),
        _share("probability", "probability after the change"),
    ),
    "What models say when one modality is changed.",
)
DYNAMICS = Table(
    "dynamics",
    ("run_id", "seed", "fold", "clip_id", "source", "given", "epoch"),
    (
        _RUN,
        _SEED,
        _count("fold", "number of the fold"),
        _CLIP,
        _SOURCE,
        _GIVEN_MODEL,
        _count("epoch", "epoch of training, from 0"),
        _share("p_target", "probability of the target during training"),
        Column(
            "right",
            WHOLE,
            "1 where the target was the most probable label, 0 where not",
            nullable=True,
            low=0,
            high=1,
        ),
    ),
    "How training went, clip by clip.",
)
CUES = Table(
    "cues",
    ("clip_id", "cue"),
    (
        _CLIP,
        _id("cue", "name of the cue"),
        _id("modality", "where it is heard or seen"),
        Column("value", NUMBER, "its value"),
        _id("unit", "its unit"),
    ),
    "Measurable cues of a clip.",
)
SCORES = Table(
    "scores",
    ("run_id", "clip_id", "source", "measure"),
    (_RUN, _CLIP, _SOURCE, _id("measure", "name of the measure"), Column("value", NUMBER, "its value")),
    "Measures of single clips.",
)
ESTIMATES = Table(
    "estimates",
    ("run_id", "measure", "source", "slice"),
    (
        _RUN,
        _id("measure", "stable name of the measure"),
        _id("source", "whose it is; people are the source `people`"),
        _id("slice", "`all` (the source's fullest input), `given=X` or `column=value`"),
        Column("value", NUMBER, "the estimate"),
        Column("low", NUMBER, "lower end of the interval", nullable=True),
        Column("high", NUMBER, "upper end of the interval", nullable=True),
        Column("level", NUMBER, "level of the interval", nullable=True, low=0.0, high=1.0),
        _id("method", "how the interval was made, and what it rests on"),
        _count("n_clips", "clips behind the value"),
        _count("n_groups", "groups (speakers, or clips where none are known) behind the value"),
        _share("p", "p value of the test named in the measure's page", nullable=True),
        _share("p_adjusted", "p value adjusted for its family of tests", nullable=True),
    ),
    "Every number of the diagnosis with its interval.",
)
FINDINGS = Table(
    "findings",
    ("code", "run_id", "source", "slice", "clip_id"),
    (
        _id("code", "stable code of the check"),
        _RUN,
        _id("source", "whose it is"),
        _id("slice", "where it holds"),
        _id("clip_id", "the clip, for findings about one", nullable=True),
        Column("status", TEXT, "what it is", legal=("issue", "tip", "passed", "not_applicable")),
        Column("severity", TEXT, "how much it matters", legal=("high", "medium", "low", "none")),
        _id("message", "the finding in one or two sentences"),
        _id("measure", "the estimate behind it", nullable=True),
    ),
    "What the checks found, in words.",
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        CLIPS,
        VOTES,
        TARGETS,
        SPLITS,
        PREDICTIONS,
        GATES,
        PROBES,
        DYNAMICS,
        CUES,
        SCORES,
        ESTIMATES,
        FINDINGS,
    )
}
