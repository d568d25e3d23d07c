"""Thirty-two simulated raters, each of whom judges every clip once, in one of four conditions.

P(empathetic) = lambda_r / 2 + (1 - lambda_r) * Phi(a_r * sum_m w_rm x_m / sqrt(sum_m w_rm^2 sigma_m^2) - b_r), the sums
over the modalities that the condition gives; for a rater of the strategy *loudest* only over the loudest of
these (largest |x_m| / sigma_m). Careless raters have a large lambda_r.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import ndtr

from .plant import MODALITIES, generator

CONDITIONS = ("text", "audio", "video", "text+audio+video")


@dataclass(frozen=True)
class Panel:
    """Who votes. `acuity`, `weight` are log-normal (median, spread); `bias` normal around zero."""

    seed: int = 20
    raters: int = 32
    careless: int = 4
    loudest: int = 8
    careless_lambda: tuple[float, float] = (0.6, 0.9)
    attentive_lambda: tuple[float, float] = (0.0, 0.04)
    acuity: tuple[float, float] = (0.6, 0.2)
    weight_spread: float = 0.35
    bias_spread: float = 0.25


def draw_raters(panel: Panel) -> pl.DataFrame:
    """One row per rater: rater_id, strategy, careless, lambda, acuity a, bias b and weight w of each modality."""
    rng = generator(panel.seed, 2)
    mixed = rng.permutation(panel.raters)
    careless = np.isin(np.arange(panel.raters), mixed[: panel.careless])
    loudest = np.isin(np.arange(panel.raters), mixed[panel.careless : panel.careless + panel.loudest])
    low, high = np.where(careless[:, None], panel.careless_lambda, panel.attentive_lambda).T
    median, spread = panel.acuity
    weights = np.exp(panel.weight_spread * rng.standard_normal((panel.raters, len(MODALITIES))))
    return pl.DataFrame(
        {
            "rater_id": [f"r{number:02d}" for number in range(1, panel.raters + 1)],
            "strategy": np.where(loudest, "loudest", "integrate"),
            "careless": careless,
            "lambda": rng.uniform(low, high),
            "acuity": median * np.exp(spread * rng.standard_normal(panel.raters)),
            "bias": panel.bias_spread * rng.standard_normal(panel.raters),
            **{f"weight_{m}": weights[:, i] for i, m in enumerate(MODALITIES)},
        }
    )


def assign(n_clips: int, panel: Panel) -> np.ndarray:
    """Condition (n_clips, n_raters) in which each rater meets each clip: eight raters per clip and condition.

    Within every four clips the panel is cut into four new groups that rotate through the conditions, so each
    rater also meets every condition equally often.
    """
    rng = generator(panel.seed, 3)
    given = np.empty((n_clips, panel.raters), dtype=np.int64)
    order = rng.permutation(n_clips)
    for start in range(0, n_clips, len(CONDITIONS)):
        team = rng.permutation(np.arange(panel.raters) % len(CONDITIONS))
        for turn, clip in enumerate(order[start : start + len(CONDITIONS)]):
            given[clip] = (team + turn) % len(CONDITIONS)
    return given


def probabilities(truth: pl.DataFrame, raters: pl.DataFrame, given: np.ndarray) -> np.ndarray:
    """P(empathetic) for every clip and rater under the condition `given` (n_clips, n_raters)."""
    x = truth.select([f"x_{m}" for m in MODALITIES]).to_numpy()
    sigma = truth.select([f"sigma_{m}" for m in MODALITIES]).to_numpy()
    weight = raters.select([f"weight_{m}" for m in MODALITIES]).to_numpy()
    shown = np.array([[m in c.split("+") for m in MODALITIES] for c in CONDITIONS])[given]
    loudness = np.where(shown, (np.abs(x) / sigma)[:, None, :], -1.0)
    only_loudest = (loudness == loudness.max(axis=2, keepdims=True)) & shown
    follows = (raters["strategy"].to_numpy() == "loudest")[None, :, None]
    w = weight[None] * np.where(follows, only_loudest, shown)
    evidence = (w * x[:, None, :]).sum(axis=2) / np.sqrt((w**2 * sigma[:, None, :] ** 2).sum(axis=2))
    lapse, acuity, bias = (raters[name].to_numpy() for name in ("lambda", "acuity", "bias"))
    return np.asarray(lapse / 2 + (1 - lapse) * ndtr(acuity * evidence - bias))


def vote(truth: pl.DataFrame, raters: pl.DataFrame, panel: Panel) -> pl.DataFrame:
    """The votes table: clip_id, rater_id, given, occasion, label, and position in that rater's own order, from 0."""
    given = assign(len(truth), panel)
    rng = generator(panel.seed, 4)
    says = rng.random(given.shape) < probabilities(truth, raters, given)
    position = np.stack([rng.permutation(len(truth)) for _ in range(panel.raters)], axis=1)
    clip, rater = (axis.ravel() for axis in np.indices(given.shape))
    return pl.DataFrame(
        {
            "clip_id": truth["clip_id"].gather(clip),
            "rater_id": raters["rater_id"].gather(rater),
            "given": np.array(CONDITIONS)[given.ravel()],
            "occasion": np.zeros(given.size, dtype=np.int64),
            "label": np.where(says.ravel(), "empathetic", "neutral"),
            "position": position.ravel().astype(np.int64),
        }
    )
