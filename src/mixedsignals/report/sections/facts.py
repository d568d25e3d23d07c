"""What was run on what: corpus, clips, speakers, labels, seeds, folds, encoders, tie rule, versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from mixedsignals.report.inputs import ReportInput
from mixedsignals.report.page import Fact, plural

__all__ = ["facts", "public"]

_SOURCES = {
    "targets": "a table of targets",
    "label": "the label that the corpus gives",
    "votes": "the majority of votes",
}
_VERSIONS = ("mixedsignals", "torch", "transformers", "scikit-learn")
_PRIVATE = ("corpus.path", "corpus.media_root")
"""Entries of the manifest that tell where things lie on somebody's machine; a page that is passed on leaves
them out.
"""


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
    """What the manifest says of the corpus, targets, encoders, options and versions, as far as it does."""
    corpus, targets = manifest.get("corpus", {}), manifest.get("targets", {})
    if corpus.get("licence"):
        yield Fact("Licence of the corpus", str(corpus["licence"]))
    if targets.get("source"):
        given = f", {targets['given']}" if targets.get("given") else ""
        yield Fact("Targets come from", f"{_SOURCES.get(targets['source'], targets['source'])}{given}")
    if targets.get("source") == "votes" and targets.get("tie_rule"):
        excluded = len(targets.get("excluded", ()))
        yield Fact(
            "Ties among votes", f"rule: {targets['tie_rule']}; {plural(excluded, 'clip')} without a target"
        )
    for modality, card in manifest.get("encoders", {}).items():
        yield Fact(f"Encoder of {modality}", _encoder(card))
    if fusion := manifest.get("options", {}).get("fusion"):
        yield Fact("Fusion", str(fusion))
    if says := manifest.get("tuning", {}).get("says"):
        yield Fact("Encoders learned the labels", str(says))
    environment = manifest.get("environment", {})
    versions = {"python": environment.get("python"), **environment.get("versions", {})}
    shown = [f"{name} {versions[name]}" for name in ("python", *_VERSIONS) if versions.get(name)]
    if shown:
        yield Fact("Versions", ", ".join(shown))


def _encoder(card: Any) -> str:
    """The name of an encoder and the width of what it gives."""
    if not isinstance(card, Mapping):
        return str(card)
    width = f", {card['width']} numbers per clip" if card.get("width") else ""
    return f"{card.get('encoder', 'not named')}{width}"


def public(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The manifest as names and printed values, without where things lie on the machine that made it."""
    return [(name, value) for name, value in flat(manifest) if name not in _PRIVATE]


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
    return int(votes.select(weight.sum()).item()) if "count" in votes.columns else votes.height


def _disjoint(run: ReportInput) -> bool:
    """Whether speakers are known and none is both trained and tested on within a fold."""
    if run.clips is None or run.splits is None or "speaker_id" not in run.clips.columns:
        return False
    sides = run.splits.join(run.clips.select("clip_id", "speaker_id").drop_nulls(), on="clip_id")
    tested = sides.filter(pl.col("role") == "test").select("fold", "speaker_id").unique()
    trained = sides.filter(pl.col("role") != "test").select("fold", "speaker_id").unique()
    return sides.height > 0 and tested.join(trained, on=["fold", "speaker_id"]).is_empty()
