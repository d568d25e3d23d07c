"""Reads arrays out of foreign pickles without running any code that a pickle names.

Feature files of the field are pickled dictionaries of numpy arrays. A pickle can call anything, so the names in it are
looked up in a short list of stand-ins written here: they only note type, shape and bytes, and numpy's own
reconstruction is never reached. Every other name is refused.
"""

from __future__ import annotations

import math
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from mixedsignals.errors import InputError, Problem

__all__ = ["read_pickle"]

_KINDS = "biufcSU"
_DAMAGE = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    KeyError,
    ImportError,
    MemoryError,
    RecursionError,
)


class _Refused(pickle.UnpicklingError):
    """Something that is legal in a pickle and not here."""


class _Type:
    """Stands in for a numpy dtype: a plain number or text type, or `object` for lists of text."""

    def __init__(self, name: object = None, *_: object) -> None:
        if not isinstance(name, str):
            raise _Refused("an array type that is not a name")
        self.dtype = np.dtype("O") if name.startswith("O") else np.dtype(name)
        if self.dtype.kind not in _KINDS and self.dtype != np.dtype("O"):
            raise _Refused(f"arrays of type {name!r}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, order, subtype, names, fields = state[:5]
        if subtype is not None or names is not None or fields is not None:
            raise _Refused("arrays with fields")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """Stands in for a numpy array: type, shape and content."""

    def __init__(self) -> None:
        self.value: npt.NDArray[Any] = np.empty(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, content = state
        self.value = _array(content, kind, shape, "F" if fortran else "C")


def _array(content: object, kind: object, shape: object, order: object) -> npt.NDArray[Any]:
    if not isinstance(kind, _Type) or not _is_shape(shape) or order not in ("C", "F"):
        raise _Refused("an array of no known form")
    size = math.prod(shape)
    if isinstance(content, list) and kind.dtype == np.dtype("O") and len(content) == size:
        flat = np.empty(size, dtype=object)
        flat[:] = [_plain(item) for item in content]
    elif isinstance(content, bytes | bytearray) and kind.dtype.kind in _KINDS:
        if len(content) != size * kind.dtype.itemsize:
            raise _Refused("an array whose bytes do not fill its shape")
        flat = np.frombuffer(content, dtype=kind.dtype) if size else np.empty(0, dtype=kind.dtype)
    else:
        raise _Refused("an array of no known form")
    return flat.reshape(shape, order=order)


def _is_shape(shape: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(shape, tuple) and all(
        isinstance(length, int) and 0 <= length < 2**40 for length in shape
    )


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _frombuffer(content: object, kind: object, shape: object, order: object) -> _Array:
    made = _Array()
    made.value = _array(bytes(content) if isinstance(content, bytearray) else content, kind, shape, order)
    return made


def _scalar(kind: object, content: object) -> _Array:
    made = _Array()
    made.value = _array(content, kind, (), "C")
    return made


def _encode(text: object, encoding: object = None) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise _Refused("an encoding other than latin1")
    return text.encode("latin-1")


def _no_bytes() -> bytes:
    return b""


_NUMPY = {"_reconstruct": _reconstruct, "scalar": _scalar, "_frombuffer": _frombuffer}
_NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _encode,
    ("builtins", "bytes"): _no_bytes,  # how protocols 0 to 2 write the content of an empty array
    ("__builtin__", "bytes"): _no_bytes,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")  # numpy 1 and numpy 2
        for module, names in {"multiarray": ("_reconstruct", "scalar"), "numeric": ("_frombuffer",)}.items()
        for name in names
        for stand_in in [_NUMPY[name]]
    },
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise _Refused(f"the name {module}.{name}")
        return _NAMES[module, name]

    def persistent_load(self, pid: Any) -> Any:  # noqa: ARG002
        raise _Refused("a reference to something outside the file")


def read_pickle(path: Path) -> Any:
    """The plain content of a pickle: dicts, lists, tuples, sets, numbers, text, bytes and numpy arrays of these.

    Raises:
        InputError: the file is missing or damaged, or names anything else; nothing that it names is run.
    """
    try:
        with path.open("rb") as file:
            return _plain(_Restricted(file).load())
    except FileNotFoundError as error:
        problem = Problem("missing-file", "is not there", "Check the path.", file=str(path))
        raise InputError(problem) from error
    except _Refused as error:
        message = f"refused: the pickle holds {error}; legal are numpy arrays of numbers or text, dicts, lists and text"
        remedy = "Save the arrays with numpy.savez, or write features as Parquet. Do not open a file you do not trust."
        raise InputError(Problem("unsafe-pickle", message, remedy, file=str(path))) from error
    except _DAMAGE as error:
        message = f"cannot be read as a pickle ({type(error).__name__}: {error})"
        raise InputError(
            Problem("unreadable-pickle", message, "Get the file again.", file=str(path))
        ) from error


def _plain(value: Any) -> Any:
    """The same content with arrays in place of their stand-ins."""
    if isinstance(value, _Array):
        return value.value if value.value.shape else value.value.item()
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    return value
