"""Ready-made features are joined by id, and say what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mixedsignals.corpus import read_features
from mixedsignals.errors import InputError, Problem


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
    assert (made.card.modality, made.card.encoder, made.card.preprocessing) == (
        "video",
        "features",
        {"columns": 2},
    )
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
