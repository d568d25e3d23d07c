"""What simulations hold against an interval stands under the figure that shows it, once."""

from __future__ import annotations

from mixedsignals.report.dots import Dots, dot_figure

AGAINST = (
    "in simulations with 20 speakers 95 % intervals held the truth in 90 % of corpora, too low most often"
)


def row(name: str, method: str) -> dict:
    return {
        "name": name,
        "source": name,
        "value": 0.5,
        "low": 0.4,
        "high": 0.6,
        "n_groups": 20,
        "method": method,
    }


def shown(*methods: str) -> str:
    rows = [row(str(at), method) for at, method in enumerate(methods)]
    figure = dot_figure(Dots(key="alpha", title="Agreement", axis="alpha", rows=rows))
    assert figure is not None
    return figure.note


def test_a_caution_is_said_once_below_the_figure():
    note = shown(f"jackknife-fisher; {AGAINST}", f"jackknife-fisher; {AGAINST}; raters taken as fixed")
    assert note.count("In simulations with 20 speakers") == 1
    assert note.endswith("too low most often.")


def test_without_one_nothing_is_said():
    assert not shown("jackknife-logit", "")
