"""The soak, in small; `make soak` runs all of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.soak.driver import Plan
from tests.soak.faults import FAULTS, FAULTS_OF_TLS
from tests.soak.soak import soak_with_faults, soak_with_rotations
from tests.soak.surroundings import SoakServer
from tests.support.commands import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

# As many requests as it takes for each kind of fault to come once.
PLAN = Plan(requests=520, environments=2, seed=1, budget_s=1)


@pytest.fixture(scope="module")
def soak_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoakServer]:
    """A server that nobody else uses, for it will crash."""
    with SoakServer(tmp_path_factory.mktemp("soak") / "postgres", free_port()) as server:
        yield server


def test_no_fault_gives_a_wrong_room_or_breaks_the_contract(soak_server: SoakServer) -> None:
    figures = soak_with_faults(soak_server, PLAN, is_plain=False)

    assert figures.failures() == {}
    assert figures.requests == PLAN.requests
    assert {fault.kind for fault in FAULTS + FAULTS_OF_TLS} < set(figures.faults)


def test_two_rotations_of_the_password_are_invisible(soak_server: SoakServer) -> None:
    plan = replace(PLAN, requests=200)

    figures = soak_with_rotations(soak_server, plan, is_plain=False)

    assert figures.failures() == {}
    assert dict(figures.statuses) == {200: plan.requests}


def test_the_soak_sees_what_a_plain_repository_does_wrong(soak_server: SoakServer) -> None:
    figures = soak_with_faults(soak_server, replace(PLAN, requests=400, budget_s=0.4), is_plain=True)

    assert figures.wrong_rooms + figures.breaches.total() > 0
