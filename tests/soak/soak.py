"""The soak: execution environments, each asked one question after the other, while things go wrong around them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.soak.driver import Driver
from tests.soak.execution_environment import ExecutionEnvironment
from tests.soak.figures import Figures
from tests.soak.secrets_service import SecretsService
from tests.soak.surroundings import Surroundings, rotate
from tests.support.injectors import Proxy, TlsProxy, make_authority, make_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.soak.driver import Events, Plan
    from tests.soak.surroundings import SoakServer


def soak_with_faults(server: SoakServer, plan: Plan, *, is_plain: bool) -> Figures:
    """Return the figures of a run with every kind of fault, a restart and a crash of the server."""
    with _surroundings(server, plan) as places:
        events = [_alone(places, server.restart), _alone(places, server.crash)]
        figures = _run(places, plan, events, is_plain=is_plain, has_faults=True)
        figures.faults.update(["server restarted", "server crashed"])
        return figures


def soak_with_rotations(server: SoakServer, plan: Plan, *, is_plain: bool) -> Figures:
    """Return the figures of a run in which nothing happens but two rotations of the password."""
    with _surroundings(server, plan) as places:
        events = [lambda: rotate(places, "second"), lambda: rotate(places, "third")]
        figures = _run(places, plan, events, is_plain=is_plain, has_faults=False)
        figures.rotations = len(events)
        figures.failed_in_rotations = figures.requests - figures.statuses[200]
        return figures


@contextmanager
def _surroundings(server: SoakServer, plan: Plan) -> Iterator[list[Surroundings]]:
    with ExitStack() as stack:
        service = stack.enter_context(closing(SecretsService()))
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="rentomatic-soak-")))
        certificate = make_certificate(folder / "server.pem", "127.0.0.1", make_authority())
        places = []
        for number in range(plan.environments):
            proxy = relay = stack.enter_context(closing(Proxy(server.port)))
            if number % 2:  # every other environment has TLS
                tls = stack.enter_context(closing(TlsProxy(relay.port, certificate)))
                proxy = stack.enter_context(closing(Proxy(tls.port)))
            place = Surroundings(number, plan.share, server, proxy, relay, service)
            place.make(statement_timeout_s=plan.budget_s * 0.6)
            stack.callback(place.drop)
            places.append(place)
        yield places


def _alone(places: Sequence[Surroundings], event: Callable[[], None]) -> Callable[[], None]:
    """Let an event wait until no other fault lasts, and keep others from beginning."""

    def run() -> None:
        with ExitStack() as gates:
            for place in places:
                gates.enter_context(place.gate)
            event()

    return run


def _run(places: Sequence[Surroundings], plan: Plan, events: Events, *, is_plain: bool, has_faults: bool) -> Figures:
    with ExitStack() as stack:
        drivers = []
        for place in places:
            environment = ExecutionEnvironment(place.variables(plan.budget_s), is_plain=is_plain)
            stack.callback(environment.stop)
            place.process = environment.process
            drivers.append(Driver(place, environment, plan, has_faults=has_faults))
        with ThreadPoolExecutor(len(drivers)) as pool:
            runs = [pool.submit(driver.run, events if driver is drivers[0] else ()) for driver in drivers]
            for run in runs:
                run.result()
    total = Figures()
    for driver in drivers:
        driver.figures.connections_left = driver.place.connections(expected=0)
        total.add(driver.figures)
    return total
