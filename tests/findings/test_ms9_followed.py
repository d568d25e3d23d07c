"""MS912, MS913 and MS915: whom fusion follows, where following is planted and so known."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from finding_helpers import only, rows, value

from mixedsignals.diagnosis import Evidence
from mixedsignals.tables import PROBES, conform
from mixedsignals.testing import Made, make_evidence, make_probes

PLAN: dict[str, Any] = {
    "n_clips": 240,
    "n_speakers": 20,
    "labels": ("a", "b", "c"),
    "strength": {"text": 0.0, "audio": 1.2, "video": 2.0},
}
CODES = ("MS912", "MS913", "MS915")


def evidence(plan: dict[str, Any], probes: pl.DataFrame | None, **changes: Any) -> Evidence:
    return Evidence(**{**make_evidence(**plan).evidence(), "probes": probes, **changes})


@pytest.fixture(scope="module")
def probes() -> pl.DataFrame:
    return make_probes(partners=4, media=True, **PLAN)


def said(found: Evidence, code: str) -> list[dict[str, Any]]:
    return rows(only(found, code), code=code)


def obedient(made: Made, follows: str = "audio") -> pl.DataFrame:
    """A fusion that is sure of the clip's label, and of the donor's once the modality it follows was swapped."""
    labels = made.labels.names
    target = dict(made.targets.select("clip_id", "label").iter_rows())
    ids = list(target)
    found = []

    def add(probe: str, modality: str, clip: str, donor: str | None, label: str) -> None:
        found.extend(
            {"run_id": made.run_id, "seed": seed, "clip_id": clip, "source": "fusion", "probe": probe}
            | {"modality": modality, "donor_id": donor, "label": name, "probability": float(name == label)}
            for seed in (1, 2)
            for name in labels
        )

    for at, clip in enumerate(ids):
        add("plain", "text+audio+video", clip, None, target[clip])
        for donor in [other for other in ids[at + 1 :] + ids[:at] if target[other] != target[clip]][:2]:
            for modality in ("text", "audio", "video"):
                add("swap", modality, clip, donor, target[donor if modality == follows else clip])
    return conform(PROBES, pl.DataFrame(found, infer_schema_length=None))


def test_a_fusion_that_always_follows_audio_has_a_rate_of_exactly_one_and_zero() -> None:
    made = make_evidence(n_clips=40, n_speakers=10, labels=("a", "b", "c"), seed=3)
    found = only(Evidence(**made.evidence(), probes=obedient(made)), *CODES)
    for measure in ("follow_rate", "follow_decisions"):
        rates = {m: value(found, measure, "fusion", f"swapped={m}") for m in ("text", "audio", "video")}
        assert rates == {"text": 0.0, "audio": 1.0, "video": 0.0}
        assert value(found, measure, "fusion") == pytest.approx(1 / 3)
    assert value(found, "follow_difference", "fusion", "swapped=audio|text") == 1.0
    towards = found.estimates.filter(measure="follow_rate:audio")
    assert set(towards["slice"]) == {"label=a", "label=b", "label=c"}
    assert set(towards["value"]) == {1.0}
    (message,) = rows(found, code="MS912")
    assert message["status"] == "tip"
    assert "It follows audio most" in message["message"]


def test_it_fires_for_the_modality_with_the_most_weight(probes: pl.DataFrame) -> None:
    (strong,) = said(evidence(PLAN, probes), "MS912")
    assert strong["status"] == "tip"
    assert "It follows video most" in strong["message"]
    heavier = {**PLAN, "weights": {"audio": 4.0, "video": 0.3}}
    (turned,) = said(evidence(heavier, make_probes(partners=4, **heavier)), "MS912")
    assert "It follows audio most" in turned["message"]


def test_it_is_silent_where_modalities_are_alike() -> None:
    alike = {**PLAN, "strength": {"audio": 1.5, "video": 1.5}, "n_clips": 120}
    (quiet,) = said(evidence(alike, make_probes(partners=3, **alike)), "MS912")
    assert quiet["status"] == "passed"
    assert "which modality it follows most cannot be told" in quiet["message"].lower()


def test_estimates_hold_contrasts_partners_labels_and_recordings(probes: pl.DataFrame) -> None:
    table = only(evidence(PLAN, probes), "MS912").estimates
    rates = table.filter(measure="follow_rate")
    assert set(rates["slice"]) >= {"all", "swapped=text", "partner=same_speaker", "media:swap=video"}
    swapped = rates.filter(pl.col("slice").str.starts_with("swapped="))
    moved = swapped.filter(pl.col("slice") != "swapped=text")
    assert (moved["p_adjusted"] >= moved["p"]).all()
    assert (moved["p"] < 0.001).all()
    contrasts = table.filter(measure="follow_difference")
    assert set(contrasts["slice"]) == {"swapped=video|audio", "swapped=video|text", "swapped=audio|text"}
    by_slice = dict(rates.select("slice", "value").iter_rows())
    first = contrasts.filter(slice="swapped=video|audio")["value"][0]
    assert first == pytest.approx(by_slice["swapped=video"] - by_slice["swapped=audio"])
    assert by_slice["media:swap=video"] == pytest.approx(by_slice["swapped=video"], abs=0.1)


def test_partners_of_other_speakers_are_told_apart() -> None:
    few = {**PLAN, "n_clips": 90, "n_speakers": 30, "strength": {"audio": 1.5, "video": 2.0}}
    found = only(evidence(few, make_probes(partners=8, **few)), "MS912")
    same, other = (
        value(found, "follow_rate", "fusion", f"partner={kind}_speaker") for kind in ("same", "other")
    )
    assert 0.1 < same < 1
    assert 0.1 < other < 1
    unknown = {**few, "n_speakers": None}
    (alone,) = said(evidence(unknown, make_probes(partners=3, **unknown)), "MS912")
    assert "no speaker is known" in alone["message"].lower()
    assert (
        not only(evidence(unknown, make_probes(partners=3, **unknown)), "MS912")
        .estimates.filter(pl.col("slice").str.starts_with("partner="))
        .height
    )


def test_swaps_stand_beside_shapley_values_and_people(probes: pl.DataFrame) -> None:
    (with_pairs,) = said(evidence({**PLAN, "pairs": True}, probes), "MS912")
    assert "Shapley values agree: video carries most of the label that it predicts" in with_pairs["message"]
    assert "and video adds most to the share right" in with_pairs["message"]
    assert "People, where single modalities lead them apart" in with_pairs["message"]
    heavier = {**PLAN, "weights": {"audio": 4.0, "video": 0.3}}
    turned = said(evidence({**PLAN, "pairs": True}, make_probes(partners=4, **heavier)), "MS912")
    assert "Shapley values do not agree: video carries most" in turned[0]["message"], (
        "they know another fusion"
    )
    (without,) = said(evidence(PLAN, probes, votes=None), "MS912")
    assert "Shapley" not in without["message"]
    assert "People" not in without["message"]


def test_swaps_of_recordings_are_told_with_and_without_others(probes: pl.DataFrame) -> None:
    (both,) = said(evidence(PLAN, probes), "MS912")
    assert "With recordings that were really spliced, the probability that fusion gives" in both["message"]
    (media,) = said(evidence(PLAN, probes.filter(pl.col("probe") != "swap")), "MS912")
    assert media["status"] == "passed"
    assert media["message"].startswith("With recordings that were really spliced")
    (neither,) = said(evidence(PLAN, probes.filter(pl.col("probe") != "media:plain")), "MS912")
    assert "really spliced" not in neither["message"], "there is nothing to hold recordings against"
    assert neither["status"] == "tip"


def test_one_modality_alone_has_nothing_to_be_compared_with(probes: pl.DataFrame) -> None:
    alone = probes.filter((pl.col("probe") != "swap") | (pl.col("modality") == "audio"))
    (only_one,) = said(evidence(PLAN, alone), "MS912")
    assert only_one["status"] == "passed"
    assert "Only audio was swapped" in only_one["message"]


@pytest.mark.parametrize("code", CODES)
def test_they_say_why_they_are_not_applicable(probes: pl.DataFrame, code: str) -> None:
    made = evidence(PLAN, probes)
    assert made.clips is not None
    nobody = made.clips.drop("label")
    reasons = {
        "Nothing was probed": evidence(PLAN, None),
        "another run": evidence(PLAN, probes.with_columns(run_id=pl.lit("x"))),
        "has a target": evidence(PLAN, probes, targets=None, clips=nobody),
    }
    if code != "MS915":
        reasons |= {
            "was swapped": evidence(PLAN, probes.filter(~pl.col("probe").str.ends_with("swap"))),
            "nothing to compare": evidence(
                PLAN, probes.filter(~pl.col("probe").is_in(["plain", "media:swap"]))
            ),
        }
    for words, found in reasons.items():
        (one,) = said(found, code)
        assert one["status"] == "not_applicable"
        assert words in one["message"]
    same = probes.filter(~pl.col("probe").str.starts_with("media:"))
    same = same.with_columns(donor_id=pl.when(probe="swap").then("clip_id").otherwise("donor_id"))
    if code != "MS915":
        (nobody_else,) = said(evidence(PLAN, same.unique(PROBES.key)), code)
        assert "nobody can be followed" in nobody_else["message"]


def test_following_falls_where_log_odds_are_added(probes: pl.DataFrame) -> None:
    found = only(evidence(PLAN, probes), "MS913")
    told = {row["slice"]: row for row in rows(found, code="MS913")}
    assert {row["status"] for row in told.values()} == {"passed"}
    assert "follows video less where it is less sure" in told["swapped=video"]["message"]
    assert "hardly follows text at all" in told["swapped=text"]["message"]
    assert value(found, "follow_by_entropy:video", "fusion") < -0.3
    assert value(found, "follow_by_entropy:video", "fusion", "within=clip") < -0.3
    curve = found.estimates.filter(measure="follow_at_entropy:video").sort("slice")
    places = found.estimates.filter(measure="relative_entropy:video").sort("slice")
    assert curve["slice"].to_list() == [f"bin={n:02d}" for n in range(1, 6)]
    assert places["value"].is_sorted()
    assert curve["value"][0] > curve["value"][4] + 0.3


def stubborn(made: Made, probes: pl.DataFrame, *, rising: bool) -> pl.DataFrame:
    """Swapped audio moves fusion by a fixed amount, or by more the less sure the donor's own audio model is."""
    sure = (
        made.predictions.filter(source="audio")
        .group_by("clip_id", "label")
        .agg(pl.col("probability").mean())
        .group_by("clip_id")
        .agg(pl.col("probability").max().alias("sure"))
    )
    target = made.targets.select(pl.col("clip_id").alias("donor_id"), pl.col("label").alias("towards"))
    plain = probes.filter(probe="plain").select(
        "seed", "clip_id", "label", pl.col("probability").alias("before")
    )
    swaps = (
        probes.filter(probe="swap", modality="audio")
        .join(sure.rename({"clip_id": "donor_id"}), on="donor_id")
        .join(target, on="donor_id")
        .join(plain, on=["seed", "clip_id", "label"])
    )
    moved = (1.0 - pl.col("sure")) * 0.9 if rising else pl.lit(0.3)
    after = (1.0 - moved) * pl.col("before") + moved * (pl.col("label") == pl.col("towards"))
    changed = swaps.with_columns(probability=after).select(probes.columns)
    return pl.concat([probes.filter(probe="plain"), changed])


