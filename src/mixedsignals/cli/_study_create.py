"""`mixedsignals study create`: stimuli, pages and settings of a study, and what it can find."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import jobs_option, print_json, progress, verb

_LISTS = ("conditions", "labels")
_WHOLE = click.IntRange(min=0)


@verb(
    "create",
    example="mixedsignals study create CORPUS --conditions text,audio,video,text+audio+video "
    "--raters-per-cell 5 --out STUDY",
)
@click.argument("corpus", type=FOLDER)
@click.option("--out", "-o", type=FOLDER, required=True, metavar="STUDY", help="Folder of the study.")
@click.option(
    "--conditions",
    required=True,
    metavar="A,B,…",
    help="What people are given: text, audio, audio-lowpass (the voice without its words), video, and combinations "
    "such as text+audio+video.",
)
@click.option(
    "--design",
    type=click.Choice(["balanced", "latin", "counterfactual"]),
    default="balanced",
    show_default=True,
    help="Dynamic balancing; a Latin square for a closed panel; or a clip first with less, then with more.",
)
@click.option(
    "--raters-per-cell",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="N",
    help="People wanted per clip and condition.",
)
@click.option(
    "--items-per-participant",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="20, or all clips",
    help="Clips that one person judges.",
)
@click.option("--practice", type=_WHOLE, default=2, show_default=True, metavar="N", help="Practice items.")
@click.option("--attention", type=_WHOLE, default=1, show_default=True, metavar="N", help="Attention checks.")
@click.option(
    "--repeats", type=_WHOLE, metavar="N", show_default="2", help="Clips judged again, for test-retest."
)
@click.option("--participants", type=_WHOLE, default=0, metavar="N", help="Most people who may take part.")
@click.option("--labels", metavar="A,B,…", show_default="the corpus's", help="The labels to choose from.")
@click.option("--kind", type=click.Choice(["nominal", "ordinal"]), help="Whether --labels have an order.")
@click.option("--scale", type=_WHOLE, default=0, metavar="POINTS", help="Ask on a scale with so many points.")
@click.option("--only-scale", is_flag=True, help="Ask on the scale and for no label.")
@click.option("--scale-ends", metavar="LOW,HIGH", help="Words at the ends of the scale.")
@click.option("--confidence/--no-confidence", default=True, help="Ask how sure people are.  [default: ask]")
@click.option("--free-text", is_flag=True, help="Let people write something about a clip.")
@click.option("--reasons", is_flag=True, help="Ask, for each modality given, which way it pointed.")
@click.option("--headphones/--no-headphones", default=True, help="Check sound first.  [default: check]")
@click.option(
    "--loudness", type=float, metavar="LUFS", help="Bring all sound to one loudness (BS.1770), such as -23."
)
@click.option(
    "--lowpass-hz", type=float, default=400.0, show_default=True, metavar="HZ", help="Edge of audio-lowpass."
)
@click.option("--height", type=int, default=360, show_default=True, metavar="PX", help="Picture's height.")
@click.option(
    "--reservation-minutes",
    type=click.IntRange(min=1),
    default=45,
    show_default=True,
    metavar="N",
    help="After so long without an answer, a person's items go to others.",
)
@click.option("--completion-code", default="", help="Shown at the end, as recruiting services want.")
@click.option("--completion-url", default="", metavar="URL", help="Where people go at the end.")
@click.option("--name", show_default="the corpus's", help="Name of the study, for you.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of orders and draws.")
@click.option("--clips", type=click.IntRange(min=1), metavar="N", help="Draw so many clips by the seed.")
@click.option("--skip-incomplete", is_flag=True, help="Leave out clips that lack a modality.")
@click.option(
    "--simulations",
    type=_WHOLE,
    default=300,
    show_default=True,
    metavar="N",
    help="Studies simulated per effect for the power; 0 for none.",
)
@jobs_option
def command(corpus: Path, out: Path, **options: Any) -> None:
    """Make a study of CORPUS in the folder STUDY: render stimuli, write pages and settings, say what it can find.

    The pages in STUDY/pages are Markdown templates: put your own consent and instructions in their place. The same
    command goes on where it was interrupted.
    """
    from mixedsignals import api

    rest = {name: options.pop(name) for name in ("clips", "skip_incomplete", "simulations", "jobs")}
    made = api.create_study(corpus, out, settings=_settings(options), progress=progress(), **rest)
    if STATE.json:
        print_json({**asdict(made), "path": str(made.path)})
        return
    for line in _lines(made):
        click.echo(line)
    for note in () if STATE.quiet else made.notes:
        click.echo(f"note: {note}", err=True)


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    """The options of one call as fields of the settings; what was not said is left to the corpus."""
    only_scale = options.pop("only_scale")
    if only_scale and (options["labels"] or not options["scale"]):
        raise click.UsageError("--only-scale goes with --scale and without --labels")
    if options["kind"] and not options["labels"]:
        raise click.UsageError("--kind goes with --labels")
    ends = options.pop("scale_ends")
    if ends is not None:
        if ends.count(",") != 1:
            raise click.BadParameter(f"{ends!r} is not LOW,HIGH", param_hint="--scale-ends")
        options["scale_low"], options["scale_high"] = (end.strip() for end in ends.split(","))
    chosen = {name: value for name, value in options.items() if value is not None}
    for name in _LISTS:
        if name in chosen:
            chosen[name] = tuple(part.strip() for part in chosen[name].split(",") if part.strip())
    return chosen | {"labels": ()} if only_scale else chosen


def _lines(made: Any) -> list[str]:
    settings = made.settings
    kind = "arm" if settings.arms else "condition"
    lines = [
        f"{made.path}: {_count(made.n_clips, 'clip')} in {_count(len(settings.cells), kind)} "
        f"({', '.join(settings.cells)}); {_count(made.n_files, 'file')}",
        f"participants: {made.participants}, each judging {_count(settings.items_per_participant, 'clip')}, give "
        f"{_count(settings.raters_per_cell, 'vote')} per clip and {kind}",
    ]
    if made.left_out:
        lines.append(f"left out for want of a modality: {_count(len(made.left_out), 'clip')}")
    lines += _power(made.power)
    return [*lines, f"next: edit {made.path}/pages/*.md, then  mixedsignals study serve {made.path}"]


def _count(amount: int, what: str) -> str:
    return f"{amount:,} {what}{'' if amount == 1 else 's'}"


def _power(power: Any) -> list[str]:
    if power is None:
        return []
    told = ", ".join(f"{p:.2f} for {e:.2f}" for e, p in zip(power.effects, power.power, strict=True) if e)
    smallest = f"{power.smallest:.3f}" if power.smallest is not None else f"above {power.effects[-1]:.2f}"
    options = power.options
    if power.n_speakers < 2:
        return ["power: with one speaker no interval can be given, so no gain could be shown"]
    return [
        f"power of {power.contrast}: {told}; {power.power[0]:.3f} false claims without a gain "
        f"({options.simulations} simulated studies each)",
        f"smallest gain in accuracy found with power .80: {smallest} ({power.n_clips} clips of {power.n_speakers} "
        f"speakers, {power.n_people} people, {power.n_votes} votes)",
        f"assumed: accuracy {power.base:.2f} without the gain; spread in logits of speakers {options.speaker}, clips "
        f"{options.clip}, clips within a condition {options.condition}, raters {options.rater}",
    ]
