"""`compare` as typed: one table, tables on disk, resuming, refusing, and what a run does with a second fusion."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from mixedsignals.api.second import picked
from mixedsignals.tables import TABLES, read_table

from .conftest import Call, one_error, tables, typed

QUICK = ("--seeds", "1,2", "--folds", "3", "--epochs", "2", "--quiet", "--threads", "1")
FEW = ("--fusion", "product,conflict")


@pytest.fixture(scope="module")
def compared(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("compared") / "family"
    done = typed("compare", corpus, *FEW, "--out", out, *QUICK)
    assert done.code == 0, done.err
    return out, done.out


def test_one_table_with_every_member_and_its_cost(compared: tuple[Path, str]) -> None:
    _, text = compared
    for word in (
        "gated",
        "product",
        "conflict",
        "F1 all",
        "loss conflict",
        "AURC",
        "parameters",
        "p by sign flips",
        "is no worse, by a margin of 0.01 macro-F1, than",
    ):
        assert word in text
    assert "shown audio+video F1" in text


def test_tables_are_declared_and_name_members_as_sources(compared: tuple[Path, str]) -> None:
    out, _ = compared
    written = tables(out)
    for name in written:
        read_table(TABLES[name], out / "tables" / f"{name}.parquet")
    sources = set(written["predictions"]["source"])
    assert {"gated", "product", "conflict", "gated~masked", "text", "audio", "video"} <= sources
    sums = (
        written["predictions"].group_by("seed", "clip_id", "source", "given").agg(pl.col("probability").sum())
    )
    assert sums["probability"].is_between(1 - 1e-6, 1 + 1e-6).all()
    gains = written["estimates"].filter(pl.col("measure") == "log_loss_gain")
    assert set(gains["source"]) >= {"conflict|gated", "conflict|product", "gated|conflict"}
    assert gains.filter(slice="conflict=yes").height == 4


def test_the_same_command_goes_on_and_gives_the_same(
    compared: tuple[Path, str], corpus: Path, call: Call
) -> None:
    out, text = compared
    (out / "models" / "members" / "product.predictions.parquet").unlink()
    again = call("compare", corpus, *FEW, "--out", out, *QUICK)
    assert again.code == 0
    assert again.out == text
    as_json = call("compare", corpus, *FEW, "--out", out, *QUICK, "--json")
    document = json.loads(as_json.out)
    assert set(document["costs"]) == {"gated", "product", "conflict"}
    assert document["conflict"]["clips"] <= document["conflict"]["of"] == 120


def test_other_options_and_foreign_folders_are_refused(
    compared: tuple[Path, str], corpus: Path, finished: Path, call: Call
) -> None:
    other = ("--seeds", "3", "--folds", "3", "--epochs", "2", "--quiet", "--threads", "1")
    assert "seeds" in one_error(call("compare", corpus, *FEW, "--out", compared[0], *other), 1)
    assert one_error(call("compare", corpus, *FEW, "--out", finished, *QUICK), 1)
    assert "magic" in one_error(call("compare", corpus, "--fusion", "magic", *QUICK), 2)


def test_unknown_members_of_a_run_are_refused_before_any_work(
    corpus: Path, tmp_path: Path, call: Call
) -> None:
    for option in ("--fusion", "--second"):
        error = one_error(call("fit", corpus, "--out", tmp_path / "r", option, "magic", *QUICK), 2)
        assert "gated" in error
        assert not (tmp_path / "r").exists()


def test_a_run_has_a_second_fusion_and_says_which_misleads_more(finished: Path) -> None:
    import tomllib

    record = tomllib.loads((finished / "run.toml").read_text(encoding="utf-8")).get("second")
    written = tables(finished)
    full = written["predictions"].filter(given="text+audio+video")
    if record is None:
        assert set(full["source"]) == {"fusion"}
        return
    assert set(full["source"]) == {"fusion", record["source"]}
    assert set(record["members"]) == {str(fold) for fold in written["splits"]["fold"].unique()}
    counts = full.group_by("source").agg(pl.col("clip_id").n_unique(), pl.len())
    assert counts["clip_id"].n_unique() == counts["len"].n_unique() == 1
    rows = written["findings"].filter(code="MS206")
    assert rows["source"].to_list() == [record["source"]]
    assert "misled" in rows["message"][0]


def test_the_candidate_of_each_fold_is_the_one_with_the_least_tuning_loss() -> None:
    losses = {"gated": {0: 0.5, 1: 0.4}, "conflict": {0: 0.3, 1: 0.4}, "mean": {0: 0.31, 1: 0.5}}
    assert picked(losses) == {0: "conflict", 1: "gated"}


def test_a_named_second_and_none(corpus: Path, tmp_path: Path, call: Call) -> None:
    for name, sources in (("product", {"fusion", "product"}), ("none", {"fusion"})):
        out = tmp_path / name
        one = ("--seeds", "1", "--folds", "3", "--epochs", "1", "--quiet", "--threads", "1")
        assert call("fit", corpus, "--out", out, "--second", name, *one).code == 0
        full = pl.read_parquet(out / "tables" / "predictions.parquet").filter(given="text+audio+video")
        assert set(full["source"]) == sources


def test_predictions_of_own_clips_agree_with_the_tables_for_both_fusions(
    finished: Path, corpus: Path
) -> None:
    from mixedsignals import api

    said = api.predict(finished, corpus).predictions
    tabled = tables(finished)["predictions"].group_by("clip_id", "source", "given", "label")
    both = said.join(
        tabled.agg(pl.col("probability").mean()), on=["clip_id", "source", "given", "label"], how="full"
    )
    assert both["probability"].null_count() == both["probability_right"].null_count() == 0
    assert (both["probability"] - both["probability_right"]).abs().max() < 1e-5
