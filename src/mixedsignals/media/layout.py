"""Whether a file is shorter than it says itself, seen from its outer layout without decoding anything.

MP4, WAV, WebM, FLV and most MP3 files state the length of their parts in bytes. A copy that broke off is found here
in a few reads, even where only the last bytes lack; what passes may still be damaged inside, which `verify` finds.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

__all__ = ["shortfall"]


def shortfall(path: Path | str) -> str | None:
    """One sentence on how much of the file is missing, or None where nothing is known to be.

    Other formats, and lengths left open by live recorders, give None.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(12)
            if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
                return _mp4(file, size)
            if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
                return _wav(file, size)
            if head[:4] == b"\x1aE\xdf\xa3":
                return _webm(file, size)
            if head[:3] == b"FLV":
                return _flv(file, size)
            if head[:3] == b"ID3" or (head[0] == 0xFF and head[1] & 0xE0 == 0xE0):
                return _mp3(file, size)
    except OSError:
        return None
    return None


def _lacking(stated: int, size: int) -> str:
    return f"the file is cut short: it should have {stated:,} bytes and has {size:,}"


def _mp4(file: BinaryIO, size: int) -> str | None:
    position, index = 0, False
    while position + 8 <= size:
        file.seek(position)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == 1:
            extended = file.read(8)
            length = struct.unpack(">Q", extended)[0] if len(extended) == 8 else 16
        elif length == 0:  # the last part, open to the end
            length = size - position
        if length < 8:
            return None  # not the layout we know: nothing can be said
        index = index or kind in (b"moov", b"moof")
        position += length
    if position > size:
        return _lacking(position, size)
    if position < size:
        return "the file is cut short inside the head of a part"
    return None if index else "the file is cut short: its index (moov) is missing"


def _wav(file: BinaryIO, size: int) -> str | None:
    position = 12
    while position + 8 <= size:
        file.seek(position)
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind == b"data":
            stated = position + 8 + length
            # A recorder that could not go back leaves 0 or the largest number there.
            return _lacking(stated, size) if length < 0xFFFFFF00 and stated > size else None
        position += 8 + length + length % 2
    return "the file is cut short: it has no sound data"


def _webm(file: BinaryIO, size: int) -> str | None:
    position = 0
    for _ in range(2):  # the EBML head, then the segment that holds everything
        file.seek(position)
        length, width = _vint(file.read(12)[4:])
        if width == 0 or length is None:
            return None
        position += 4 + width + length
    return _lacking(position, size) if position > size else None


def _flv(file: BinaryIO, size: int) -> str | None:
    file.seek(max(0, size - 4))
    last = int.from_bytes(file.read(4), "big")  # the length of the last tag is repeated after it
    file.seek(max(0, size - 4 - last))
    head = file.read(4)
    if last > 11 and int.from_bytes(head[1:], "big") == last - 11:
        return None
    position = 13  # its head, and the length (none) of the tag before the first
    while position + 11 <= size:
        file.seek(position)
        head = file.read(4)
        if head[0] & 0x1F not in (8, 9, 18):  # sound, picture, words: anything else is not the layout we know
            return None
        position += 11 + int.from_bytes(head[1:], "big") + 4
    if 0 < size - position < 11:
        return "the file is cut short inside the head of a part"
    # Some writers leave out the four bytes that close the last tag.
    return _lacking(position, size) if position > size + 4 else None


def _mp3(file: BinaryIO, size: int) -> str | None:
    file.seek(0)
    head = file.read(10)
    begin = 0
    if head[:3] == b"ID3":  # seven bits a byte
        begin = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    file.seek(begin)
    frame = file.read(60)
    mark = max(frame.find(b"Xing"), frame.find(b"Info"))
    if mark < 0 or len(frame) < mark + 16 or frame[mark + 7] & 3 != 3:
        return None  # its first frame does not state how many frames and bytes there are
    stated = begin + int.from_bytes(frame[mark + 12 : mark + 16], "big")
    return _lacking(stated, size) if stated > size else None


def _vint(data: bytes) -> tuple[int | None, int]:
    """An EBML length and its width in bytes; (None, width) where the length is left open, (None, 0) where cut off."""
    width = 9 - data[0].bit_length() if data and data[0] else 0
    if width == 0 or len(data) < width:
        return None, 0
    value = int.from_bytes(data[:width], "big") & ((1 << 7 * width) - 1)
    return (None if value == (1 << 7 * width) - 1 else value), width
