"""What was asked of the models with one modality changed (the table `probes`), aligned to the clips of a case.

Every probe of a fused source becomes one array over its trials: which clip, which modality, from which donor, and what
the source then said in every seed. Checks compare it with `plain`, the same source on the unaltered clip.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from mixedsignals.diagnosis.codes import Codes, codes_of
from mixedsignals.diagnosis.evidence import Case, Floats, Ints
from mixedsignals.diagnosis.results import NotApplicable
from mixedsignals.labels import combination

__all__ = ["MEDIA_PLAIN", "PLAIN", "PlainAnswers", "ProbedSource", "Trials", "probed_sources"]

PLAIN, MEDIA_PLAIN, SHUFFLED = "plain", "media:plain", "shuffled"


@dataclass(frozen=True, eq=False)
class PlainAnswers:
    """What a source said of unaltered clips: seeds, and probability (seeds, clips, labels), NaN where absent."""

    seeds: tuple[int, ...]
    probability: Floats

    @cached_property
    def predicted(self) -> Ints:
        """The most probable label (seeds, clips), −1 where absent."""
        return _guess(self.probability)


@dataclass(frozen=True, eq=False)
class Trials:
    """One probe of one source on one modality; trials that some seed lacks are left out and counted.

    Attributes:
        modality: what was changed.
        clip, donor: positions in the case, (trials,); donor is −1 where nobody lent anything.
        probability: what the source then said, (seeds, trials, labels).
        incomplete: trials left out because a seed, or the unaltered answer, is missing.
    """

    modality: str
    clip: Ints
    donor: Ints
    probability: Floats
    incomplete: int

    @cached_property
    def predicted(self) -> Ints:
        """The most probable label (seeds, trials)."""
        return _guess(self.probability)


class ProbedSource:
    """The probes of one fused source; `probes` names them in the order of the table."""

    def __init__(
        self, name: str, make: Callable[[str], Mapping[str, _Dense]], probes: tuple[str, ...]
    ) -> None:
        self.name, self.probes, self._make = name, probes, make
        self._held: dict[str, dict[str, Trials]] = {}

    @cached_property
    def plain(self) -> PlainAnswers:
        """The source on unaltered clips.

        Raises:
            NotApplicable: the table does not hold it.
        """
        return self._baseline(PLAIN)

    @cached_property
    def media_plain(self) -> PlainAnswers:
        """The source on clips that were encoded again without any change.

        Raises:
            NotApplicable: the table does not hold it.
        """
        return self._baseline(MEDIA_PLAIN)

    def of(self, probe: str) -> dict[str, Trials]:
        """The trials of a probe by modality, in the usual order; empty where it was not made.

        They are on the seeds and clips of `plain` (of `media_plain`, for probes of media other than itself).

        Raises:
            NotApplicable: the table holds no unaltered answers to compare with.
        """
        if probe not in self._held:
            self._held[probe] = self._trials(probe)
        return self._held[probe]

    def baseline_of(self, probe: str) -> PlainAnswers:
        """What a probe is compared with."""
        return self.media_plain if probe.startswith("media:") and probe != MEDIA_PLAIN else self.plain

    def _trials(self, probe: str) -> dict[str, Trials]:
        if probe not in self.probes:
            return {}
        base, found = self.baseline_of(probe), self._make(probe)
        names = combination(name for name in found if "+" not in name).split("+")
        order = [*(name for name in names if name), *(name for name in found if "+" in name)]
        return {name: _complete(name, found[name], base) for name in order}

    def _baseline(self, probe: str) -> PlainAnswers:
        if probe not in self.probes:
            raise NotApplicable(
                f"The probes of {self.name} hold no rows named {probe!r}, so there is nothing to compare with."
            )
        (dense,) = (one for _, one in _widest(self._make(probe)))
        clips = np.full((len(dense.seeds), dense.clips, dense.probability.shape[2]), np.nan)
        clips[:, dense.clip] = dense.probability
        return PlainAnswers(dense.seeds, clips)


@dataclass(frozen=True, eq=False)
class _Dense:
    """Trials of a probe on one modality as in the table: probability (seeds, trials, labels), NaN where absent."""

    seeds: tuple[int, ...]
    clips: int
    clip: Ints
    donor: Ints
    probability: Floats


def probed_sources(case: Case) -> tuple[ProbedSource, ...]:
    """The fused sources that were probed, the one that the options name first, aligned once per case.

    Raises:
        NotApplicable: there are no probes of this run and of these clips.
    """
    return case.once("probes", lambda: _aligned(case))


def _aligned(case: Case) -> tuple[ProbedSource, ...]:
    table = case.evidence.probes
    if table is None or table.is_empty():
        raise NotApplicable("Nothing was probed: `mixedsignals probe RUN` asks the trained models.")
    own = table.filter((pl.col("run_id") == case.evidence.run_id) & (pl.col("probe") != SHUFFLED))
    if own.is_empty():
        raise NotApplicable("The probes are of another run.")
    clip = case.at(own["clip_id"])
    if not (clip >= 0).any():
        raise NotApplicable("The probes are of other clips: no clip id of theirs is known here.")
    coded = _Coded(case, own, clip)
    names = coded.sources
    first = sorted(names, key=lambda name: (name != case.options.fusion, names.index(name)))
    return tuple(
        ProbedSource(name, lambda probe, name=name: coded.dense(name, probe), coded.probes(name))  # type: ignore[misc]
        for name in first
    )


class _Coded:
    """The table as numbers: one code per row of every name in it, found once."""

    def __init__(self, case: Case, table: pl.DataFrame, clip: Ints) -> None:
        self.case = case
        self.sources, self._source = _names(table["source"])
        self._probes, self._probe = _names(table["probe"])
        self._modalities, self._modality = _names(table["modality"])
        self._clip, self._donor = clip, case.at(table["donor_id"])
        self._lent = table["donor_id"].is_not_null().to_numpy()
        self._label = case.codes(table["label"])
        self._seed = table["seed"].to_numpy()
        self._probability = table["probability"].to_numpy()

    def probes(self, source: str) -> tuple[str, ...]:
        """Names of the probes of a source, in the order of their first row."""
        made = set(np.unique(self._probe[self._source == self.sources.index(source)]).tolist())
        return tuple(name for at, name in enumerate(self._probes) if at in made)

    def dense(self, source: str, probe: str) -> dict[str, _Dense]:
        """The trials of a probe by modality. Clips and donors that the case does not know are left out."""
        known = (self._clip >= 0) & ((self._donor >= 0) | ~self._lent)
        own = (self._source == self.sources.index(source)) & (self._probe == self._probes.index(probe))
        rows = np.flatnonzero(own & known)
        found = {}
        for code in np.unique(self._modality[rows]):
            found[self._modalities[code]] = self._of(rows[self._modality[rows] == code])
        return found

    def _of(self, rows: Ints) -> _Dense:
        clips, labels = len(self.case), len(self.case.labels)
        pair = self._clip[rows].astype(np.int64) * (clips + 1) + self._donor[rows] + 1
        pairs, trial = np.unique(pair, return_inverse=True)
        seeds, seed = np.unique(self._seed[rows], return_inverse=True)
        probability = np.full((len(seeds), len(pairs), labels), np.nan)
        probability[seed, trial, self._label[rows]] = self._probability[rows]
        # A label that a source never names has probability zero there; a trial it never made stays absent.
        partly = np.isnan(probability).any(-1) & ~np.isnan(probability).all(-1)
        probability[partly] = np.nan_to_num(probability[partly], nan=0.0)
        clip, donor = np.divmod(pairs, clips + 1)
        return _Dense(tuple(int(s) for s in seeds), clips, clip, donor - 1, probability)


def _names(column: pl.Series) -> tuple[list[str], Codes]:
    """The names of a column in the order of their first row, and the place of each row's among them."""
    names = column.unique(maintain_order=True)
    return names.to_list(), codes_of(column, pl.Enum(names))


def _widest(found: Mapping[str, _Dense]) -> list[tuple[str, _Dense]]:
    """The entry that names most modalities: that of `plain`."""
    return sorted(found.items(), key=lambda item: (len(item[0].split("+")), item[0]))[-1:]


def _complete(modality: str, dense: _Dense, base: PlainAnswers) -> Trials:
    """The trials that were made in every seed of the baseline, in their order."""
    at = [dense.seeds.index(seed) if seed in dense.seeds else -1 for seed in base.seeds]
    probability = np.full((len(at), *dense.probability.shape[1:]), np.nan)
    for place, held in enumerate(at):
        if held >= 0:
            probability[place] = dense.probability[held]
    there = np.isfinite(probability[..., 0]) & np.isfinite(base.probability[:, dense.clip, 0])
    kept = np.flatnonzero(there.all(axis=0))
    return Trials(
        modality, dense.clip[kept], dense.donor[kept], probability[:, kept], len(dense.clip) - len(kept)
    )


def _guess(probability: Floats) -> Ints:
    """The first most probable label over the last axis, −1 where absent."""
    absent = np.isnan(probability[..., 0])
    found: Ints = np.where(absent, -1, np.where(absent[..., None], 0.0, probability).argmax(-1))
    return found
