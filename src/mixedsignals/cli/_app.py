"""The program: its verbs, loaded when called, the options that all share, and errors turned into exit codes."""

from __future__ import annotations

import difflib
import json
import os
import sys
import traceback
from typing import Any, NoReturn

import click

from mixedsignals.cli._lazy import LazyGroup
from mixedsignals.cli._state import STATE
from mixedsignals.errors import InputError, MixedSignalsError

__all__ = ["main", "program"]

#: verb -> (module below mixedsignals.cli, one line for --help)
VERBS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "The whole line on the built-in corpus, then where to look."),
    "check": ("check", "Name every problem of a corpus folder."),
    "import": ("import_", "Turn a known data set into a corpus folder."),
    "run": ("run", "Encode, fit, diagnose and report; resumes where it stopped."),
    "encode": ("encode", "Encode the clips of a corpus into the cache."),
    "fit": ("fit", "Train unimodal models and gated fusion out of fold."),
    "cues": ("cues", "Measure prosody, face and words of the clips of a corpus or run."),
    "curriculum": ("curriculum", "Clips in an order for training, by how a source learned them."),
    "compare": ("compare", "The fusion family on a corpus, in one table with intervals."),
    "probe": ("probe", "Ask the heads of a run whom they follow: voice, face or words."),
    "predict": ("predict", "Probabilities, gates and disagreement for new clips."),
    "diagnose": ("diagnose", "Diagnose a run, a corpus with votes, or the predictions of your own models."),
    "report": ("report", "Write the HTML report of a run."),
    "export": ("export", "Hand clips, votes and predictions to Label Studio or FiftyOne."),
    "study": ("study", "A study in which people judge clips with modalities withheld."),
    "weights": ("weights", "Fetch and verify the offline weights."),
}

_EPILOG = """\
Example:     mixedsignals demo    then    mixedsignals run CORPUS --out RUN
Options:     mixedsignals VERB --help; all verbs take --json, --quiet, --verbose and --debug
Exit codes:  0 done, 1 faults in the input, 2 wrong usage, 3 could not finish, 130 interrupted
Completion:  eval "$(_MIXEDSIGNALS_COMPLETE=bash_source mixedsignals)"    (or zsh_source, fish_source)"""


class _Program(LazyGroup):
    """All verbs, with a line for each, and a word for whoever mistypes one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb; for one that is none, the most similar is named."""
        if args[0] not in VERBS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], VERBS, n=1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no verb {args[0]!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        formatter.write_paragraph()
        for line in _EPILOG.splitlines():
            formatter.write(f"  {line}\n")

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from mixedsignals import __version__

        click.echo(f"mixedsignals {__version__}")
        ctx.exit()


@click.group(
    cls=_Program,
    modules={verb: module for verb, (module, _) in VERBS.items()},
    subcommand_metavar="VERB [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Where text, audio, video and fused models part ways, what that says about a clip, and what to do.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def program() -> None:
    """The program without a verb prints its help."""


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 faults, 2 wrong usage, 3 could not finish, 130 interrupted."""
    # Polars keeps what it frees for a while; NumPy cannot use that, so large tables would take their room twice.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
    sys.exit(_run(sys.argv[1:] if args is None else args))


def _run(args: list[str]) -> int:
    STATE.reset()
    try:
        code = program.main(args=args, prog_name="mixedsignals", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        if "--json" in args:  # the fault may have come before the option was read
            _print_fault({"error": error.format_message(), "exit_code": 2})
        error.show(file=sys.stderr)
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; the same command goes on where it stopped", err=True)
        return 130
    except MixedSignalsError as error:
        return _report(error, str(error), error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe (such as `head`) has gone; nothing is wrong, and stdout must not be flushed again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        from mixedsignals.store import is_full_disk

        if is_full_disk(error):
            return _report(error, f"the disk is full ({error}). Free space; the same command goes on.", 3)
        if isinstance(error, OSError) and error.filename is not None:
            return _report(error, f"{error.filename}: cannot be read or written ({error.strerror})", 3)
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        return _report(
            error, f"something went wrong that this program did not foresee ({text}); --debug shows where", 3
        )


def _report(error: Exception, text: str, code: int) -> int:
    if STATE.debug:
        traceback.print_exception(error, file=sys.stderr)
    if STATE.json:
        fault: dict[str, Any] = {"error": text, "exit_code": code}
        if isinstance(error, InputError):
            fault["problems"] = [problem.to_dict() for problem in error.problems]
        _print_fault(fault)
    click.echo(f"mixedsignals: {text}", err=True)
    return code


def _print_fault(fault: dict[str, Any]) -> None:
    click.echo(json.dumps(fault, ensure_ascii=False))
