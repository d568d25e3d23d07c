"""`mixedsignals probe RUN --media`: real recordings and words altered, encoded anew and asked about."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from mixedsignals import api, media
from mixedsignals.api import running
from mixedsignals.api.media_options import MediaOptions, asked_of_media
from mixedsignals.api.media_probing import probe_media
from mixedsignals.api.trained import read_trained
from mixedsignals.cli._probe_media import MEDIA_PROBES
from mixedsignals.embeddings import Card
from mixedsignals.encoders import registry
from mixedsignals.encoders.protocol import Array, EncoderRequest, Prepared
from mixedsignals.probes import DEFAULT_PROBES, films, parse_probe
from mixedsignals.sources import Source
from mixedsignals.tables import PROBES, read_table
from mixedsignals.testing import make_corpus

from .conftest import edit, one_error, tables, typed

FULL = "text+audio+video"
ENCODERS = ("--encoders", "text=letters", "--encoders", "audio=pitch", "--encoders", "video=greys")
LEARNED = ("--seeds", "1", "--folds", "3", "--epochs", "8", "--threads", "1", "--second", "none")


class Small:
    """An encoder without a network: letters of words, pitch and power of sound, mean colours of pictures."""

    batch_size = 8

    def __init__(self, request: EncoderRequest, cache: Path) -> None:
        self.card = Card(request.modality, request.name, "1", "none", "none", {"n": 1})

    def load(self, device: str) -> None:
        """Nothing to load."""

    def prepare(self, source: Source) -> Prepared:
        if source.path is None:
            words = (source.text or "").lower()
            return Prepared([words.count(chr(97 + k)) / max(len(words), 1) for k in range(26)])
        span = {"start": source.start, "end": source.end}
        if self.card.modality == "video":
            seen = media.frames(source.path, count=4, **span)
            return Prepared([*seen.mean(axis=(0, 1, 2)) / 255, seen.std() / 255])
        heard = media.audio(source.path, **span)
        crossings = np.mean(np.diff(np.signbit(heard).astype(int)) != 0)
        return Prepared([crossings * 20, np.sqrt(np.mean(heard**2)), 1.0])

    def encode(self, batch: Sequence[Prepared]) -> Array:
        return np.array([one.payload for one in batch], dtype=np.float32)


@pytest.fixture(scope="module", autouse=True)
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The small encoders under names of their own, and an empty cache."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        for name, modality in (("letters", "text"), ("pitch", "audio"), ("greys", "video")):
            patch.setitem(registry.BUILT_IN, name, (modality, Small))
        patch.setenv("MIXEDSIGNALS_CACHE", str(cache))
        yield cache


def _with_words_and_columns(clips: pl.DataFrame) -> pl.DataFrame:
    """English around the made words, German on one clip; a silent film is a picture, one clip has two files."""
    german = clips["transcript"].is_not_null().arg_max()
    place = pl.int_range(pl.len())
    words = pl.when(place == german).then(pl.lit("Das ist nicht so, wie ich es will."))
    silent = pl.col("clip_id").is_in(["c0001", "c0028"])
    apart = pl.col("clip_id") == "c0005"
    return clips.with_columns(
        words.otherwise(pl.lit("It is so. ") + pl.col("transcript")).alias("transcript"),
        pl.when(silent | apart).then(None).otherwise("media").alias("media"),
        pl.when(silent | apart).then("media").alias("video"),
        pl.when(apart).then("media").alias("audio"),
        pl.when(pl.col("clip_id") == "c0006").then(pl.lit("0.1")).alias("start"),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on real media of 30 clips of 6 speakers, two without sound, one without words, one in German."""
    folder = tmp_path_factory.mktemp("made")
    make_corpus(
        folder / "corpus",
        n_clips=30,
        n_speakers=6,
        strength={"text": 2.0, "audio": 4.0, "video": 4.0},
        missing={"audio": 0.07, "text": 0.04},
        media=True,
        features=False,
        seconds=0.7,
        seed=5,
    )
    edit(folder / "corpus" / "clips.csv", _with_words_and_columns)
    done = typed("fit", folder / "corpus", "--out", folder / "run", *ENCODERS, *LEARNED, "--quiet")
    assert done.code == 0, done.err
    return folder / "run"


