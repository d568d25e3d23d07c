"""Which clips are altered, in which versions: planned before anything is written, with reasons for what is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

import numpy as np
import polars as pl

from mixedsignals.labels import combination
from mixedsignals.media import Part
from mixedsignals.probes.kinds import PLAIN, Probe
from mixedsignals.probes.negation import negate_all

__all__ = ["LeftOut", "Pairs", "Source", "Version", "plan_versions", "stratified"]

Pairs: TypeAlias = "Mapping[tuple[str, str], Sequence[tuple[str, str]]]"
"""(kind of probe, modality) to pairs of clip and donor."""


_LANGUAGE = 2_000  # transcripts by which the language of a corpus is judged


@dataclass(frozen=True)
class Source:
    """Where a clip's picture, sound and words are; None where it has none."""

    picture: Part | None = None
    sound: Part | None = None
    words: str | None = None

    @property
    def modalities(self) -> tuple[str, ...]:
        """What it has, in canonical order."""
        there = {"text": self.words, "audio": self.sound, "video": self.picture}
        return tuple(name for name, part in there.items() if part is not None)


@dataclass(frozen=True)
class Version:
    """A clip in one version; `media:plain` is the unaltered one.

    Attributes:
        clip_id, probe, modality, donor_id: as in the table `probes`.
        words: its transcript.
    """

    clip_id: str
    probe: str
    modality: str
    donor_id: str | None = None
    words: str | None = None

    @property
    def version_id(self) -> str:
        """A name that no other version has."""
        return "|".join((self.clip_id, self.probe, self.modality, self.donor_id or ""))


@dataclass(frozen=True)
class LeftOut:
    """A version that cannot be made, and why."""

    clip_id: str
    probe: str
    modality: str
    reason: str


def plan_versions(
    clips: Sequence[str],
    sources: Mapping[str, Source],
    probes: Sequence[Probe],
    pairs: Pairs,
    *,
    modalities: Sequence[str],
    whole: Sequence[str],
) -> tuple[list[Version], list[LeftOut]]:
    """Every version of the clips: first the plain one of each, then the probes in their order.

    Args:
        clips: those to alter.
        sources: of them and of all donors.
        pairs: who lends whom; a clip without partners is left out of swaps.
        modalities: those that the models take from media and words; others are not altered.
        whole: all modalities of the models, as the plain version names them.
    """
    versions, left_out = [], []
    told = [source.words for source in islice(sources.values(), _LANGUAGE)]
    negated = dict(zip(clips, negate_all((sources[clip].words for clip in clips), among=told), strict=True))
    lent = {key: _by_clip(found) for key, found in pairs.items()}
    for clip in clips:
        own = sources[clip]
        versions.append(Version(clip, PLAIN, combination(whole), words=own.words))
        for probe in probes:
            for modality in (one for one in probe.modalities if one in modalities):
                donors: list[str | None] = list(lent.get((probe.kind, modality), {}).get(clip, ()))
                reason = _lacks(own, modality)
                if probe.kind == "negate" and not reason:
                    reason = negated[clip].reason
                if probe.borrows and not reason and not donors:
                    label = "another" if probe.kind == "swap" else "the same"
                    reason = f"no partner with {label} label was tested in its fold"
                if reason:
                    left_out.append(LeftOut(clip, probe.name, modality, reason))
                    continue
                for donor in donors if probe.borrows else [None]:
                    words = negated[clip].text if probe.kind == "negate" else own.words
                    if modality == "text" and donor is not None:
                        words = sources[donor].words
                    versions.append(Version(clip, probe.name, modality, donor, words))
    return versions, left_out


def _by_clip(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for clip, donor in pairs:
        found.setdefault(clip, []).append(donor)
    return found


def _lacks(source: Source, modality: str) -> str:
    if modality in source.modalities:
        return ""
    return {"text": "no transcript", "audio": "no sound", "video": "no picture"}[modality]


def stratified(clips: pl.DataFrame, limit: int, *, seed: int = 0) -> list[str]:
    """As many clips as `limit`, in the order of the table: labels take turns, within them the speakers seen least.

    Args:
        clips: clip_id, label and speaker_id; a clip without a speaker is its own.
        limit: at least 1; with as many clips or fewer all are taken.
        seed: decides between equals.
    """
    rows = clips.select("clip_id", "label", "speaker_id").rows()
    chosen = {clip for clip, *_ in rows} if len(rows) <= limit else set(_turns(rows, limit, seed))
    return [clip for clip, *_ in rows if clip in chosen]


def _turns(rows: Sequence[tuple[str, str, str | None]], limit: int, seed: int) -> Iterator[str]:
    left: dict[str, list[tuple[str, str]]] = {}
    for place in np.random.default_rng(seed).permutation(len(rows)):
        clip, label, speaker = rows[place]
        left.setdefault(label, []).append((clip, speaker or f"clip {clip}"))
    taken: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for _ in range(limit):
        label = min(sorted(name for name, some in left.items() if some), key=lambda name: taken[name])
        best = min(left[label], key=lambda one: seen[one[1]])
        left[label].remove(best)
        taken[label] += 1
        seen[best[1]] += 1
        yield best[0]
