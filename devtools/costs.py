"""Estimates the monthly costs on AWS from the prices in docs/prices.csv: `python manage.py costs`."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from devtools.text import markdown_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = _DOCS / "costs.md"
PRICES = _DOCS / "prices.csv"
_BEGIN, _END = "<!-- made by manage.py costs -->", "<!-- end -->"
RATES = (0.0, 1.0, 100.0)  # requests a second, averaged over a month

HOURS = 730  # in a month, AWS's convention
MEMORY_GB = 0.5  # of RoomsFunction
WARM_MS, COLD_MS = 0.28, 154  # docs/benchmark.md: 20 rooms, and a cold start with the secret, on a full processor
PROCESSORS = 512 / 1769  # at 512 MB (Lambda developer guide: 1,769 MB have one processor)
NETWORK_MS = 5  # assumed: a round trip to the database over TLS, and Lambda's runtime
COLD_SHARE = 0.001  # assumed: the share of requests with a cold start
ANSWER_KB = 3.7  # 20 rooms with headers
GZIP_KB = 1.5  # less of it for clients that accept gzip: 0.8 instead of 2.2 kB of JSON
ACCESS_LOG_KB = 0.33  # a line of 300 bytes plus 26 that CloudWatch adds
PLATFORM_LOG_KB = 0.45  # estimated: the JSON of platform.start and platform.report, which Lambda writes at INFO
LOG_COMPRESSION = 0.15  # assumed: the compressed size of stored logs
ACU_MIN = 0.5
ACU_PER_REQUEST_PER_S = 0.02  # assumed; 100 of them keep 2 ACU, which is 4 GiB, mostly of cached pages
IO_PER_REQUEST = 0.1  # assumed: pages that are not cached
DATABASE_GB = 10
PROXY_ACU_MIN = 8
METRICS, ALARMS, DASHBOARDS, SECRETS, ZONES, WAF_RULES = 8, 9, 1, 2, 2, 3
PAUSES, LOGINS, LOG_LEVEL = "`MinCapacity=0`, while nobody connects", "`Logins=iam`", "`SystemLogLevel=WARN`"
THRIFTY = "`Logins=iam MinCapacity=0 SystemLogLevel=WARN`"


class PriceError(Exception):
    """No price is known for this volume."""


class Price(NamedTuple):
    service: str
    usd: float
    unit: str
    up_to: float  # units a month; above them another price applies


class Use(NamedTuple):
    price: str
    units: float


@dataclass(frozen=True)
class Load:
    requests_per_s: float

    @property
    def millions(self) -> float:
        """Requests a month, in millions."""
        return self.requests_per_s * HOURS * 3600 / 1e6

    @property
    def gigabytes(self) -> float:
        """Gigabytes sent to clients a month."""
        return self.millions * ANSWER_KB

    @property
    def cold_starts(self) -> float:
        """Cold starts a month, in tens of thousands; each reads a secret."""
        return self.millions * 100 * COLD_SHARE

    @property
    def traces(self) -> float:
        """Traces a month, in millions: Lambda samples the first request of each second and 5 % of the others."""
        first = min(1, self.requests_per_s)
        return (first + 0.05 * (self.requests_per_s - first)) * HOURS * 3600 / 1e6

    @property
    def acu(self) -> float:
        """Average capacity."""
        return max(ACU_MIN, self.requests_per_s * ACU_PER_REQUEST_PER_S)


def stacks(load: Load) -> dict[str, list[Use]]:
    """Return the monthly use of both stacks without options."""
    gb_seconds = load.millions * 1e6 * billed_ms() / 1000 * MEMORY_GB
    return {
        "API Gateway": [Use("http_api_requests", load.millions)],
        "Lambda, requests": [Use("lambda_requests", load.millions)],
        "Lambda, time": [Use("lambda_gb_seconds", gb_seconds)],
        "Aurora, capacity": [Use("aurora_acu_hours", load.acu * HOURS)],
        "Aurora, storage and backups": [Use("aurora_storage", DATABASE_GB), Use("aurora_backup", DATABASE_GB)],
        "Aurora, I/O": [Use("aurora_io", load.millions * IO_PER_REQUEST)],
        "Endpoint of Secrets Manager": [Use("endpoint_hours", HOURS * ZONES)],
        "Secrets": [Use("secrets", SECRETS), *_secret_reads(load)],
        "Logs": _log(load.millions * (ACCESS_LOG_KB + PLATFORM_LOG_KB)),
        "Metrics": [Use("metrics", METRICS if load.requests_per_s else 0)],
        "Alarms and dashboard": [Use("alarms", ALARMS), Use("dashboards", DASHBOARDS)],
        "Data to clients": [Use("transfer_out", load.gigabytes)],
        "Data between zones": [Use("transfer_between_zones", load.gigabytes / 2)],
        "S3, for deployments and imports": [Use("s3_storage", 1)],
    }


def options(load: Load) -> dict[str, list[Use]]:
    """Return the additional use of each option; negative if it saves."""
    http_api = Use("http_api_requests", -load.millions)
    waf = [Use("web_acls", 1), Use("waf_rules", WAF_RULES), Use("waf_requests", load.millions)]
    restored_gb = load.cold_starts * 1e4 * MEMORY_GB
    return {
        "`FrontDoor=rest`": [Use("api_requests", load.millions), http_api],
        "`FrontDoor=url`, without a CDN": [http_api, *_log(-load.millions * ACCESS_LOG_KB)],
        PAUSES: [] if load.requests_per_s else [Use("aurora_acu_hours", -ACU_MIN * HOURS)],
        LOGINS: _without_secrets(load),
        "`HasStandby=true`, or each reader": [Use("aurora_acu_hours", load.acu * HOURS)],
        "`HasProxy=true`": [Use("proxy_acu_hours", max(PROXY_ACU_MIN, load.acu) * HOURS)],
        "`HasFirewall=true`, for `FrontDoor=rest`": waf,
        "`Tracing=Active`": [Use("traces", load.traces)],
        "`SnapStart=PublishedVersions`": [
            Use("snapstart_cache", MEMORY_GB * HOURS * 3600),
            Use("snapstart_restore", restored_gb),
        ],
        "`HasAccessLog=false`": _log(-load.millions * ACCESS_LOG_KB),
        LOG_LEVEL: _log(-load.millions * PLATFORM_LOG_KB),
        "clients that all accept gzip": [Use("transfer_out", -load.millions * GZIP_KB)],
    }


def thrifty(load: Load) -> list[Use]:
    """Return the additional use of the options that make a thrifty set-up: all of them save."""
    uses = options(load)
    return [*uses[PAUSES], *uses[LOGINS], *uses[LOG_LEVEL]]


def billed_ms() -> float:
    """Return the average billed duration of a request: whole milliseconds, including cold starts."""
    return math.ceil(WARM_MS / PROCESSORS + NETWORK_MS) + COLD_SHARE * COLD_MS / PROCESSORS


def table(rates: Sequence[float] = RATES) -> str:
    """Return Markdown tables of the costs at these rates of requests a second.

    Raises:
        PriceError: a rate is so high that another price applies.
    """
    loads = [Load(rate) for rate in rates]
    stack = _costs([stacks(load) for load in loads])
    total = [sum(costs) for costs in zip(*stack.values(), strict=True)]
    saved = [sum(map(_usd, thrifty(load))) for load in loads]
    sums = {"**Together**": total, f"**With {THRIFTY}**": [sum(pair) for pair in zip(total, saved, strict=True)]}
    heads = [f"{rate:,g} request{'' if rate == 1 else 's'} a second" for rate in rates]
    return "\n".join(
        [
            _table("USD a month", heads, stack | sums, "{:,.2f}"),
            "",
            _table("Option", heads, _costs([options(load) for load in loads]), "{:+,.2f}"),
        ]
    )


def page() -> str:
    """Return docs/costs.md with the costs at the current prices and assumptions."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    return f"{before}{begin}\n{table()}\n{end}{after}"


