"""`docs/measures.md`: the stable names of measures in tables, and the functions of `mixedsignals.measures`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import mixedsignals.measures as package
from making.markdown import GENERATED, one_line, table

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


def measures_page() -> str:
    """The whole page."""
    return "\n".join([GENERATED, "", "# Measures", "", *_functions()])
