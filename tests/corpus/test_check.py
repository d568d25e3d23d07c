"""`check_corpus` names every problem of a folder at once, each with file, row and remedy."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mixedsignals.corpus import check_corpus
from mixedsignals.errors import Problem
from mixedsignals.media import write_audio, write_video

RATE = 8_000
Corpus = Callable[..., Path]


def noise(seed: int, seconds: float = 1.0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def pictures(count: int = 10) -> list[np.ndarray]:
    return [np.full((32, 32, 3), 20 * i, np.uint8) for i in range(count)]


@pytest.fixture(scope="session")
def clip_bytes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One recording of a second of every kind that the corpora below are made of."""
    folder = tmp_path_factory.mktemp("clips")
    made = {"sound.wav": write_audio(folder / "sound.wav", noise(0), rate=RATE)}
    made["mute.mp4"] = write_video(folder / "mute.mp4", pictures(), fps=10)
    for number in range(6):
        name = f"clip{number}.mp4"
        made[name] = write_video(folder / name, pictures(), fps=10, audio=noise(number), rate=RATE)
    return {name: path.read_bytes() for name, path in made.items()}


@pytest.fixture
def corpus(tmp_path: Path, clip_bytes: dict[str, bytes]) -> Corpus:
    """Writes a corpus of six sound clips; `changes` replaces cells of its rows, `extra` adds rows."""

    def write(
        changes: dict[int, dict[str, object]] | None = None, extra: Sequence[dict[str, object]] = ()
    ) -> Path:
        root = tmp_path / "corpus"
        (root / "media").mkdir(parents=True)
        for name, content in clip_bytes.items():
            (root / "media" / name).write_bytes(content)
        rows: list[dict[str, object]] = [
            {
                "clip_id": f"c{number}",
                "speaker_id": f"s{number % 3}",
                "media": f"media/clip{number}.mp4",
                "start": None,
                "end": None,
                "transcript": f"sentence number {number}",
                "label": ("empathetic", "neutral")[number % 2],
            }
            for number in range(6)
        ]
        for number, cells in (changes or {}).items():
            rows[number] |= cells
        schema = dict.fromkeys(rows[0], pl.String) | {"start": pl.Float64, "end": pl.Float64}
        pl.DataFrame([*rows, *extra], schema=schema).write_csv(root / "clips.csv")
        (root / "corpus.toml").write_text('labels = ["empathetic", "neutral"]\n')
        return root

    return write


def places(problems: list[Problem]) -> set[tuple[str, str | None, int | None]]:
    return {(problem.code, problem.file, problem.row) for problem in problems}


