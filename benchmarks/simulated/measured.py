"""Every interval that is judged, as a function of a corpus; the truth is the same function of an endless corpus."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from benchmarks.simulated import attributed, swapped
from benchmarks.simulated.corpora import Corpus, Setting
from mixedsignals.diagnosis.statistics import mean_difference
from mixedsignals.measures import humans
from mixedsignals.measures.agreement import krippendorff_alpha, vote_accuracy
from mixedsignals.measures.association import Association, association
from mixedsignals.measures.calibration import log_loss
from mixedsignals.measures.ceiling import noise_ceiling
from mixedsignals.measures.correlation import kendall, partial_spearman, spearman
from mixedsignals.measures.coverage import risk_area, risk_at_coverage
from mixedsignals.measures.crossed import across_seeds
from mixedsignals.measures.disagreement import disagreement_rate, disagreement_statistics, outcomes
from mixedsignals.measures.divergence import (
    collision_disagreement,
    confidence,
    fusion_gap,
    jensen_shannon,
    mean_total_variation,
)
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import SIGNED, Estimate, Resampling, difference, estimate, mean, rate
from mixedsignals.measures.performance import performance, performance_statistic
from mixedsignals.measures.ranking import auprc, auroc
from mixedsignals.measures.reliability import calibration_error, top_label
from mixedsignals.measures.stratified import mantel_haenszel, quantile_strata
from mixedsignals.measures.votes import majority, rater_disagreement, vote_entropy

HEADLINE = frozenset(
    {
        "accuracy",
        "macro_f1",
        "accuracy, mean over seeds",
        "macro_f1, mean over seeds",
        "fusion_gain, mean over seeds",
        "macro_f1, difference of two models",
        "disagreement_rate",
        "disagreement beyond chance",
        "misled_rate",
        "rater disagreement, mean",
        "krippendorff_alpha, nominal",
        "noise_ceiling",
        "auroc: divergence -> error",
        "auroc: divergence -> rater disagreement",
        "delta_auroc, planted, linear",
        "delta_auroc, planted, bent",
        "delta_log_loss, planted, linear",
        "delta_log_loss, planted, bent",
        "human_gain, raters as fixed",
        "human_gain, speakers and raters",
        "human_gain over the best single",
        "loss_where_hurt",
        "follow rate of swaps",
        "follow rate of swaps, difference of two modalities",
    }
)
"""Intervals that carry a verdict or a main estimate of the report: judged on more corpora than the rest."""

SWAPS = frozenset(
    {
        "follow rate of swaps",
        "follow rate of swaps, difference of two modalities",
        "follow rate of swaps, towards one label",
        "following by relative entropy, slope",
        "following by relative entropy, slope within clips",
        "decisions changed by a mismatched pair",
    }
)
"""Those about clips that lend each other a modality."""

ATTRIBUTED = frozenset(
    {
        "shapley on the share right",
        "shapley on the share right, difference of two modalities",
        "shapley on the predicted label",
        "shapley on the predicted label, difference of two modalities",
        "interaction of two modalities",
        "flip rate of a modality left out",
        "gate and shapley, rank correlation",
        "gates that name the modality, beyond chance",
    }
)
"""Those about what a modality adds."""

AT_SIZE = frozenset(
    {
        "human_gain over the best single",
        "loss_where_hurt",
    }
)
"""Values that depend on how much there is to fit or to choose on: their truth is the mean over corpora of that size."""

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


def _seeds_better(made: Corpus) -> Estimate:
    """Accuracy of fusion less that of its best part, mean over seeds."""
    part = performance_statistic(
        made.target, _guess(made.unimodal[0]), made.groups, made.labels, measure="accuracy"
    )
    each = [
        difference(
            performance_statistic(made.target, _guess(one), made.groups, made.labels, measure="accuracy"),
            part,
        )
        for one in made.fusion[1:]
    ]
    return across_seeds(each, limits=SIGNED)


def _better(made: Corpus) -> Estimate:
    each = [
        performance_statistic(made.target, _guess(one), made.groups, made.labels)
        for one in (made.fusion[0], made.unimodal[0])
    ]
    return estimate(difference(*each), limits=SIGNED)


def _beyond_chance(made: Corpus) -> Estimate:
    first, second = _guess(made.unimodal[0]), _guess(made.unimodal[1])
    return estimate(
        difference(*disagreement_statistics(first, second, made.target, made.groups, made.labels))
    )


def _with_sides(made: Corpus) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    signal = jensen_shannon(made.unimodal)
    return signal, confidence(made.fusion[0]), rater_disagreement(made.votes[2])


def _beyond_confidence(made: Corpus) -> Estimate:
    """What four signals of disagreement add to confidence in ranking the errors of fusion."""
    base = np.stack([confidence(one) for one in (made.fusion[0], *made.unimodal)], axis=1)
    signals = [
        jensen_shannon(made.unimodal),
        mean_total_variation(made.unimodal),
        collision_disagreement(made.unimodal),
        fusion_gap(made.fusion[0], made.unimodal),
    ]
    return association(_wrong(made), np.stack(signals, axis=1), base, made.groups).delta_auroc


@lru_cache(maxsize=4)
def _asked(made: Corpus, kind: str) -> Association:
    """The answer to a planted question: one fit for both gains."""
    asked = getattr(made, kind)
    # Of an endless corpus, whose groups are a few blocks, only the value counts.
    groups = asked.groups.blocks(5) if made.groups.members is not None else asked.groups
    return association(asked.target, asked.signal, asked.base, groups)


def _less_sure(made: Corpus) -> Estimate:
    """Rater disagreement where models part less that where they agree."""
    part = (_guess(made.unimodal) != _guess(made.fusion[0])).any(axis=0)
    return estimate(mean_difference(_with_sides(made)[2], part, ~part, made.groups), limits=SIGNED)


def _majorities(made: Corpus) -> Estimate:
    leader = majority(made.votes[2])
    return rate(np.where(leader >= 0, leader == made.target, np.nan), made.groups)


def _shares(made: Corpus) -> list[np.ndarray]:
    return [humans.right_shares(counts, made.target) for counts in made.votes]


def _best(made: Corpus) -> Estimate:
    *singles, full = _shares(made)
    return humans.gain_over_best(full, singles, made.groups)[0]


def _loss(made: Corpus) -> Estimate:
    found = humans.hurt_by_more(made.votes[2], made.votes[:2], made.target, simulations=1)
    return humans.loss_where_hurt(found, made.groups)


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
    "fusion_gain, mean over seeds": _seeds_better,
    "rater disagreement, mean": lambda made: mean(rater_disagreement(made.votes[2]), made.groups),
    "vote_entropy, mean": lambda made: mean(vote_entropy(made.votes[2]), made.groups),
    "vote_accuracy": lambda made: estimate(
        vote_accuracy(made.votes[2], made.target, made.groups), scale="logit"
    ),
    "majority_accuracy": _majorities,
    "krippendorff_alpha, nominal": lambda made: krippendorff_alpha(made.votes[2], made.groups),
    "krippendorff_alpha, ordinal": lambda made: krippendorff_alpha(
        made.votes[2], made.groups, metric="ordinal"
    ),
    "noise_ceiling": lambda made: noise_ceiling(made.votes[2], made.groups),
    "auroc: divergence -> error": _auroc(_wrong),
    "auroc: divergence -> rater disagreement": _auroc(lambda made: _with_sides(made)[2]),
    "delta_auroc: disagreement -> error": _beyond_confidence,
    "delta_auroc, planted, linear": lambda made: _asked(made, "linear").delta_auroc,
    "delta_auroc, planted, bent": lambda made: _asked(made, "bent").delta_auroc,
    "delta_log_loss, planted, linear": lambda made: _asked(made, "linear").delta_log_loss,
    "delta_log_loss, planted, bent": lambda made: _asked(made, "bent").delta_log_loss,
    "rater disagreement, where models part less where they agree": _less_sure,
    "divergence, mean": lambda made: mean(jensen_shannon(made.unimodal), made.groups),
    "log_loss, mean": lambda made: mean(log_loss(made.fusion[0], made.target), made.groups),
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
    "kendall: divergence -> rater disagreement": lambda made: kendall(
        _with_sides(made)[0], _with_sides(made)[2], made.groups
    ),
    "mantel_haenszel, in confidence deciles": _strata,
    "calibration_error, debiased": lambda made: calibration_error(
        *top_label(made.fusion[0], made.target), made.groups, bins=10
    ),
    "accuracy of people": lambda made: humans.accuracy_of_people(_shares(made)[2], made.groups),
    "human_gain, raters as fixed": _gain,
    "human_gain over the best single": _best,
    "loss_where_hurt": _loss,
    "human_gain, speakers and raters": _gain_with_raters,
    "follow_rate": _followed,
    "follow rate of swaps": swapped.follow,
    "follow rate of swaps, difference of two modalities": swapped.follow_more,
    "follow rate of swaps, towards one label": swapped.follow_towards,
    "following by relative entropy, slope": swapped.follow_slope,
    "following by relative entropy, slope within clips": partial(swapped.follow_slope, within=True),
    "decisions changed by a mismatched pair": swapped.mismatch,
    "shapley on the share right": attributed.right,
    "shapley on the share right, difference of two modalities": attributed.right_more,
    "shapley on the predicted label": attributed.predicted,
    "shapley on the predicted label, difference of two modalities": attributed.predicted_more,
    "interaction of two modalities": attributed.together,
    "flip rate of a modality left out": attributed.flips,
    "gate and shapley, rank correlation": attributed.gate_rank,
    "gates that name the modality, beyond chance": attributed.gates_name,
    "accuracy, bootstrap": _performance("accuracy", options=BOOTSTRAP),
    "auroc: divergence -> error, bootstrap": _auroc(_wrong, options=BOOTSTRAP),
}


def groups_of_measures() -> dict[str, frozenset[str]]:
    """Measures computed together: headline ones, those of them that fit predictors, others, swaps, attribution."""
    fitted = frozenset(name for name in HEADLINE if name.startswith("delta_"))
    swaps = frozenset(name for name in MEASURED if name in SWAPS)
    return {
        "headline": HEADLINE - fitted - swaps,
        "fitted": fitted,
        "others": frozenset(MEASURED) - HEADLINE - swaps - ATTRIBUTED,
        "swaps": swaps & HEADLINE,
        "other-swaps": swaps - HEADLINE,
        "attributed": ATTRIBUTED,
    }


def left_out(name: str, setting: Setting) -> bool:
    """The bootstrap is for many groups, and Kendall's tau takes long with many."""
    few = setting.speakers < 40
    return (name.endswith("bootstrap") and few) or (name.startswith("kendall") and not few)
