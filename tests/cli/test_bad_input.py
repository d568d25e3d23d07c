"""Bad input, as a user meets it: one clear error with all faults and remedies, an exit code, and nothing half done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mixedsignals.media import write_video
from mixedsignals.testing import make_corpus, make_evidence

from .conftest import FAST, Call, edit, one_error

Spoil = Callable[[Path], None]
CLIP = pl.col("clip_id")


def media(clip: str, path: str) -> Spoil:
    def spoil(corpus: Path) -> None:
        chosen = pl.when(CLIP.eq(clip)).then(pl.lit(path)).otherwise("media")
        edit(corpus / "clips.csv", lambda clips: clips.with_columns(media=chosen))

    return spoil


def truncated(corpus: Path) -> None:
    file = corpus / "media" / "c0003.mp4"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def zero_bytes(corpus: Path) -> None:
    media("c0004", "media/c0004.wav")(corpus)
    (corpus / "media" / "c0004.wav").touch()


def silent(corpus: Path) -> None:
    pictures = (np.full((48, 64, 3), 20 * step, np.uint8) for step in range(8))
    write_video(corpus / "media" / "c0005.mp4", pictures, fps=8)


def no_film(corpus: Path) -> None:
    (corpus / "media" / "c0006.mp4").write_text("this is no film\n" * 50)


def gone(corpus: Path) -> None:
    (corpus / "media" / "c0007.mp4").unlink()


def linked_out(corpus: Path) -> None:
    (corpus / "media" / "c0008.mp4").unlink()
    (corpus / "media" / "c0008.mp4").symlink_to("/etc/hostname")


def features(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Spoil:
    def spoil(corpus: Path) -> None:
        path = corpus / "features" / "audio.parquet"
        change(pl.read_parquet(path)).write_parquet(path)

    return spoil


def nan(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(audio_2=pl.when(CLIP == "c0009").then(float("nan")).otherwise("audio_2"))


def renamed(old: str, new: str) -> Spoil:
    def spoil(corpus: Path) -> None:
        for name in ("clips", "votes", "targets"):
            edit(corpus / f"{name}.csv", lambda frame: frame.with_columns(CLIP.replace(old, new)))
        for path in (corpus / "features").iterdir():
            pl.read_parquet(path).with_columns(CLIP.replace(old, new)).write_parquet(path)

    return spoil


def latin(corpus: Path) -> None:
    lines = (corpus / "clips.csv").read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b"ly", b"l\xe9", 1)
    (corpus / "clips.csv").write_bytes(b"".join(lines))


def short_row(corpus: Path) -> None:
    lines = (corpus / "clips.csv").read_text().splitlines()
    lines[6] = lines[6].rpartition(",")[0]
    (corpus / "clips.csv").write_text("\n".join(lines) + "\n")


def empty(corpus: Path) -> None:
    (corpus / "clips.csv").write_text("")


def no_rows(corpus: Path) -> None:
    (corpus / "clips.csv").write_text("clip_id,label\n")


def no_table(corpus: Path) -> None:
    (corpus / "clips.csv").unlink()


FAULTS = {
    "no clips table": (no_table, "missing-file", "clips.csv", None),
    "an empty file": (empty, "empty-file", "clips.csv", None),
    "no clips": (no_rows, "empty-corpus", "clips.csv", None),
    "truncated MP4": (truncated, "truncated-media", "clips.csv", 5),
    "zero-byte WAV": (zero_bytes, "empty-media", "clips.csv", 6),
    "a video without sound": (silent, "no-audio-track", "clips.csv", 7),
    "no film at all": (no_film, "unreadable-media", "clips.csv", 8),
    "a file that is gone": (gone, "missing-media", "clips.csv", 9),
    "a path that climbs out": (media("c0002", "../c0002.mp4"), "path-outside", "clips.csv", 4),
    "a path from the root": (media("c0002", "/etc/hostname"), "path-outside", "clips.csv", 4),
    "a link that leads out": (linked_out, "path-outside", "clips.csv", 10),
    "NaN in features": (features(nan), "not-finite", "features/audio.parquet", 11),
    "features for other clips": (
        features(lambda frame: frame.with_columns(clip_id=pl.lit("x") + CLIP)),
        "unknown-clip",
        "features/audio.parquet",
        None,
    ),
    "features for one other clip": (
        features(lambda frame: frame.with_columns(CLIP.replace("c0001", "x"))),
        "unknown-clip",
        "features/audio.parquet",
        None,
    ),
    "a slash in an id": (renamed("c0001", "a/b"), "illegal-clip-id", "clips.csv", 3),
    "an id that climbs out": (renamed("c0001", ".."), "illegal-clip-id", "clips.csv", 3),
    "not UTF-8": (latin, "not-utf-8", "clips.csv", 5),
    "a row cut short": (short_row, "ragged-row", "clips.csv", 7),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_once_by_every_verb_and_nothing_is_written(
    name: str, copy: Path, tmp_path: Path, call: Call
) -> None:
    spoil, code, file, row = FAULTS[name]
    spoil(copy)
    checked = json.loads((told := call("check", copy, "--json", "--quiet")).out)
    assert told.code == 1
    (fault,) = [problem for problem in checked["problems"] if problem["severity"] == "fault"]
    assert (fault["code"], fault["file"], fault["row"]) == (code, file, row)
    assert fault["remedy"]
    for verb in ("run", "fit"):
        said = one_error(call(verb, copy, "--out", tmp_path / "run", *FAST[: 10 if verb == "run" else 8]), 1)
        assert fault["message"].rstrip(".") in said
        assert fault["remedy"] in said
        assert file in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["no clips", "NaN in features", "a slash in an id", "not UTF-8"])
def test_a_diagnosis_of_votes_refuses_the_same(name: str, copy: Path, tmp_path: Path, call: Call) -> None:
    FAULTS[name][0](copy)
    one_error(call("diagnose", copy, "--out", tmp_path / "run"), 1)
    assert not (tmp_path / "run").exists()


TWELVE = {
    "missing-media": media("c0000", "media/none.mp4"),
    "truncated-media": truncated,
    "empty-media": zero_bytes,
    "no-audio-track": silent,
    "unreadable-media": no_film,
    "path-outside": media("c0010", "../other.mp4"),
    "end-before-start": lambda corpus: edit(
        corpus / "clips.csv",
        lambda clips: clips.with_columns(
            start=pl.when(CLIP == "c0011").then(pl.lit("0.4")),
            end=pl.when(CLIP == "c0011").then(pl.lit("0.2")),
        ),
    ),
    "unknown-label": lambda corpus: edit(
        corpus / "clips.csv",
        lambda clips: clips.with_columns(
            label=pl.when(CLIP == "c0012").then(pl.lit("netural")).otherwise("label")
        ),
    ),
    "duplicate-id": lambda corpus: edit(
        corpus / "clips.csv", lambda clips: pl.concat([clips, clips.filter(CLIP == "c0013")])
    ),
    "unknown-given": lambda corpus: edit(
        corpus / "votes.csv",
        lambda votes: votes.with_columns(
            given=pl.when(pl.int_range(pl.len()) == 4).then(pl.lit("smell")).otherwise("given")
        ),
    ),
    "unknown-clip": lambda corpus: edit(
        corpus / "votes.csv",
        lambda votes: votes.with_columns(
            clip_id=pl.when(pl.int_range(pl.len()) == 9).then(pl.lit("who")).otherwise(CLIP)
        ),
    ),
    "speaker-in-two-parts": lambda corpus: (
        pl.read_csv(corpus / "clips.csv", infer_schema=False)
        .filter(pl.col("speaker_id") == pl.col("speaker_id").first())
        .select(
            "clip_id",
            role=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("test")).otherwise(pl.lit("train")),
        )
        .write_csv(corpus / "splits.csv")
    ),
}


def test_twelve_planted_faults_are_all_named_at_once(copy: Path, tmp_path: Path, call: Call) -> None:
    assert len(TWELVE) == 12
    for spoil in TWELVE.values():
        spoil(copy)
    checked = call("check", copy, "--json", "--quiet")
    listed = json.loads(checked.out)
    faults = [problem for problem in listed["problems"] if problem["severity"] == "fault"]
    assert checked.code == 1
    assert {fault["code"] for fault in faults} == set(TWELVE)
    assert listed["faults"] == len(faults) == 12
    assert all(fault["file"] and fault["remedy"] for fault in faults)
    rows = {fault["code"]: fault["row"] for fault in faults if fault["row"] is not None}
    assert rows["unknown-given"] == 6
    assert rows["unknown-clip"] == 11
    assert rows["duplicate-id"] == 38
    plain = call("check", copy, "--quiet")
    assert plain.code == 1
    for fault in faults:
        assert f"{fault['message'].rstrip('.')}. {fault['remedy']} [{fault['code']}]" in plain.out
    said = one_error(call("run", copy, "--out", tmp_path / "run", *FAST), 1)
    assert said.startswith("12 faults in the input:")
    assert not (tmp_path / "run").exists()


def test_one_wrong_row_of_ten_thousand(tmp_path: Path, call: Call) -> None:
    corpus = tmp_path / "corpus"
    make_corpus(corpus, n_clips=10_000, n_speakers=50, votes_per_clip=1, conditions=("audio",))
    lines = (corpus / "clips.csv").read_text().splitlines()
    lines[7_001] = re.sub(",(neutral|empathetic),", ",netural,", lines[7_001], count=1)
    (corpus / "clips.csv").write_text("\n".join(lines) + "\n")
    assert call("check", corpus, "--quiet").out.count("fault: ") == 1
    said = one_error(call("run", corpus, "--out", tmp_path / "run", *FAST), 1)
    assert said.startswith(
        "clips.csv, row 7002 (clip 'c7000'): label is 'netural'; legal is one of neutral, empathetic"
    )


def test_a_thousand_faults_of_one_kind_do_not_hide_another(tmp_path: Path, call: Call) -> None:
    rows = [f"a/{number},s,x" for number in range(1_000)]
    (tmp_path / "clips.csv").write_text("\n".join(["clip_id,speaker_id,label", *rows, "b,s,"]) + "\n")
    done = call("check", tmp_path, "--quiet")
    assert done.out.count("[illegal-clip-id]") == 21
    assert "fault: 980 more of this kind; -v shows them [illegal-clip-id]" in done.out
    assert "[too-few-labels]" in done.out
    assert "1,001 faults" in done.out
    assert call("check", tmp_path, "--quiet", "--verbose").out.count("[illegal-clip-id]") == 1_000
    assert json.loads(call("check", tmp_path, "--quiet", "--json").out)["faults"] == 1_001


def one_label(corpus: Path) -> None:
    for name in ("clips", "targets"):
        edit(corpus / f"{name}.csv", lambda frame: frame.with_columns(label=pl.lit("neutral")))
    (corpus / "votes.csv").unlink()


def one_speaker(corpus: Path) -> None:
    edit(corpus / "clips.csv", lambda clips: clips.with_columns(speaker_id=pl.lit("ann")))


def no_label(corpus: Path) -> None:
    edit(corpus / "clips.csv", lambda clips: clips.drop("label"))
    (corpus / "votes.csv").unlink()
    (corpus / "targets.csv").unlink()


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        (
            one_label,
            "one-class",
            "36 clips with a target have 'neutral', and models need clips of two labels",
        ),
        (no_label, "one-class", "no clip has a label, vote or target, and models need clips of two labels"),
        (
            one_speaker,
            "one-speaker",
            "need at least 3 speakers, and the 36 clips with a target have 1 speaker",
        ),
    ],
)
def test_a_corpus_that_cannot_be_learned_from_is_a_warning_and_then_exit_3(
    spoil: Spoil, code: str, said: str, copy: Path, tmp_path: Path, call: Call
) -> None:
    spoil(copy)
    checked = call("check", copy, "--quiet")
    assert checked.code == 0
    assert f"[{code}]" in checked.out
    assert call("check", copy, "--quiet", "--strict").code == 1
    assert said in one_error(call("run", copy, "--out", tmp_path / "run", *FAST), 3)
    assert not (tmp_path / "run" / "tables").exists()


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    """Predictions of 40 clips from four sources, as a user's own models would give them."""
    path = tmp_path / "predictions.csv"
    make_evidence(n_clips=40, seeds=(1,), seed=1).predictions.drop("run_id", "given", "calibrated").write_csv(
        path
    )
    return path


