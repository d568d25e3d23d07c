"""The answer of a diagnosis in a few sentences, made from the saved estimates and findings alone.

Each sentence has its own function that says nothing where its numbers are not there; the first five that speak are
the answer, and one more follows for each of what was asked beyond (who carries the decision, cues, data maps) and
found something. The report shows them, and so does the command line.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from mixedsignals.diagnosis.words import count, listed, number, sentence
from mixedsignals.measures.association import verdict

__all__ = ["answer"]

_MOST = 5
_TARGETS = {
    "annotator_uncertainty": "people's uncertainty",
    "fused_error": "errors of fusion",
    "misled": "being misled",
}
_VERDICTS = {
    "yes": "yes",
    "a little": "a little",
    "no": "no",
    "cannot be told": "it cannot be told with this many clips",
}


def answer(estimates: pl.DataFrame, findings: pl.DataFrame, *, fusion: str = "fusion") -> list[str]:
    """What the corpus says, in one to five sentences for people, the most important first, and what was asked beyond.

    Args:
        estimates, findings: the tables that `diagnose` gives (one run).
        fusion: the name of the fused source.
    """
    held = _Held(estimates, findings, fusion)
    speakers: tuple[Callable[[_Held], str | None], ...] = (
        _performance,
        _at_chance,
        _disagreement,
        _informative,
        _misled,
        _people_by_agreement,
        _gain_of_people,
        _people,
        _agreement,
        _followed,
        _hurt,
        _trust,
    )
    beyond: tuple[Callable[[_Held], str | None], ...] = (_carries, _cues, _maps)
    said = [text for text in (speak(held) for speak in speakers) if text][:_MOST]
    said += [text for text in (speak(held) for speak in beyond) if text]
    return said or ["Nothing could be said about this corpus: no check was applicable."]


class _Held:
    """Look-ups in the two tables."""

    def __init__(self, estimates: pl.DataFrame, findings: pl.DataFrame, fusion: str) -> None:
        self.estimates, self.findings, self.fusion = estimates, findings, fusion
        self._rows = {
            (row["measure"], row["source"], row["slice"]): row for row in estimates.iter_rows(named=True)
        }

    def every(self) -> list[tuple[str, str, str]]:
        """Measure, source and slice of every estimate, in the order of the table."""
        return list(self._rows)

    def row(self, measure: str, source: str, where: str = "all") -> dict[str, object] | None:
        return self._rows.get((measure, source, where))

    def value(self, measure: str, source: str, where: str = "all") -> float | None:
        row = self.row(measure, source, where)
        return None if row is None else float(str(row["value"]))

    def said(self, measure: str, source: str, where: str = "all") -> str | None:
        """`.71 [.66, .75]`, or None."""
        row = self.row(measure, source, where)
        if row is None:
            return None
        value, low, high = (None if row[k] is None else float(str(row[k])) for k in ("value", "low", "high"))
        ends = "" if low is None or high is None else f" [{number(low)}, {number(high)}]"
        return f"{number(value)}{ends}"

    def sources(self, measure: str, where: str = "all") -> list[str]:
        """Sources with that measure, in the order of the table."""
        return [source for (name, source, place) in self._rows if name == measure and place == where]

    def finding(self, code: str, status: str) -> list[dict[str, str]]:
        held = self.findings.filter(pl.col("code") == code, pl.col("status") == status)
        return list(held.iter_rows(named=True))


def _performance(held: _Held) -> str | None:
    sources = held.sources("macro_f1")
    if not sources:
        return None
    best = max(sources, key=lambda s: held.value("macro_f1", s) or 0.0)
    first = held.fusion if held.fusion in sources else best
    row = held.row("macro_f1", first)
    chance = held.value("chance:macro_f1", first)
    behind = "no clips"
    if row is not None:
        behind = f"{count(int(str(row['n_clips'])), 'clip')} and {count(int(str(row['n_groups'])), 'group')}"
    told = f"{first} reaches macro-F1 {held.said('macro_f1', first)} (chance {number(chance)}; {behind})"
    rivals = {name.split("|")[1] for name in held.sources("misled_difference")}
    singles = [s for s in sources if s != held.fusion and s not in rivals]
    if first == held.fusion and singles:
        top = max(singles, key=lambda s: held.value("macro_f1", s) or 0.0)
        told += f", the best single source, {top}, {held.said('macro_f1', top)}"
        better = not held.finding("MS104", "issue") and bool(held.finding("MS104", "passed"))
        told += (
            "; fusion is better than each of its parts" if better else "; fusion is not shown to be better"
        )
    told += "".join(f"; {rival}, another fusion, {held.said('macro_f1', rival)}" for rival in sorted(rivals))
    return sentence(told)


def _at_chance(held: _Held) -> str | None:
    fired = [row for row in held.finding("MS102", "issue") if row["slice"] == "all"]
    if not fired:
        passed = held.finding("MS102", "passed")
        return "Every source tells more about the label than chance." if passed else None
    told = [
        f"{row['source']} (macro-F1 {held.said('macro_f1', row['source'])}, "
        f"chance {number(held.value('chance:macro_f1', row['source']))})"
        for row in fired
    ]
    return sentence(f"no better than chance at the label: {listed(told)}")


def _disagreement(held: _Held) -> str | None:
    sources = [s for s in held.sources("disagreement_rate") if "|" not in s]
    if not sources:
        pairs = held.sources("disagreement_rate")
        if not pairs:
            return None
        told = [f"{name.replace('|', ' and ')} on {held.said('disagreement_rate', name)}" for name in pairs]
        return sentence(f"sources part from each other: {listed(told)} of the clips")
    told = [f"{name} on {held.said('disagreement_rate', name)}" for name in sources]
    more = [
        s for s in sources if (row := held.row("excess_disagreement", s)) and float(str(row["low"] or -1)) > 0
    ]
    known = [s for s in sources if (row := held.row("excess_disagreement", s)) and row["low"] is not None]
    text = f"from fusion part {listed(told)} of the clips"
    if more:
        text += f"; {listed(more)} more than independent errors would"
    elif known:
        text += ", none more than errors that are independent given the label would"
    return sentence(text)


def _misled(held: _Held) -> str | None:
    misled = held.said("misled_rate", held.fusion)
    if misled is None:
        return None
    return sentence(
        f"fusion is wrong although one of its parts is right on {misled} of the clips "
        f"({number(held.value('chance:misled_rate', held.fusion))} if the parts knew nothing of its errors), and right "
        f"where all of them are wrong on {held.said('rescued_rate', held.fusion)}{_rivals(held)}"
    )


def _rivals(held: _Held) -> str:
    """Of every other fusion: how often it is misled, and which of the two is more."""
    told = []
    for name in held.sources("misled_difference"):
        row, rival = held.row("misled_difference", name), name.split("|")[1]
        low, high = (None if row is None or row[k] is None else float(str(row[k])) for k in ("low", "high"))
        above, below = low is not None and low > 0, high is not None and high < 0
        who = (
            f"{held.fusion} misleads more"
            if above
            else f"{rival} misleads more"
            if below
            else "no telling which more"
        )
        told.append(f"{rival} is misled on {held.said('misled_rate', rival)} ({who})")
    return "".join(f"; {one}" for one in told)


def _people_by_agreement(held: _Held) -> str | None:
    apart = held.row("rater_disagreement_difference", "people")
    if apart is None:
        return None
    part = held.said("rater_disagreement", "people", "models=part")
    agree = held.said("rater_disagreement", "people", "models=agree")
    low, high = (None if apart[k] is None else float(str(apart[k])) for k in ("low", "high"))
    if low is not None and low > 0:
        verdict = "people are less sure where the models part"
    elif high is not None and high < 0:
        verdict = "people are surer where the models part"
    else:
        verdict = "people are not shown to be less sure where the models part"
    return sentence(
        f"{verdict}: two of them disagree with probability {part} there, and {agree} where all models agree"
    )


def _per_condition(held: _Held, measure: str) -> list[tuple[str, str]]:
    """Conditions and what people's measure is under each, in the order of the table."""
    given = [
        w
        for (name, source, w) in held.every()
        if (name, source) == (measure, "people") and w.startswith("given=")
    ]
    return [(where.removeprefix("given="), held.said(measure, "people", where) or "") for where in given]


