"""`mixedsignals probe`: what is asked, written, kept, repeated and refused."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mixedsignals.api.probing import ask
from mixedsignals.probe_options import PROBES as KINDS
from mixedsignals.probe_options import ProbeOptions, asked_in
from mixedsignals.store import RunFolder
from mixedsignals.tables import PREDICTIONS, PROBES, read_table
from mixedsignals.testing import make_corpus

from .conftest import FAST, Done, edit, one_error, tables, typed

FULL = "text+audio+video"
FEW = ("--partners", "3", "--seed", "5")


@pytest.fixture(scope="module")
def first_probe(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """A probed copy of the run that the tests share, and what was printed."""
    run = Path(shutil.copytree(finished, tmp_path_factory.mktemp("probed") / finished.name))
    done = typed("probe", run, *FEW, "--quiet")
    assert done.code == 0, done.err
    return run, done


@pytest.fixture(scope="module")
def probed(first_probe: tuple[Path, Done]) -> Path:
    """The folder of that run; tests do not change it."""
    return first_probe[0]


@pytest.fixture
def again(probed: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copytree(probed, tmp_path / probed.name))


def labels_of(run: Path) -> pl.DataFrame:
    return tables(run)["targets"].select("clip_id", "label")


class TestAnswers:
    def test_tables_are_as_declared(self, probed: Path) -> None:
        for table in (PROBES, PREDICTIONS):
            assert read_table(table, RunFolder(probed).table(table.name)).height
        probes = tables(probed)["probes"]
        kinds = {"plain", "swap", "mismatch", "mute", "noise:20", "noise:10", "noise:0", "shuffled"}
        assert set(probes["probe"]) == kinds
        second = tomllib.loads((probed / "run.toml").read_text()).get("second", {})
        assert set(probes["source"]) == {"fusion", *filter(None, [second.get("source")])}
        sums = (
            probes.filter(pl.col("probe") != "shuffled")
            .group_by(PROBES.key[:-1])
            .agg(pl.col("probability").sum())
        )
        assert sums["probability"].is_between(1 - 1e-6, 1 + 1e-6).all()

    def test_plain_is_what_the_run_predicted(self, probed: Path) -> None:
        found = tables(probed)
        plain = found["probes"].filter(probe="plain")
        assert plain["modality"].unique().to_list() == [FULL]
        keys = ["seed", "clip_id", "source", "label"]
        both = plain.join(found["predictions"].filter(given=FULL), on=keys, suffix="_run")
        assert both.height == plain.height
        assert (both["probability"] - both["probability_run"]).abs().max() < 1e-5

    def test_partners_have_another_label_and_the_same_fold(self, probed: Path) -> None:
        found = tables(probed)
        swaps = found["probes"].filter(probe="swap").select("clip_id", "modality", "donor_id").unique()
        assert swaps.group_by("clip_id", "modality").len()["len"].unique().to_list() == [3]
        known = labels_of(probed).join(found["splits"].filter(role="test"), on="clip_id")
        known = known.join(found["clips"].select("clip_id", "speaker_id"), on="clip_id")
        pairs = swaps.join(known, on="clip_id").join(known, left_on="donor_id", right_on="clip_id")
        assert pairs.height == swaps.height
        assert (pairs["label"] != pairs["label_right"]).all()
        assert (pairs["fold"] == pairs["fold_right"]).all()
        assert (pairs["speaker_id"] == pairs["speaker_id_right"]).all()  # every speaker has enough of both

    def test_mismatches_have_the_same_label(self, probed: Path) -> None:
        pairs = tables(probed)["probes"].filter(probe="mismatch").select("clip_id", "donor_id").unique()
        known = labels_of(probed)
        both = pairs.join(known, on="clip_id").join(known, left_on="donor_id", right_on="clip_id")
        assert both.height == pairs.height
        assert (both["label"] == both["label_right"]).all()

    def test_every_subset_is_predicted_in_every_way(self, probed: Path) -> None:
        found = tables(probed)["predictions"]
        asked = found.filter(pl.col("source").str.contains("~"))
        assert set(asked["source"]) >= {"fusion~token", "fusion~resampled"}
        fewer = {"text", "audio", "video", "text+audio", "text+video", "audio+video"}
        for source in asked["source"].unique():
            own = asked.filter(source=source)
            assert set(own["given"]) >= fewer
            assert own.filter(given="audio")["clip_id"].n_unique() == 120

    def test_what_carries_nothing_moves_nothing_and_what_carries_moves(self, probed: Path) -> None:
        # The second fusion: it is solved for, and does not hang on the few epochs of this run.
        second = tables(probed)["probes"].filter(pl.col("source") != "fusion")
        swaps, plain = (second.filter(probe=probe) for probe in ("swap", "plain"))
        donors = labels_of(probed).rename({"clip_id": "donor_id", "label": "theirs"})
        moved = swaps.join(donors, on="donor_id").filter(pl.col("label") == pl.col("theirs"))
        moved = moved.join(
            plain.select("seed", "clip_id", "label", before="probability"), on=["seed", "clip_id", "label"]
        )
        by = dict(
            moved.group_by("modality").agg((pl.col("probability") - pl.col("before")).mean()).iter_rows()
        )
        assert by["audio"] > 0.2
        assert by["video"] > 0.1
        assert abs(by["text"]) < 0.1

    def test_the_models_the_ordinary_sources_and_their_numbers_stay(
        self, probed: Path, finished: Path
    ) -> None:
        before, after = (tables(run)["predictions"].drop("calibrated") for run in (finished, probed))
        kept = after.join(before, on=PREDICTIONS.key, how="semi")
        assert kept.equals(before)
        accuracy = pl.col("measure").is_in(["accuracy", "macro_f1", "disagreement_rate"])
        before, after = (tables(run)["estimates"].filter(accuracy) for run in (finished, probed))
        assert after.equals(before)


class TestPrinted:
    def test_a_table_and_the_place_of_the_report(self, first_probe: tuple[Path, Done]) -> None:
        run, done = first_probe
        for modality in ("text", "audio", "video"):
            assert re.search(rf"^fusion +{modality} .*\[-?\d\.\d+, -?\d\.\d+\]", done.out, re.MULTILINE)
        assert "follow rate" in done.out
        assert str(run / "report" / "index.html") in done.out

    def test_as_json(self, again: Path) -> None:
        done = typed("probe", again, "--probe", "mute", "--no-report", "--json", "--quiet")
        told = json.loads(done.out)
        assert told["asked"][-1]["probes"] == ["mute"]
        assert {row["modality"] for row in told["dominance"]} == {"text", "audio", "video"}


class TestAgain:
    def test_the_same_call_gives_the_same_tables(self, again: Path) -> None:
        before = tables(again)
        assert typed("probe", again, "--quiet", "--no-report").code == 0
        after = tables(again)
        assert set(after) == set(before)
        for name, table in before.items():
            assert after[name].equals(table), name
        assert len(tomllib.loads((again / "run.toml").read_text())["probe"]) == 1

    def test_the_manifest_repeats_the_probes_too(self, probed: Path, tmp_path: Path) -> None:
        out = tmp_path / probed.name
        done = typed("run", probed / "run.toml", "--out", out, "--media", "none", "--quiet")
        assert done.code == 0, done.err
        for name in ("probes", "predictions", "estimates"):
            assert tables(out)[name].equals(tables(probed)[name]), name

    def test_one_probe_replaces_its_own_rows_only(self, again: Path) -> None:
        before = tables(again)["probes"].sort(PROBES.key)
        ask(again, [ProbeOptions(probes=("noise",), snr=(5,), sources=("fusion",))])
        written = tables(again)["probes"]
        after = written.sort(PROBES.key)
        kinds = {"plain", "swap", "mismatch", "mute", "noise:5", "shuffled"}
        assert set(after.filter(source="fusion")["probe"]) == kinds
        for same in (~pl.col("probe").str.starts_with("noise"), pl.col("source") != "fusion"):
            assert after.filter(same).equals(before.filter(same))
        asked = asked_in(RunFolder(again).read_manifest())
        assert [one.probes for one in asked] == [tuple(KINDS), ("noise",)]
        # All of that again, in that order, is the same.
        ask(again, asked)
        assert tables(again)["probes"].equals(written)
        assert asked_in(RunFolder(again).read_manifest()) == asked

    def test_seeds_choose_partners(self, again: Path) -> None:
        pairs = ["clip_id", "modality", "donor_id"]
        before = tables(again)["probes"].filter(probe="swap").select(pairs).unique()
        ask(again, [ProbeOptions(probes=("swap",), partners=3, seed=6)])
        after = tables(again)["probes"].filter(probe="swap").select(pairs).unique()
        assert 0 < after.join(before, on=pairs, how="semi").height < before.height


class TestRefused:
    def test_no_run_and_predictions_alone(self, tmp_path: Path) -> None:
        assert "run.toml" in one_error(typed("probe", tmp_path / "none"), 1)
        (tmp_path / "p.csv").write_text(
            "clip_id,source,label,probability\n"
            + "".join(
                f"{clip},{source},{label},0.5\n"
                for clip in "abcd"
                for source in ("text", "fusion")
                for label in "xy"
            )
        )
        alone = tmp_path / "alone"
        assert typed("diagnose", "-p", tmp_path / "p.csv", "--out", alone, "-q").code == 0
        assert "no trained models" in one_error(typed("probe", alone), 1)

    def test_models_that_are_lost(self, again: Path) -> None:
        shutil.rmtree(again / "models")
        assert "has lost its models" in one_error(typed("probe", again), 1)

    def test_a_corpus_that_was_moved_and_one_that_has_changed(
        self, probed: Path, corpus: Path, tmp_path: Path
    ) -> None:
        run = Path(shutil.copytree(probed, tmp_path / probed.name))
        moved = Path(shutil.copytree(corpus, tmp_path / "moved"))
        text = (run / "run.toml").read_text()
        (run / "run.toml").write_text(text.replace(str(corpus), str(tmp_path / "gone")))
        assert "say with --corpus where it lies" in one_error(typed("probe", run, "--no-report"), 1)
        done = typed("probe", run, "--probe", "mute", "--corpus", moved, "--no-report", "-q")
        assert done.code == 0, done.err
        features = next((moved / "features").glob("audio.*"))
        other = pl.read_parquet(features)
        other.with_columns(pl.col(pl.Float32, pl.Float64) + 1).write_parquet(features)
        error = one_error(typed("probe", run, "--corpus", moved, "--no-report"), 1)
        assert "the audio embeddings of this run are not those that the heads learned from" in error

    def test_options_that_make_no_sense(self, probed: Path) -> None:
        assert "this run has fusion" in one_error(typed("probe", probed, "--source", "text"), 2)
        for wrong in (
            ("--partners", "0"),
            ("--snr", "loud"),
            ("--snr", "nan"),
            ("--probe", "smell"),
            ("--seed", "-1"),
        ):
            assert typed("probe", probed, *wrong).code == 2, wrong


def made_run(folder: Path, spoil: Callable[[Path], None] = lambda _: None, **plan: Any) -> Path:
    """A run of a small corpus of its own, spoiled before it is fitted."""
    corpus, out = folder / "corpus", folder / "run"
    make_corpus(corpus, **{"n_clips": 48, "n_speakers": 6, "seed": 2, "n_raters": None} | plan)
    spoil(corpus)
    done = typed("fit", corpus, "--out", out, *FAST[:-2], "--second", "product", "-q")
    assert done.code == 0, done.err
    return out


def asked_of(run: Path) -> pl.DataFrame:
    """Everything asked, without the finder's null, which says nothing of labels."""
    ask(run, [ProbeOptions(partners=4)])
    return tables(run)["probes"]


