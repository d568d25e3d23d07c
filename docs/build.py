"""Makes the documentation: generated references, the executed tour, and the picture of the report.

python docs/build.py                    everything; the tour runs the demo, which takes some minutes
python docs/build.py references         only what is generated from declarations: seconds
python docs/build.py tour picture       the parts that are named
python docs/build.py guide              the guide for owners of a study: half a minute
python docs/build.py examples           worked examples on real data, where MIXEDSIGNALS_DATA names them
python docs/build.py probe              what the probes find on the built-in corpus and RAVDESS, for probe.md
python docs/build.py media              what altered recordings do to models on both, for media-probes.md
python docs/build.py readme             `make demo` in a fresh clone of what is committed: its output goes into the
                                        README, and minutes, downloads and disk are printed for the table there
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from making.examples import make_examples
from making.fresh import fresh_demo
from making.media_probes import measure_media_probes
from making.picture import take_picture
from making.probe import measure_probes
from making.readme import with_output
from making.references import references
from making.tour import Tour, TourError

DOCS = Path(__file__).resolve().parent
PARTS = ("references", "tour", "picture", "guide", "examples")
README = DOCS.parent / "README.md"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "parts",
        nargs="*",
        choices=(*PARTS, "probe", "media", "readme", []),
        help="which parts; all but the probes and the README if none is named",
    )
    parts = parser.parse_args().parts or PARTS
    if "probe" in parts:
        print("\n".join(measure_probes()))
        _references()
    if "media" in parts:
        print("\n".join(measure_media_probes()))
        _references()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder).resolve()
        if "references" in parts:
            _references()
        if "tour" in parts or "picture" in parts:
            _tour(scratch)
        if "picture" in parts:
            _picture(scratch)
        if "guide" in parts:
            _guide(scratch / "guide")
        if "examples" in parts:
            _examples(scratch)
        if "readme" in parts:
            _readme(scratch)


def _references() -> None:
    for name, text in references().items():
        (DOCS / name).write_text(text, encoding="utf-8")
    print(f"{len(references())} pages generated")


def _tour(scratch: Path) -> None:
    tour = Tour(scratch)
    try:
        page = tour.page((DOCS / "tour.in.md").read_text(encoding="utf-8"))
    except TourError as error:
        sys.exit(f"The tour stopped: {error}")
    (DOCS / "tour.md").write_text(page, encoding="utf-8")
    print(f"tour.md: {len(tour.outputs)} steps executed")


def _guide(scratch: Path) -> None:
    scratch.mkdir()
    guide = Tour(scratch)
    try:
        page = guide.page((DOCS / "study.in.md").read_text(encoding="utf-8"))
    except TourError as error:
        sys.exit(f"The guide stopped: {error}")
    (DOCS / "study.md").write_text(page, encoding="utf-8")
    print(f"study.md: {len(guide.outputs)} steps executed")


def _picture(scratch: Path) -> None:
    """The report of the tour's demo, where there is a browser; else the committed picture stays."""
    taken = take_picture(scratch / "demo" / "run" / "report" / "index.html", DOCS / "images" / "report.png")
    print(f"images/report.png: {taken}")


def _examples(scratch: Path) -> None:
    try:
        for name, done in make_examples(DOCS, scratch).items():
            print(f"examples/{name}.md: {done}")
    except TourError as error:
        sys.exit(f"An example stopped: {error}")


def _readme(scratch: Path) -> None:
    found = fresh_demo(DOCS.parent, scratch)
    README.write_text(with_output(README.read_text(encoding="utf-8"), found.printed), encoding="utf-8")
    print(f"README.md has what make demo printed\n{found}")


if __name__ == "__main__":
    main()
