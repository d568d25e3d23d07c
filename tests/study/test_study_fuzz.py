"""Schemathesis against every route, as nobody, as a participant and as the owner: whatever comes is answered in order,
shows nothing of the inside, and makes no answer that was not given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error

from mixedsignals.study.server import make_app
from mixedsignals.study.server.limits import Limit
from mixedsignals.study.store import Database, facts, read_answers, reading

Study = Callable[..., Any]
PLENTY = {name: Limit(1_000_000, 1) for name in ("seat", "address", "login", "owner")}
HARD = {
    "deadline": None,
    "max_examples": 7,
    "derandomize": True,
    "database": None,
    "phases": [Phase.generate],
}


def operations_of(folder: Any) -> list[Any]:
    """Every method of every route, as the application itself describes them."""
    database = Database(folder.path / "described.db")
    described = make_app(folder, database).openapi()
    database.close()
    schema = schemathesis.openapi.from_dict(described)
    return [result.ok() for result in schema.get_all_operations()]


@pytest.mark.parametrize("who", ["nobody", "participant", "owner"])
def test_every_route_answers_whatever_comes_in_order(make_study: Study, host: Study, who: str) -> None:
    folder = make_study(scale=5, free_text=True, reasons=True)
    study = host(folder, limits=PLENTY)
    visitor = {"nobody": study.visitor, "participant": study.participant, "owner": study.owner}[who]()
    found = operations_of(folder)
    assert len(found) >= 25
    with study.database.reading() as connection:
        people_before = len(reading.people_of(connection))
        password = facts.read_fact(connection, "password")
    tried = 0

    @settings(suppress_health_check=list(HealthCheck), **HARD)
    @given(data=st.data(), mark=st.booleans())
    def attack(operation: Any, data: Any, mark: bool) -> None:
        nonlocal tried
        case = data.draw(operation.as_strategy())
        if mark and isinstance(case.body, dict) and "mark" in visitor.page.fields:
            case.body["mark"] = visitor.page.fields[
                "mark"
            ]  # past the first door, so that later ones are tried too
        cookies = {**dict(case.cookies or {}), **visitor.cookies}
        response = case.call(base_url=study.address, cookies=cookies, timeout=20)
        case.validate_response(response, checks=[not_a_server_error])
        tried += 1
        assert "default-src 'none'" in response.headers["content-security-policy"][0]
        assert "Traceback" not in response.text
        assert str(folder.path) not in response.text

    leaving = {("POST", "/leave"), ("POST", "/owner/logout"), ("POST", "/owner/state")}
    for operation in found:
        if (operation.method.upper(), operation.path) not in leaving:
            attack(operation)
    assert tried >= 5 * (len(found) - len(leaving))
    assert read_answers(study.database).is_empty()
    with study.database.reading() as connection:
        assert len(reading.people_of(connection)) == people_before
        assert facts.read_fact(connection, "password") == password
    assert study.participant().shown, "the study goes on"
