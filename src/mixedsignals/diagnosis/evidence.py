"""What a diagnosis is made from, and the same thing as aligned arrays.

`Evidence` holds the tables as they crossed the door. `Case` aligns them once, joined by clip id: clips in one order,
labels as codes, every source a dense array (seeds, clips, labels) with NaN where it says nothing. Checks read the
case; they never join tables themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.diagnosis.ballots import Ballots, ballots_of
from mixedsignals.diagnosis.codes import Codes, codes_of, positions
from mixedsignals.diagnosis.options import DiagnosisOptions
from mixedsignals.diagnosis.prior import Prior, prior_of
from mixedsignals.diagnosis.results import NotApplicable
from mixedsignals.diagnosis.sources import Source, added_by_probes, handlings_of, width
from mixedsignals.errors import InputError
from mixedsignals.labels import Labels, combination
from mixedsignals.measures.groups import Groups

__all__ = ["Case", "Evidence", "Source"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
T = TypeVar("T")


@dataclass(frozen=True)
class Evidence:
    """The tables of one run or of someone's own models; each may be absent, but not predictions and votes both.

    Attributes:
        labels: the ordered label names.
        predictions, votes, clips, targets, splits, gates, cues, dynamics, probes: tables in their schemas (`conform`ed
            at the door).
        run_id: which run of `predictions` is meant, and the name of what is made.
        target_source: `targets`, `label` or `votes`, where the targets came from; None when not known.
    """

    labels: Labels
    predictions: pl.DataFrame | None = None
    votes: pl.DataFrame | None = None
    clips: pl.DataFrame | None = None
    targets: pl.DataFrame | None = None
    splits: pl.DataFrame | None = None
    gates: pl.DataFrame | None = None
    cues: pl.DataFrame | None = None
    dynamics: pl.DataFrame | None = None
    probes: pl.DataFrame | None = None
    run_id: str = "run"
    target_source: str | None = None

    def __post_init__(self) -> None:
        if self.predictions is None and self.votes is None:
            raise InputError("There is nothing to diagnose: give predictions, votes, or both.")


class Case:
    """The evidence of one run, aligned: arrays over `clip_ids`, in the order of `clips` where given.

    Clips that only predictions, votes or targets know are kept at the end, each as a group of its own. Only first
    votes count (`occasion` 0): who judges a clip again remembers the first answer, and would count twice.
    """

    def __init__(self, evidence: Evidence, options: DiagnosisOptions) -> None:
        evidence = _with_first_votes(evidence)
        self.evidence, self.options = evidence, options
        self.labels = evidence.labels
        self.predictions = _of_run(evidence)
        tables = {
            "clips": evidence.clips,
            "targets": evidence.targets,
            "predictions": self.predictions,
            "votes": evidence.votes,
        }
        ids = {name: table["clip_id"] for name, table in tables.items() if table is not None}
        self.clip_ids, self._rows = positions(ids)
        self._names = pl.Enum(self.clip_ids)
        self._known: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.clip_ids)

    def once(self, key: str, make: Callable[[], T]) -> T:
        """What `make` gives, computed at the first call with this key: for what several checks need."""
        if key not in self._known:
            self._known[key] = make()
        found: T = self._known[key]
        return found

    def at(self, ids: pl.Series) -> Ints:
        """Positions of clip ids in the case, in their order."""
        return codes_of(ids, self._names).astype(np.int64)

    def codes(self, names: pl.Series) -> Ints:
        """Label codes of names; −1 where null."""
        return self._labels_of(names).astype(np.int64)

    def _labels_of(self, names: pl.Series) -> Codes:
        codes = codes_of(names, pl.Enum(self.labels.names))
        if int((codes < 0).sum()) > names.null_count():
            self.labels.codes(names.unique().to_list())
        return codes

    @cached_property
    def target(self) -> Ints:
        """Target code of each clip, −1 where there is none: from `targets`, else `label` in `clips`."""
        target = np.full(len(self), -1, dtype=np.int64)
        given, clips = self.evidence.targets, self.evidence.clips
        if given is not None:
            shares = given.sort("share", descending=True, nulls_last=True, maintain_order=True)
            first = shares.unique("clip_id", keep="first", maintain_order=True)
            target[self.at(first["clip_id"])] = self.codes(first["label"])
        elif clips is not None and "label" in clips.columns:
            target[self.at(clips["clip_id"])] = self.codes(clips["label"])
        return target

    @cached_property
    def speakers(self) -> pl.Series:
        """The speaker of each clip, null where not known."""
        clips = self.evidence.clips
        if clips is None or "speaker_id" not in clips.columns:
            return pl.Series("speaker_id", [None], dtype=pl.String).new_from_index(0, len(self))
        own = pl.DataFrame({"_at": self._rows["clips"], "speaker_id": clips["speaker_id"]})
        every = pl.DataFrame({"_at": np.arange(len(self), dtype=np.int32)})
        return every.join(own, on="_at", how="left", maintain_order="left")["speaker_id"]

    @cached_property
    def groups(self) -> Groups:
        """The unit of inference: a group per speaker, and one per clip where no speaker is known."""
        known = self.speakers.rank("dense").cast(pl.Int64).to_numpy()
        alone = self.speakers.is_null().to_numpy()
        speakers = self.speakers.n_unique() - int(alone.any())
        codes = np.where(alone, speakers + alone.cumsum() - 1, np.nan_to_num(known) - 1).astype(np.int64)
        return Groups(codes, speakers + int(alone.sum()))

    @property
    def unit(self) -> str:
        """What a group is, for sentences: `speakers`, or `clips` where no speaker is known."""
        return "clips" if self.speakers.null_count() == len(self) else "speakers"

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Every ordinary source under every combination it was given; see `added_by_probes` for the others."""
        return tuple(source for source, _, _ in self.rows_of_sources())

    @cached_property
    def every_source(self) -> tuple[Source, ...]:
        """Every source, those that say what a model does without a modality included."""
        return tuple(self._held(*placed) for placed in self._placed)

    def rows_of_sources(self) -> Iterator[tuple[Source, Ints, Ints]]:
        """Each ordinary source, its rows in the predictions, and their places in its (seeds, clips, labels) array."""
        pairs = [(name, given) for name, given, *_ in self._placed]
        hidden = added_by_probes(pairs, fusion=self.options.fusion, probed=self._probed)
        for placed in self._placed:
            if placed[:2] not in hidden:
                yield self._held(*placed), placed[3], placed[4]

    @property
    def _probed(self) -> set[str]:
        probes = self.evidence.probes
        return set() if probes is None else set(probes["source"].unique())

    def _held(self, name: str, given: str, seeds: Ints, rows: Ints, flat: Ints) -> Source:
        return self.once(f"source:{name}/{given}", partial(self._source, name, given, seeds, rows, flat))

    def handlings(self, source: str) -> dict[str, dict[str, Source]]:
        """What a fused source says given each subset of its modalities, by the way in which a gap is filled.

        `subset` is a model trained on that subset, `token` a learned missing token, `resampled` the mean over donors;
        a source `NAME~token` is the handling `token` of NAME. Each maps `given` to a `Source`, singles first; a subset
        that nobody predicted is not there. Empty where the source was not given two modalities or more.
        """
        return self.once(f"handlings:{source}", lambda: handlings_of(source, self.every_source, self.parts))

    @cached_property
    def prior(self) -> Prior:
        """The training prior of each clip, (clips, labels): what a model says before it is shown anything."""
        return prior_of(self.clip_ids, self.target, len(self.labels), self.evidence.splits)

    @cached_property
    def _placed(self) -> list[tuple[str, str, Ints, Ints, Ints]]:
        """Of every source: name, given, seeds, its rows in the predictions, and their places in its flat array."""
        table = self.predictions
        if table is None:
            return []
        label = self._labels_of(table["label"])
        seed, found = table["seed"].to_numpy(), []
        for name, given, rows in _pairs(table["source"], table["given"]):
            seeds = np.unique(seed[rows])
            place = np.searchsorted(seeds, seed[rows]) if len(seeds) > 1 else 0
            flat = (place * len(self) + self._rows["predictions"][rows].astype(np.int64)) * len(self.labels)
            found.append((name, given, seeds, rows, flat + label[rows]))
        return found

    def _source(self, name: str, given: str, seeds: Ints, rows: Ints, flat: Ints) -> Source:
        assert self.predictions is not None
        probability = np.full(len(seeds) * len(self) * len(self.labels), np.nan)
        probability[flat] = self.predictions["probability"].to_numpy()[rows]
        dense = probability.reshape(len(seeds), len(self), len(self.labels))
        # A label that a source never names has probability zero there; a clip it never names stays absent.
        partly = np.isnan(dense).any(-1) & ~np.isnan(dense).all(-1)
        dense[partly] = np.nan_to_num(dense[partly], nan=0.0)
        return Source(name, given, tuple(int(s) for s in seeds), dense)

    @cached_property
    def fullest(self) -> dict[str, Source]:
        """Each source under its fullest input: what `slice = all` means."""
        best: dict[str, Source] = {}
        for source in self.sources:
            held = best.get(source.name)
            if held is None or width(source.given) > width(held.given):
                best[source.name] = source
        return best

    @cached_property
    def fusion(self) -> Source | None:
        """The fused source under its fullest input, or None."""
        return self.fullest.get(self.options.fusion)

    @cached_property
    def parts(self) -> tuple[Source, ...]:
        """The sources that are compared with fusion: those given one modality, or with inputs not known."""
        alone = [
            s
            for s in self.fullest.values()
            if s is not self.fusion and "+" not in s.given and "~" not in s.name
        ]
        order = combination([s.name for s in alone]).split("+")
        return tuple(sorted(alone, key=lambda s: order.index(s.name)))

    def slice_of(self, source: Source) -> str:
        """`all` for a source's fullest input, else `given=X`."""
        return "all" if self.fullest[source.name] is source else f"given={source.given}"

    def known_to(self, table: str) -> Bools:
        """Which clips a table (`clips`, `targets`, `predictions` or `votes`) has rows of, (clips,)."""
        known = np.zeros(len(self), dtype=np.bool_)
        if table in self._rows:
            known[self._rows[table]] = True
        return known

    @cached_property
    def ballots(self) -> Ballots | None:
        """The rows of `votes` as codes; None where there are no votes."""
        table = self.evidence.votes
        if table is None or not len(table):
            return None
        return ballots_of(table, self._rows["votes"], self._labels_of(table["label"]))

    @cached_property
    def votes(self) -> dict[str, Floats]:
        """Vote counts under each condition, (clips, labels); conditions from few modalities to many."""
        table, ballots = self.evidence.votes, self.ballots
        if table is None or ballots is None:
            return {}
        found: dict[str, Floats] = {}
        cell = ballots.clip.astype(np.int64) * len(self.labels) + ballots.label
        weight, names = _counts(table), ballots.conditions
        for code, given in enumerate(names):
            rows = slice(None) if len(names) == 1 else np.flatnonzero(ballots.given == code)
            weights = None if weight is None else weight[rows]
            counts = np.bincount(cell[rows], weights=weights, minlength=len(self) * len(self.labels))
            found[given] = counts.reshape(len(self), len(self.labels)).astype(np.float64)
        return dict(sorted(found.items(), key=lambda item: (width(item[0]), item[0])))

    @property
    def fullest_votes(self) -> str:
        """The condition under which people perceived most.

        Raises:
            NotApplicable: when there are no votes.
        """
        if not self.votes:
            raise NotApplicable("There are no votes, so nothing can be said about people.")
        return max(self.votes, key=lambda given: (width(given), self.votes[given].sum()))

    def need_fusion(self) -> Source:
        """The fused source, or NotApplicable with the reason."""
        if self.predictions is None:
            raise NotApplicable("There are no predictions, so models cannot be compared.")
        if self.fusion is None:
            names = ", ".join(sorted(self.fullest))
            raise NotApplicable(
                f"No source is named {self.options.fusion!r}, so nothing can be compared with fusion "
                f"(the sources are {names}; say which one is fused with --fusion NAME)."
            )
        return self.fusion

    def need_parts(self) -> tuple[Source, ...]:
        """The sources of one modality, or NotApplicable with the reason."""
        if self.predictions is None:
            raise NotApplicable("There are no predictions, so models cannot be compared.")
        if not self.parts:
            raise NotApplicable("No source was given a single modality, so there is nothing to compare.")
        return self.parts

    def need_target(self) -> Ints:
        """The targets, or NotApplicable when no clip has one."""
        if not (self.target >= 0).any():
            raise NotApplicable("No clip has a target label, so right and wrong cannot be told apart.")
        return self.target


