"""The other verbs: check, import, predict, diagnose of outside predictions, and help."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from mixedsignals.cli._app import VERBS
from mixedsignals.testing import make_evidence

from .conftest import Call


def test_check_prints_each_problem_with_place_and_code(corpus: Path, tmp_path: Path, call: Call) -> None:
    (tmp_path / "clips.csv").write_text(
        "clip_id,media,label,start,end\na/b,gone.mp4,x,2,1\n,,y,,\n", encoding="utf-8"
    )
    done = call("check", tmp_path, "--quiet")
    assert done.code == 1
    for said in ("clips.csv, row 2", "clips.csv, row 3", "gone.mp4", "fault:"):
        assert said in done.out
    listed = json.loads(call("check", tmp_path, "--json", "--quiet").out)
    assert listed["faults"] == sum(problem["severity"] == "fault" for problem in listed["problems"]) >= 3
    assert {"code", "file", "row", "remedy"} <= set(listed["problems"][0])


def test_check_of_a_sound_corpus_is_exit_0(corpus: Path, call: Call) -> None:
    done = call("check", corpus, "--quiet")
    assert done.code == 0, done.out
    assert "no faults" in done.out


def test_predict_a_corpus_of_the_run_agrees_with_its_tables(finished: Path, corpus: Path, call: Call) -> None:
    done = call("predict", finished, corpus, "--json", "--quiet")
    assert done.code == 0, done.err
    rows = {row["clip_id"]: row for row in map(json.loads, done.out.splitlines())}
    table = pl.read_parquet(finished / "tables" / "predictions.parquet")
    table = table.filter(given="text+audio+video", source="fusion")
    mean = table.group_by("clip_id", "label").agg(pl.col("probability").mean())
    assert len(rows) == 120
    for clip, label, probability in mean.iter_rows():
        assert rows[clip]["sources"]["fusion"][label] == pytest.approx(probability, abs=1e-5)
        assert rows[clip]["missing"] == []


def test_diagnose_the_predictions_of_anybody(tmp_path: Path, call: Call) -> None:
    made = make_evidence(n_clips=150, n_speakers=15, seed=1)
    for name in ("predictions", "votes", "clips"):
        getattr(made, name).write_csv(tmp_path / f"{name}.csv")
    files = [f"--{name}={tmp_path / f'{name}.csv'}" for name in ("predictions", "votes", "clips")]
    done = call("diagnose", *files, "--out", tmp_path / "run", "--quiet")
    assert done.code == 0, done.err
    assert (tmp_path / "run" / "report" / "index.html").is_file()
    estimates = pl.read_parquet(tmp_path / "run" / "tables" / "estimates.parquet")
    assert {"macro_f1", "accuracy", "disagreement_rate"} <= set(estimates["measure"])


def test_diagnose_the_votes_of_a_corpus(corpus: Path, tmp_path: Path, call: Call) -> None:
    done = call("diagnose", corpus, "--out", tmp_path / "run", "--quiet", "--media", "none")
    assert done.code == 0, done.err
    estimates = pl.read_parquet(tmp_path / "run" / "tables" / "estimates.parquet")
    assert set(estimates["source"]) == {"people", "all", "targets", "votes"}, (
        "people, and shares of faults in tables"
    )


def test_the_model_of_raters_is_asked_for_and_kept_when_a_run_is_diagnosed_again(
    corpus: Path, tmp_path: Path, call: Call
) -> None:
    run = tmp_path / "run"
    call("diagnose", corpus, "--out", run, "--quiet", "--media", "none", "--raters", "mace")
    call("diagnose", run, "--quiet", "--media", "none")
    methods = pl.read_parquet(run / "tables" / "estimates.parquet").filter(
        pl.col("measure") == "rater_competence"
    )
    assert methods["method"].str.starts_with("MACE").all()
    assert len(methods)
    assert call("diagnose", corpus, "--out", run, "--raters", "majority").code == 2


def test_a_folder_of_something_else_is_not_written_over(tmp_path: Path, corpus: Path, call: Call) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    done = call("diagnose", corpus, "--out", tmp_path, "--quiet")
    assert done.code == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "thesis.tex"]


@pytest.mark.parametrize("verb", [name for name in VERBS if name != "weights"])
def test_help_has_an_example(verb: str, call: Call) -> None:
    done = call(verb, "--help")
    assert done.code == 0
    assert f"Example:  mixedsignals {verb}" in done.out


def test_version(call: Call) -> None:
    done = call("--version")
    assert done.code == 0
    assert done.out.startswith("mixedsignals 0.")


def test_import_of_an_unknown_format_names_the_known(tmp_path: Path, call: Call) -> None:
    done = call("import", "nothing", tmp_path, tmp_path / "corpus")
    assert done.code == 2
    assert "ravdess" in done.err
