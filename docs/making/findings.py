"""`docs/findings/`: the pages that ship with the package, and an index of them."""

from __future__ import annotations

from collections.abc import Iterable

from making.markdown import GENERATED, one_line, table
from mixedsignals.diagnosis import CHECKS
from mixedsignals.diagnosis.explain import pages
from mixedsignals.diagnosis.questions import GROUND, QUESTIONS

__all__ = ["finding_pages", "findings_index"]

_INTRO = """# Findings

Every check of the diagnosis has a stable code, a name, and a page that says what it means, how it is computed, when not
to believe it and what to do. A finding is an *issue* (something is wrong or not as claimed), a *tip* (worth knowing),
*passed*, or *not applicable*, with the reason in its message. Other packages can add checks through the entry-point
group `mixedsignals.checks`.
"""

_ASKED = """## What is asked

The diagnosis asks nine questions. Each has checks, whose pages say what an answer means and when not to believe it, and
figures in the report. A question that cannot be asked of a corpus is *not applicable*, and says why.
"""


def finding_pages() -> dict[str, str]:
    """The page of each code, as the package ships it."""
    return {f"findings/{code}.md": page for code, page in pages().items()}


def findings_index() -> str:
    """Code, name, title and first sentence of every page, in the order of the checks."""
    known = pages()
    rows = []
    for check in CHECKS:
        head, _, body = known[check.code].partition("\n")
        rows.append(
            (f"[{check.code}]({check.code}.md)", check.name, head.partition(": ")[2], _first_sentence(body))
        )
    checks = table(("code", "name", "question", "in a sentence"), rows)
    return "\n".join([GENERATED, "", _INTRO, _ASKED, _questions(), "", "## Every check", "", checks, ""])


def _questions() -> str:
    """The questions of the audit, with the checks that answer each and the figures of the report."""
    rows = [
        (str(place), one.asks, _linked(one.checks), ", ".join(f"`#title-{key}`" for key in one.figures))
        for place, one in enumerate(QUESTIONS, start=1)
    ]
    rows.append(
        ("", "What all of it stands on: performance, chance, and how many speakers.", _linked(GROUND), "")
    )
    return table(("", "question", "checks", "figures of the report"), rows)


def _linked(codes: Iterable[str]) -> str:
    return ", ".join(f"[{code}]({code}.md)" for code in codes)


def _first_sentence(body: str) -> str:
    paragraphs = (part for part in body.strip().split("\n\n") if not part.startswith("#"))
    text = one_line(next(paragraphs))
    end = text.find(". ")
    return text if end < 0 else text[: end + 1]
