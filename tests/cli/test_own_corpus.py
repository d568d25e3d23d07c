"""Someone's own corpus, in its own shape, from the folder to the report: what is absent is said, never filled in."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tomli_w

from mixedsignals.media import write_audio, write_video
from mixedsignals.testing import make_corpus

from .conftest import FAST, Call, Done, edit, tables, typed

STRONG = {"text": 2.5, "audio": 2.5, "video": 2.5}
ALL = "text+audio+video"
FIT = FAST[:8]
"""`FAST` without what only a report has."""

Made = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """`made(without=(…), only=(…), **plan)`: 36 clips of 6 speakers with ready-made features and no media."""

    def make(*, without: tuple[str, ...] = (), only: tuple[str, ...] = (), **plan: Any) -> Path:
        corpus = tmp_path / "corpus"
        given = {"n_clips": 36, "n_speakers": 6, "votes_per_clip": 2, "strength": STRONG, "seed": 7, **plan}
        make_corpus(corpus, **given)
        for name in without:
            (corpus / name).unlink()
        if only:
            for path in (corpus / "features").iterdir():
                if path.stem not in only:
                    path.unlink()
            set_up(corpus, features={name: f"features/{name}.parquet" for name in only})
            edit(corpus / "clips.csv", lambda clips: clips.drop("transcript"))
        return corpus

    return make


def set_up(corpus: Path, **entries: Any) -> None:
    """Change entries of `corpus.toml`; None removes one."""
    path = corpus / "corpus.toml"
    settings = {**tomllib.loads(path.read_text()), **entries}
    path.write_text(tomli_w.dumps({name: value for name, value in settings.items() if value is not None}))


def ran(corpus: Path, *more: str) -> tuple[Path, Done]:
    """A run of a corpus that `check` finds sound; `--media none` unless `more` says otherwise."""
    checked = typed("check", corpus, "--quiet")
    assert checked.code == 0, checked.out
    out = corpus.parent / "run"
    done = typed("run", corpus, "--out", out, *FAST, *more)
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    assert (out / "report" / "index.html").is_file()
    return out, done


def counted(run: Path) -> dict[str, int]:
    """Predicted clips per combination."""
    told = tables(run)["predictions"].group_by("given").agg(pl.col("clip_id").n_unique())
    return dict(told.iter_rows())


def test_one_label_column_from_a_spreadsheet_with_ids_of_all_kinds(made: Made) -> None:
    corpus = made(without=("votes.csv", "targets.csv"))
    odd = [
        "0012",
        "007",
        "1.0",
        "1e3",
        "NA",
        "null",
        "été",
        "два слова",
        "クリップ",
        "a'b\"c",
        "x&y<z>",
        "50%",
        "#1?",
        ".hid",
    ]
    names = {f"c{number:04}": name for number, name in enumerate(odd)}
    for path in (corpus / "features").iterdir():
        pl.read_parquet(path).with_columns(pl.col("clip_id").replace(names)).write_parquet(path)
    clips = pl.read_csv(corpus / "clips.csv", infer_schema=False)
    plain = clips.select(pl.col("clip_id").replace(names), "label", "transcript").write_csv(separator=";")
    (corpus / "clips.csv").write_bytes(b"\xef\xbb\xbf" + plain.replace("\n", "\r\n").encode())
    run, done = ran(corpus)
    assert "no clip has a speaker_id, so each counts as a speaker of its own" in done.err
    assert "Targets are the labels of the clips: 36 clips have one." in done.err
    assert set(tables(run)["predictions"]["clip_id"]) == {
        *odd,
        *(f"c{number:04}" for number in range(len(odd), 36)),
    }
    assert "votes" not in tables(run)
    page = (run / "report" / "index.html").read_text()
    assert "<z>" not in page


def test_votes_alone_with_a_tie_rule_that_is_recorded_and_shown(
    made: Made, call: Call, tmp_path: Path
) -> None:
    corpus = made(without=("targets.csv",), votes_per_clip=4, strength=dict.fromkeys(STRONG, 1.0))
    edit(corpus / "clips.csv", lambda clips: clips.drop("label"))
    run, done = ran(corpus)
    recorded = tomllib.loads((run / "run.toml").read_text())["targets"]
    assert (recorded["source"], recorded["tie_rule"], recorded["given"]) == ("votes", "exclude", ALL)
    tied = recorded["excluded"]
    assert 0 < len(tied) < 10
    assert (
        f"(ties: exclude): {36 - len(tied)} clips have one, {len(tied)} are left out because labels tie."
        in done.err
    )
    assert not set(tied) & set(tables(run)["predictions"]["clip_id"])
    assert "rule: exclude" in (run / "report" / "index.html").read_text()
    other = call("fit", corpus, "--out", tmp_path / "first", *FIT, "--tie-rule", "first")
    assert other.code == 0, other.err
    assert "(ties: first): 36 clips have one." in other.err
    assert tomllib.loads((tmp_path / "first" / "run.toml").read_text())["targets"]["tie_rule"] == "first"


def test_three_ordinal_labels(made: Made) -> None:
    run, _ = ran(made(labels=("low", "mid", "high"), kind="ordinal", n_clips=45))
    manifest = tomllib.loads((run / "run.toml").read_text())["corpus"]
    assert (manifest["labels"], manifest["kind"]) == (["low", "mid", "high"], "ordinal")
    assert set(tables(run)["predictions"]["label"]) == {"low", "mid", "high"}
    sums = (
        tables(run)["predictions"]
        .group_by("seed", "clip_id", "source", "given")
        .agg(pl.col("probability").sum())
    )
    assert sums["probability"].is_between(1 - 1e-6, 1 + 1e-6).all()


def test_numbers_as_labels_are_in_order_of_value(made: Made) -> None:
    corpus = made(labels=("2", "10", "1"), n_clips=45, without=("votes.csv",))
    set_up(corpus, labels=None, kind="ordinal")
    run = corpus.parent / "run"
    assert typed("fit", corpus, "--out", run, *FIT, "--quiet").code == 0
    assert tomllib.loads((run / "run.toml").read_text())["corpus"]["labels"] == ["1", "2", "10"]


def test_given_splits_and_soft_targets(made: Made) -> None:
    corpus = made()
    clips = pl.read_csv(corpus / "clips.csv", infer_schema=False)
    tested = clips["speaker_id"].unique().sort().head(2)
    role = (
        pl.when(pl.col("speaker_id").is_in(tested.implode())).then(pl.lit("test")).otherwise(pl.lit("train"))
    )
    clips.select("clip_id", role=role).write_csv(corpus / "splits.csv")
    hard = pl.read_csv(corpus / "targets.csv", infer_schema=False).select("clip_id", "label")
    soft = hard.with_columns(share=pl.when(pl.int_range(pl.len()) % 9 == 0).then(0.5).otherwise(0.75))
    other = soft.with_columns(
        pl.col("label").replace({"neutral": "empathetic", "empathetic": "neutral"}), share=1 - pl.col("share")
    )
    pl.concat([soft, other]).write_csv(corpus / "targets.csv")
    run, done = ran(corpus)
    kept = tables(run)
    assert "32 clips have one, 4 are left out because labels tie" in done.err
    assert set(kept["targets"]["share"]) == {0.25, 0.75}
    predicted = kept["predictions"]["clip_id"].unique()
    assert f"Folds are the corpus's own: 1 fold, {len(predicted)} clips tested" in done.err
    speakers = kept["clips"].filter(pl.col("clip_id").is_in(predicted.implode()))["speaker_id"]
    assert set(speakers) == set(tested)
    roles = (
        kept["splits"].join(kept["clips"], on="clip_id").group_by("speaker_id").agg(pl.col("role").unique())
    )
    assert set(kept["splits"]["role"]) == {"train", "tune", "test"}
    assert (roles["role"].list.len() == 1).all()


def test_two_modalities(made: Made) -> None:
    run, done = ran(made(only=("audio", "video")))
    assert counted(run) == {"audio": 36, "video": 36, "audio+video": 36}
    assert "text" not in done.out


def test_one_modality_has_nothing_to_fuse_and_the_tool_says_so(made: Made, call: Call) -> None:
    corpus = made(only=("audio",))
    run, done = ran(corpus)
    assert "The only modality is audio: there is nothing to fuse, or to part from." in done.err
    assert counted(run) == {"audio": 36}
    assert set(tables(run)["predictions"]["source"]) == {"audio"}
    assert "fusion" not in done.out
    said = call("predict", run, corpus, "--json", "--quiet")
    assert said.code == 0, said.err
    assert set(json.loads(said.out.splitlines()[0])["sources"]) == {"audio"}


def own_layout(folder: Path, *, features: bool) -> Path:
    """Names, places and spans of the user's own: sessions of six clips each, three with separate picture and sound.

    Of 36 clips, 6 have no words, 3 no sound and 4 no picture; u25 has sound only, u35 words only.
    """
    corpus = folder / "corpus"
    recordings = folder / "recordings"
    recordings.mkdir(parents=True)
    rows = []
    for session in range(6):
        warm = [(session + place) % 2 == 0 for place in range(6)]
        together = session < 3
        _session(recordings, session, warm, together=together)
        for place, kind in enumerate(warm):
            number = len(rows)
            rows.append(
                {
                    "Utterance": f"u{number:02}",
                    "Who": f"P{session}",
                    "File": f"session {session}.mp4" if together else None,
                    "Mic": None if together or number % 7 == 0 else f"s{session}_mic.flac",
                    "Cam": None if together or number % 5 == 0 else f"s{session}_cam.mp4",
                    "From": 0.5 * place,
                    "To": 0.5 * (place + 1),
                    "Words": None
                    if number % 6 == 1
                    else f"{'I am so sorry' if kind else 'Call the office'} {number}",
                    "Emotion": "warm" if kind else "cold",
                }
            )
    (corpus / "notes").mkdir(parents=True)
    frame = pl.DataFrame(rows)
    frame.write_csv(corpus / "notes" / "segments.csv", separator=";")
    if features:
        _own_features(corpus, frame)
    (corpus / "corpus.toml").write_text(OWN)
    return corpus


OWN = """
name = "our sessions"
labels = ["warm", "cold"]
[files]
clips = "notes/segments.csv"
[columns.clips]
Utterance = "clip_id"
Who = "speaker_id"
File = "media"
Mic = "audio"
Cam = "video"
From = "start"
To = "end"
Words = "transcript"
Emotion = "label"
[media]
folder = "../recordings"
"""


def _session(folder: Path, session: int, warm: list[bool], *, together: bool) -> None:
    pictures = [
        np.full((48, 64, 3), (40 + 150 * kind, 20 * session, 30 * place + 5 * step), np.uint8)
        for place, kind in enumerate(warm)
        for step in range(4)
    ]
    time = np.arange(8_000) / 16_000
    tones = [0.3 * np.sin(2 * np.pi * (200 + 300 * kind + 10 * session) * time) for kind in warm]
    sound = np.concatenate(tones).astype(np.float32)
    if together:
        write_video(folder / f"session {session}.mp4", pictures, fps=8, audio=sound, rate=16_000)
    else:
        write_video(folder / f"s{session}_cam.mp4", pictures, fps=8)
        write_audio(folder / f"s{session}_mic.flac", sound, rate=16_000)


def _own_features(corpus: Path, rows: pl.DataFrame) -> None:
    there = {
        "text": pl.col("Words").is_not_null(),
        "audio": pl.col("File").is_not_null() | pl.col("Mic").is_not_null(),
        "video": pl.col("File").is_not_null() | pl.col("Cam").is_not_null(),
    }
    (corpus / "features").mkdir()
    random = np.random.default_rng(1)
    for modality, has in there.items():
        kept = rows.filter(has)
        towards = np.where(kept["Emotion"] == "warm", 1.0, -1.0)[:, None]
        values = random.normal(size=(len(kept), 4)) + towards
        columns = {f"{modality}_{column}": values[:, column] for column in range(4)}
        pl.DataFrame({"clip_id": kept["Utterance"], **columns}).write_parquet(
            corpus / "features" / f"{modality}.parquet"
        )


LACKING = {
    "text": 30,
    "audio": 33,
    "video": 32,
    "text+audio": 36,
    "text+video": 35,
    "audio+video": 35,
    ALL: 36,
}


def test_an_own_layout_with_spans_and_clips_that_lack_modalities(tmp_path: Path) -> None:
    corpus = own_layout(tmp_path, features=True)
    run, done = ran(corpus, "--media", "copy")
    assert "text: 6 of 36 clips have none (no text features): u01, u07, u13, u19, u25, …" in done.err
    assert "audio: 3 of 36 clips have none (no audio features): u21, u28, u35" in done.err
    assert "video: 4 of 36 clips have none (no video features): u20, u25, u30, u35" in done.err
    check_lacking(run)
    played = {path.suffix for path in (run / "report" / "media").iterdir()}
    assert ".mp4" in played


def check_lacking(run: Path) -> None:
    """Rows as the design says: none of a single model for a clip that lacks its modality, masked in fusion."""
    assert counted(run) == LACKING
    gates = tables(run)["gates"].filter(given=ALL)
    there = gates.group_by("modality").agg(pl.col("clip_id").n_unique())
    assert dict(there.iter_rows()) == {"text": 30, "audio": 33, "video": 32}
    weights = gates.group_by("seed", "source", "clip_id").agg(pl.col("weight").sum())
    assert weights["weight"].is_between(1 - 1e-5, 1 + 1e-5).all()
    assert set(gates.filter(clip_id="u35")["modality"]) == {"text"}


def test_predicting_files_of_a_run_on_ready_made_features(tmp_path: Path, call: Call) -> None:
    corpus = own_layout(tmp_path, features=True)
    run = tmp_path / "run"
    assert call("fit", corpus, "--out", run, *FIT, "--quiet").code == 0
    recordings = tmp_path / "recordings"
    same_as_tables(call("predict", run, recordings / "s3_cam.mp4", "--json", "--quiet"), run, clips=5)
    same_as_tables(call("predict", run, corpus, "--json", "--quiet"), run, clips=36)
    shutil.copy(recordings / "session 0.mp4", tmp_path / "u00.mp4")
    new = call("predict", run, tmp_path / "u00.mp4", recordings / "s3_cam.mp4", "--quiet")
    assert new.code == 0
    *cells, said, missing = re.split(r"\s{2,}", new.out.splitlines()[-1])
    assert set(cells) == {"u00", "-"}
    assert (said, missing) == ("no model can judge it", "text, audio, video")
    alone = call("predict", run, tmp_path / "u00.mp4")
    assert alone.code == 3
    assert "audio: this run learned from ready-made features, and these clips have none" in alone.err


def same_as_tables(done: Done, run: Path, *, clips: int) -> None:
    """Clips of the run are predicted as in its tables, to 1e-5 and in the order of the corpus."""
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert len(rows) == clips
    order = tables(run)["clips"]["clip_id"].to_list()
    assert [row["clip_id"] for row in rows] == sorted((row["clip_id"] for row in rows), key=order.index)
    known = (
        tables(run)["predictions"]
        .group_by("clip_id", "source", "given", "label")
        .agg(pl.col("probability").mean())
    )
    expected: dict[str, dict[tuple[str, str], float]] = {}
    for clip, source, given, label, probability in known.iter_rows():
        name = source if given in (source, ALL) else f"{source} on {given}"
        expected.setdefault(clip, {})[name, label] = probability
    for row in rows:
        said = {(name, label): p for name, of in row["sources"].items() for label, p in of.items()}
        assert said == pytest.approx(expected[row["clip_id"]], abs=1e-5)


def test_new_files_that_cannot_be_predicted_are_all_named(tmp_path: Path, finished: Path, call: Call) -> None:
    (tmp_path / "words.mp4").write_text("no film")
    (tmp_path / "folder").mkdir()
    named = [tmp_path / name for name in ("words.mp4", "none.mp4", "folder")]
    done = call("predict", finished, *named)
    assert done.code == 1
    assert done.err.count("  - ") == 3
    for path in named:
        assert str(path) in done.err


@pytest.mark.weights
def test_real_media_from_the_layout_to_predictions_of_new_files(
    tmp_path: Path, call: Call, weights_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "weights").symlink_to(weights_dir)
    monkeypatch.setenv("MIXEDSIGNALS_CACHE", str(cache))
    corpus = own_layout(tmp_path, features=False)
    run, done = ran(corpus)
    assert "text: 6 of 36 clips have none (no transcript): u01, u07, u13, u19, u25, …" in done.err
    assert "audio: 3 of 36 clips have none (no audio file is named): u21, u28, u35" in done.err
    check_lacking(run)
    recordings = tmp_path / "recordings"
    same_as_tables(call("predict", run, corpus, "--json", "--quiet"), run, clips=36)
    same_as_tables(call("predict", run, recordings / "session 1.mp4", "--json", "--quiet"), run, clips=6)
    shutil.copy(recordings / "session 2.mp4", tmp_path / "new one.mp4")
    shutil.copy(recordings / "s4_cam.mp4", tmp_path / "mute.mp4")
    new = call("predict", run, tmp_path / "new one.mp4", tmp_path / "mute.mp4", "--json", "--quiet")
    assert new.code == 0, new.err
    rows = {row["clip_id"]: row for row in map(json.loads, new.out.splitlines())}
    assert rows["new one"]["missing"] == ["text"]
    assert rows["mute"]["missing"] == ["text", "audio"]
    second = {"best", "mean", "product", "stacked", "conflict"}
    assert len(set(rows["mute"]["sources"]) & second) == 1
    assert set(rows["mute"]["sources"]) - second == {
        "video",
        "fusion on text+video",
        "fusion on audio+video",
        "fusion",
    }
    assert set(rows["new one"]["gates"]) == {"audio", "video"}
    head, plain = call("predict", run, tmp_path / "mute.mp4", "--quiet").out.splitlines()
    shown = [column for column in head.split() if column not in second]
    assert shown == ["clip", "video", "fusion", "bits", "apart", "advice", "missing"]
    assert plain.startswith("mute  ")
    assert plain.endswith("text, audio")
    assert rows["mute"]["judged_by"] == "video"
    assert rows["mute"]["disagreement"] == {"jsd_bits": None, "percentile": None}
    again = call("encode", corpus)
    assert "0 encoded now, 30 from the cache, 6 without text" in again.out


@pytest.mark.realdata
@pytest.mark.weights
def test_six_real_clips_are_encoded_and_then_too_few(
    tmp_path: Path, realdata: Path, call: Call, weights_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "weights").symlink_to(weights_dir)
    monkeypatch.setenv("MIXEDSIGNALS_CACHE", str(cache))
    corpus = tmp_path / "six"
    assert call("import", "cremad", realdata / "cremad", corpus, "--only-media", "--quiet").code == 0
    done = call("run", corpus, "--out", tmp_path / "run", "--verbose")
    assert done.code == 3
    for encoder in (
        "text by minilm-l6: 1/1",
        "audio by whisper-tiny.en: 6/6",
        "video by efficientnet-lite0: 6/6",
    ):
        assert encoder in done.err
    assert done.err.splitlines()[-1] == (
        "mixedsignals: 5 folds with no speaker in two parts need at least 5 speakers, and the 6 clips with a target "
        "have 1 speaker: add clips of other speakers, or give splits of your own."
    )
    assert not (tmp_path / "run" / "tables").exists()


@pytest.mark.realdata
def test_the_votes_of_thousands_of_real_clips_are_diagnosed(
    tmp_path: Path, realdata: Path, call: Call
) -> None:
    corpus = tmp_path / "cremad"
    assert call("import", "cremad", realdata / "cremad", corpus, "--quiet").code == 0
    done = call("diagnose", corpus, "--out", tmp_path / "run", "--json", "--quiet")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert Path(told["report"]).is_file()
    assert set(tables(tmp_path / "run")["estimates"]["source"]) == {"people", "all", "targets", "votes"}
    assert 1 <= len(told["answer"]) <= 5
