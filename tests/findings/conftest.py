"""The fixture that every test of a finding uses."""

from __future__ import annotations

import pytest
from finding_helpers import Ask, asked


@pytest.fixture
def ask() -> Ask:
    """`ask(code, **plan)`: the findings of one check on evidence made from a plan."""
    return asked
