"""How many requests one browser or address may make: buckets that refill, in memory, keyed so that nothing is kept.

An address is only ever held as a digest under a key that dies with the process.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Limit", "Limiter"]

_MOST_KEYS = 50_000


@dataclass(frozen=True)
class Limit:
    """So many at once, and so many more each minute."""

    burst: int
    per_minute: float


class Limiter:
    """One bucket per key.

    Args:
        limits: name of what is limited -> its limit.
        clock: seconds; tests bring their own.
    """

    def __init__(self, limits: dict[str, Limit], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._key = secrets.token_bytes(16)
        self._lock = threading.Lock()
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def wait(self, name: str, who: str) -> float:
        """Take one from the bucket.

        Returns:
            0.0 where there was one, else the seconds until there will be.
        """
        limit, now = self._limits[name], self._clock()
        key = hashlib.blake2b(f"{name}\0{who}".encode(), key=self._key, digest_size=16).digest()
        rate = limit.per_minute / 60.0
        with self._lock:
            left, at = self._buckets.pop(key, (float(limit.burst), now))
            left = min(left + (now - at) * rate, float(limit.burst))
            taken = left >= 1.0
            self._buckets[key] = (left - taken, now)
            if len(self._buckets) > _MOST_KEYS:
                self._buckets.popitem(last=False)
        return 0.0 if taken else (1.0 - left) / rate
