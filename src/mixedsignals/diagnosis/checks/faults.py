"""Faults of sources and labels that imitate disagreement: shuffled rows, constant sources, odd labels, odd targets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mixedsignals.diagnosis.checks.performance import chance_of
from mixedsignals.diagnosis.evidence import Case, Ints, Source
from mixedsignals.diagnosis.results import NotApplicable, Outcome, Severity, Status
from mixedsignals.diagnosis.words import called, count, listed, number, percent, sentence, share_of

__all__ = [
    "label_nobody_predicts",
    "label_of_one_rater",
    "misaligned_source",
    "source_ignores_input",
    "targets_against_votes",
]

MOST_SHIFT = 20
"""Rows by which a source is tried shifted."""

_Z = 5.0
_NAMED = 5


def misaligned_source(case: Case) -> Outcome:
    """MS005: fires for a source at chance whose rows fit the targets when shifted or sorted otherwise."""
    if not case.sources:
        raise NotApplicable("There are no predictions.")
    target = case.need_target()
    outcome = Outcome()
    for source in case.fullest.values():
        held = np.flatnonzero((target >= 0) & source.complete)
        if len(held) < 50:
            message = sentence(
                f"{source.name} predicts {count(len(held), 'clip')} with a target; 50 are needed to see an order"
            )
            outcome.find("not_applicable", message, source=source.name)
            continue
        outcome.fault("misaligned-source", source.name, 0, len(held))
        if chance_of(case, source, "accuracy").p < case.options.alpha:
            outcome.find(
                "passed", sentence(f"{source.name} fits the targets as it stands"), source=source.name
            )
            continue
        found = _best_order(case, source, target, held)
        if found is not None:
            how, share, chance = found
            message = (
                f"The rows of {source.name} are at chance as they stand, and {percent(share)} right when {how} (chance "
                f"{percent(chance)}): they seem to belong to other clips."
            )
            outcome.find("issue", message, source=source.name, severity="high")
            outcome.estimates.pop()
            outcome.fault("misaligned-source", source.name, len(held), len(held))
            continue
        confident = float(source.mean[held].max(1).mean())
        right = float((source.voted[held] == target[held]).mean())
        if confident - right > 0.2:
            message = sentence(
                f"{source.name} is right on {percent(right)} of the clips, which is chance, and {percent(confident)} "
                "sure of itself: its rows may belong to other clips, or it learned its training clips by heart."
            )
            outcome.find("tip", message, source=source.name)
        else:
            message = sentence(
                f"{source.name} is at chance, and no shift or other order of its rows fits the targets"
            )
            outcome.find("passed", message, source=source.name)
    return outcome


def _best_order(case: Case, source: Source, target: Ints, held: Ints) -> tuple[str, float, float] | None:
    """The order of rows with the most right labels, if that is far beyond chance: how, share right, chance."""
    guess, truth = source.voted[held], target[held]
    classes = len(case.labels)
    shares = np.bincount(truth, minlength=classes) / len(truth)
    chance = float(shares @ (np.bincount(guess, minlength=classes) / len(guess)))
    noise = np.sqrt(max(chance * (1 - chance), 1e-6) / len(truth))
    tried = [(how, float((guess[order] == truth).mean())) for how, order in _orders(case, held)]
    how, share = max(tried, key=lambda item: item[1])
    return (how, share, chance) if share - chance > _Z * noise else None


def _orders(case: Case, held: Ints) -> Iterator[tuple[str, Ints]]:
    """Ways in which rows get out of step: shifts, reversal, and ids sorted on one side only."""
    rows = np.arange(len(held))
    for step in range(1, min(MOST_SHIFT, len(held) - 1) + 1):
        yield f"shifted by {count(step, 'row')}", np.roll(rows, step)
        yield f"shifted by {count(step, 'row')} the other way", np.roll(rows, -step)
    yield "read backwards", rows[::-1]
    by_id = case.clip_ids.gather(held).arg_sort().to_numpy().astype(np.int64)
    yield "put in the order of sorted ids", by_id
    yield "taken back from the order of sorted ids", np.argsort(by_id)


def source_ignores_input(case: Case) -> Outcome:
    """MS006: fires for a source whose probabilities hardly vary, or that says one label nearly always."""
    if not case.sources:
        raise NotApplicable("There are no predictions.")
    outcome = Outcome()
    for source in case.sources:
        where = case.slice_of(source)
        here = source.voted[source.present]
        spread = float(np.nanstd(source.mean, axis=0).max())
        counts = np.bincount(here, minlength=len(case.labels))
        top = int(counts.argmax())
        status: Status = "issue"
        severity: Severity | None = None
        if spread < 1e-3:
            message = f"gives every clip nearly the same probabilities (spread {number(spread, 4)})"
            severity = "high"
        elif len(here) >= 50 and counts[top] > 0.99 * len(here):
            message = f"says {case.labels.names[top]!r} on {share_of(int(counts[top]), len(here), 'clips')}"
        else:
            message = f"varies with its input (spread of a probability {number(spread, 3)})"
            status = "passed"
        if where == "all":
            ignored = len(here) if status == "issue" else 0
            outcome.fault("source-ignores-input", source.name, ignored, len(here))
        said = sentence(f"{called(source, where)} {message}")
        outcome.find(status, said, source=source.name, slice=where, severity=severity)
    return outcome


def label_of_one_rater(case: Case) -> Outcome:
    """MS007: fires for a label that one rater alone uses, three or more times."""
    ballots = case.ballots
    if ballots is None:
        raise NotApplicable("There are no votes.")
    raters = len(ballots.raters)
    if raters < 3:
        known = "Votes have no rater ids" if raters == 0 else f"Only {count(raters, 'rater')} voted"
        raise NotApplicable(f"{known}, so a label of one rater cannot be told from a label that is rare.")
    named = ballots.rater >= 0
    cell = ballots.rater[named].astype(np.int64) * len(case.labels) + ballots.label[named]
    used = np.bincount(cell, minlength=raters * len(case.labels)).reshape(raters, len(case.labels))
    votes = used.sum(axis=0)
    lonely = np.flatnonzero(((used > 0).sum(axis=0) == 1) & (votes >= 3))
    outcome = Outcome()
    outcome.fault("label-of-one-rater", "people", int(votes[lonely].sum()), int(votes.sum()))
    if len(lonely):
        who = [ballots.raters[int(used[:, at].argmax())] for at in lonely]
        told = [
            f"{name!r} ({amount} votes of {rater!r})"
            for name, amount, rater in sorted(
                (case.labels.names[at], int(votes[at]), rater)
                for at, rater in zip(lonely.tolist(), who, strict=True)
            )
        ]
        message = f"Of {count(raters, 'rater')}, one alone uses {listed(told)}."
        outcome.find("issue", message, source="people")
    else:
        outcome.find(
            "passed", f"Every label is used by two or more of {count(raters, 'rater')}.", source="people"
        )
    return outcome


def targets_against_votes(case: Case) -> Outcome:
    """MS008: fires when targets contradict three or more unanimous votes under the fullest condition."""
    given = case.fullest_votes
    target = case.need_target()
    if case.evidence.target_source == "votes":
        raise NotApplicable("Targets are the majorities of these votes, so they cannot contradict them.")
    counts = case.votes[given]
    total = counts.sum(1)
    unanimous = (total >= 3) & (counts.max(1) == total) & (target >= 0)
    if not unanimous.any():
        raise NotApplicable("No clip with a target has three or more unanimous votes.")
    against = unanimous & (counts.argmax(1) != target)
    outcome = Outcome()
    outcome.score(case.clip_ids, "people", "target_against_votes", np.where(unanimous, against, np.nan))
    outcome.fault("targets-against-votes", "people", int(against.sum()), int(unanimous.sum()))
    told = share_of(int(against.sum()), int(unanimous.sum()), "clips with three or more unanimous votes")
    if against.any():
        ids = case.clip_ids.gather(np.flatnonzero(against))
        named = ", ".join(repr(clip) for clip in ids.head(_NAMED)) + (
            " and more" if len(ids) > _NAMED else ""
        )
        message = f"The target contradicts the votes given {given} on {told}: {named}."
        outcome.find(
            "issue", message, source="people", severity="high" if against.mean() > 0.05 else "medium"
        )
    else:
        outcome.find("passed", f"No target contradicts unanimous votes ({told}).", source="people")
    return outcome


def label_nobody_predicts(case: Case) -> Outcome:
    """MS009: fires for a label of the targets that no source ever finds most probable."""
    if not case.sources:
        raise NotApplicable("There are no predictions.")
    outcome, classes = Outcome(), len(case.labels)
    chosen = np.zeros(classes, dtype=np.int64)
    highest = np.zeros(classes)
    for source in case.sources:
        chosen += np.bincount(source.voted[source.present], minlength=classes)
        highest = np.maximum(highest, source.mean[source.present].max(axis=0, initial=0.0))
    wanted = np.bincount(case.target[case.target >= 0], minlength=classes)
    never = np.flatnonzero(chosen == 0)
    outcome.fault("label-nobody-predicts", "models", int(wanted[never].sum()), int(wanted.sum()))
    for code in never:
        name, clips = case.labels.names[code], int(wanted[code])
        most = number(float(highest[code]))
        told = f"No source ever finds {name!r} most probable (its largest probability is {most})"
        told += f"; it is the target of {count(clips, 'clip')}." if wanted.any() else "."
        status: Status = "issue" if clips else "tip"
        severity: Severity | None = "high" if clips and highest[code] == 0 else None
        outcome.find(status, told, source="models", slice=f"label={name}", severity=severity)
    if not len(never):
        message = f"Each of {count(classes, 'label')} is the most probable one of some source on some clip."
        outcome.find("passed", message, source="models")
    return outcome
