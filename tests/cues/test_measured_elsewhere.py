"""Action units and other cues from files: joined by id, averaged over frames, and refused where they do not fit."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from mixedsignals.cues import read_measured
from mixedsignals.errors import InputError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_is_joined_by_id_whatever_its_order_and_empty_cells_leave_no_row(tmp_path: Path) -> None:
    file = write(tmp_path / "au.csv", "clip,AU12_r,AU12_c\nb,1.5,0.5\na,0.5,\nz,9,9\n")
    table, absent = read_measured(file, ["a", "b", "c"])
    assert table.rows() == [
        ("a", "AU12_r", "video", 0.5, "intensity 0 to 5"),
        ("b", "AU12_r", "video", 1.5, "intensity 0 to 5"),
        ("b", "AU12_c", "video", 0.5, "share of frames"),
    ]
    assert [(one.clip_id, one.reason) for one in absent] == [("c", "au.csv has no row for it")]


def test_ids_keep_their_zeros(tmp_path: Path) -> None:
    table, absent = read_measured(
        write(tmp_path / "x.csv", "clip_id,valence\n0012,0.25\n"), ["0012"], modality="audio"
    )
    assert table.row(0)[:4] == ("0012", "valence", "audio", 0.25)
    assert not absent


def test_openface_output_is_averaged_over_frames_with_a_face(tmp_path: Path) -> None:
    head = "frame, timestamp, confidence, success, AU12_r, AU12_c\n"
    write(tmp_path / "a.csv", head + "1,0,.98,1,1.0,1\n2,.04,.98,1,3.0,0\n3,.08,.1,0,9.0,1\n")
    write(tmp_path / "b.csv", head + "1,0,.02,0,9.0,1\n")
    table, absent = read_measured(tmp_path, ["a", "b", "c"])
    assert dict(table.select("cue", "value").iter_rows()) == {"AU12_r": 2.0, "AU12_c": 0.5}
    reasons = {one.clip_id: one.reason for one in absent}
    assert reasons["b"] == "OpenFace found no face"
    assert "no row" in reasons["c"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("clip_id,AU12_r\nx,1\ny,2\n", "other-clips"),
        ("clip_id,AU12_r\na,1\na,2\n", "repeated-clip"),
        ("clip_id,AU12_r\na,high\n", "not-a-number"),
        ("file,AU12_r\na,1\n", "missing-column"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        read_measured(write(tmp_path / "au.csv", text), ["a", "b"])
    assert [problem.code for problem in caught.value.problems] == [code]
    assert all(problem.remedy for problem in caught.value.problems)


def test_a_file_that_is_not_there_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    for name, code in (("no.csv", "missing-cues"), ("table.xlsx", "unreadable-cues")):
        if name.endswith("xlsx"):
            (tmp_path / name).write_bytes(b"x")
        with pytest.raises(InputError) as caught:
            read_measured(tmp_path / name, ["a"])
        assert caught.value.problems[0].code == code


@pytest.mark.realdata
def test_the_action_units_of_ravdess_are_those_of_the_file(realdata: Path) -> None:
    file = realdata / "ravdess" / "openface_au.csv"
    wide = pl.read_csv(file, schema_overrides={"clip": pl.String})
    table, absent = read_measured(file, wide["clip"])
    assert not absent
    assert table["cue"].n_unique() == 35
    back = table.pivot(on="cue", index="clip_id", values="value").rename({"clip_id": "clip"})
    assert back.select(wide.columns).equals(wide.with_columns(pl.col(wide.columns[1:]).cast(pl.Float64)))