class TestOtherCorpora:
    def test_one_modality_has_nothing_to_follow(self, tmp_path: Path) -> None:
        run = made_run(tmp_path, strength={"audio": 2.0})
        before = tables(run)
        assert "learned from audio alone" in one_error(typed("probe", run), 3)
        assert tables(run).keys() == before.keys()

    def test_two_modalities(self, tmp_path: Path) -> None:
        run = made_run(tmp_path, strength={"audio": 2.0, "video": 2.0})
        found = asked_of(run)
        assert set(found["modality"]) == {"audio", "video", "audio+video"}
        assert set(found["source"]) == {"fusion", "product"}
        done = typed("probe", run, "-q", "--no-report")
        assert done.code == 0, done.err
        assert re.search(r"^product +video +", done.out, re.MULTILINE)

    def test_a_modality_that_half_of_the_clips_lack(self, tmp_path: Path) -> None:
        run = made_run(tmp_path, missing={"audio": 0.5})
        having = set(pl.read_parquet(tmp_path / "corpus" / "features" / "audio.parquet")["clip_id"])
        assert 10 < len(having) < 38
        found = asked_of(run)
        changed = found.filter(pl.col("probe") != "plain", pl.col("modality") == "audio")
        assert set(changed["clip_id"]) <= having
        assert set(changed["donor_id"].drop_nulls()) <= having
        others = found.filter(probe="swap", modality="video")
        assert others["clip_id"].n_unique() == 48
        assert not set(others["donor_id"]) <= having

    def test_nobody_knows_who_speaks(self, tmp_path: Path) -> None:
        found = asked_of(made_run(tmp_path, n_speakers=None))
        assert (
            found.filter(probe="swap").group_by("modality").agg(pl.col("clip_id").n_unique())["clip_id"].min()
            == 48
        )

    def test_a_label_with_a_single_clip_cannot_be_learned(self, tmp_path: Path) -> None:
        with pytest.raises(AssertionError, match="no training clip labelled odd"):
            made_run(tmp_path, lambda corpus: odd_clips(corpus, 1))

    def test_a_label_with_a_single_tested_clip(self, tmp_path: Path) -> None:
        def spoil(corpus: Path) -> None:
            odd_clips(corpus, 2)
            speakers = pl.read_csv(corpus / "clips.csv").select(
                "clip_id", rank=pl.col("speaker_id").rank("dense")
            )
            role = pl.when(pl.col("rank") == 1).then(pl.lit("test"))
            role = role.when(pl.col("rank") == 3).then(pl.lit("tune")).otherwise(pl.lit("train"))
            speakers.select("clip_id", fold=pl.lit(0), role=role).write_csv(corpus / "splits.csv")

        run = made_run(tmp_path, spoil)
        found = asked_of(run)
        odd = labels_of(run).join(tables(run)["splits"].filter(role="test"), on="clip_id").filter(label="odd")
        swaps, mismatches = (found.filter(probe=probe) for probe in ("swap", "mismatch"))
        assert set(odd["clip_id"]) <= set(swaps["clip_id"]) & set(swaps["donor_id"])
        assert not set(odd["clip_id"]) & set(mismatches["clip_id"])
        done = typed("diagnose", run, "--media", "none", "-q")
        assert done.code == 0, done.err


def odd_clips(corpus: Path, count: int) -> None:
    """Label the first clip of the first speakers `odd`."""
    toml = corpus / "corpus.toml"
    toml.write_text(toml.read_text().replace("labels = [", 'labels = [\n    "odd",'))
    (corpus / "votes.csv").unlink()
    first = (
        pl.read_csv(corpus / "clips.csv")
        .sort("speaker_id")
        .unique("speaker_id", keep="first")
        .sort("speaker_id")
    )
    chosen = pl.col("clip_id").is_in(first["clip_id"].head(count).to_list())
    label = pl.when(chosen).then(pl.lit("odd")).otherwise("label").alias("label")
    edit(corpus / "targets.csv", lambda table: table.with_columns(label))
