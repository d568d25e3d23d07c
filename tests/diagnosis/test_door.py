"""The door for predictions of anyone's own models: what it takes, what it fills in, what it refuses and how."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from mixedsignals.diagnosis.door import predictions_from_frames, read_predictions
from mixedsignals.errors import InputError
from mixedsignals.labels import Labels


def long_rows(source: str = "text", share: float = 0.7, clips: int = 3) -> pl.DataFrame:
    rows = [
        {"clip_id": f"{clip:04}", "source": source, "label": label, "probability": p}
        for clip in range(clips)
        for label, p in (("happy", share), ("sad", 1 - share))
    ]
    return pl.DataFrame(rows)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(frames: dict[str, pl.DataFrame], **options: object) -> InputError:
    with pytest.raises(InputError) as caught:
        predictions_from_frames(frames, **options)  # type: ignore[arg-type]
    return caught.value


def codes(error: InputError) -> set[str]:
    return {problem.code for problem in error.problems}


def test_long_file_needs_only_four_columns_and_keeps_ids_as_text(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", "clip_id,source,label,probability\n0012,text,a,.25\n0012,text,b,.75\n")
    read = read_predictions(path, run_id="mine")
    assert read.labels == Labels(("a", "b"))
    assert read.table["clip_id"].to_list() == ["0012", "0012"]
    assert read.table.select("run_id", "seed", "given").row(0) == ("mine", 0, "text")
    assert read.table["probability"].to_list() == [0.25, 0.75]


def test_wide_files_are_one_model_each_named_after_the_file(tmp_path: Path) -> None:
    one = write(tmp_path, "audio.csv", "clip_id,sad,happy\n1,.5,.5\n2,.1,.9\n")
    two = write(tmp_path, "fusion.csv", "clip_id,sad,happy\n2,.3,.7\n1,.6,.4\n")
    read = read_predictions([one, two])
    assert read.labels.names == ("sad", "happy"), "the order of the columns"
    by_key = {
        (r["source"], r["clip_id"], r["label"]): r["probability"] for r in read.table.iter_rows(named=True)
    }
    assert by_key["fusion", "1", "sad"] == 0.6
    assert by_key["audio", "2", "happy"] == 0.9


def test_what_each_source_was_shown_is_filled_in_as_the_design_says() -> None:
    frames = {name: long_rows(name) for name in ("text", "audio", "late", "resnet")}
    table = predictions_from_frames(frames, fusion="late").table
    given = dict(table.select("source", "given").unique().iter_rows())
    assert given == {"text": "text", "audio": "audio", "late": "text+audio", "resnet": "unknown"}


def test_a_wide_file_read_as_long_gives_the_same_table() -> None:
    long = long_rows()
    wide = long.pivot("label", index=["clip_id", "source"], values="probability")
    key = ["clip_id", "label"]
    first = predictions_from_frames({"x": long}).table.sort(key)
    assert first.equals(predictions_from_frames({"x": wide}).table.sort(key))


def test_rows_that_do_not_sum_to_one_are_named_with_how_far() -> None:
    rows = long_rows()
    rows[3, "probability"] = 0.5
    error = refused({"p.csv": rows})
    (problem,) = error.problems
    assert problem.code == "not-summing-to-one"
    assert "1 of 3 clips" in problem.message
    assert "1.2" in problem.message
    assert (problem.row, problem.clip_id) == (4, "0001")


def test_renormalise_divides_by_the_sum_and_touches_nothing_else() -> None:
    rows = long_rows()
    rows[3, "probability"] = 0.5
    table = predictions_from_frames({"p": rows}, renormalise=True).table
    clip = table.filter(pl.col("clip_id") == "0001")
    assert clip["probability"].to_list() == pytest.approx([0.7 / 1.2, 0.5 / 1.2])
    assert table.filter(pl.col("clip_id") == "0000")["probability"].to_list() == pytest.approx([0.7, 0.3])


def test_logits_are_recognised() -> None:
    rows = long_rows().with_columns(pl.Series("probability", [-1.5, 2.0, 0.1, -0.2, 3.0, 1.0]))
    error = refused({"p.csv": rows})
    assert codes(error) == {"logits"}
    assert "softmax" in str(error)
    assert codes(refused({"p.csv": rows}, renormalise=True)) == {"logits"}


def test_percentages_are_recognised_and_renormalised_on_request() -> None:
    rows = long_rows().with_columns(pl.col("probability") * 100)
    assert codes(refused({"p.csv": rows})) == {"percentages"}
    table = predictions_from_frames({"p.csv": rows}, renormalise=True).table
    assert table["probability"].to_list() == pytest.approx(long_rows()["probability"].to_list())


def test_a_single_number_above_one_is_named_with_its_row() -> None:
    rows = long_rows()
    rows[2, "probability"] = 7.0
    (problem,) = refused({"p.csv": rows}).problems
    assert (problem.code, problem.row, problem.clip_id) == ("not-a-probability", 4, "0001")


def test_labels_that_differ_between_files_are_named_per_file() -> None:
    other = long_rows("audio").with_columns(pl.col("label").replace("happy", "Happy"))
    error = refused({"text": long_rows(), "audio": other})
    assert codes(error) == {"labels-differ"}
    assert len(error.problems) == 2
    assert "Happy" in str(error)


def test_labels_outside_the_list_are_named() -> None:
    error = refused({"p": long_rows()}, labels=["happy", "angry"])
    assert "unknown-label" in codes(error)
    assert "sad" in str(error)


def test_a_label_nobody_predicted_is_a_warning() -> None:
    read = predictions_from_frames({"p": long_rows()}, labels=["happy", "sad", "angry"])
    assert [w.code for w in read.warnings] == ["label-nobody-predicted"]
    assert "angry" in read.warnings[0].message


def test_repeated_keys_and_empty_cells_are_named_with_rows_and_all_at_once() -> None:
    rows = pl.concat([long_rows(), long_rows().head(1)])
    rows = rows.with_columns(
        pl.when(pl.int_range(pl.len()) == 2).then(None).otherwise("label").alias("label")
    )
    error = refused({"p.csv": rows})
    assert {"duplicate-id", "missing-value"} <= codes(error)
    assert {problem.row for problem in error.problems if problem.code == "duplicate-id"} == {8}


def test_a_file_that_appears_twice_is_refused() -> None:
    error = refused({"a": long_rows(), "b": long_rows()})
    assert codes(error) == {"duplicate-id"}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"id": ["1"], "happy": [1.0], "sad": [0.0]}, "no column clip_id"),
        ({"clip_id": ["1"], "happy": [1.0]}, "1 label columns"),
        ({"clip_id": ["1"], "label": ["happy"]}, "no column probability"),
    ],
)
def test_columns_that_will_not_do_are_refused_in_one_sentence(
    columns: dict[str, list[object]], said: str
) -> None:
    error = refused({"p.csv": pl.DataFrame(columns)})
    assert codes(error) == {"missing-column"}
    assert said in str(error)


def test_text_in_place_of_a_number_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "text.csv", "clip_id,a,b\n1,.5,.5\n2,high,.2\n")
    with pytest.raises(InputError) as caught:
        read_predictions(path)
    assert any(problem.row == 3 and "high" in problem.message for problem in caught.value.problems)


def test_no_file_is_an_error() -> None:
    with pytest.raises(InputError, match="No file"):
        read_predictions([])
