"""Does disagreement track people's uncertainty, fusion's errors and being misled, beyond what confidence says?

Signals and baselines are described by AUROC, average precision and rank correlation. The claim itself rests on one
test of one signal, named beforehand: what is left of the divergence of the modalities, and of the target, once
confidence is known. Its answer is yes, a little, no, or cannot be told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mixedsignals.diagnosis.calibrating import sure
from mixedsignals.diagnosis.checks.agreement import noise_of_majorities
from mixedsignals.diagnosis.checks.humans import human_gain_p
from mixedsignals.diagnosis.evidence import Case, Floats, Ints
from mixedsignals.diagnosis.results import NotApplicable, Outcome, Severity, Status
from mixedsignals.diagnosis.words import number, p_value, sentence, with_interval
from mixedsignals.measures.association import Association, associations
from mixedsignals.measures.divergence import (
    collision_disagreement,
    confidence,
    conflict,
    entropy,
    fusion_gap,
    jensen_shannon,
    mean_entropy,
    mean_total_variation,
    seed_disagreement,
)
from mixedsignals.measures.inference import Resampling
from mixedsignals.measures.significance import holm
from mixedsignals.measures.votes import rater_disagreement

__all__ = [
    "Signals",
    "beyond_confidence",
    "signals_and_targets",
    "signals_of",
    "targets_of",
]

HEADLINE = "jsd"
TARGETS = ("annotator_uncertainty", "fused_error", "misled")
SPOKEN = {
    "annotator_uncertainty": "people's uncertainty",
    "fused_error": "errors of fusion",
    "misled": "fusion being misled, where it parts from a source",
}
_GOES_WITH = {
    "annotator_uncertainty": ("more uncertainty of people", "less uncertainty of people"),
    "fused_error": ("more errors of fusion", "fewer errors of fusion"),
    "misled": (
        "fusion being misled more often, where it parts from a source",
        "fusion being misled less often, where it parts from a source",
    ),
}
"""What goes with more disagreement, by the sign of the test."""
_STATUS: dict[str, tuple[Status, Severity]] = {
    "yes": ("tip", "medium"),
    "a little": ("tip", "low"),
    "no": ("passed", "none"),
    "cannot be told": ("tip", "low"),
}


@dataclass(frozen=True, eq=False)
class Signals:
    """Signals of disagreement and baselines of every clip, by name, (clips,) each; more is less sure.

    `described` signals are ranked beside the others, but are not among those that are tested jointly.
    """

    disagreement: Mapping[str, Floats]
    described: Mapping[str, Floats]
    baselines: Mapping[str, Floats]
    confidences: Floats


def signals_of(case: Case, rows: Mapping[str, Ints] | None = None) -> Signals:
    """The signals of a case; `rows` may pair each part with the rows of other clips (the negative control)."""
    fusion, parts = case.need_fusion(), case.need_parts()
    if len(parts) < 2:
        raise NotApplicable(
            f"Only {parts[0].name} was given a single modality; disagreement needs two or more."
        )
    fused = sure(case, fusion)
    each = np.stack([sure(case, p) if rows is None else sure(case, p)[rows[p.name]] for p in parts])
    disagreement = {
        HEADLINE: jensen_shannon(each),
        "mean_total_variation": mean_total_variation(each),
        "collision_disagreement": collision_disagreement(each),
        "fusion_gap": fusion_gap(fused, each),
    }
    baselines = {
        "fused_entropy": entropy(fused),
        "fused_doubt": 1.0 - confidence(fused),
        "mean_unimodal_entropy": mean_entropy(each),
    }
    if len(fusion.seeds) > 1:
        baselines["seed_disagreement"] = seed_disagreement(fusion.probability)
    sure_of = np.stack([confidence(fused), *(confidence(one) for one in each)], axis=1)
    return Signals(disagreement, {"conflict": conflict(each)}, baselines, sure_of)


def targets_of(case: Case) -> dict[str, Floats | str]:
    """Each target of prediction as (clips,) in [0, 1], NaN where not known, or the reason why there is none."""
    fusion = case.need_fusion()
    found: dict[str, Floats | str] = {}
    if case.votes:
        apart = rater_disagreement(case.votes[case.fullest_votes])
        enough = np.isfinite(apart).any()
        found["annotator_uncertainty"] = apart if enough else "no clip has two votes"
    else:
        found["annotator_uncertainty"] = "there are no votes"
    known = (case.target >= 0) & fusion.present
    if not known.any():
        return found | {
            "fused_error": "no predicted clip has a target",
            "misled": "no predicted clip has a target",
        }
    wrong = np.where(known, fusion.voted != case.target, np.nan)
    found["fused_error"] = wrong
    voted = np.stack([part.voted for part in case.need_parts()])
    parts_somewhere = ((voted >= 0) & (voted != fusion.voted)).any(0)
    right = ((voted == case.target) & (case.target >= 0)).any(0)
    misled = np.where(known & parts_somewhere, (wrong == 1) & right, np.nan)
    found["misled"] = misled if np.isfinite(misled).any() else "fusion parts from no source on any clip"
    return found


def signals_and_targets(case: Case) -> tuple[Signals, dict[str, Floats | str]]:
    """Both, computed once per case."""
    return case.once("signals", lambda: signals_of(case)), case.once("targets", lambda: targets_of(case))


def beyond_confidence(case: Case) -> Outcome:
    """MS501: the verdict for each target, by the cross-fitted residual test of the divergence of the modalities."""
    _, targets = signals_and_targets(case)
    outcome = Outcome()
    for name, target in targets.items():
        if isinstance(target, str):
            message = f"Whether disagreement tells about {SPOKEN[name]} is not applicable: {target}."
            outcome.find("not_applicable", message, source="models", slice=f"target={name}")
    made, adjusted = confirmatory(case)
    control = _control(case)
    for name, found in made.items():
        noise = "" if name == "annotator_uncertainty" else noise_of_majorities(case)
        _say(outcome, name, found, adjusted[name], control.get(name), noise)
    return outcome


def confirmatory(case: Case) -> tuple[dict[str, Association], dict[str, float | None]]:
    """The association with each target, and Holm's p-values of the family: one per target, and `human_gain`."""

    def make() -> tuple[dict[str, Association], dict[str, float | None]]:
        signals, targets = signals_and_targets(case)
        shown = np.stack(list(signals.disagreement.values()), axis=1)
        made = _associated(case, targets, shown, signals.confidences)
        family = holm([*(found.p for found in made.values()), human_gain_p(case)])
        return made, dict(zip([*made, "human_gain"], family, strict=True))

    return case.once("confirmatory", make)