def _with_first_votes(evidence: Evidence) -> Evidence:
    votes = evidence.votes
    if votes is None or "occasion" not in votes.columns or not (votes["occasion"] > 0).any():
        return evidence
    return replace(evidence, votes=votes.filter(pl.col("occasion").fill_null(0) == 0))


def _counts(votes: pl.DataFrame) -> Floats | None:
    """How many votes each row stands for; None where each is one."""
    if "count" not in votes.columns or (votes["count"].fill_null(1) == 1).all():
        return None
    return votes["count"].fill_null(1).cast(pl.Float64).to_numpy()


def _pairs(sources: pl.Series, given: pl.Series) -> Iterator[tuple[str, str, Ints]]:
    """Every source and what it was given, in the order of their first rows, with all their rows."""
    names, inputs = sources.unique(maintain_order=True), given.unique(maintain_order=True)
    code = codes_of(sources, pl.Enum(names)).astype(np.int32) * len(inputs)
    code += codes_of(given, pl.Enum(inputs))
    kinds, first = np.unique(code, return_index=True)
    for kind in kinds[np.argsort(first)].tolist():
        at, shown = divmod(kind, len(inputs))
        yield str(names[at]), str(inputs[shown]), np.flatnonzero(code == kind)


def _of_run(evidence: Evidence) -> pl.DataFrame | None:
    table = evidence.predictions
    if table is None or not len(table):
        return None
    chosen = table.filter(pl.col("run_id") == evidence.run_id)
    if not len(chosen):
        runs = ", ".join(sorted(table["run_id"].unique().to_list()))
        raise InputError(f"The predictions hold no run {evidence.run_id!r}; they hold {runs}.")
    return chosen
