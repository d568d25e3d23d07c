"""The pages of the findings: what each code means, how it is computed, when not to believe it, what to do.

They are written once, in `pages/`, and shipped with the package, so that a report can show them offline;
`docs/findings` holds the same files.
"""

from __future__ import annotations

from importlib.resources import files

__all__ = ["explanations", "pages"]


def pages() -> dict[str, str]:
    """Finding code to its page in Markdown, in the order of the codes."""
    folder = files("mixedsignals.diagnosis") / "pages"
    found = {
        entry.name.removesuffix(".md"): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".md")
    }
    return dict(sorted(found.items()))


def explanations() -> dict[str, tuple[str, str]]:
    """Finding code to a title in words and the text: paragraphs without markup except `code` in backticks."""
    return {code: _plain(page) for code, page in pages().items()}


def _plain(page: str) -> tuple[str, str]:
    head, _, body = page.partition("\n")
    title = head.partition(": ")[2].strip()
    paragraphs: list[str] = []
    heading = ""
    for block in body.strip().split("\n\n"):
        if block.startswith("## "):
            heading = block[3:].strip() + ": "
            continue
        paragraphs.append(heading + " ".join(block.split()).replace("*", ""))
        heading = ""
    return title, "\n\n".join(paragraphs)
