"""The costs are calculated, and the page has what is calculated."""

from __future__ import annotations

import csv
import re
from datetime import date
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samtranslator.yaml_helper import yaml_parse

from devtools.costs import (
    COLD_MS,
    PAGE,
    PRICES,
    RATES,
    THRIFTY,
    WARM_MS,
    Load,
    PriceError,
    billed_ms,
    options,
    page,
    stacks,
    table,
)
from tests.support.paths import ROOT

RATE = st.floats(0, 114)  # at which API Gateway's second price begins


def test_the_page_has_what_is_calculated() -> None:
    if PAGE.read_text(encoding="utf-8") != page():
        pytest.fail("docs/costs.md is stale: run `python manage.py costs --write`")


def test_the_deployment_guide_has_what_both_stacks_cost_when_idle() -> None:
    (together,) = (line for line in table().splitlines() if "Together" in line)
    idle = float(together.split("|")[2])

    assert f"It costs {idle:.0f} dollars a month before" in (ROOT / "docs" / "deployment.md").read_text("utf-8")


def test_the_page_says_that_the_busiest_column_is_at_the_throttle() -> None:
    parameters = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))["Parameters"]
    bullet = f"{max(RATES):.0f} requests a second all month is what `RequestsPerSecond` allows"

    assert parameters["RequestsPerSecond"]["Default"] == max(RATES)
    assert bullet in PAGE.read_text(encoding="utf-8")


def test_each_price_is_used_and_says_when_and_where_it_was_read() -> None:
    with PRICES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    load = Load(100)

    used = {use.price for use in chain.from_iterable([*stacks(load).values(), *options(load).values()])}
    assert {row["name"] for row in rows} == used
    for row in rows:
        assert date.fromisoformat(row["looked_up"]), row["name"]
        assert row["read_in"], row["name"]
        assert row["price_page"].startswith("https://aws.amazon.com/"), row["name"]


def test_a_line_is_its_units_at_its_price() -> None:
    lines = table([1]).splitlines()

    assert f"| API Gateway | {2.628 * 1.00:.2f} |" in lines
    assert f"| `FrontDoor=rest` | +{2.628 * 2.50:.2f} |" in lines
    assert f"| Alarms and dashboard | {9 * 0.10 + 3:.2f} |" in lines
    assert f"| `HasProxy=true` | +{8 * 730 * 0.015:.2f} |" in lines


def test_a_thrifty_set_up_costs_at_most_six_dollars_when_idle() -> None:
    (line,) = (line for line in table([0]).splitlines() if THRIFTY in line)

    assert 0 < float(line.split("|")[2]) <= 6


def test_a_database_that_is_asked_at_all_never_pauses() -> None:
    (line,) = (line for line in table([0, 0.1]).splitlines() if line.startswith("| `MinCapacity=0`"))

    assert line.endswith("| -43.80 | +0.00 |")


@given(RATE, RATE)
def test_more_requests_never_cost_less(one: float, other: float) -> None:
    (costs,) = re.findall(r"\*\*Together\*\* \| (.*) \|", table(sorted([one, other])))
    less, more = (float(cost.replace(",", "")) for cost in costs.split(" | "))

    assert less <= more


def test_a_load_that_aws_bills_at_another_price_is_refused() -> None:
    with pytest.raises(PriceError, match="API Gateway HTTP has another price above 300"):
        table([115])


def test_the_costs_use_the_times_of_the_benchmark() -> None:
    _, _, medians = (ROOT / "docs" / "benchmark.md").read_text(encoding="utf-8").partition("## Medians")

    assert f"| warm, 20 rooms | {WARM_MS:.2f} |" in medians
    assert f"| cold start with the secret | {COLD_MS} |" in medians
    said = f"| {billed_ms():.1f} ms | measured: {WARM_MS:.2f} ms warm, {COLD_MS} ms cold"
    assert said in PAGE.read_text(encoding="utf-8")
    assert RATES == (0, 1, 100)
