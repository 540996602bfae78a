"""What the benchmark says of its figures; `make bench` has them."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from samtranslator.yaml_helper import yaml_parse

from benchmarks.artifacts import FASTAPI, FLOOR, OURS, PEERS, POWERTOOLS, ROOT
from benchmarks.chart import draw
from benchmarks.measurements import COLD, FIRST, over
from benchmarks.questions import DifferentRoomsError, questions, require_same
from benchmarks.report import LIMITS, Ratio, growth_table, median_table, ratio_table, ratios

ROOM = {"code": "one", "size": 20, "price": None, "latitude": 53.5, "longitude": 10.0}


def medians(**ours: float) -> dict[tuple[str, str], float]:
    """Return 100 ms for every peer, and for ours what is said or 1 ms."""
    return {(row, target): 100.0 for row in LIMITS for target in PEERS} | {
        (row, OURS): ours.get(row, 1.0) for row in LIMITS
    }


def an_answer(*rooms: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": 200, "body": json.dumps(rooms)}


def test_a_ratio_is_reached_up_to_and_with_what_it_may_be() -> None:
    found = {(ratio.row, ratio.peer): ratio for ratio in ratios(medians(**{FIRST: 85.0, COLD[True]: 60.0}))}

    assert found[FIRST, POWERTOOLS] == Ratio(FIRST, POWERTOOLS, 0.85, 0.85)
    reached = {(row, peer) for (row, peer), ratio in found.items() if ratio.is_reached}
    assert set(found) - reached == {
        (FIRST, FASTAPI),
        *((COLD[True], peer) for peer in (POWERTOOLS, FASTAPI, FLOOR)),
    }


def test_the_table_says_what_was_missed() -> None:
    table = ratio_table(ratios(medians(**{FIRST: 100.0})))

    head, _, cold, *_ = table.splitlines()
    assert head == f"|  | against {POWERTOOLS} | against {POWERTOOLS}, tuned | against {FASTAPI} | against {FLOOR} |"
    assert cold == f"| {COLD[True]} | 0.01 of 0.32 |  | 0.01 of 0.15 | 0.01 of 0.37 |"
    missed = "**1.00** of 0.85, missed | 1.00 of 1.05 | **1.00** of 0.25, missed | 1.00 of 1.5"
    assert f"| {FIRST} | {missed} |" in table.splitlines()


def test_the_other_tables_have_a_line_for_each_row() -> None:
    line = f"| {FIRST} | 1.00 |{' 100 |' * len(PEERS)}"
    assert line in median_table(medians(), LIMITS).splitlines()
    many = {(FIRST, over("many", OURS)): 1.5, (FIRST, over("many", FLOOR)): 110.0}
    growth = growth_table(medians() | many, [FIRST], "few", "many")
    assert growth.splitlines()[-1] == f"| {FIRST} | 1.00 | 1.50 | 1.5 | 100 | 110 | 1.1 |"


def test_the_chart_has_a_bar_for_each_row_and_target() -> None:
    chart = ET.fromstring(draw(medians()))  # noqa: S314 - our own

    assert len(chart.findall(".//{*}rect")) == len(LIMITS) * (1 + len(PEERS))


def test_every_ratio_is_of_something_that_is_measured() -> None:
    assert set(LIMITS) <= {*COLD.values(), *questions("one")}


def test_the_questions_are_events_of_the_api() -> None:
    events = questions("one")

    assert [event["queryStringParameters"] for event in events.values()] == [
        {"limit": "20"},
        {"limit": "1000"},
        {"limit": "10000"},
        None,
        {"filter_price__lt": "60", "limit": "20"},
        {"near": "53.55,9.99", "sort": "distance", "limit": "20"},
    ]
    assert [event["path"] for event in events.values() if event["pathParameters"]] == ["/rooms/one"]


@pytest.mark.parametrize(
    "other",
    [
        an_answer(),
        an_answer(ROOM, ROOM),
        an_answer({**ROOM, "price": 1}),
        an_answer({**ROOM, "distance_m": 5.0}),
        {**an_answer(ROOM), "statusCode": 500},
    ],
)
def test_other_rooms_are_found(other: dict[str, Any]) -> None:
    with pytest.raises(DifferentRoomsError, match="peer returns other rooms for: any"):
        require_same("any", {"ours": an_answer(ROOM), "peer": other})


def test_the_same_rooms_may_be_formatted_differently() -> None:
    near, nearer = ({**ROOM, "distance_m": distance_m} for distance_m in (5.1, 5.0))

    require_same("any", {"ours": an_answer(near), "peer": {"statusCode": 200, "body": json.dumps([nearer], indent=1)}})


def test_every_peer_is_built_and_pinned() -> None:
    folder = ROOT / "benchmarks"
    built = yaml_parse((folder / "template.yaml").read_text())["Resources"]

    assert set(built) == {folder for folder, _ in PEERS.values()}
    assert {resource["Properties"]["CodeUri"].rstrip("/") for resource in built.values()} == {
        f"peers/{peer.name}" for peer in (folder / "peers").iterdir()
    }
    for lock in folder.glob("peers/*/requirements.txt"):
        requirements = re.split(r"\n(?=\S)", lock.read_text().rstrip())
        assert all("--hash=sha256:" in line for line in requirements if not line.startswith("#")), lock
