"""The model card of a tuned encoder: what it was trained on, how well it does on new people, and its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mixedsignals.encoders.tuning.choice import TunedEpoch
from mixedsignals.labels import Labels
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import Estimate
from mixedsignals.measures.performance import performance

__all__ = ["CardFacts", "Measured", "measured", "write_card"]

_TAGS = {"text": "text-classification", "audio": "audio-classification", "video": "video-classification"}


@dataclass(frozen=True)
class Measured:
    """Performance on the test clips of the fold.

    Attributes:
        accuracy, macro_f1: with intervals over groups (speakers).
        clips: how many; guess: the accuracy of always saying the label that is most frequent in training.
    """

    accuracy: Estimate
    macro_f1: Estimate
    clips: int
    guess: float


@dataclass(frozen=True)
class CardFacts:
    """Everything that a card says."""

    modality: str
    encoder: str
    revision: str
    licence: str | None
    labels: tuple[str, ...]
    corpus: Mapping[str, Any]
    tune: str
    options: Mapping[str, Any]
    where: tuple[int, int]
    n_train: int
    n_tune: int
    history: tuple[TunedEpoch, ...]
    best: int
    measured: Measured | None


def measured(
    clips: Sequence[str],
    logits: npt.NDArray[np.floating],
    shares: Mapping[str, npt.NDArray[np.floating]],
    groups: Mapping[str, str],
    train: Sequence[str],
    labels: Labels,
) -> Measured | None:
    """Accuracy and macro-F1 of logits (n, labels) on clips that were not trained on; None without clips."""
    if not clips:
        return None
    truth = np.array([int(shares[clip].argmax()) for clip in clips])
    said = np.asarray(logits).argmax(axis=1)
    of = Groups.of([groups.get(clip) or clip for clip in clips])
    most = np.bincount([int(shares[clip].argmax()) for clip in train], minlength=len(labels)).argmax()
    accuracy, macro = (
        performance(truth, said, of, len(labels), measure=name) for name in ("accuracy", "macro_f1")
    )
    return Measured(accuracy, macro, len(clips), float((truth == most).mean()))


def write_card(facts: CardFacts) -> str:
    """The card in Markdown, with the head that a hub reads."""
    fold, seed = facts.where
    licence = f"license: {facts.licence.lower()}\n" if facts.licence else ""
    base = f"base_model: {facts.encoder}\n" if "/" in facts.encoder else ""
    corpus, stated = facts.corpus.get("name", "a corpus"), facts.corpus.get("licence")
    kept = facts.history[facts.best]
    settings = ", ".join(
        f"{name} {value}" for name, value in sorted(facts.options.items()) if value is not None
    )
    return f"""---
{licence}{base}pipeline_tag: {_TAGS.get(facts.modality, "other")}
tags: [mixedsignals, {facts.modality}, affect]
---
# {facts.encoder}, tuned on {corpus}

Tells {", ".join(facts.labels)} apart, from {facts.modality} alone. Tuned (`{facts.tune}`) from `{facts.encoder}` at
revision `{facts.revision[:40]}`. Licence of the pretrained weights: {facts.licence or "none stated"}.

## Data
{corpus}; licence of the corpus: {stated or "none stated"}. A model may carry traces of what it was trained on: whoever
passes it on needs the right to do so under both licences.

## Splits
Fold {fold}, seed {seed}: {facts.n_train} clips to learn from, {facts.n_tune} to choose the epoch by{_tested(facts)}.
Nobody is heard in two of them where the corpus names its speakers.

## Training
AdamW through Transformers' Trainer. Epoch {kept.epoch + 1} of {len(facts.history)} was kept: accuracy
{kept.tune_accuracy:.3f} and loss {kept.tune_loss:.3f} on the tuning clips. {settings}.

## Metrics
{_metrics(facts.measured)}

## Limits
It has learned the labels that raters of this corpus gave to its speakers, in its language and recordings, and nothing
about what people feel. It was tested on one fold; other corpora, languages and cultures were not tried. Do not use it
to decide about people. Probabilities are not calibrated.
"""


def _tested(facts: CardFacts) -> str:
    return f", {facts.measured.clips} to test on" if facts.measured else ""


def _metrics(found: Measured | None) -> str:
    if found is None:
        return "No test clips of this fold have the modality, so nothing was measured."
    return "\n".join(
        [
            "| on the test clips of the fold | value | interval |",
            "|---|---|---|",
            _row("accuracy", found.accuracy),
            _row("macro-F1", found.macro_f1),
            f"| accuracy of always guessing the most frequent label | {found.guess:.3f} | |",
            "",
            f"{found.clips} clips of {found.accuracy.n_groups} speakers; intervals over speakers.",
        ]
    )


def _row(name: str, found: Estimate) -> str:
    if found.value is None:
        return f"| {name} | none | {found.note} |"
    if found.low is None or found.high is None:
        return f"| {name} | {found.value:.3f} | none: {found.note} |"
    return f"| {name} | {found.value:.3f} | {found.level:.0%}: {found.low:.3f} to {found.high:.3f} |"
