"""Whether gates and attention weights tell which modality carried a decision: held against Shapley values across clips.

A gate says how much of a modality is let through, not what was made of it. If gates explained decisions, a clip whose
gate of audio is wider than other clips' would owe more to audio.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from mixedsignals.diagnosis.attribution import Attribution, attributions, first_of_each, largest
from mixedsignals.diagnosis.codes import codes_of
from mixedsignals.diagnosis.evidence import Case, Floats
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.seeds import mean_over
from mixedsignals.diagnosis.words import count, listed, number, sentence, verb, with_interval
from mixedsignals.measures.correlation import spearman_statistic
from mixedsignals.measures.dominance import chance_of_naming, naming_agreement, naming_excess
from mixedsignals.measures.inference import SIGNED, Estimate

__all__ = ["gates_against_shapley"]

WEAK = 0.3
"""Mean rank correlation below which weights hardly tell."""

_SAID = {"gate": "gates", "weight": "attention weights"}


@dataclass(frozen=True, eq=False)
class _Told:
    """How one kind of weight goes with Shapley values: rank correlation by modality, and how often it names the one."""

    ranks: dict[str, Estimate]
    named: Estimate
    excess: Estimate
    chance: float


def gates_against_shapley(case: Case) -> Outcome:
    """MS906: fires where gates or weights do not tell which modality carried a clip's decision."""
    table = case.evidence.gates
    if table is None or table.is_empty():
        raise NotApplicable("There are no gates or attention weights: no fused source here has any.")
    found = attributions(case)
    leading = first_of_each(found)
    outcome = Outcome()
    for one in found.values():
        for kind in _SAID:
            weights = _weights(case, one, kind)
            if weights is None:
                continue
            told = _compare(case, one, *weights)
            _record(outcome, one, kind, told)
            if leading[one.source] is one:
                _say(outcome, one, kind, told)
    if not outcome.findings:
        raise NotApplicable(
            "The gates do not vary, or are of other runs, sources or clips than those whose decisions can be taken "
            "apart."
        )
    return outcome


def _weights(case: Case, one: Attribution, kind: str) -> tuple[Floats, Floats] | None:
    """Gates or weights given everything, and Shapley values of the same seeds, both (M, seeds, clips), NaN if absent.

    Seeds that only one of them has do not count; without a common seed both are averaged. None where nothing varies.
    """
    table = case.evidence.gates
    assert table is not None
    own = table.filter(run_id=case.evidence.run_id, source=one.source, given="+".join(one.modalities))
    own = own.filter(
        pl.col("clip_id").is_in(case.clip_ids.implode()), pl.col("modality").is_in(one.modalities)
    )
    if own.is_empty():
        return None
    seeds = np.unique(own["seed"].to_numpy())
    values = np.full((len(one.modalities), len(seeds), len(case)), np.nan)
    modality = codes_of(own["modality"], pl.Enum(list(one.modalities)))
    values[modality, np.searchsorted(seeds, own["seed"].to_numpy()), case.at(own["clip_id"])] = own[
        kind
    ].to_numpy()
    shared = [seed for seed in one.seeds if seed in seeds]
    if shared:
        values = values[:, [int(np.searchsorted(seeds, seed)) for seed in shared]]
        carried = one.shapley_predicted[:, [one.seeds.index(seed) for seed in shared]]
    else:
        values, carried = (v.mean(axis=1, keepdims=True) for v in (values, one.shapley_predicted))
    values = np.where(one.present & np.isfinite(values).all(axis=(0, 1)), values, np.nan)
    varies = np.isfinite(values).any() and float(np.nanmax(values) - np.nanmin(values)) > 1e-9
    return (values, carried) if varies else None


def _compare(case: Case, one: Attribution, weights: Floats, values: Floats) -> _Told:
    ranks = {
        modality: mean_over(
            case,
            list(zip(weights[at], values[at], strict=True)),
            lambda pair: spearman_statistic(pair[0], pair[1], case.groups),
            scale="fisher",
            limits=SIGNED,
        )
        for at, modality in enumerate(one.modalities)
    }
    named = list(zip(largest(weights), largest(values), strict=True))
    return _Told(
        ranks,
        mean_over(case, named, lambda pair: naming_agreement(*pair, case.groups), scale="logit"),
        mean_over(case, named, lambda pair: naming_excess(*pair, case.groups), limits=SIGNED),
        float(np.mean([chance_of_naming(*pair) for pair in named])),
    )


def _record(outcome: Outcome, one: Attribution, kind: str, told: _Told) -> None:
    for modality, found in told.ranks.items():
        outcome.estimate(f"{kind}_rank:{modality}", one.name, found)
    outcome.estimate(f"{kind}_names_dominant", one.name, told.named)
    outcome.estimate(f"excess:{kind}_names_dominant", one.name, told.excess)
    outcome.value(
        f"chance:{kind}_names_dominant",
        one.name,
        told.chance,
        method="independent namings",
        n_clips=told.named.n_clips,
        n_groups=told.named.n_groups,
    )


def _say(outcome: Outcome, one: Attribution, kind: str, told: _Told) -> None:
    verdict, fires = _verdict(told, _SAID[kind], one.source)
    ranks = listed(
        f"{m} {with_interval(found)}" for m, found in told.ranks.items() if found.value is not None
    )
    message = (
        f"{verdict}: across {count(told.named.n_clips, 'clip')} they go with Shapley values by rank correlations of "
        f"{ranks or 'nothing, for none varies'}; the largest names the modality with the largest value on "
        f"{with_interval(told.named)} of the clips ({number(told.chance)} by chance), by {one.handled}"
    )
    outcome.find(
        "issue" if fires else "passed",
        sentence(message),
        source=one.name,
        slice=f"weights={kind}",
        measure=f"{kind}_names_dominant",
    )


def _verdict(told: _Told, what: str, source: str) -> tuple[str, bool]:
    """A clause, and whether it fires."""
    known = {m: f for m, f in told.ranks.items() if f.low is not None and f.high is not None}
    if not known:
        return f"whether the {what} of {source} tell which modality carried a decision cannot be told", False
    sides = {m: 1 if (f.low or 0.0) > 0 else -1 if (f.high or 0.0) < 0 else 0 for m, f in known.items()}
    along, against, beside = ([m for m in sides if sides[m] == side] for side in (1, -1, 0))
    if not along and not against:
        return f"the {what} of {source} do not tell which modality carried a decision", True
    strength = float(np.mean([f.value or 0.0 for f in known.values()]))
    names = told.excess.low is not None and told.excess.low > 0
    if len(along) == len(told.ranks) and names:
        weak = strength < WEAK
        return f"the {what} of {source} {'hardly ' if weak else ''}go with what each modality carries", weak
    parts = [
        f"{words} {listed(which)} {verb(len(which), 'carries', 'carry')}"
        for words, which in (
            ("go with what", along),
            ("against what", against),
            ("have nothing to do with what", beside),
        )
        if which
    ]
    parts[0] = parts[0].replace("against", "go against", 1) if not along else parts[0]
    return f"the {what} of {source} {listed(parts)}", True
