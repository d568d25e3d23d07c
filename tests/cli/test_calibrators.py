"""A diagnosed run leaves calibrators for new clips beside its models, and predictions of new clips use them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mixedsignals import api
from mixedsignals.api.calibrators import calibrated_column, load_calibrators, save_calibrators
from mixedsignals.labels import MODALITIES, Labels
from mixedsignals.measures.calibration import Calibrator
from mixedsignals.testing import make_corpus

KEY = ["clip_id", "source", "given"]


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips like those of the corpus that the run has never seen."""
    folder = tmp_path_factory.mktemp("made") / "others"
    make_corpus(folder, n_clips=12, n_speakers=3, strength={"text": 0.0, "audio": 2.5, "video": 2.0}, seed=9)
    clips = pl.read_csv(folder / "clips.csv", infer_schema=False)
    clips.with_columns(("new-" + pl.col("clip_id")).alias("clip_id")).write_csv(folder / "clips.csv")
    for path in (folder / "features").iterdir():
        table = pl.read_parquet(path)
        table.with_columns(("new-" + pl.col("clip_id")).alias("clip_id")).write_parquet(path)
    for name in ("votes", "targets", "splits"):
        for path in folder.glob(f"{name}.*"):
            path.unlink()
    return folder


def test_new_clips_are_predicted_raw_and_calibrated(finished: Path, others: Path) -> None:
    made = api.predict(finished, others).predictions
    assert made["calibrated"].null_count() == 0
    sums = made.group_by(KEY).agg(pl.col("probability", "calibrated").sum())
    assert np.allclose(sums["probability"], 1)
    assert np.allclose(sums["calibrated"], 1)
    written = json.loads((finished / "models" / "calibrators.json").read_text(encoding="utf-8"))
    slope = {(row["source"], row["given"]): row["slope"][0] for row in written["calibrators"]}
    for (source, given), part in made.partition_by("source", "given", as_dict=True).items():
        raised = part.with_columns(pl.col("probability") ** slope[str(source), str(given)])
        shares = raised.with_columns(pl.col("probability") / pl.col("probability").sum().over("clip_id"))
        assert np.allclose(shares["probability"], part["calibrated"], atol=1e-5)


def test_a_temperature_changes_no_label(finished: Path, others: Path) -> None:
    made = api.predict(finished, others).predictions
    assert labels_by(made, "calibrated") == labels_by(made, "probability")


def labels_by(made: pl.DataFrame, column: str) -> dict[tuple[str, ...], str]:
    """The most probable label of each clip and source."""
    ordered = made.sort(column, descending=True, maintain_order=True)
    best = ordered.unique(KEY, keep="first", maintain_order=True)
    return dict(zip(best.select(KEY).iter_rows(), best["label"], strict=True))


def test_clips_of_the_run_have_what_was_calibrated_out_of_fold(finished: Path, corpus: Path) -> None:
    made = api.predict(finished, corpus).predictions
    assert made["calibrated"].null_count() == 0
    largest = made.group_by(KEY).agg(pl.col("calibrated").max())
    held = pl.read_parquet(finished / "tables" / "scores.parquet").filter(measure="confidence")
    fullest = pl.when(pl.col("source").is_in(MODALITIES)).then("source").otherwise(pl.lit("text+audio+video"))
    joined = held.with_columns(fullest.alias("given")).join(largest, on=KEY)
    assert len(joined) == held.height == 5 * 120
    assert np.allclose(joined["calibrated"], joined["value"], atol=1e-5)


def test_a_run_without_calibrators_predicts_raw_probabilities(
    finished: Path, others: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    (run / "models" / "calibrators.json").unlink()
    made = api.predict(run, others).predictions
    assert made["calibrated"].null_count() == made.height
    assert made["probability"].null_count() == 0
    api.diagnose_run(run)
    assert api.predict(run, others).predictions["calibrated"].null_count() == 0


def test_calibrators_survive_the_disk_and_are_refused_for_other_labels(tmp_path: Path) -> None:
    labels = Labels(("a", "b", "c"))
    kept = {("audio", "audio"): Calibrator(np.array([0.5, 0.5, 0.5]), np.array([0.0, 0.1, -0.1]))}
    save_calibrators(kept, labels, tmp_path)
    found = load_calibrators(labels, tmp_path)
    assert found.keys() == kept.keys()
    assert np.array_equal(found["audio", "audio"].shift, kept["audio", "audio"].shift)
    assert load_calibrators(Labels(("c", "b", "a")), tmp_path) == {}
    save_calibrators({}, labels, tmp_path)
    assert load_calibrators(labels, tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_rows_keep_their_order_and_sources_without_a_calibrator_stay_raw() -> None:
    labels = Labels(("a", "b"))
    rows = [("y", "b", 0.2), ("x", "a", 0.9), ("y", "a", 0.8), ("x", "b", 0.1)]
    one = pl.DataFrame(rows, schema=["clip_id", "label", "probability"], orient="row")
    both = pl.concat(
        [one.with_columns(pl.lit(s).alias("source"), pl.lit(s).alias("given")) for s in ("audio", "own")]
    )
    halved = {("audio", "audio"): Calibrator(np.full(2, 0.5), np.zeros(2))}
    made = calibrated_column(both, halved, labels, own=set())
    assert made.drop("calibrated").equals(both)
    assert made["calibrated"][:4].round(3).to_list() == [0.333, 0.75, 0.667, 0.25]
    assert made["calibrated"][4:].null_count() == 4
