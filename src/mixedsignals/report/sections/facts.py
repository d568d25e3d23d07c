"""What was run on what: corpus, clips, speakers, labels, seeds, folds, encoders, tie rule, versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from mixedsignals.report.inputs import ReportInput
from mixedsignals.report.page import Fact, plural

__all__ = ["facts", "flat"]

_TOLD = {
    "corpus.name": "Corpus",
    "corpus.licence": "Licence of the corpus",
    "targets.source": "Targets come from",
    "targets.tie_rule": "Ties among votes",
    "targets.excluded": "Clips without a target",
    "preset": "Preset",
    "encoders": "Encoders",
    "fusion": "Fusion",
    "created": "Made on",
}


def flat(manifest: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys and printed values of a nested manifest, lists joined by commas."""
    for key, value in manifest.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{name}.")
        elif isinstance(value, list | tuple):
            yield name, ", ".join(str(item) for item in value)
        else:
            yield name, str(value)


def facts(run: ReportInput) -> list[Fact]:
    """Facts that the tables tell first, then those of the manifest that are known by name."""
    return [*_counted(run), *_told(run.manifest)]


def _told(manifest: Mapping[str, Any]) -> Iterator[Fact]:
    values = dict(flat(manifest))
    for key, name in _TOLD.items():
        inner = {
            k.removeprefix(f"{key}."): v for k, v in values.items() if k == key or k.startswith(f"{key}.")
        }
        if inner:
            yield Fact(name, inner.get(key) or ", ".join(f"{k} {v}" for k, v in inner.items()))
    versions = {k.removeprefix("versions."): v for k, v in values.items() if k.startswith("versions.")}
    if versions:
        yield Fact("Versions", ", ".join(f"{k} {v}" for k, v in versions.items()))


def _counted(run: ReportInput) -> Iterator[Fact]:
    if run.clips is not None and run.clips.height:
        yield Fact("Clips", f"{run.clips.height:,}")
        speakers = run.clips["speaker_id"].drop_nulls().n_unique() if "speaker_id" in run.clips.columns else 0
        yield Fact("Speakers", f"{speakers:,}" if speakers else "not known; every clip is its own group")
    yield Fact("Labels", f"{', '.join(run.labels)} ({run.labels.kind})")
    if run.predictions is not None and run.predictions.height:
        predicted = run.predictions
        yield Fact("Predicted clips", f"{predicted['clip_id'].n_unique():,}")
        yield Fact("Seeds", ", ".join(str(seed) for seed in sorted(predicted["seed"].unique().to_list())))
    if run.splits is not None and run.splits.height:
        yield Fact(
            "Folds",
            f"{run.splits['fold'].n_unique()}, with no speaker on both sides"
            if _disjoint(run)
            else f"{run.splits['fold'].n_unique()}",
        )
    if run.votes is not None and run.votes.height:
        conditions = run.votes["given"].n_unique()
        yield Fact("Votes", f"{_votes(run.votes):,} under {plural(conditions, 'condition')}")


def _votes(votes: pl.DataFrame) -> int:
    weight = pl.col("count").fill_null(1) if "count" in votes.columns else pl.lit(1)
    return int(votes.select(pl.lit(0) + weight.sum() if "count" in votes.columns else pl.len()).item())


def _disjoint(run: ReportInput) -> bool:
    """Whether speakers are known and none is both trained and tested on within a fold."""
    if run.clips is None or run.splits is None or "speaker_id" not in run.clips.columns:
        return False
    sides = run.splits.join(run.clips.select("clip_id", "speaker_id").drop_nulls(), on="clip_id")
    tested = sides.filter(pl.col("role") == "test").select("fold", "speaker_id").unique()
    trained = sides.filter(pl.col("role") != "test").select("fold", "speaker_id").unique()
    return sides.height > 0 and tested.join(trained, on=["fold", "speaker_id"]).is_empty()
