"""Every row of `estimates` stands where its declaration says, and every name of a measure has its place."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from mixedsignals.diagnosis import CHECKS, DiagnosisOptions, Evidence, diagnose
from mixedsignals.diagnosis.names import ESTIMATE_NAMES, SCORE_NAMES, expanded
from mixedsignals.diagnosis.places import PLACES, stands
from mixedsignals.testing import make_evidence, make_probes

QUICK = DiagnosisOptions(permutations=99)
OF = {name: declared for declared in ESTIMATE_NAMES for name in expanded(declared)}
TARGETS = ("annotator_uncertainty", "fused_error", "misled")
STABLE = {
    "macro_f1",
    "accuracy",
    "disagreement_rate",
    "misled_rate",
    "rescued_rate",
    "krippendorff_alpha",
    "vote_accuracy",
    "majority_accuracy",
    "vote_entropy",
    "noise_ceiling",
    "human_gain",
    "follow_rate",
    *(f"auroc:jsd->{target}" for target in TARGETS),
    *(f"partial_spearman:jsd->{target}" for target in TARGETS),
    *(f"delta_auroc:{target}" for target in TARGETS),
}
"""Names that other programs rely on."""


def test_every_name_has_a_place() -> None:
    assert set(PLACES) == set(ESTIMATE_NAMES)


@pytest.mark.parametrize(
    "plan",
    [
        {"n_clips": 300, "pairs": True, "seeds": (1, 2), "ambiguous": 0.2, "votes_per_clip": 4},
        {"n_clips": 150, "labels": ("low", "middle", "high"), "kind": "ordinal"},
    ],
    ids=["everything", "ordinal"],
)
@pytest.mark.parametrize("target_source", [None, "votes"])
def test_every_row_stands_where_its_declaration_says(plan: dict[str, Any], target_source: str | None) -> None:
    made = make_evidence(**plan)
    found = diagnose(Evidence(**made.evidence(), target_source=target_source), options=QUICK)
    strange = [
        (measure, source, piece)
        for measure, source, piece in found.estimates.select("measure", "source", "slice").iter_rows()
        if measure not in OF
        or not stands(PLACES[OF[measure]], source, piece, fusion="fusion", parts=("text", "audio", "video"))
    ]
    assert strange == []
    scores = {name for declared in SCORE_NAMES for name in expanded(declared)}
    assert set(found.scores["measure"]) <= scores


def test_every_row_of_probes_stands_where_its_declaration_says() -> None:
    plan = {"n_clips": 80, "n_speakers": 16, "labels": ("a", "b", "c")}
    probes = make_probes(partners=4, media=True, **plan)
    checks = [check for check in CHECKS if "MS912" <= check.code <= "MS915"]
    found = diagnose(
        Evidence(**make_evidence(**plan).evidence(), probes=probes), options=QUICK, checks=checks
    )
    rows = list(found.estimates.select("measure", "source", "slice").iter_rows())
    assert len(rows) > 100
    parts = ("text", "audio", "video")
    assert all(measure in OF for measure, *_ in rows)
    assert all(
        stands(PLACES[OF[m]], source, piece, fusion="fusion", parts=parts) for m, source, piece in rows
    )
    assert not stands(
        PLACES["follow_difference"], "fusion", "elsewhere=audio|text", fusion="fusion", parts=parts
    )


def test_the_names_that_others_rely_on_are_all_there_with_their_sources_and_slices() -> None:
    made = make_evidence(n_clips=300, votes_per_clip=4, pairs=True)
    found = diagnose(Evidence(**made.evidence()), options=QUICK).estimates
    assert set(found["measure"]) >= STABLE
    people = found.filter(pl.col("source") == "people")
    for measure in ("accuracy", "krippendorff_alpha", "vote_accuracy", "majority_accuracy", "vote_entropy"):
        slices = set(people.filter(pl.col("measure") == measure)["slice"])
        assert slices >= {"given=text", "given=audio", "given=video", "given=text+audio+video"}
    gains = found.filter(pl.col("measure").str.starts_with("delta_auroc:"))
    assert len(gains) == 3
    tests = found.filter(pl.col("measure").str.starts_with("residual_correlation:"))
    assert gains["p"].to_list() == tests["p"].to_list(), "p of a gain is that of the residual test"


def test_a_row_elsewhere_does_not_stand() -> None:
    place = PLACES["disagreement_rate"]
    parts = ("a.b", "c")
    assert stands(place, "a.b|c", "all", fusion="f", parts=parts)
    assert not stands(place, "axb", "all", fusion="f", parts=parts)
    assert not stands(place, "c", "given=c", fusion="f", parts=parts)
    assert not stands(place, "f", "all", fusion="f", parts=parts)
