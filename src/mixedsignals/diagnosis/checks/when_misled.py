"""Can the cues of a clip tell *when* fusion is misled? A small model that people can read, judged on other speakers.

A logistic regression with an L1 penalty, so that most cues drop out; its score of a clip comes from a model that
never saw the clip's speaker. It is held against .5, against the doubt of fusion, and, by the residual test, against
everything that confidence says.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from mixedsignals.diagnosis.checks.informative import signals_and_targets
from mixedsignals.diagnosis.cuetable import CueTable, cues_of
from mixedsignals.diagnosis.evidence import Bools, Case, Floats, Ints
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.words import count, listed, number, p_value, sentence, with_interval
from mixedsignals.measures.association import association
from mixedsignals.measures.calibration import group_folds
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import (
    SIGNED,
    Estimate,
    Resampling,
    Statistic,
    difference,
    estimate,
    jackknife_variance,
)
from mixedsignals.measures.ranking import auroc_statistic

__all__ = ["when_misled"]

FEWEST_CLIPS, FEWEST_OF_A_KIND, FEWEST_GROUPS = 60, 20, 5
_LEAST_KNOWN = 0.5
"""Share of the clips that must have a cue for it to be offered to the model."""
_STRENGTHS = 10.0 ** np.arange(-2.5, 0.6, 0.5)
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class _Fitted:
    """Scores out of fold (n,), folds (n,), and standardised weights (folds, cues)."""

    score: Floats
    fold: Ints
    weights: Floats


def when_misled(case: Case) -> Outcome:
    """MS903: a tip where cues tell when fusion is misled better than .5; says whether they beat confidence."""
    table = cues_of(case)
    signals, targets = signals_and_targets(case)
    target = targets["misled"]
    if isinstance(target, str):
        raise NotApplicable(f"Whether fusion is misled is not known: {target}.")
    doubt = signals.baselines["fused_doubt"]
    rows = np.flatnonzero(np.isfinite(target) & np.isfinite(doubt))
    groups = case.groups.take(rows)
    _refuse(target[rows], groups, case.unit)
    columns = _usable(table.values[rows])
    if not columns.any():
        raise NotApplicable(f"No cue varies and is known on half of the {len(rows)} clips in question.")
    fitted = _cross_fitted(table.values[rows][:, columns], target[rows], groups, case)
    outcome = Outcome()
    if table.left_out:
        message = f"Not taken for cues, for they are made from the target: {listed(table.left_out)}."
        outcome.find("tip", message, source=case.options.fusion, slice="left out")
    names = [name for name, used in zip(table.names, columns, strict=True) if used]
    found = _judge(case, outcome, fitted, target[rows], doubt[rows], groups, signals.confidences[rows], names)
    outcome.score(case.clip_ids.gather(rows), case.options.fusion, "misled_by_cues", fitted.score)
    _weights(case, outcome, table, names, fitted, groups, found=found)
    return outcome


def _refuse(target: Floats, groups: Groups, unit: str) -> None:
    kinds = [int((target == kind).sum()) for kind in (1.0, 0.0)]
    if len(target) < FEWEST_CLIPS or min(kinds) < FEWEST_OF_A_KIND:
        raise NotApplicable(
            f"Fusion parts from a source on {count(len(target), 'clip')} and is misled on {kinds[0]} of them; "
            f"{FEWEST_CLIPS} and {FEWEST_OF_A_KIND} of each kind are needed to fit a model."
        )
    if groups.distinct < FEWEST_GROUPS:
        raise NotApplicable(
            f"There are {groups.distinct} {unit}; {FEWEST_GROUPS} are needed to fit on some and judge on others."
        )


def _usable(values: Floats) -> Bools:
    known = np.isfinite(values)
    varied = np.array([bool(k.any()) and np.ptp(v[k]) > 0 for v, k in zip(values.T, known.T, strict=True)])
    result: Bools = varied & (known.mean(axis=0) >= _LEAST_KNOWN)
    return result


def _cross_fitted(values: Floats, target: Floats, groups: Groups, case: Case) -> _Fitted:
    folds, seed = case.options.calibration_folds, case.options.seed
    fold = group_folds(groups, folds=folds, seed=seed)
    score = np.full(len(target), np.nan)
    weights = []
    for held in range(int(fold.max()) + 1):
        train, test = fold != held, fold == held
        if len(np.unique(target[train])) < 2:
            continue
        design, other = _prepared(values[train], values[test])
        strength = _strength(design, target[train], groups.take(train), folds, seed)
        weight, _ = _lasso(design, target[train], strength)
        # Without the intercept: it is high where the training clips, and so not the test clips, are often misled,
        # and would make a model that knows nothing rank clips of different folds the wrong way round.
        score[test] = other @ weight
        weights.append(weight[: values.shape[1]])
    return _Fitted(score, fold, np.array(weights))


def _prepared(train: Floats, test: Floats) -> tuple[Floats, Floats]:
    """Standardised by the training clips; a missing cue is their median, and whether it was missing is a column."""
    middle = np.array(
        [np.median(one[np.isfinite(one)]) if np.isfinite(one).any() else 0.0 for one in train.T]
    )
    made = []
    for part in (train, test):
        missing = ~np.isfinite(part)
        made.append((np.where(missing, middle, part), missing.astype(float)))
    centre, spread = made[0][0].mean(axis=0), made[0][0].std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    absent = made[0][1].any(axis=0)
    columns = [np.concatenate([(filled - centre) / spread, gone[:, absent]], axis=1) for filled, gone in made]
    return columns[0], np.clip(columns[1], -10, 10)


def _strength(design: Floats, target: Floats, groups: Groups, folds: int, seed: int) -> float:
    """The penalty with the least log loss on groups left out of the training clips; the simplest of equals."""
    inner = group_folds(groups, folds=min(folds, 4), seed=seed + 1)
    losses = np.zeros(len(_STRENGTHS))
    for held in range(int(inner.max()) + 1):
        train, test = inner != held, inner == held
        if len(np.unique(target[train])) < 2:
            continue
        for at, strength in enumerate(_STRENGTHS):
            weight, intercept = _lasso(design[train], target[train], strength)
            margin = (design[test] @ weight + intercept) * np.where(target[test] == 1, 1.0, -1.0)
            losses[at] += float(np.logaddexp(0.0, -margin).sum())
    return float(_STRENGTHS[int(np.argmin(losses))])


def _lasso(design: Floats, target: Floats, strength: float) -> tuple[Floats, float]:
    import sklearn
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    newer = tuple(int(part) for part in sklearn.__version__.split(".")[:2]) >= (1, 8)
    how: dict[str, Any] = {"l1_ratio": 1.0} if newer else {"penalty": "l1"}
    model = LogisticRegression(C=strength, solver="liblinear", random_state=0, **how)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(design, target == 1)
    return np.asarray(model.coef_[0], dtype=np.float64), float(model.intercept_[0])


def _judge(
    case: Case,
    outcome: Outcome,
    fitted: _Fitted,
    target: Floats,
    doubt: Floats,
    groups: Groups,
    confidences: Floats,
    names: list[str],
) -> bool:
    """Say how well cues rank misled clips; whether that is better than chance."""
    options = Resampling(level=case.options.level)
    ours = auroc_statistic(fitted.score, target, groups, strata=fitted.fold)
    theirs = auroc_statistic(
        np.where(np.isfinite(fitted.score), doubt, np.nan), target, groups, strata=fitted.fold
    )
    cues, plain = (estimate(one, scale="logit", options=options) for one in (ours, theirs))
    more = estimate(difference(ours, theirs), limits=SIGNED, options=options)
    p = _p_above_chance(cues, ours)
    fusion = case.options.fusion
    beyond = association(
        target, fitted.score, confidences, groups, folds=case.options.calibration_folds, options=options
    )
    if cues.value is None:
        raise NotApplicable(
            "The AUROC of the model cannot be computed: one kind of clip is missing in every fold."
        )
    outcome.estimate("auroc:cues->misled", fusion, replace(cues, p=p))
    outcome.estimate("auroc:fused_doubt->misled:same_clips", fusion, plain)
    outcome.estimate("auroc_gain:cues_over_doubt->misled", fusion, more)
    if beyond.p is not None:
        outcome.estimate("delta_auroc:cues->misled", fusion, beyond.delta_auroc.with_p(beyond.p))
    told = (
        f"a model of {count(len(names), 'cue')} that never heard or saw the speaker ranks the clips on which fusion is "
        f"misled with AUROC {with_interval(cues)} ({p_value(p)} against .5); the doubt of fusion alone reaches "
        f"{with_interval(plain)} on the same clips, a difference of {with_interval(more)}"
    )
    if beyond.p is not None:
        more_told = beyond.p < case.options.alpha and (beyond.t or 0.0) > 0
        word = "tell something" if more_told else "are not shown to tell anything"
        told += f"; beyond confidence the cues {word} (residual test {p_value(beyond.p)})"
    found = p is not None and p < case.options.alpha and (cues.value or 0.0) > 0.5
    told = told if found else f"cues do not tell when fusion is misled: {told}"
    outcome.find("tip" if found else "passed", sentence(told), source=fusion, measure="auroc:cues->misled")
    return found


def _p_above_chance(found: Estimate, statistic: Statistic) -> float | None:
    """Two-sided t test of AUROC − .5 by the spread over groups; None where there is no spread."""
    if found.value is None or not found.se:
        return None
    left_out = statistic.without_each()[statistic.groups.present]
    left_out = left_out[np.isfinite(left_out)]
    se = float(np.sqrt(jackknife_variance(left_out))) if len(left_out) > 1 else 0.0
    if not se:
        return None
    return float(2 * stats.t.sf(abs(found.value - 0.5) / se, max(found.effective_groups - 1.0, 1.0)))


def _weights(
    case: Case,
    outcome: Outcome,
    table: CueTable,
    names: list[str],
    fitted: _Fitted,
    groups: Groups,
    *,
    found: bool,
) -> None:
    """What the model looks at: mean standardised weight over folds, and in how many folds it is kept."""
    if not len(fitted.weights):
        return
    mean, kept = fitted.weights.mean(axis=0), (fitted.weights != 0).mean(axis=0)
    order = np.argsort(-np.abs(mean))
    fusion = case.options.fusion
    for at in order:
        if kept[at] > 0:
            outcome.value(
                "cue_weight:misled",
                fusion,
                float(mean[at]),
                slice=f"cue={names[at]}",
                method=f"mean over folds; kept in {kept[at]:.0%} of them",
                n_clips=len(groups),
                n_groups=groups.distinct,
            )
    steady = [at for at in order if kept[at] == 1.0][:_SHOWN]
    if not found:
        message = "the model of when fusion is misled is not shown to be better than chance, so its weights say nothing"
    elif steady:
        units = dict(zip(table.names, table.units, strict=True))
        told = [
            f"{names[at]} ({number(float(mean[at]))} per standard deviation, {units[names[at]]})"
            for at in steady
        ]
        message = f"cues that the model of when fusion is misled keeps in every fold: {listed(told)}"
    else:
        message = "no cue is kept in every fold of the model of when fusion is misled, so its cues are not to be named"
    outcome.find("passed", sentence(message), source=fusion, slice="weights", measure="cue_weight:misled")
