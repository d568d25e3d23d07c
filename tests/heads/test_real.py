"""The paper's network on real action units of RAVDESS, actors held out."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score

from mixedsignals.embeddings import Card, Embeddings
from mixedsignals.heads import HeadOptions, fit_heads
from mixedsignals.labels import Labels

FOLDS = 5


@pytest.mark.realdata
def test_the_gated_head_reads_emotions_from_action_units_of_unseen_actors(realdata):
    clips = pl.read_csv(realdata / "ravdess" / "manifest.csv", schema_overrides={"clip": pl.String})
    units = pl.read_csv(realdata / "ravdess" / "openface_au.csv", schema_overrides={"clip": pl.String})
    columns = [name for name in units.columns if name.startswith("AU")]
    card = Card("video", "openface-au", "1", "mean", "mean")
    video = Embeddings(tuple(units["clip"]), units.select(columns).to_numpy().astype(np.float32), card)
    actors = clips["actor"].unique().sort().to_list()
    roles = [
        {"fold": fold, "actor": actor, "role": _role(place, fold)}
        for fold in range(FOLDS)
        for place, actor in enumerate(actors)
    ]
    splits = clips.select("actor", clip_id="clip").join(pl.DataFrame(roles), on="actor")
    labels = Labels(tuple(clips["emotion"].unique().sort()))
    results = fit_heads(
        {"video": video},
        clips.select(clip_id="clip", label="emotion", share=1.0),
        splits.select("clip_id", "fold", "role"),
        labels,
        run_id="real",
        seeds=(42,),
        options=HeadOptions(),
    )
    top = results.predictions.sort("probability").group_by("clip_id").last()
    truth = dict(clips.select("clip", "emotion").iter_rows())
    score = f1_score([truth[clip] for clip in top["clip_id"]], top["label"], average="macro")
    print(f"macro-F1 of the paper's network on action units: {score:.3f} ({top.height} clips)")
    assert top.height == 1440
    assert 0.45 < score < 0.70


def _role(place: int, fold: int) -> str:
    if place % FOLDS == fold:
        return "test"
    return "tune" if place // FOLDS == fold % 4 else "train"
