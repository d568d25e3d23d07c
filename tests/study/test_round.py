"""The whole round: made from real clips, served, answered by visitors, exported, analysed, diagnosed, beside models."""

from __future__ import annotations

import hashlib
import html
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from study_hosting import hosting

from mixedsignals import api
from mixedsignals.cli._app import _run
from mixedsignals.errors import CannotFinish, InputError
from mixedsignals.study.folder import StudyFolder, open_study
from mixedsignals.tables import VOTES, read_table
from mixedsignals.testing.visitor import Visitor

Serve = Callable[..., Any]
CONDITIONS = ("text", "audio", "video", "audio-lowpass", "text+audio+video")


class Knowing:
    """What only the owner can tell from what a browser gets: which stimulus it is, by the bytes of its file."""

    def __init__(self, folder: StudyFolder) -> None:
        self.files: dict[str, dict[str, object]] = {}
        self.words: list[dict[str, object]] = []
        for row in folder.stimuli().iter_rows(named=True):
            if row["file"] is None:
                self.words.append(row)
            else:
                self.files[hashlib.sha256(folder.media_file(row["file"]).read_bytes()).hexdigest()] = row

    def look(self, visitor: Visitor) -> dict[str, object]:
        """The stimulus that is shown, with the check that words are shown just where they are given."""
        page = html.unescape(visitor.page.text)
        if visitor.media is None:
            return max(
                (row for row in self.words if str(row["text"]) in page), key=lambda row: len(str(row["text"]))
            )
        row = self.files[hashlib.sha256(visitor.get(visitor.media).body).hexdigest()]
        told = any(other["clip_id"] == row["clip_id"] and str(other["text"]) in page for other in self.words)
        assert told == ("text" in str(row["condition"]))
        return row