@pytest.mark.parametrize(("rising", "status"), [(True, "issue"), (False, "tip")])
def test_it_fires_where_following_does_not_fall(probes: pl.DataFrame, *, rising: bool, status: str) -> None:
    plan = {**PLAN, "strength": {"text": 0.0, "audio": 1.2, "video": 1.2}}
    made = make_evidence(**plan)
    (one,) = said(evidence(plan, stubborn(made, make_probes(partners=4, **plan), rising=rising)), "MS913")
    assert (one["status"], one["slice"]) == (status, "swapped=audio")
    words = "follows audio more where" if rising else "is not shown to follow audio less"
    assert words in one["message"]


def test_certainty_needs_predictions_of_single_modalities(probes: pl.DataFrame) -> None:
    made = make_evidence(**PLAN)
    fused = made.predictions.filter(source="fusion")
    (none,) = said(evidence(PLAN, probes, predictions=fused), "MS913")
    assert none["status"] == "not_applicable"
    assert "not known how sure each is" in none["message"]
    some = made.predictions.filter(pl.col("source") != "text")
    told = {row["slice"]: row["status"] for row in said(evidence(PLAN, probes, predictions=some), "MS913")}
    assert told == {"swapped=text": "not_applicable", "swapped=audio": "passed", "swapped=video": "passed"}


