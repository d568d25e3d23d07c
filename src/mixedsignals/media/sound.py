"""Sound as one array: mono float32 at the wanted rate, exactly the wanted span.

Decoders give more than was recorded (AAC and MP3 add padding at both ends); what lies outside the track's stated
beginning and end is cut. Only the span is decoded: reading seeks to its start and stops at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import soxr
from av.container import InputContainer
from numpy.typing import NDArray

from mixedsignals.errors import InputError
from mixedsignals.media.opening import (
    GAP,
    audio_of,
    fault,
    opened,
    packets,
    seek,
    span_within,
    track_end,
    zero,
)
from mixedsignals.media.probing import length_of

__all__ = ["audio", "blocks"]

Samples = NDArray[np.float32]

_PREROLL = 0.5  # s; Opus and MP3 need some sound before the first sample that is right


def audio(
    path: Path | str,
    *,
    start: float | None = None,
    end: float | None = None,
    rate: int = 16_000,
    max_seconds: float | None = None,
) -> Samples:
    """Sound of a recording or of a span of it, shape (n,), float32 in [-1, 1] as recorded, at `rate` Hz.

    Channels are averaged; resampling is soxr's high quality. The first sample is at `start`: a track that begins
    later than the file, or has a gap, is silent there. Where the sound ends before the span, the array is shorter.

    Args:
        path: a file with a sound track.
        start, end: the span in seconds from the beginning of the file; None for its beginning and its end.
        rate: samples per second of the result.
        max_seconds: read no more than this much of the span, from its start.

    Raises:
        InputError: as `probe`; `no-audio-track`; `bad-span` and `span-outside-media`; `no-audio-in-span` where the
            sound track ends before the span; `bad-samples` where samples are not numbers.
    """
    samples = _joined(blocks(path, start=start, end=end, rate=rate, max_seconds=max_seconds), 10 * rate)
    if not samples.size:
        message = f"the sound track has nothing from {start or 0:g} s on"
        raise InputError(
            fault("no-audio-in-span", path, message, "Correct start and end, or name the right file.")
        )
    return samples


def _joined(parts: Iterable[Samples], room: int) -> Samples:
    """All parts in one array that grows in place, as a list of them would need the memory twice."""
    joined, filled = np.empty(room, np.float32), 0
    for part in parts:
        if filled + part.size > joined.size:
            joined.resize(max(filled + part.size, joined.size + joined.size // 4), refcheck=False)
        joined[filled : filled + part.size] = part
        filled += part.size
    joined.resize(filled, refcheck=False)
    return joined


def blocks(
    path: Path | str, *, start: float | None, end: float | None, rate: int, max_seconds: float | None = None
) -> Iterator[Samples]:
    """What `audio` gives, piece by piece, so that long recordings can pass through in little memory."""
    with opened(path) as container:
        stream = audio_of(container, path)
        length = length_of(container, path)
        begin, last = span_within(path, start, end, length)
        ends = [last, track_end(container, stream), None if max_seconds is None else begin + max_seconds]
        stop = min((moment for moment in ends if moment is not None), default=None)
        pieces = _span(path, container, stream, begin, stop, length)
        yield from _resampled(_sane(pieces, path), rate)


def _span(
    path: Path | str,
    container: InputContainer,
    stream: av.AudioStream,
    start: float,
    stop: float | None,
    length: float | None,
) -> Iterator[tuple[int, Samples]]:
    """The samples of the span with their rate, each where its time says; silence in gaps."""
    cursor: int | None = None
    for rate, begin, samples in _placed(path, container, stream, start):
        if cursor is None:
            cursor = round(start * rate)
        limit = None if stop is None else round(stop * rate)
        gap_end = begin if length is None else min(begin, round(length * rate))
        while cursor < gap_end and (limit is None or cursor < limit):
            silent = min(gap_end - cursor, rate, rate if limit is None else limit - cursor)
            yield rate, np.zeros(silent, np.float32)
            cursor += silent
        wanted = samples[max(0, cursor - begin) : None if limit is None else max(0, limit - begin)]
        if wanted.size:
            yield rate, wanted
            cursor += wanted.size
        if limit is not None and cursor >= limit:
            return


def _placed(
    path: Path | str, container: InputContainer, stream: av.AudioStream, start: float
) -> Iterator[tuple[int, int, Samples]]:
    """Rate, index of the first sample, and samples of every decoded frame from `start` or a little before it on."""
    begin_at = zero(container)
    expected: int | None = None
    for frame in _decoded(path, container, stream, start):
        rate, samples = frame.sample_rate, _mono(frame)
        begin = expected if frame.time is None else round((frame.time - begin_at) * rate)
        if begin is None:
            begin = 0
        if expected is not None and abs(begin - expected) <= GAP * rate:
            begin = expected
        expected = begin + samples.size
        yield rate, begin, samples


def _decoded(
    path: Path | str, container: InputContainer, stream: av.AudioStream, start: float
) -> Iterator[av.AudioFrame]:
    sought = start > 2 * _PREROLL and seek(container, stream, start - _PREROLL)
    frames = _frames(container, stream)
    if not sought:
        yield from frames
        return
    first = next(frames, None)
    if first is not None and first.time is not None and first.time - zero(container) <= start:
        yield first
        yield from frames
        return
    # The file's own index led past the start, so it is read from the beginning.
    with opened(path) as again:
        yield from _frames(again, audio_of(again, path))


def _frames(container: InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    for packet in packets(container, stream):
        yield from cast(list[av.AudioFrame], packet.decode())


def _mono(frame: av.AudioFrame) -> Samples:
    data: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, frame.layout.nb_channels).T
    if data.dtype == np.uint8:
        data = (data.astype(np.float32) - 128) / 128
    elif data.dtype.kind == "i":
        data = data.astype(np.float32) / np.float32(2 ** (8 * data.itemsize - 1))
    return np.asarray(data[0] if len(data) == 1 else data.mean(axis=0), dtype=np.float32)


def _sane(pieces: Iterator[tuple[int, Samples]], path: Path | str) -> Iterator[tuple[int, Samples]]:
    first: int | None = None
    for rate, samples in pieces:
        first = first or rate
        if rate != first:
            message = f"the sound changes its rate on the way, from {first} to {rate} Hz"
            raise InputError(fault("unreadable-media", path, message, "Convert the file to one rate."))
        if not np.isfinite(samples).all():
            message = "the sound holds samples that are not numbers (NaN or infinite)"
            raise InputError(
                fault("bad-samples", path, message, "Export the sound again, as 16-bit for example.")
            )
        yield rate, samples


def _resampled(pieces: Iterator[tuple[int, Samples]], rate: int) -> Iterator[Samples]:
    resampler: soxr.ResampleStream | None = None
    for source, samples in pieces:
        if source == rate:
            yield samples
            continue
        if resampler is None:
            resampler = soxr.ResampleStream(source, rate, 1, dtype="float32", quality="HQ")
        yield resampler.resample_chunk(samples)
    if resampler is not None:
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)
