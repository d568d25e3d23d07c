"""Foreign pickles: arrays of both numpy generations are read, and nothing that a pickle names is ever run."""

from __future__ import annotations

import io
import os
import pickle
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixedsignals.corpus.importers.pickles import read_pickle
from mixedsignals.errors import InputError, Problem

CONTENT: dict[str, Any] = {
    "train": OrderedDict(
        id=["v1$_$0001", "v1$_$0002"],
        audio=np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        vision=np.asfortranarray(np.arange(12.0).reshape(2, 3, 2)),
        lengths=np.array([3, 2]),
        empty=np.empty((0, 5)),
        flags=np.array([True, False]),
        big_endian=np.array([1, 258], dtype=">i4"),
        words=np.array(["oh", "dear me"]),
        objects=np.array(["a", None, "ü"], dtype=object),
        one=np.float64(0.5),
        raw=b"\x00\xff",
        pair=(1, "x"),
    )
}


def numpy_1(content: bytes) -> bytes:
    """The same pickle with the module names of numpy 1 (and without frames, whose lengths would no longer fit)."""
    content = content.replace(b"numpy._core.", b"numpy.core.")
    for name in (b"numpy.core.multiarray", b"numpy.core.numeric"):
        content = content.replace(
            b"\x8c" + bytes([len(name) + 1]) + name, b"\x8c" + bytes([len(name)]) + name
        )
    return content[:2] + content[11:] if content[2:3] == b"\x95" else content


def check(made: dict[str, Any]) -> None:
    part, made_part = CONTENT["train"], made["train"]
    assert list(made_part) == list(part)
    for name, value in part.items():
        if isinstance(value, np.ndarray):
            assert made_part[name].dtype == value.dtype, name
            assert made_part[name].shape == value.shape, name
            np.testing.assert_array_equal(made_part[name], value)
        else:
            assert made_part[name] == value, name


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("generation", [1, 2])
def test_both_generations_of_numpy_in_every_protocol(tmp_path: Path, protocol: int, generation: int) -> None:
    content = pickle.dumps(CONTENT, protocol=protocol)
    if generation == 1:
        content = numpy_1(content)
        assert b"numpy._core" not in content
        assert b"numpy.core" in content
    (tmp_path / "f.pkl").write_bytes(content)
    check(read_pickle(tmp_path / "f.pkl"))


class Runs:
    """Pickles as a call of `function`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def refusal(path: Path, content: bytes) -> Problem:
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_pickle(path)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (os.system, "posix.system"),
        (eval, "eval"),
        (open, "open"),
        (getattr, "getattr"),
        (Counter, "collections.Counter"),
    ],
)
@pytest.mark.parametrize("inside", ["alone", "in a dict", "in an array"])
def test_a_malicious_pickle_is_refused_and_nothing_runs(
    tmp_path: Path, function: Any, named: str, inside: str
) -> None:
    trace = tmp_path / "trace"
    bomb: Any = Runs(function, f"__import__('pathlib').Path({str(trace)!r}).touch()")
    if function is os.system:
        bomb = Runs(function, f"touch {trace}")
    holder = np.empty(1, dtype=object)
    holder[0] = bomb
    content = {"alone": bomb, "in a dict": {"train": {"id": [bomb]}}, "in an array": holder}[inside]
    problem = refusal(tmp_path / "bad.pkl", pickle.dumps(content))
    assert problem.code == "unsafe-pickle"
    assert named in problem.message
    assert "numpy arrays" in problem.message
    assert not trace.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cnumpy\nndarray.tofile\n.",
        b"cnumpy\nload\n.",
        b"cnumpy.core.multiarray\nfromfile\n.",
        b"ccollections\n__builtins__\n.",
        b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93.",
        b"c_codecs\nencode\n(Vx\nVrot13\ntR.",
        b"Ppersistent\n.",
        pickle.dumps(np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])),
        pickle.dumps(np.array(["2020-01-01"], dtype="M8[D]")),
    ],
    ids=["dotted", "load", "fromfile", "builtins", "exec", "codec", "persistent", "fields", "dates"],
)
def test_every_other_name_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refusal(tmp_path / "bad.pkl", content).code == "unsafe-pickle"


def test_an_array_that_claims_more_than_its_bytes_is_refused(tmp_path: Path) -> None:
    content = pickle.dumps(np.zeros(3, dtype=np.float32), protocol=5)
    assert refusal(tmp_path / "bad.pkl", content.replace(b"K\x03\x85", b"K\x7f\x85")).code == "unsafe-pickle"


@pytest.mark.parametrize("cut", [0, 1, 10, -1])
def test_damaged_files_are_told_from_refused_ones(tmp_path: Path, cut: int) -> None:
    whole = pickle.dumps({"a": np.arange(50)})
    assert refusal(tmp_path / "cut.pkl", whole[:cut]).code == "unreadable-pickle"
    assert refusal(tmp_path / "text.pkl", b"clip_id,label\n").code == "unreadable-pickle"
    with pytest.raises(InputError, match="is not there"):
        read_pickle(tmp_path / "gone.pkl")


def test_something_that_holds_itself_does_not_hang(tmp_path: Path) -> None:
    loop: list[Any] = []
    loop.append(loop)
    buffer = io.BytesIO()
    pickle.dump(loop, buffer)
    assert refusal(tmp_path / "loop.pkl", buffer.getvalue()).code == "unreadable-pickle"