def test_a_modality_that_carries_nothing_moves_nothing(probes: pl.DataFrame) -> None:
    (control,) = said(evidence(PLAN, probes), "MS915")
    assert (control["status"], control["slice"]) == ("passed", "swapped=text")
    assert "stays within .02 of nothing" in control["message"]


def leak(made: Made, probes: pl.DataFrame, strength: float) -> pl.DataFrame:
    """The donor's label leaks out of the swapped text, for half of the donors twice as much."""
    target = made.targets.select(pl.col("clip_id").alias("donor_id"), pl.col("label").alias("towards"))
    text = probes.filter(probe="swap", modality="text").join(target, on="donor_id")
    often = strength * (pl.col("donor_id").rank("dense") % 3)
    leaked = text.with_columns(
        probability=(1 - often) * pl.col("probability") + often * (pl.col("label") == pl.col("towards"))
    ).select(probes.columns)
    return pl.concat([probes.filter(~((pl.col("probe") == "swap") & (pl.col("modality") == "text"))), leaked])


@pytest.mark.parametrize(("strength", "status"), [(0.2, "issue"), (0.02, "tip"), (0.002, "passed")])
def test_the_control_fires_where_a_label_leaks(probes: pl.DataFrame, strength: float, status: str) -> None:
    (control,) = said(evidence(PLAN, leak(make_evidence(**PLAN), probes, strength)), "MS915")
    assert control["status"] == status, control["message"]


def test_there_is_nothing_to_control_with_where_every_modality_tells() -> None:
    plan = {**PLAN, "strength": {"audio": 2.0, "video": 2.0}}
    (none,) = said(evidence(plan, make_probes(partners=2, **plan)), "MS915")
    assert none["status"] == "not_applicable"
    assert "Every modality tells more than chance" in none["message"]


def test_an_idle_modality_that_was_not_swapped_is_named(probes: pl.DataFrame) -> None:
    without = probes.filter((pl.col("probe") != "swap") | (pl.col("modality") != "text"))
    (none,) = said(evidence(PLAN, without), "MS915")
    assert none["status"] == "not_applicable"
    assert "was not swapped" in none["message"]


def test_a_second_fusion_has_its_own_rows(probes: pl.DataFrame) -> None:
    flat = probes.with_columns(source=pl.lit("conflict"), probability=pl.lit(1 / 3))
    found = only(evidence(PLAN, pl.concat([probes, flat])), "MS912", "MS915")
    assert {row["source"] for row in rows(found, code="MS912")} == {"fusion", "conflict"}
    assert value(found, "follow_rate", "conflict") == 0
    assert np.sign(value(found, "follow_rate", "fusion")) == 1
