"""From sections to HTML: templates with autoescape, data as inert JSON, and a policy that allows the page's
own scripts only.

Scripts and styles are inlined and named by their hashes in the content security policy, so that nothing else
can run, whatever a transcript or a clip id contains, and nothing can be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup, escape

__all__ = ["asset", "inert_json", "render"]

_SCRIPTS = ("charts.min.js", "report.js")
_STYLE = "report.css"


def asset(name: str) -> str:
    """A file of `static/` as text."""
    return resources.files("mixedsignals.report").joinpath("static", name).read_text(encoding="utf-8")


def inert_json(value: Any) -> Markup:
    """JSON that can stand in a `<script type="application/json">`: no `<`, `>`, `&` or line separators, and
    no NaN.

    Raises:
        ValueError: a number that is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def render(template: str, context: Mapping[str, Any]) -> str:
    """The page as text; `context` is plain values, all of which the template escapes."""
    scripts = [asset(name) for name in _SCRIPTS]
    style = asset(_STYLE)
    return (
        _environment()
        .get_template(template)
        .render(
            **context,
            scripts=[_inline(script, "script") for script in scripts],
            style=_inline(style, "style"),
            policy=_policy(scripts, style),
        )
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mixedsignals.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inert_json"] = inert_json
    environment.filters["emphasis"] = _emphasis
    environment.filters["code"] = _code
    return environment


def _inline(text: str, element: str) -> Markup:
    if f"</{element}" in text.lower():
        raise ValueError(f"a {element} of the package closes its own element")
    return Markup(text)


def _policy(scripts: list[str], style: str) -> str:
    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    allowed = " ".join(source(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {source(style)}; media-src 'self' file:; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


_NUMBER = re.compile(r"(?<![\w.])[−-]?(?:\d[\d,]*)?\.?\d+(?:\s?%)?(?![\w])")


def _emphasis(text: str) -> Markup:
    """The sentence, escaped, with its numbers set strong."""
    pieces, end = [], 0
    for found in _NUMBER.finditer(text):
        pieces += [escape(text[end : found.start()]), Markup("<strong>{}</strong>").format(found.group())]
        end = found.end()
    return Markup("").join([*pieces, escape(text[end:])])


def _code(text: str) -> Markup:
    """The sentence, escaped, with `backticked` words set as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
