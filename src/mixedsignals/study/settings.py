"""What a study is, as `study.toml` in its folder says and its owner may edit before the first participant comes.

name = "who sounds kind"
design = "balanced"                   # or "latin" (closed panels), "counterfactual" (one modality, then more)
conditions = ["text", "audio", "video", "text+audio+video"]
labels = ["neutral", "empathetic"]    # leave out to ask on the scale only
scale = 0                             # points of an ordinal scale; 0 for none
raters_per_cell = 5
items_per_participant = 20

Every entry has the default of `StudySettings`; every fault is named at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import tomli_w

from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Kind, Labels
from mixedsignals.store import atomic, read_toml
from mixedsignals.study.conditions import includes, is_condition, parse_condition

__all__ = ["SETTINGS_FILE", "Arm", "Design", "StudySettings", "read_settings", "write_settings"]

SETTINGS_FILE = "study.toml"
Design = Literal["balanced", "latin", "counterfactual"]

#: field -> lowest and highest legal value
_RANGES: dict[str, tuple[float, float]] = {
    "raters_per_cell": (1, 1000),
    "items_per_participant": (1, 1000),
    "practice": (0, 50),
    "attention": (0, 50),
    "repeats": (0, 100),
    "scale": (0, 11),
    "seed": (0, 2**31 - 1),
    "reservation_minutes": (1, 24 * 60),
    "loudness": (-40.0, -10.0),
    "lowpass_hz": (100.0, 2000.0),
    "height": (120, 1080),
    "participants": (0, 1_000_000),
}


@dataclass(frozen=True)
class Arm:
    """One arm of a counterfactual design: a clip is judged given `first` and, a while later, given `second`.

    The control arm has the same twice, so that its change is what a second look alone does.
    """

    first: str
    second: str

    @property
    def name(self) -> str:
        """As in `votes.arm`: `text>text+audio`, and for the control `text>text`."""
        return f"{self.first}>{self.second}"

    @property
    def is_control(self) -> bool:
        """Whether nothing is added."""
        return self.first == self.second


@dataclass(frozen=True)
class StudySettings:
    """All that decides a study; one study has one, fixed when the first participant has come.

    Attributes:
        name: the study's name, for its owner.
        conditions: what people are given, each in its one spelling (see `parse_condition`).
        labels: label names in order as people see them; empty where only the scale is asked.
        kind: `nominal` or `ordinal` labels.
        design: `balanced` assigns whichever cell of clip and condition lacks most; `latin` gives the next row of a
            Latin square to each participant of a closed panel; `counterfactual` shows a clip in one condition and
            again with more (or, in the control arm, with the same).
        raters_per_cell: people wanted for each clip in each condition (or arm).
        items_per_participant: clips that one person judges; repeats, practice and attention checks come on top.
        practice: practice items before the first clip; their answers never count.
        attention: attention checks among the clips; their answers never count as votes.
        repeats: clips of a person shown again at the end in the same condition, for test-retest.
        scale: points (2 to 11) of an ordinal scale, 0 for none; with `labels` both are asked.
        scale_low, scale_high: words at the ends of the scale.
        confidence: whether people say how sure they are, from 1 to 5.
        free_text: whether they may write something.
        reasons: whether they may say, for each modality that they were given, which way it pointed.
        headphones: whether sound is checked before the first clip.
        seed: of every order and draw.
        loudness: integrated loudness of all sound in LUFS (ITU-R BS.1770-4), None to leave it as it is.
        lowpass_hz: edge of the low-pass filter of `audio-lowpass`, in Hz.
        height: pixels of the picture at most.
        reservation_minutes: after so long without an answer, what a person had been given goes to others.
        participants: most people who may take part, 0 for as many as the cells need.
        language: of the page's own words.
        completion_code, completion_url: shown at the end, as recruiting services ask for.

    Raises:
        InputError: every value that is not legal, and every combination that makes no sense.
    """

    name: str
    conditions: tuple[str, ...]
    labels: tuple[str, ...] = ()
    kind: Kind = "nominal"
    design: Design = "balanced"
    raters_per_cell: int = 5
    items_per_participant: int = 20
    practice: int = 2
    attention: int = 1
    repeats: int = 2
    scale: int = 0
    scale_low: str = "not at all"
    scale_high: str = "very much"
    confidence: bool = True
    free_text: bool = False
    reasons: bool = False
    headphones: bool = True
    seed: int = 0
    loudness: float | None = None
    lowpass_hz: float = 400.0
    height: int = 360
    reservation_minutes: int = 45
    participants: int = 0
    language: str = "en"
    completion_code: str = ""
    completion_url: str = ""

    def __post_init__(self) -> None:
        for name in ("conditions", "labels"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        if problems := [*_wrong_types(self), *_wrong_values(self)]:
            raise InputError(problems)

    @property
    def answers(self) -> Labels:
        """What `votes.label` can be: the labels, or the points of the scale where only that is asked."""
        if self.labels:
            return Labels(self.labels, self.kind)
        return Labels(tuple(str(point) for point in range(1, self.scale + 1)), "ordinal")

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms of a counterfactual design, each gain followed by its control; none for other designs."""
        if self.design != "counterfactual":
            return ()
        return _arms(self.conditions)

    @property
    def cells(self) -> tuple[str, ...]:
        """What is crossed with clips: the conditions, or the names of the arms."""
        return tuple(arm.name for arm in self.arms) or self.conditions

    def participants_for(self, n_clips: int) -> int:
        """How many people fill every cell of `n_clips` clips when all of them finish."""
        return math.ceil(n_clips * len(self.cells) * self.raters_per_cell / self.items_per_participant)


