"""The clips worth looking at: one stated score, what kind each clip is, and how well the score finds what is known.

The score is the entropy of the mean of all calibrated distributions, fusion and parts, over the largest possible
one: high when sources are unsure, and when they are sure of different things. It uses no truth about the clip itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixedsignals.diagnosis.calibrating import sure
from mixedsignals.diagnosis.checks.informative import signals_and_targets
from mixedsignals.diagnosis.evidence import Bools, Case, Floats, Ints
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.words import count, listed, number, percent, sentence, with_interval
from mixedsignals.measures.disagreement import outcomes
from mixedsignals.measures.divergence import confidence, entropy
from mixedsignals.measures.inference import Resampling, rate
from mixedsignals.measures.ranking import base_rate
from mixedsignals.measures.votes import majority, top_share

__all__ = ["KINDS", "challenge", "challenging_clips", "kinds_of_clips"]

KINDS = {
    "ambiguous": "ambiguous to people",
    "misled": "misled by one modality",
    "label_error": "probably labelled wrongly",
    "ignorance": "unknown to fusion although people agree",
}
TOP = 0.1
"""Share of the clips that counts as the top of the ranking."""

SURE = 0.8
"""Confidence from which fusion is held to be sure."""

DIVIDED, AGREED = 2 / 3, 0.8
"""Share of the votes for the most frequent label below which people are divided, and from which they agree."""

FEWEST_VOTES = 3
_TARGETS = {
    "annotator_uncertainty": "two people disagree on",
    "fused_error": "fusion errs on",
    "misled": "it is misled on",
}
_AMONG = {"misled": "those where it parts from a source"}
"""What a target is a share of, where that is not all clips."""


@dataclass(frozen=True, eq=False)
class Kinds:
    """Which clips are of which kind, (clips,) each, and the modality that misled each clip (index of part, -1)."""

    by_name: dict[str, Bools]
    misleading: Ints


def challenge(case: Case) -> Floats:
    """The challenge score of every clip, (clips,) in [0, 1]; NaN where fusion or every part is missing."""
    fusion, parts = case.need_fusion(), case.need_parts()
    fused = sure(case, fusion)
    each = np.stack([sure(case, part) for part in parts])
    there: Bools = np.all(np.isfinite(each), axis=-1)
    total = np.where(there[..., None], each, 0.0).sum(0) + fused
    middle = total / (there.sum(0) + 1)[:, None]
    scores = entropy(middle) / np.log2(len(case.labels))
    return np.where(there.any(0), scores, np.nan)


def kinds_of_clips(case: Case) -> Kinds:
    """The kinds of every clip; a clip may be of several, or of none. Without targets or votes, the kinds that need
    them are left out; what is not known of one clip counts as not so.

    Ambiguous: three votes or more under the fullest condition, and no label has two thirds of them.
    Misled: fusion is wrong, a part is right, and one part alone has the label of fusion. Label error: fusion is sure
    (.8) of another label than the target, most parts say the same, and people's majority, where it is independent of
    the target, does not say the target. Ignorance: fusion is wrong or among the tenth least sure, and people agree: one
    label has four fifths of three votes or more, and it is the target where that is independent of the votes.
    """
    fusion, parts = case.need_fusion(), case.need_parts()
    fused = sure(case, fusion)
    known = (case.target >= 0) & fusion.present
    wrong = known & (fusion.voted != case.target)
    voted = np.stack([part.voted for part in parts])
    with_fusion = (voted == fusion.voted) & (voted >= 0)
    misled = outcomes(voted, fusion.voted, case.target).misled & (with_fusion.sum(0) == 1)
    sides_against = with_fusion.sum(0) > len(parts) / 2
    label_error = wrong & (confidence(np.nan_to_num(fused)) >= SURE) & sides_against
    found: dict[str, Bools] = {}
    if case.votes:
        counts = case.votes[case.fullest_votes]
        enough = counts.sum(1) >= FEWEST_VOTES
        top = np.where(enough, top_share(counts), np.nan)
        # Shares of whole votes: a billionth keeps four of five from being a little less than four fifths.
        found["ambiguous"] = np.nan_to_num(top, nan=1.0) < DIVIDED - 1e-9
        agreed = np.nan_to_num(top, nan=0.0) >= AGREED - 1e-9
        if case.evidence.target_source != "votes":
            leader = majority(counts)
            label_error = label_error & ~(enough & (leader == case.target))
            agreed = agreed & ((case.target < 0) | (leader == case.target))
        unsure = entropy(fused)
        limit = np.nanquantile(unsure, 0.9) if np.isfinite(unsure).any() else np.inf
        found["ignorance"] = agreed & (wrong | (np.nan_to_num(unsure) >= limit)) & ~label_error
    if known.any():
        found |= {"misled": misled, "label_error": label_error}
    found = {name: found[name] for name in KINDS if name in found}
    return Kinds(found, np.where(misled, with_fusion.argmax(0), -1))


def challenging_clips(case: Case) -> Outcome:
    """MS701: the ranking, the kinds of its clips, and its precision against chance on what is known."""
    scores = challenge(case)
    if not np.isfinite(scores).any():
        raise NotApplicable("No clip was predicted by fusion and by a part, so none can be ranked.")
    outcome, kinds = Outcome(), kinds_of_clips(case)
    outcome.score(case.clip_ids, case.options.fusion, "challenge", scores)
    for name, those in kinds.by_name.items():
        outcome.score(case.clip_ids, case.options.fusion, f"kind:{name}", np.where(those, 1.0, np.nan))
    known = int(np.isfinite(scores).sum())
    ranked = np.argsort(-np.nan_to_num(scores, nan=-1.0), kind="stable")[:known]
    amount = max(1, round(TOP * known))
    told = _precision(case, outcome, ranked[:amount])
    for name, those in kinds.by_name.items():
        share = rate(those.astype(float), case.groups, options=Resampling(level=case.options.level))
        outcome.estimate(f"kind:{name}", case.options.fusion, share)
    counted = [f"{int(those.sum()):,} {KINDS[name]}" for name, those in kinds.by_name.items()]
    kinds_said = (
        f"{listed(counted)} (a clip may be of several kinds)" if counted else "none can be told apart by kind"
    )
    message = f"of {count(known, 'clip')}, {kinds_said}"
    lacking = [KINDS[name] for name in KINDS if name not in kinds.by_name]
    lack = "votes" if not case.votes else "targets"
    message += f"; without {lack} it is not known which are {listed(lacking)}" if lacking else ""
    message += f". Among the tenth with the highest challenge score {listed(told)}" if told else ""
    outcome.find(
        "tip", sentence(message), source=case.options.fusion, measure="precision:challenge->fused_error"
    )
    _clips(case, outcome, kinds, scores, ranked)
    return outcome


def _precision(case: Case, outcome: Outcome, top: Ints) -> list[str]:
    """How often the top of the ranking is what is known to be hard, beside the mean over all clips."""
    _, targets = signals_and_targets(case) if len(case.parts) > 1 else (None, {})
    told = []
    for name, words in _TARGETS.items():
        target = targets.get(name, "")
        if isinstance(target, str) or not np.isfinite(target[top]).any():
            continue
        found = rate(target[top], case.groups.take(top), options=Resampling(level=case.options.level))
        everywhere = base_rate(target)
        outcome.estimate(f"precision:challenge->{name}", case.options.fusion, found)
        chance = f"chance:precision:challenge->{name}"
        among = _AMONG.get(name, "all clips")
        outcome.value(chance, case.options.fusion, everywhere, method=f"mean of {among}")
        told.append(f"{words} {with_interval(found)} ({number(everywhere)} of {among})")
    return told


def _clips(case: Case, outcome: Outcome, kinds: Kinds, scores: Floats, ranked: Ints) -> None:
    """One finding for each of the first clips that are of some kind."""
    if not kinds.by_name:
        return
    some = np.any(list(kinds.by_name.values()), axis=0)
    chosen = [int(row) for row in ranked if some[row]][: case.options.shown_clips]
    place = {int(row): at for at, row in enumerate(ranked, start=1)}
    for row in chosen:
        names = [name for name, those in kinds.by_name.items() if those[row]]
        said = [_why(case, kinds, row, name) for name in names]
        message = f"rank {place[row]} of {len(ranked):,} (challenge {number(float(scores[row]))}): {'; '.join(said)}"
        outcome.find(
            "tip",
            sentence(message),
            source=case.options.fusion,
            clip_id=str(case.clip_ids[row]),
            severity="medium" if "label_error" in names else "low",
            measure="challenge",
        )


def _why(case: Case, kinds: Kinds, row: int, name: str) -> str:
    """What makes one clip of a kind, in words with its numbers."""
    fusion, labels = case.need_fusion(), case.labels.names
    target = labels[case.target[row]] if case.target[row] >= 0 else "not known"
    said = labels[fusion.voted[row]]
    p = percent(float(sure(case, fusion)[row].max()))
    if name == "ambiguous":
        votes = case.votes[case.fullest_votes][row]
        split = ", ".join(f"{int(n)} {labels[c]}" for c, n in enumerate(votes) if n)
        return f"ambiguous to people ({split})"
    if name == "misled":
        return (
            f"fusion says {said} like {case.parts[kinds.misleading[row]].name} alone, the target is {target}"
        )
    if name == "label_error":
        return f"the target {target} is probably wrong: fusion says {said} with {p}, and most parts agree"
    return f"people agree, fusion does not know (it says {said} with {p}; the target is {target})"
