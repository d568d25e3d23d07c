"""A corpus of splices: what is written, who is left out, and whom people follow in it."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mixedsignals import api
from mixedsignals.api.newclips import with_splices
from mixedsignals.errors import CannotFinish, InputError
from mixedsignals.media import audio, frames, playable, write_audio, write_video

RATE, FPS = 16_000, 8
HEAD = "clip_id,speaker_id,media,audio,video,start,end,transcript,label,take\n"
ROWS = (
    "glad1,ann,media/glad1.mp4,,,,,Hello.,glad,1\n"
    "sad1,ann,,media/sad1.wav,media/sad1.mp4,,,Hello.,sad,1\n"
    "sad2,ann,media/long.mp4,,,0.5,1.5,Good bye.,sad,2\n"
    "glad3,bob,media/glad1.mp4,,,,,Hello.,glad,3\n"
    "sad4,cy,,media/sad1.wav,,,,Hello.,sad,4\n"
    "glad5,,media/glad1.mp4,,,,,Hello.,glad,5\n"
)


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def greys(level: int, seconds: float = 1.0) -> list[np.ndarray]:
    return [np.full((32, 48, 3), level, np.uint8)] * round(seconds * FPS)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ann is glad once and sad twice; Bob is alone with his label, Cy has no face, and one clip has no speaker."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "media").mkdir()
    write_video(folder / "media" / "glad1.mp4", greys(200), fps=FPS, audio=tone(800), rate=RATE)
    write_video(folder / "media" / "sad1.mp4", greys(40), fps=FPS)
    write_audio(folder / "media" / "sad1.wav", tone(200), rate=RATE)
    write_video(folder / "media" / "long.mp4", greys(60, 2.0), fps=FPS, audio=tone(300, 2.0), rate=RATE)
    (folder / "clips.csv").write_text(HEAD + ROWS, encoding="utf-8")
    settings = 'name = "faces"\nlabels = ["sad", "glad"]\nkind = "ordinal"\n'
    settings += 'licence = "CC-BY-4.0, faces may be altered"\n'
    (folder / "corpus.toml").write_text(settings, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def made(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> api.ConflictsMade:
    return api.write_conflicts(corpus, tmp_path_factory.mktemp("out") / "films", clips=None, partners=5)


def pitch(path: Path) -> float:
    heard = audio(path, rate=RATE)
    return float(np.fft.rfftfreq(heard.size, 1 / RATE)[np.abs(np.fft.rfft(heard)).argmax()])


def test_films_have_the_voice_of_one_clip_and_the_face_of_another(made: api.ConflictsMade) -> None:
    levels = {"glad1": 200, "sad1": 40, "sad2": 60}
    hertz = {"glad1": 800, "sad1": 200, "sad2": 300}
    assert (
        made.clips.height == 7
    )  # three faces as they were; glad with either sad voice, and either sad with the glad
    for row in made.clips.iter_rows(named=True):
        film = made.path / row["media"]
        assert playable(film)
        assert frames(film).mean() == pytest.approx(levels[row["face_from"]], abs=4)
        assert pitch(film) == pytest.approx(hertz[row["voice_from"]], abs=5)
        assert row["words_from"] == row["voice_from"]
        assert (row["voice_label"] == row["face_label"]) == (row["kind"] == "plain")
        assert row["speaker_id"] == "ann"
    first = made.clips.filter(kind="conflict", face_from="glad1").row(0, named=True)
    assert (first["voice_from"], first["same_words"]) == ("sad1", "yes")  # the same words come first


def test_a_corpus_without_targets_that_check_passes(made: api.ConflictsMade, corpus: Path) -> None:
    problems = api.check(made.path)
    assert [one.code for one in problems] == ["one-class", "one-speaker"]
    assert all(one.severity == "warning" for one in problems)
    read = api.read(made.path)
    assert read.labels.names == ("sad", "glad")
    assert read.labels.kind == "ordinal"
    assert read.licence == "CC-BY-4.0, faces may be altered"
    assert read.clips["label"].null_count() == read.clips.height
    assert read.targets is None
    readme = (made.path / "README.md").read_text(encoding="utf-8")
    assert "faces may be altered" in readme
    assert "consented" in readme
    assert (
        tomllib.loads((made.path / "corpus.toml").read_text(encoding="utf-8"))["name"]
        == "faces: voice against face"
    )


def test_who_is_left_out_is_counted_and_said(made: api.ConflictsMade) -> None:
    assert made.alone == 1
    assert made.lacking == {"face": 1, "speaker id": 1}
    said = "\n".join(made.sentences())
    assert "1 clip whose speaker has no clip with another label" in said
    assert "1 clip without face" in said
    assert "Licence of the clips: CC-BY-4.0" in said


def test_the_same_call_goes_on_and_other_folders_are_refused(made: api.ConflictsMade, corpus: Path) -> None:
    film = made.path / made.clips["media"][0]
    before = {path: path.stat().st_mtime_ns for path in made.path.glob("media/*")}
    film.unlink()
    again = api.write_conflicts(corpus, made.path, clips=None, partners=5)
    assert again.clips.equals(made.clips)
    after = {path: path.stat().st_mtime_ns for path in made.path.glob("media/*")}
    assert {path for path in after if after[path] != before[path]} == {film}
    with pytest.raises(InputError, match="holds other splices"):
        api.write_conflicts(corpus, made.path, clips=1)
    with pytest.raises(InputError, match="is not empty"):
        api.write_conflicts(corpus, corpus)


def test_nothing_to_splice_says_why(corpus: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(corpus, tmp_path / "corpus"))
    rows = [row for row in ROWS.splitlines() if not row.startswith(("sad1", "sad2"))]
    (copy / "clips.csv").write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    with pytest.raises(CannotFinish, match=r"No speaker has two clips .*1 have no face"):
        api.write_conflicts(copy, tmp_path / "out")
    (copy / "media" / "glad1.mp4").unlink()
    with pytest.raises(InputError, match="there is no such file"):
        api.write_conflicts(copy, tmp_path / "out")


def votes(made: api.ConflictsMade, column: str) -> pl.DataFrame:
    """Two people who always name the label of the voice, or of the face."""
    return pl.concat(
        made.clips.select("clip_id", pl.col(column).alias("label")).with_columns(
            rater_id=pl.lit(rater), given=pl.lit("audio+video")
        )
        for rater in ("r1", "r2")
    )


@pytest.mark.parametrize(("column", "voice", "face"), [("voice_label", 1.0, 0.0), ("face_label", 0.0, 1.0)])
def test_whom_people_follow(made: api.ConflictsMade, column: str, voice: float, face: float) -> None:
    found = api.follow_splices(made.path, votes=votes(made, column))
    values = dict(found.select("what", "value").iter_rows())
    assert values["names voice"] == voice
    assert values["names face"] == face
    assert values["names neither"] == 0
    assert values["voice gained"] == voice
    assert values["face lost"] == voice
    assert set(found["n_clips"]) == {4}
    assert set(found["source"]) == {"people"}


def test_predictions_are_followed_by_source_and_given(made: api.ConflictsMade) -> None:
    shares = {"voice_label": 0.7, "face_label": 0.3}
    rows = [
        {
            "clip_id": row["clip_id"],
            "source": "fusion",
            "given": "audio+video",
            "label": label,
            "probability": share,
        }
        for row in made.clips.filter(kind="conflict").iter_rows(named=True)
        for label, share in ((row[part], share) for part, share in shares.items())
    ]
    found = api.follow_splices(made.path, predictions=pl.DataFrame(rows))
    values = dict(found.select("what", "value").iter_rows())
    assert values["names voice"] == pytest.approx(0.7)
    assert values["voice gained"] is None  # no face was judged as it was


def test_no_answers_or_another_corpus(made: api.ConflictsMade, corpus: Path) -> None:
    with pytest.raises(InputError, match="has no votes"):
        api.follow_splices(made.path)
    with pytest.raises(InputError, match="clips lack kind"):
        api.follow_splices(corpus)
    with pytest.raises(InputError, match="predictions lack source"):
        api.follow_splices(made.path, predictions=pl.DataFrame({"clip_id": ["x"], "probability": [1.0]}))


def test_films_are_predicted_by_heads_that_never_saw_their_clips() -> None:
    splits = pl.DataFrame(
        {
            "clip_id": ["a", "b", "c"] * 2,
            "fold": [0, 0, 0, 1, 1, 1],
            "role": ["test", "test", "train", "train", "train", "test"],
        }
    )
    films = pl.DataFrame(
        {
            "clip_id": ["ab", "ac", "new", "x"],
            "voice_from": ["a", "a", "n", None],
            "face_from": ["b", "c", "m", None],
        }
    )
    found = with_splices(splits, films).filter(~pl.col("clip_id").is_in(["a", "b", "c"]))
    assert sorted(found.rows()) == [
        ("ab", 0, "test"),
        ("ab", 1, "train"),
        ("ac", 0, "train"),
        ("ac", 1, "train"),
    ]
    assert with_splices(splits, films.select("clip_id")).equals(splits)