def _arms(conditions: tuple[str, ...]) -> tuple[Arm, ...]:
    found = []
    for first in conditions:
        wider = [Arm(first, more) for more in conditions if includes(more, first)]
        found += [*wider, Arm(first, first)] if wider else []
    return tuple(found)


def _fault(code: str, name: str, came: object, legal: str) -> Problem:
    message = f"{name} is {came!r}; legal is {legal}"
    return Problem(code, message, "Correct the entry.", file=SETTINGS_FILE)


def _wrong_types(settings: StudySettings) -> list[Problem]:
    """Values whose type is not that of their default: TOML and callers can hand over anything."""
    problems = []
    for field in fields(settings):
        value, said = getattr(settings, field.name), str(field.type)
        if said.startswith("tuple"):
            if not isinstance(value, tuple) or not all(
                isinstance(each, str) and each.strip() for each in value
            ):
                problems.append(_fault("illegal-setting", field.name, value, "a list of names in quotes"))
        elif said == "bool":
            if not isinstance(value, bool):
                problems.append(_fault("illegal-setting", field.name, value, "true or false"))
        elif said == "str":
            if not isinstance(value, str):
                problems.append(_fault("illegal-setting", field.name, value, "text in quotes"))
        elif field.name in _RANGES and not _in_range(field.name, value, whole=said == "int"):
            low, high = _RANGES[field.name]
            kind = "a whole number" if said == "int" else "a number"
            problems.append(_fault("illegal-setting", field.name, value, f"{kind} from {low:g} to {high:g}"))
    return problems


def _in_range(name: str, value: object, *, whole: bool) -> bool:
    if value is None:
        return name == "loudness"
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        return False
    low, high = _RANGES[name]
    return low <= value <= high


