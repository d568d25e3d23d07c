"""What cannot be trained is refused with what came, what was legal and what to do."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from mixedsignals.embeddings import Embeddings
from mixedsignals.errors import CannotFinish, InputError, UsageError
from mixedsignals.heads import HeadOptions, fit_heads
from mixedsignals.labels import Labels

from .conftest import card, make

QUICK = HeadOptions(epochs=2, threads=1, group_size=4)


def fit(made, *, embeddings=None, targets=None, splits=None, labels=None, options=QUICK, seeds=(1,), **more):
    return fit_heads(
        made.embeddings if embeddings is None else embeddings,
        made.targets if targets is None else targets,
        made.splits if splits is None else splits,
        labels or made.labels,
        run_id="r",
        seeds=seeds,
        options=options,
        **more,
    )


def test_all_faults_of_the_join_are_named_at_once():
    made = make(n=40)
    strangers = Embeddings(("x", "y"), np.zeros((2, 3), np.float32), card("audio"))
    tuned = Embeddings(
        made.embeddings["text"].clip_ids, made.embeddings["text"].values, card("text", fold=1, seed=9)
    )
    twice = pl.concat(
        [made.splits, made.splits.filter(fold=0, role="test").with_columns(fold=pl.lit(7, dtype=pl.Int64))]
    )
    uneven = made.targets.with_columns(share=pl.when(pl.col("clip_id") == "0003").then(0.7).otherwise(1.0))
    with pytest.raises(InputError) as caught:
        fit(made, embeddings={"audio": strangers, "text": tuned}, targets=uneven, splits=twice)
    found = [problem.code for problem in caught.value.problems]
    assert found == [
        "target-shares",
        "tested-twice",
        "features-other-clips",
        "tuned-elsewhere",
        "tuned-elsewhere",
    ]
    assert "0003" in str(caught.value)


def test_empty_inputs_are_refused():
    made = make(n=40)
    with pytest.raises(InputError, match="no embeddings"):
        fit(made, embeddings={})
    with pytest.raises(InputError, match="no clip has a target"):
        fit(made, targets=made.targets.clear())
    with pytest.raises(InputError, match="no clip with a target is in the splits"):
        fit(made, splits=made.splits.with_columns(clip_id=pl.lit("z") + pl.col("clip_id")))


def test_a_tied_target_needs_soft_targets():
    made = make(n=40)
    tied = pl.concat(
        [
            made.targets.filter(pl.col("clip_id") != "0001"),
            pl.DataFrame({"clip_id": ["0001"] * 2, "label": ["label0", "label1"], "share": [0.5, 0.5]}),
        ]
    )
    with pytest.raises(InputError, match="the top label of 1 clips is a tie: 0001"):
        fit(made, targets=tied)
    fit(
        made, targets=tied, options=HeadOptions(epochs=1, threads=1, soft_targets=True), combinations=["text"]
    )


def test_a_fold_whose_training_part_lacks_a_label_cannot_be_trained():
    made = make(n=6, n_labels=6, folds=6)
    with pytest.raises(
        CannotFinish, match=r"fold 0 has no training clip labelled .* 6 clips are too few for 6 folds"
    ):
        fit(made)


def test_one_label_cannot_be_trained_and_a_label_nobody_has_can():
    made = make(n=60)
    with pytest.raises(CannotFinish, match="at least two labels, and all have 'label0'"):
        fit(made, targets=made.targets.with_columns(label=pl.lit("label0")))
    spare = Labels((*made.labels.names, "never"))
    never = fit(made, labels=spare, combinations=["text"]).predictions.filter(label="never")
    assert never.height == 60
    assert never["probability"].mean() < 1 / 3


def test_a_fold_without_tuning_clips_cannot_be_trained():
    made = make(n=40)
    splits = made.splits.with_columns(role=pl.col("role").replace("tune", "train"))
    with pytest.raises(CannotFinish, match="fold 0 has no tuning clip with text"):
        fit(made, splits=splits)


def test_a_loss_that_is_not_a_number_is_named_with_its_place(tmp_path):
    made = make(n=40)
    options = HeadOptions(epochs=3, threads=2, learning_rate=1e20, peak_learning_rate=1e30)
    with pytest.raises(CannotFinish) as caught:
        fit(made, options=options, combinations=["text+video"], checkpoint=tmp_path)
    for part in ("text+video, fold", "seed 1", "epoch 0", "step", "Lower peak_learning_rate"):
        assert part in str(caught.value)
    assert list(tmp_path.glob("*.safetensors")) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"seeds": ()}, "one or more, each once"),
        ({"seeds": (1, 1)}, "one or more, each once"),
        ({"combinations": ["text+smell"]}, "legal are text, audio, video, text\\+audio"),
        ({"combinations": []}, "combinations none"),
    ],
)
def test_wrong_seeds_and_combinations_are_wrong_usage(more, message):
    with pytest.raises(UsageError, match=message):
        fit(make(n=40), **more)


def test_wrong_options_are_all_named():
    with pytest.raises(UsageError) as caught:
        HeadOptions(epochs=0, batch_size=1, learning_rate=float("nan"), dropout=1.0, patience=0, group_size=0)
    for name in ("epochs", "batch_size", "learning_rate", "dropout", "patience", "group_size"):
        assert name in str(caught.value)
    with pytest.raises(UsageError, match="there is no fusion 'glue'; legal are gated"):
        fit(make(n=40), options=HeadOptions(fusion="glue"))


def test_combinations_may_be_written_in_any_order():
    made = make(n=40)
    assert fit(made, combinations=["video + text"]).predictions["given"].unique().to_list() == ["text+video"]


def test_clips_that_take_no_part_are_told():
    made = make(n=60)
    said = []

    class Ear:
        def say(self, text):
            said.append(text)

        def task(self, name, total=None):
            from mixedsignals.progress import SILENT

            return SILENT.task(name, total)

    cut = {m: e.select(e.clip_ids[2:]) for m, e in made.embeddings.items()}
    splits = made.splits.filter(pl.col("clip_id") != "0010")
    results = fit(made, embeddings=cut, splits=splits, combinations=["text"], progress=Ear())
    assert "1 clips with a target are in no fold and take no part: 0010" in said
    assert any(
        text.startswith("2 clips have none of text, audio, video") and "0000, 0001" in text for text in said
    )
    assert results.predictions["clip_id"].n_unique() == 57


def test_options_and_the_room_load_without_torch():
    code = "import sys; from mixedsignals.heads import HeadOptions; HeadOptions(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    hidden = "import sys; sys.modules['torch'] = None; from mixedsignals.heads import fit_heads"
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, check=False)
    assert "pip install 'mixedsignals[train]'" in done.stderr
