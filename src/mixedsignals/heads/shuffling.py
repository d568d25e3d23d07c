"""The null of "misled by an unsupported dominant signal": the same models on clips whose modalities are dealt anew.

Within clips of one label, speaker and fold every modality is dealt out by itself, so that all that a modality says of
label and speaker stays, and only what modalities of one clip have to do with each other is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.heads.asking import Asking
from mixedsignals.heads.data import Positions
from mixedsignals.heads.handlings import handled
from mixedsignals.heads.items import Items
from mixedsignals.measures.unsupported import unsupported_cases

__all__ = ["REPEATS", "Shuffled", "shuffled"]

REPEATS = 20
_ITEMS = 50_000  # asked about at once: bounds the memory
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shuffled:
    """What `shuffled` gives.

    Attributes:
        rows: rows of `probes` without run_id: seed, clip_id, source, probe (`shuffled`), modality, donor_id (null),
            label, probability. Probability is the share of repeats in which the clip that was put together in this
            clip's place is a case whose dominant modality is `modality`, saying `label`. Every modality and label of
            a clip is there.
        dealt: clips that were dealt anew.
        alone: clips that are the only one of their label and speaker in their fold, and so cannot be.
        partial: clips that lack a modality or a target, and take no part.
        by_speaker: whether any two clips share a known speaker; else clips are dealt within label and fold.
    """

    rows: pl.DataFrame
    dealt: tuple[str, ...]
    alone: tuple[str, ...]
    partial: tuple[str, ...]
    by_speaker: bool


def shuffled(
    asking: Asking,
    targets: Any,
    speakers: Mapping[str, str | None] | None = None,
    *,
    beside: Asking | None = None,
    repeats: int = REPEATS,
    seed: int = 0,
) -> Shuffled:
    """Deal the modalities of clips out again, ask fusion about the result, and count the cases.

    A case is one of `unsupported_cases`, by the Shapley values on the log-odds of the label that fusion predicts,
    given every subset (see `handlings`: `subset`), the empty one being the shares of labels among the training clips.

    Args:
        targets: the run's `targets` table; the target of a clip is its most frequent label.
        speakers: by clip; a clip without one is dealt with others of its label without one.
        beside: heads whose unimodal ones say what each modality says alone; those of `asking` where it has them.
        repeats: how often.
        seed: for the dealing.
    """
    shares = asking.target_shares(targets)
    truth = np.where(shares.sum(axis=1) > 0, shares.argmax(axis=1), -1)
    complete = np.all([asking.has(name) for name in asking.modalities], axis=0)
    tested = asking.folds >= 0
    whole = np.flatnonzero(tested & complete & (truth >= 0))
    groups = _groups(asking, truth, speakers or {})
    size = np.bincount(groups[whole], minlength=len(groups))[groups] if len(whole) else np.zeros(len(groups))
    dealt, alone = whole[size[whole] > 1], whole[size[whole] == 1]
    prior = _prior(asking, shares)
    cases = np.zeros((len(asking.seeds), len(dealt), len(asking.modalities), len(asking.labels)))
    at_once = max(_ITEMS // max(len(dealt), 1), 1)
    for start in range(0, repeats, at_once):
        draws = [np.random.default_rng([seed, n]) for n in range(start, min(start + at_once, repeats))]
        items = Items.together([_dealt(asking, dealt, groups, draw) for draw in draws])
        hits = _hits(asking, beside or asking, items, truth, prior)
        cases += hits.reshape(len(hits), len(draws), *cases.shape[1:]).sum(axis=1)
    names = np.array(asking.clip_ids, dtype=object)
    return Shuffled(
        rows=_rows(asking, dealt, cases / repeats),
        dealt=tuple(names[dealt]),
        alone=tuple(names[alone]),
        partial=tuple(names[tested & ~(complete & (truth >= 0))]),
        by_speaker=any(speaker is not None for speaker in (speakers or {}).values()),
    )


def _groups(asking: Asking, truth: Positions, speakers: Mapping[str, str | None]) -> Positions:
    """A number for each label, speaker and fold, (clips,)."""
    keys = [
        (int(label), speakers.get(clip), int(fold))
        for clip, label, fold in zip(asking.clip_ids, truth, asking.folds, strict=True)
    ]
    codes = {key: code for code, key in enumerate(dict.fromkeys(keys))}
    return np.array([codes[key] for key in keys], np.int64)


def _dealt(asking: Asking, clips: Positions, groups: Positions, draw: np.random.Generator) -> Items:
    """One dealing: every modality permuted within groups, by itself."""
    items = asking.plain(clips)
    ordered = clips[np.argsort(groups[clips], kind="stable")]
    for name in asking.modalities:
        mixed = clips[np.lexsort((draw.random(len(clips)), groups[clips]))]
        taken = np.empty(len(asking.clip_ids), np.int64)
        taken[ordered] = mixed
        items = items.showing(name, taken[clips])
    return items


def _prior(asking: Asking, shares: Numbers) -> Numbers:
    """Shares of the labels among the training clips of the fold in which each clip is tested, (clips, labels)."""
    prior = np.full(shares.shape, np.nan)
    for fold in asking.folds_of(asking.combination):
        total = shares[asking.members_of(fold, "train")].sum(axis=0)
        prior[asking.folds == fold] = total / total.sum()
    return prior


def _hits(asking: Asking, beside: Asking, items: Items, truth: Positions, prior: Numbers) -> Numbers:
    """1 where an item is a case with that dominant modality and label, (seeds, items, modalities, labels)."""
    said = handled(asking, items, "subset")
    names, singles = asking.modalities, beside.combinations
    rows = [beside.seeds.index(seed) for seed in asking.seeds]
    alone = [beside.ask(items, name)[rows] if name in singles else said[name] for name in names]
    # Subset s holds modality m where bit m of s is set.
    order = ["+".join(m for at, m in enumerate(names) if s >> at & 1) for s in range(1, 2 ** len(names))]
    hits = np.zeros((len(asking.seeds), len(items), len(names), len(asking.labels)))
    first = prior[items.clips]
    for row in range(len(asking.seeds)):
        unimodal = np.stack([answer[row].argmax(axis=-1) for answer in alone])
        given = np.stack([first, *(said[subset][row] for subset in order)])
        misled, dominant, towards = unsupported_cases(given, unimodal, truth[items.clips])
        hit = np.flatnonzero(misled)
        hits[row, hit, dominant[hit], towards[hit]] = 1.0
    return hits


def _rows(asking: Asking, clips: Positions, rate: Numbers) -> pl.DataFrame:
    """rate (seeds, clips, modalities, labels) as rows."""
    items = asking.plain(clips)
    frames = [
        asking.frame(
            rate[:, :, at], items, source=asking.source, probe="shuffled", modality=name, donor_id=None
        )
        for at, name in enumerate(asking.modalities)
    ]
    return pl.concat(frames)
