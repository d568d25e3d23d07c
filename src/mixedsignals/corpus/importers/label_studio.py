"""Label Studio annotations as votes: several annotators per task, what each task showed kept as `given`.

Reads Label Studio's JSON and JSON-MIN exports, one file or a folder of them (a project per condition). Tasks written by
`mixedsignals export --to label-studio` are read with the `key.csv` beside them; others by `clip_id` in their data.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mixedsignals.corpus.importers.common import Imported
from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Kind, Labels, combination, is_perceived
from mixedsignals.tables import CLIPS, VOTES, conform, read_frame

__all__ = ["read_label_studio"]

KEY = "key.csv"
_TASK_FIELDS = ("stimulus_id", "clip_id", "given", "speaker_id", "text", "transcript")


@dataclass(frozen=True)
class _Vote:
    """One annotation as it was found."""

    file: str
    row: int
    data: Mapping[str, Any]
    rater: str | None
    label: str | None
    confidence: float | None
    seconds: float | None
    at: str
    skipped: bool = False
    several: bool = False


def read_label_studio(
    source: Path,
    *,
    key: str | None = None,
    given: str | None = None,
    labels: Iterable[str] | None = None,
    kind: Kind | None = None,
    name: str | None = None,
) -> Imported:
    """Read annotations; cancelled ones are left out and counted.

    Args:
        source: a JSON file, or a folder with JSON files at any depth (`tasks.json`, which are ours, are not read).
        key: the `key.csv` that was written with the tasks; one in the folder or above it is found.
        given: what was perceived, where tasks do not say.
        labels: label names in order; those that occur, sorted, if absent.
        kind: `nominal` or `ordinal`.
        name: name of the corpus.

    Raises:
        InputError: no annotation, or faults of single ones, all of them named by file and task.
    """
    found = [vote for file in _files(source) for vote in _votes_in(file, source)]
    keys = _key(source, key)
    problems: list[Problem] = []
    rows = [row for vote in found if not vote.skipped and (row := _row(vote, keys, given, problems))]
    if not rows and not problems:
        message, remedy = "holds no annotation", "Export from Label Studio as JSON or JSON-MIN."
        problems.append(Problem("no-annotation", message, remedy, file=str(source)))
    if problems:
        raise InputError(problems)
    votes = _votes(rows)
    names = tuple(labels) if labels is not None else tuple(votes["label"].unique().sort())
    return Imported(
        name=name or source.stem,
        labels=Labels(names, kind or "nominal"),
        clips=_clips(rows),
        votes=conform(VOTES, votes, labels=Labels(names, kind or "nominal")),
        warnings=tuple(_warnings(found, source)),
    )


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    found = sorted(path for path in source.rglob("*.json") if path.name != "tasks.json")
    if not found:
        message, remedy = "has no JSON file", "Export the annotations as JSON or JSON-MIN into it."
        raise InputError(Problem("missing-file", message, remedy, file=str(source)))
    return found


def _key(source: Path, named: str | None) -> dict[str, dict[str, Any]]:
    """What each stimulus is, by its token; empty where there is no key."""
    folder = source if source.is_dir() else source.parent
    places = [Path(named)] if named else [place / KEY for place in (folder, folder.parent)]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        if named is None:
            return {}
        raise InputError(Problem("missing-file", "is not there", "Name key.csv by --key.", file=named))
    return {str(row["stimulus_id"]): row for row in read_frame(path).iter_rows(named=True)}


def _votes_in(file: Path, source: Path) -> Iterator[_Vote]:
    shown = file.name if file == source else file.relative_to(source).as_posix()
    remedy = "Export from Label Studio as JSON or JSON-MIN."
    try:
        tasks = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(
            Problem("unreadable-file", f"cannot be read as JSON ({error})", remedy, file=shown)
        ) from error
    if not isinstance(tasks, list) or not all(isinstance(task, Mapping) for task in tasks):
        raise InputError(Problem("unreadable-file", "is no list of tasks", remedy, file=shown))
    for number, task in enumerate(tasks, start=1):
        if isinstance(task.get("data"), Mapping):
            yield from _of_task(task, shown, number)
        else:
            yield _of_min(task, shown, number)


def _of_task(task: Mapping[str, Any], file: str, row: int) -> Iterator[_Vote]:
    """The annotations of a task in the full export."""
    data = {"clip_id": None, **task["data"]}
    for made in task.get("annotations") or []:
        results = [one for one in made.get("result") or [] if isinstance(one, Mapping)]
        choices = _value(results, "label", "choices") or _value(results, None, "choices") or []
        scale = _value(results, "scale", "rating")
        yield _Vote(
            file=file,
            row=row,
            data=data,
            rater=_rater(made.get("completed_by")),
            label=str(choices[0]) if choices else None if scale is None else str(scale),
            confidence=_number(_value(results, "confidence", "rating")),
            seconds=_number(made.get("lead_time")),
            at=str(made.get("created_at") or ""),
            skipped=bool(made.get("was_cancelled")),
            several=len(choices) > 1,
        )


def _value(results: Iterable[Mapping[str, Any]], control: str | None, kind: str) -> Any:
    """What was said with a control; with any of that kind where none is named."""
    for one in results:
        if one.get("type") == kind and control in (None, one.get("from_name")):
            return (one.get("value") or {}).get(kind)
    return None


def _of_min(task: Mapping[str, Any], file: str, row: int) -> _Vote:
    """One row of JSON-MIN: a task with one annotation, its values by the names of the controls."""
    label = task.get("label", task.get("scale"))
    several = isinstance(label, Mapping)  # {"choices": [...]} where more than one was chosen
    return _Vote(
        file=file,
        row=row,
        data=task,
        rater=_rater(task.get("annotator")),
        label=None if label is None or several else str(label),
        confidence=_number(task.get("confidence")),
        seconds=_number(task.get("lead_time")),
        at=str(task.get("created_at") or ""),
        several=several,
    )


def _rater(who: Any) -> str | None:
    """The annotator's number in Label Studio, not the address, which is nobody's business."""
    if isinstance(who, Mapping):
        who = who.get("id", who.get("email"))
    return None if who is None else str(who)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _row(
    vote: _Vote, keys: Mapping[str, Mapping[str, Any]], given: str | None, problems: list[Problem]
) -> dict[str, Any] | None:
    """The vote as a row, with what its clip is; None with a problem where it cannot be one."""
    token = vote.data.get("stimulus_id")
    about = keys.get(str(token), {}) if token is not None else {}
    told = {name: about.get(name) or vote.data.get(name) for name in _TASK_FIELDS}
    seen = told["given"] or given
    seen = combination(part.strip() for part in str(seen).split("+")) if seen else None
    faults = []
    if told["clip_id"] is None:
        why = f"stimulus {token} is not in the key" if token is not None else "the task names no clip_id"
        faults.append((why, "Give the key.csv of these tasks by --key, or put clip_id into the data."))
    if seen is None or not is_perceived(seen):
        came = "nothing" if seen is None else repr(seen)
        faults.append(
            (f"what was given is {came}", "Put `given` into the tasks' data, or say it by --given.")
        )
    if vote.label is None:
        why = "several labels were chosen" if vote.several else "no label was chosen"
        faults.append(
            (why, "Have exactly one chosen (choice=single, required), or leave the annotation out.")
        )
    if vote.several and vote.label is not None:
        faults.append(("several labels were chosen", "Have exactly one chosen (choice=single)."))
    clip = None if told["clip_id"] is None else str(told["clip_id"])
    problems += [
        Problem("bad-annotation", f"task {vote.row}: {why}", remedy, file=vote.file, clip_id=clip)
        for why, remedy in faults
    ]
    if faults:
        return None
    return {
        "clip_id": clip,
        "rater_id": vote.rater,
        "given": seen,
        "label": vote.label,
        "confidence": vote.confidence,
        "seconds": vote.seconds,
        "at": vote.at,
        "speaker_id": told["speaker_id"],
        "transcript": told["transcript"] or told["text"],
    }


def _votes(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Votes of named annotators one by one; those of nobody known as counts, which hold neither time nor confidence."""
    kept = [{k: v for k, v in row.items() if k in VOTES.schema} for row in _occasions(rows)]
    named = [row for row in kept if row["rater_id"] is not None]
    facts = ("clip_id", "given", "label")
    counts = Counter(tuple(row[fact] for fact in facts) for row in kept if row["rater_id"] is None)
    anonymous = [dict(zip(facts, key, strict=True)) | {"count": count} for key, count in counts.items()]
    return pl.concat([conform(VOTES, part) for part in (named, anonymous) if part])