def _associated(
    case: Case, targets: Mapping[str, Floats | str], shown: Floats, base: Floats
) -> dict[str, Association]:
    """What the signals add to the base for each target that there is."""
    known = {name: target for name, target in targets.items() if not isinstance(target, str)}
    options = Resampling(level=case.options.level)
    folds, seed = case.options.calibration_folds, case.options.seed
    found = associations(
        list(known.values()), shown, base, case.groups, folds=folds, seed=seed, options=options
    )
    return dict(zip(known, found, strict=True))


def _verdict(name: str, found: Association) -> str:
    """The answer, which begins with one of four phrases, and in which direction it goes."""
    more, fewer = _GOES_WITH[name]
    other = found.t is not None and found.t < 0
    goes = f"beyond confidence, more disagreement of the modalities goes with {fewer if other else more}"
    way = ", but the other way round" if other else ""
    if found.verdict == "yes":
        return f"Yes{way}: {goes}"
    if found.verdict == "a little":
        return f"A little{way}: {goes}, perhaps too little to matter"
    if found.verdict == "no":
        return f"No: once confidence is known, disagreement adds nothing that matters about {SPOKEN[name]}"
    least = f"; the smallest gain in AUROC that they could have shown is {number(found.detectable, 3)}"
    return (
        f"It cannot be told with this many clips whether disagreement adds anything to confidence about "
        f"{SPOKEN[name]}{least if found.detectable is not None else ''}"
    )