def _agreement(held: _Held) -> str | None:
    told = [f"{said} given {given}" for given, said in _per_condition(held, "krippendorff_alpha")]
    return sentence(f"Krippendorff's alpha is {listed(told)}") if told else None


def _gain_of_people(held: _Held) -> str | None:
    found = [row for status in ("passed", "tip") for row in held.finding("MS801", status)]
    told = [f"{said} given {given}" for given, said in _per_condition(held, "accuracy")]
    if not found or not told:
        return None
    words, gain = found[0]["message"].partition(":")[0], held.said("human_gain", "people")
    over = f"; over the best single modality the gain is {gain}" if gain else ""
    return sentence(f"{words}: their votes equal the target with a share of {listed(told)}{over}")


def _followed(held: _Held) -> str | None:
    told = [f"{given} with {said}" for given, said in _per_condition(held, "follow_rate")]
    if not told:
        return None
    return sentence(f"where single modalities lead people apart, their votes given all follow {listed(told)}")


def _hurt(held: _Held) -> str | None:
    share, nobody = held.value("hurt_by_more", "people"), held.value("chance:hurt_by_more", "people")
    if share is None:
        return None
    return sentence(
        f"people do worse given everything than given the best single modality on {number(share)} of the clips, where "
        f"{number(nobody)} would show if nobody were hurt"
    )


