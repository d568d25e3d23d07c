"""The place in the README where the output of `make demo` stands."""

from __future__ import annotations

import re

__all__ = ["BLOCK", "with_output"]

BLOCK = re.compile(r"(<!-- what make demo prints -->\n```text\n)(.*?)(^```$)", re.MULTILINE | re.DOTALL)


def with_output(readme: str, printed: str) -> str:
    """The README with its block replaced by what was printed.

    Raises:
        ValueError: the README has no such block, or two.
    """
    page, blocks = BLOCK.subn(lambda found: found[1] + printed + found[3], readme)
    if blocks != 1:
        raise ValueError(f"README.md has {blocks} blocks for the output of the demo, not one")
    return page