def taken(serve: Serve, study: Path, people: int, *, careless: int = 0) -> pl.DataFrame:
    """Let visitors take the study to its end; what each said of what, by their own account."""
    folder, draw, said = open_study(study), random.Random(0), []
    labels, know = folder.settings().answers.names, Knowing(folder)
    with serve(folder) as running:
        for number, link in enumerate(running.links(people)):
            visitor = running.visitor().enter(link)
            while visitor.shown:
                row = know.look(visitor)
                label = draw.choice(labels)
                if row["kind"] == "attention":
                    wrong = [name for name in labels if name != row["expected"]]
                    label = wrong[0] if number < careless else str(row["expected"])
                assert visitor.answer(label=label, confidence=4).status == 200
                said.append(
                    {"visitor": number, "clip_id": row["clip_id"], "given": row["condition"], "label": label}
                )
                said[-1]["kind"] = row["kind"]
    return pl.DataFrame(said)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A balanced study of the built-in corpus."""
    chosen = {"conditions": CONDITIONS, "items_per_participant": 5, "raters_per_cell": 1}
    made = api.create_study(
        api.playhouse(), tmp_path_factory.mktemp("round") / "study", settings=chosen, clips=7, simulations=0
    )
    assert (made.n_clips, made.participants) == (5, 5)
    return made.path


@pytest.fixture(scope="module")
def said(study: Path, serve: Serve) -> pl.DataFrame:
    """Five people have taken it; the first missed the attention check."""
    with pytest.raises(InputError, match="is not there"):
        api.export_study(study, study / "votes.parquet")
    return taken(serve, study, 5, careless=1)


def test_votes_are_what_people_said_when_they_first_met_a_clip(
    study: Path, said: pl.DataFrame, tmp_path: Path
) -> None:
    found = api.export_study(study, tmp_path / "votes.parquet", answers=tmp_path / "all.csv")
    votes = read_table(VOTES, tmp_path / "votes.parquet")
    assert votes.equals(found.votes)
    items = said.filter(kind="item").unique(["visitor", "clip_id"], keep="first", maintain_order=True)
    keys = ["clip_id", "given", "label"]
    assert votes.select(keys).sort(keys).equals(items.select(keys).sort(keys))
    assert votes.group_by("clip_id", "given").len()["len"].to_list() == [1] * 25
    assert votes["rater_id"].n_unique() == 5
    assert set(votes["occasion"]) == {0}
    assert votes["position"].null_count() == 0
    told = {one.reason: one.answers for one in found.withheld}
    assert told == {"practice": 10, "attention": 5, "repeats": 10}
    assert found.failed.height == 1
    assert pl.read_csv(tmp_path / "all.csv").height == said.height


def test_the_exported_votes_are_diagnosed(study: Path, said: pl.DataFrame, tmp_path: Path) -> None:
    """By the ordinary verb, in a corpus folder of their own."""
    api.export_study(study, tmp_path / "corpus" / "votes.csv")
    StudyFolder(study).clips().drop("media", "audio", "video").write_csv(tmp_path / "corpus" / "clips.csv")
    assert _run(["diagnose", str(tmp_path / "corpus"), "--out", str(tmp_path / "run"), "--quiet"]) == 0
    slices = pl.read_parquet(tmp_path / "run" / "tables" / "estimates.parquet").filter(source="people")[
        "slice"
    ]
    assert {f"given={condition}" for condition in CONDITIONS} <= set(slices)


def test_analysis_next_to_models(study: Path, said: pl.DataFrame, tmp_path: Path) -> None:
    clips = StudyFolder(study).clips()
    draw = random.Random(1)
    rows = [
        {"clip_id": clip, "source": source, "label": label, "probability": chance}
        for clip in [*clips["clip_id"], "another"]
        for source in ("text", "audio", "video", "fusion")
        for share in [draw.random()]
        for label, chance in (("neutral", share), ("empathetic", 1 - share))
    ]
    api.diagnose(pl.DataFrame(rows), labels=["neutral", "empathetic"], out=tmp_path / "run")
    found = api.analyse_study(study, run=tmp_path / "run", out=tmp_path / "analysis")
    assert [row["gain over"] for row in found.gains] == ["audio", "audio-lowpass", "text", "video"]
    assert {row["gain over"]: row["models"] == "-" for row in found.gains} == {
        "audio": False,
        "audio-lowpass": True,
        "text": False,
        "video": False,
    }
    kept = pl.read_parquet(tmp_path / "analysis" / "tables" / "predictions.parquet")["clip_id"]
    assert "another" not in kept.to_list()
    own = pl.read_parquet(tmp_path / "analysis" / "tables" / "study.parquet")
    assert {"retest_agreement", "order_slope"} <= set(own["measure"])


def test_on_the_command_line(
    study: Path, said: pl.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "votes.csv"
    assert _run(["study", "export", str(study), "--out", str(out), "--keep", "repeats", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["votes"] == 35
    assert {one["reason"] for one in told["withheld"]} == {"practice", "attention"}
    assert _run(["study", "analyse", str(study), "--out", str(tmp_path / "a"), "--quiet"]) == 0
    printed = capsys.readouterr().out
    for part in ("25 votes of 5 participants", "gain over", "test-retest:", "order:", "Report:"):
        assert part in printed
    assert (tmp_path / "a" / "report" / "index.html").is_file()
    assert _run(["study", "analyse", str(study), "--out", str(tmp_path / "a"), "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["votes"] == 25
    assert _run(["study", "export", str(study), "--out", "votes.xlsx"]) == 2
    assert _run(["study", "export", str(tmp_path), "--out", str(out)]) == 1
    sys.stdout.flush()


def test_nobody_has_answered_yet(study: Path, tmp_path: Path) -> None:
    from mixedsignals.study.store import Database

    empty = tmp_path / "empty.db"
    Database(empty).close()
    with pytest.raises(CannotFinish, match="nobody has judged"):
        api.analyse_study(study, database=str(empty))
    assert api.export_study(study, tmp_path / "none.parquet", database=str(empty)).votes.is_empty()


def test_a_counterfactual_round(tmp_path: Path) -> None:
    chosen = {
        "conditions": ("audio-lowpass", "audio"),
        "design": "counterfactual",
        "items_per_participant": 4,
        "raters_per_cell": 2,
    }
    made = api.create_study(api.playhouse(), tmp_path / "study", settings=chosen, clips=6, simulations=20)
    assert made.power is not None
    said = taken(hosting, made.path, made.participants)
    found = api.analyse_study(made.path)
    assert set(found.exported.votes["given"]) == {"audio-lowpass"}
    later = next(one for one in found.exported.withheld if one.reason == "later")
    assert later.answers == said.filter(kind="item").height // 2
    arms = found.results.table("r").filter(measure="added_gain")["slice"].to_list()
    assert arms == ["arm=audio-lowpass>audio"]


@pytest.mark.realdata
def test_the_six_clips_of_cremad(realdata: Path, tmp_path: Path) -> None:
    api.import_corpus("cremad", realdata / "cremad", tmp_path / "corpus", only_media=True)
    chosen = {"conditions": CONDITIONS, "practice": 1, "raters_per_cell": 1, "loudness": -23.0}
    made = api.create_study(tmp_path / "corpus", tmp_path / "study", settings=chosen, simulations=10)
    taken(hosting, made.path, made.participants)
    found = api.analyse_study(made.path)
    assert found.exported.votes.height == 25
    assert set(found.exported.votes["given"]) == set(CONDITIONS)
    findings = found.diagnosis.findings.filter(code="MS801")
    assert findings.height == 1
    assert findings["status"][0] != "not_applicable", (
        "intended emotions are targets that these votes had no part in"
    )