@cache
def prices() -> Mapping[str, Price]:
    with PRICES.open(encoding="utf-8", newline="") as file:
        return {
            row["name"]: Price(row["service"], float(row["usd"]), row["unit"], float(row["up_to"] or math.inf))
            for row in csv.DictReader(file)
        }


def _secret_reads(load: Load) -> list[Use]:
    return [Use("secret_calls", load.cold_starts), Use("kms_calls", load.cold_starts)]


def _without_secrets(load: Load) -> list[Use]:
    """Return what is saved without the endpoint and the reader's secret; RDS keeps that of the owner."""
    reads = [use._replace(units=-use.units) for use in _secret_reads(load)]
    return [Use("endpoint_hours", -HOURS * ZONES), Use("secrets", -1), *reads]


def _log(gigabytes: float) -> list[Use]:
    """Return the use for writing a log and storing it for a month."""
    return [Use("logs_in", gigabytes), Use("logs_kept", gigabytes * LOG_COMPRESSION)]


def _costs(uses_of_loads: Sequence[Mapping[str, Sequence[Use]]]) -> dict[str, list[float]]:
    return {what: [sum(map(_usd, uses[what])) for uses in uses_of_loads] for what in uses_of_loads[0]}


def _usd(use: Use) -> float:
    price = prices()[use.price]
    if use.units > price.up_to:
        raise PriceError(
            f"{price.service} has another price above {price.up_to:,.0f} ({price.unit}) a month: "
            "enter fewer requests, or calculate by hand."
        )
    return price.usd * use.units


def _table(head: str, heads: Sequence[str], rows: Mapping[str, Sequence[float]], form: str) -> str:
    return markdown_table(
        [head, *heads], ([what, *(form.format(cost) for cost in costs)] for what, costs in rows.items())
    )
