"""Members that are solved for instead of trained: one head at a time, exactly, from its fold's training clips.

What comes out is the same record that training gives, so saving, predicting and every table are the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from mixedsignals.errors import CannotFinish
from mixedsignals.heads.basis import Bases
from mixedsignals.heads.data import TrainingSet
from mixedsignals.heads.fusion import fusion_of
from mixedsignals.heads.grid import HeadId
from mixedsignals.heads.looking import Looking, tuning
from mixedsignals.heads.options import HeadOptions
from mixedsignals.heads.outcome import Epoch, TrainedHead
from mixedsignals.heads.pooled import Task
from mixedsignals.heads.stack import Gatherer, Stack

__all__ = ["solve_heads"]


def solve_heads(
    data: TrainingSet,
    heads: Sequence[HeadId],
    options: HeadOptions,
    bases: Bases,
    *,
    stop: threading.Event | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> list[TrainedHead]:
    """Solve heads one after another; each has one epoch, its only one.

    Raises:
        CannotFinish: a solution that is not finite, with its fold, seed and combination.
    """
    done = []
    for head in heads:
        if stop is not None and stop.is_set():
            break
        with threadpool_limits(1):
            done.append(_solved(data, head, options, bases))
        advance(options.epochs)
    return done


def _solved(data: TrainingSet, head: HeadId, options: HeadOptions, bases: Bases) -> TrainedHead:
    member, modalities = fusion_of(options), head.modalities
    train, tune, test = (data.part(modalities, head.fold, role) for role in ("train", "tune", "test"))
    found = member.solve(Task(bases, modalities, head.fold, head.seed, train, tune))  # type: ignore[attr-defined]
    broken = [name for name, values in found.items() if not np.isfinite(values).all()]
    if broken:
        raise CannotFinish(
            f"the solution of the head on {head} is not finite ({', '.join(broken)}). "
            "Look for extreme values in these embeddings."
        )
    widths = {name: data.inputs[name].values.shape[1] for name in modalities}
    dtype = getattr(torch, options.dtype)
    shapes = member.parameters(widths, len(data.labels))
    arrays = {name: found[name].reshape(shape.shape) for name, shape in shapes.items()}
    weights = Stack(shapes, [arrays], dtype)
    standardisers = {name: data.standardisers[name, head.fold] for name in modalities}
    looking = Looking(member, weights.views(), {}, Gatherer(data, modalities, [standardisers], dtype))
    targets = torch.tensor(data.targets)
    losses = {}
    for role, part in (("train", train), ("tune", tune)):
        positions, fused, _ = looking.at([part])
        losses[role] = tuning(positions, fused, targets)
    epoch = Epoch(float(losses["train"][0][0]), float(losses["tune"][0][0]), float(losses["tune"][1][0]))
    return TrainedHead(
        head=head,
        best=0,
        history=(epoch,),
        arrays=weights.arrays(0),
        standardisers=standardisers,
        test=looking.tested([head], [test])[0],
    )
