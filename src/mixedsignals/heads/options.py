"""How heads are trained: one frozen record whose defaults are the paper's numbers.

Nothing here imports torch, so that a command line can show the defaults without loading it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from mixedsignals.errors import check_options

__all__ = ["HeadOptions"]


@dataclass(frozen=True, kw_only=True)
class HeadOptions:
    """Options of `fit_heads`.

    The first block changes the results; the second only how fast they come (a head's numbers do not depend on which
    heads share its group, nor on how many threads work).

    Attributes:
        fusion: name of the fusion member, see `FUSIONS`; `gated` is the paper's.
        epochs: passes over the training clips.
        batch_size: clips in a step, two or more. A last batch of a single clip is left out of its epoch, because a
            batch statistic of one clip is no statistic; the shuffle brings that clip back in the next.
        learning_rate, peak_learning_rate: start and top of the one-cycle schedule.
        weight_decay: Adam's (coupled) weight decay.
        dropout: share of units dropped in the classifier.
        modality_dropout: chance that a modality of a clip is withheld in a training step; one always stays.
        missing: what stands for a modality that a clip lacks or that is withheld: `mask` lets it take no part, `tokens`
            shows a learned vector instead, so that one model has seen every subset. Members that are solved for mask.
        modulation: slow down the gradients of the modality that does best alone, and add noise to them (OGM-GE).
        class_weights: weigh clips by the inverse frequency of their label in the fold's training part.
        soft_targets: train towards the shares of the target table instead of its most frequent label.
        patience: stop a head after so many epochs without a better one; None trains all epochs.
        dynamics: also tell after each epoch how the clips trained on stand (the probability of the target, and whether
            it leads), for heads of one modality and of all.
        dtype: `float32`, or `float64` for checks.
        group_size: heads trained in one batched product; `auto` times a few sizes first (once per process).
        threads: groups trained side by side, each on one core; None takes torch's number of threads,
            eight at most.
    """

    fusion: str = "gated"
    epochs: int = 15
    batch_size: int = 64
    learning_rate: float = 1e-4
    peak_learning_rate: float = 1e-3
    weight_decay: float = 1e-3
    dropout: float = 0.3
    modality_dropout: float = 0.2
    missing: Literal["mask", "tokens"] = "mask"
    modulation: bool = False
    class_weights: bool = False
    soft_targets: bool = False
    patience: int | None = None
    dynamics: bool = False
    dtype: Literal["float32", "float64"] = "float32"

    group_size: int | Literal["auto"] = "auto"
    threads: int | None = None

    def __post_init__(self) -> None:
        check_options(self, self._rules())

    def _rules(self) -> list[tuple[str, bool, str]]:
        positive, count = "a number above 0", "a whole number, 1 or more"
        return [
            ("epochs", self.epochs >= 1, count),
            ("batch_size", self.batch_size >= 2, "a whole number, 2 or more"),
            ("learning_rate", math.isfinite(self.learning_rate) and self.learning_rate > 0, positive),
            (
                "peak_learning_rate",
                math.isfinite(self.peak_learning_rate) and self.peak_learning_rate >= self.learning_rate,
                "a number no smaller than learning_rate",
            ),
            ("weight_decay", math.isfinite(self.weight_decay) and self.weight_decay >= 0, "0 or more"),
            ("dropout", 0 <= self.dropout < 1, "0 or more and less than 1"),
            ("modality_dropout", 0 <= self.modality_dropout < 1, "0 or more and less than 1"),
            ("missing", self.missing in ("mask", "tokens"), "mask or tokens"),
            ("patience", self.patience is None or self.patience >= 1, f"{count}, or None"),
            ("dtype", self.dtype in ("float32", "float64"), "float32 or float64"),
            (
                "group_size",
                self.group_size == "auto" or (isinstance(self.group_size, int) and self.group_size >= 1),
                f"{count}, or auto",
            ),
            ("threads", self.threads is None or self.threads >= 1, f"{count}, or None"),
        ]
