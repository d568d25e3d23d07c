"""The probes, one function each: what the heads of a run say when something is changed, as rows.

A prober is told the run with its heads, the options and who lends whom, and gives answers. A further one is an entry
of `PROBERS`, under a name of `probe_options.PROBES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mixedsignals.api.lending import Lenders
from mixedsignals.api.trained import Trained
from mixedsignals.errors import InputError, Problem
from mixedsignals.probe_options import ProbeOptions
from mixedsignals.progress import Progress
from mixedsignals.tables import PREDICTIONS, PROBES, Table, read_table

if TYPE_CHECKING:
    from mixedsignals.heads import Asking, Items

__all__ = ["HANDLINGS", "PROBERS", "Answers", "Asked", "Fused", "fused_of"]

HANDLINGS = ("token", "resampled")
"""What may stand for a modality that a fusion of all is not shown."""

_TOLERANCE = 0.01
_MANY = 20_000_000


@dataclass(frozen=True)
class Fused:
    """One fusion, ready to answer.

    Attributes:
        source: its name in tables.
        asking: its heads with their embeddings.
        beside: the heads of the run's own fusion, among which are those of single modalities.
    """

    source: str
    asking: Asking
    beside: Asking


@dataclass(frozen=True)
class Asked:
    """What a prober is told.

    Attributes:
        trained: the run, its corpus, heads and embeddings.
        options: what is asked, and how.
        fused: the fusions that are asked; of a run with tuned encoders one for each fold and seed.
        lenders: who lends whom.
        progress: where long work says how far it is.
    """

    trained: Trained
    options: ProbeOptions
    fused: Sequence[Fused]
    lenders: Lenders
    progress: Progress

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the fusions."""
        return tuple(dict.fromkeys(one.source for one in self.fused))


def _nothing(table: Table) -> Callable[[], pl.DataFrame]:
    return lambda: table.empty().drop("run_id")


@dataclass(frozen=True)
class Answers:
    """Rows without their run_id: of `probes`, and of `predictions` where subsets were asked about."""

    probes: pl.DataFrame = field(default_factory=_nothing(PROBES))
    predictions: pl.DataFrame = field(default_factory=_nothing(PREDICTIONS))


def fused_of(trained: Trained, sources: Sequence[str]) -> Iterator[Fused]:
    """The fusions of these names, each as often as the run has parts."""
    from mixedsignals.heads import Asking

    threads = trained.options.threads
    for part in trained.parts:
        first = Asking(part.models, part.embeddings, part.splits, threads=threads)
        for source in sources:
            # Where encoders were tuned, a fold and seed may have no second fusion.
            second = () if source == first.source else tuple(one for one in part.second if one.heads)
            if second:
                asking = Asking(second, part.embeddings, part.splits, threads=threads)
                yield Fused(source, asking, first)
            elif source == first.source:
                yield Fused(source, first, first)


def plain(asked: Asked) -> Answers:
    """Every tested clip as it is: what all other answers are compared with.

    Raises:
        InputError: the heads do not say what the run's table of predictions says.
    """
    frames = []
    for one in asked.fused:
        items = one.asking.plain()
        frames.append(_rows(one, items, probe="plain", modality=one.asking.combination, donor_id=None))
    rows = pl.concat(frames)
    _refuse_others(asked, rows)
    return Answers(rows)


def attribution(asked: Asked) -> Answers:
    """All subsets, gaps filled by a learned token and by resampling; of a second fusion also by leaving them open."""
    from mixedsignals.heads import subset_rows

    frames = []
    for one in asked.fused:
        _learn(asked, one)
        # Of the run's own fusion there are models trained on every subset already.
        handlings = HANDLINGS if one.asking is one.beside else ("subset", *HANDLINGS)
        made = subset_rows(one.asking, handlings=handlings, seed=asked.options.seed)
        known = (pl.col("source") == one.source) & (pl.col("given") == one.asking.combination)
        frames.append(made.filter(~known))
    rows = pl.concat(frames).with_columns(calibrated=pl.lit(None, pl.Float64))
    return Answers(predictions=rows.select(PREDICTIONS.empty().drop("run_id").columns))


def swap(asked: Asked) -> Answers:
    """One modality from a clip of another label."""
    return _lent(asked, "swap", same_label=False)


def mismatch(asked: Asked) -> Answers:
    """One modality from another clip of the same label."""
    return _lent(asked, "mismatch", same_label=True)


def mute(asked: Asked) -> Answers:
    """One modality withheld from clips that have others, its learned token shown instead."""
    from mixedsignals.heads import TOKEN

    def muted() -> Iterator[pl.DataFrame]:
        for one, items, modality in _changing(asked):
            _learn(asked, one)
            others = [name for name in one.asking.modalities if name != modality]
            some = np.any([one.asking.shows(items, name) for name in others], axis=0)
            kept = items.take(some).showing(modality, TOKEN)
            yield _rows(one, kept, probe="mute", modality=modality, donor_id=None)

    return _together(muted())


