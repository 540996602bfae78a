"""Asks one execution environment one question after the other, while things go wrong, and judges the answers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from typing import TYPE_CHECKING

from tests.soak.contract import breach, has_wrong_rooms
from tests.soak.faults import Fault, faults_of
from tests.soak.figures import TOLERANCE_S, Figures
from tests.soak.questions import numbered_question

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from tests.soak.execution_environment import Answer, ExecutionEnvironment
    from tests.soak.questions import Question
    from tests.soak.surroundings import Surroundings

    Events = Sequence[Callable[[], None]]

_PATIENCE = 3  # budgets, after which a fault clears even if there is no answer
_FAULT_ONCE_IN = 16  # requests
_WARM_UP = 0.1  # of the requests
_PAUSE_S = 0.05  # between requests, while the server is away
_AWAY = frozenset({503, 504})


@dataclass(frozen=True)
class Plan:
    """What a soak does.

    Attributes:
        requests: How many, of all environments together.
        environments: How many at the same time.
        seed: The seed for all random choices.
        budget_s: For each request: POSTGRES_TIMEOUT_S.
    """

    requests: int
    environments: int
    seed: int
    budget_s: float

    @property
    def share(self) -> int:
        return self.requests // self.environments


class Driver:
    """Of one execution environment.

    Attributes:
        figures: What has been counted so far.
    """

    def __init__(self, place: Surroundings, environment: ExecutionEnvironment, plan: Plan, *, has_faults: bool) -> None:
        self.place = place
        self.figures = Figures()
        self._environment = environment
        self._plan = plan
        self._random = Random(f"{plan.seed} {place.number}")  # noqa: S311 - no secret
        self._faults = self._draw_faults() if has_faults else {}
        self._is_after_fault = False
        self._warm: tuple[int, float] | None = None

    def _draw_faults(self) -> dict[int, Fault]:
        """Return the faults by the number of their question; over all environments each kind is as frequent."""
        count = self._plan.share // _FAULT_ONCE_IN
        numbers = self._random.sample(range(1, self._plan.share - 1), count)
        first = self.place.number * count
        return dict(zip(numbers, islice(cycle(faults_of(self.place)), first, first + count), strict=True))

    def run(self, events: Events) -> None:
        """Ask all questions, and let the events happen at equal distances among them."""
        share = self._plan.share
        pending = {share * number // (len(events) + 1): event for number, event in enumerate(events, start=1)}
        self._environment.wait_until_ready()
        for number in range(share):
            if event := pending.get(number):
                event()
            self._ask(number)
        with self.place.gate:
            self._measure()

    def _ask(self, number: int) -> None:
        question = numbered_question(self.place.number, number, self._plan.share, self._random)
        if fault := self._faults.get(number):
            with self.place.gate:
                self._ask_during(fault, question)
            return
        begun, ended = self.place.server.begun, self.place.server.ended
        answer = self._environment.ask(question)
        is_disturbed = begun != ended or begun != self.place.server.begun
        is_right = self._judge(question, answer, _AWAY if is_disturbed else frozenset())
        if self._is_after_fault and not is_disturbed:
            self.figures.failed_afterwards += not is_right
        self._is_after_fault = is_disturbed
        if is_disturbed:
            time.sleep(_PAUSE_S)
        elif self._warm is None and number >= self._plan.share * _WARM_UP:
            self._warm = self._resources()

    def _ask_during(self, fault: Fault, question: Question) -> None:
        question = fault.question(question, self._random)
        with fault.around(self.place, self._random) as meanwhile:
            self._environment.send(question)
            meanwhile()
            answer = self._environment.receive(_PATIENCE * self._plan.budget_s)
        answer = answer or self._environment.last_answer()
        self.figures.faults[fault.kind] += 1
        self._judge(question, answer, fault.statuses, during=fault.kind)
        self._is_after_fault = True

    def _judge(self, question: Question, answer: Answer, statuses: AbstractSet[int], during: str = "no fault") -> bool:
        figures = self.figures
        figures.requests += 1
        figures.statuses[answer.status] += 1
        figures.longest_s = max(figures.longest_s, answer.elapsed_s)
        figures.late += answer.elapsed_s > self._plan.budget_s + TOLERANCE_S
        if has_wrong_rooms(question, answer):
            figures.wrong_rooms += 1
            return False
        if what := breach(question, answer, statuses):
            figures.breaches[f"{what}, during {during}"] += 1
            return False
        return True

    def _measure(self) -> None:
        """Look at what the environment holds, when the last question has been answered."""
        last = self._resources()
        warm = self._warm or last
        self.figures.descriptors.append((warm[0], last[0]))
        self.figures.memory_mib.append((warm[1], last[1]))
        self.figures.connections = max(0, self.place.connections(expected=1) - 1)

    def _resources(self) -> tuple[int, float]:
        return self._environment.descriptors(), self._environment.memory_mib()
