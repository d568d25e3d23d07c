"""What networks are shown in place of a missing modality, and modulated gradients, as typed."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from mixedsignals import api
from mixedsignals.api.encoding import encode
from mixedsignals.api.fitting import head_options
from mixedsignals.heads import load_heads, predict_heads
from mixedsignals.manifest import RunOptions

from .conftest import QUICK, Call, one_error, tables, typed

FEW = ("--seeds", "1", "--folds", "3", "--epochs", "1", "--threads", "1", "--second", "none", "--quiet")


@pytest.fixture(scope="module")
def run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tokens") / "run"
    done = typed("fit", corpus, "--out", out, *FEW, "--missing", "tokens", "--modulation")
    assert done.code == 0, done.err
    return out


def test_the_manifest_keeps_both_and_they_reach_the_networks(run: Path) -> None:
    options = tomllib.loads((run / "run.toml").read_text())["options"]
    assert (options["missing"], options["modulation"]) == ("tokens", True)
    given = head_options(RunOptions.from_dict(options))
    assert (given.missing, given.modulation) == ("tokens", True)
    fused = [one for one in load_heads(run / "models").heads if "+" in one.head.combination]
    assert all(f"weights/{name}.token" in one.arrays() for one in fused for name in one.head.modalities)


def test_one_model_has_an_opinion_on_every_subset(run: Path, corpus: Path) -> None:
    embeddings = {
        name: one.embeddings for name, one in encode(api.read(corpus), options=RunOptions()).items()
    }
    models = load_heads(run / "models")
    full = replace(models, heads=tuple(one for one in models.heads if one.head.combination.count("+") == 2))
    for shown in (["audio"], ["text", "video"]):
        said = predict_heads(full, {name: embeddings[name] for name in shown}).predictions
        sums = said.group_by("clip_id").agg(pl.col("probability").sum())["probability"]
        assert len(sums) == 120
        assert sums.is_between(1 - 1e-6, 1 + 1e-6).all()


def test_other_ways_are_another_run(run: Path, corpus: Path, call: Call) -> None:
    said = one_error(call("fit", corpus, "--out", run, *FEW), 1)
    assert "missing: tokens → mask" in said
    assert "modulation: True → False" in said
    refused = call("fit", corpus, "--out", run, *FEW, "--missing", "zeros")
    assert refused.code == 2
    assert "'mask', 'tokens'" in refused.err


def test_a_run_of_a_version_that_knew_neither_goes_on(finished: Path, corpus: Path, call: Call) -> None:
    manifest = finished / "run.toml"
    before = manifest.read_text()
    assert 'missing = "mask"' in before
    older = "\n".join(
        line for line in before.split("\n") if not line.startswith(("missing =", "modulation ="))
    )
    manifest.write_text(older)
    try:
        rows = tables(finished)["predictions"]
        again = call("fit", corpus, "--out", finished, *QUICK)
        assert again.code == 0, again.err
        assert tables(finished)["predictions"].equals(rows)
    finally:
        manifest.write_text(before)