def noise(asked: Asked) -> Answers:
    """Gaussian noise in the embedding of one modality, at every ratio asked for."""
    from mixedsignals.heads import with_noise

    def noisy() -> Iterator[pl.DataFrame]:
        for one, items, modality in _changing(asked):
            for ratio in asked.options.snr:
                made = with_noise(one.asking, items, modality, ratio, seed=asked.options.seed)
                yield _rows(one, made, probe=f"noise:{ratio:g}", modality=modality, donor_id=None)

    return _together(noisy())


def shuffled(asked: Asked) -> Answers:
    """How often modalities that were dealt anew within label and speaker make a case of the finder."""
    from mixedsignals.heads import shuffled as deal

    def dealt() -> Iterator[pl.DataFrame]:
        for one in asked.fused:
            made = deal(
                one.asking,
                asked.trained.targets,
                asked.trained.corpus.groups,
                beside=one.beside,
                seed=asked.options.seed,
            )
            yield made.rows

    return _together(dealt())


PROBERS: dict[str, Callable[[Asked], Answers]] = {
    "plain": plain,
    "attribution": attribution,
    "swap": swap,
    "mismatch": mismatch,
    "mute": mute,
    "noise": noise,
    "shuffled": shuffled,
}


def _lent(asked: Asked, probe: str, *, same_label: bool) -> Answers:
    pairs = {m: asked.lenders.of(m, same_label=same_label) for m in asked.trained.modalities}
    rows = sum(map(len, pairs.values())) * len(asked.trained.labels) * len(asked.trained.options.seeds)
    if (rows := rows * len(asked.sources)) > _MANY:
        asked.progress.say(
            f"{probe}: {rows / 1e6:,.0f} million answers, which take memory and time here and in the diagnosis; "
            f"--partners {max(1, asked.options.partners * _MANY // rows)} keeps them at {_MANY / 1e6:,.0f} million."
        )

    def lent() -> Iterator[pl.DataFrame]:
        for one in asked.fused:
            for modality, chosen in pairs.items():
                here = chosen.filter(pl.col("clip_id").is_in(_tested(one.asking)))
                clips, donors = (one.asking.positions(here[name].to_list()) for name in here.columns)
                items = one.asking.plain(clips).showing(modality, donors)
                yield _rows(one, items, probe=probe, modality=modality, donor_id=here["donor_id"])

    return _together(lent())


def _changing(asked: Asked) -> Iterator[tuple[Fused, Items, str]]:
    """Per fusion and modality the tested clips that have the modality."""
    for one in asked.fused:
        every = one.asking.plain()
        for modality in one.asking.modalities:
            yield one, every.take(one.asking.shows(every, modality)), modality


def _tested(asking: Asking) -> list[str]:
    return [clip for clip, fold in zip(asking.clip_ids, asking.folds, strict=True) if fold >= 0]


def _learn(asked: Asked, one: Fused) -> None:
    """Learn the tokens of the heads; those that were learned stay as they are."""
    one.asking.learn_tokens(asked.trained.targets, seed=asked.options.seed)


def _rows(one: Fused, items: Items, **columns: Any) -> pl.DataFrame:
    """What the heads say of the items, as rows of `probes`."""
    made = one.asking.frame(one.asking.ask(items), items, source=one.source, **columns)
    return made.select(PROBES.empty().drop("run_id").columns)


def _together(frames: Iterable[pl.DataFrame]) -> Answers:
    columns = PROBES.empty().drop("run_id").columns
    return Answers(pl.concat([PROBES.empty().drop("run_id"), *(frame.select(columns) for frame in frames)]))


def _refuse_others(asked: Asked, rows: pl.DataFrame) -> None:
    """Stop where the run's tables were made by other heads, or of other embeddings, than those that are asked."""
    run, keys = asked.trained.run, ["seed", "clip_id", "source", "label"]
    full = asked.fused[0].asking.combination
    known = read_table(PREDICTIONS, run.table("predictions")).filter(pl.col("given") == full)
    both = rows.join(known.select(*keys, told="probability"), on=keys, how="left")
    apart = (both["probability"] - both["told"]).abs()
    if apart.null_count() or float(apart.max() or 0.0) > _TOLERANCE:  # type: ignore[arg-type]
        message = "holds heads that do not say what its table of predictions says"
        remedy = "Run again into a new folder; heads and tables of different runs do not go together."
        raise InputError(Problem("other-predictions", message, remedy, file=str(run.path)))
