"""MS910 and MS911: cases of an unsupported dominant modality, against chance and the best single one, and kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from finding_helpers import only, rows, value

from mixedsignals.diagnosis import Diagnosis, DiagnosisOptions, Evidence
from mixedsignals.tables import PROBES, conform
from mixedsignals.testing import Made, build_world, make_evidence, make_probes, make_shuffled
from mixedsignals.testing.plan import Plan, planned

PLAN: dict[str, Any] = {
    "n_clips": 300,
    "n_speakers": 20,
    "seeds": (1, 2, 3),
    "pairs": True,
    "conflict": {"audio": 0.3},
    "weights": {"audio": 2.0},
    "votes_per_clip": 5,
    "seed": 1,
}
RATE = "unsupported_dominance_rate"


def evidence(**changed: Any) -> Evidence:
    """The plan's evidence with its null."""
    plan = PLAN | changed
    return Evidence(**make_evidence(**plan).evidence(), probes=make_shuffled(**plan))


@pytest.fixture(scope="module")
def made() -> Made:
    return make_evidence(**PLAN)


@pytest.fixture(scope="module")
def found(made: Made) -> Diagnosis:
    """Everything that is said where audio is loud and often wrong."""
    probes = pl.concat([make_shuffled(**PLAN), make_probes(**PLAN, partners=2)])
    return only(Evidence(**made.evidence(), probes=conform(PROBES, probes)), "MS910", "MS911")


def cases(diagnosis: Diagnosis) -> pl.DataFrame:
    return diagnosis.findings.filter(pl.col("clip_id").is_not_null(), pl.col("code") == "MS910")


def said(made: Made, source: str, given: str) -> dict[str, str]:
    """The label of the mean over seeds, computed apart from the package."""
    own = made.predictions.filter(pl.col("source") == source, pl.col("given") == given)
    mean = own.group_by("clip_id", "label").agg(pl.col("probability").mean())
    top = mean.sort("probability", descending=True).group_by("clip_id").agg(pl.col("label").first())
    return dict(top.iter_rows())


def test_every_case_is_one_by_the_letter_of_its_definition(made: Made, found: Diagnosis) -> None:
    alone = {m: said(made, m, m) for m in ("text", "audio", "video")}
    fused, target = (
        said(made, "fusion", "text+audio+video"),
        dict(made.targets.select("clip_id", "label").rows()),
    )
    own = cases(found)
    assert len(own) > 10
    for clip, piece in own.select("clip_id", "slice").iter_rows():
        leader = piece.removeprefix("modality=")
        wrong = alone[leader][clip]
        assert fused[clip] != target[clip]
        assert wrong != target[clip]
        assert not any(alone[m][clip] == wrong for m in alone if m != leader)


def test_every_case_has_a_score_and_a_finding_and_nothing_else_has(found: Diagnosis) -> None:
    scored = found.scores.filter(pl.col("measure") == "unsupported_dominance")
    assert len(scored) == 300
    assert set(scored.filter(pl.col("value") == 1)["clip_id"]) == set(cases(found)["clip_id"])
    steady = found.scores.filter(pl.col("measure") == "unsupported_dominance_steady")
    mean = steady["value"].mean()
    assert value(found, RATE, "fusion") == pytest.approx(mean), "the rate is the mean over seeds"
    parts = [value(found, RATE, "fusion", f"modality={m}") for m in ("text", "audio", "video")]
    assert sum(parts) == pytest.approx(mean)


def test_the_planted_modality_leads_nearly_all_cases(made: Made, found: Diagnosis) -> None:
    turned = dict(made.truth.select("clip_id", "conflicted").iter_rows())
    own = cases(found)
    named = [
        (piece.removeprefix("modality="), turned[clip])
        for clip, piece in own.select("clip_id", "slice").rows()
    ]
    assert np.mean([one == other for one, other in named]) > 0.8


def test_a_case_tells_values_others_votes_and_what_flips_it_back(made: Made, found: Diagnosis) -> None:
    message = cases(found).row(0, named=True)["message"]
    for words in (
        "Shapley values in nats: audio",
        "alone say text",
        "people:",
        "given audio",
        "without audio",
    ):
        assert words in message
    assert "another clip of its label" in message
    back = found.scores.filter(pl.col("measure") == "case_flips_back:audio")
    fewer, target = said(made, "fusion", "text+video"), dict(made.targets.select("clip_id", "label").rows())
    for clip, flips in back.select("clip_id", "value").iter_rows():
        assert flips == (fewer[clip] == target[clip])
    assert value(found, "flips_back_rate", "fusion", "without=audio") == pytest.approx(back["value"].mean())


