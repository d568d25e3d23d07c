"""The owner's Markdown as HTML: no markup of their own passes, no image is fetched, links open elsewhere safely."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup

__all__ = ["to_html"]

_READER = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").disable("image")


def to_html(text: str) -> Markup:
    """HTML of a page; tags in the text are shown as text, and links to scripts or data stay text.

    >>> to_html("**Hello** <script>")
    Markup('<p><strong>Hello</strong> &lt;script&gt;</p>\\n')
    """
    tokens = _READER.parse(text)
    for token in tokens:
        for child in token.children or []:
            if child.type == "link_open":
                child.attrSet("rel", "noopener noreferrer")
                child.attrSet("target", "_blank")
    return Markup(_READER.renderer.render(tokens, _READER.options, {}))
