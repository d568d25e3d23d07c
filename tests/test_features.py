"""Ready-made features are joined by id, and say what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mixedsignals.embeddings import Card, Embeddings
from mixedsignals.errors import InputError, Problem
from mixedsignals.features import read_features


def problems_of(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        read_features(path, "video")
    return caught.value.problems


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".npz"])
def test_all_three_kinds_hold_the_same(tmp_path: Path, suffix: str) -> None:
    path, values = tmp_path / f"video{suffix}", np.array([[1.5, -2.0], [0.25, 4.0]])
    frame = pl.DataFrame({"clip_id": ["007", "x"], "u": values[:, 0], "v": values[:, 1]})
    if suffix == ".npz":
        np.savez(path, clip_ids=np.array(["007", "x"]), values=values)
    else:
        frame.write_parquet(path) if suffix == ".parquet" else frame.write_csv(path)
    made = read_features(path, "video")
    assert made.clip_ids == ("007", "x")
    np.testing.assert_array_equal(made.values, values.astype(np.float32))
    assert (made.card.modality, made.card.encoder) == ("video", f"features:video{suffix}")
    assert made.card.revision != read_features(_changed(path), "video").card.revision


def _changed(path: Path) -> Path:
    other = path.with_name(f"other{path.suffix}")
    if path.suffix == ".npz":
        np.savez(other, clip_ids=np.array(["007"]), values=np.zeros((1, 2)))
    else:
        frame = pl.DataFrame({"clip_id": ["007"], "u": [0.0], "v": [0.0]})
        frame.write_parquet(other) if path.suffix == ".parquet" else frame.write_csv(other)
    return other


def test_several_rows_per_clip_and_cells_that_are_no_numbers_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "audio.csv"
    path.write_text("clip_id,f0,f1\na,1,2\nb,nan,2\na,1,3\nc,1,\n,1,1\nd,inf,1\n")
    assert [(p.code, p.row, p.clip_id) for p in problems_of(path)] == [
        ("missing-value", 6, None),
        ("several-rows-per-clip", None, "a"),
        ("not-finite", 3, "b"),
        ("not-finite", 5, "c"),
        ("not-finite", 7, "d"),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("clip,f0\na,1\n", "unreadable-features"),
        ("clip_id,f0,note\na,1,loud\n", "not-a-number"),
        ("clip_id\na\n", "empty-features"),
        ("clip_id,f0\n", "empty-features"),
    ],
)
def test_tables_of_another_form(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "video.csv"
    path.write_text(text)
    assert [p.code for p in problems_of(path)] == [code]


def test_arrays_of_another_form(tmp_path: Path) -> None:
    path = tmp_path / "video.npz"
    for arrays in ({"values": np.eye(2)}, {"clip_ids": np.array(["a"]), "values": np.eye(2)}):
        np.savez(path, **arrays)
        assert [p.code for p in problems_of(path)] == ["unreadable-features"]
    np.savez(path, clip_ids=np.array(["a"], dtype=object), values=np.eye(1))  # would need pickle to be read
    assert [p.code for p in problems_of(path)] == ["unreadable-features"]
    path.write_bytes(b"not an archive")
    assert [p.code for p in problems_of(path)] == ["unreadable-features"]
    assert [p.code for p in problems_of(tmp_path / "gone.npz")] == ["missing-features"]


def test_numbers_too_large_for_a_float32_are_faults(tmp_path: Path) -> None:
    path = tmp_path / "video.parquet"
    pl.DataFrame({"clip_id": ["a"], "f": [1e300]}).write_parquet(path)
    assert [p.code for p in problems_of(path)] == ["not-finite"]


def test_a_column_of_lists_is_one_column_per_place(tmp_path: Path) -> None:
    path, values = tmp_path / "video.parquet", [[1.0, 2.0], [3.0, 4.0]]
    frame = pl.DataFrame({"clip_id": ["a", "b"], "vector": values})
    for dtype in (pl.List(pl.Float64), pl.Array(pl.Float64, 2)):
        frame.cast({"vector": dtype}).write_parquet(path)
        np.testing.assert_array_equal(read_features(path, "video").values, np.array(values, np.float32))
    pl.DataFrame({"clip_id": ["a", "b"], "vector": [[1.0], [1.0, 2.0]]}).write_parquet(path)
    assert [p.code for p in problems_of(path)] == ["ragged-features"]
    frame.with_columns(other=pl.lit(1.0)).write_parquet(path)
    assert [p.code for p in problems_of(path)] == ["not-a-number"]


def test_a_spreadsheet_s_own_separators(tmp_path: Path) -> None:
    path = tmp_path / "video.csv"
    path.write_bytes(b"\xef\xbb\xbfclip_id;f0\r\n007;1.5\r\n")
    assert read_features(path, "video").clip_ids == ("007",)


def test_saved_embeddings_keep_their_card(tmp_path: Path) -> None:
    path = tmp_path / "video.npz"
    card = Card("video", "mine", "1", "last", "mean")
    Embeddings(("a",), np.ones((1, 2), np.float32), card).save(path)
    assert read_features(path, "video").card == card
    with pytest.raises(InputError, match="holds video embeddings and was given for audio"):
        read_features(path, "audio")


@pytest.mark.parametrize("name", ["video.npz", "video.parquet", "video.csv", "video.txt"])
def test_files_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    assert [p.code for p in problems_of(path)] == ["missing-features"]
    path.write_bytes(b"\x93\xff nothing of the kind")
    (problem,) = problems_of(path)
    assert problem.code in ("unreadable-features", "unreadable-table", "not-utf-8")
    assert problem.file == name


def test_thousands_of_wrong_rows_are_named_up_to_a_point(tmp_path: Path) -> None:
    path = tmp_path / "video.parquet"
    pl.DataFrame({"clip_id": [f"c{n}" for n in range(3_000)], "f": [float("nan")] * 3_000}).write_parquet(
        path
    )
    problems = problems_of(path)
    assert len(problems) == 1_001
    assert problems[-1].message.startswith("2000 further rows")
