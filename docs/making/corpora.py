"""`docs/corpus.md`: the corpus folder, its settings and the problems of `check`, from the modules that read them."""

from __future__ import annotations

from making.markdown import GENERATED, one_line, table
from making.problems import problem_codes
from mixedsignals.corpus import TIE_RULES, settings
from mixedsignals.labels import MODALITIES

__all__ = ["corpus_page"]

_FOLDER = """# A corpus folder

    CORPUS/
      corpus.toml                what the corpus is and how its columns are called; may be left out
      clips.csv                  one row per clip
      votes.csv                  what people said; optional
      targets.csv, splits.csv    your own targets and folds; optional
      media/…                    in any layout: `clips` names the files, or a pattern does
      features/video.parquet     ready-made features of a modality: clip_id and numbers; optional

Tables may be `.csv`, `.csv.gz` or `.parquet`; their columns are in [tables.md](tables.md). Only `clips` is needed,
and of its columns only `clip_id` and something to judge: a transcript, a recording or features. A clip may lack any
modality; it is then absent there, never zeros. The target of a clip comes from `targets`, else from `label` in
`clips`, else from its votes.

CSV is UTF-8 with a header line, which also tells the separator: commas, semicolons or tabs. Every cell is text and only
an empty one is missing, so `0012` and `NA` stay what they are; a row with too few or too many cells is a fault.

`mixedsignals check CORPUS` names every problem at once, with file, row and remedy: *faults* stop a run (exit code 1),
*warnings* do not.

## corpus.toml

Every entry may be left out.
"""


def corpus_page() -> str:
    """The whole page."""
    text = settings.__doc__ or ""
    example = text[text.index("name = ") :].strip()
    rules = [(f"`{name}`", meaning) for name, meaning in TIE_RULES.items()]
    parts = [GENERATED, "", _FOLDER, "```toml", example, "```", ""]
    parts += ["Columns that our names do not cover are kept and can be used as slices.", ""]
    parts += ["## Tie rules", "", table(("tie_rule", "meaning"), rules), ""]
    parts += [
        "## Modalities",
        "",
        f"Built in: {', '.join(MODALITIES)}. Features may bring others, under their own names.",
        "",
    ]
    parts += [_PROBLEMS, _problems(), ""]
    return "\n".join(parts)


_PROBLEMS = """## Problems that `check` finds

Codes are stable; `check --json` gives them with file, row, clip and remedy. What is filled in stands as `…`. A *fault*
stops a run, a *warning* does not (`--strict` makes it stop, too). Importers of other formats have codes of their own.
"""


def _problems() -> str:
    rows = [
        (f"`{one.code}`", "fault" if one.stops else "warning", one_line(one.says), one_line(one.remedy))
        for one in problem_codes()
    ]
    return table(("code", "level", "what it says", "what to do"), rows)
