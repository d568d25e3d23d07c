"""Believe or ask a person: what a run's own clips say about how far its word on a clip can be trusted.

A clip is judged by the model that was trained on just the modalities that the clip has, because that is what the run
knows the errors of. The run's clips are seen as its diagnosis sees them: seeds averaged, calibrated out of fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.labels import Labels, combination
from mixedsignals.measures.divergence import jensen_shannon
from mixedsignals.measures.selective import RiskRule, risk_rule

if TYPE_CHECKING:
    from mixedsignals.diagnosis import Case

__all__ = ["JUDGEMENTS", "Trust"]

JUDGEMENTS = pl.Schema(
    {
        "clip_id": pl.String(),
        "source": pl.String(),
        "given": pl.String(),
        "label": pl.String(),
        "confidence": pl.Float64(),
        "is_calibrated": pl.Boolean(),
        "disagreement": pl.Float64(),
        "percentile": pl.Float64(),
        "believe": pl.Boolean(),
        "reason": pl.String(),
    }
)
"""One row per clip; `disagreement` in bits, `percentile` 0 to 100 among the run's clips, both null below two
modalities. `believe` is null where the run cannot say."""

Floats = npt.NDArray[np.float64]
Model = tuple[str, str]  # source, given


class Trust:
    """The standard that a run sets itself, at a wanted risk.

    Args:
        case: the run.
        calibrated: whether new clips are calibrated, as they are once the run was diagnosed; else the run's own are
            taken raw as well.
        risk: highest share of wrong predictions that is wanted among the believed.
        level: how certain that has to be.
    """

    def __init__(self, case: Case, *, calibrated: bool, risk: float = 0.1, level: float = 0.95) -> None:
        self._case, self._calibrated, self._risk, self._level = case, calibrated, risk, level
        self._sources = {(source.name, source.given): source for source in case.sources}
        self._rules: dict[Model, RiskRule] = {}
        self._divergences: dict[tuple[str, ...], Floats] = {}

    def _own(self, model: Model) -> Floats:
        """Seed-mean probabilities of the run's clips by heads that never saw them, (clips, labels); NaN if absent."""
        from mixedsignals.diagnosis import sure

        source = self._sources[model]
        return sure(self._case, source) if self._calibrated else source.mean

    def calibrated(self, models: Sequence[Model]) -> pl.DataFrame:
        """What the run's own clips get as calibrated: clip_id, source, given, label, calibrated."""
        labels = self._case.labels.names
        tables = [
            pl.DataFrame(
                {
                    "clip_id": np.repeat(np.asarray(self._case.clip_ids, dtype=object), len(labels)).tolist(),
                    "source": [source] * len(self._case) * len(labels),
                    "given": [given] * len(self._case) * len(labels),
                    "label": list(labels) * len(self._case),
                    "calibrated": self._own((source, given)).reshape(-1),
                }
            )
            for source, given in models
            if self._calibrated and (source, given) in self._sources
        ]
        empty = pl.DataFrame(schema={**dict.fromkeys(("clip_id", "source", "given", "label"), pl.String)})
        joined = pl.concat([empty.with_columns(pl.lit(None, pl.Float64).alias("calibrated")), *tables])
        return joined.with_columns(pl.col("calibrated").fill_nan(None))

    def rule(self, model: Model) -> RiskRule | None:
        """When to believe that model; None where the run has no targets or predictions to tell it from."""
        if model not in self._sources:
            return None
        if model not in self._rules:
            own, target = self._own(model), self._case.target
            known = (target >= 0) & np.isfinite(own[:, 0])
            if not known.any():
                return None
            said = own[known]
            wrong = said.argmax(axis=1) != target[known]
            groups = self._case.groups.take(known)
            self._rules[model] = risk_rule(
                said.max(axis=1), wrong, groups, risk=self._risk, level=self._level
            )
        return self._rules[model]

    def judge(
        self, predictions: pl.DataFrame, modalities: Sequence[str], missing: Mapping[str, tuple[str, ...]]
    ) -> pl.DataFrame:
        """One row of `JUDGEMENTS` per clip, in the order of `predictions`.

        Args:
            predictions: clip_id, source, given, label, probability, calibrated.
            modalities: that the run knows.
            missing: what a clip lacks of them.
        """
        rows = []
        shown = predictions.with_columns(pl.coalesce("calibrated", "probability").alias("_p"))
        for (clip,), part in shown.partition_by("clip_id", as_dict=True, maintain_order=True).items():
            has = [name for name in modalities if name not in missing.get(str(clip), ())]
            rows.append({"clip_id": clip, **self._verdict(part, has), **self._disagreement(part, has)})
        return pl.DataFrame(rows, schema=JUDGEMENTS)

    def _verdict(self, part: pl.DataFrame, has: Sequence[str]) -> dict[str, object]:
        exact = part.filter(given=combination(has))
        chosen = exact if exact.height else _fullest(part)
        names = chosen["source"].unique(maintain_order=True).to_list()
        model = ("fusion" if "fusion" in names else names[0], str(chosen["given"][0]))
        said = chosen.filter(source=model[0])
        best = said.row(int(said["_p"].arg_max() or 0), named=True)
        calibrated = said["calibrated"].null_count() == 0
        believe, reason = (
            self._decide(model, float(best["_p"]), calibrated)
            if exact.height
            else (None, "no model of this run was trained on just what this clip has")
        )
        return {
            "source": model[0],
            "given": model[1],
            "label": best["label"],
            "confidence": best["_p"],
            "is_calibrated": calibrated,
            "believe": believe,
            "reason": reason,
        }

    def _decide(self, model: Model, confidence: float, calibrated: bool) -> tuple[bool | None, str]:
        rule = self.rule(model)
        if rule is None:
            return None, "the run has no targets to tell its errors from"
        if self._calibrated != calibrated:
            return None, "no calibrator for this model: diagnose the run again"
        if rule.threshold is None:
            return False, f"no threshold of this run keeps errors at {rule.risk:.0%}"
        side = "at or above" if rule.believes(confidence) else "below"
        return rule.believes(confidence), f"{confidence:.2f} is {side} {rule.threshold:.2f}"

    def _disagreement(self, part: pl.DataFrame, has: Sequence[str]) -> dict[str, float | None]:
        """Divergence of the single modalities that the clip has, and where that stands among the run's clips."""
        said = {name: part.filter(source=name, given=name) for name in has}
        said = {name: rows for name, rows in said.items() if rows.height}
        if len(said) < 2:
            return {"disagreement": None, "percentile": None}
        value = float(jensen_shannon([_row(rows, self._case.labels) for rows in said.values()])[0])
        own = self._own_divergence(tuple(said))
        if not len(own):
            return {"disagreement": value, "percentile": None}
        below = (own < value - 1e-9).mean() + 0.5 * (np.abs(own - value) <= 1e-9).mean()
        return {"disagreement": value, "percentile": 100 * float(below)}

    def _own_divergence(self, names: tuple[str, ...]) -> Floats:
        """The same divergence of every clip of the run that has these modalities, (n,)."""
        if names not in self._divergences:
            parts = [self._own((name, name)) for name in names if (name, name) in self._sources]
            found = jensen_shannon(parts) if len(parts) == len(names) else np.zeros(0)
            there = np.all([np.isfinite(part[:, 0]) for part in parts], axis=0) if len(found) else slice(None)
            self._divergences[names] = found[there]
        return self._divergences[names]


def _fullest(part: pl.DataFrame) -> pl.DataFrame:
    """The rows of the model that was given the most."""
    most = part["given"].str.count_matches(r"\+")
    return part.filter(pl.col("given") == part["given"][int(most.arg_max() or 0)])


def _row(rows: pl.DataFrame, labels: Labels) -> Floats:
    """Probabilities (1, labels) from the rows of one clip and source."""
    said = dict(rows.select("label", "_p").iter_rows())
    return np.asarray([[said[name] for name in labels]])
