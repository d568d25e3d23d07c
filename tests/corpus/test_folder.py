"""Reading a corpus folder: defaults, the user's own names, and every fault of a folder at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mixedsignals.corpus import Corpus, load_lenient, read_corpus
from mixedsignals.errors import InputError, Problem

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes files, given as name and text, into a corpus folder."""

    def files(**texts: str) -> Path:
        for name, text in texts.items():
            stem, _, suffix = name.rpartition("_")
            (tmp_path / f"{stem}.{suffix}").write_text(text, encoding="utf-8")
        return tmp_path

    return files


CLIPS = "clip_id,speaker_id,transcript,label\na,s1,oh no,sad\nb,s2,well done,happy\n"


def codes(problems: list[Problem] | tuple[Problem, ...], severity: str = "fault") -> list[str]:
    return [problem.code for problem in problems if problem.severity == severity]


def faults_of(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        read_corpus(path)
    return caught.value.problems


def test_a_bare_table_is_a_corpus(write: Write, tmp_path: Path) -> None:
    corpus = read_corpus(write(clips_csv=CLIPS))
    assert corpus.name == tmp_path.name
    assert corpus.labels.names == ("happy", "sad")
    assert corpus.labels.kind == "nominal"
    assert (corpus.votes, corpus.targets, corpus.splits, corpus.features) == (None, None, None, {})
    assert corpus.groups == {"a": "s1", "b": "s2"}
    assert corpus.modalities == ("text",)
    assert corpus.media_path("a", "audio") is None
    assert corpus.tie_rule == "exclude"


def test_only_ids_and_labels_are_enough(write: Write) -> None:
    corpus = read_corpus(write(clips_csv="clip_id,label\n0012,1\n0013,10\n0014,2\n"))
    assert corpus.clips["clip_id"].to_list() == ["0012", "0013", "0014"]
    assert corpus.labels.names == ("1", "2", "10")
    assert corpus.groups == {"0012": None, "0013": None, "0014": None}
    assert corpus.modalities == ()


def test_own_names_for_files_and_columns(write: Write, tmp_path: Path) -> None:
    (tmp_path / "annotation").mkdir()
    (tmp_path / "annotation" / "segments.csv").write_text("utterance,who,gender\n7,x,F\n8,y,M\n")
    corpus = read_corpus(
        write(
            ratings_csv="utterance,annotator,said,comment\n7,r1,yes,hm\n8,r1,no,\n",
            corpus_toml="""
                name = "calls"
                labels = ["no", "yes"]
                kind = "ordinal"
                licence = "CC0-1.0"
                tie_rule = "first"
                [files]
                clips = "annotation/segments.csv"
                votes = "ratings.csv"
                [columns.clips]
                utterance = "clip_id"
                who = "speaker_id"
                [columns.votes]
                utterance = "clip_id"
                annotator = "rater_id"
                said = "label"
                [votes]
                given = "audio+video"
            """,
        )
    )
    assert (corpus.name, corpus.licence, corpus.tie_rule) == ("calls", "CC0-1.0", "first")
    assert corpus.labels.names == ("no", "yes")
    assert corpus.labels.kind == "ordinal"
    assert corpus.clips["gender"].to_list() == ["F", "M"]  # further columns are kept
    assert corpus.votes is not None
    assert corpus.votes.select("clip_id", "rater_id", "given", "label").rows() == [
        ("7", "r1", "audio+video", "yes"),
        ("8", "r1", "audio+video", "no"),
    ]
    _, problems = load_lenient(tmp_path)
    assert codes(problems) == []
    assert [p.message for p in problems if p.code == "unused-column"] == [
        "columns that votes has no place for are not used: comment"
    ]


def test_votes_without_a_condition_are_of_the_whole_clip_and_it_says_so(write: Write) -> None:
    path = write(clips_csv=CLIPS, votes_csv="clip_id,rater_id,label\na,r1,sad\nb,r1,sad\n")
    corpus, problems = load_lenient(path)
    assert corpus.votes is not None
    assert set(corpus.votes["given"]) == {"text"}  # all that these clips have
    assert codes(problems, "warning") == ["assumed-given"]


def test_anonymous_votes_are_counted(write: Write) -> None:
    votes = "clip_id,given,label\na,text,sad\na,text,sad\na,text,happy\n"
    corpus = read_corpus(write(clips_csv=CLIPS, votes_csv=votes))
    assert corpus.votes is not None
    assert dict(corpus.votes.select("label", "count").iter_rows()) == {"sad": 2, "happy": 1}


def test_rows_of_anonymous_votes_with_faults_are_those_of_the_file(write: Write) -> None:
    votes = "clip_id,given,label\na,text,sad\na,text,sad\na,text,glad\nz,text,sad\n"
    path = write(clips_csv=CLIPS, votes_csv=votes, corpus_toml='labels = ["happy", "sad"]')
    assert [(p.code, p.row) for p in faults_of(path)] == [("unknown-label", 4), ("unknown-clip", 5)]


def test_parquet_and_splits_without_folds(tmp_path: Path) -> None:
    pl.DataFrame({"clip_id": [1, 2, 3], "label": ["x", "y", "x"]}).write_parquet(tmp_path / "clips.parquet")
    (tmp_path / "splits.csv").write_text("clip_id,role\n1,train\n2,test\n3,tune\n")
    (tmp_path / "targets.csv").write_text("clip_id,label\n1,x\n2,y\n")
    corpus = read_corpus(tmp_path)
    assert corpus.clips["clip_id"].to_list() == ["1", "2", "3"]
    assert corpus.splits is not None
    assert corpus.splits["fold"].to_list() == [0, 0, 0]
    assert corpus.targets is not None
    assert corpus.targets["share"].to_list() == [1.0, 1.0]


def test_media_by_column_pattern_and_name(write: Write, tmp_path: Path) -> None:
    for name in ("media/a.mp4", "media/b.wav", "elsewhere/x-a.wav", "elsewhere/x-b.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"-")
    by_name = read_corpus(write(clips_csv=CLIPS))
    assert by_name.media_path("a", "video") == tmp_path / "media/a.mp4"
    assert by_name.media_path("b", "audio") == tmp_path / "media/b.wav"
    assert by_name.media_path("b", "video") is None  # a sound file has no picture
    assert by_name.modalities == ("text", "audio", "video")
    toml = '[media]\nfolder = "elsewhere"\naudio = "x-{clip_id}.wav"\n'
    by_pattern = read_corpus(write(clips_csv=CLIPS, corpus_toml=toml))
    assert by_pattern.media_path("b", "audio") == tmp_path / "elsewhere/x-b.wav"
    assert by_pattern.clips["media"].null_count() == 2
    by_cell = read_corpus(
        write(clips_csv="clip_id,label,audio\na,x,elsewhere/x-a.wav\nb,y,\n", corpus_toml="")
    )
    assert by_cell.media_path("a", "audio") == tmp_path / "elsewhere/x-a.wav"
    assert by_cell.media_path("b", "audio") is None


def test_two_files_of_one_name_are_not_guessed_at(write: Write, tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    for name in ("a.mp4", "a.wav", "ab.mp4"):
        (tmp_path / "media" / name).write_bytes(b"-")
    (problem,) = faults_of(write(clips_csv=CLIPS))
    assert (problem.code, problem.clip_id) == ("ambiguous-media", "a")


def test_missing_files_of_a_pattern_are_faults_unless_allowed(write: Write, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"-")
    toml = '[media]\naudio = "{clip_id}.wav"\n'
    (problem,) = faults_of(write(clips_csv=CLIPS, corpus_toml=toml))
    assert (problem.code, problem.clip_id, problem.row) == ("missing-media", "b", 3)
    allowed = read_corpus(write(clips_csv=CLIPS, corpus_toml=toml + 'missing = "allow"\n'))
    assert allowed.clips["audio"].to_list() == ["a.wav", None]


def test_every_fault_of_a_folder_is_named_at_once(write: Write, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    clips = """clip_id,speaker_id,media,start,end,label
a,s1,gone.mp4,,,sad
b,s1,empty.wav,,,happy
c,s2,../../etc/passwd,,,sad
d/e,s2,,3,2,happy
..,s2,,,,happy
a,s3,,,,sad
g,s3,/etc/passwd,soon,,furious
"""
    votes = "clip_id,rater_id,given,label\na,r1,smell,sad\nzz,r1,audio,sad\n"
    splits = "clip_id,fold,role\na,0,train\nb,0,test\nc,0,practice\n"
    toml = 'labels = ["happy", "sad"]\nlicense = "CC0-1.0"\n'
    problems = faults_of(write(clips_csv=clips, votes_csv=votes, splits_csv=splits, corpus_toml=toml))
    assert {(p.code, p.file, p.row, p.clip_id) for p in problems} == {
        ("unknown-setting", "corpus.toml", None, None),
        ("missing-media", "clips.csv", 2, "a"),
        ("empty-media", "clips.csv", 3, "b"),
        ("path-outside", "clips.csv", 4, "c"),
        ("illegal-clip-id", "clips.csv", 5, "d/e"),
        ("end-before-start", "clips.csv", 5, "d/e"),
        ("illegal-clip-id", "clips.csv", 6, ".."),
        ("duplicate-id", "clips.csv", 7, "a"),
        ("path-outside", "clips.csv", 8, "g"),
        ("not-a-value", "clips.csv", 8, "g"),
        ("unknown-label", "clips.csv", 8, "g"),
        ("unknown-given", "votes.csv", 2, "a"),
        ("unknown-clip", "votes.csv", 3, "zz"),
        ("illegal-value", "splits.csv", 4, "c"),
        ("speaker-in-two-parts", "splits.csv", None, None),
    }
    assert all(p.remedy and p.message for p in problems)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty-file"),
        (b"clip_id,label\n", "empty-corpus"),
        (b"name,label\na,b\n", "missing-column"),
        ("clip_id,label\na,Ärger\n".encode("latin-1"), "not-utf-8"),
        (b"clip_id,label\na,b,c,d\n", "ragged-row"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "clips.csv").write_bytes(content)
    problems = faults_of(tmp_path)
    assert code in codes(problems)
    assert next(p for p in problems if p.code == code).file == "clips.csv"


def test_the_row_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_bytes(b"clip_id,label\na,x\nb,\xe4rger\n")
    assert next(p for p in faults_of(tmp_path) if p.code == "not-utf-8").row == 3


def test_a_folder_that_is_not_there_or_holds_nothing(tmp_path: Path) -> None:
    assert codes(faults_of(tmp_path / "nowhere")) == ["missing-corpus"]
    (tmp_path / "file").touch()
    assert codes(faults_of(tmp_path / "file")) == ["missing-corpus"]
    assert codes(faults_of(tmp_path)) == ["missing-file"]


def test_one_class_and_one_speaker(write: Write) -> None:
    path = write(clips_csv="clip_id,speaker_id,label\na,s,x\nb,s,x\n")
    assert codes(faults_of(path)) == ["too-few-labels"]
    _, problems = load_lenient(write(corpus_toml='labels = ["x", "y"]'))
    assert codes(problems) == []
    assert sorted(codes(problems, "warning")) == ["one-class", "one-speaker"]


def test_one_wrong_row_in_ten_thousand(write: Write) -> None:
    rows = [f"c{number:05},s{number % 40},{('x', 'y')[number % 2]}" for number in range(10_000)]
    rows[6_123] = "c06123,s1,z"
    began = time.perf_counter()
    path = write(clips_csv="\n".join(["clip_id,speaker_id,label", *rows]), corpus_toml='labels = ["x", "y"]')
    (problem,) = faults_of(path)
    assert (problem.code, problem.row, problem.clip_id) == ("unknown-label", 6_125, "c06123")
    assert time.perf_counter() - began < 5


def test_settings_with_faults_name_what_is_legal(write: Write) -> None:
    toml = """
        labels = ["x", 3]
        kind = "ordered"
        tie_rule = "random"
        [media]
        audio = "{}.wav"
        missing = "ignore"
        [votes]
        given = "audio+text"
        [columns]
        clips = "all"
        [features]
        video = 3
    """
    problems = faults_of(write(clips_csv=CLIPS, corpus_toml=toml))
    assert codes(problems) == ["illegal-setting"] * len(problems)
    told = " | ".join(p.message for p in problems)
    for entry in (
        "labels",
        "kind",
        "tie_rule",
        "audio",
        "missing",
        "given",
        "columns.clips",
        "features.video",
    ):
        assert entry in told
    assert "exclude, first, last" in told


def test_a_toml_that_is_none_is_one_fault_and_the_rest_is_read(write: Write) -> None:
    corpus, problems = load_lenient(write(clips_csv=CLIPS, corpus_toml="labels = [unquoted]"))
    assert codes(problems) == ["unreadable-toml"]
    assert problems[0].file == "corpus.toml"
    assert corpus.clips.height == 2


@pytest.mark.parametrize(
    ("mapping", "code"),
    [('nobody = "clip_id"', "unknown-column"), ('label = "transcript"', "repeated-column")],
)
def test_maps_of_columns_that_do_not_work(write: Write, mapping: str, code: str) -> None:
    assert code in codes(faults_of(write(clips_csv=CLIPS, corpus_toml=f"[columns.clips]\n{mapping}")))


def test_an_ordinal_corpus_needs_its_order(write: Write) -> None:
    assert codes(faults_of(write(clips_csv=CLIPS, corpus_toml='kind = "ordinal"'))) == ["unknown-order"]


def test_shares_of_targets_sum_to_one(write: Write) -> None:
    targets = "clip_id,label,share\na,sad,0.7\na,happy,0.3\nb,sad,0.4\n"
    (problem,) = faults_of(write(clips_csv=CLIPS, targets_csv=targets))
    assert (problem.code, problem.clip_id) == ("shares-sum", "b")


def test_given_splits_with_leaks(write: Write) -> None:
    clips = "clip_id,speaker_id,label\na,s1,x\nb,s1,y\nc,s2,x\nd,s2,y\ne,s3,x\n"
    splits = "clip_id,fold,role\na,0,train\nb,0,test\nc,0,train\nd,0,tune\ne,0,test\ne,1,test\n"
    _, problems = load_lenient(write(clips_csv=clips, splits_csv=splits))
    assert sorted(codes(problems)) == ["speaker-in-two-parts", "tested-twice"]
    assert codes(problems, "warning") == [
        "speaker-in-two-parts"
    ]  # training and tuning on one voice is no leak


def features(path: Path, clip_ids: list[str], values: np.ndarray) -> None:
    (path / "features").mkdir(exist_ok=True)
    columns = {f"f{n}": values[:, n] for n in range(values.shape[1])}
    pl.DataFrame({"clip_id": clip_ids, **columns}).write_parquet(path / "features/video.parquet")


def test_features_are_found_and_those_of_other_clips_refused(write: Write, tmp_path: Path) -> None:
    path = write(clips_csv=CLIPS)
    features(tmp_path, ["b", "a"], np.eye(2))
    assert read_corpus(path).features == {"video": tmp_path / "features/video.parquet"}
    assert read_corpus(path).modalities == ("text", "video")
    features(tmp_path, ["b"], np.eye(1))  # a clip without the modality is absent
    read_corpus(path)
    features(tmp_path, ["x", "y"], np.eye(2))
    (problem,) = faults_of(path)
    assert (problem.code, problem.file) == ("unknown-clip", "features/video.parquet")
    assert "none of its 2 clip ids" in problem.message
    features(tmp_path, ["a", "1"], np.array([[1.0], [np.nan]]))
    assert codes(faults_of(path)) == ["not-finite"]
    write(corpus_toml='[features]\nvideo = "gone.npz"')
    assert codes(faults_of(path)) == ["missing-features"]


def test_lenient_reading_keeps_what_can_be_read(write: Write) -> None:
    corpus, problems = load_lenient(write(clips_csv="clip_id,label,start\na,x,soon\na,y,1\nb,x,2\n"))
    assert isinstance(corpus, Corpus)
    assert corpus.clips["clip_id"].to_list() == ["a", "a", "b"]
    assert corpus.clips["start"].to_list() == [None, 1.0, 2.0]
    assert codes(problems) == ["not-a-value", "duplicate-id"]


def test_the_order_in_which_a_given_names_modalities_does_not_matter(write: Write) -> None:
    path = write(
        clips_csv="clip_id,label\na,x\nb,y\n",
        votes_csv="clip_id,rater_id,given,label\na,r,video+audio,x\nb,r,audio + video,y\na,s,smell,x\n",
    )
    corpus, problems = load_lenient(path)
    assert corpus.votes is not None
    assert corpus.votes["given"].to_list()[:2] == ["audio+video", "audio+video"]
    assert codes(problems, "fault") == ["unknown-given"]