@pytest.fixture(scope="module")
def probed(run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A copy of the run, probed on all of its media, and what was said."""
    copy = Path(shutil.copytree(run, tmp_path_factory.mktemp("probed") / run.name))
    done = typed("probe", copy, "--media", "--limit", "0", "--no-report")
    assert done.code == 0, done.err
    return copy, done.err


def answers(run: Path) -> pl.DataFrame:
    return read_table(PROBES, run / "tables" / "probes.parquet")


def mean_of(frame: pl.DataFrame) -> pl.DataFrame:
    keys = ("source", "clip_id", "probe", "modality", "label")
    return frame.group_by(keys).agg(pl.col("probability").mean()).sort(keys)


def test_the_default_probes_ask_about_every_clip_that_has_what_they_change(probed: tuple[Path, str]) -> None:
    table, kept = answers(probed[0]), tables(probed[0])
    assert set(table["probe"]) == {"plain", "media:plain", *DEFAULT_PROBES}
    assert set(table.filter(probe="media:plain")["clip_id"]) == set(kept["clips"]["clip_id"])
    sums = table.group_by("seed", "clip_id", "source", "probe", "modality", "donor_id").agg(
        pl.col("probability").sum()
    )
    assert sums["probability"].to_numpy() == pytest.approx(1.0)
    assert set(table.filter(probe="media:plain")["modality"]) == {FULL}
    changed = table.select("probe", "modality").unique().rows()
    assert {m for p, m in changed if p == "media:swap"} == {"text", "audio", "video"}
    assert {m for p, m in changed if p == "media:mute"} == {"audio", "video"}
    assert {p: m for p, m in changed if p.startswith(("media:noise", "media:shift"))} == {
        "media:noise:10": "audio",
        "media:shift:500": "audio",
    }
    assert table["run_id"].unique().to_list() == kept["predictions"]["run_id"].unique().to_list()


def test_unaltered_clips_get_the_answers_of_the_run_itself(probed: tuple[Path, str]) -> None:
    """Out of fold, of the same heads, from recordings that were only written anew."""
    run = probed[0]
    own = tables(run)["predictions"].filter(given=FULL, source="fusion")
    plain = answers(run).filter(probe="media:plain", source="fusion")
    joined = plain.join(own, on=("seed", "clip_id", "label"))
    assert joined.height == own.height == plain.height
    assert (joined["probability"] - joined["probability_right"]).abs().max() < 0.05


def test_words_that_are_changed_leave_voice_and_face_alone(probed: tuple[Path, str]) -> None:
    """And the other way round: pictures that are frozen leave the sound alone, so only what is changed matters."""
    table = mean_of(answers(probed[0]).filter(source="fusion"))
    plain = table.filter(probe="media:plain").rename({"probability": "before"})
    joined = table.join(plain.select("clip_id", "label", "before"), on=("clip_id", "label"))
    moved = joined.with_columns((pl.col("probability") - pl.col("before")).abs())
    by_probe = dict(moved.group_by("probe").agg(pl.col("probability").mean()).iter_rows())
    assert by_probe["media:swap"] > 0.02  # another label's tone or colour
    assert by_probe["media:swap"] > by_probe["media:negate"] > 0


def test_partners_have_another_label_and_were_tested_in_the_same_fold(probed: tuple[Path, str]) -> None:
    kept = tables(probed[0])
    label = dict(kept["targets"].select("clip_id", "label").iter_rows())
    fold = dict(kept["splits"].filter(role="test").select("clip_id", "fold").iter_rows())
    speaker = dict(kept["clips"].select("clip_id", "speaker_id").iter_rows())
    swaps = answers(probed[0]).filter(probe="media:swap").select("clip_id", "donor_id").unique()
    assert all(label[clip] != label[donor] for clip, donor in swaps.iter_rows())
    assert all(fold[clip] == fold[donor] for clip, donor in swaps.iter_rows())
    assert np.mean([speaker[clip] == speaker[donor] for clip, donor in swaps.iter_rows()]) > 0.5


def test_what_is_left_out_is_counted_with_its_reason(probed: tuple[Path, str]) -> None:
    said = probed[1]
    assert "media:mute of audio: no sound" in said
    assert "media:negate of text: no transcript" in said
    assert "media:negate of text: the transcript seems to be German" in said
    assert "30 clips in" in said
    assert "a stopped call goes on where it was" in said


def test_the_same_call_makes_nothing_anew_and_says_the_same(probed: tuple[Path, str], tmp_path: Path) -> None:
    again = Path(shutil.copytree(probed[0], tmp_path / probed[0].name))
    options = asked_of_media(tomllib.loads((again / "run.toml").read_text(encoding="utf-8")))
    assert options == MediaOptions(clips=None)
    made = probe_media(read_trained(again), options=options)
    assert made.made == 0
    assert answers(again).equals(answers(probed[0]))


def test_a_repeated_run_is_asked_the_same(
    probed: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for later in ("diagnose_run", "report"):  # what comes after the answers is tested elsewhere
        monkeypatch.setattr(running, later, lambda *_, **__: None)
    api.repeat(probed[0] / "run.toml", tmp_path / "run", media="none")
    assert answers(tmp_path / "run").equals(answers(probed[0]))


def test_other_probes_stay_and_those_of_media_are_replaced(run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / run.name))
    first = ("--probe", "mute", "--probe", "media:freeze", "--limit", "3", "--quiet", "--no-report")
    assert typed("probe", copy, *first).code == 0
    before = answers(copy)
    assert set(before["probe"]) == {"plain", "mute", "media:plain", "media:freeze"}
    options = MediaOptions(probes=("media:noise:20", "media:noise:0"), noise="speech", clips=2)
    probe_media(read_trained(copy), options=options)
    after = answers(copy)
    assert set(after["probe"]) == {"plain", "mute", "media:plain", "media:noise:20", "media:noise:0"}
    assert (
        after.filter(pl.col("probe").is_in(["plain", "mute"])).height
        == before.filter(pl.col("probe").is_in(["plain", "mute"])).height
    )


def test_an_interrupted_call_goes_on(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXEDSIGNALS_CACHE", str(tmp_path / "cache"))
    trained = read_trained(Path(shutil.copytree(run, tmp_path / run.name)))
    options = MediaOptions(probes=("media:mute", "media:shift:200"), clips=3, jobs=1)
    alter, calls = films.alter, []

    def interrupted(*args: Any, **kept: Any) -> Path:
        calls.append(args)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return alter(*args, **kept)

    with monkeypatch.context() as patch:
        patch.setattr(films, "alter", interrupted)
        with pytest.raises(KeyboardInterrupt):
            probe_media(trained, options=options)
    made = probe_media(trained, options=options)
    assert made.reused >= 5  # those before the interruption
    assert made.made >= 5
    assert not list((tmp_path / "cache").rglob("*.partial*"))


def test_the_names_on_the_command_line_are_those_of_the_probes() -> None:
    named = {
        parse_probe(name + (":5" if name.endswith(("noise", "shift")) else "")).kind for name in MEDIA_PROBES
    }
    assert {f"media:{kind}" for kind in named} == set(MEDIA_PROBES)
    defaults = [name.rsplit(":", 1)[0] if name.count(":") > 1 else name for name in DEFAULT_PROBES]
    assert set(defaults) == set(MEDIA_PROBES) - {"media:mismatch"}


def test_a_conflict_corpus_goes_through_check_study_and_predict(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "films"
    done = typed("probe", run, "--conflicts", out, "--limit", "3", "--json")
    assert done.code == 0, done.err
    record = json.loads(done.out)
    assert record["films"] == {"plain": 3, "conflict": 3}
    assert record["licence"] == "CC0-1.0"
    assert record["lacking"] == {"voice": 2}
    assert typed("check", out).code == 0
    conditions = (
        "--conditions",
        "audio+video,audio",
        "--practice",
        "0",
        "--simulations",
        "0",
        "--repeats",
        "0",
    )
    study = typed("study", "create", out, "--out", tmp_path / "study", *conditions)
    assert study.code == 0, study.err
    assert "6 clips in 2 conditions" in study.out
    said = api.predict(run, out).predictions
    assert said["clip_id"].n_unique() == 6
    assert set(said["n_heads"]) == {1}  # of three folds only the one that never saw these clips
    followed = api.follow_splices(out, predictions=said.filter(given=FULL))
    assert set(followed["what"]) == {
        "names voice",
        "names face",
        "names neither",
        "voice gained",
        "face lost",
    }


class TestBadInput:
    def test_media_that_are_gone(self, run: Path, tmp_path: Path) -> None:
        corpus = Path(shutil.copytree(run.parent / "corpus", tmp_path / "corpus"))
        for file in sorted((corpus / "media").iterdir())[:2]:
            file.unlink()
        error = one_error(typed("probe", run, "--media", "--corpus", corpus), 1)
        assert error.count("there is no such file") == 2

    def test_a_run_of_ready_made_features(self, finished: Path) -> None:
        error = one_error(typed("probe", finished, "--media"), 3)
        assert "learned from ready-made features" in error

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (("--shift", "5"), "--shift goes with --media"),
            (("--noise-kind", "white"), "--noise-kind goes with --media"),
            (("--probe", "media:blur"), "'media:blur' is not one of"),
            (("--media", "--source", "nobody"), "--source nobody: this run has fusion"),
            (("--probe", "media:swap", "--shift", "5"), "--shift goes with media:shift"),
            (("--probe", "media:swap", "--snr", "5"), "--snr goes with media:noise or noise"),
        ],
    )
    def test_options_that_make_no_sense(self, run: Path, options: Sequence[str], said: str) -> None:
        done = typed("probe", run, *options)
        assert done.code == 2
        assert said in done.err

    def test_probes_that_are_none(self) -> None:
        from mixedsignals.errors import UsageError

        for name in ("media:noise", "media:shift:0", "media:mute:5", "media:noise:loud", "swop"):
            with pytest.raises(UsageError):
                parse_probe(name)
        with pytest.raises(UsageError, match=r"clips is 0.*partners is 0"):
            MediaOptions(clips=0, partners=0)
