"""All generated pages, by their path below `docs/`."""

from __future__ import annotations

from making.benchmarks import benchmarks_page
from making.commands import commands_page
from making.corpora import corpus_page
from making.cues import cues_page
from making.findings import finding_pages, findings_index
from making.fusion import fusion_page
from making.measures import measures_page
from making.media_probes import media_probes_page
from making.probe import probe_page
from making.tables import tables_page

__all__ = ["references"]


def references() -> dict[str, str]:
    """Path below `docs/` to the text that the code gives now."""
    return {
        "tables.md": tables_page(),
        "cli.md": commands_page(),
        "measures.md": measures_page(),
        "corpus.md": corpus_page(),
        "cues.md": cues_page(),
        "benchmarks.md": benchmarks_page(),
        "fusion.md": fusion_page(),
        "media-probes.md": media_probes_page(),
        "probe.md": probe_page(),
        "findings/README.md": findings_index(),
        **finding_pages(),
    }
