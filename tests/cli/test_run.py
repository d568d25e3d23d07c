"""The line from a corpus to a report, as typed: what it prints, leaves behind, resumes, refuses and repeats."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from mixedsignals.tables import TABLES, read_table

from .conftest import QUICK, Call, Done, tables

CHANCE = r"text .*(chance|nothing)"


def test_a_run_leaves_declared_tables_models_report_and_manifest(finished: Path) -> None:
    written = tables(finished)
    expected = {
        "clips",
        "votes",
        "targets",
        "splits",
        "predictions",
        "gates",
        "scores",
        "estimates",
        "findings",
    }
    assert expected <= set(written)
    for name in written:
        read_table(TABLES[name], finished / "tables" / f"{name}.parquet")
    assert (finished / "report" / "index.html").is_file()
    assert (finished / "log.jsonl").is_file()
    assert list((finished / "models").rglob("*.safetensors"))
    assert not list(finished.rglob("*.pkl")) + list(finished.rglob("*.partial*"))


def test_every_clip_is_predicted_out_of_fold_from_every_combination(finished: Path) -> None:
    predictions = tables(finished)["predictions"]
    combinations = {"text", "audio", "video", "text+audio", "text+video", "audio+video", "text+audio+video"}
    counted = predictions.group_by("given").agg(
        pl.col("clip_id").n_unique().alias("clips"), pl.col("seed").n_unique().alias("seeds")
    )
    assert set(counted["given"]) == combinations
    assert set(counted["clips"]) == {120}
    assert set(counted["seeds"]) == {2}
    sums = predictions.group_by("seed", "clip_id", "source", "given").agg(pl.col("probability").sum())
    assert sums["probability"].is_between(1 - 1e-6, 1 + 1e-6).all()


def test_folds_are_disjoint_in_speakers(finished: Path) -> None:
    written = tables(finished)
    roles = written["splits"].join(written["clips"].select("clip_id", "speaker_id"), on="clip_id")
    assert roles.group_by("fold", "speaker_id").agg(pl.col("role").n_unique())["role"].max() == 1
    tested = written["splits"].filter(role="test")["clip_id"]
    assert tested.sort().to_list() == written["clips"]["clip_id"].sort().to_list()


def test_a_modality_that_says_nothing_is_a_finding(finished: Path) -> None:
    findings = tables(finished)["findings"].filter(pl.col("status") == "issue")
    named = findings.filter(pl.col("source") == "text")["message"].str.to_lowercase().str.contains(CHANCE)
    assert named.any()
    for source in ("audio", "video"):
        rows = findings.filter((pl.col("source") == source) & pl.col("message").str.contains("chance"))
        assert not rows["code"].is_in(["MS102"]).any()


def test_no_number_in_a_table_is_nan(finished: Path) -> None:
    for name, table in tables(finished).items():
        floats = table.select(pl.col(pl.Float64))
        assert (
            not floats.select(pl.any_horizontal(pl.all().is_nan().any())).item() if floats.width else True
        ), name


def test_what_is_printed(first: tuple[Path, Done]) -> None:
    _, done = first
    assert re.search(r"^model +macro-F1 +accuracy +parts from fusion$", done.out, re.M)
    assert re.search(r"^audio +0\.\d{3} \[0\.\d{3}, [01]\.\d{3}\]", done.out, re.M)
    assert done.out.rstrip().splitlines()[-1].endswith("report/index.html")
    assert done.err == ""
    assert "\x1b[" not in done.out


def test_the_same_call_again_trains_nothing_and_gives_one_document(
    finished: Path, corpus: Path, call: Call
) -> None:
    def heads() -> list[tuple[str, int]]:
        return sorted(
            (path.name, path.stat().st_mtime_ns) for path in (finished / "models").rglob("*.safetensors")
        )

    before, estimates = heads(), tables(finished)["estimates"]
    done = call("run", corpus, "--out", finished, "--media", "none", "--json", *QUICK)
    assert done.code == 0
    assert heads() == before
    assert tables(finished)["estimates"].equals(estimates)
    document = json.loads(done.out)
    assert {"run", "report", "answer", "estimates", "findings"} <= set(document)
    assert any(row["measure"] == "macro_f1" for row in document["estimates"])


def test_other_options_are_refused_by_name(finished: Path, corpus: Path, call: Call) -> None:
    done = call("run", corpus, "--out", finished, "--seeds", "7", "--folds", "3", "--epochs", "3")
    assert done.code == 1
    assert "options.seeds: [1, 2] → [7]" in done.err
    assert "--out" in done.err


def test_a_changed_corpus_is_refused(finished: Path, corpus: Path, tmp_path: Path, call: Call) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(corpus, changed)
    text = (changed / "clips.csv").read_text()
    rows = text.splitlines()
    (changed / "clips.csv").write_text("\n".join(rows[:-1]) + "\n")
    done = call("run", changed, "--out", finished, *QUICK)
    assert done.code == 1


def test_a_manifest_repeats_its_run_exactly(finished: Path, tmp_path: Path, call: Call) -> None:
    done = call("run", finished / "run.toml", "--out", tmp_path / "again", "--media", "none", "--quiet")
    assert done.code == 0, done.err
    before, again = tables(finished), tables(tmp_path / "again")
    for name in ("predictions", "gates", "splits", "targets", "scores", "estimates", "findings"):
        ours = [name_ for name_ in before[name].columns if name_ != "run_id"]
        assert before[name].select(ours).equals(again[name].select(ours)), name


def test_a_manifest_brings_its_own_options(finished: Path, tmp_path: Path, call: Call) -> None:
    done = call("run", finished / "run.toml", "--out", tmp_path / "again", "--seeds", "9")
    assert done.code == 2
    assert "--seeds" in done.err


def stopped(args: list[str], by: signal.Signals, *, heads: int, out: Path) -> int:
    """Exit status of a process that gets a signal as soon as that many heads are there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mixedsignals", *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if len(list((out / "models").rglob("*.safetensors"))) >= heads:
            process.send_signal(by)
            break
        time.sleep(0.005)
    return process.wait()


