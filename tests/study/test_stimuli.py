"""Studies made of real recordings: what is withheld is absent from what can be shown, and nothing gives it away."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import av
import numpy as np
import polars as pl
import pytest

from mixedsignals import api, media
from mixedsignals.errors import CannotFinish, InputError
from mixedsignals.media.loudness import loudness
from mixedsignals.study.folder import StudyFolder, open_study
from mixedsignals.study.settings import write_settings

CONDITIONS = ("text", "audio", "video", "audio-lowpass", "text+audio+video")
WANTED = {
    "text": set(),
    "audio": {"audio"},
    "audio-lowpass": {"audio"},
    "video": {"video"},
    "text+audio+video": {"audio", "video"},
}


@pytest.fixture(scope="module")
def playhouse(tmp_path_factory: pytest.TempPathFactory) -> api.StudyMade:
    """A study of six clips of the built-in corpus."""
    out = tmp_path_factory.mktemp("playhouse") / "study"
    chosen = {"conditions": CONDITIONS, "loudness": -23.0, "items_per_participant": 4}
    return api.create_study(api.playhouse(), out, settings=chosen, clips=6, simulations=0)


@pytest.fixture(scope="module")
def cremad(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> api.StudyMade:
    """A study of the six audio-visual clips of CREMA-D (FLV)."""
    folder = tmp_path_factory.mktemp("cremad")
    api.import_corpus("cremad", realdata / "cremad", folder / "corpus", only_media=True)
    chosen = {"conditions": CONDITIONS, "loudness": -23.0, "practice": 1}
    return api.create_study(folder / "corpus", folder / "study", settings=chosen, simulations=0)


def kinds(path: Path) -> set[str]:
    """The kinds of tracks in a file, by decoding it."""
    with av.open(str(path)) as container:
        found = {stream.type for stream in container.streams}
        decoded = {type(frame).__name__.removesuffix("Frame").lower() for frame in container.decode()}
    assert decoded == found
    return found


def check_withheld(made: api.StudyMade, corpus: Path) -> None:
    """Every stimulus has what its condition gives, nothing else, and no trace of the clip."""
    folder = open_study(made.path)
    words = dict(api.read(corpus).clips.select("clip_id", "transcript").rows())
    shown = folder.stimuli().filter(pl.col("kind") != "attention")
    assert set(shown["condition"]) == set(CONDITIONS)
    for row in shown.iter_rows(named=True):
        wanted = WANTED[row["condition"]]
        if row["file"] is None:
            assert not wanted
        else:
            path = folder.media_file(row["file"])
            assert kinds(path) == wanted, row["condition"]
            assert media.playable(path)
            content = path.read_bytes()
            for secret in (row["clip_id"], words[row["clip_id"]]):
                assert secret.encode() not in content
            assert row["mime"] == ("video/mp4" if "video" in wanted else "audio/mp4")
            assert row["seconds"] == pytest.approx(media.probe(path).duration)
        assert row["text"] == (words[row["clip_id"]] if "text" in row["condition"] else None)


def check_names(made: api.StudyMade) -> None:
    """Tokens say nothing, and no file is there that is no stimulus."""
    folder = StudyFolder(made.path)
    stimuli = folder.stimuli()
    assert all(re.fullmatch("[0-9a-f]{32}", token) for token in stimuli["stimulus_id"])
    files = set(stimuli["file"].drop_nulls())
    assert all(re.fullmatch(r"[0-9a-f]{32}\.(mp4|m4a)", name) for name in files)
    assert {path.name for path in folder.media.iterdir()} == files
    assert not set(stimuli["stimulus_id"]) & {name[:32] for name in files}


def check_sound(made: api.StudyMade) -> None:
    """All sound is equally loud, as far as its peaks allow, and the low-passed has no words left in it."""
    folder = StudyFolder(made.path)
    for row in folder.stimuli().filter(pl.col("condition").str.contains("audio")).iter_rows(named=True):
        samples = media.audio(folder.media_file(row["file"]), rate=44_100)
        found, peak = loudness([samples], 44_100)
        assert found is not None
        assert found == pytest.approx(-23.0, abs=1.0) or (found < -23.0 and peak > -2.0)
        if row["condition"] == "audio-lowpass":
            power = np.abs(np.fft.rfft(samples)) ** 2
            hertz = np.fft.rfftfreq(len(samples), 1 / 44_100)
            assert power[hertz > 1_000].sum() < 1e-3 * power.sum()


def test_playhouse_withheld(playhouse: api.StudyMade) -> None:
    check_withheld(playhouse, api.playhouse())
    check_names(playhouse)


def test_playhouse_sound(playhouse: api.StudyMade) -> None:
    check_sound(playhouse)


@pytest.mark.realdata
def test_cremad_withheld(cremad: api.StudyMade) -> None:
    check_withheld(cremad, cremad.path.parent / "corpus")
    check_names(cremad)
    check_sound(cremad)


@pytest.mark.realdata
def test_cremad_sound_and_picture_last_as_long_as_the_recording(
    cremad: api.StudyMade, realdata: Path
) -> None:
    folder = StudyFolder(cremad.path)
    for row in folder.stimuli().filter(condition="text+audio+video").iter_rows(named=True):
        original = media.probe(realdata / "cremad" / "clips" / f"{row['clip_id']}.flv")
        assert row["seconds"] == pytest.approx(original.duration, abs=0.1)


def test_practice_is_no_item_and_checks_know_their_answer(playhouse: api.StudyMade) -> None:
    stimuli = StudyFolder(playhouse.path).stimuli()
    clips = {kind: set(stimuli.filter(kind=kind)["clip_id"]) for kind in ("item", "practice", "attention")}
    assert len(clips["practice"]) == 2
    assert len(clips["item"]) == 4
    assert not clips["practice"] & clips["item"]
    checks = stimuli.filter(kind="attention")
    assert set(checks["expected"]) == set(playhouse.settings.answers.names)
    assert all(row["expected"] in row["text"] for row in checks.iter_rows(named=True))


def test_the_same_study_goes_on_and_another_is_refused(playhouse: api.StudyMade, tmp_path: Path) -> None:
    folder = StudyFolder(playhouse.path)
    before, file = folder.stimuli(), next(folder.media.iterdir())
    kept = next(path for path in folder.media.iterdir() if path != file)
    written = kept.stat().st_mtime_ns
    file.unlink()
    chosen = {"conditions": CONDITIONS, "loudness": -23.0, "items_per_participant": 4}
    with pytest.raises(InputError, match="has not been rendered"):
        open_study(playhouse.path)
    api.create_study(api.playhouse(), playhouse.path, settings=chosen, clips=6, simulations=0)
    assert file.is_file()
    assert kept.stat().st_mtime_ns == written
    assert folder.stimuli().equals(before)
    with pytest.raises(InputError, match="is a study with other settings"):
        api.create_study(
            api.playhouse(), playhouse.path, settings=chosen | {"seed": 1}, clips=6, simulations=0
        )
    (tmp_path / "thesis.docx").touch()
    with pytest.raises(InputError, match="is not empty"):
        api.create_study(api.playhouse(), tmp_path, settings=chosen, clips=6, simulations=0)


def test_clips_that_lack_a_modality_are_all_named_or_left_out(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    rows = [
        {"clip_id": f"c{at}", "transcript": None if at in (1, 3) else f"words {at}", "label": "ab"[at % 2]}
        for at in range(8)
    ]
    pl.DataFrame(rows).write_csv(corpus / "clips.csv")
    chosen = {"conditions": ("text",), "practice": 0}
    with pytest.raises(InputError) as caught:
        api.create_study(corpus, tmp_path / "study", settings=chosen)
    assert [problem.clip_id for problem in caught.value.problems] == ["c1", "c3"]
    made = api.create_study(corpus, tmp_path / "study", settings=chosen, skip_incomplete=True, simulations=0)
    assert made.left_out == ("c1", "c3")
    assert made.n_clips == 6
    with pytest.raises(CannotFinish, match="No clip can be given"):
        api.create_study(
            corpus, tmp_path / "other", settings=chosen | {"conditions": ("video",)}, skip_incomplete=True
        )
    with pytest.raises(CannotFinish, match="items-per-participant"):
        api.create_study(
            corpus,
            tmp_path / "more",
            settings=chosen | {"items_per_participant": 7, "repeats": 0},
            skip_incomplete=True,
        )


def test_settings_come_from_the_corpus_unless_said(playhouse: api.StudyMade) -> None:
    assert playhouse.settings.name == "playhouse"
    assert playhouse.settings.labels == ("neutral", "empathetic")
    assert dataclasses.replace(playhouse.settings, seed=0) == StudyFolder(playhouse.path).settings()
    assert any("Audio carries the words" in note for note in playhouse.notes)


def test_checks_follow_the_owners_words_when_the_command_is_given_again(tmp_path: Path) -> None:
    chosen = {"conditions": ("text",), "items_per_participant": 2}
    made = api.create_study(api.playhouse(), tmp_path / "s", settings=chosen, clips=4, simulations=0)
    folder = StudyFolder(made.path)
    before = folder.stimuli()
    (folder.pages / "attention.md").write_text("Bitte „{label}“ wählen.", encoding="utf-8")
    api.create_study(api.playhouse(), tmp_path / "s", settings=chosen, clips=4, simulations=0)
    after = folder.stimuli()
    assert after.drop("text").equals(before.drop("text"))
    assert after.filter(pl.col("kind") != "attention").equals(before.filter(pl.col("kind") != "attention"))
    assert after.filter(kind="attention", expected="neutral")["text"].to_list() == ["Bitte „neutral“ wählen."]
    (folder.pages / "attention.md").write_text("Choose well.", encoding="utf-8")
    with pytest.raises(InputError, match=r"does not say \{label\}"):
        api.create_study(api.playhouse(), tmp_path / "s", settings=chosen, clips=4, simulations=0)


def test_settings_edited_beyond_what_was_rendered_are_named(tmp_path: Path) -> None:
    chosen = {"conditions": ("text",), "items_per_participant": 2}
    made = api.create_study(api.playhouse(), tmp_path / "s", settings=chosen, clips=4, simulations=0)
    edited = dataclasses.replace(
        made.settings, conditions=("text", "video"), labels=("cold", "empathetic"), free_text=True
    )
    write_settings(edited, StudyFolder(made.path).settings_path)
    with pytest.raises(InputError) as caught:
        open_study(made.path)
    assert [problem.code for problem in caught.value.problems] == ["unfit-conditions", "unfit-labels"]
    write_settings(dataclasses.replace(made.settings, free_text=True), StudyFolder(made.path).settings_path)
    assert open_study(made.path).settings().free_text


def test_drawn_clips_are_of_as_many_speakers_as_there_are(playhouse: api.StudyMade, tmp_path: Path) -> None:
    assert StudyFolder(playhouse.path).clips()["speaker_id"].n_unique() == 6
    chosen = {"conditions": ("text",), "items_per_participant": 2}
    made = api.create_study(api.playhouse(), tmp_path / "s", settings=chosen, clips=30, simulations=0)
    drawn = StudyFolder(made.path).clips()
    assert drawn.height == 30
    assert drawn["speaker_id"].n_unique() == 24
    assert drawn["clip_id"].to_list() == sorted(drawn["clip_id"])
    again = api.create_study(api.playhouse(), tmp_path / "t", settings=chosen, clips=30, simulations=0)
    assert StudyFolder(again.path).clips().equals(drawn)