def _wrong_values(settings: StudySettings) -> list[Problem]:
    problems = [
        _fault("illegal-setting", name, getattr(settings, name), f"one of {', '.join(get_args(legal))}")
        for name, legal in (("design", Design), ("kind", Kind))
        if getattr(settings, name) not in get_args(legal)
    ]
    if isinstance(settings.name, str) and not settings.name.strip():
        problems.append(_fault("illegal-setting", "name", settings.name, "text that is not empty"))
    if isinstance(settings.conditions, tuple):
        problems += _wrong_conditions(settings)
    if isinstance(settings.labels, tuple) and isinstance(settings.scale, int):
        problems += _wrong_answers(settings)
    counts = (settings.repeats, settings.items_per_participant)
    if all(isinstance(count, int) for count in counts) and counts[0] > counts[1]:
        legal = f"at most items_per_participant, {counts[1]}"
        problems.append(_fault("illegal-setting", "repeats", counts[0], legal))
    url = settings.completion_url
    if isinstance(url, str) and url and not url.startswith("https://"):
        problems.append(
            _fault("illegal-setting", "completion_url", url, "an address that begins with https://")
        )
    return problems


def _wrong_conditions(settings: StudySettings) -> list[Problem]:
    problems, conditions = [], settings.conditions
    if not conditions:
        problems.append(_fault("no-condition", "conditions", list(conditions), "one condition or more"))
    for condition in conditions:
        try:
            if (legal := parse_condition(str(condition))) != condition:
                problems.append(_fault("illegal-setting", "conditions", condition, f"the spelling {legal!r}"))
        except InputError as error:
            problems += error.problems
    if len(set(conditions)) != len(conditions):
        problems.append(_fault("illegal-setting", "conditions", list(conditions), "each condition once"))
    if settings.design == "counterfactual" and all(map(is_condition, conditions)) and not _arms(conditions):
        message = (
            f"no condition of {', '.join(conditions)} gives all that another gives and something besides"
        )
        remedy = "Name a condition and the same with more, such as text,text+audio."
        problems.append(Problem("no-arm", message, remedy, file=SETTINGS_FILE))
    return problems


def _wrong_answers(settings: StudySettings) -> list[Problem]:
    problems = []
    if settings.scale == 1:
        problems.append(_fault("illegal-setting", "scale", 1, "2 to 11 points, or 0 for no scale"))
    if not settings.labels and not settings.scale:
        message = "neither labels nor a scale are asked, so nobody could answer"
        problems.append(
            Problem("nothing-asked", message, "List labels, or give scale its points.", file=SETTINGS_FILE)
        )
    if settings.labels and settings.kind in get_args(Kind):
        try:
            Labels(settings.labels, settings.kind)
        except InputError as error:
            problems += [Problem(p.code, p.message, p.remedy, file=SETTINGS_FILE) for p in error.problems]
    return problems


def read_settings(path: Path | str) -> StudySettings:
    """Read `study.toml`.

    Args:
        path: the file.

    Raises:
        InputError: it is missing, is no TOML, or has faults (every one of them).
    """
    path = Path(path)
    return _from_mapping(read_toml(path, remedy="Make the study with `mixedsignals study create`."))


def _from_mapping(content: Mapping[str, Any]) -> StudySettings:
    known = {field.name for field in fields(StudySettings)}
    problems = [
        Problem(
            "unknown-setting",
            f"{name} is not a known entry; legal are {', '.join(sorted(known))}",
            "Correct or remove it.",
            file=SETTINGS_FILE,
        )
        for name in content
        if name not in known
    ]
    problems += [
        Problem("missing-setting", f"{name} is not there", "Add the entry.", file=SETTINGS_FILE)
        for name in ("name", "conditions")
        if name not in content
    ]
    given = {name: value for name, value in content.items() if name in known}
    try:
        settings = StudySettings(**{"name": "study", "conditions": ("text",), **given})
    except InputError as error:
        raise InputError([*problems, *error.problems]) from error
    if problems:
        raise InputError(problems)
    return settings


def write_settings(settings: StudySettings, path: Path | str) -> None:
    """Write `study.toml` atomically; reading it gives equal settings.

    Raises:
        CannotFinish: the disk is full or the folder cannot be written.
    """
    content = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(settings).items()
        if value is not None
    }
    with atomic(path) as partial:
        partial.write_text(tomli_w.dumps(content), encoding="utf-8")
