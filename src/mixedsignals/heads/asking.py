"""Trained heads asked about mixed-up clips, out of fold: what would you have said, had this voice come with that face?

An item is a clip, whose fold decides which heads answer, and for every modality the vector that they are shown: the
clip's own, another clip's, one from outside, a token that stands for nothing, or none at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from mixedsignals.embeddings import Embeddings
from mixedsignals.errors import InputError, Problem, UsageError
from mixedsignals.heads.bank import WITHHELD, Bank
from mixedsignals.heads.cores import one_core_each
from mixedsignals.heads.data import Positions
from mixedsignals.heads.foldheads import FoldHeads
from mixedsignals.heads.items import Items
from mixedsignals.heads.predicting import check_embeddings, clips_of
from mixedsignals.heads.saving import HeadModels
from mixedsignals.heads.tokens import learned_tokens
from mixedsignals.labels import Labels, all_combinations, combination
from mixedsignals.tables import SPLITS, TARGETS, conform

__all__ = ["Asking"]

_ROWS = 256
Numbers = npt.NDArray[np.float64]


class Asking:
    """The heads of a fit, ready to answer about the clips that they never saw.

    Args:
        models: the heads; several where the folds of a fusion have different members.
        embeddings: those that the heads were trained on.
        splits: the run's `splits` table; heads answer for the test clips of their fold only.
        threads: fold by fold side by side, each on one core; torch's number of threads when None.

    Attributes:
        clip_ids: all clips with embeddings, in the order that positions count.
        folds: int64 (clips,), the fold in which each is tested, −1 where in none.
        modalities: all that the heads know, in canonical order.
        seeds: of the heads, sorted.
        labels: in the order of the last axis of every answer.
        source: what tables call the fusion.

    Raises:
        InputError: embeddings that are not those of the heads; every fault at once.
        UsageError: no heads, or two for the same combination, fold and seed.
    """

    def __init__(
        self,
        models: HeadModels | Sequence[HeadModels],
        embeddings: Mapping[str, Embeddings],
        splits: Any,
        *,
        threads: int | None = None,
    ) -> None:
        parts = [models] if isinstance(models, HeadModels) else list(models)
        if not any(one.heads for one in parts):
            raise UsageError("there are no heads to ask")
        check_embeddings(parts[0], embeddings)
        data = clips_of(parts[0], embeddings)
        self.clip_ids, self.modalities = data.clip_ids, tuple(data.inputs)
        self.bank = Bank(data)
        self.source: str = parts[0].source
        self.labels: Labels = parts[0].labels
        self.position = {clip: row for row, clip in enumerate(self.clip_ids)}
        table = conform(SPLITS, splits)
        self.folds = self._tested(table)
        self._splits = table
        self._models = _by_place(parts)
        self.seeds = tuple(sorted({seed for _, _, seed in self._models}))
        self.threads = threads or torch.get_num_threads()
        self._held: dict[tuple[str, int], FoldHeads] = {}

    @property
    def combination(self) -> str:
        """All modalities."""
        return combination(self.modalities)

    @property
    def combinations(self) -> list[str]:
        """Those that there are heads for."""
        found = {name for name, _, _ in self._models}
        return [name for name in all_combinations(self.modalities) if name in found]

    def has(self, modality: str) -> npt.NDArray[np.bool_]:
        """Which clips have the modality, (clips,)."""
        return self.bank.rows[modality][: len(self.clip_ids)] >= 0

    def positions(self, clip_ids: Sequence[str]) -> Positions:
        """Of clips by id, (k,).

        Raises:
            InputError: naming clips that have no embeddings.
        """
        unknown = [clip for clip in clip_ids if clip not in self.position]
        if unknown:
            named = ", ".join(unknown[:5]) + (", …" if len(unknown) > 5 else "")
            raise InputError(
                Problem("unknown-clip", f"have no embeddings: {named}", "Name clips of the run.")
            )
        return np.fromiter((self.position[clip] for clip in clip_ids), np.int64, len(clip_ids))

    def members_of(self, fold: int, role: str) -> Positions:
        """Positions of the clips with that role (`train`, `tune`, `test`) in the fold."""
        found = self._splits.filter(pl.col("fold") == fold, pl.col("role") == role)["clip_id"]
        return np.sort(np.array([self.position[clip] for clip in found if clip in self.position], np.int64))

    def plain(self, clips: npt.ArrayLike | None = None) -> Items:
        """The clips at these positions as they are; all that are tested in some fold when None."""
        chosen = np.flatnonzero(self.folds >= 0) if clips is None else np.asarray(clips, np.int64)
        return Items(chosen, dict.fromkeys(self.modalities, chosen))

    def shows(self, items: Items, modality: str) -> npt.NDArray[np.bool_]:
        """Whether each item shows a vector of the modality, (k,)."""
        numbers = items.shown[modality]
        found: npt.NDArray[np.bool_] = (numbers >= 0) & (
            self.bank.rows[modality][np.maximum(numbers, 0)] >= 0
        )
        return found

    def learn_tokens(self, targets: Any, *, seed: int = 0) -> None:
        """Learn what the heads on all modalities are shown for `TOKEN`, from the training clips of their fold.

        Heads that were trained with tokens keep theirs; with one modality there is nothing to learn.

        Args:
            targets: the run's `targets` table.
            seed: for the clips and subsets that are drawn; the same seed gives the same tokens.
        """
        shares = self.target_shares(targets)
        folds = [
            fold for fold in self.folds_of(self.combination) if not self.heads(self.combination, fold).tokens
        ]

        def learn(fold: int) -> None:
            heads, clips = self.heads(self.combination, fold), self.members_of(fold, "train")
            known = clips[shares[clips].sum(axis=1) > 0]
            heads.tokens = learned_tokens(heads, self.bank, known, shares[known], seed=(seed, fold))

        with one_core_each(), ThreadPoolExecutor(self.threads, thread_name_prefix="asking") as pool:
            list(pool.map(learn, folds))

    def target_shares(self, targets: Any) -> Numbers:
        """Shares of the labels (clips, labels) from a `targets` table; zeros where a clip has no target."""
        table = conform(TARGETS, targets, labels=self.labels)
        table = table.filter(pl.col("clip_id").is_in(list(self.clip_ids)))
        shares = np.zeros((len(self.clip_ids), len(self.labels)))
        rows = np.fromiter((self.position[clip] for clip in table["clip_id"]), np.int64, table.height)
        shares[rows, self.labels.codes(table["label"])] = table["share"].to_numpy()
        return shares

    def add(self, modality: str, values: npt.ArrayLike) -> Positions:
        """Vectors from outside, (k, d) as the encoder gave them; the numbers (k,) under which items show them.

        Raises:
            InputError: another width, or values that are not finite.
        """
        return self.bank.add(modality, values)

    def ask(self, items: Items, given: str | None = None) -> Numbers:
        """Probabilities (seeds, items, labels) of the heads of one combination.

        Args:
            given: the combination that the heads were trained on; all modalities when None. Others of `items.shown`
                are ignored.

        Returns:
            NaN where a clip is tested in no fold, a fold has no head of that seed, or nothing is shown.

        Raises:
            UsageError: a combination without heads, or `TOKEN` before tokens were learned.
        """
        name = given or self.combination
        if name not in self.combinations:
            raise UsageError(f"there are no heads on {name!r}; legal are {', '.join(self.combinations)}")
        answers = np.full((len(self.seeds), len(items), len(self.labels)), np.nan)
        folds = self.folds[items.clips]
        with one_core_each(), ThreadPoolExecutor(self.threads, thread_name_prefix="asking") as pool:
            for fold in self.folds_of(name):
                shown = {modality: items.shown[modality] for modality in name.split("+")}
                which, shown = _something(np.flatnonzero(folds == fold), shown, self.bank)
                if len(which):
                    heads = self.heads(name, fold)
                    rows = np.searchsorted(self.seeds, heads.seeds)
                    answers[np.ix_(rows, which)] = heads.answer(self.bank, shown, pool=pool, rows=_ROWS)
        return answers

    def folds_of(self, given: str) -> list[int]:
        """The folds that have heads on a combination."""
        return sorted({fold for name, fold, _ in self._models if name == given})

    def heads(self, given: str, fold: int) -> FoldHeads:
        """The heads of a combination and fold, all seeds; only those of one combination are kept in memory."""
        if (given, fold) not in self._held:
            self._held = {
                key: heads for key, heads in self._held.items() if key[0] in (given, self.combination)
            }
            found = [key for key in sorted(self._models) if key[:2] == (given, fold)]
            self._held[given, fold] = FoldHeads([self._models[key] for key in found])
        return self._held[given, fold]

    def frame(self, answers: Numbers, items: Items, **columns: Any) -> pl.DataFrame:
        """Answers as rows: seed, clip_id, `columns`, label, probability; what is NaN has no rows.

        Args:
            answers: what `ask` gave for `items`.
            columns: further columns, each one value or one per item.
        """
        n_labels = answers.shape[-1]
        seed, item = np.nonzero(~np.isnan(answers[..., 0]))
        repeated = np.repeat(item, n_labels)
        series: dict[str, Any] = {
            "seed": np.repeat(np.array(self.seeds, np.int64)[seed], n_labels),
            "clip_id": pl.Series(self.clip_ids, dtype=pl.String).gather(items.clips[repeated]),
        }
        for name, value in columns.items():
            if value is None or isinstance(value, str | int | float):
                kind = pl.String if value is None else None
                series[name] = pl.repeat(value, len(repeated), dtype=kind, eager=True)
            else:
                series[name] = pl.Series(value).gather(repeated)
        series["label"] = pl.Series(list(self.labels)).gather(np.tile(np.arange(n_labels), len(item)))
        series["probability"] = answers[seed, item].reshape(-1)
        return pl.DataFrame(series)

    def _tested(self, splits: pl.DataFrame) -> Positions:
        folds = np.full(len(self.clip_ids), -1, np.int64)
        for clip, fold in splits.filter(pl.col("role") == "test").select("clip_id", "fold").iter_rows():
            if clip in self.position:
                folds[self.position[clip]] = fold
        return folds


def _by_place(parts: Sequence[HeadModels]) -> dict[tuple[str, int, int], Any]:
    found: dict[tuple[str, int, int], Any] = {}
    for models in parts:
        for model in models.heads:
            key = (model.head.combination, model.head.fold, model.head.seed)
            if key in found:
                raise UsageError(f"there are two heads on {model.head}")
            found[key] = (models, model)
    return found


def _something(
    which: Positions, shown: Mapping[str, Positions], bank: Bank
) -> tuple[Positions, dict[str, Positions]]:
    """Of some items those that show anything, and what; a clip that lacks a modality shows `WITHHELD`."""
    found = {}
    for modality, numbers in shown.items():
        asked = numbers[which]
        has = bank.rows[modality][np.maximum(asked, 0)] >= 0
        found[modality] = np.where((asked >= 0) & ~has, WITHHELD, asked)
    kept = np.any([numbers != WITHHELD for numbers in found.values()], axis=0)
    return which[kept], {modality: numbers[kept] for modality, numbers in found.items()}
