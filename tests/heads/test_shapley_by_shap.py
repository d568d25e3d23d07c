"""Shapley values of trained heads agree with shap's exact explainer, which asks the same heads subset by subset."""

from __future__ import annotations

import os

import numpy as np
import pytest

from mixedsignals.heads import WITHHELD, Asking, HeadOptions, fit_heads
from mixedsignals.measures.dominance import shapley

from .conftest import make

# Compiling shap's loops takes longer than this test.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
shap = pytest.importorskip("shap")
MODALITIES = ("text", "audio", "video")
PRIOR = np.array([0.2, 0.3, 0.5])


@pytest.fixture(scope="module")
def asking() -> Asking:
    made = make(n=60, folds=2, n_labels=3)
    options = HeadOptions(epochs=3, threads=1, group_size=4)
    results = fit_heads(*made.arguments, run_id="r", seeds=(1,), options=options)
    return Asking(results.models, made.embeddings, made.splits)


def log_odds(p):
    return np.log(p / (1 - p))


def answer(asking, clips, names, trained):
    """Of models trained on these modalities, or of the whole one doing without the others."""
    items = asking.plain(clips)
    if trained:
        return asking.ask(items, "+".join(names))[0]
    for missing in set(MODALITIES) - set(names):
        items = items.showing(missing, WITHHELD)
    return asking.ask(items)[0]


@pytest.mark.parametrize(("modalities", "trained"), [(MODALITIES, True), (("text", "audio"), False)])
def test_values_of_every_label_equal_those_of_shap(asking, modalities, trained) -> None:
    clips, count = np.arange(0, 60, 13), len(modalities)
    ours = [np.broadcast_to(PRIOR, (len(clips), 3))]
    for code in range(1, 1 << count):
        names = [m for bit, m in enumerate(modalities) if code >> bit & 1]
        ours.append(answer(asking, clips, names, trained))
    values = shapley(log_odds(np.stack(ours)))

    for at, clip in enumerate(clips):

        def model(masks, clip=clip):
            found = []
            for mask in masks.astype(bool):
                names = [m for m, there in zip(modalities, mask, strict=True) if there]
                found.append(answer(asking, [clip], names, trained)[0] if names else PRIOR)
            return log_odds(np.array(found))

        explained = shap.explainers.Exact(model, np.zeros((1, count)))(np.ones((1, count)))
        np.testing.assert_allclose(values[:, at], explained.values[0], atol=1e-6)
        whole = log_odds(ours[-1][at]) - log_odds(PRIOR)
        np.testing.assert_allclose(values[:, at].sum(axis=0), whole, atol=1e-9)