def test_a_run_that_was_interrupted_and_killed_goes_on_step_by_step_to_the_same_tables(
    corpus: Path, finished: Path, tmp_path: Path, call: Call
) -> None:
    out = tmp_path / "steps"
    args = ["fit", str(corpus), "--out", str(out), *QUICK]
    assert stopped(args, signal.SIGINT, heads=1, out=out) == 130
    made = len(list((out / "models").rglob("*.safetensors")))
    assert 1 <= made < 42
    assert not (out / "tables").exists()
    assert stopped(args, signal.SIGKILL, heads=made + 1, out=out) == -signal.SIGKILL
    assert not (out / "tables").exists()
    assert call("encode", corpus, "--quiet").code == 0
    done = call(*(arg for arg in args if arg != "--quiet"))
    assert done.code == 0, done.err
    assert "were finished before and are taken as they are" in done.err
    assert call("diagnose", out, "--media", "none", "--quiet").code == 0
    assert call("report", out, "--media", "none", "--quiet").code == 0
    before, again = tables(finished), tables(out)
    for name in ("predictions", "gates", "splits", "estimates", "findings"):
        assert before[name].drop("run_id", strict=False).equals(again[name].drop("run_id", strict=False)), (
            name
        )
    assert not [path for path in out.rglob("*partial*") if path.is_file()]


def test_a_report_needs_a_diagnosis(corpus: Path, tmp_path: Path, call: Call) -> None:
    done = call("report", tmp_path)
    assert done.code == 1
    assert "run.toml" in done.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["run"], "CORPUS"),
        (["run", "x"], "--out"),
        (["run", "x", "--out", "y", "--seeds", "1,a"], "--seeds"),
        (["run", "x", "--out", "y", "--encoders", "roberta-base"], "text=roberta-base"),
        (["run", "x", "--out", "y", "--folds", "1"], "--folds"),
        (["diagnose"], "--predictions"),
        (["nothing"], "nothing"),
    ],
)
def test_wrong_usage_is_exit_2(args: list[str], said: str, call: Call) -> None:
    done = call(*args)
    assert done.code == 2
    assert said in done.err


def test_an_absent_corpus_is_one_sentence(tmp_path: Path, call: Call) -> None:
    done = call("run", tmp_path / "absent", "--out", tmp_path / "run")
    assert done.code == 1
    assert "absent" in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "run").exists()


def test_an_unforeseen_error_hides_its_traceback_unless_asked(
    finished: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mixedsignals.api.report", lambda *_, **__: 1 / 0)
    quiet, loud = call("report", finished), call("report", finished, "--debug")
    assert quiet.code == loud.code == 3
    assert "Traceback" not in quiet.err
    assert "Traceback" in loud.err


def test_interrupted_is_130(finished: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mixedsignals.api.report", interrupted)
    assert call("report", finished).code == 130


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_text("clip_id,label\n" + "".join(f"a/{n},x\n" for n in range(3_000)))
    command = f"{sys.executable} -m mixedsignals check {tmp_path} --json --quiet | head -c 10"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=os.environ)
    assert done.stdout == '{\n  "corpus'[:10]
    assert done.stderr == ""