def _say(
    outcome: Outcome,
    name: str,
    found: Association,
    adjusted: float | None,
    control: Association | None,
    noise: str,
) -> None:
    where = f"target={name}"
    if found.verdict is None:
        message = f"Whether disagreement tells about {SPOKEN[name]} is not applicable: {found.note}."
        outcome.find("not_applicable", message, source="models", slice=where)
        return
    outcome.estimate(f"delta_auroc:{name}", "models", found.delta_auroc, p_adjusted=adjusted)
    outcome.estimate(f"delta_log_loss:{name}", "models", found.delta_log_loss)
    behind = {"n_clips": found.delta_auroc.n_clips, "n_groups": found.delta_auroc.n_groups}
    outcome.value(
        f"residual_correlation:{name}",
        "models",
        found.correlation,
        method="cross-fitted residuals",
        n_clips=behind["n_clips"],
        n_groups=behind["n_groups"],
        p=found.p,
    )
    if found.detectable is not None:
        method = "2.8 standard errors of the gain in AUROC"
        outcome.value(f"detectable:{name}", "models", found.detectable, method=method, **behind)  # type: ignore[arg-type]
    told = (
        f"{_verdict(name, found)}. Gain in AUROC over confidence alone "
        f"{with_interval(found.delta_auroc, digits=3)}; residual test of the divergence {p_value(found.p)}"
    )
    if adjusted is not None:
        told += f", {p_value(adjusted)} after Holm"
    if found.p is not None and found.p < 0.05 and (adjusted or 0.0) >= 0.05:
        told += ", so among the questions asked together it is a hint and no more"
    if found.verdict != "cannot be told" and found.detectable is not None:
        told += f"; these clips could have shown a gain of {number(found.detectable, 3)}"
    if control is not None and control.p is not None:
        outcome.estimate(f"control:delta_auroc:{name}", "models", control.delta_auroc.with_p(control.p))
        told += f"; with modalities of other clips of the same label and speaker {p_value(control.p)}"
        if control.p < 0.05:
            told += (
                ": the control finds something too, so this belongs to labels or speakers, or confidence was not "
                "removed well, and is not to be trusted of single clips"
                if found.verdict in ("yes", "a little")
                else ": what the control finds belongs to labels or speakers, not to single clips"
            )
    told += f". Targets are majorities of votes, and {noise}" if noise else ""
    status, severity = _STATUS[found.verdict]
    measure = f"delta_auroc:{name}"
    outcome.find(status, sentence(told), source="models", slice=where, severity=severity, measure=measure)


def _control(case: Case) -> dict[str, Association]:
    """The same test with the modalities of another clip of the same label and speaker: it should find nothing.

    Only the divergence of the modalities among themselves counts here: they still know the label, so how far fusion
    lies from them would tell its errors.
    """
    known = case.target >= 0
    cell = case.groups.codes * (len(case.labels) + 1) + case.target + 1
    rng = np.random.default_rng(case.options.seed)
    rows = {part.name: _elsewhere(cell, rng) for part in case.parts}
    moved = np.mean([(taken != np.arange(len(case))).mean() for taken in rows.values()])
    if not known.any() or moved < 0.5:
        return {}
    signals = signals_of(case, rows)
    shown = signals.disagreement[HEADLINE][:, None]
    _, targets = signals_and_targets(case)
    return _associated(case, targets, shown, signals.confidences)


def _elsewhere(cell: Ints, rng: np.random.Generator) -> Ints:
    """For each clip another of the same cell, each once, in a random cycle; itself where it is alone."""
    order = np.lexsort((rng.random(len(cell)), cell))
    ordered = cell[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    last = np.append(first[1:], len(order)) - 1
    following = np.roll(order, -1)
    following[last] = order[first]
    taken = np.empty_like(order)
    taken[order] = following
    return taken
