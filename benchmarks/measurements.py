"""Measures targets alternately, so that other load on the machine affects all of them."""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.processes import Environment, cold_start_ms, emulated_cold_start_ms
from benchmarks.questions import require_same

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from benchmarks.artifacts import Artifact
    from benchmarks.surroundings import Surroundings

    Environments = Mapping[str, Environment]
    Questions = Mapping[str, Mapping[str, Any]]

T = TypeVar("T")

COLD = {True: "cold start with the secret", False: "cold start, environment only"}
AS_BUILT, EMULATED = ", as `sam build` leaves it", ", under the emulator"  # suffixes of the above
FIRST = "warm, 20 rooms"  # also the first question after a cold start
THROUGHPUT = "requests for 20 rooms a second"
MEMORY_FIRST, MEMORY_LAST = "MiB after the first answer", "MiB after all others"

_WARM_UP_S = 0.5  # for each question
_BATCH, _BATCH_S = 50, 0.05  # requests, and their time limit
_LOOP_S = 0.5
_FEW = 4  # divides the rounds of rows without a target


def over(database: str, name: str) -> str:
    """Return the name of a target over another database."""
    return f"{name} over {database}"


class Measurements:
    """All figures of one run.

    Args:
        place: The database and the secret service of the targets.
        runtime: The packages of Lambda's image.
        questions: The events by name.
        rounds: The number of rounds for each target.
    """

    def __init__(self, place: Surroundings, runtime: Path, questions: Questions, rounds: int) -> None:
        self._samples: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self._place = place
        self._runtime = runtime
        self._questions = questions
        self._rounds = rounds
        self._random = Random(1)  # noqa: S311 - no secret

    def medians(self) -> dict[tuple[str, str], float]:
        """Return the medians by row and target."""
        return {key: median(values) for key, values in self._samples.items()}

    def warm(self, artifacts: Sequence[Artifact], database: str, *others: str) -> None:
        """Measure warm environments; targets over other databases are named by `over`.

        Raises:
            DifferentRoomsError: the targets do not return the same rooms.
        """
        with ExitStack() as stack:
            by_database = {
                each: {
                    artifact.name if each == database else over(each, artifact.name): stack.enter_context(
                        Environment(artifact, self._runtime, self._place.variables(each, has_secret=False))
                    )
                    for artifact in artifacts
                }
                for each in (database, *others)
            }
            environments = {name: each for some in by_database.values() for name, each in some.items()}
            self._remember_memory(MEMORY_FIRST, environments)
            for some in by_database.values():
                self._require_same(some)
            self._measure_warm(environments)
            self._remember_memory(MEMORY_LAST, environments)

    def cold(self, artifacts: Sequence[Artifact], database: str) -> None:
        """Measure new environments."""
        self._cold(cold_start_ms, artifacts, database, "", self._rounds)

    def cold_as_built(self, artifacts: Sequence[Artifact], database: str) -> None:
        """Measure new environments of artifacts as built, with or without bytecode."""
        self._cold(cold_start_ms, artifacts, database, AS_BUILT, self._rounds // _FEW)

    def cold_emulated(self, artifacts: Sequence[Artifact], database: str) -> None:
        """Measure new environments under the Runtime Interface Emulator."""
        self._cold(emulated_cold_start_ms, artifacts, database, EMULATED, self._rounds // _FEW)

    def _remember_memory(self, row: str, environments: Environments) -> None:
        for name, environment in environments.items():
            environment.ask(self._questions[FIRST])
            self._samples[row, name].append(environment.resident_mib())

    def _require_same(self, environments: Environments) -> None:
        for question, event in self._questions.items():
            require_same(question, {name: environment.ask(event).answer for name, environment in environments.items()})

    def _measure_warm(self, environments: Environments) -> None:
        for event in self._questions.values():
            for environment in environments.values():
                environment.ask(event, _BATCH, _WARM_UP_S)
        for _ in range(self._rounds):
            for question, event in self._questions.items():
                for name, environment in self._shuffled(environments.items()):
                    self._samples[question, name] += environment.ask(event, _BATCH, _BATCH_S).elapsed_ms
            for name, environment in self._shuffled(environments.items()):
                reply = environment.ask(self._questions[FIRST], calls=1_000_000, seconds=_LOOP_S)
                self._samples[THROUGHPUT, name].append(1000 * len(reply.elapsed_ms) / reply.loop_ms)

    def _cold(
        self, start_ms: Callable[..., float], artifacts: Sequence[Artifact], database: str, suffix: str, rounds: int
    ) -> None:
        targets = [(artifact, has_secret) for artifact in artifacts for has_secret in COLD]
        for number in range(1 + max(1, rounds)):
            for artifact, has_secret in self._shuffled(targets):
                variables = self._place.variables(database, has_secret=has_secret)
                elapsed_ms = start_ms(artifact, self._runtime, variables, self._questions[FIRST])
                if number:  # the first round only fills the file cache
                    self._samples[COLD[has_secret] + suffix, artifact.name].append(elapsed_ms)

    def _shuffled(self, values: Collection[T]) -> list[T]:
        return self._random.sample(list(values), len(values))
