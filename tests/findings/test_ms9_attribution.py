"""MS904 to MS907: who carries decisions, whether handling and gates agree, and what pairs add, on planted corpora."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from finding_helpers import only, rows, value

from mixedsignals.diagnosis import Case, Diagnosis, DiagnosisOptions, Evidence
from mixedsignals.diagnosis.attribution import attributions
from mixedsignals.diagnosis.names import ESTIMATE_NAMES, SCORE_NAMES, expanded
from mixedsignals.diagnosis.places import PLACES, stands
from mixedsignals.tables import GATES, conform
from mixedsignals.testing import Made, make_evidence

ALL = "text+audio+video"
CODES = ("MS904", "MS905", "MS906", "MS907")
LED: dict[str, Any] = {"n_clips": 240, "pairs": True, "strength": {"text": 0.0, "audio": 2.5, "video": 1.0}}


def handled(made: Made, word: str, turn: dict[str, str] | None = None) -> pl.DataFrame:
    """What fusion says by a further handling: as trained on each subset, but for modalities that are exchanged."""
    parts = []
    for given in made.predictions["given"].unique().sort():
        shown = "+".join((turn or {}).get(m, m) for m in given.split("+"))
        shown = "+".join(m for m in ("text", "audio", "video") if m in shown.split("+"))
        own = made.predictions.filter(source="fusion" if "+" in shown else shown, given=shown)
        parts.append(own.with_columns(pl.lit(f"fusion~{word}").alias("source"), pl.lit(given).alias("given")))
    return pl.concat(parts)


def diagnosed(
    made: Made, *codes: str, gates: pl.DataFrame | None = None, more: pl.DataFrame | None = None
) -> Diagnosis:
    tables = made.evidence()
    if more is not None:
        tables["predictions"] = pl.concat([tables["predictions"], more])
    return only(Evidence(**tables, gates=gates), *(codes or CODES))


def main_finding(diagnosis: Diagnosis, code: str, source: str = "fusion") -> dict[str, Any]:
    found = [row for row in rows(diagnosis, code=code) if row["source"] == source and "=" not in row["slice"]]
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="module")
def made() -> Made:
    return make_evidence(**LED)


@pytest.fixture(scope="module")
def led(made: Made) -> Diagnosis:
    return diagnosed(made, more=handled(made, "token"))


def test_the_planted_leader_is_named_with_its_lead(led: Diagnosis) -> None:
    finding = main_finding(led, "MS904")
    assert finding["status"] == "tip"
    assert finding["message"].startswith("Audio carries the decisions of fusion: on average audio ")
    assert "audio is ahead of video by " in finding["message"]
    assert (
        value(led, "shapley_predicted:audio", "fusion")
        > value(led, "shapley_predicted:video", "fusion")
        > 0.2
    )
    assert abs(value(led, "shapley_predicted:text", "fusion")) < 0.05
    gap = value(led, "shapley_predicted_difference:audio", "fusion", "over=video")
    apart = value(led, "shapley_predicted:audio", "fusion") - value(led, "shapley_predicted:video", "fusion")
    assert gap == pytest.approx(apart)
    assert value(led, "flip_rate:audio", "fusion") > value(led, "flip_rate:text", "fusion")


def test_corpus_values_are_means_of_clips_and_sum_to_what_fusion_gains(made: Made, led: Diagnosis) -> None:
    one = attributions(Case(Evidence(**made.evidence()), DiagnosisOptions()))["fusion"]
    gained = (one.values("right")[-1] - one.values("right")[0]).mean()
    added = sum(value(led, f"shapley:{m}", "fusion") for m in ("text", "audio", "video"))
    assert added == pytest.approx(gained)
    scores = led.scores.filter(source="fusion", measure="shapley_predicted:audio")
    np.testing.assert_allclose(one.shapley_own[1].mean(), value(led, "shapley_predicted:audio", "fusion"))
    assert scores["value"].mean() == pytest.approx(one.shapley_predicted[1].mean())
    assert set(led.scores["source"]) == {"fusion", "fusion~token"}


def test_every_row_has_a_declared_name_and_place(led: Diagnosis) -> None:
    of = {name: declared for declared in ESTIMATE_NAMES for name in expanded(declared)}
    for measure, source, where in led.estimates.select("measure", "source", "slice").iter_rows():
        assert stands(PLACES[of[measure]], source, where, fusion="fusion", parts=("text", "audio", "video"))
    assert set(led.scores["measure"]) <= {n for declared in SCORE_NAMES for n in expanded(declared)}


def test_it_fires_for_a_modality_that_misleads() -> None:
    against = make_evidence(**{**LED, "conflict": {"audio": 0.8}})
    found = diagnosed(against, "MS904")
    finding = main_finding(found, "MS904")
    assert finding["status"] == "issue"
    assert finding["message"].startswith("Fusion is less often right for what it takes from audio")
    assert value(found, "shapley:audio", "fusion") < 0


def test_it_says_so_when_nobody_leads() -> None:
    even = make_evidence(n_clips=80, n_speakers=8, strength={"audio": 1.0, "video": 1.0}, seed=3)
    finding = main_finding(diagnosed(even, "MS904"), "MS904")
    assert finding["status"] == "passed"
    assert "cannot be told" in finding["message"]


def test_where_a_modality_carries_more_is_tested_over_all_slices() -> None:
    plan = {**LED, "n_clips": 400, "n_speakers": 40, "labels": ("a", "b")}
    made = make_evidence(**plan)
    louder = made.clips.with_columns(
        take=pl.when(made.clips["clip_id"].str.slice(-1).is_in(["0", "1"]))
        .then(pl.lit("loud"))
        .otherwise(pl.lit("calm"))
    )
    loud = set(louder.filter(take="loud")["clip_id"])
    half = (
        pl.when(pl.col("clip_id").is_in(list(loud)))
        .then(pl.col("probability"))
        .otherwise(0.5 * pl.col("probability") + 0.25)
    )
    told = made.predictions.with_columns(half.alias("probability"))
    evidence = Evidence(**{**made.evidence(), "clips": louder, "predictions": told})
    found = only(evidence, "MS904")
    sliced = {row["slice"] for row in rows(found, code="MS904") if "take=" in row["slice"]}
    assert "take=loud, audio" in sliced
    row = found.estimates.filter(measure="shapley_predicted:audio", slice="take=loud").row(0, named=True)
    assert row["p_adjusted"] < 0.05
    assert row["value"] > value(found, "shapley_predicted:audio", "fusion")


def test_half_of_the_clips_without_a_modality_and_no_speakers() -> None:
    gappy = make_evidence(**{**LED, "missing": {"video": 0.5}, "n_speakers": None})
    finding = main_finding(diagnosed(gappy, "MS904"), "MS904")
    assert finding["status"] == "tip"
    has = gappy.predictions.filter(source="video")["clip_id"].n_unique()
    assert f"{has} clips" in finding["message"]
    assert f"{240 - has} clips that lack a modality are left out" in finding["message"]


def test_one_speaker_gives_values_without_intervals() -> None:
    alone = make_evidence(**{**LED, "n_speakers": 1})
    found = diagnosed(alone)
    assert found.estimates.filter(measure="shapley:audio")["low"].null_count() == 1
    assert "cannot be told" in main_finding(found, "MS904")["message"]


def test_a_second_fusion_is_taken_apart_too(made: Made) -> None:
    second = made.predictions.filter(source="fusion").with_columns(pl.lit("product").alias("source"))
    found = diagnosed(made, "MS904", more=second)
    assert {row["source"] for row in rows(found, code="MS904", slice="all")} == {"fusion", "product"}
    assert value(found, "shapley:audio", "product") == value(found, "shapley:audio", "fusion")


def test_one_complete_handling_is_enough(made: Made) -> None:
    kept = made.predictions.filter(pl.col("given").is_in(["text", "audio", "video", ALL]))
    alone = Evidence(**{**made.evidence(), "predictions": pl.concat([kept, handled(made, "token")])})
    found = only(alone, "MS904", "MS905")
    finding = main_finding(found, "MS904", "fusion~token")
    assert finding["message"].startswith("Audio carries the decisions of fusion")
    assert "by a learned missing token" in finding["message"]
    assert rows(found, code="MS905")[0]["status"] == "not_applicable"


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(
    ("plan", "drop", "reason"),
    [
        ({"n_clips": 40}, None, "fusion says given every subset"),
        ({"n_clips": 40, "strength": {"audio": 1.0}}, None, "No source was given two modalities"),
        (
            {"n_clips": 40, "strength": {"audio": 1.0, "video": 1.0}},
            "predictions",
            "There are no predictions",
        ),
    ],
)
def test_it_says_why_it_cannot_be_told(
    code: str, plan: dict[str, Any], drop: str | None, reason: str
) -> None:
    tables = make_evidence(**plan).evidence()
    if drop:
        tables[drop] = None
    gates = random_gates(make_evidence(**plan)) if code == "MS906" else None
    (finding,) = rows(only(Evidence(**tables, gates=gates), code), code=code)
    assert finding["status"] == "not_applicable"
    assert reason in finding["message"]


def test_fusion_of_unknown_modalities_is_told_how_to_say_them() -> None:
    made = make_evidence(n_clips=30)
    unknown = made.predictions.with_columns(pl.lit("unknown").alias("given")).filter(source="fusion")
    (finding,) = rows(only(Evidence(**{**made.evidence(), "predictions": unknown}), "MS904"), code="MS904")
    assert "column `given`" in finding["message"]


def test_without_targets_decisions_are_still_taken_apart(made: Made) -> None:
    bare = {**made.evidence(), "targets": None, "clips": made.clips.drop("label")}
    found = only(Evidence(**bare), *CODES)
    assert main_finding(found, "MS904")["status"] == "tip"
    measures = set(found.estimates["measure"])
    assert "shapley_predicted:audio" in measures
    assert not any(name.startswith(("shapley:", "shapley_true:", "interaction:")) for name in measures)
    assert rows(found, code="MS907")[0]["status"] == "not_applicable"


def test_handlings_that_agree_are_silent_and_those_that_do_not_are_named(made: Made, led: Diagnosis) -> None:
    (finding,) = rows(led, code="MS905")
    assert finding["status"] == "passed"
    assert value(led, "imputation_agreement:subset~token", "fusion") == 1.0
    turned = diagnosed(made, "MS905", more=handled(made, "resampled", {"audio": "text", "text": "audio"}))
    (finding,) = rows(turned, code="MS905")
    assert finding["status"] == "issue"
    assert "by models trained on each subset audio carries the decisions" in finding["message"]
    assert "by modalities lent by other clips text" in finding["message"]
    assert value(turned, "imputation_agreement:subset~resampled", "fusion") < 0.3
    alone = rows(diagnosed(made, "MS905"), code="MS905")
    assert alone[0]["status"] == "not_applicable"
    assert "one way only" in alone[0]["message"]


def gates_of(made: Made, values: np.ndarray) -> pl.DataFrame:
    """The table of gates and weights from values (M, clips), the same in both seeds, carried into 0 to 1."""
    scaled = 1 / (1 + np.exp(-values))
    parts = [
        made.clips.select("clip_id").with_columns(
            pl.lit(made.run_id).alias("run_id"),
            pl.lit(seed, pl.Int64).alias("seed"),
            pl.lit("fusion").alias("source"),
            pl.lit(ALL).alias("given"),
            pl.lit(modality).alias("modality"),
            pl.Series("gate", scaled[at]),
            pl.Series("weight", scaled[at] / scaled.sum(axis=0)),
        )
        for seed in made.predictions["seed"].unique()
        for at, modality in enumerate(("text", "audio", "video"))
    ]
    return conform(GATES, pl.concat(parts))


def random_gates(made: Made) -> pl.DataFrame:
    return gates_of(made, np.random.default_rng(0).normal(size=(3, made.clips.height)))


@pytest.mark.parametrize(
    ("sign", "status", "words"),
    [
        (1.0, "passed", "The gates of fusion go with what each modality carries"),
        (-1.0, "issue", "The gates of fusion go against what text, audio and video carry"),
        (0.0, "issue", "The gates of fusion do not tell which modality carried a decision"),
    ],
)
def test_gates_are_held_against_values(made: Made, sign: float, status: str, words: str) -> None:
    one = attributions(Case(Evidence(**made.evidence()), DiagnosisOptions()))["fusion"]
    values = one.shapley_predicted.mean(axis=1)
    gates = gates_of(made, sign * values) if sign else random_gates(made)
    found = diagnosed(made, "MS906", gates=gates)
    (finding,) = rows(found, code="MS906", slice="weights=gate")
    assert finding["status"] == status
    assert finding["message"].startswith(words)
    if sign > 0:
        assert value(found, "gate_rank:audio", "fusion") > 0.9
        assert value(found, "gate_names_dominant", "fusion") > 0.9


def test_gates_that_tell_of_some_modalities_alone_say_of_which(made: Made) -> None:
    one = attributions(Case(Evidence(**made.evidence()), DiagnosisOptions()))["fusion"]
    values = one.shapley_predicted.mean(axis=1) * np.array([-1.0, 1.0, 0.0])[:, None]
    values[2] = np.random.default_rng(5).normal(size=values.shape[1])
    (finding,) = rows(
        diagnosed(made, "MS906", gates=gates_of(made, values)), code="MS906", slice="weights=gate"
    )
    assert finding["status"] == "issue"
    start = "The gates of fusion go with what audio carries, against what text carries and have nothing to do with what"
    assert finding["message"].startswith(start)


def test_gates_of_one_seed_or_of_others_are_used_where_they_can_be(made: Made) -> None:
    gates = random_gates(made)
    some = diagnosed(made, "MS906", gates=gates.filter(pl.col("seed") == gates["seed"][0]))
    assert {row["status"] for row in rows(some, code="MS906")} == {"issue"}
    for strange in (
        gates.with_columns(pl.lit("other").alias("source")),
        gates.with_columns(gate=0.5, weight=1 / 3),
    ):
        (finding,) = rows(diagnosed(made, "MS906", gates=strange), code="MS906")
        assert finding["status"] == "not_applicable"
    (finding,) = rows(diagnosed(made, "MS906"), code="MS906")
    assert "no fused source here has any" in finding["message"]


def two_parts(right: np.ndarray) -> tuple[Made, pl.DataFrame]:
    """Predictions of audio, video and both, sure and right where `right` (3, clips) says so."""
    made = make_evidence(
        n_clips=right.shape[1], n_speakers=20, strength={"audio": 1.0, "video": 1.0}, seeds=(1,)
    )
    order = {clip: at for at, clip in enumerate(made.clips["clip_id"])}
    label = dict(made.clips.select("clip_id", "label").iter_rows())
    place = {"audio": 0, "video": 1, "audio+video": 2}
    sure = [
        0.9 if bool(right[place[given], order[clip]]) == (name == label[clip]) else 0.1
        for clip, given, name in made.predictions.select("clip_id", "given", "label").iter_rows()
    ]
    return made, made.predictions.with_columns(pl.Series("probability", sure))


@pytest.mark.parametrize(
    ("both", "status", "words"),
    [
        (1.0, "tip", "say more together than each by itself"),
        (0.5, "tip", "partly say the same thing"),
        (0.75, "passed", "neither is shown"),
    ],
)
def test_pairs_that_say_more_together_and_the_same(both: float, status: str, words: str) -> None:
    """Alone .75 and .5 + something are right; the prior is right on about half."""
    rng = np.random.default_rng(1)
    alone = 0.5 if both == 1.0 else 0.85 if both == 0.5 else 0.62
    right = np.stack([rng.random(300) < alone, rng.random(300) < alone, rng.random(300) < max(both, alone)])
    made, predictions = two_parts(right)
    found = only(Evidence(**{**made.evidence(), "predictions": predictions}), "MS907")
    finding = main_finding(found, "MS907")
    assert finding["status"] == status, finding["message"]
    assert words in finding["message"]
