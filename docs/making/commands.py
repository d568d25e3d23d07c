"""`docs/cli.md` from the commands themselves, and what every import format takes from its importer."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from making.markdown import GENERATED, one_line, table
from mixedsignals.cli._app import program
from mixedsignals.cli._verb import _SHARED
from mixedsignals.corpus.importers import IMPORTERS

__all__ = ["commands", "commands_page", "spelled"]

_INTRO = """# The command line

Results go to stdout, progress and words to stderr. Output that is not a terminal is neither truncated nor coloured.
Exit codes: 0 done, 1 faults in the input, 2 wrong usage, 3 could not finish, 130 interrupted (the same command then
goes on where it stopped). Tab completion is Click's: in bash, `eval "$(_MIXEDSIGNALS_COMPLETE=bash_source
mixedsignals)"`.
"""


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every verb with its full name, groups opened (`weights fetch`)."""
    root = click.Context(program)
    for name in program.list_commands(root):
        verb = program.get_command(root, name)
        if isinstance(verb, click.Group):
            inner = click.Context(verb)
            for part in verb.list_commands(inner):
                within = verb.get_command(inner, part)
                if within is not None:
                    yield f"{name} {part}", within
        elif verb is not None:
            yield name, verb


def spelled(option: click.Parameter) -> str:
    """An option as one types it: `--decode / --no-decode`, `-o, --out RUN`."""
    names = ", ".join(sorted(option.opts, key=len))
    if option.secondary_opts:
        names += f" / {', '.join(option.secondary_opts)}"
    if getattr(option, "is_flag", False):
        return f"`{names}`"
    return f"`{names} {_takes(option)}`"


def _takes(option: click.Parameter) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "|".join(str(choice) for choice in option.type.choices)
    return {"integer range": "N", "integer": "N", "float range": "X"}.get(
        option.type.name, "PATH" if isinstance(option.type, click.Path) else "TEXT"
    )


def commands_page() -> str:
    """The whole page."""
    parts = [GENERATED, "", _INTRO, "| verb | |\n|---|---|"]
    every = list(commands())
    parts += [
        f"| [{name}](#mixedsignals-{name.replace(' ', '-')}) | {_summary(verb)} |" for name, verb in every
    ]
    version = next(option for option in program.params if "--version" in option.opts)
    shared = [(spelled(option), option.help or "") for option in _SHARED]
    parts += ["", "## Options of every verb", "", table(("option", "meaning"), shared), ""]
    parts += [
        f"Of the program itself: {spelled(version)} prints the version; `-h`, `--help` works everywhere.",
        "",
    ]
    for name, verb in every:
        parts += _section(name, verb)
        if name == "import":
            parts += _formats()
    return "\n".join(parts)


def _summary(verb: click.Command) -> str:
    return one_line((verb.help or "").split("\n\n")[0])


def _section(name: str, verb: click.Command) -> list[str]:
    context = click.Context(verb, info_name=f"mixedsignals {name}")
    parts = [
        f"## mixedsignals {name}",
        "",
        f"    {one_line(verb.get_usage(context)).removeprefix('Usage: ')}",
        "",
    ]
    parts += [f"{one_line(paragraph)}\n" for paragraph in (verb.help or "").split("\n\n")]
    own = [p for p in verb.params if isinstance(p, click.Option) and p not in _SHARED]
    if own:
        rows = [(spelled(option), _default(option), option.help or "") for option in own]
        parts += [table(("option", "default", "meaning"), rows), ""]
    example = one_line(verb.epilog).removeprefix("Example:").strip()
    return [*parts, "Example:", "", *(f"    {line.strip()}" for line in example.split(" or ")), ""]


def _default(option: click.Option) -> str:
    if option.required:
        return "required"
    if isinstance(option.show_default, str):  # said in words, such as `the corpus's`
        return option.show_default
    shown = option.default
    if shown is True or not option.show_default or shown is None:
        return f"`{option.opts[0]}`" if shown is True else ""
    return f"`{shown}`"


def _formats() -> list[str]:
    """The built-in formats: what each reads and its options."""
    parts = ["### Formats", ""]
    for name, importer in IMPORTERS.items():
        text = inspect.getdoc(importer) or ""
        told = text.split("Args:")[0].split("Raises:")[0].strip()
        parts += [f"**{name}.** " + "\n\n".join(one_line(part) for part in told.split("\n\n")), ""]
        if options := _arguments(text):
            parts += ["Its options, here and as keyword arguments of `import_corpus`:", "", *options, ""]
    parts += ["Other packages can add formats through the entry-point group `mixedsignals.importers`.", ""]
    return parts


def _arguments(text: str) -> list[str]:
    """The options of an importer as a list, from the `Args` of its docstring."""
    if "Args:" not in text:
        return []
    block = inspect.cleandoc("\n" + text.split("Args:\n")[1].split("Raises:")[0])
    items: list[str] = []
    for line in block.splitlines():
        if line and not line.startswith(" "):
            name, _, meaning = line.partition(": ")
            items.append(f"- `{name}`: {meaning}")
        elif line.strip():
            items[-1] += f" {line.strip()}"
    return [item for item in items if not item.startswith("- `source`")]
