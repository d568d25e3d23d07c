"""The one training loop: a group of heads goes through its epochs together, each head keeping its own best epoch.

Heads of a group share a combination and the number of steps, and nothing else: each has its own fold, seed, shuffles,
dropout, statistics and best epoch. The loss of the group is the sum of theirs, so no gradient crosses.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from mixedsignals.errors import CannotFinish
from mixedsignals.heads.data import Positions, TrainingSet
from mixedsignals.heads.fusion import OwnLoss, fusion_of
from mixedsignals.heads.grid import HeadId, steps_per_epoch
from mixedsignals.heads.looking import Looking, tuning
from mixedsignals.heads.member import Batch, Fused, Parameter
from mixedsignals.heads.modulation import coefficients, modulate
from mixedsignals.heads.noise import Noise, Streams
from mixedsignals.heads.options import HeadOptions
from mixedsignals.heads.outcome import Arrays, Choice, Followed, TrainedHead
from mixedsignals.heads.schedule import one_cycle
from mixedsignals.heads.stack import Gatherer, Stack, fill_up

__all__ = ["Interrupted", "time_steps", "train_group"]


class Interrupted(Exception):
    """Another group failed, or the user stopped the run: this one gives up quietly."""


def train_group(
    data: TrainingSet,
    heads: Sequence[HeadId],
    options: HeadOptions,
    *,
    stop: threading.Event | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> list[TrainedHead]:
    """Train heads of one bucket together.

    Args:
        stop: set by others to end early.
        advance: told the number of heads after each epoch.

    Raises:
        CannotFinish: a loss that is not a number, with its fold, seed, combination, epoch and step.
        Interrupted: `stop` was set.
    """
    return Group(data, heads, options, stop or threading.Event()).train(advance)


def time_steps(
    data: TrainingSet, heads: Sequence[HeadId], options: HeadOptions, *, repeats: int = 3
) -> float:
    """Seconds of this thread's core that one step of a throw-away group takes, the best of `repeats`.

    Processor time, so that other work on the machine does not decide; nothing is kept.
    """
    group = Group(data, heads, options, threading.Event())
    positions = fill_up([part[: options.batch_size] for part in group.parts["train"]], options.batch_size)
    seconds = []
    for _ in range(repeats + 1):
        start = time.thread_time()
        group.step(positions, options.learning_rate, 0.9)
        seconds.append(time.thread_time() - start)
    return min(seconds[1:])


class Group:
    """A group of heads in training: their weights, statistics, streams, optimiser and clips."""

    def __init__(
        self, data: TrainingSet, heads: Sequence[HeadId], options: HeadOptions, stop: threading.Event
    ) -> None:
        self.data, self.heads, self.options, self.stop = data, list(heads), options, stop
        self.dtype = getattr(torch, options.dtype)
        self.member = fusion_of(options)
        modalities = heads[0].modalities
        widths = {modality: data.inputs[modality].values.shape[1] for modality in modalities}
        self.streams = [Streams(head.combination, head.fold, head.seed) for head in heads]
        learned = self.member.parameters(widths, len(data.labels))
        kept = self.member.statistics(widths, len(data.labels))
        self.weights = Stack(learned, self._starts(learned), self.dtype, learned=True)
        self.statistics = Stack(kept, self._starts(kept), self.dtype)
        self.standardisers = [
            {name: data.standardisers[name, head.fold] for name in modalities} for head in heads
        ]
        self.gatherer = Gatherer(data, modalities, self.standardisers, self.dtype)
        self.targets = torch.tensor(data.targets, dtype=self.dtype)
        self.parts = {
            role: [data.part(modalities, head.fold, role) for head in heads]
            for role in ("train", "tune", "test")
        }
        self.label_weights = torch.stack([self._label_weights(part) for part in self.parts["train"]])
        self.adam = torch.optim.Adam(
            list(self.weights.leaves.values()),
            lr=options.learning_rate,
            weight_decay=options.weight_decay,
            fused=True,
        )

    def _starts(self, shapes: Mapping[str, Parameter]) -> list[Arrays]:
        return [{name: one.start(stream.start) for name, one in shapes.items()} for stream in self.streams]

    def _label_weights(self, train: Positions) -> torch.Tensor:
        """Weight of each label, (labels,): 1, or inverse to its share of the training part with a mean of 1."""
        shares = self.data.targets[train].sum(axis=0)
        if not self.options.class_weights:
            return torch.ones(len(shares), dtype=self.dtype)
        there = shares > 0
        weights = np.where(there, shares.sum() / (there.sum() * np.where(there, shares, 1.0)), 0.0)
        return torch.tensor(weights, dtype=self.dtype)

    def train(self, advance: Callable[[int], None]) -> list[TrainedHead]:
        """All epochs, then the test clips with each head's best."""
        options = self.options
        steps = steps_per_epoch(len(self.parts["train"][0]), options.batch_size)
        rates, betas = one_cycle(steps * options.epochs, options.learning_rate, options.peak_learning_rate)
        choice = Choice(len(self.heads), options.patience)
        best_weights, best_statistics = self.weights.clone(), self.statistics.clone()
        dynamics: list[Followed] = []
        for epoch in range(options.epochs):
            span = slice(epoch * steps, (epoch + 1) * steps)
            losses = self._epoch(epoch, rates[span], betas[span])
            better = choice.judge(losses.mean(axis=0), *self._tune(epoch, steps))
            best_weights.copy_heads(self.weights, better)
            best_statistics.copy_heads(self.statistics, better)
            if self._is_followed:
                dynamics.append(self._followed())
            advance(len(self.heads))
            if choice.all_stopped:
                advance((options.epochs - epoch - 1) * len(self.heads))
                break
        self.weights, self.statistics = best_weights, best_statistics
        return self._finished(choice, dynamics)

    def _epoch(
        self, epoch: int, rates: npt.NDArray[np.float64], betas: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """One pass over the training clips; the losses of every step and head, (steps, heads)."""
        size = self.options.batch_size
        order = fill_up(
            [
                stream.order.permutation(part)
                for stream, part in zip(self.streams, self.parts["train"], strict=True)
            ],
            size,
        )
        losses = torch.empty(len(rates), len(self.heads), dtype=self.dtype)
        for step, (rate, beta) in enumerate(zip(rates, betas, strict=True)):
            if self.stop.is_set():
                raise Interrupted
            done = (epoch + step / len(rates)) / self.options.epochs
            losses[step] = self.step(order[:, step * size : (step + 1) * size], rate, beta, done)
        found: npt.NDArray[np.float64] = losses.numpy().astype(np.float64)
        broken = np.argwhere(~np.isfinite(found))
        if len(broken):
            raise _not_a_number(self.heads[broken[0][1]], epoch, f"step {broken[0][0]}")
        return found

    def step(self, positions: torch.Tensor, rate: float, beta: float, done: float = 0.0) -> torch.Tensor:
        """One step of every head on the clips at `positions` (heads, rows); the losses before it (nats).

        `done` is the share of the training that is behind.
        """
        batch = self.gatherer.batch(positions)
        noise = Noise(self.streams, positions.shape[1], self.dtype)
        fused = self.member.forward(self.weights.views(), self.statistics.views(), batch, noise)
        losses = self._loss(fused, batch, positions, done)
        losses.sum().backward()
        if self.options.modulation and len(batch.inputs) > 1:
            self._modulate(batch, positions)
        self.adam.param_groups[0].update(lr=rate, betas=(beta, 0.999))
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
        return losses.detach()

    def _modulate(self, batch: Batch, positions: torch.Tensor) -> None:
        weights = {name: view.detach() for name, view in self.weights.views().items()}
        factors = coefficients(
            lambda shown: self.member.forward(weights, self.statistics.views(), shown, None),
            batch,
            self.targets[positions.clamp(min=0)],
        )
        modulate(self.weights.leaves, factors, self.streams)

    def _loss(self, fused: Fused, batch: Batch, positions: torch.Tensor, done: float) -> torch.Tensor:
        """Mean cross-entropy (nats), or the member's own loss, of each head over its own rows, weighted by label."""
        weighed = self.targets[positions.clamp(min=0)] * self.label_weights.unsqueeze(1)
        weighed = weighed * batch.rows.unsqueeze(-1)
        if isinstance(self.member, OwnLoss):
            surprise = self.member.surprise(fused, weighed, done).sum(dim=1)
        else:
            surprise = -(weighed * torch.log_softmax(fused.logits, dim=-1)).sum(dim=(1, 2))
        return surprise / weighed.sum(dim=(1, 2))

    def _looking(self) -> Looking:
        return Looking(self.member, self.weights.views(), self.statistics.views(), self.gatherer)

    def _tune(self, epoch: int, steps: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Loss and accuracy of each head on its tuning part, each (heads,)."""
        positions, fused, _ = self._looking().at(self.parts["tune"])
        loss, accuracy = tuning(positions, fused, self.targets)
        broken = np.flatnonzero(~np.isfinite(loss))
        if len(broken):
            raise _not_a_number(self.heads[broken[0]], epoch, f"the tuning clips after step {steps - 1}")
        return loss, accuracy

    @property
    def _is_followed(self) -> bool:
        """Whether dynamics are kept: for heads of one modality and of all of them, as maps are drawn of these."""
        return self.options.dynamics and len(self.heads[0].modalities) in (1, len(self.data.inputs))

    def _followed(self) -> Followed:
        """How the training clips stand after an epoch."""
        positions, fused, _ = self._looking().at(self.parts["train"])
        truth = self.targets[positions.clamp(min=0)].double()
        said = fused.logits.double().softmax(dim=-1)
        right = truth.argmax(dim=-1) == said.argmax(dim=-1)
        return Followed((said * truth).sum(dim=-1).numpy(), right.numpy())

    def _finished(self, choice: Choice, dynamics: list[Followed]) -> list[TrainedHead]:
        tested = self._looking().tested(self.heads, self.parts["test"])
        done = []
        for row, head in enumerate(self.heads):
            train = self.parts["train"][row]
            epochs = len(choice.history[row])
            done.append(
                TrainedHead(
                    head=head,
                    best=int(choice.best[row]),
                    history=tuple(choice.history[row]),
                    arrays={**self.weights.arrays(row), **self.statistics.arrays(row)},
                    standardisers=self.standardisers[row],
                    test=tested[row],
                    train_clips=train if dynamics else np.zeros(0, np.int64),
                    p_target=np.array(
                        [one.p_target[row, : len(train)] for one in dynamics[:epochs]], ndmin=2
                    ),
                    right=np.array(
                        [one.right[row, : len(train)] for one in dynamics[:epochs]], bool, ndmin=2
                    ),
                )
            )
        return done


def _not_a_number(head: HeadId, epoch: int, where: str) -> CannotFinish:
    return CannotFinish(
        f"the loss of the head on {head} is not a finite number in epoch {epoch}, {where} (counted from 0). "
        "Lower peak_learning_rate, or look for extreme values in these embeddings."
    )
