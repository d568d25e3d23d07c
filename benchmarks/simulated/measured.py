"""Every interval that is judged, as a function of a corpus; the truth is the same function of an endless corpus."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.simulated.corpora import Corpus
from mixedsignals.measures import humans
from mixedsignals.measures.agreement import krippendorff_alpha, vote_accuracy
from mixedsignals.measures.ceiling import noise_ceiling
from mixedsignals.measures.correlation import partial_spearman, spearman
from mixedsignals.measures.coverage import risk_area, risk_at_coverage
from mixedsignals.measures.crossed import across_seeds
from mixedsignals.measures.disagreement import disagreement_rate, disagreement_statistics, outcomes
from mixedsignals.measures.divergence import confidence, jensen_shannon
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import Estimate, Resampling, difference, estimate, mean, rate
from mixedsignals.measures.performance import performance, performance_statistic
from mixedsignals.measures.ranking import auprc, auroc
from mixedsignals.measures.reliability import calibration_error, top_label
from mixedsignals.measures.stratified import mantel_haenszel, quantile_strata
from mixedsignals.measures.votes import rater_disagreement, vote_entropy

BOOTSTRAP = Resampling(method="bootstrap")


def _guess(probabilities: np.ndarray) -> np.ndarray:
    return probabilities.argmax(axis=-1)


def _wrong(made: Corpus) -> np.ndarray:
    return (_guess(made.fusion[0]) != made.target).astype(np.float64)


def _outcome(name: str) -> Callable[[Corpus], Estimate]:
    def found(made: Corpus) -> Estimate:
        each = outcomes(_guess(made.unimodal), _guess(made.fusion[0]), made.target)
        return rate(getattr(each, name), made.groups)

    return found


def _seeds(measure: str) -> Callable[[Corpus], Estimate]:
    def found(made: Corpus) -> Estimate:
        each = [
            performance_statistic(made.target, _guess(one), made.groups, made.labels, measure=measure)  # type: ignore[arg-type]
            for one in made.fusion[1:]
        ]
        return across_seeds(each, scale="logit")

    return found


def _performance(measure: str, **options: Resampling) -> Callable[[Corpus], Estimate]:
    return lambda made: performance(
        made.target,
        _guess(made.unimodal[0]),
        made.groups,
        made.labels,
        measure=measure,
        **options,  # type: ignore[arg-type]
    )


def _better(made: Corpus) -> Estimate:
    each = [
        performance_statistic(made.target, _guess(one), made.groups, made.labels)
        for one in (made.fusion[0], made.unimodal[0])
    ]
    return estimate(difference(*each))


def _beyond_chance(made: Corpus) -> Estimate:
    first, second = _guess(made.unimodal[0]), _guess(made.unimodal[1])
    return estimate(
        difference(*disagreement_statistics(first, second, made.target, made.groups, made.labels))
    )


def _with_sides(made: Corpus) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    signal = jensen_shannon(made.unimodal)
    return signal, confidence(made.fusion[0]), rater_disagreement(made.votes[2])


def _strata(made: Corpus) -> Estimate:
    signal, sure, _ = _with_sides(made)
    return mantel_haenszel(signal > np.median(signal), _wrong(made), quantile_strata(sure), made.groups)


def _gain(made: Corpus) -> Estimate:
    shares = [humans.right_shares(made.votes[at], made.target) for at in (1, 2)]
    return humans.gain(shares[1], shares[0], made.groups)


def _gain_with_raters(made: Corpus) -> Estimate:
    raters = Groups.of(made.vote_rater)
    speakers = made.groups.take(made.vote_clip)
    return humans.gain_with_raters(made.vote_right, made.vote_full, made.vote_clip, speakers, raters)


def _followed(made: Corpus) -> Estimate:
    return humans.follow_rate(made.votes[2], humans.conflict_clips(made.votes[:2]), 1, made.groups)


def _auroc(target: Callable[[Corpus], np.ndarray], **options: Resampling) -> Callable[[Corpus], Estimate]:
    return lambda made: auroc(jensen_shannon(made.unimodal), target(made), made.groups, **options)


MEASURED: dict[str, Callable[[Corpus], Estimate]] = {
    "accuracy": _performance("accuracy"),
    "macro_f1": _performance("macro_f1"),
    "weighted_f1": _performance("weighted_f1"),
    "accuracy, mean over seeds": _seeds("accuracy"),
    "macro_f1, mean over seeds": _seeds("macro_f1"),
    "macro_f1, difference of two models": _better,
    "disagreement_rate": lambda made: estimate(
        disagreement_rate(_guess(made.unimodal[0]), _guess(made.fusion[0]), made.groups), scale="logit"
    ),
    "disagreement beyond chance": _beyond_chance,
    "misled_rate": _outcome("misled"),
    "rescued_rate": _outcome("rescued"),
    "rater disagreement, mean": lambda made: mean(rater_disagreement(made.votes[2]), made.groups),
    "vote_entropy, mean": lambda made: mean(vote_entropy(made.votes[2]), made.groups),
    "vote_accuracy": lambda made: estimate(
        vote_accuracy(made.votes[2], made.target, made.groups), scale="logit"
    ),
    "krippendorff_alpha, nominal": lambda made: krippendorff_alpha(made.votes[2], made.groups),
    "krippendorff_alpha, ordinal": lambda made: krippendorff_alpha(
        made.votes[2], made.groups, metric="ordinal"
    ),
    "noise_ceiling": lambda made: noise_ceiling(made.votes[2], made.groups),
    "auroc: divergence -> error": _auroc(_wrong),
    "auroc: divergence -> rater disagreement": _auroc(lambda made: _with_sides(made)[2]),
    "auprc: divergence -> error": lambda made: auprc(
        jensen_shannon(made.unimodal), _wrong(made), made.groups
    ),
    "aurc": lambda made: risk_area(_with_sides(made)[1], _wrong(made), made.groups),
    "excess_aurc": lambda made: risk_area(
        _with_sides(made)[1], _wrong(made), made.groups, area="excess_aurc"
    ),
    "augrc": lambda made: risk_area(_with_sides(made)[1], _wrong(made), made.groups, area="augrc"),
    "risk at 80 % coverage": lambda made: risk_at_coverage(_with_sides(made)[1], _wrong(made), made.groups),
    "spearman: divergence -> rater disagreement": lambda made: spearman(
        _with_sides(made)[0], _with_sides(made)[2], made.groups
    ),
    "partial_spearman, given confidence": lambda made: partial_spearman(
        _with_sides(made)[0], _with_sides(made)[2], _with_sides(made)[1], made.groups
    ),
    "mantel_haenszel, in confidence deciles": _strata,
    "calibration_error, debiased": lambda made: calibration_error(
        *top_label(made.fusion[0], made.target), made.groups, bins=10
    ),
    "human_gain, raters as fixed": _gain,
    "human_gain, speakers and raters": _gain_with_raters,
    "follow_rate": _followed,
    "accuracy, bootstrap": _performance("accuracy", options=BOOTSTRAP),
    "auroc: divergence -> error, bootstrap": _auroc(_wrong, options=BOOTSTRAP),
}
