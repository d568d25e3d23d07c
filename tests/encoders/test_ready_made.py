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
        ({"AU1": [1.0, float("nan"), 2.0]}, "not-finite", "row 3 (clip '0001'): AU1 is empty or NaN"),
        ({"clip_id": ["0001", "0001", "0012"]}, "several-rows-per-clip", "2 rows for one clip"),
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


def test_no_clip_has_features(tmp_path: Path) -> None:
    path = tmp_path / "f.npz"
    np.savez(path, clip_ids=np.zeros(0, dtype="U1"), values=np.zeros((0, 4)))
    with pytest.raises(InputError, match="has no rows"):
        encode(CLIPS, tmp_path, "audio", "features", features=path)
    nothing = Embeddings((), np.zeros((0, 4), np.float32), Card("audio", "mine", "1", "x", "y"))
    with pytest.raises(CannotFinish, match="None of the 4 clips has audio features"):
        encode(CLIPS, tmp_path, "audio", "features", features=nothing)
