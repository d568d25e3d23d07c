"""Every example in the docstrings of the measures runs and prints what it says."""

import doctest
import importlib
import pkgutil

import pytest

import mixedsignals.measures as package

MODULES = [name for _, name, _ in pkgutil.iter_modules(package.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name: str) -> None:
    module = importlib.import_module(f"mixedsignals.measures.{name}")
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0
    assert result.attempted > 0, f"{name} has no example"


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_documented(name: str) -> None:
    module = importlib.import_module(f"mixedsignals.measures.{name}")
    for public in module.__all__:
        found = getattr(module, public)
        if callable(found) and not hasattr(found, "__origin__"):
            assert found.__doc__, f"{name}.{public} has no docstring"
