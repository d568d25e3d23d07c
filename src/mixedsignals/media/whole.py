"""Whether a recording can be read to its end: everything is decoded once, in bounded memory, and nothing is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from av.container import InputContainer

from mixedsignals.errors import InputError, Problem
from mixedsignals.media.opening import (
    GAP,
    TOLERANCE,
    fault,
    first_audio,
    first_video,
    opened,
    packets,
    track_end,
    zero,
)

__all__ = ["verify"]

_LOOK = "Look at the clip; copy it again from its source if it is not as recorded."
_COPY_AGAIN = "Copy the file again from its source, or leave the clip out."


def verify(
    path: Path | str, *, audio: bool = False, video: bool = False, decode: bool = True
) -> list[Problem]:
    """Everything that is wrong with one recording; an empty list where it is sound.

    Found are: a file that is missing, empty or unreadable, one that is cut short or damaged inside, and a track
    that should be there and is not. A track may end 0.25 s (or two pictures) before its stated end, as headers round.
    Damage that the decoder could hide and gaps in the sound are warnings, all else is a fault.

    Args:
        path: the file; a missing one is a problem, not an exception.
        audio: whether it should have sound (`no-audio-track`).
        video: whether it should have pictures (`no-video-track`).
        decode: False reads only the header and the outer layout, which is quick and does not see damage inside.
    """
    try:
        with opened(path) as container:
            problems = _absent(container, path, audio=audio, video=video)
            return [*problems, *(_contents(container, path) if decode else [])]
    except InputError as error:
        return list(error.problems)


def _absent(container: InputContainer, path: Path | str, *, audio: bool, video: bool) -> list[Problem]:
    sound, picture = first_audio(container), first_video(container)
    if sound is None and picture is None:
        message = "holds no sound and no video track that can be decoded"
        return [fault("unreadable-media", path, message, "Convert it, or name the right file.")]
    problems = []
    if audio and sound is None:
        remedy = "Add the sound, or map this file to `video` only."
        problems.append(fault("no-audio-track", path, "has no sound track", remedy))
    if video and picture is None:
        remedy = "Add the pictures, or map this file to `audio` only."
        problems.append(fault("no-video-track", path, "has no video track", remedy))
    return problems


@dataclass
class _Track:
    """What decoding one track came to; times in s from the file's beginning."""

    kind: Literal["sound", "video"]
    stated: float | None
    slack: float
    end: float = 0.0
    pieces: int = 0
    broken: list[float] = field(default_factory=list)
    hidden: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    finite: bool = True

    @property
    def short(self) -> bool:
        return self.stated is not None and self.end < self.stated - self.slack


def _contents(container: InputContainer, path: Path | str) -> list[Problem]:
    streams = [stream for stream in (first_audio(container), first_video(container)) if stream is not None]
    tracks = {stream.index: _track(container, stream) for stream in streams}
    cut = False
    if not streams:
        return []
    for packet in packets(container, *streams):
        # The last block of a WAV is seldom full, which FFmpeg takes for damage; its length was checked before.
        cut = cut or (packet.is_corrupt and container.format.name != "wav")
        _decode(packet, tracks[packet.stream.index], zero(container))
    if cut or any(track.short for track in tracks.values()) or _ends_early(container, tracks.values()):
        return [_truncated(path, tracks.values(), (container.duration or 0) / av.time_base)]
    return [problem for track in tracks.values() for problem in _damage(track, path)]


def _track(container: InputContainer, stream: av.AudioStream | av.VideoStream) -> _Track:
    if isinstance(stream, av.AudioStream):
        return _Track("sound", track_end(container, stream), TOLERANCE)
    rate = stream.average_rate or stream.guessed_rate
    return _Track(
        "video", track_end(container, stream), max(TOLERANCE, 2 / float(rate) if rate else TOLERANCE)
    )


def _decode(packet: av.Packet[Any], track: _Track, begin_at: float) -> None:
    at = track.end
    try:
        decoded = packet.decode()
    except av.FFmpegError:
        track.broken.append(at)
        return
    for frame in decoded:
        _note(frame, track, begin_at)


def _note(frame: av.AudioFrame | av.VideoFrame, track: _Track, begin_at: float) -> None:
    begin = track.end if frame.time is None else frame.time - begin_at
    if frame.is_corrupt:
        track.hidden.append(begin)
    length = 0.0
    if isinstance(frame, av.AudioFrame):
        length = frame.samples / frame.sample_rate
        if track.pieces and begin > track.end + GAP:
            track.gaps.append(track.end)
        if "flt" in frame.format.name:
            track.finite = track.finite and bool(np.isfinite(frame.to_ndarray()).all())
    track.end = max(track.end, begin + length)
    track.pieces += 1


def _ends_early(container: InputContainer, tracks: Iterable[_Track]) -> bool:
    """For files that state one length for all tracks (FLV, WebM)."""
    tracks = list(tracks)
    if container.duration is None or any(track.stated is not None for track in tracks):
        return False
    slack = max(track.slack for track in tracks)
    return max(track.end for track in tracks) < container.duration / av.time_base - slack


def _truncated(path: Path | str, tracks: Iterable[_Track], stated: float) -> Problem:
    end = min(track.end for track in tracks)
    message = f"the file is cut short: it can be read to {end:.2f} s" + (
        f" of {stated:.2f} s" if end < stated else ""
    )
    return fault("truncated-media", path, message, _COPY_AGAIN)


def _damage(track: _Track, path: Path | str) -> list[Problem]:
    if track.pieces == 0:
        message = f"its {track.kind} track holds nothing that can be decoded"
        return [fault("damaged-media", path, message, _COPY_AGAIN)]
    if track.broken:
        message = f"its {track.kind} track is damaged in {_places(track.broken)}"
        return [fault("damaged-media", path, message, _COPY_AGAIN)]
    problems = []
    if track.hidden:
        message = (
            f"its {track.kind} track is damaged in {_places(track.hidden)}, which the decoder covered up"
        )
        problems.append(Problem("damaged-media", message, _LOOK, severity="warning", file=str(path)))
    if track.gaps:
        message = f"its sound track has gaps in {_places(track.gaps)}, which are read as silence"
        problems.append(Problem("gap-in-media", message, _LOOK, severity="warning", file=str(path)))
    if not track.finite:
        message = "its sound holds samples that are not numbers (NaN or infinite)"
        problems.append(fault("bad-samples", path, message, "Export the sound again, as 16-bit for example."))
    return problems


def _places(moments: list[float]) -> str:
    return f"{len(moments)} place{'s' if len(moments) > 1 else ''} (first at {moments[0]:.2f} s)"
