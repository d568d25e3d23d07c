"""`predict`: whether to believe a run on a clip, how far its modalities lie apart, and words that are heard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mixedsignals import api, media
from mixedsignals.errors import UsageError

from .conftest import FAST, Call, one_error, tables, typed


def lines(text: str) -> dict[str, dict[str, Any]]:
    """The JSON lines by clip."""
    return {row["clip_id"]: row for row in map(json.loads, text.splitlines())}


def test_disagreement_of_own_clips_is_that_of_the_run(finished: Path, corpus: Path, call: Call) -> None:
    rows = lines(call("predict", finished, corpus, "--json", "--quiet").out)
    scores = tables(finished)["scores"].filter(source="models", measure="jsd")
    assert scores.height == len(rows) == 120
    rank = scores["value"].rank() - 0.5
    for (clip, value), place in zip(scores.select("clip_id", "value").iter_rows(), rank, strict=True):
        said = rows[clip]["disagreement"]
        assert said["jsd_bits"] == pytest.approx(value, abs=1e-5)
        assert said["percentile"] == pytest.approx(100 * place / 120, abs=0.5)


def test_believed_clips_are_those_above_the_threshold(finished: Path, corpus: Path) -> None:
    made = api.predict(finished, corpus, risk=0.3)
    rule = made.rules["fusion", "text+audio+video"]
    assert rule.threshold is not None, "the corpus is easy enough for this risk"
    judged = made.judgements
    assert judged["believe"].to_list() == (judged["confidence"] >= rule.threshold).to_list()
    assert judged["believe"].mean() == pytest.approx(rule.coverage)
    assert rule.error.high is not None
    assert rule.n_groups == 12


def test_a_wish_that_cannot_be_kept_asks_a_person(finished: Path, corpus: Path, call: Call) -> None:
    done = call("predict", finished, corpus, "--risk", "0.01")
    assert {line.split(": ")[-1] for line in done.out.splitlines()[1:]} == {"ask a person"}
    assert "cannot keep errors at 1% at any confidence" in done.err
    assert "is the lowest it can promise" in done.err


def test_a_risk_is_a_share(finished: Path, corpus: Path, call: Call) -> None:
    assert call("predict", finished, corpus, "--risk", "10").code == 2
    with pytest.raises(UsageError, match="between 0 and 1"):
        api.Predictor(finished, risk=1.5)


def test_a_folder_without_corpus_or_media_is_refused(finished: Path, tmp_path: Path, call: Call) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    said = one_error(call("predict", finished, tmp_path), 1)
    assert "is no corpus and holds no media files" in said


def test_words_for_a_run_on_ready_made_text_are_refused(finished: Path, corpus: Path, call: Call) -> None:
    said = one_error(call("predict", finished, corpus, "--transcribe"), 2)
    assert "ready-made features of text" in said


@pytest.fixture(scope="module")
def spoken(
    six_speakers: Path, shared_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A run on real clips that learned from words, sound and picture."""
    out = tmp_path_factory.mktemp("spoken") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIXEDSIGNALS_CACHE", str(shared_cache))
        made = typed("run", six_speakers, "--out", out, "--quiet", *FAST)
        assert made.code == 0, made.err
        yield out


@pytest.mark.weights
@pytest.mark.realdata
def test_real_recordings_with_the_words_that_are_heard(spoken: Path, realdata: Path, call: Call) -> None:
    clips = sorted((realdata / "cremad" / "clips").glob("*.flv"))
    plain = lines(call("predict", spoken, realdata / "cremad" / "clips", "--json", "--quiet").out)
    assert set(plain) == {clip.stem for clip in clips}
    assert all(row["missing"] == ["text"] and row["judged_by"] == "audio+video" for row in plain.values())
    done = call("predict", spoken, clips[0], clips[-1], "--transcribe", "--json", "--quiet")
    for row in lines(done.out).values():
        assert row["missing"] == []
        assert row["judged_by"] == "text+audio+video"
        assert row["transcribed"].startswith("Don't forget"), (
            "the sentence of these clips: Don't forget a jacket"
        )
        assert 0 <= row["disagreement"]["percentile"] <= 100


@pytest.mark.weights
def test_silence_is_not_transcribed(spoken: Path, tmp_path: Path, call: Call) -> None:
    silent = tmp_path / "silent.mp4"
    samples = media.audio(next(api.playhouse().rglob("*.mp4")))
    frames = media.frames(next(api.playhouse().rglob("*.mp4")), count=8)
    media.write_video(silent, iter(frames), fps=8, audio=0 * samples)
    row = lines(call("predict", spoken, silent, "--transcribe", "--json", "--quiet").out)["silent"]
    assert row["missing"] == ["text"]
    assert "transcribed" not in row
