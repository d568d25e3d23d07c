"""Tables at the door: anything legal comes in unchanged, and every fault is named at once with its row."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Labels
from mixedsignals.tables import (
    CLIPS,
    PREDICTIONS,
    SPLITS,
    TABLES,
    TARGETS,
    VOTES,
    Table,
    conform,
    examine,
    read_table,
    write_table,
)


def faults(table: Table, data: Any, **options: Any) -> list[Problem]:
    return examine(table, data, **options)[1]


ROWS = {
    "clip_id": ["0012", "b"],
    "speaker_id": ["7", None],
    "label": ["x", "y"],
    "start": [0.5, None],
    "mood": ["m", "n"],
}


@pytest.mark.parametrize(
    "make",
    [pl.DataFrame, lambda rows: pl.DataFrame(rows).lazy(), pd.DataFrame, pa.table, dict],
    ids=["polars", "lazy", "pandas", "arrow", "dict"],
)
def test_the_same_table_from_every_library(make: Any) -> None:
    frame = conform(CLIPS, make(ROWS))
    assert frame["clip_id"].to_list() == ["0012", "b"]
    assert frame["speaker_id"].to_list() == ["7", None]
    assert frame["start"].to_list() == [0.5, None]
    assert frame.columns == [*CLIPS.schema, "mood"]


def test_categories_become_strings_and_nan_of_pandas_is_missing() -> None:
    data = pd.DataFrame({"clip_id": pd.Categorical(["a", "b"]), "start": [np.nan, 1.0]})
    frame = conform(CLIPS, data)
    assert frame.schema["clip_id"] == pl.String
    assert frame["start"].to_list() == [None, 1.0]


def test_every_fault_at_once_with_its_row() -> None:
    data = {
        "clip_id": ["a", "a", None, "d", "e"],
        "fold": ["0", "0", "1", "1.5", "-1"],
        "role": ["train", "train", "test", "tune", "learn"],
    }
    found = {(p.code, p.row) for p in faults(SPLITS, data, source="splits.csv")}
    expected = {
        ("duplicate-id", 3),
        ("missing-value", 4),
        ("not-a-value", 5),
        ("out-of-range", 6),
        ("illegal-value", 6),
    }
    assert expected <= found
    assert all(p.file == "splits.csv" and p.remedy for p in faults(SPLITS, data, source="splits.csv"))


def test_one_wrong_row_of_ten_thousand() -> None:
    n = 10_000
    data = {"clip_id": [f"c{i}" for i in range(n)], "label": ["x"] * 6_000 + ["z"] + ["y"] * 3_999}
    [problem] = faults(CLIPS, data, labels=Labels(("x", "y")))
    assert (problem.code, problem.row, problem.clip_id) == ("unknown-label", 6_002, "c6000")


def test_missing_and_unknown_columns_are_named() -> None:
    found = faults(TARGETS, {"clip": ["a"], "label": ["x"]})
    assert [p.code for p in found if p.code in {"missing-column", "unknown-column"}] == [
        "missing-column",
        "unknown-column",
    ]
    assert "clip_id, share" in found[0].message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.01, 1.01, "seventy"])
def test_what_is_no_probability(value: object) -> None:
    row = {"run_id": "r", "seed": 0, "clip_id": "a", "source": "s", "given": "unknown", "label": "x"}
    found = faults(PREDICTIONS, [{**row, "probability": value}])
    assert [p for p in found if p.row == 2]
    with pytest.raises(InputError):
        conform(PREDICTIONS, [{**row, "probability": value}])


def test_ids_that_were_read_as_floats_are_refused() -> None:
    assert [p.code for p in faults(CLIPS, {"clip_id": [12.0, 13.0]})] == ["not-a-value", "not-a-value"]


def test_an_unknown_given_is_named() -> None:
    [problem] = faults(VOTES, {"clip_id": ["a"], "given": ["smell"], "label": ["x"]})
    assert problem.code == "unknown-given"
    assert "text+audio+video" in problem.message


def test_bare_anonymous_votes_are_counted_and_nothing_is_lost() -> None:
    votes = conform(VOTES, {"clip_id": ["a", "a", "a"], "given": ["audio"] * 3, "label": ["x", "y", "x"]})
    assert votes.select("label", "count").rows() == [("x", 2), ("y", 1)]


def test_only_an_empty_cell_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    path.write_text("clip_id,speaker_id,transcript\n0012,NA,null\n007,,\n", encoding="utf-8")
    frame = read_table(CLIPS, path)
    assert frame.select("clip_id", "speaker_id", "transcript").rows() == [
        ("0012", "NA", "null"),
        ("007", None, None),
    ]


def test_csv_byte_order_mark_and_gzip(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbfclip_id\na\n"))
    assert read_table(CLIPS, path)["clip_id"].to_list() == ["a"]


@pytest.mark.parametrize(
    ("content", "code", "row"),
    [
        (b"clip_id\nok\nna\xefve\n", "not-utf-8", 3),
        (b"", "empty-file", None),
        (b"clip_id\na,b\nc,d,e\n", "ragged-row", 2),
        (b"clip_id,label\na,x\nb\n", "ragged-row", 3),
        (b'clip_id,label\na,x\nb,"y\nc,x\n', "unreadable-table", 3),
        (b"clip_id,label,label\na,x,y\n", "repeated-column", 1),
        (b"clip_id,,\na,x,y\n", "unnamed-column", 1),
    ],
)
def test_unreadable_csv(tmp_path: Path, content: bytes, code: str, row: int | None) -> None:
    path = tmp_path / "clips.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_table(CLIPS, path)
    assert (caught.value.problems[0].code, caught.value.problems[0].row) == (code, row)


def test_every_ragged_row_is_named_as_a_spreadsheet_counts(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    path.write_text('clip_id,transcript\na,"two\nlines, one cell"\nb\nc,x\nd,x,y\n', encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_table(CLIPS, path)
    assert [(p.code, p.row) for p in caught.value.problems] == [("ragged-row", 3), ("ragged-row", 5)]


@pytest.mark.parametrize(
    "content",
    [
        "clip_id,label\na,x\nb,y\n",
        "\ufeffclip_id;label\r\na;x\r\nb;y\r\n",
        "clip_id\tlabel\na\tx\nb\ty\n",
        "clip_id,label\ra,x\rb,y\r",
        "clip_id , label\na,x\nb,y\n,\n,\n",
        'clip_id,"label"\n"a","x"\n"b",y',
    ],
)
def test_tables_as_spreadsheets_write_them(tmp_path: Path, content: str) -> None:
    (tmp_path / "clips.csv").write_bytes(content.encode())
    assert read_table(CLIPS, tmp_path / "clips.csv").select("clip_id", "label").rows() == [
        ("a", "x"),
        ("b", "y"),
    ]


def test_a_semicolon_in_a_cell_is_no_separator(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_text("clip_id,transcript\na,well; yes\n", encoding="utf-8")
    assert read_table(CLIPS, tmp_path / "clips.csv")["transcript"].to_list() == ["well; yes"]


def test_a_damaged_gzip_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv.gz"
    path.write_bytes(gzip.compress(b"clip_id\n" + bytes(range(97, 123)) * 40)[:-9])
    with pytest.raises(InputError) as caught:
        read_table(CLIPS, path)
    assert caught.value.problems[0].code == "unreadable-table"


def test_a_damaged_parquet_and_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "clips.parquet").write_bytes(b"PAR1 nothing")
    for name, code in (("clips.parquet", "unreadable-table"), ("absent.csv", "missing-file")):
        with pytest.raises(InputError) as caught:
            read_table(CLIPS, tmp_path / name)
        assert caught.value.problems[0].code == code


def test_repeats_are_named_wherever_they_lie() -> None:
    rows = [{"clip_id": f"c{i % 4998:04d}", "label": "b", "share": 1.0} for i in range(5000)]
    with pytest.raises(InputError) as error:
        conform(TARGETS, rows)
    assert [(p.code, p.row, p.clip_id) for p in error.value.problems] == [
        ("duplicate-id", 5000, "c0000"),
        ("duplicate-id", 5001, "c0001"),
    ]


def test_a_table_written_here_is_read_as_it_is_and_any_other_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "targets.parquet"
    frame = conform(TARGETS, [{"clip_id": c, "label": "a", "share": 0.5} for c in "xyz"])
    write_table(TARGETS, frame, path, checked=True)
    assert read_table(TARGETS, path).equals(frame)
    some = read_table(TARGETS, path, columns=["clip_id"], where=pl.col("clip_id") > "x")
    assert some.to_dicts() == [{"clip_id": "y"}, {"clip_id": "z"}]
    with pytest.raises(InputError, match="label"):
        read_table(TARGETS, path, labels=Labels(("b", "c")))
    frame.with_columns(pl.lit(7.0).alias("share")).write_parquet(path)
    with pytest.raises(InputError, match="share is 7"):
        read_table(TARGETS, path)
    mark = {"mixedsignals.table": "targets", "mixedsignals.schema_version": "1"}
    frame.drop("label").write_parquet(path, metadata=mark)
    with pytest.raises(InputError, match="no column label"):
        read_table(TARGETS, path)


def test_parquet_states_its_table_and_schema_version(tmp_path: Path) -> None:
    path = tmp_path / "targets.parquet"
    write_table(TARGETS, pl.DataFrame({"clip_id": ["a"], "label": ["x"], "share": [1.0]}), path)
    metadata = pl.read_parquet_metadata(path)
    assert metadata["mixedsignals.table"] == "targets"
    assert metadata["mixedsignals.schema_version"] == "1"


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(TEXT, st.tuples(TEXT, st.floats(0, 1)), min_size=1, max_size=20))
def test_parquet_round_trip_keeps_every_id(
    tmp_path_factory: pytest.TempPathFactory, rows: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("tables") / "targets.parquet"
    frame = pl.DataFrame(
        {
            "clip_id": list(rows),
            "label": [v[0] for v in rows.values()],
            "share": [v[1] for v in rows.values()],
        },
        schema=TARGETS.schema,
    )
    write_table(TARGETS, frame, path)
    assert read_table(TARGETS, path).equals(frame)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_declarations_hold_together(table: Table) -> None:
    assert set(table.key) <= set(table.schema)
    assert all(column.meaning for column in table.columns)
    assert conform(table, table.empty()).schema == table.empty().schema
