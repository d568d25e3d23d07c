"""One odd number in a feature that hardly varies must not decide what is said of its clip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from mixedsignals.heads import HeadOptions, fit_heads

from .conftest import make

ODD = "0003"


def predicted(size: float) -> pl.DataFrame:
    """Predictions where a column is all but constant, save for the odd clip."""
    made = make(widths={"video": 4}, signal=1.0)
    found = made.embeddings["video"]
    column = np.random.default_rng(5).normal(scale=1e-3, size=len(found)).astype(np.float32)
    column[found.clip_ids.index(ODD)] = size
    made.embeddings["video"] = replace(found, values=np.column_stack([found.values, column]))
    results = fit_heads(*made.arguments, run_id="r", seeds=(1,), options=HeadOptions(epochs=3, threads=1))
    return results.predictions.filter(clip_id=ODD)


def test_how_odd_a_number_is_changes_nothing_beyond_five_spreads() -> None:
    large, huge = predicted(1e2), predicted(1e5)
    assert np.abs(large["probability"] - huge["probability"]).max() < 1e-6


def test_no_probability_is_certain_because_of_one_number() -> None:
    assert predicted(1e5)["probability"].is_between(0.001, 0.999).all()
