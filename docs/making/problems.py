"""The codes of the problems that `mixedsignals check` finds, read from the code that reports them.

Every call that makes a problem names its code, what came and what to do in its own words; what is filled in at run time
stands as `…`. So the list cannot fall behind, and nobody writes it twice.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mixedsignals

__all__ = ["Reported", "problem_codes"]

Scopes = tuple[ast.AST, ast.AST]
"""The function in which a call stands, and its module."""

_ROOT = Path(mixedsignals.__file__).parent
_MAKERS = {"Problem", "fault", "_fault", "_problem", "_file_problem", "_note", "_first", "_of_rows"}
_WARNERS = {"_of_rows"}
"""Of these, those that warn of rows and stop nothing."""
_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
_NOT_CHECKED = {
    "withholding.py",
    "writing.py",
    "muxing.py",
    "altering.py",
    "altering_sound.py",
    "altering_fit.py",
}
"""Files of the room of media that make media and do not check them."""


@dataclass(frozen=True)
class Reported:
    """One code with the words of the first call that reports it, and whether it stops a run."""

    code: str
    says: str
    remedy: str
    stops: bool


def problem_codes() -> list[Reported]:
    """Every code that `check` can report, in the order of the alphabet."""
    found: dict[str, Reported] = {}
    for path in _files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function, call in _calls(tree):
            one = _reported((function, tree), call)
            if one is not None and (one.code not in found or len(found[one.code].says) < 4):
                found[one.code] = one
    return [found[code] for code in sorted(found)]


def _files() -> Iterator[Path]:
    for room in ("corpus", "tables", "media"):
        yield from (path for path in sorted((_ROOT / room).glob("*.py")) if path.name not in _NOT_CHECKED)
    yield from (_ROOT / "features.py", _ROOT / "labels.py")


def _calls(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.Call]]:
    """Every call that makes a problem, with the function it stands in."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    seen: set[ast.Call] = set()
    for function in sorted(functions, key=lambda one: (one.end_lineno or 0) - one.lineno):
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and _name(node) in _MAKERS and node not in seen:
                seen.add(node)
                yield function, node


def _reported(scopes: Scopes, call: ast.Call) -> Reported | None:
    named = {one.arg: one.value for one in call.keywords if one.arg}
    parts = [*call.args, *(named[key] for key in ("code", "message", "remedy") if key in named)]
    words = [_words(scopes, part) for part in parts]
    codes = [place for place, word in enumerate(words) if word and _CODE.fullmatch(word)]
    if not codes:
        return None
    after = words[codes[0] + 1 :]
    told = [word for word in after if word and " " in word]
    if len(told) == 1 and len(after) > 1 and after[-1] == told[0]:
        told.insert(0, "")  # what it says is put together at run time; another call may have it in one piece
    level = named.get("severity") or next((one for one in call.args if _is_warning(one)), None)
    warns = (level is not None and _is_warning(level)) or _name(call) in _WARNERS
    says, remedy = (told[0], told[-1]) if len(told) > 1 else ("".join(told), "")
    return Reported(str(words[codes[0]]), says, remedy, not warns)


def _is_warning(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == "warning"


def _name(call: ast.Call) -> str:
    return str(getattr(call.func, "id", getattr(call.func, "attr", "")))


def _words(scopes: Scopes, node: ast.expr) -> str | None:
    """The text of an argument: constants as they are, what is filled in as `…`; None where it is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return "".join(_words(scopes, side) or "…" for side in (node.left, node.right))
    if isinstance(node, ast.IfExp):
        return _words(scopes, node.body) or _words(scopes, node.orelse)
    return _assigned(scopes, node) if isinstance(node, ast.Name) else None


def _assigned(scopes: Scopes, name: ast.Name) -> str | None:
    """The text that a name has where it is used: the last assignment before it, in the function or else the module."""
    for scope in scopes:
        held: list[tuple[int, ast.expr]] = []
        for node in ast.walk(scope):
            if not isinstance(node, ast.Assign) or (scope is scopes[0] and node.lineno >= name.lineno):
                continue
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == name.id:
                    held.append((node.lineno, node.value))
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = zip(target.elts, node.value.elts, strict=False)
                    held += [
                        (node.lineno, v) for t, v in pairs if isinstance(t, ast.Name) and t.id == name.id
                    ]
        if held:
            value = max(held, key=lambda one: one[0])[1]
            return None if isinstance(value, ast.Name) else _words(scopes, value)
    return None
