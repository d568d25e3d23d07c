"""`mixedsignals probe` where encoders learned too: every fold and seed is asked about embeddings of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from encoder_tiny import build
from tuning_lessons import clips_table

from mixedsignals.api.probing import ask
from mixedsignals.errors import InputError
from mixedsignals.probe_options import ProbeOptions

from .conftest import tables, typed


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Text is tuned, sound comes as ready-made features that know the label."""
    folder = tmp_path_factory.mktemp("tuned")
    model, corpus, out = build("roberta", folder / "model"), folder / "corpus", folder / "run"
    (corpus / "features").mkdir(parents=True)
    clips = clips_table()
    clips.write_csv(corpus / "clips.csv")
    random, sign = np.random.default_rng(0), (clips["label"] == "empathetic").to_numpy()
    heard = {f"a{n}": sign + 0.5 * random.normal(size=len(clips)) for n in range(4)}
    pl.DataFrame({"clip_id": clips["clip_id"], **heard}).write_parquet(corpus / "features" / "audio.parquet")
    settings = (
        'name = "small"\nlabels = ["neutral", "empathetic"]\n[features]\naudio = "features/audio.parquet"\n'
    )
    (corpus / "corpus.toml").write_text(settings, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIXEDSIGNALS_CACHE", str(folder / "cache"))
        done = typed(
            "fit", corpus, "--out", out, "--encoders", f"text={model}", "--tune", "last2", "--folds", "2",
            "--seeds", "3", "--epochs", "2", "--threads", "1", "--device", "cpu", "--tune-epochs", "2",
            "--tune-learning-rate", "3e-3", "--tune-inner-folds", "0", "-q",
        )  # fmt: skip
        assert done.code == 0, done.err
        ask(out, [ProbeOptions(partners=2)])
        yield out


def test_every_fold_answers_for_its_own_clips(run: Path) -> None:
    found = tables(run)
    probes = found["probes"]
    fused = set(found["predictions"].filter(given="text+audio", clip_id="c00")["source"])
    assert set(probes["source"]) == {name for name in fused if "~" not in name}
    keys = ["seed", "clip_id", "source", "label"]
    plain = probes.filter(probe="plain").join(
        found["predictions"].filter(given="text+audio"), on=keys, suffix="_run"
    )
    assert plain.filter(source="fusion")["clip_id"].n_unique() == 48
    assert (plain["probability"] - plain["probability_run"]).abs().max() < 1e-4
    folds = found["splits"].filter(role="test").select("clip_id", "fold")
    pairs = probes.filter(probe="swap").select("clip_id", "donor_id").unique()
    both = pairs.join(folds, on="clip_id").join(folds, left_on="donor_id", right_on="clip_id")
    assert both.height == pairs.height == 96
    assert (both["fold"] == both["fold_right"]).all()
    handled = found["predictions"].filter(pl.col("source").str.starts_with("fusion~"))
    counts = handled.group_by("source", "given").agg(pl.col("clip_id").n_unique())
    assert counts["clip_id"].to_list() == [48] * 6


def test_heads_and_tables_of_different_runs_do_not_go_together(run: Path) -> None:
    path = run / "tables" / "predictions.parquet"
    kept = path.read_bytes()
    swapped = pl.read_parquet(path).with_columns(probability=1 - pl.col("probability"))
    swapped.write_parquet(path)
    try:
        with pytest.raises(InputError, match="do not say what its table of predictions says"):
            ask(run, [ProbeOptions(probes=("mute",))])
    finally:
        path.write_bytes(kept)
