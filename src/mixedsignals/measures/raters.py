"""How reliable each rater is: agreement with the others, and models of raters from the crowd-kit library.

`rater_agreement` needs nothing but the votes. `rater_models` fits Dawid-Skene, MACE or GLAD and needs the extra
`raters`. Both need rater ids: where votes are anonymous, rater quality is not applicable.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from mixedsignals.errors import CannotFinish

from .arrays import FloatArray, IntArray, divided, floats
from .votes import count_votes

__all__ = ["RaterAgreement", "RaterModel", "RaterQuality", "rater_agreement", "rater_models"]

RaterModel = Literal["dawid-skene", "mace", "glad"]

MOST_VOTES = {"dawid-skene": 1_000_000, "mace": 100_000, "glad": 100_000}
"""Votes beyond which whole clips are sampled, by model."""


@dataclass(frozen=True, eq=False)
class RaterAgreement:
    """Per rater (R,): votes, agreement with the other votes of the same clips, what chance gives, and kappa.

    `kappa` = (agreement − chance) / (1 − chance): near 0 a rater answers without regard to the clip, or sees
    what nobody else sees. NaN where a rater shares no clip with another.
    """

    votes: IntArray
    agreement: FloatArray
    chance: FloatArray
    kappa: FloatArray


def rater_agreement(clips: ArrayLike, raters: ArrayLike, labels: ArrayLike, n_labels: int) -> RaterAgreement:
    """Agreement of each rater with the other votes of the same clips, from votes as codes (v,), (v,), (v,).

    Chance is that rater's own label shares against the other votes of the same clips, as if the answers were dealt
    out to the clips at random.

    >>> found = rater_agreement([0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 1, 1], 2)
    >>> found.kappa.tolist()
    [1.0, 1.0]
    """
    clip, rater, label = (np.asarray(codes, dtype=np.int64) for codes in (clips, raters, labels))
    count = int(rater.max()) + 1 if len(rater) else 0
    votes = count_votes(clip, label, int(clip.max()) + 1 if len(clip) else 0, n_labels)
    others = votes[clip] - np.eye(n_labels)[label]
    shared = others.sum(axis=1) > 0
    shares = divided(others[shared], others[shared].sum(axis=1, keepdims=True))
    who, said = rater[shared], label[shared]
    counted = np.bincount(who, minlength=count)
    agreement = divided(
        np.bincount(who, weights=shares[np.arange(len(said)), said], minlength=count), counted
    )
    own = divided(count_votes(who, said, count, n_labels), counted[:, None])
    around = np.stack([np.bincount(who, weights=share, minlength=count) for share in shares.T], axis=1)
    chance = floats((own * divided(around, counted[:, None])).sum(axis=1))
    kappa = divided(agreement - chance, 1.0 - chance)
    return RaterAgreement(np.bincount(rater, minlength=count), agreement, chance, kappa)


@dataclass(frozen=True, eq=False)
class RaterQuality:
    """Quality per rater (R,), and the label distribution of each clip (n, C); NaN where no vote was used.

    `quality` is in [0, 1] for Dawid-Skene (chance of the right label, averaged over labels as they occur) and MACE
    (chance of answering rather than guessing), in (−∞, ∞) for GLAD (ability; below 0 worse than chance).
    """

    model: RaterModel
    quality: FloatArray
    distribution: FloatArray
    votes_used: int
    note: str = ""


def rater_models(
    clips: ArrayLike,
    raters: ArrayLike,
    labels: ArrayLike,
    n_labels: int,
    *,
    model: RaterModel = "dawid-skene",
    seed: int = 0,
) -> RaterQuality:
    """Rater quality by a model of raters, from votes as codes (v,), (v,), (v,); needs the extra `raters`.

    Beyond a million votes (a hundred thousand for MACE and GLAD, which are slow) whole clips are sampled, and
    `note` says so. Raises `CannotFinish` where crowd-kit is missing. Sources: Dawid & Skene (1979), Hovy et al.
    (2013), Whitehill et al. (2009).

    >>> votes = [[0, 0, 0], [0, 1, 0], [1, 0, 1], [1, 1, 1], [2, 0, 0], [2, 1, 0], [3, 0, 1], [3, 1, 1]]
    >>> rater_models(*np.array(votes).T, 2).quality.round(2).tolist()
    [1.0, 1.0]
    """
    if model not in get_args(RaterModel):
        raise ValueError(f"model must be one of {', '.join(get_args(RaterModel))}, not {model!r}")
    clip, rater, label = (np.asarray(codes, dtype=np.int64) for codes in (clips, raters, labels))
    kept, note = _sample(clip, MOST_VOTES[model], seed)
    frame = _library("pandas").DataFrame({"task": clip[kept], "worker": rater[kept], "label": label[kept]})
    with warnings.catch_warnings():  # crowd-kit's own use of pandas is not the caller's concern
        warnings.simplefilter("ignore")
        fitted = _fit(frame, model, seed)
    distribution = np.full((int(clip.max()) + 1, n_labels), np.nan)
    rows = fitted.probas_.index.to_numpy()
    distribution[rows] = 0.0
    for code in fitted.probas_.columns:
        distribution[rows, int(code)] = fitted.probas_[code].to_numpy()
    quality = _quality(fitted, frame, model, int(rater.max()) + 1)
    return RaterQuality(model, quality, distribution, len(frame), note)


_MISSING = "models of raters need crowd-kit: pip install 'mixedsignals[raters]'"


def _library(name: str) -> Any:
    """A library that only the extra `raters` brings."""
    try:
        return import_module(name)
    except ImportError as missing:
        raise CannotFinish(_MISSING) from missing


def _sample(clip: IntArray, most: int, seed: int) -> tuple[Any, str]:
    """Votes of as many whole clips as come to `most` votes, and what to say about it."""
    if len(clip) <= most:
        return slice(None), ""
    order = np.random.default_rng(seed).permutation(int(clip.max()) + 1)
    running = np.cumsum(np.bincount(clip)[order])
    chosen = np.zeros(len(order), dtype=bool)
    chosen[order[running <= most]] = True
    return chosen[clip], f"fitted on the votes of {int(chosen.sum())} clips drawn at random of {len(order)}"


def _fit(frame: Any, model: RaterModel, seed: int) -> Any:
    models = _library("crowdkit.aggregation")
    if model == "dawid-skene":
        return models.DawidSkene(n_iter=100, tol=1e-5).fit(frame)
    if model == "mace":
        # With a seed every restart of MACE begins alike, so one is as good as ten.
        return models.MACE(n_restarts=1, random_state=seed).fit(frame)
    return models.GLAD(n_iter=50).fit(frame)


def _quality(fitted: Any, frame: Any, model: RaterModel, count: int) -> FloatArray:
    quality = np.full(count, np.nan)
    if model == "dawid-skene":
        prior = fitted.probas_.mean()
        hit = fitted.errors_.stack().rename_axis(["worker", "said", "true"]).reset_index(name="p")
        right = hit[hit["said"] == hit["true"]]
        each = (right["p"] * right["true"].map(prior)).groupby(right["worker"]).sum()
        quality[each.index.to_numpy()] = each.to_numpy()
    elif model == "mace":
        spread = fitted.spamming_
        quality[frame["worker"].unique()] = spread[:, 1] / spread.sum(axis=1)
    else:
        quality[fitted.alphas_.index.to_numpy()] = fitted.alphas_.to_numpy()
    return quality