def _occasions(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows in the order of time; a rater who judged the same again has it as a further occasion."""
    seen: Counter[tuple[Any, ...]] = Counter()
    ordered = []
    for row in sorted(rows, key=lambda row: row["at"]):
        key = (row["clip_id"], row["rater_id"], row["given"])
        ordered.append({**row, "occasion": seen[key]})
        seen[key] += 1
    return ordered


def _clips(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    known: dict[str, dict[str, Any]] = {}
    for row in rows:
        clip = known.setdefault(row["clip_id"], {"clip_id": row["clip_id"]})
        for name in ("speaker_id", "transcript"):
            if row[name] is not None:
                clip[name] = str(row[name])
    full = [{"speaker_id": None, "transcript": None, **clip} for clip in known.values()]
    return conform(CLIPS, full)


def _warnings(found: Iterable[_Vote], source: Path) -> Iterator[Problem]:
    skipped = sum(vote.skipped for vote in found)
    if skipped:
        message = f"{skipped} cancelled annotations are left out"
        yield Problem("cancelled", message, "Nothing.", severity="warning", file=str(source))
    message = "annotations come without media and targets"
    remedy = "Copy votes.parquet beside the clips of your own corpus to have both."
    yield Problem("no-media", message, remedy, severity="warning", file=str(source))
