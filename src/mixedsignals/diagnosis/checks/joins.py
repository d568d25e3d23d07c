"""Faults of joining that imitate disagreement: rows that do not join, lacking seeds, training clips, duplicates."""

from __future__ import annotations

import numpy as np
import polars as pl

from mixedsignals.diagnosis.evidence import Case
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.words import called, count, listed, sentence, share_of, verb

__all__ = ["duplicated_clips", "missing_seeds", "rows_that_do_not_join", "training_clips"]

_NAMED = 5


def rows_that_do_not_join(case: Case) -> Outcome:
    """MS001: fires when a table has rows of clips that another lacks; they are named and counted, never dropped."""
    tables = {
        "predictions": case.predictions,
        "votes": case.evidence.votes,
        "targets": case.evidence.targets,
    }
    ids = {name: case.known_to(name) for name, table in tables.items() if table is not None and len(table)}
    clips = case.evidence.clips
    against = "clips" if clips is not None else "predictions" if "predictions" in ids else None
    if against is None or (clips is None and len(ids) < 2):
        raise NotApplicable("There is only one table with clips, so nothing has to join.")
    known = case.known_to("clips") if clips is not None else ids.pop("predictions")
    outcome = Outcome()
    for name, own in ids.items():
        strange, lacking = (
            case.clip_ids.gather(np.flatnonzero(only)).sort() for only in (own & ~known, known & ~own)
        )
        outcome.fault("rows-that-do-not-join", name, len(strange), int(own.sum()))
        if len(strange):
            message = (
                f"The {name} know {share_of(len(strange), int(own.sum()), 'clips')} that {against} do not have: "
                f"{_named(strange)}. They are kept, each as a group of its own."
            )
            severity = "high" if len(strange) == own.sum() else "medium"
            outcome.find("issue", message, source=name, severity=severity)  # type: ignore[arg-type]
        elif len(lacking) and name != "targets":
            told = share_of(
                len(lacking), int(known.sum()), "clips" if clips is not None else f"clips of the {against}"
            )
            message = f"{told} have no {name}: {_named(lacking)}."
            outcome.find("tip", message, source=name)
        else:
            outcome.find("passed", f"All rows of {name} join with {against}.", source=name)
    return outcome


def _named(ids: pl.Series) -> str:
    return (
        listed((repr(clip) for clip in ids.head(_NAMED + 1)), most=_NAMED)
        if len(ids) <= _NAMED + 1
        else (", ".join(repr(clip) for clip in ids.head(_NAMED)) + f" and {len(ids) - _NAMED:,} more")
    )


def missing_seeds(case: Case) -> Outcome:
    """MS002: fires for a source that predicts some clips in some of its seeds only."""
    if not case.sources:
        raise NotApplicable("There are no predictions.")
    outcome = Outcome()
    for source in case.sources:
        where = case.slice_of(source)
        partial = source.present & ~source.complete
        told = count(len(source.seeds), "seed")
        if where == "all":
            outcome.fault("missing-seeds", source.name, int(partial.sum()), int(source.present.sum()))
        if partial.any():
            ids = case.clip_ids.gather(np.flatnonzero(partial))
            message = sentence(
                f"{called(source, where)} lacks one or more of its {told} for "
                f"{share_of(int(partial.sum()), int(source.present.sum()), 'clips')}: {_named(ids)}. Rates and "
                "performance leave these clips out, seed-mean probabilities use the seeds that are there."
            )
            outcome.find("issue", message, source=source.name, slice=where)
        else:
            message = f"{called(source, where)} has {told} for every clip"
            outcome.find("passed", sentence(message), source=source.name, slice=where)
    return outcome


def training_clips(case: Case) -> Outcome:
    """MS003: fires when clips were predicted that no fold tests: models have seen them."""
    splits = case.evidence.splits
    if splits is None or not len(splits):
        raise NotApplicable("No splits are known, so predictions on training clips cannot be told.")
    if case.predictions is None:
        raise NotApplicable("There are no predictions.")
    tested = splits.filter(pl.col("role") == "test")["clip_id"].unique()
    split = splits["clip_id"].unique()
    predicted = case.predictions["clip_id"].unique()
    seen = predicted.filter(predicted.is_in(split.implode()) & ~predicted.is_in(tested.implode())).sort()
    outcome = Outcome()
    outcome.fault("training-clips", "models", len(seen), len(predicted))
    if len(seen):
        message = (
            f"Predictions cover {share_of(len(seen), len(predicted), 'clips')} that were trained or tuned on and never "
            f"tested: {_named(seen)}. Performance on them is not that on new clips."
        )
        outcome.find("issue", message, severity="high")
    else:
        outcome.find("passed", f"All predicted clips ({len(predicted):,}) are test clips of some fold.")
    return outcome


def duplicated_clips(case: Case) -> Outcome:
    """MS004: fires when several ids have the same predictions from every source, or the same media and span."""
    groups = [*_same_predictions(case), *_same_media(case)]
    if case.predictions is None and case.evidence.clips is None:
        raise NotApplicable("There are neither predictions nor clips.")
    outcome = Outcome()
    twice = sorted({clip for group in groups for clip in group})
    outcome.fault("duplicated-clips", "all", len(twice), len(case))
    if not groups:
        outcome.find("passed", "No two clips have the same predictions from all sources, or the same media.")
        return outcome
    names = {name: code for code, name in enumerate(case.clip_ids)}
    targets = [{int(case.target[names[clip]]) for clip in group} - {-1} for group in groups]
    unlike = sum(len(found) > 1 for found in targets)
    message = (
        f"{share_of(len(twice), len(case), 'clips')} look like copies of another: "
        f"{'; '.join(' = '.join(repr(c) for c in group[:3]) for group in groups[:_NAMED])}"
        f"{'' if len(groups) <= _NAMED else f' and {len(groups) - _NAMED} more'}."
    )
    disagree = verb(unlike, "disagrees", "disagree")
    message += f" {count(unlike, 'group')} of copies {disagree} about the target." if unlike else ""
    outcome.find("issue", message, severity="high" if unlike else "medium")
    return outcome


def _same_predictions(case: Case) -> list[list[str]]:
    """Ids whose probabilities are equal in all of two or more sources; sources that never vary do not count."""
    columns = []
    counted = 0
    for source in case.fullest.values():
        if not source.present.any() or np.nanstd(source.mean, axis=0).max() < 1e-6:
            continue
        counted += 1
        columns += [pl.Series(f"{source.name}_{c}", v) for c, v in enumerate(np.round(source.mean, 9).T)]
    if counted < 2:
        return []
    frame = pl.DataFrame([case.clip_ids.alias("clip_id"), *columns])
    own = [column.name for column in columns]
    # Few clips share a hash with another, and only these can be equal.
    present = frame.filter(frame.select(own).hash_rows().is_duplicated())
    present = present.filter(~pl.all_horizontal(pl.col(own).is_nan()))
    same = present.group_by(own, maintain_order=True).agg("clip_id").filter(pl.col("clip_id").list.len() > 1)
    return same["clip_id"].to_list()


def _same_media(case: Case) -> list[list[str]]:
    clips = case.evidence.clips
    if clips is None:
        return []
    key = [name for name in ("media", "audio", "video", "start", "end") if name in clips.columns]
    files = [name for name in key if name not in ("start", "end")]
    if not files:
        return []
    held = clips.filter(pl.any_horizontal(pl.col(files).is_not_null()))
    same = held.group_by(key, maintain_order=True).agg("clip_id").filter(pl.col("clip_id").list.len() > 1)
    return same["clip_id"].to_list()
