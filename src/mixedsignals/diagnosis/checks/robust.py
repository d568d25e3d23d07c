"""What other changes of a modality do to fusion: withheld, lent by a clip of the same label, noise, altered recordings.

Every change is compared with the same source on the unaltered clip. Recordings are encoded again before they are
changed, so what encoding alone does stands beside what the change does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from mixedsignals.diagnosis.evidence import Case, Floats
from mixedsignals.diagnosis.probing import (
    MEDIA_PLAIN,
    PLAIN,
    PlainAnswers,
    ProbedSource,
    Trials,
    probed_sources,
)
from mixedsignals.diagnosis.results import NotApplicable, Outcome, Severity, Status
from mixedsignals.diagnosis.swaps import MEDIA_SWAP, SWAP
from mixedsignals.diagnosis.words import brief, count, listed, sentence, verb
from mixedsignals.measures.arrays import floats
from mixedsignals.measures.crossed import across_seeds
from mixedsignals.measures.following import against_zero, follow_statistic
from mixedsignals.measures.inference import SIGNED, Combination, Estimate, Resampling, Statistic, within

__all__ = ["spoken", "what_a_change_does"]

BRITTLE = 0.05
"""Changed decisions that noise of 20 dB or less, or encoding again, may cause (lower bound) before it is told."""

LITTLE = 0.02
"""Accuracy that a mismatched pair may cost or bring (the nearer bound) before it is told."""

FAINT = 20
"""Signal to noise, in dB, from which on noise should hardly matter."""

_NOISE = re.compile(r"^(media:)?noise:(-?\d+(?:\.\d+)?)$")


def what_a_change_does(case: Case) -> Outcome:
    """MS914: decisions changed, probability moved and accuracy lost by every probe but swaps."""
    outcome = Outcome()
    for source in probed_sources(case):
        probes = [name for name in source.probes if name not in (PLAIN, SWAP, MEDIA_SWAP)]
        try:
            if not probes:
                raise NotApplicable(f"{source.name} was asked about swaps alone.")
            for probe in probes:
                _one(case, outcome, source, probe)
        except NotApplicable as reason:
            outcome.find("not_applicable", str(reason), source=source.name)
    return outcome


def spoken(probe: str) -> str:
    """A probe in words: `noise:10` is `noise at 10 dB`."""
    media = probe.startswith("media:")
    kind, _, amount = probe.removeprefix("media:").partition(":")
    words = {
        "mute": "muting the recording of a modality" if media else "withholding a modality",
        "mismatch": "taking a modality from a clip of the same label",
        "freeze": "freezing the picture",
        "negate": "negating the words",
        "plain": "encoding again without any change",
        "noise": f"noise at {amount} dB{' in the recording' if media else ''}",
        "shift": f"shifting sound against picture by {amount} ms",
    }
    return words.get(kind, probe)


def _one(case: Case, outcome: Outcome, source: ProbedSource, probe: str) -> None:
    base, where = source.baseline_of(probe), f"probe={probe}"
    told, loss, changed = [], {}, {}
    for modality, trials in source.of(probe).items():
        if not len(trials.clip):
            continue
        name = f"{probe}={modality}"
        changed[modality] = _averaged(case, trials, _changed(trials, base), scale="logit")
        outcome.estimate("probe_change", source.name, changed[modality], slice=name)
        moved = _averaged(case, trials, _distance(trials, base), scale="identity")
        outcome.estimate("probe_distance", source.name, within(moved, (0.0, 1.0)), slice=name)
        part = f"{brief(changed[modality])} of decisions{'' if '+' in modality else f' ({modality})'}"
        lost = _lost(case, trials, base)
        if lost.value is not None:
            loss[modality] = lost
            outcome.estimate("probe_loss", source.name, lost, slice=name)
            part += f" and accuracy by {_signed(lost)}"
        if probe.startswith("media:") and probe != MEDIA_PLAIN:
            part += _beyond_encoding(case, outcome, source, probe, trials)
        told.append(part)
    if not told:
        message = f"{spoken(probe)}: no clip was asked about it in every seed."
        outcome.find("not_applicable", sentence(message), source=source.name, slice=where)
        return
    status, severity, verdict = _verdict(source.name, probe, changed, loss)
    clips = max(found.n_clips for found in changed.values())
    message = f"{spoken(probe)} changes {'; '.join(told)}; {count(clips, 'clip')}"
    message = sentence(message) + (f" {sentence(verdict)}" if verdict else "")
    outcome.find(status, message, source=source.name, slice=where, measure="probe_change", severity=severity)


def _changed(trials: Trials, base: PlainAnswers) -> Floats:
    """1 where the most probable label is another, (seeds, trials)."""
    return floats(trials.predicted != base.predicted[:, trials.clip])


def _distance(trials: Trials, base: PlainAnswers) -> Floats:
    """Total variation from the unaltered answer, (seeds, trials)."""
    return floats(np.abs(trials.probability - base.probability[:, trials.clip]).sum(-1) / 2.0)


def _averaged(case: Case, trials: Trials, values: Floats, *, scale: str) -> Estimate:
    each = _statistics(case, trials, values)
    return across_seeds(each, scale=scale, options=Resampling(level=case.options.level))  # type: ignore[arg-type]


def _statistics(case: Case, trials: Trials, values: Floats) -> list[Statistic]:
    return [follow_statistic(one, trials.clip, trials.donor, case.groups) for one in values]


def _tested(case: Case, each: Iterable[Statistic]) -> Estimate:
    found = across_seeds(list(each), options=Resampling(level=case.options.level))
    return within(against_zero(found), SIGNED)


def _lost(case: Case, trials: Trials, base: PlainAnswers) -> Estimate:
    """Accuracy on the unaltered clip less that after the change; absent without targets."""
    target = case.target[trials.clip]
    before, after = base.predicted[:, trials.clip] == target, trials.predicted == target
    lost = np.where(target >= 0, before.astype(np.float64) - after, np.nan)
    if not (target >= 0).any():
        return Estimate.absent("no target", level=case.options.level)
    return _tested(case, _statistics(case, trials, lost))


def _signed(lost: Estimate) -> str:
    """A loss of accuracy as a change of it."""
    low, high = (None if end is None else -end for end in (lost.high, lost.low))
    return brief(replace(lost, value=-(lost.value or 0.0), low=low, high=high))


def _beyond_encoding(case: Case, outcome: Outcome, source: ProbedSource, probe: str, trials: Trials) -> str:
    """How many more decisions change than by encoding the same clips again."""
    again = source.media_plain.predicted != source.plain.predicted
    known = (source.media_plain.predicted >= 0) & (source.plain.predicted >= 0)
    alone = np.where(known, again, np.nan)[:, trials.clip]
    pairs = zip(
        _statistics(case, trials, np.where(np.isnan(alone), np.nan, _changed(trials, source.media_plain))),
        _statistics(case, trials, alone),
        strict=True,
    )
    found = _tested(case, [Combination(pair, (1.0, -1.0)) for pair in pairs])
    outcome.estimate("excess:probe_change", source.name, found, slice=f"{probe}={trials.modality}")
    if found.value is None:
        return ""
    more = found.low is not None and found.low > 0
    return f" ({brief(found)} of decisions beyond encoding again{'' if more else ', not shown to be more'})"


def _verdict(
    name: str, probe: str, changed: dict[str, Estimate], lost: dict[str, Estimate]
) -> tuple[Status, Severity, str]:
    """What is to be said of a probe, and how much it matters."""
    better = [m for m, found in lost.items() if found.high is not None and found.high < 0]
    worse = [m for m, found in lost.items() if found.low is not None and found.low > LITTLE]
    often = [m for m, found in changed.items() if found.low is not None and found.low > BRITTLE]
    level = _NOISE.match(probe)
    if probe.removeprefix("media:") == "mute" and better:
        return "issue", "medium", f"{name} is right more often without {listed(better)}"
    if probe == MEDIA_PLAIN and often:
        return "issue", "medium", "encoding the same recordings again changes decisions by itself"
    if level and float(level[2]) >= FAINT and often:
        return (
            "tip",
            "low",
            f"noise this faint should hardly matter, and {name} is brittle to it in {listed(often)}",
        )
    gains = [m for m in better if (lost[m].high or 0.0) < -LITTLE]
    if probe == "mismatch" and (worse or gains):
        return "tip", "low", f"{name} {_of_pairing(worse, gains)}"
    return "passed", "none", ""


def _of_pairing(worse: Sequence[str], better: Sequence[str]) -> str:
    """What it means that accuracy changes with a modality of the same label from another clip."""
    names = worse or better
    come = f"when {listed(names)} {verb(len(names), 'comes', 'come')} from another clip of the same label"
    if worse:
        return f"loses accuracy {come}, so it leans on how modalities belong together"
    return f"gains accuracy {come}: its modalities err on the same clips"
