"""Worked examples on real data: executed like the tour where the data are, kept as they are where not.

Every `docs/examples/NAME.in.md` becomes `NAME.md`; its figures are sections of the report that its commands wrote.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from making.picture import small
from making.tour import Tour

__all__ = ["make_examples"]

FIGURES = {"cremad": ("people", "humans")}
"""Sections of the report, by their id, that an example shows."""


def make_examples(docs: Path, scratch: Path) -> dict[str, str]:
    """Execute every example; name to what happened.

    Raises:
        TourError: a step of an example did not go as its page says.
    """
    done = {}
    for source in sorted((docs / "examples").glob("*.in.md")):
        name = source.name.removesuffix(".in.md")
        if not os.environ.get("MIXEDSIGNALS_DATA"):
            done[name] = "kept as it is (MIXEDSIGNALS_DATA is not set)"
            continue
        folder = scratch / name
        folder.mkdir()
        tour = Tour(folder)
        page = tour.page(source.read_text(encoding="utf-8"))
        source.with_name(f"{name}.md").write_text(page, encoding="utf-8")
        report = folder / "run" / "report" / "index.html"
        taken = _sections(report, docs / "images", name, FIGURES.get(name, ()))
        done[name] = f"{len(tour.outputs)} steps executed, figures: {taken}"
    return done


def _sections(report: Path, images: Path, name: str, sections: tuple[str, ...]) -> str:
    """Pictures of sections of a report; where there is no browser, the committed ones stay."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        return "kept as they are (no Chromium)"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = opened.new_page(viewport={"width": 1000, "height": 1400}, color_scheme="light")
        page.goto(report.resolve().as_uri())
        page.wait_for_timeout(2_000)
        for section in sections:
            taken = page.locator(f"section#{section}").screenshot()
            (images / f"{name}-{section}.png").write_bytes(small(taken))
        opened.close()
    return f"{len(sections)} sections"
