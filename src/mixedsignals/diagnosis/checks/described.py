"""How well every signal and every baseline ranks clips by what is known of them; it describes and tests nothing.

A signal of disagreement is worth its trouble only where it beats the plain confidence of fusion, or adds to it; what it
adds is the question of `informative`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from mixedsignals.diagnosis.checks.agreement import noise_of_majorities
from mixedsignals.diagnosis.checks.informative import HEADLINE, SPOKEN, signals_and_targets
from mixedsignals.diagnosis.evidence import Case, Floats, Ints
from mixedsignals.diagnosis.results import Outcome, Status
from mixedsignals.diagnosis.words import listed, number, with_interval
from mixedsignals.measures.correlation import kendall, partial_spearman, spearman
from mixedsignals.measures.coverage import risk_area, risk_at_coverage
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import EXACT_CLIPS, Estimate, Resampling
from mixedsignals.measures.ranking import auprc, auroc, base_rate
from mixedsignals.measures.ranks import dense_ranks

__all__ = ["signals_described"]

SIGNAL_WORDS = {
    "jsd": "the divergence of the modalities",
    "mean_total_variation": "their total variation",
    "collision_disagreement": "their chance to differ when drawn",
    "fusion_gap": "the divergence of fusion from their mean",
    "conflict": "their conflict",
    "fused_entropy": "the entropy of fusion",
    "fused_doubt": "the doubt of fusion",
    "mean_unimodal_entropy": "the mean entropy of the modalities",
    "seed_disagreement": "the disagreement of seeds",
}


def fold_of(case: Case) -> Ints | None:
    """The fold in which each clip is tested, -1 where none; None where no splits are known."""
    splits = case.evidence.splits
    if splits is None or not len(splits):
        return None
    tests = splits.filter(pl.col("role") == "test").unique("clip_id", keep="first", maintain_order=True)
    fold = np.full(len(case), -1, dtype=np.int64)
    known = tests.filter(tests["clip_id"].is_in(case.clip_ids.implode()))
    fold[case.at(known["clip_id"])] = known["fold"].to_numpy()
    return fold + 1


def coarse(case: Case) -> Groups:
    """Groups for measures that need the order of all clips: at most 200 blocks of them, so that each can be left out.

    With very many clips these measures sum the influence of each group instead, and groups stay as they are.
    """
    return case.groups.blocks(200) if len(case) <= EXACT_CLIPS else case.groups


def signals_described(case: Case) -> Outcome:
    """MS502: how well each signal and baseline ranks clips by each target; a tip when no disagreement ranks better."""
    signals, targets = signals_and_targets(case)
    # All that follows depends on the order of the clips alone, so each signal is ranked once for all targets.
    every = {
        signal: dense_ranks(values)
        for signal, values in {**signals.disagreement, **signals.described, **signals.baselines}.items()
    }
    sure_of_fusion = dense_ranks(signals.confidences[:, 0])
    outcome, fold = Outcome(), fold_of(case)
    options = Resampling(level=case.options.level)
    for name, target in targets.items():
        if isinstance(target, str):
            message = f"How well signals rank clips by {SPOKEN[name]} is not applicable: {target}."
            outcome.find("not_applicable", message, source="models", slice=f"target={name}")
            continue
        rate = base_rate(target)
        outcome.value(f"base_rate:{name}", "models", rate, n_clips=int(np.isfinite(target).sum()))
        reached = {}
        for signal, values in every.items():
            found = auroc(values, target, case.groups, strata=fold, options=options)
            outcome.estimate(f"auroc:{signal}->{name}", "models", found)
            ranked = auprc(values, target, coarse(case), strata=fold, options=options)
            outcome.estimate(f"auprc:{signal}->{name}", "models", ranked)
            if name == "annotator_uncertainty":
                _correlated(case, outcome, signal, values, target)
            if signal not in signals.baselines:
                held = partial_spearman(values, target, sure_of_fusion, coarse(case), options=options)
                outcome.estimate(f"partial_spearman:{signal}->{name}", "models", held)
            if found.value is not None:
                reached[signal] = found
        if not reached:
            message = f"No signal can be ranked against {SPOKEN[name]}: it is the same on every clip."
            outcome.find("not_applicable", message, source="models", slice=f"target={name}")
            continue
        _rank(case, outcome, name, reached, list(signals.baselines), rate)
    _coverage(case, outcome, every, targets)
    return outcome


def _rank(
    case: Case,
    outcome: Outcome,
    name: str,
    reached: Mapping[str, Estimate],
    baselines: Sequence[str],
    rate: float | None,
) -> None:
    """Which signal ranks the clips best, and whether a baseline beats all disagreement beyond their intervals."""
    plain = {signal: found for signal, found in reached.items() if signal in baselines}
    apart = {signal: found for signal, found in reached.items() if signal not in baselines}
    first, best = (max(some, key=lambda s: some[s].value or 0.0, default="") for some in (plain, apart))
    told = listed(
        f"{SIGNAL_WORDS[s]} {with_interval(reached[s])}"
        for s in dict.fromkeys((HEADLINE, best, first, "fused_doubt"))
        if s in reached
    )
    share = "on average" if name == "annotator_uncertainty" else "the share is"
    message = f"AUROC for {SPOKEN[name]} ({share} {number(rate)}; chance is .50): {told}."
    one, other = plain.get(first), apart.get(best)
    ahead = one is not None and other is not None and (one.value or 0.0) > (other.value or 0.0)
    clear = ahead and one.low is not None and other.high is not None and one.low > other.high  # type: ignore[union-attr]
    if clear:
        message = f"{_capital(SIGNAL_WORDS[first])} ranks better than any signal of disagreement. {message}"
    elif ahead:
        message = f"No signal of disagreement is shown to rank better than {SIGNAL_WORDS[first]}. {message}"
    if name != "annotator_uncertainty" and (noise := noise_of_majorities(case)):
        message += f" Targets are majorities of votes, and {noise}."
    status: Status = "tip" if ahead else "passed"
    outcome.find(status, message, source="models", slice=f"target={name}", measure=f"auroc:{best}->{name}")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _correlated(case: Case, outcome: Outcome, signal: str, values: Floats, target: Floats) -> None:
    options, groups = Resampling(level=case.options.level), coarse(case)
    arrow = f"{signal}->annotator_uncertainty"
    outcome.estimate(f"spearman:{arrow}", "models", spearman(values, target, groups, options=options))
    if 10 <= np.isfinite(values + target).sum() <= 5_000:
        outcome.estimate(f"kendall:{arrow}", "models", kendall(values, target, groups, options=options))


def _coverage(
    case: Case, outcome: Outcome, ranks: Mapping[str, Floats], targets: Mapping[str, Floats | str]
) -> None:
    """Risk against coverage when clips are left out by fused doubt, or by the divergence of the modalities."""
    wrong = targets.get("fused_error")
    if wrong is None or isinstance(wrong, str):
        return
    options, groups = Resampling(level=case.options.level), coarse(case)
    for name in ("fused_doubt", HEADLINE):
        doubt = ranks[name]
        for area in ("aurc", "excess_aurc", "augrc"):
            found = risk_area(-doubt, wrong, groups, area=area, options=options)
            outcome.estimate(f"{area}:{name}", "models", found)
        for share in (0.7, 0.8, 0.9):
            found = risk_at_coverage(-doubt, wrong, groups, coverage=share, options=options)
            outcome.estimate(f"risk_at_{share:.0%}:{name}".replace("%", ""), "models", replace(found, p=None))