def test_a_misspelt_label_of_own_predictions_is_warned_of(
    predictions: Path, tmp_path: Path, call: Call
) -> None:
    text = predictions.read_text()
    predictions.write_text(text.replace("neutral", "netural", 1))
    done = call("diagnose", "-p", predictions, "--out", tmp_path / "run", "--media", "none")
    assert done.code == 0, done.err
    assert "warning: 159 of 160 predictions have no row for 'netural', which counts as 0." in done.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fusion", "joint"], "no source is named 'joint'; there are text, audio, video, fusion"),
        (["--labels", "yes,no"], "label is 'neutral'; legal is one of yes, no"),
        (["--votes", "none.csv"], "none.csv: is not there"),
        (["--clips", "."], "is a folder"),
    ],
)
def test_options_that_do_not_fit_own_predictions(
    options: list[str], said: str, predictions: Path, tmp_path: Path, call: Call
) -> None:
    assert said in one_error(call("diagnose", "-p", predictions, "--out", tmp_path / "run", *options), 1)
    assert not (tmp_path / "run").exists()


def test_votes_that_all_say_the_same_are_diagnosed(copy: Path, tmp_path: Path, call: Call) -> None:
    for name in ("clips", "targets"):
        edit(copy / f"{name}.csv", lambda frame: frame.with_columns(label=pl.lit("neutral")))
    key = ["clip_id", "rater_id", "given", "occasion"]
    edit(copy / "votes.csv", lambda votes: votes.with_columns(label=pl.lit("neutral")).unique(key))
    done = call("diagnose", copy, "--out", tmp_path / "run", "--media", "none")
    assert done.code == 0, done.err
    assert (tmp_path / "run" / "report" / "index.html").is_file()


