"""Importing: whole folders or none, the data's own ids, every fault of the source at once."""

from __future__ import annotations

import errno
import shutil
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import polars as pl
import pytest

from mixedsignals.corpus import IMPORTERS, Imported, import_corpus, importers, load_lenient, read_corpus
from mixedsignals.corpus.importers import importer_options
from mixedsignals.errors import CannotFinish, InputError, UsageError
from mixedsignals.labels import Labels
from mixedsignals.tables import CLIPS, conform


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder in the user's own layout, with two sound files, votes and features."""
    folder = tmp_path / "source"
    (folder / "wav").mkdir(parents=True)
    (folder / "features").mkdir()
    (folder / "segments.csv").write_text(
        "utt,who,file,emotion,mood\n01,p1,wav/01.wav,x,m\n02,p2,wav/02.wav,y,n\n03,p2,,x,n\n"
    )
    (folder / "ratings.csv").write_text("utt,by,says\n01,r1,x\n02,r1,x\n02,r2,y\n")
    (folder / "features" / "video.csv").write_text("clip_id,f\n03,1.5\n01,2.5\n")
    for number in (1, 2):
        (folder / "wav" / f"0{number}.wav").write_bytes(b"RIFF" + bytes([number]))
    return folder


MAP = (
    "utt=clip_id",
    "who=speaker_id",
    "file=audio",
    "emotion=label",
    "votes.utt=clip_id",
    "votes.by=rater_id",
    "votes.says=label",
)


def test_csv_brings_everything_under_our_names(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "corpus"
    summary = import_corpus(
        "csv", source / "segments.csv", out, columns=MAP, votes="ratings.csv", given="audio", name="calls"
    )
    assert summary.sentence == (
        "calls: 3 clips of 2 speakers, 2 labels, 2 media files, 3 votes, ready-made features for video"
    )
    assert str(out) in str(summary)
    corpus = read_corpus(out)
    assert corpus.clips["clip_id"].to_list() == ["01", "02", "03"]
    assert corpus.clips["mood"].to_list() == ["m", "n", "n"]
    assert corpus.clips["audio"].to_list() == ["media/wav/01.wav", "media/wav/02.wav", None]
    path = corpus.media_path("02", "audio")
    assert path is not None
    assert path.read_bytes() == b"RIFF\x02"
    assert corpus.votes is not None
    assert corpus.votes.select("clip_id", "rater_id", "given", "label").rows()[0] == (
        "01",
        "r1",
        "audio",
        "x",
    )
    assert dict(pl.read_parquet(out / "features/video.parquet").iter_rows()) == {"03": 1.5, "01": 2.5}
    assert load_lenient(out)[1] == []


def test_linked_media_stay_where_they_are(source: Path, tmp_path: Path) -> None:
    import_corpus("csv", source / "segments.csv", tmp_path / "linked", media="link", columns=MAP)
    corpus = read_corpus(tmp_path / "linked")
    assert corpus.media_path("01", "audio") == source / "wav" / "01.wav"
    assert not list((tmp_path / "linked").rglob("*.wav"))


def test_clips_without_media_can_be_left_out(source: Path, tmp_path: Path) -> None:
    import_corpus("csv", source / "segments.csv", tmp_path / "only", only_media=True, columns=MAP)
    assert read_corpus(tmp_path / "only").clips["clip_id"].to_list() == ["01", "02"]
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "clips.csv").write_text("clip_id,label\na,x\nb,y\n")
    with pytest.raises(CannotFinish, match="None of the 2 clips"):
        import_corpus("csv", tmp_path / "words", tmp_path / "none", only_media=True)
    import_corpus("csv", source / "segments.csv", tmp_path / "bare", media="none", columns=MAP)
    assert read_corpus(tmp_path / "bare").clips["audio"].null_count() == 3