def faults(problems: list[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.severity == "fault"]


def test_a_sound_corpus_has_no_problem(corpus: Corpus) -> None:
    assert check_corpus(corpus()) == []


def test_sixteen_planted_faults_are_all_named_at_once(corpus: Corpus, clip_bytes: dict[str, bytes]) -> None:
    root = corpus(
        {
            0: {"media": "media/gone.mp4"},
            1: {"media": "media/empty.wav"},
            2: {"media": "media/cut.mp4"},
            3: {"media": "media/words.mp4"},
            4: {"media": "media/mute.mp4"},
            5: {"start": 0.8, "end": 0.2},
        },
        extra=[
            {"clip_id": "c0", "speaker_id": "s9", "media": "media/clip0.mp4", "label": "neutral"},
            {"clip_id": "late", "speaker_id": "s9", "media": "media/clip1.mp4", "start": 0.5, "end": 9.0},
            {"clip_id": "angry", "speaker_id": "s9", "media": "media/clip2.mp4", "label": "angry"},
            {"clip_id": "out", "speaker_id": "s9", "media": "../elsewhere.mp4"},
            {"clip_id": "a/b", "speaker_id": "s9", "media": "media/clip3.mp4"},
            {"clip_id": "linked", "speaker_id": "s9", "media": "media/link.mp4"},
        ],
    )
    (root / "media" / "empty.wav").touch()
    (root / "media" / "cut.mp4").write_bytes(clip_bytes["clip2.mp4"][:-900])
    (root / "media" / "words.mp4").write_text("not a film\n" * 50)
    outside = root.parent / "outside.mp4"
    outside.write_bytes(clip_bytes["clip4.mp4"])
    (root / "media" / "link.mp4").symlink_to(outside)
    (root / "votes.csv").write_text(
        "clip_id,rater_id,given,label\nc1,r1,audio,neutral\nnobody,r1,audio,neutral\nc1,r2,smell,neutral\n"
    )
    (root / "splits.csv").write_text(
        "clip_id,fold,role\nc0,0,test\nc1,0,test\nc2,0,train\nc3,0,train\nc4,0,tune\nc5,0,tune\n"
    )
    problems = faults(check_corpus(root))
    assert places(problems) >= {
        ("missing-media", "clips.csv", 2),
        ("empty-media", "clips.csv", 3),
        ("truncated-media", "clips.csv", 4),
        ("unreadable-media", "clips.csv", 5),
        ("no-audio-track", "clips.csv", 6),
        ("end-before-start", "clips.csv", 7),
        ("duplicate-id", "clips.csv", 8),
        ("span-outside-media", "clips.csv", 9),
        ("unknown-label", "clips.csv", 10),
        ("path-outside", "clips.csv", 11),
        ("illegal-clip-id", "clips.csv", 12),
        ("path-outside", "clips.csv", 13),
        ("unknown-clip", "votes.csv", 3),
        ("unknown-given", "votes.csv", 4),
    }
    assert any(problem.code == "speaker-in-two-parts" for problem in problems)
    assert all(problem.remedy for problem in problems)
    assert len(problems) == 16  # two speakers are each in the test part and in another


def test_one_wrong_row_in_ten_thousand_is_named_quickly(tmp_path: Path) -> None:
    rows = ["clip_id,speaker_id,transcript,label"]
    rows += [f"{n:05d},s{n % 50},words {n},{('yes', 'no')[n % 2]}" for n in range(10_000)]
    rows[7_001] = rows[7_001].rsplit(",", 1)[0] + ",maybe"
    (tmp_path / "clips.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "corpus.toml").write_text('labels = ["yes", "no"]\n')
    begun = time.perf_counter()
    problems = check_corpus(tmp_path)
    assert time.perf_counter() - begun < 3
    assert [(p.code, p.row, p.clip_id) for p in problems] == [("unknown-label", 7_002, "07000")]
    assert "'maybe'" in problems[0].message
    assert "yes, no" in problems[0].message


def test_byte_identical_media_under_two_ids_is_one_warning(
    corpus: Corpus, clip_bytes: dict[str, bytes]
) -> None:
    root = corpus({2: {"media": "media/copy.mp4"}, 4: {"media": "media/clip5.mp4"}})
    (root / "media" / "copy.mp4").write_bytes(clip_bytes["clip0.mp4"])
    problems = check_corpus(root)
    assert [(p.code, p.severity, p.row) for p in problems] == [
        ("identical-media", "warning", 4),
        ("identical-media", "warning", 7),
    ]
    assert "c0, c2" in problems[0].message
    assert "one file: media/clip5.mp4" in problems[1].message


def test_different_spans_of_one_file_are_no_repeat(corpus: Corpus) -> None:
    span = {"media": "media/clip0.mp4", "end": 0.5}
    problems = check_corpus(corpus({0: span, 1: span | {"start": 0.5, "end": 1.0}}))
    assert problems == []


def test_words_under_several_labels_are_one_warning_a_group(corpus: Corpus) -> None:
    same = {
        number: {"transcript": "Dogs are sitting" if number < 3 else " dogs  ARE sitting"}
        for number in range(6)
    }
    problems = check_corpus(corpus(same))
    assert [(p.code, p.severity, p.file) for p in problems] == [
        ("repeated-transcript", "warning", "clips.csv")
    ]
    assert "6 clips with 2 different labels" in problems[0].message
    assert "sitting" not in str(problems[0])


def test_words_under_one_label_are_no_warning(corpus: Corpus) -> None:
    assert check_corpus(corpus({0: {"transcript": "yes"}, 2: {"transcript": "yes"}})) == []


def test_missing_speakers_and_clips_without_anything_are_warnings(corpus: Corpus) -> None:
    extra = [{"clip_id": "bare", "label": "neutral"}]
    problems = check_corpus(corpus(extra=extra))
    assert places(problems) == {("no-modality", "clips.csv", 8), ("no-speaker", "clips.csv", 8)}
    assert not faults(problems)


def test_a_clip_with_features_alone_has_something(corpus: Corpus) -> None:
    root = corpus(extra=[{"clip_id": "bare", "speaker_id": "s1", "label": "neutral"}])
    (root / "features").mkdir()
    ids = [f"c{number}" for number in range(6)] + ["bare"]
    pl.DataFrame({"clip_id": ids, "x": np.arange(7.0)}).write_parquet(root / "features" / "video.parquet")
    assert check_corpus(root) == []


def test_nan_in_features_and_features_of_others_are_faults(corpus: Corpus) -> None:
    root = corpus()
    (root / "features").mkdir()
    pl.DataFrame({"clip_id": ["c0", "c1"], "x": [1.0, float("nan")]}).write_parquet(
        root / "features" / "video.parquet"
    )
    pl.DataFrame({"clip_id": ["other1", "other2"], "x": [1.0, 2.0]}).write_parquet(
        root / "features" / "audio.parquet"
    )
    problems = faults(check_corpus(root))
    assert places(problems) == {
        ("not-finite", "features/video.parquet", 3),
        ("unknown-clip", "features/audio.parquet", None),
    }


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"clip_id,label\n", "empty-corpus"),
        (b"", "empty-file"),
        ("clip_id,label\na,Zorn\nb,Zörnig\n".encode("latin-1"), "not-utf-8"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_fault(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "clips.csv").write_bytes(content)
    assert [problem.code for problem in faults(check_corpus(tmp_path)) if problem.file == "clips.csv"] == [
        code
    ]


def test_a_folder_that_is_not_there_is_a_fault_and_no_exception(tmp_path: Path) -> None:
    assert [problem.code for problem in check_corpus(tmp_path / "nowhere")] == ["missing-corpus"]


def test_one_class_and_one_speaker_are_told(corpus: Corpus) -> None:
    problems = check_corpus(corpus({n: {"label": "neutral", "speaker_id": "ann"} for n in range(6)}))
    assert {problem.code for problem in problems} == {"one-class", "one-speaker"}


def test_without_decoding_a_cut_file_is_still_found(corpus: Corpus, clip_bytes: dict[str, bytes]) -> None:
    root = corpus()
    (root / "media" / "clip3.mp4").write_bytes(clip_bytes["clip3.mp4"][:-900])
    assert places(check_corpus(root, decode=False)) == {("truncated-media", "clips.csv", 5)}


def test_several_jobs_find_the_same(corpus: Corpus, clip_bytes: dict[str, bytes]) -> None:
    root = corpus({1: {"media": "media/mute.mp4"}})
    (root / "media" / "clip3.mp4").write_bytes(clip_bytes["clip3.mp4"][:-900])
    assert check_corpus(root, jobs=4) == check_corpus(root, jobs=1)
    assert len(check_corpus(root)) == 2


def test_a_file_of_many_clips_is_named_once(corpus: Corpus, clip_bytes: dict[str, bytes]) -> None:
    spans = {n: {"media": "media/clip0.mp4", "start": n / 10, "end": (n + 1) / 10} for n in range(6)}
    root = corpus(spans)
    (root / "media" / "clip0.mp4").write_bytes(clip_bytes["clip0.mp4"][:-900])
    problems = check_corpus(root)
    assert [(problem.code, problem.row) for problem in problems] == [("truncated-media", 2)]
    assert "6 clips use it" in problems[0].message


def test_a_file_in_the_column_video_needs_no_sound(corpus: Corpus) -> None:
    root = corpus()
    clips = pl.read_csv(root / "clips.csv", infer_schema=False)
    own = pl.when(pl.col("clip_id") == "c2")
    clips = clips.with_columns(
        media=own.then(None).otherwise("media"),
        video=own.then(pl.lit("media/mute.mp4")),
        audio=own.then(pl.lit("media/sound.wav")),
    )
    clips.write_csv(root / "clips.csv")
    assert check_corpus(root) == []


def test_sound_in_the_column_video_is_a_fault(corpus: Corpus) -> None:
    root = corpus()
    clips = pl.read_csv(root / "clips.csv", infer_schema=False)
    clips.with_columns(video=pl.when(pl.col("clip_id") == "c2").then(pl.lit("media/sound.wav"))).write_csv(
        root / "clips.csv"
    )
    assert places(check_corpus(root)) == {("no-video-track", "clips.csv", 4)}
