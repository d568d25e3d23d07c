"""`docs/findings/`: the pages that ship with the package, and an index of them."""

from __future__ import annotations

from making.markdown import GENERATED, one_line, table
from mixedsignals.diagnosis import CHECKS
from mixedsignals.diagnosis.explain import pages

__all__ = ["finding_pages", "findings_index"]

_INTRO = """# Findings

Every check of the diagnosis has a stable code, a name, and a page that says what it means, how it is computed, when not
to believe it and what to do. A finding is an *issue* (something is wrong or not as claimed), a *tip* (worth knowing),
*passed*, or *not applicable*, with the reason in its message. Other packages can add checks through the entry-point
group `mixedsignals.checks`.
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
    return "\n".join([GENERATED, "", _INTRO, table(("code", "name", "question", "in a sentence"), rows), ""])


def _first_sentence(body: str) -> str:
    paragraphs = (part for part in body.strip().split("\n\n") if not part.startswith("#"))
    text = one_line(next(paragraphs))
    end = text.find(". ")
    return text if end < 0 else text[: end + 1]
