"""Heads on disk and at work again: nothing pickled, nothing mixed, and no clip judged by a head that saw it."""

from __future__ import annotations

import errno
import json
import os

import numpy as np
import polars as pl
import pytest

from mixedsignals.embeddings import Embeddings
from mixedsignals.errors import CannotFinish, InputError, UsageError
from mixedsignals.heads import HeadOptions, fit_heads, load_heads, predict_heads, save_heads

from .conftest import card, make

QUICK = HeadOptions(epochs=3, threads=1, group_size=4)


@pytest.fixture(scope="module")
def fitted():
    made = make(missing={"video": 0.3, "audio": 0.2})
    return made, fit_heads(*made.arguments, run_id="r", seeds=(1, 2), options=QUICK)


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    save_heads(fitted[1].models, folder)
    return folder


def _joined(results, spoken):
    mean = results.predictions.group_by("clip_id", "given", "source", "label").agg(
        pl.col("probability").mean()
    )
    return mean.join(spoken.predictions, on=["clip_id", "given", "source", "label"], validate="1:1")


def test_own_clips_get_only_heads_that_never_saw_them_and_agree_with_the_tables(fitted, saved):
    made, results = fitted
    spoken = predict_heads(load_heads(saved), made.embeddings, splits=made.splits)
    joined = _joined(results, spoken)
    assert joined.height == results.predictions.height // 2
    assert (joined["probability"] - joined["probability_right"]).abs().max() < 1e-5
    assert spoken.predictions["n_heads"].unique().to_list() == [2]
    gates = results.gates.group_by("clip_id", "given", "modality").agg(pl.col("gate", "weight").mean())
    both = gates.join(spoken.gates, on=["clip_id", "given", "modality"], validate="1:1")
    assert both.height == spoken.gates.height == gates.height
    for name in ("gate", "weight"):
        assert (both[name] - both[f"{name}_right"]).abs().max() < 1e-5


def test_new_clips_get_the_mean_of_all_heads(fitted, saved):
    made, _ = fitted
    new = {
        m: Embeddings(tuple(f"new{c}" for c in e.clip_ids[:5]), e.values[:5], e.card)
        for m, e in made.embeddings.items()
    }
    models = load_heads(saved)
    whole = predict_heads(models, new, splits=made.splits)
    assert whole.predictions["n_heads"].unique().to_list() == [4]
    sums = whole.predictions.group_by("clip_id", "given").agg(pl.col("probability").sum())
    assert (sums["probability"] - 1).abs().max() < 1e-12
    key = ["clip_id", "given", "label"]
    parts = [
        predict_heads(models, new, only_folds=[fold], only_seeds=[seed]).predictions.sort(key)["probability"]
        for fold in (0, 1)
        for seed in (1, 2)
    ]
    np.testing.assert_allclose(sum(parts) / 4, whole.predictions.sort(key)["probability"], atol=1e-6)


def test_a_clip_that_every_head_saw_is_named_and_gets_no_rows(fitted, saved):
    made, _ = fitted
    seen = made.splits.with_columns(
        role=pl.when(pl.col("clip_id") == "0004").then(pl.lit("tune")).otherwise("role")
    )
    spoken = predict_heads(load_heads(saved), made.embeddings, splits=seen)
    assert spoken.unheard == ("0004",)
    assert "0004" not in set(spoken.predictions["clip_id"])
    assert spoken.predictions["clip_id"].n_unique() == 119


def test_heads_in_memory_and_on_disk_say_the_same(fitted, saved):
    made, results = fitted
    held, read = (
        predict_heads(one, made.embeddings).predictions for one in (results.models, load_heads(saved))
    )
    assert held.equals(read)


def test_a_subset_of_modalities_is_enough(fitted, saved):
    made, _ = fitted
    spoken = predict_heads(load_heads(saved), {"audio": made.embeddings["audio"]})
    assert set(spoken.predictions["given"]) == {"audio", "text+audio", "audio+video", "text+audio+video"}
    assert set(spoken.gates["modality"]) == {"audio"}
    assert (spoken.gates["weight"] - 1).abs().max() < 1e-6


