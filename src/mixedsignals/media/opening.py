"""How a media file is opened: local files of known formats only, and a plain sentence when it cannot be.

FFmpeg would also follow playlists to other files and addresses and would show any text file as a picture;
lists of allowed protocols and formats keep it to recordings. Times are in seconds from the file's own beginning.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from mixedsignals.errors import InputError, Problem
from mixedsignals.media.layout import shortfall

__all__ = [
    "GAP",
    "TOLERANCE",
    "audio_of",
    "fault",
    "first_audio",
    "first_video",
    "opened",
    "packets",
    "seek",
    "span_within",
    "track_end",
    "video_of",
    "zero",
]

TOLERANCE = 0.25
"""Seconds by which a span may pass the end, and a file may stop before its stated end: both are often rounded."""

GAP = 0.05
"""Seconds between two pieces of sound from which on it is a gap: FLV and WebM round times to the millisecond."""

_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,flv,live_flv,avi,mpeg,mpegts,asf,"
    "wav,w64,aiff,flac,mp3,ogg,aac,caf,amr,au"
)
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}

_SAVE_AGAIN = "Copy the file again from its source, or leave the clip out."
_CONVERT = "Convert it to MP4 (H.264 and AAC), WebM, WAV, FLAC or MP3, or leave the clip out."


def fault(code: str, path: Path | str, message: str, remedy: str) -> Problem:
    """A fault of one media file."""
    return Problem(code=code, message=message, remedy=remedy, file=str(path))


class _BrokenLayoutError(Exception):
    """PyAV itself stumbled over what the file says."""


@contextmanager
def opened(path: Path | str) -> Iterator[InputContainer]:
    """Open a recording for reading.

    Raises:
        InputError: `missing-media`, `empty-media`, `truncated-media` or `unreadable-media`; the last also for
            errors while decoding inside the block.
    """
    path = Path(path)
    _present(path)
    try:
        # Absolute, so that a name such as "http:x" is never taken for an address.
        with av.open(str(path.absolute()), options=_OPTIONS, metadata_errors="replace") as container:
            short = shortfall(path)
            if short is not None:  # FFmpeg would give what there is, as if it were all
                raise InputError(fault("truncated-media", path, short, _SAVE_AGAIN))
            yield container
    except (av.FFmpegError, UnicodeError, _BrokenLayoutError) as error:
        raise InputError(_unreadable(path, error)) from error


def _present(path: Path) -> None:
    try:
        if not path.exists():
            raise InputError(
                fault("missing-media", path, "there is no such file", "Correct the path, or add the file.")
            )
        if not path.is_file():
            message = "is not a file but a folder or a device"
            raise InputError(fault("missing-media", path, message, "Name a media file."))
        if path.stat().st_size == 0:
            raise InputError(fault("empty-media", path, "the file is empty (zero bytes)", _SAVE_AGAIN))
    except (OSError, ValueError) as error:  # no permission on a folder above, a NUL in the name
        raise InputError(
            fault("unreadable-media", path, f"cannot be reached ({error})", "Check the path.")
        ) from error


def _unreadable(path: Path, error: Exception) -> Problem:
    short = shortfall(path)
    if short is not None:
        return fault("truncated-media", path, short, _SAVE_AGAIN)
    if isinstance(error, EOFError):
        message = "the file is cut short: it ends before any sound or picture"
        return fault("truncated-media", path, message, _SAVE_AGAIN)
    if isinstance(error, PermissionError):
        return fault("unreadable-media", path, "you may not read this file", "Change its permissions.")
    reason = getattr(error, "strerror", None) or type(error).__name__
    return fault("unreadable-media", path, f"cannot be read as sound or video ({reason})", _CONVERT)


def first_audio(container: InputContainer) -> av.AudioStream | None:
    """The first sound track that can be decoded, or None."""
    return next((s for s in container.streams.audio if s.codec_context is not None), None)


def first_video(container: InputContainer) -> av.VideoStream | None:
    """The first moving picture that can be decoded, or None; a cover picture in a sound file is none."""
    still = av.stream.Disposition.attached_pic
    for stream in container.streams.video:
        if stream.codec_context is not None and not stream.disposition & still and stream.codec_context.width:
            return stream
    return None


def video_of(container: InputContainer, path: Path | str) -> av.VideoStream:
    """`first_video`, where one is wanted.

    Raises:
        InputError: `no-video-track`.
    """
    stream = first_video(container)
    if stream is None:
        remedy = "Name a file with pictures in this column, or leave the cell empty."
        raise InputError(fault("no-video-track", path, "has no video track", remedy))
    return stream


def audio_of(container: InputContainer, path: Path | str) -> av.AudioStream:
    """`first_audio`, where one is wanted.

    Raises:
        InputError: `no-audio-track`.
    """
    stream = first_audio(container)
    if stream is None:
        remedy = "Name a file with sound in this column, or leave the cell empty."
        raise InputError(fault("no-audio-track", path, "has no sound track", remedy))
    return stream


def packets(container: InputContainer, *streams: av.AudioStream | av.VideoStream) -> Iterator[av.Packet[Any]]:
    """The pieces of some tracks in the order of the file; the last of each track is empty and ends its decoding."""
    try:
        yield from container.demux(*streams)
    except (IndexError, ValueError, OverflowError, MemoryError) as error:
        if isinstance(error, av.FFmpegError):
            raise
        raise _BrokenLayoutError(str(error)) from error


def zero(container: InputContainer) -> float:
    """The file's own time (s) at which it begins; recordings need not begin at 0."""
    # Below 0 lies only what decoders need before the first sample or frame that is shown.
    return max(0.0, (container.start_time or 0) / av.time_base)


def track_end(container: InputContainer, stream: av.AudioStream | av.VideoStream) -> float | None:
    """Where the header says that this track ends (s), or None where it says nothing of the track."""
    if not stream.duration or stream.time_base is None:
        return None
    begin = float((stream.start_time or 0) * stream.time_base)
    return begin + float(stream.duration * stream.time_base) - zero(container)


def seek(container: InputContainer, stream: av.AudioStream | av.VideoStream, seconds: float) -> bool:
    """Move to a key frame at or before `seconds`; False where this file cannot be sought in."""
    assert stream.time_base is not None  # every stream that is demuxed has one
    offset = int((seconds + zero(container)) / stream.time_base)
    try:
        container.seek(offset, stream=stream, backward=True)
    except av.FFmpegError:
        return False
    return True


def span_within(
    path: Path | str, start: float | None, end: float | None, length: float | None
) -> tuple[float, float | None]:
    """The wanted part of a recording (s): from 0 where `start` is None, to the end (None) where `end` is.

    Raises:
        InputError: `bad-span` (not numbers, below 0, or end not after start), `span-outside-media` (passes the end
            of the file, `length` s, by more than `TOLERANCE`).
    """
    begin = 0.0 if start is None else float(start)
    last = math.inf if end is None else float(end)
    if math.isnan(begin) or math.isnan(last) or begin < 0 or math.isinf(begin) or last <= begin:
        message = f"the span from {start} to {end} s is none: start must be 0 or more and end after it"
        raise InputError(fault("bad-span", path, message, "Correct start and end."))
    if length is not None and (begin >= length or (end is not None and last > length + TOLERANCE)):
        until = "the end" if end is None else f"{last:g} s"
        message = f"the span from {begin:g} s to {until} passes the end of the file at {length:.2f} s"
        remedy = "Correct start and end, or name the right file."
        raise InputError(fault("span-outside-media", path, message, remedy))
    return begin, None if end is None else last
