"""Ready-made features: every form in which people have them, and every way in which they do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mixedsignals.embeddings import Card, Embeddings
from mixedsignals.encoders import encode, read_features
from mixedsignals.errors import CannotFinish, InputError

IDS = ["0007", "0001", "0012"]
VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)
CLIPS = pl.DataFrame({"clip_id": ["0001", "0002", "0007", "0012"]})


def wide() -> pl.DataFrame:
    return pl.DataFrame({"clip_id": IDS, **{f"AU{at}": VALUES[:, at] for at in range(4)}})


def write(form: str, folder: Path) -> Path:
    path = folder / f"video.{form.partition(' ')[0]}"
    if form == "npz":
        np.savez(path, clip_ids=np.array(IDS), values=VALUES)
    elif form == "npz saved":
        Embeddings(tuple(IDS), VALUES, Card("video", "mine", "1", "last", "mean")).save(path)
    elif form == "parquet lists":
        pl.DataFrame({"clip_id": IDS, "values": VALUES.tolist()}).write_parquet(path)
    elif form == "parquet arrays":
        frame = pl.DataFrame({"clip_id": IDS, "values": VALUES.tolist()})
        frame.cast({"values": pl.Array(pl.Float64, 4)}).write_parquet(path)
    elif form == "parquet":
        wide().write_parquet(path)
    elif form == "csv.gz":
        wide().write_csv(path, compression="gzip")
    else:
        wide().write_csv(path)
    return path


@pytest.mark.parametrize(
    "form", ["npz", "npz saved", "parquet", "parquet lists", "parquet arrays", "csv", "csv.gz"]
)
def test_every_form_is_joined_by_id(form: str, tmp_path: Path) -> None:
    found = encode(CLIPS, tmp_path, "video", "features", features=write(form, tmp_path))
    assert found.embeddings.clip_ids == ("0001", "0007", "0012")
    assert np.array_equal(found.embeddings.values, VALUES[[1, 0, 2]])
    assert [(a.clip_id, a.reason) for a in found.absent] == [("0002", "no video features")]
    card = found.embeddings.card
    assert card.modality == "video"
    assert card.encoder == ("mine" if form == "npz saved" else f"features:video.{form.partition(' ')[0]}")


def test_the_card_holds_the_file_s_digest(tmp_path: Path) -> None:
    path = write("csv", tmp_path)
    first = read_features(path, "video").card
    wide().with_columns(AU0=pl.lit(9.0)).write_csv(path)
    assert read_features(path, "video").card.revision != first.revision


def test_any_modality_and_embeddings_in_memory(tmp_path: Path) -> None:
    given = Embeddings(("0002",), np.ones((1, 2), dtype=np.float32), Card("gaze", "mine", "1", "x", "y"))
    found = encode(CLIPS, tmp_path, "gaze", "features", features=given)
    assert found.embeddings.clip_ids == ("0002",)
    assert len(found.absent) == 3


def fault(frame: pl.DataFrame, folder: Path, name: str = "video.parquet") -> InputError:
    path = folder / name
    frame.write_parquet(path)
    with pytest.raises(InputError) as error:
        encode(CLIPS, folder, "video", "features", features=path)
    assert error.value.problems[0].file == str(path)
    return error.value


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"AU1": [1.0, float("nan"), 2.0]}, "not-finite", "NaN or infinite values for 1 clips: 0001"),
        ({"AU1": [1.0, None, 2.0]}, "not-finite", "0001"),
        ({"AU1": ["a", "b", "c"]}, "not-a-number", "columns that are not numbers: AU1"),
        ({"clip_id": ["0001", "0001", "0012"]}, "duplicate-id", "clip ids more than once: 0001"),
        ({"clip_id": ["0001", None, "0012"]}, "missing-id", "1 rows without clip_id"),
        ({"clip_id": ["0001", "x", "y"]}, "unknown-clip", "2 clips that are not in clips: x, y"),
    ],
)
def test_features_that_do_not_fit(
    change: dict[str, list[object]], code: str, said: str, tmp_path: Path
) -> None:
    error = fault(
        wide().with_columns(**{name: pl.Series(values) for name, values in change.items()}), tmp_path
    )
    assert error.problems[0].code == code
    assert said in str(error)


def test_lists_of_different_lengths(tmp_path: Path) -> None:
    error = fault(pl.DataFrame({"clip_id": IDS, "values": [[1.0], [1.0, 2.0], []]}), tmp_path)
    assert error.problems[0].code == "ragged-features"


def test_a_table_without_ids_or_columns(tmp_path: Path) -> None:
    assert "clip_id and at least one more are needed" in str(fault(wide().drop("clip_id"), tmp_path))
    assert "clip_id and at least one more are needed" in str(fault(wide().select("clip_id"), tmp_path))


@pytest.mark.parametrize("name", ["video.npz", "video.parquet", "video.csv", "video.txt"])
def test_files_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with pytest.raises(InputError, match="is not there"):
        read_features(path, "video")
    path.write_bytes(b"\x93\xff nothing of the kind")
    with pytest.raises(InputError) as error:
        read_features(path, "video")
    assert error.value.problems[0].file == str(path)


def test_an_npz_that_holds_something_else(tmp_path: Path) -> None:
    path = tmp_path / "f.npz"
    np.savez(path, other=VALUES)
    with pytest.raises(InputError, match="holds other; clip_ids and values are needed"):
        read_features(path, "video")
    np.savez(path, clip_ids=np.array(IDS), values=np.array([["a"], ["b"], ["c"]]))
    with pytest.raises(InputError, match="not numbers"):
        read_features(path, "video")
    np.savez(path, clip_ids=np.array(IDS, dtype=object), values=VALUES)
    with pytest.raises(InputError, match="cannot be read"):
        read_features(path, "video")
    np.savez(path, clip_ids=np.array(IDS), values=VALUES[:2])
    with pytest.raises(InputError, match="Give one row per clip"):
        read_features(path, "video")


def test_embeddings_of_another_modality(tmp_path: Path) -> None:
    path = write("npz saved", tmp_path)
    with pytest.raises(InputError, match="holds video embeddings and was given for audio"):
        read_features(path, "audio")


def test_no_clip_has_features(tmp_path: Path) -> None:
    path = tmp_path / "f.npz"
    np.savez(path, clip_ids=np.zeros(0, dtype="U1"), values=np.zeros((0, 4)))
    with pytest.raises(CannotFinish, match="None of the 4 clips has audio features"):
        encode(CLIPS, tmp_path, "audio", "features", features=path)
