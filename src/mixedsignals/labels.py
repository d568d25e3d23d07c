"""Labels and modalities: the two vocabularies that every table shares.

A corpus has an ordered list of label names, nominal or ordinal. Modalities are combined in one canonical order (text,
audio, video, then others by name), so that a combination has exactly one spelling: `text+audio+video`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, cast, get_args

import numpy as np
import numpy.typing as npt

from mixedsignals.errors import InputError, Problem

__all__ = [
    "MODALITIES",
    "PERCEIVED",
    "Kind",
    "Labels",
    "all_combinations",
    "combination",
    "is_combination",
    "is_perceived",
    "parse_combination",
]

MODALITIES = ("text", "audio", "video")
PERCEIVED = (*MODALITIES, "audio-lowpass")
"""What a person can be given: the modalities, and sound filtered until its words cannot be understood."""
Kind = Literal["nominal", "ordinal"]


@dataclass(frozen=True)
class Labels:
    """The label names of a corpus, in order; two or more, distinct and not empty.

    Args:
        names: label names; for an ordinal kind from low to high.
        kind: `nominal` (names without order) or `ordinal`.

    Raises:
        InputError: fewer than two names, a repeated or empty name, or an unknown kind.
    """

    names: tuple[str, ...]
    kind: Kind = "nominal"

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        problems = []
        if len(self.names) < 2:
            came = f"only {self.names[0]!r}" if self.names else "none"
            problems.append(_fault("too-few-labels", f"two or more labels are needed, and there is {came}"))
        if repeated := sorted({name for name in self.names if self.names.count(name) > 1}):
            problems.append(_fault("repeated-label", f"labels are listed twice: {', '.join(repeated)}"))
        if any(not isinstance(name, str) or not name.strip() for name in self.names):
            problems.append(_fault("empty-label", "a label name is empty or not text"))
        if self.kind not in get_args(Kind):
            problems.append(_fault("label-kind", f"kind is {self.kind!r}; legal are nominal and ordinal"))
        if problems:
            raise InputError(problems)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def codes(self, values: Iterable[str | None]) -> npt.NDArray[np.int64]:
        """Positions of `values` in the list, int64 of shape (n,); −1 where a value is None.

        Raises:
            InputError: a value that is not in the list, naming all of them.
        """
        index: dict[str | None, int] = {name: position for position, name in enumerate(self.names)}
        index[None] = -1
        values = list(values)
        unknown = sorted({str(value) for value in values if value not in index})
        if unknown:
            raise InputError(
                Problem(
                    code="unknown-label",
                    message=f"labels outside the list: {', '.join(unknown[:10])}; legal are {', '.join(self.names)}",
                    remedy="Correct the labels, or add the names to the corpus's list of labels.",
                )
            )
        return np.fromiter((index[value] for value in values), dtype=np.int64, count=len(values))

    @classmethod
    def parse(cls, text: str, *, kind: str = "nominal") -> Labels:
        """Read `a,b,c` as typed on a command line."""
        return cls(tuple(name.strip() for name in text.split(",") if name.strip()), cast("Kind", kind))


def _fault(code: str, message: str) -> Problem:
    return Problem(
        code=code, message=message, remedy="Give the list of labels in `corpus.toml` or by --labels."
    )


def _order(modality: str) -> tuple[int, str]:
    return (MODALITIES.index(modality), "") if modality in MODALITIES else (len(MODALITIES), modality)


def combination(modalities: Iterable[str]) -> str:
    """The one spelling of a set of modalities: `combination({"video", "text"})` is `text+video`."""
    return "+".join(sorted(set(modalities), key=_order))


def is_combination(given: str, *, known: Sequence[str] = MODALITIES) -> bool:
    """Whether `given` is the canonical spelling of one or more known modalities."""
    parts = given.split("+")
    return all(part in known for part in parts) and combination(parts) == given


def is_perceived(given: str) -> bool:
    """Whether `given` is the canonical spelling of what a person can be given, `audio-lowpass` included."""
    return is_combination(given, known=PERCEIVED)


def parse_combination(given: str, *, known: Sequence[str] = MODALITIES) -> tuple[str, ...]:
    """The modalities of a combination in canonical order; order and spaces in `given` do not matter.

    Raises:
        InputError: an unknown, empty or repeated modality.
    """
    parts = [part.strip() for part in given.split("+")]
    if len(set(parts)) != len(parts) or any(part not in known for part in parts):
        raise InputError(
            Problem(
                code="unknown-given",
                message=f"{given!r} is not a combination of modalities; legal are {', '.join(known)} joined by '+'",
                remedy="Write what was perceived as, for example, audio or text+audio+video.",
            )
        )
    return tuple(sorted(parts, key=_order))


def all_combinations(modalities: Iterable[str]) -> list[str]:
    """Every non-empty combination, singles first, each size in canonical order."""
    ordered = sorted(set(modalities), key=_order)
    return [
        combination(chosen) for size in range(1, len(ordered) + 1) for chosen in combinations(ordered, size)
    ]
