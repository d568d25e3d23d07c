"""`mixedsignals cues`, of a corpus and of a run, and what diagnose makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mixedsignals import api, media
from mixedsignals.api.cueing import ABSENT
from mixedsignals.errors import CannotFinish, InputError, UsageError
from mixedsignals.store import RunFolder
from mixedsignals.testing import make_cues, make_evidence

RATE = 16_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus of four clips, one silent, one without words, one without sound."""
    monkeypatch.setenv("MIXEDSIGNALS_CACHE", str(tmp_path / "cache"))
    corpus = tmp_path / "corpus"
    (corpus / "audio").mkdir(parents=True)
    time = np.arange(RATE) / RATE
    for clip, level in (("a", 0.2), ("b", 0.1), ("quiet", 0.0)):
        sound = np.sum([level * np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 12)], axis=0)
        media.write_audio(corpus / "audio" / f"{clip}.wav", sound.astype(np.float32), rate=RATE)
    rows = "clip_id,speaker_id,transcript,label\na,s,You are late.,x\nb,s,,y\nquiet,t,Maybe.,x\nmute,t,I know,y\n"
    (corpus / "clips.csv").write_text(rows, encoding="utf-8")
    return corpus


def test_the_cues_of_a_corpus(folder: Path) -> None:
    made = api.cues(folder)
    assert set(made.table["clip_id"]) == {"a", "b", "quiet", "mute"}
    reasons = {(one.clip_id, one.reason) for one in made.absent if one.cue == "*"}
    assert ("quiet", "the sound is silent") in reasons
    assert ("mute", "no audio file is named") in reasons
    assert ("b", "no transcript") in reasons


def test_files_of_others_are_joined_and_those_of_other_clips_refused(folder: Path, tmp_path: Path) -> None:
    units = tmp_path / "au.csv"
    units.write_text("clip_id,AU12_r\na,1\nb,2\n", encoding="utf-8")
    made = api.cues(folder, which=["words"], measured={"video": [units]})
    assert made.table.filter(cue="AU12_r")["value"].to_list() == [1.0, 2.0]
    units.write_text("clip_id,AU12_r\nx,1\n", encoding="utf-8")
    with pytest.raises(InputError, match="knows none of the 4 clips"):
        api.cues(folder, which=["words"], measured={"video": [units]})
    units.write_text("clip_id,word_count\na,1\n", encoding="utf-8")
    with pytest.raises(InputError, match="more than one"):
        api.cues(folder, which=["words"], measured={"video": [units]})


def test_a_corpus_with_nothing_to_measure_says_so(folder: Path) -> None:
    (folder / "clips.csv").write_text("clip_id,label\nq,x\nr,y\n", encoding="utf-8")
    with pytest.raises(CannotFinish, match=r"None of the 2 clips has any.*no transcript \(2\)"):
        api.cues(folder, which=["words"])
    with pytest.raises(UsageError, match="no cues are called smell"):
        api.cues(folder, which=["smell"])


def test_the_cues_of_a_run_go_into_its_tables_and_its_diagnosis(folder: Path, tmp_path: Path) -> None:
    clips = pl.read_csv(folder / "clips.csv")
    votes = pl.DataFrame(
        {
            "clip_id": [c for c in clips["clip_id"] for _ in "12"],
            "rater_id": ["r1", "r2"] * 4,
            "label": ["x", "y"] * 4,
        }
    )
    votes.write_csv(folder / "votes.csv")
    run = tmp_path / "run"
    api.diagnose_corpus(api.read(folder), run)
    made = api.cues(run)
    held = RunFolder(run)
    assert pl.read_parquet(held.table("cues")).equals(made.table)
    absent = json.loads((held.tables / ABSENT).read_text(encoding="utf-8"))
    assert {"quiet", "mute", "b"} <= {row["clip_id"] for row in absent}
    assert held.read_manifest()["cues"]["extractors"]["prosody"]["rate"] == RATE
    found = api.diagnose_run(run).findings.filter(code="MS901")
    assert "no predictions" in found["message"][0].lower()


def test_cues_go_beside_the_predictions_of_anybodys_models(tmp_path: Path) -> None:
    plan = {"n_clips": 300, "conflict": {"text": 0.3}}
    made = make_evidence(**plan)
    cues = make_cues(**plan)
    cues.write_csv(tmp_path / "cues.csv")
    found = api.diagnose(
        made.predictions, clips=made.clips, cues=tmp_path / "cues.csv", out=tmp_path / "run"
    ).findings
    assert "planted is higher" in found.filter(code="MS901")["message"][0]
    assert pl.read_parquet(RunFolder(tmp_path / "run").table("cues")).height == cues.height
    page = api.report(tmp_path / "run", media="none").read_text(encoding="utf-8")
    assert "What in the clip goes with it" in page
