"""The table of probes as arrays: every row in its place in any order, and what is missing left out and counted."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
import pytest

from mixedsignals.diagnosis import Case, DiagnosisOptions, Evidence, NotApplicable
from mixedsignals.diagnosis.probing import ProbedSource, probed_sources
from mixedsignals.diagnosis.swaps import follow_rate, swaps_of
from mixedsignals.testing import Made, make_evidence, make_probes

PLAN = {"n_clips": 60, "n_speakers": 6, "labels": ("a", "b", "c"), "seeds": (3, 1)}


@pytest.fixture(scope="module")
def made() -> Made:
    return make_evidence(**PLAN)


@pytest.fixture(scope="module")
def probes() -> pl.DataFrame:
    return make_probes(partners=3, media=True, **PLAN)


def case(made: Made, probes: pl.DataFrame | None) -> Case:
    return Case(Evidence(**made.evidence(), probes=probes), DiagnosisOptions())


def one(made: Made, probes: pl.DataFrame) -> ProbedSource:
    (source,) = probed_sources(case(made, probes))
    return source


def test_every_row_of_the_table_is_in_its_place(made: Made, probes: pl.DataFrame) -> None:
    held = case(made, probes.sample(fraction=1.0, shuffle=True, seed=0))
    (source,) = probed_sources(held)
    assert source.name == "fusion"
    assert source.plain.seeds == (1, 3)
    for name, trials in source.of("swap").items():
        for at in (0, 7, len(trials.clip) - 1):
            rows = probes.filter(
                pl.col("probe") == "swap",
                pl.col("modality") == name,
                pl.col("clip_id") == held.clip_ids[int(trials.clip[at])],
                pl.col("donor_id") == held.clip_ids[int(trials.donor[at])],
            ).sort("seed", "label")
            assert trials.probability[:, at].ravel().tolist() == rows["probability"].to_list()
    fusion = held.fusion
    assert fusion is not None
    np.testing.assert_allclose(source.plain.probability, fusion.probability)
    assert (source.plain.predicted == fusion.predicted).all()


def test_modalities_come_in_the_usual_order_and_mute_has_no_donor(made: Made, probes: pl.DataFrame) -> None:
    source = one(made, probes.sort("modality", descending=True))
    assert list(source.of("swap")) == ["text", "audio", "video"]
    assert list(source.of("media:plain")) == ["text+audio+video"]
    assert all((trials.donor == -1).all() for trials in source.of("mute").values())
    assert all((trials.donor >= 0).all() for trials in source.of("mismatch").values())
    assert source.of("freeze") == {}
    assert source.of("swap") is source.of("swap"), "aligned once"


def test_trials_that_a_seed_lacks_are_left_out_and_counted(made: Made, probes: pl.DataFrame) -> None:
    clip = made.clips["clip_id"][0]
    gone = (pl.col("clip_id") == clip) & (pl.col("seed") == 3)
    whole = one(made, probes).of("swap")["audio"]
    swap = one(made, probes.filter(~(gone & (pl.col("probe") == "swap")))).of("swap")["audio"]
    assert (swap.incomplete, len(swap.clip)) == (3, len(whole.clip) - 3)
    plain = one(made, probes.filter(~(gone & (pl.col("probe") == "plain")))).of("swap")["audio"]
    assert (plain.incomplete, len(plain.clip)) == (3, len(whole.clip) - 3)
    assert 0 not in plain.clip


def test_rows_of_unknown_clips_of_other_runs_and_of_the_null_do_not_count(
    made: Made, probes: pl.DataFrame
) -> None:
    clip, donor = made.clips["clip_id"][0], made.clips["clip_id"][1]
    more = pl.concat(
        [
            probes,
            probes.with_columns(run_id=pl.lit("other"), probability=pl.lit(0.5)),
            probes.filter(probe="plain", clip_id=clip).with_columns(
                probe=pl.lit("shuffled"), modality=pl.lit("audio")
            ),
            probes.filter(probe="swap", donor_id=donor).with_columns(donor_id=pl.lit("nobody")),
            probes.filter(clip_id=clip).with_columns(clip_id=pl.lit("nobody")),
        ]
    )
    before, after = one(made, probes), one(made, more)
    assert before.probes == after.probes
    for name, trials in before.of("swap").items():
        np.testing.assert_array_equal(trials.probability, after.of("swap")[name].probability)


def test_a_label_that_is_never_named_has_probability_zero(made: Made, probes: pl.DataFrame) -> None:
    source = one(made, probes.filter(pl.col("label") != "c"))
    assert (source.plain.probability[..., 2] == 0).all()
    assert (source.of("mute")["text"].probability[..., 2] == 0).all()


def test_recordings_are_compared_with_recordings(made: Made, probes: pl.DataFrame) -> None:
    source = one(made, probes)
    assert source.baseline_of("media:mute") is source.media_plain
    assert source.baseline_of("media:plain") is source.plain
    without = one(made, probes.filter(pl.col("probe") != "media:plain"))
    with pytest.raises(NotApplicable, match="'media:plain'"):
        without.of("media:mute")
    without_plain = one(made, probes.filter(pl.col("probe") != "plain"))
    with pytest.raises(NotApplicable, match="nothing to compare"):
        without_plain.of("swap")


def test_two_sources_keep_apart_and_fusion_comes_first(made: Made, probes: pl.DataFrame) -> None:
    second = probes.with_columns(source=pl.lit("conflict"), probability=1.0 / 3)
    first, other = probed_sources(case(made, pl.concat([second, probes])))
    assert (first.name, other.name) == ("fusion", "conflict")
    held = case(made, pl.concat([second, probes]))
    assert follow_rate(held, swaps_of(held, other)).value == 0


def test_it_says_why_there_is_nothing(made: Made, probes: pl.DataFrame) -> None:
    reasons = {
        "mixedsignals probe RUN": None,
        "another run": probes.with_columns(run_id=pl.lit("elsewhere")),
        "other clips": probes.with_columns(clip_id=pl.format("x{}", "clip_id")),
    }
    for words, table in reasons.items():
        with pytest.raises(NotApplicable, match=words):
            probed_sources(case(made, table))


def test_a_million_rows_take_a_few_seconds() -> None:
    plan = {"n_clips": 700, "n_speakers": 20, "labels": tuple("abcdef"), "seeds": (1, 2, 3)}
    table = make_probes(partners=15, noise=(), **plan)
    held = case(make_evidence(**plan), table)
    start = time.perf_counter()
    (source,) = probed_sources(held)
    assert follow_rate(held, swaps_of(held, source)).value > 0
    assert len(table) > 600_000
    assert time.perf_counter() - start < 5
