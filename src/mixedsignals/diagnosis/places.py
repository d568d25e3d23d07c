"""Where the rows of each measure stand in `estimates`: its sources and slices, and the literature behind it.

Sources in angle brackets stand for names: `<source>` is any model, `<part>` one that was given a single modality,
`<pair>` two of them as `a|b`, `<fusion>` the fused one, `<rivals>` it and another fused one, `<table>` an input. So do
slices: `given=<modalities>`, `<column>=<value>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["PLACES", "Place", "stands"]


@dataclass(frozen=True)
class Place:
    """Possible sources and slices of a measure, and where its definition or its estimator comes from."""

    sources: tuple[str, ...]
    slices: tuple[str, ...]
    literature: str = ""


_KISH = "jackknife: Efron & Stein 1981; effective groups: Kish 1965"
_GIVEN = "given=<modalities>"
_VOTES = "Uma et al. 2021; Baan et al. 2022 (2210.16133)"
_LEWIDI = "LeWiDi 2025 (2510.08460)"
_RISK = "Geifman & El-Yaniv 2017; Traub et al. 2024 (2407.01032)"
_GCM = "Shah & Peters 2020"


def _of(sources: str, slices: str, literature: str = "") -> Place:
    return Place(tuple(sources.split(", ")), tuple(slices.split(", ")), literature)


_ANY, _PART, _FUSION = "<source>", "<part>", "<fusion>"
_HANDLED = "<source>, <source>~token, <source>~resampled"
_DYADS = "pairs that share members: Aronow et al. 2015"
_SHAPLEY = "Shapley 1953; Lundberg & Lee 2017 (1705.07874)"
_MODELS, _PEOPLE, _BOTH = "models", "people", "<part>, <pair>"

PLACES: dict[str, Place] = {
    "{performance}": _of(f"{_ANY}, {_PEOPLE}", f"all, {_GIVEN}", f"van Rijsbergen 1979; {_KISH}"),
    "chance:{performance}": _of(_ANY, f"all, {_GIVEN}", "Ojala & Garriga 2010"),
    "fusion_gain": _of(_PART, "all", "sign-flip: Winkler et al. 2014"),
    "disagreement_rate": _of(_BOTH, "all", "Kuncheva & Whitaker 2003"),
    "chance:disagreement_rate": _of(_BOTH, "all", "errors independent given the label"),
    "excess_disagreement": _of(_BOTH, "all"),
    "pattern:{pattern}": _of(_FUSION, "all"),
    "{outcome}_rate": _of(f"{_FUSION}, {_ANY}", "all"),
    "misled_difference": _of("<rivals>", "all", "sign-flip: Winkler et al. 2014"),
    "chance:misled_rate": _of(_FUSION, "all", "errors independent given the label"),
    "chance:rescued_rate": _of(_FUSION, "all", "errors independent given the label"),
    "both_right": _of(_PART, "all", "Kuncheva & Whitaker 2003"),
    "both_wrong": _of(_PART, "all", "Kuncheva & Whitaker 2003"),
    "part_only_right": _of(_PART, "all", "Kuncheva & Whitaker 2003"),
    "fusion_only_right": _of(_PART, "all", "Kuncheva & Whitaker 2003"),
    "calibration_error{stage}": _of(_ANY, "all", "Kumar et al. 2019 (debiased)"),
    "calibration_error:vector_scaled": _of(_ANY, "all", "Guo et al. 2017; Kumar et al. 2019 (debiased)"),
    "log_loss{stage}": _of(_ANY, "all", "Good 1952"),
    "temperature": _of(_ANY, "all", "Guo et al. 2017"),
    "reliability_stated{stage}": _of(_ANY, "bin=<number>", "Niculescu-Mizil & Caruana 2005"),
    "reliability_seen{stage}": _of(_ANY, "bin=<number>", "Niculescu-Mizil & Caruana 2005"),
    "jsd": _of(_MODELS, "all, calibrated=no", "Lin 1991"),
    "disagreement_rate:vector_scaled": _of(_PART, "all", "Guo et al. 2017"),
    "seed_disagreement_rate": _of(_ANY, "all", "Jiang et al. 2021 (2106.13799)"),
    "beyond_seeds": _of(_PART, "all", "Jiang et al. 2021; Kirsch & Gal 2022 (2202.01851)"),
    "rater_disagreement": _of(_PEOPLE, f"all, {_GIVEN}, models=part, models=agree", "Simpson 1949"),
    "vote_entropy": _of(
        _PEOPLE, f"all, {_GIVEN}, models=part, models=agree", "Miller 1955; rarefaction: Hurlbert 1971"
    ),
    "rater_disagreement_difference": _of(_PEOPLE, "all"),
    "vote_entropy_difference": _of(_PEOPLE, "all"),
    "krippendorff_alpha": _of(_PEOPLE, f"all, {_GIVEN}", "Krippendorff 2011"),
    "vote_accuracy": _of(_PEOPLE, f"all, {_GIVEN}"),
    "majority_accuracy": _of(_PEOPLE, f"all, {_GIVEN}"),
    "oracle_error": _of(_PEOPLE, "all", "Dirichlet-multinomial: Minka 2000"),
    "noise_ceiling": _of(_PEOPLE, "all", "attenuation: Spearman 1904"),
    "noise_ceiling:spearman": _of(_PEOPLE, "all", "attenuation: Spearman 1904; Minka 2000"),
    "noise_ceiling:auroc": _of(_PEOPLE, "all", "attenuation: Spearman 1904; Minka 2000"),
    "rater_kappa": _of(_PEOPLE, "all", "Cohen 1960"),
    "rater_competence": _of(
        _PEOPLE, "all, rater=<id>", "Dawid & Skene 1979; Hovy et al. 2013; Whitehill et al. 2009"
    ),
    "careless_raters": _of(_PEOPLE, "all", "Hovy et al. 2013"),
    "consensus_against_majority": _of(_PEOPLE, "all", "Dawid & Skene 1979"),
    "consensus_accuracy": _of(_PEOPLE, "all", "Dawid & Skene 1979"),
    "delta_auroc:{target}": _of(_MODELS, "all", f"{_GCM}; effect size: Hanley & McNeil 1982"),
    "delta_log_loss:{target}": _of(_MODELS, "all", "Good 1952"),
    "residual_correlation:{target}": _of(_MODELS, "all", _GCM),
    "detectable:{target}": _of(_MODELS, "all", "Bloom 1995"),
    "control:delta_auroc:{target}": _of(_MODELS, "all", "negative controls: Lipsitch et al. 2010"),
    "base_rate:{target}": _of(_MODELS, "all"),
    "auroc:{signal}->{target}": _of(_MODELS, "all", "Hanley & McNeil 1982"),
    "auprc:{signal}->{target}": _of(_MODELS, "all", "Davis & Goadrich 2006"),
    "spearman:{signal}->annotator_uncertainty": _of(_MODELS, "all", "Spearman 1904"),
    "kendall:{signal}->annotator_uncertainty": _of(_MODELS, "all", "Kendall 1945"),
    "partial_spearman:{disagreement}->{target}": _of(_MODELS, "all", "Kendall 1942"),
    "aurc:{order}": _of(_MODELS, "all", _RISK),
    "excess_aurc:{order}": _of(_MODELS, "all", "Geifman et al. 2019"),
    "augrc:{order}": _of(_MODELS, "all", "Traub et al. 2024 (2407.01032)"),
    "risk_at_{share}:{order}": _of(_MODELS, "all", _RISK),
    "{distance}": _of(_ANY, "all", f"{_VOTES}; {_LEWIDI}"),
    "chance:{distance}": _of(_ANY, "all"),
    "gain_over_vote_shares": _of(_ANY, "all", _VOTES),
    "kind:{kind}": _of(_FUSION, "all"),
    "precision:challenge->{target}": _of(_FUSION, "all"),
    "chance:precision:challenge->{target}": _of(_FUSION, "all"),
    "error_rate": _of(_FUSION, "<column>=<value>", "Benjamini & Hochberg 1995"),
    "any_disagreement": _of(_FUSION, "<column>=<value>", "Benjamini & Hochberg 1995"),
    "human_gain": _of(_PEOPLE, "all, over=<modality>", "intersection-union: Berger 1982; Holm 1979"),
    "hurt_by_more": _of(_PEOPLE, "all"),
    "chance:hurt_by_more": _of(_PEOPLE, "all", "Beta-binomial simulation"),
    "loss_where_hurt": _of(_PEOPLE, "all"),
    "follow_rate": _of(
        f"{_PEOPLE}, {_ANY}",
        f"{_GIVEN}, all, swapped=<modality>, partner=same_speaker, partner=other_speaker, media:swap=<modality>",
        f"McGurk & MacDonald 1976; {_DYADS}",
    ),
    "follow_rate:{modality}": _of(_ANY, "label=<label>", _DYADS),
    "follow_decisions": _of(_ANY, "all, swapped=<modality>", _DYADS),
    "follow_difference": _of(_ANY, "swapped=<pair>", f"{_DYADS}; Holm 1979"),
    "follow_by_entropy:{modality}": _of(_ANY, "all, within=clip", "Zhang et al. 2025 (2511.02243)"),
    "follow_at_entropy:{modality}": _of(_ANY, "bin=<number>", "Zhang et al. 2025 (2511.02243)"),
    "relative_entropy:{modality}": _of(_ANY, "bin=<number>", "Zhang et al. 2025 (2511.02243)"),
    "probe_change": _of(_ANY, "<probe>=<modality>"),
    "probe_distance": _of(_ANY, "<probe>=<modality>"),
    "probe_loss": _of(_ANY, "<probe>=<modality>"),
    "excess:probe_change": _of(_ANY, "media:<probe>=<modality>"),
    "model_gain": _of(_ANY, "over=<modality>"),
    "accuracy_beside_people": _of(_ANY, _GIVEN),
    "cue_difference:{question}": _of(_FUSION, "cue=<name>", "Cohen 1988; Benjamini & Hochberg 1995"),
    "cue_difference_within_label:{question}": _of(_FUSION, "cue=<name>", "Cohen 1988"),
    "training_confidence": _of(_ANY, "all", "Swayamdipta et al. 2020 (2009.10795)"),
    "training_variability": _of(_ANY, "all", "Swayamdipta et al. 2020 (2009.10795)"),
    "training_correctness": _of(_ANY, "all", "Swayamdipta et al. 2020 (2009.10795)"),
    "forgotten": _of(_ANY, "all", "Toneva et al. 2019 (1812.05159)"),
    "easy_and_hard": _of(_ANY, "hard_in=<source>", "Swayamdipta et al. 2020 (2009.10795)"),
    "chance:easy_and_hard": _of(_ANY, "hard_in=<source>", "errors independent given the label"),
    "never_learned": _of(_MODELS, "all", "Swayamdipta et al. 2020 (2009.10795)"),
    "auroc:cues->misled": _of(_FUSION, "all", "Tibshirani 1996; Hanley & McNeil 1982"),
    "auroc:fused_doubt->misled:same_clips": _of(_FUSION, "all", "Hanley & McNeil 1982"),
    "auroc_gain:cues_over_doubt->misled": _of(_FUSION, "all", "Hanley & McNeil 1982"),
    "delta_auroc:cues->misled": _of(_FUSION, "all", _GCM),
    "cue_weight:misled": _of(_FUSION, "cue=<name>", "Tibshirani 1996"),
    "unsupported_dominance_rate": _of(_ANY, "all, modality=<name>, kind=<name>", "Shapley 1953"),
    "null:unsupported_dominance_rate": _of(_ANY, "all, modality=<name>, kind=<name>", "Ojala & Garriga 2010"),
    "excess:unsupported_dominance_rate": _of(
        _ANY, "all, modality=<name>, kind=<name>", "sign-flip: Winkler et al. 2014"
    ),
    "best_unimodal:unsupported_dominance_rate": _of(_ANY, "all"),
    "over_best_unimodal:unsupported_dominance_rate": _of(_ANY, "all", "sign-flip: Winkler et al. 2014"),
    "flips_back_rate": _of(_ANY, "without=<modality>"),
    "unsupported_dominance_in_slice": _of(
        _ANY, "<column>=<value>", "Benjamini & Hochberg 1995; Shapley 1953"
    ),
    "shapley:{modality}": _of(_HANDLED, "all", _SHAPLEY),
    "shapley_true:{modality}": _of(_HANDLED, "all", _SHAPLEY),
    "shapley_predicted:{modality}": _of(_HANDLED, "all, <column>=<value>", _SHAPLEY),
    "shapley_difference:{modality}": _of(_HANDLED, "over=<modality>", f"{_SHAPLEY}; Holm 1979"),
    "shapley_predicted_difference:{modality}": _of(_HANDLED, "over=<modality>", f"{_SHAPLEY}; Holm 1979"),
    "flip_rate:{modality}": _of(_HANDLED, "all"),
    "imputation_agreement:{ways}": _of(_ANY, "all", "Covert et al. 2021 (2011.14878)"),
    "chance:imputation_agreement:{ways}": _of(_ANY, "all", "Cohen 1960"),
    "imputation_rank:{ways}": _of(_ANY, "modality=<modality>", "Spearman 1904"),
    "{weights}_rank:{modality}": _of(_HANDLED, "all", "Jain & Wallace 2019 (1902.10186); Spearman 1904"),
    "{weights}_names_dominant": _of(_HANDLED, "all", "Jain & Wallace 2019 (1902.10186)"),
    "chance:{weights}_names_dominant": _of(_HANDLED, "all", "Cohen 1960"),
    "excess:{weights}_names_dominant": _of(_HANDLED, "all", "Cohen 1960"),
    "interaction:{pair}": _of(_HANDLED, "all", "Grabisch & Roubens 1999"),
    "fault_rate": _of(f"<table>, {_ANY}, {_PEOPLE}, models, all", "fault=<check>"),
}


def stands(place: Place, source: str, piece: str, *, fusion: str, parts: Iterable[str]) -> bool:
    """Whether a row with that source and slice is one that the measure may have."""
    singles = "|".join(map(re.escape, parts)) or "(?!)"
    names = {
        "<source>": ".+",
        "<table>": "predictions|votes|targets",
        "<part>": singles,
        "<pair>": rf"({singles})\|({singles})",
        "<fusion>": re.escape(fusion),
        "<rivals>": rf"{re.escape(fusion)}\|.+",
    }
    known = any(re.fullmatch(names.get(one, re.escape(one)), source) for one in place.sources)
    return known and any(re.fullmatch(re.sub("<[a-z]+>", "(?s:.+)", one), piece) for one in place.slices)
