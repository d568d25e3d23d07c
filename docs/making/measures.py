"""`docs/measures.md`: the stable names of measures in tables, and the functions of `mixedsignals.measures`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping

import mixedsignals.measures as package
from making.markdown import GENERATED, one_line, table
from mixedsignals.diagnosis.names import ESTIMATE_NAMES, PLACEHOLDERS, SCORE_NAMES, MeasureName
from mixedsignals.diagnosis.places import PLACES

__all__ = ["functions", "measures_page"]


def functions() -> Iterator[tuple[str, list[tuple[str, object]]]]:
    """Every module of `measures` with the public functions and classes that it defines."""
    for _, name, _ in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{name}")
        own = [(item, getattr(module, item)) for item in module.__all__]
        found = [(item, thing) for item, thing in own if inspect.isfunction(thing) or inspect.isclass(thing)]
        if found:
            yield name, found


def _functions() -> list[str]:
    parts = [
        "## The functions behind them",
        "",
        "Arrays in, numbers out; `help(...)` gives formula, range, unit and an example.",
        "",
    ]
    for name, found in functions():
        module = importlib.import_module(f"{package.__name__}.{name}")
        rows = [
            (f"`{item}`", one_line((inspect.getdoc(thing) or "").split("\n\n")[0])) for item, thing in found
        ]
        parts += [f"### {package.__name__}.{name}", "", one_line((module.__doc__ or "").split("\n\n")[0]), ""]
        parts += [table(("name", "what it gives"), rows), ""]
    return parts


_INTRO = """# Measures

`estimates` holds one row per measure, source and slice, with its interval and what it rests on; `scores` holds measures
of single clips. Their names are stable. How each number is made, and when not to believe it, stands on the page of its
[finding](findings/README.md). A baseline has the name of its measure with `chance:` before it.
"""

_PLACES = """## Sources and slices of each

A row is found by its measure, source and slice. `<source>` is any model by its name, `<part>` one that was given a
single modality, `<pair>` two of these as `text|audio`, `<fusion>` the fused one, `<rivals>` it and another fused
one as `fusion|NAME`, `<table>` an input (`predictions`,
`votes`, `targets`); what concerns people has the source `people`, what concerns all models together `models`. The slice
`all` is a source's fullest input, or the condition under which people perceived most. Literature is given where the
measure or its estimator has a source; the functions below name more.
"""


def measures_page() -> str:
    """The whole page."""
    parts = [GENERATED, "", _INTRO, "## Names in `estimates`", "", _names(ESTIMATE_NAMES), ""]
    parts += [_PLACES, _places(), ""]
    parts += ["## Names in `scores`", "", _names(SCORE_NAMES), ""]
    parts += ["## What the braces stand for", ""]
    for key, values in PLACEHOLDERS.items():
        rows = [(f"`{value}`" if value else "(nothing)", meaning) for value, meaning in values.items()]
        parts += [f"`{{{key}}}`", "", table(("name", "meaning"), rows), ""]
    return "\n".join([*parts, *_functions()])


def _names(declared: Mapping[str, MeasureName]) -> str:
    rows = [
        (
            f"`{name}`",
            one.meaning,
            one.unit,
            one.range,
            ", ".join(f"[{c}](findings/{c}.md)" for c in one.check.split(", ")),
        )
        for name, one in declared.items()
    ]
    return table(("name", "meaning", "unit", "range", "finding"), rows)


def _places() -> str:
    rows = [
        (
            f"`{name}`",
            ", ".join(f"`{one}`" for one in place.sources),
            ", ".join(f"`{one}`" for one in place.slices),
            place.literature,
        )
        for name, place in PLACES.items()
    ]
    return table(("name", "sources", "slices", "literature"), rows)


def _linked(codes: str) -> str:
    return ", ".join(f"[{code}](findings/{code}.md)" for code in codes.split(", "))