def test_excess_is_the_rate_less_its_null_on_the_clips_that_were_dealt(found: Diagnosis) -> None:
    for piece in ("all", "modality=audio", "kind=audio->neutral"):
        rate, null, excess = (
            value(found, f"{what}{RATE}", "fusion", piece) for what in ("", "null:", "excess:")
        )
        assert excess == pytest.approx(rate - null, abs=0.01), piece
    p = found.estimates.filter(pl.col("measure") == f"excess:{RATE}", pl.col("slice") == "all")["p"][0]
    assert 0 < p <= 1
    overall = rows(found, code="MS910", slice="all", source="fusion")
    assert len(overall) == 1
    assert "chance" in overall[0]["message"]


def test_it_is_silent_where_modalities_know_nothing_of_each_other() -> None:
    quiet = only(
        evidence(conflict={}, weights={}, strength={"text": 2, "audio": 2, "video": 2}), "MS910", "MS911"
    )
    overall = rows(quiet, code="MS910", slice="all")
    assert [one["status"] for one in overall] == ["passed"]
    assert "not told apart from chance" in overall[0]["message"]
    assert not rows(quiet, code="MS911", status="issue")


def loud(share: float = 0.15) -> Evidence:
    """Clips on which one modality is wrong and loud while the others know better: more than dealing out would give."""
    from mixedsignals.testing.shuffled import shuffled_of
    from mixedsignals.testing.tables import clips_of, predictions_of, splits_of, targets_of

    world = build_world(planned(Plan(), PLAN | {"conflict": {}, "weights": {}}))
    rng = np.random.default_rng(0)
    chosen, turned = rng.random(300) < share, rng.integers(0, 3, 300)
    eye = np.eye(2)
    logits = {
        name: np.where(
            chosen[:, None],
            np.where((turned == at)[:, None], 6 * eye[1 - world.target], 1.5 * eye[world.target]),
            held,
        )
        for at, (name, held) in enumerate(world.logits.items())
    }
    world = replace(world, logits=logits)
    return Evidence(
        labels=world.plan.label_list,
        clips=clips_of(world),
        targets=targets_of(world),
        splits=splits_of(world),
        predictions=predictions_of(world),
        probes=shuffled_of(world),
        run_id=world.plan.run_id,
    )


def test_it_fires_where_a_loud_modality_misleads_more_often_than_chance() -> None:
    fired = only(loud(), "MS910", "MS911")
    overall = rows(fired, code="MS910", slice="all")[0]
    assert overall["status"] == "issue"
    assert "more often than chance" in overall["message"]
    row = fired.estimates.filter(pl.col("measure") == f"excess:{RATE}", pl.col("slice") == "all").row(
        0, named=True
    )
    assert row["low"] > 0
    assert row["p"] < 0.05
    assert rows(fired, code="MS911", status="issue"), "some kind is above its null, too"


def test_cases_that_gather_with_some_speakers_make_their_slice_fire() -> None:
    one = loud(0.4)
    speakers = [f"s{at:04d}" for at in range(6)]
    few = one.clips.with_columns(
        room=pl.when(pl.col("speaker_id").is_in(speakers)).then(pl.lit("loud")).otherwise(pl.lit("quiet"))
    )
    quiet = few.filter(pl.col("room") == "quiet")["clip_id"]
    # Elsewhere fusion is always right.
    right = one.predictions.join(one.targets.select("clip_id", truth="label"), on="clip_id").with_columns(
        probability=pl.when(pl.col("clip_id").is_in(quiet.implode()) & (pl.col("source") == "fusion"))
        .then((pl.col("label") == pl.col("truth")).cast(pl.Float64) * 0.8 + 0.1)
        .otherwise("probability")
    )
    made = only(replace(one, clips=few, predictions=right.drop("truth"), probes=None), "MS911")
    fired = rows(made, code="MS911", status="issue", slice="room=loud")
    assert len(fired) == 1
    assert "more than elsewhere" in fired[0]["message"]


def test_without_probes_cases_are_listed_and_the_null_says_what_to_do(made: Made) -> None:
    bare = only(Evidence(**made.evidence()), "MS910", "MS911")
    assert len(cases(bare)) > 10
    null = rows(bare, code="MS910", slice="null")
    assert [one["status"] for one in null] == ["not_applicable"]
    assert "`mixedsignals probe RUN`" in null[0]["message"]
    assert not bare.estimates["measure"].str.starts_with("null:").any()


def test_probes_of_another_run_or_source_are_no_null(made: Made) -> None:
    table = make_shuffled(**PLAN)
    for changed in ({"run_id": "other"}, {"source": "product"}, {"probe": "swap"}):
        strange = table.with_columns(**{name: pl.lit(one) for name, one in changed.items()})
        bare = only(Evidence(**made.evidence(), probes=strange), "MS910")
        (null,) = rows(bare, code="MS910", slice="null")
        assert ("--probe shuffled" in null["message"]) == ("probe" in changed)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"strength": {"audio": 1.5}, "conflict": {}, "weights": {}}, "fusion"),
        ({"pairs": False}, "every subset"),
    ],
    ids=["one modality", "no pairs"],
)
def test_it_says_why_it_cannot_be_asked(changed: dict[str, Any], words: str) -> None:
    tables = make_evidence(**(PLAN | changed)).evidence()
    for code in ("MS910", "MS911"):
        (one,) = rows(only(Evidence(**tables), code), code=code)
        assert one["status"] == "not_applicable"
        assert words in one["message"]