def _people(held: _Held) -> str | None:
    told = [f"{said} given {given}" for given, said in _per_condition(held, "rater_disagreement")]
    if not told:
        return None
    return sentence(f"two people who judge the same clip disagree with probability {listed(told)}")


def _informative(held: _Held) -> str | None:
    """The verdicts of the residual test, where it was made: one of four for each target, with its direction."""
    told = [said for target in _TARGETS if (said := _verdict(held, target))]
    return f"Does disagreement tell more than confidence? {sentence('; '.join(told))}" if told else None


def _verdict(held: _Held, target: str) -> str | None:
    """`about errors of fusion, a little (gain in AUROC .01 [-.01, .03])`; None where it was not tested."""
    row, tested = (
        held.row(f"{measure}:{target}", "models") for measure in ("delta_auroc", "residual_correlation")
    )
    if row is None or tested is None:
        return None
    p, low, high = (None if v is None else float(str(v)) for v in (tested["p"], row["low"], row["high"]))
    found = verdict(p, low, high)
    notes = [f"gain in AUROC {held.said(f'delta_auroc:{target}', 'models')}"]
    least = held.value(f"detectable:{target}", "models")
    if found == "cannot be told" and least is not None:
        notes.append(f"the smallest they could have shown is {number(least)}")
    control = held.row(f"control:delta_auroc:{target}", "models")
    claimed = found in ("yes", "a little")
    if claimed and control is not None and control["p"] is not None and float(str(control["p"])) < 0.05:
        notes.append("the control finds something too, so do not trust it")
    elif claimed and row["p_adjusted"] is not None and float(str(row["p_adjusted"])) >= 0.05:
        notes.append("not after Holm")
    way = ", but the other way round" if claimed and float(str(tested["value"])) < 0 else ""
    return f"about {_TARGETS[target]}, {_VERDICTS[found]}{way} ({'; '.join(notes)})"


def _trust(held: _Held) -> str | None:
    few = held.finding("MS103", "issue")
    return few[0]["message"] if few else None


def _carries(held: _Held) -> str | None:
    """Which modality carries the decisions of fusion, and whether its gates tell."""
    name = "shapley_predicted"
    values = {
        measure.removeprefix(f"{name}:"): held.value(measure, source) or 0.0
        for measure, source, where in held.every()
        if measure.startswith(f"{name}:") and source == held.fusion and where == "all"
    }
    if len(values) < 2:
        return None
    first, second = sorted(values, key=lambda m: -values[m])[:2]
    owe = f"owe {held.said(f'{name}:{first}', held.fusion)} nats to {{}} and {number(values[second])} to {second}"
    named = f"{first} carries the decisions of {held.fusion}"
    found = [row for status in ("tip", "issue") for row in held.finding("MS904", status)]
    leads = any(named in row["message"].lower() for row in found if row["slice"] == "all")
    if leads:
        told = f"{named}, which {owe.format('it')}"
    else:
        told = (
            f"which modality carries the decisions of {held.fusion} cannot be told: they {owe.format(first)}"
        )
    gates = [row for row in held.finding("MS906", "issue") if row["slice"] == "weights=gate"]
    silent = f"; its gates do not tell {'so' if leads else 'either'}"
    return sentence(told + (silent if any(row["source"] == held.fusion for row in gates) else ""))


def _cues(held: _Held) -> str | None:
    """The strongest cue of each question that any cue answers."""
    told = []
    for question, where in (
        ("misled", f"{held.fusion} is misled"),
        ("disagreement", f"a source parts from {held.fusion}"),
    ):
        measure = f"cue_difference:{question}"
        found = [
            row
            for (name, source, place) in held.every()
            if name == measure and (row := held.row(name, source, place)) is not None
        ]
        sure = [
            row for row in found if row["p_adjusted"] is not None and float(str(row["p_adjusted"])) < 0.05
        ]
        if sure:
            best = max(sure, key=lambda row: abs(float(str(row["value"]))))
            size = float(str(best["value"]))
            cue = str(best["slice"]).removeprefix("cue=")
            way = "higher" if size > 0 else "lower"
            told.append(
                f"where {where}, {cue} is {way} (d = {number(size)}; {count(len(sure), 'cue')} in all)"
            )
    return sentence("; ".join(told)) if told else None


def _maps(held: _Held) -> str | None:
    """Clips that no source learned, whose labels are to be looked at first."""
    fired = [row for row in held.finding("MS923", "tip") if row["clip_id"] is None]
    share = held.said("never_learned", "models")
    if not fired or share is None:
        return None
    return sentence(
        f"on {share} of the clips trained on, no source ever learned the label: look at those labels first"
    )
