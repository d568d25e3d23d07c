"""Reads the weights out of a CTranslate2 `model.bin` with numpy alone: names, shapes and bytes in a row.

The format (version 6; versions 4 and 5 differ in nothing that is read here) is: u32 version, text, u32 revision, u32
count; then per array a text, u8 rank, u32 sizes, u8 type, u32 bytes, the bytes. A text is u16 length with the closing
zero counted. Nothing in such a file can run code.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mixedsignals.errors import InputError, Problem

__all__ = ["read_ctranslate2"]

_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
_VERSIONS = (4, 5, 6)


class _Cursor:
    """A place in the file's bytes that moves as values are read."""

    def __init__(self, content: bytes | np.memmap[Any, np.dtype[np.uint8]]) -> None:
        self._content = content
        self._at = 0

    def take(self, n: int) -> bytes:
        piece = bytes(self._content[self._at : self._at + n])
        if len(piece) != n:
            raise ValueError("the file ends too early")
        self._at += n
        return piece

    def skip(self, n: int) -> None:
        if self._at + n > len(self._content):
            raise ValueError("the file ends too early")
        self._at += n

    def number(self, form: str) -> int:
        return int(struct.unpack(f"<{form}", self.take(struct.calcsize(form)))[0])

    def text(self) -> str:
        return self.take(self.number("H")).rstrip(b"\0").decode()


def read_ctranslate2(path: Path, *, prefix: str = "") -> dict[str, npt.NDArray[Any]]:
    """Arrays whose name begins with `prefix`, in the type they are stored in.

    Raises:
        InputError: not such a file, another version of the format, or a file that ends too early.
    """
    try:
        return _read(_Cursor(np.memmap(path, dtype=np.uint8, mode="r")), prefix)
    except (ValueError, OSError) as error:
        message = f"cannot be read as CTranslate2 weights ({error})"
        remedy = "Fetch the weights again."
        raise InputError(
            Problem(code="unreadable-weights", message=message, remedy=remedy, file=str(path))
        ) from error


def _read(cursor: _Cursor, prefix: str) -> dict[str, npt.NDArray[Any]]:
    version = cursor.number("I")
    if version not in _VERSIONS:
        raise ValueError(f"format version {version}; versions {_VERSIONS[0]} to {_VERSIONS[-1]} can be read")
    cursor.text()
    cursor.number("I")
    arrays: dict[str, npt.NDArray[Any]] = {}
    for _ in range(cursor.number("I")):
        name = cursor.text()
        shape = [cursor.number("I") for _ in range(cursor.number("B"))]
        kind, n_bytes = cursor.number("B"), cursor.number("I")
        if not name.startswith(prefix):
            cursor.skip(n_bytes)
            continue
        if kind not in _TYPES:
            raise ValueError(f"{name} is of type {kind}; the known types are {sorted(_TYPES)}")
        arrays[name] = np.frombuffer(cursor.take(n_bytes), dtype=_TYPES[kind]).reshape(shape)
    return arrays