def test_faults_of_the_source_leave_nothing_behind(source: Path, tmp_path: Path) -> None:
    (source / "wav" / "01.wav").unlink()
    with pytest.raises(InputError, match=r"segments\.csv, row 2 \(clip '01'\).*no such file"):
        import_corpus("csv", source / "segments.csv", tmp_path / "out", columns=MAP)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_a_full_disk_leaves_nothing_behind(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(CannotFinish, match="the disk is full; nothing was left half written"):
        import_corpus("csv", source / "segments.csv", tmp_path / "out", columns=MAP)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_a_folder_with_something_in_it_is_never_written_over(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    import_corpus(
        "csv", source / "segments.csv", tmp_path / "out", columns=MAP
    )  # an empty one is as good as none
    with pytest.raises(UsageError, match="is there already"):
        import_corpus("csv", source / "segments.csv", tmp_path / "out", columns=MAP)


def test_wrong_usage_names_what_is_legal(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="csv, cremad, ravdess, mmsa"):
        import_corpus("xml", source, tmp_path / "out")
    with pytest.raises(UsageError, match="columns, votes, given"):
        import_corpus("csv", source, tmp_path / "out", colour="red")
    with pytest.raises(UsageError, match="copy, link and none"):
        import_corpus("csv", source / "segments.csv", tmp_path / "out", media="move", columns=MAP)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="YOURS=OURS"):
        import_corpus("csv", source, tmp_path / "out", columns=["utt"])
    assert importer_options("ravdess") == ()


def made(source: Path, *, file: str = "media/a.wav") -> Imported:
    """An importer as another package would write it."""
    clips = conform(CLIPS, {"clip_id": ["a", "b"], "label": ["x", "y"], "audio": [file, None]})
    return Imported("made", Labels(("x", "y")), clips, files={file: source})


def test_importers_of_other_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("made", f"{__name__}:made", "mixedsignals.importers")
    monkeypatch.setattr(EntryPoint, "load", lambda self: made)
    monkeypatch.setattr(importers, "entry_points", lambda group: EntryPoints([entry]))
    (tmp_path / "x.wav").write_bytes(b"-")
    summary = import_corpus("made", tmp_path / "x.wav", tmp_path / "out")
    assert (summary.n_clips, summary.n_media, summary.n_speakers) == (2, 1, 0)
    with pytest.raises(InputError, match="leads outside"):
        import_corpus("made", tmp_path / "x.wav", tmp_path / "bad", file="../a.wav")
    assert not (tmp_path / "bad").exists()
    with pytest.raises(UsageError, match="label-studio, made"):
        import_corpus("other", tmp_path, tmp_path / "other")
    assert "made" not in IMPORTERS


RAVDESS = "path,clip,actor,sex,emotion,intensity,statement,transcript,repetition,duration\n"


def test_ravdess_by_manifest(tmp_path: Path) -> None:
    source = tmp_path / "r"
    (source / "audio").mkdir(parents=True)
    rows = [("05-02-01-02-14", "14", "F", "angry"), ("01-01-01-01-01", "01", "M", "neutral")]
    text = "".join(f"audio/03-01-{c}.flac,{c},{a},{s},{e},normal,01,Kids.,01,1.0\n" for c, a, s, e in rows)
    (source / "manifest.csv").write_text(RAVDESS + text)
    for clip, *_ in rows:
        (source / "audio" / f"03-01-{clip}.flac").write_bytes(clip.encode())
    # The units are in another order than the manifest and lack nothing: they are joined by id.
    (source / "openface_au.csv").write_text("clip,AU01_r\n01-01-01-01-01,1.5\n05-02-01-02-14,2.5\n")
    import_corpus("ravdess", source, tmp_path / "out")
    corpus = read_corpus(tmp_path / "out")
    assert corpus.clips.select("clip_id", "speaker_id", "label", "sex").rows() == [
        ("05-02-01-02-14", "14", "angry", "F"),
        ("01-01-01-01-01", "01", "neutral", "M"),
    ]
    path = corpus.media_path("05-02-01-02-14", "audio")
    assert path is not None
    assert path.read_bytes() == b"05-02-01-02-14"
    assert dict(pl.read_parquet(corpus.features["video"]).iter_rows())["05-02-01-02-14"] == 2.5
    (source / "openface_au.csv").write_text("clip,AU01_r\nother,1.5\n")
    with pytest.raises(InputError, match="not among the recordings: other"):
        import_corpus("ravdess", source, tmp_path / "bad")
    (source / "audio" / "03-01-05-02-01-02-14.flac").unlink()
    (source / "openface_au.csv").unlink()
    with pytest.raises(InputError, match=r"03-01-05-02-01-02-14\.flac: is not there"):
        import_corpus("ravdess", source, tmp_path / "bad")
    (source / "manifest.csv").write_text("path,clip\n")
    with pytest.raises(InputError, match="no column actor, emotion"):
        import_corpus("ravdess", source, tmp_path / "bad")


def test_ravdess_as_distributed(tmp_path: Path) -> None:
    source = tmp_path / "r"
    for name in (
        "Actor_14/03-01-05-02-01-02-14.wav",
        "Actor_14/01-01-05-02-01-02-14.mp4",
        "Actor_02/03-01-08-01-02-01-02.wav",
    ):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(b"-")
    (source / "Actor_02" / "03-02-03-01-02-01-02.wav").write_bytes(b"-")  # a song
    (source / "Actor_02" / "notes.wav").write_bytes(b"-")
    import_corpus("ravdess", source, tmp_path / "out")
    clips = read_corpus(tmp_path / "out").clips.sort("clip_id")
    assert clips.select("clip_id", "speaker_id", "label", "intensity", "sex", "transcript").rows() == [
        ("05-02-01-02-14", "14", "angry", "strong", "F", "Kids are talking by the door."),
        ("08-01-02-01-02", "02", "surprised", "normal", "F", "Dogs are sitting by the door."),
    ]
    assert clips["media"].to_list() == ["media/Actor_14/01-01-05-02-01-02-14.mp4", None]
    assert clips["audio"].to_list()[1] == "media/Actor_02/03-01-08-01-02-01-02.wav"
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no recordings named like"):
        import_corpus("ravdess", tmp_path / "empty", tmp_path / "bad")
    with pytest.raises(InputError, match="is not a folder"):
        import_corpus("ravdess", tmp_path / "nowhere", tmp_path / "bad")


CREMAD = '"","A","D","F","H","N","S","fileName","numResponses"\n'


def cremad(folder: Path, *rows: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "tabulatedVotes.csv").write_text(CREMAD + "".join(f"{row}\n" for row in rows))
    return folder


def test_cremad_votes_by_condition(tmp_path: Path) -> None:
    source = cremad(
        tmp_path / "c",
        '"100001",0,0,0,1,9,0,"1001_IEO_NEU_XX",10',
        '"200001",0,0,0,0,8,0,"1001_IEO_NEU_XX",8',
        '"300001",0,0,0,2,8,0,"1001_IEO_NEU_XX",10',
        '"100002",3,0,2,0,0,0,"1064_IEO_DIS_MD",5',
    )
    (source / "clips").mkdir()
    (source / "clips" / "1001_IEO_NEU_XX.flv").write_bytes(b"FLV")
    (source / "VideoDemographics.csv").write_text(
        '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","C","N"\n'
    )
    summary = import_corpus("cremad", source, tmp_path / "out")
    assert (summary.n_clips, summary.n_votes, summary.n_media) == (2, 33, 1)
    assert [w.code for w in summary.warnings] == ["faulty-clip", "clips-without-media"]
    corpus = read_corpus(tmp_path / "out")
    assert corpus.labels.names == ("anger", "disgust", "fear", "happy", "neutral", "sad")
    row, faulty = corpus.clips.sort("clip_id").rows(named=True)
    assert (row["speaker_id"], row["label"], row["transcript"], row["age"]) == (
        "1001",
        "neutral",
        "It's eleven o'clock.",
        51,
    )
    assert (row["media"], row["faulty"], faulty["media"], faulty["faulty"]) == (
        "media/1001_IEO_NEU_XX.flv",
        "no",
        None,
        "yes",
    )
    assert (faulty["label"], faulty["level"], faulty["age"]) == ("disgust", "MD", None)
    assert corpus.votes is not None
    assert corpus.votes.select("clip_id", "rater_id", "given", "label", "count").rows() == [
        ("1001_IEO_NEU_XX", None, "audio", "happy", 1),
        ("1001_IEO_NEU_XX", None, "audio", "neutral", 9),
        ("1001_IEO_NEU_XX", None, "audio+video", "happy", 2),
        ("1001_IEO_NEU_XX", None, "audio+video", "neutral", 8),
        ("1001_IEO_NEU_XX", None, "video", "neutral", 8),
        ("1064_IEO_DIS_MD", None, "audio", "anger", 3),
        ("1064_IEO_DIS_MD", None, "audio", "fear", 2),
    ]
    only = import_corpus("cremad", source, tmp_path / "only", only_media=True)
    assert (only.n_clips, only.n_votes, only.warnings) == (1, 28, ())


def test_cremad_names_every_row_that_is_not_its_own(tmp_path: Path) -> None:
    source = cremad(
        tmp_path / "c",
        '"100001",0,0,0,1,9,0,"1001_IEO_NEU_XX",10',
        '"100002",0,0,0,1,9,0,"1001_XXX_NEU_XX",10',
        '"400003",0,0,0,1,9,0,"1001_IEO_SAD_XX",10',
        '"100004",0,0,0,1,9,0,"1001_IEO_FEA_XX",12',
        '"100005",x,0,0,1,9,0,"1001_IEO_DIS_XX",10',
    )
    with pytest.raises(InputError) as caught:
        import_corpus("cremad", source, tmp_path / "out")
    assert {problem.row for problem in caught.value.problems} == {3, 4, 5, 6}
    (source / "tabulatedVotes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no column A, D"):
        import_corpus("cremad", source, tmp_path / "out")
    with pytest.raises(InputError, match=r"tabulatedVotes\.csv: is not there"):
        import_corpus("cremad", tmp_path, tmp_path / "out")
