"""One core per thread: how torch computes while heads are trained and used.

Heads are many small products. Spread over cores one by one they wait for each other longer than they compute; and a
sum cut into as many pieces as there are cores differs from machine to machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["one_core_each"]


@contextmanager
def one_core_each() -> Iterator[None]:
    """Torch uses one core in every thread of this process until the block ends."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