def test_a_run_that_did_not_finish_is_neither_diagnosed_nor_reported_nor_asked(
    copy: Path, tmp_path: Path, call: Call
) -> None:
    run = tmp_path / "run"
    one_error(call("run", copy, "--out", run, *FAST, "--folds", "30"), 3)
    assert "has not finished training" in one_error(call("diagnose", run), 1)
    assert "Run `mixedsignals diagnose" in one_error(call("report", run), 1)
    assert "has no trained models" in one_error(call("predict", run, copy), 1)


def test_a_run_that_failed_early_leaves_its_folder_to_other_options(
    copy: Path, tmp_path: Path, call: Call
) -> None:
    one_error(call("run", copy, "--out", tmp_path / "run", *FAST, "--folds", "30"), 3)
    one_error(call("run", copy, "--out", tmp_path / "run", *FAST, "--folds", "31"), 3)


@pytest.mark.parametrize("what", ["a file", "a folder of something else", "the corpus itself"])
def test_a_run_is_not_written_into_something_else(what: str, copy: Path, tmp_path: Path, call: Call) -> None:
    out = {"a file": tmp_path / "thesis.tex", "the corpus itself": copy}.get(what, tmp_path / "folder")
    if what == "a file":
        out.write_text("years of work")
    elif out != copy:
        out.mkdir()
        (out / "thesis.tex").write_text("years of work")
    before = sorted(path for path in tmp_path.rglob("*"))
    assert "--out" in one_error(call("run", copy, "--out", out, *FAST), 1)
    assert sorted(path for path in tmp_path.rglob("*")) == before
