"""A picture of the top of a report, taken in headless Chromium at desktop width."""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path

__all__ = ["LARGEST", "small", "take_picture"]

LARGEST = 300_000
"""Bytes that the picture may have."""

_WIDTH, _HEIGHT = 1200, 1500


def take_picture(report: Path, out: Path) -> str:
    """Write the picture, and say how it went; where browser or report is missing, what is there is kept."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None or not report.is_file():
        return "kept as it is (no Chromium)" if browser is None else "kept as it is (no report)"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = opened.new_page(viewport={"width": _WIDTH, "height": _HEIGHT}, color_scheme="light")
        page.goto(report.resolve().as_uri())
        page.wait_for_timeout(2_000)
        taken = page.screenshot()
        opened.close()
    out.write_bytes(small(taken))
    return f"{out.stat().st_size / 1000:.0f} kB"


def small(taken: bytes) -> bytes:
    """The picture with a palette, and at fewer points where that is not enough."""
    from PIL import Image

    image = Image.open(BytesIO(taken)).convert("RGB")
    while True:
        written = BytesIO()
        image.quantize(128).save(written, "PNG", optimize=True)
        if written.tell() <= LARGEST:
            return written.getvalue()
        image = image.resize((image.width * 9 // 10, image.height * 9 // 10))