def test_two_modalities_are_enough() -> None:
    plan = {"strength": {"text": 1.0, "audio": 1.4}, "conflict": {"audio": 0.3}, "weights": {"audio": 2.0}}
    two = only(evidence(**plan), "MS910", "MS911")
    assert value(two, RATE, "fusion") > 0
    assert len(cases(two)) > 5
    assert "without audio" in cases(two)["message"][0]


def test_clips_that_lack_a_modality_are_left_out_and_counted() -> None:
    half = only(evidence(missing={"text": 0.5}), "MS910")
    overall = rows(half, code="MS910", slice="all")[0]
    clips = half.estimates.filter(pl.col("measure") == RATE, pl.col("slice") == "all")["n_clips"][0]
    assert 110 < clips < 190
    assert f"{300 - clips} clips that lack a modality or a seed were left out" in overall["message"]


def test_without_speakers_clips_are_the_groups_and_it_says_so() -> None:
    found = only(evidence(n_speakers=None), "MS910")
    row = found.estimates.filter(pl.col("measure") == RATE, pl.col("slice") == "all").row(0, named=True)
    assert row["n_groups"] == 300
    assert "speakers are not known" in rows(found, code="MS910", slice="all")[0]["message"]


def test_clips_that_nobody_could_lend_to_are_not_held_against_chance(made: Made) -> None:
    few = make_shuffled(**PLAN).filter(pl.col("clip_id") < "c0150")
    found = only(Evidence(**made.evidence(), probes=few), "MS910")
    excess = found.estimates.filter(pl.col("measure") == f"excess:{RATE}", pl.col("slice") == "all")
    assert excess["n_clips"].to_list() == [few["clip_id"].n_unique()]
    told = rows(found, code="MS910", slice="all", source="fusion")[0]["message"]
    assert f"on the {few['clip_id'].n_unique()} clips that have another of these" in told


def test_without_targets_it_is_not_applicable(made: Made) -> None:
    tables = made.evidence() | {"targets": None}
    tables["clips"] = tables["clips"].drop("label")
    (one,) = rows(only(Evidence(**tables), "MS910"), code="MS910")
    assert one["status"] == "not_applicable"


def test_a_second_fusion_is_looked_at_in_its_own_name_or_told_what_it_lacks(made: Made) -> None:
    tables = made.evidence()
    own = tables["predictions"].filter(pl.col("source") == "fusion")
    second = own.with_columns(source=pl.lit("product"))
    whole = pl.concat([tables["predictions"], second])
    both = only(Evidence(**tables | {"predictions": whole}), "MS910", "MS911")
    assert value(both, RATE, "product") == value(both, RATE, "fusion"), "the same models by another name"
    assert {one["source"] for one in rows(both, code="MS910") if one["clip_id"]} == {"fusion", "product"}
    fullest = pl.concat([tables["predictions"], second.filter(pl.col("given") == "text+audio+video")])
    lacking = only(Evidence(**tables | {"predictions": fullest}), "MS910")
    (one,) = rows(lacking, code="MS910", source="product")
    assert one["status"] == "not_applicable"
    assert "given text+audio, text+video and audio+video" in one["message"]


def test_another_handling_has_a_rate_of_its_own(made: Made) -> None:
    tables = made.evidence()
    own = tables["predictions"]
    fewer = own.filter(pl.col("given") != "text+audio+video").with_columns(source=pl.lit("fusion~token"))
    both = only(Evidence(**tables | {"predictions": pl.concat([own, fewer])}), "MS910")
    assert value(both, RATE, "fusion~token") == value(both, RATE, "fusion")
    (one,) = rows(both, code="MS910", slice="handlings")
    assert "learned missing token" in one["message"]


def test_names_of_fusion_and_the_order_of_rows_do_not_matter(made: Made) -> None:
    tables = made.evidence()
    other = (
        tables["predictions"]
        .with_columns(pl.col("source").replace({"fusion": "mine"}))
        .sample(fraction=1.0, shuffle=True, seed=3)
    )
    renamed = only(
        Evidence(**tables | {"predictions": other}),
        "MS910",
        options=DiagnosisOptions(fusion="mine", permutations=199),
    )
    plain = only(Evidence(**tables), "MS910")
    assert value(renamed, RATE, "mine") == value(plain, RATE, "fusion")
    assert set(cases(renamed)["clip_id"]) == set(cases(plain)["clip_id"])


def test_where_targets_come_from_votes_it_says_how_often_an_oracle_errs(made: Made) -> None:
    voted = only(Evidence(**made.evidence(), target_source="votes"), "MS910")
    assert "Targets are majorities of votes" in rows(voted, code="MS910", slice="all")[0]["message"]
