"""Pictures at even steps within a span: only the wanted ones are converted, and long clips are sought in.

A picture stands for a moment when it is the one on the screen then: the last that begins at or before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from mixedsignals.errors import InputError, Problem
from mixedsignals.media.opening import fault, opened, packets, seek, span_within, track_end, video_of, zero
from mixedsignals.media.probing import length_of

__all__ = ["between", "frames", "turns", "upright"]

Pictures = NDArray[np.uint8]

_ROUNDED = 1e-3  # s; FLV and WebM round the times of pictures to this
_NEAR = 2.0  # s; to a moment nearer than this, decoding on is as quick as seeking


def frames(
    path: Path | str,
    *,
    count: int = 16,
    start: float | None = None,
    end: float | None = None,
    size: tuple[int, int] | None = None,
    max_seconds: float | None = None,
) -> Pictures:
    """Pictures at the centres of `count` equal parts of a span: shape (count, height, width, 3), uint8 RGB.

    A clip with fewer pictures than `count` gives some of them more than once. A picture that the file marks as
    turned (telephones do) is turned upright. Memory is that of the result and a few pictures, whatever the length.

    Args:
        path: a file with a video track.
        count: number of pictures, 1 or more.
        start, end: the span in seconds from the beginning of the file; None for its beginning and its end.
        size: (height, width) of the result in pixels; None for the size as recorded.
        max_seconds: use no more than this much of the span, from its start.

    Raises:
        InputError: as `probe`; `no-video-track`; `bad-span` and `span-outside-media`; `no-video-in-span`.
        ValueError: `count` or `size` below 1.
    """
    if count < 1 or (size is not None and min(size) < 1):
        raise ValueError(f"count and size must be 1 or more, not {count} and {size}")
    with opened(path) as container:
        stream = video_of(container, path)
        length = length_of(container, path)
        begin, last = span_within(path, start, end, length)
        stop = _stop(last, track_end(container, stream) or length, begin, max_seconds)
        if stop <= begin:
            raise InputError(_nothing(path, begin))
        moments = begin + (np.arange(count) + 0.5) * ((stop - begin) / count)
        result: Pictures | None = None
        for index, frame in enumerate(_at(path, container, stream, moments.tolist())):
            picture = upright(frame, size)
            if result is None:
                result = np.empty((count, *picture.shape), np.uint8)
            elif picture.shape != result.shape[1:]:  # some recorders change the size on the way
                picture = upright(frame, (result.shape[1], result.shape[2]))
            result[index] = picture
    if result is None:
        raise InputError(_nothing(path, begin))
    return result


def _nothing(path: Path | str, begin: float) -> Problem:
    message = f"no picture could be decoded from {begin:g} s on"
    return fault("no-video-in-span", path, message, "Correct start and end, or name the right file.")


def _stop(last: float | None, length: float | None, begin: float, max_seconds: float | None) -> float:
    ends = [moment for moment in (last, length) if moment is not None]
    stop = max(begin, min(ends, default=begin))
    return stop if max_seconds is None else min(stop, begin + max_seconds)


def turns(frame: av.VideoFrame) -> int:
    """Quarter turns, against the clock, that bring this picture upright (0 to 3)."""
    return round((frame.rotation or 0) / 90) % 4


def upright(frame: av.VideoFrame, size: tuple[int, int] | None = None) -> Pictures:
    """One picture as (height, width, 3) uint8 RGB, upright, of the wanted (height, width)."""
    quarters = turns(frame)
    height, width = size or (None, None)
    if quarters % 2:
        height, width = width, height
    smooth = Interpolation.AREA if size is not None else Interpolation.BILINEAR
    picture: NDArray[Any] = frame.reformat(
        width=width, height=height, format="rgb24", interpolation=smooth
    ).to_ndarray()
    return np.rot90(picture, quarters) if quarters else picture


def _shown(container: InputContainer, stream: av.VideoStream) -> Iterator[tuple[float, av.VideoFrame]]:
    """Every picture from where the file stands, with the time (s) at which it begins; one without a time follows on."""
    begin_at, rate = zero(container), stream.average_rate or stream.guessed_rate
    step = 1 / float(rate) if rate else 0.04
    time = -step
    for packet in packets(container, stream):
        for frame in packet.decode():
            time = time + step if frame.time is None else frame.time - begin_at
            yield time, frame


def between(path: Path | str, begin: float, last: float | None) -> Iterator[tuple[float, av.VideoFrame]]:
    """Every picture on the screen from `begin` to `last` (s; None: the end), with its time after `begin`."""
    held: av.VideoFrame | None = None
    for time, frame in _from(path, begin):
        if last is not None and time >= last - _ROUNDED:
            break
        if time <= begin + _ROUNDED:
            held = frame
            continue
        if held is not None:
            yield 0.0, held
            held = None
        yield time - begin, frame
    if held is not None:
        yield 0.0, held


def _from(path: Path | str, begin: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """Pictures from `begin`, or from some way before it."""
    with opened(path) as container:
        stream = video_of(container, path)
        if begin > _NEAR and seek(container, stream, begin):
            source = _shown(container, stream)
            first = next(source, None)
            if first is not None and first[0] <= begin:
                yield first
                yield from source
                return
    with opened(path) as container:
        yield from _shown(container, video_of(container, path))


def _at(
    path: Path | str, container: InputContainer, stream: av.VideoStream, moments: Sequence[float]
) -> Iterator[av.VideoFrame]:
    """The picture on the screen at each of the rising moments."""
    reader = _Reader(container, stream)
    for index, moment in enumerate(moments):
        if reader.overshot(moment):
            # The file's own index led past the moment, so it is read from its beginning without seeking.
            with opened(path) as again:
                sequential = _Reader(again, video_of(again, path), near=float("inf"))
                yield from (frame for at in moments[index:] if (frame := sequential.reach(at)) is not None)
            return
        frame = reader.reach(moment)
        if frame is not None:
            yield frame


class _Reader:
    """Decodes forward through one track; holds the picture on the screen and the one that follows it."""

    def __init__(self, container: InputContainer, stream: av.VideoStream, *, near: float = _NEAR) -> None:
        self._container, self._stream, self._near = container, stream, near
        self._enter()

    def _enter(self) -> None:
        self._source = _shown(self._container, self._stream)
        self._next = next(self._source, None)
        self._current: tuple[float, av.VideoFrame] | None = None

    def overshot(self, moment: float) -> bool:
        """Move nearer to `moment` where seeking saves decoding; True when that led past it."""
        if self._next is None or moment - self._next[0] <= self._near:
            return False
        position = self._next[0]
        if not seek(self._container, self._stream, moment):
            self._near = float("inf")
            return False
        self._enter()
        if self._next is None or self._next[0] > moment:
            return True
        if self._next[0] <= position:  # key frames lie farther apart than this step: nothing was saved
            self._near = 2 * (moment - self._next[0])
        return False

    def reach(self, moment: float) -> av.VideoFrame | None:
        """The picture shown at `moment`, which is not before the last one asked for; the first one before all."""
        while self._next is not None and (self._current is None or self._next[0] <= moment + _ROUNDED):
            self._current = self._next
            self._next = next(self._source, None)
        return None if self._current is None else self._current[1]