def test_only_plain_files_are_written(fitted, saved):
    assert {path.suffix for path in saved.iterdir()} == {".safetensors", ".json"}
    index = json.loads((saved / "heads.json").read_text())
    assert index["labels"] == ["label0", "label1"]
    assert index["digests"]["text"] == card("text").digest()
    assert {(one["combination"], one["fold"], one["seed"]) for one in index["heads"]} == {
        (model.head.combination, model.head.fold, model.head.seed) for model in fitted[1].models.heads
    }


def test_heads_of_a_checkpoint_are_linked_and_outlive_it(tmp_path):
    made, partial, models = make(n=60), tmp_path / "models" / "partial", tmp_path / "models"
    results = fit_heads(
        *made.arguments, run_id="r", seeds=(1,), combinations=["text"], options=QUICK, checkpoint=partial
    )
    for _ in range(2):
        save_heads(results.models, models)
    for path in partial.iterdir():
        assert path.samefile(models / path.name)
        path.unlink()
    partial.rmdir()
    assert sorted(path.name for path in models.iterdir()) == sorted(
        ["heads.json", "text.fold0.seed1.safetensors", "text.fold1.seed1.safetensors"]
    )
    spoken = predict_heads(load_heads(models), {"text": made.embeddings["text"]}, splits=made.splits)
    assert _joined(results, spoken).height == 120


def test_heads_of_a_checkpoint_are_saved_where_they_lie(tmp_path):
    made = make(n=60)
    results = fit_heads(
        *made.arguments, run_id="r", seeds=(1,), combinations=["text"], options=QUICK, checkpoint=tmp_path
    )
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.safetensors")}
    save_heads(results.models, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.safetensors")} == before
    spoken = predict_heads(load_heads(tmp_path), {"text": made.embeddings["text"]}, splits=made.splits)
    joined = _joined(results, spoken)
    assert (joined["probability"] - joined["probability_right"]).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"encoder": "other"}, "encoder 'other' instead of 'made'"), ({"pooling": "first"}, "pooling 'first'")],
)
def test_embeddings_of_another_card_are_refused(fitted, saved, changes, named):
    made, _ = fitted
    text = made.embeddings["text"]
    other = Embeddings(text.clip_ids, text.values, card("text", **changes))
    with pytest.raises(InputError, match=named):
        predict_heads(load_heads(saved), {"text": other})


def test_all_faults_of_embeddings_are_named_at_once(fitted, saved):
    narrow = Embeddings(("a",), np.zeros((1, 3), np.float32), card("text"))
    smell = Embeddings(("a",), np.zeros((1, 3), np.float32), card("smell"))
    with pytest.raises(InputError) as caught:
        predict_heads(load_heads(saved), {"text": narrow, "smell": smell})
    assert [problem.code for problem in caught.value.problems] == ["other-width", "unknown-modality"]
    with pytest.raises(InputError, match="no embeddings"):
        predict_heads(load_heads(saved), {})
    with pytest.raises(UsageError, match="no head has these folds"):
        predict_heads(load_heads(saved), fitted[0].embeddings, only_folds=[9])


def test_missing_and_damaged_files_are_named(fitted, tmp_path):
    with pytest.raises(InputError, match="cannot be read as an index of heads"):
        load_heads(tmp_path)
    save_heads(fitted[1].models, tmp_path)
    one, two = sorted(tmp_path.glob("*.safetensors"))[:2]
    two.write_bytes(two.read_bytes()[:500])
    with pytest.raises(InputError, match="cannot be read"):
        predict_heads(load_heads(tmp_path), fitted[0].embeddings)
    one.unlink()
    with pytest.raises(InputError, match=one.name.replace("+", r"\+")):
        load_heads(tmp_path)
    (tmp_path / "heads.json").write_text('{"format": 99}')
    with pytest.raises(InputError, match="format 99"):
        load_heads(tmp_path)


def test_a_full_disk_is_one_clear_sentence_and_leaves_no_half_file(monkeypatch, tmp_path):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    made = make(n=60)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotFinish, match="the disk is full"):
        fit_heads(*made.arguments, run_id="r", seeds=(1,), options=QUICK, checkpoint=tmp_path)
    assert list(tmp_path.iterdir()) == []
