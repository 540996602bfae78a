"""Every fault that can be brought about from here, and what a client may be told while it lasts."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pg8000.native import identifier

from tests.soak import questions
from tests.soak.surroundings import PASSWORD
from tests.support.streams import twice, whole_answer, with_repeated_stretch, with_row, without_stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from random import Random

    from pg8000.native import Connection

    from tests.soak.questions import Question
    from tests.soak.surroundings import Surroundings
    from tests.support.streams import Row

    Meanwhile = Callable[[], None]
    Around = Callable[[Surroundings, Random], AbstractContextManager[Meanwhile]]

_RESPONSE_BYTES = 400  # about what a room is on the wire


def _do_nothing() -> None:
    pass


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong while a question is asked.

    Attributes:
        kind: Its name.
        statuses: What may be answered other than 200 with the right rooms; nothing if the fault must be invisible.
        around: Brings it about, until it is left; what it yields is called when the question has been sent.
        question: What is asked instead.
    """

    kind: str
    statuses: frozenset[int]
    around: Around
    question: Callable[[Question, Random], Question] = questions.as_it_is


@contextmanager
def _nothing(_place: Surroundings, _random: Random) -> Iterator[Meanwhile]:
    yield _do_nothing


@contextmanager
def _broken(place: Surroundings, random: Random) -> Iterator[Meanwhile]:
    place.proxy.with_reset = random.random() < 0.5
    place.proxy.break_after = random.randint(1, _RESPONSE_BYTES)
    yield _do_nothing
    place.proxy.break_after = None


def _proxy(**attributes: object) -> Around:
    @contextmanager
    def around(place: Surroundings, _random: Random) -> Iterator[Meanwhile]:
        usual = {name: getattr(place.proxy, name) for name in attributes}
        vars(place.proxy).update(attributes)
        yield _do_nothing
        vars(place.proxy).update(usual)

    return around


@contextmanager
def _answered_twice(place: Surroundings, _random: Random) -> Iterator[Meanwhile]:
    place.relay.rewrite = whole_answer(twice)
    yield _do_nothing
    place.relay.rewrite = None


def _stretch(change: Callable[[float, float], Callable[[bytes], bytes]]) -> Around:
    """Lose or repeat some of the bytes on the way: encrypted ones with TLS."""

    @contextmanager
    def around(place: Surroundings, random: Random) -> Iterator[Meanwhile]:
        place.proxy.rewrite = change(random.random(), random.random())
        yield _do_nothing
        place.proxy.rewrite = None

    return around


@contextmanager
def _flipped(place: Surroundings, random: Random) -> Iterator[Meanwhile]:
    """Change one encrypted byte."""
    part, bit = random.random(), 1 << random.randrange(8)

    def flip(data: bytes) -> bytes:
        at = int(part * (len(data) - 1))
        return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]

    place.proxy.rewrite = flip
    yield _do_nothing
    place.proxy.rewrite = None


@contextmanager
def _reshaped(place: Surroundings, random: Random) -> Iterator[Meanwhile]:
    change = random.choice([_without_column, _with_column, _with_longer_column])
    at = random.random()
    place.relay.rewrite = whole_answer(with_row(lambda row: change(row, int(at * len(row)))))
    yield _do_nothing
    place.relay.rewrite = None


def _without_column(row: Row, at: int) -> Row:
    return [*row[:at], *row[at + 1 :]]


def _with_column(row: Row, at: int) -> Row:
    return [*row[:at], b"\0" * 8, *row[at:]]


def _with_longer_column(row: Row, at: int) -> Row:
    return [*row[:at], (row[at] or b"") + b"\0" * 8, *row[at + 1 :]]


@contextmanager
def _killed(place: Surroundings, _random: Random) -> Iterator[Meanwhile]:
    with place.connected() as admin:
        place.terminate(admin)
    yield _do_nothing


@contextmanager
def _frozen(place: Surroundings, random: Random) -> Iterator[Meanwhile]:
    """Stop the environment between two requests, as Lambda does, and let its connection end in the meantime."""
    os.kill(place.process, signal.SIGSTOP)
    with _killed(place, random) as meanwhile:
        os.kill(place.process, signal.SIGCONT)
        yield meanwhile


def _killed_and(around: Around) -> Around:
    """Bring about a fault that a connection which is open would not notice."""

    @contextmanager
    def both(place: Surroundings, random: Random) -> Iterator[Meanwhile]:
        with around(place, random) as meanwhile, _killed(place, random):
            yield meanwhile

    return both


@contextmanager
def _locked(place: Surroundings, _random: Random) -> Iterator[Meanwhile]:
    with place.connected() as admin:
        admin.run("BEGIN")
        admin.run("LOCK TABLE room")
        yield _do_nothing


@contextmanager
def _killed_in_mid_query(place: Surroundings, _random: Random) -> Iterator[Meanwhile]:
    with place.connected() as locker, place.connected() as admin:
        locker.run("BEGIN")
        locker.run("LOCK TABLE room")

        def kill() -> None:
            _wait_for_a_query(place, admin)
            place.terminate(admin)
            locker.run("ROLLBACK")

        yield kill


def _wait_for_a_query(place: Surroundings, admin: Connection) -> None:
    waiting = "SELECT FROM pg_stat_activity WHERE usename = :name AND wait_event_type = 'Lock'"
    for _ in range(50):
        if admin.run(waiting, name=place.name):
            return
        admin.run("SELECT pg_sleep(0.01)")


def _changed(statement: str, undo: str) -> Around:
    @contextmanager
    def around(place: Surroundings, _random: Random) -> Iterator[Meanwhile]:
        role = identifier(place.name)
        with place.connected() as admin:
            admin.run(statement.format(role=role))
        yield _do_nothing
        with place.connected() as admin:
            admin.run(undo.format(role=role))

    return around


@contextmanager
def _rotated(place: Surroundings, _random: Random) -> Iterator[Meanwhile]:
    """Change the password and its secret; afterwards they are what they were, and that is a rotation, too."""
    with place.connected() as admin:
        place.set_password(admin, "another one")
    yield _do_nothing
    with place.connected() as admin:
        place.set_password(admin, PASSWORD)


@contextmanager
def _without_secrets(place: Surroundings, random: Random) -> Iterator[Meanwhile]:
    place.service.failing[place.name] = random.choice(["throttled", "down", "unresponsive"])
    with _rotated(place, random) as meanwhile:
        yield meanwhile
    del place.service.failing[place.name]


_INVISIBLE: frozenset[int] = frozenset()
_UNAVAILABLE = frozenset({503})
_LATE = frozenset({504})
_OUR_FAULT = frozenset({500})

FAULTS = (
    Fault("broken or reset after some bytes", _UNAVAILABLE, _broken),
    Fault("refused", _UNAVAILABLE, _killed_and(_proxy(refuse=True))),
    Fault("stalled", _LATE, _proxy(is_stalled=True)),
    Fault("stalled while connecting", _LATE, _killed_and(_proxy(is_stalled=True))),
    Fault("slow drip", _LATE, _proxy(pause_s=0.02)),
    Fault("corrupted bytes", _UNAVAILABLE | _LATE, _proxy(garble=True)),
    Fault("corrupted bytes while connecting", _UNAVAILABLE | _LATE, _killed_and(_proxy(garble=True))),
    Fault("answer arrives twice", _INVISIBLE, _answered_twice),
    Fault("stretch lost", _UNAVAILABLE | _LATE, _stretch(without_stretch)),
    Fault("stretch lost while connecting", _UNAVAILABLE | _LATE, _killed_and(_stretch(without_stretch))),
    Fault("stretch arrives twice", _UNAVAILABLE | _LATE, _stretch(with_repeated_stretch)),
    Fault("stretch arrives twice while connecting", _UNAVAILABLE | _LATE, _killed_and(_stretch(with_repeated_stretch))),
    Fault("row of another shape", _UNAVAILABLE, _reshaped),
    Fault("idle backend killed", _INVISIBLE, _killed),
    Fault("frozen, backend killed, thawed", _INVISIBLE, _frozen),
    Fault("backend killed in mid-query", _UNAVAILABLE | _LATE, _killed_in_mid_query),
    Fault("table locked", _LATE, _locked),
    Fault("interrupted in mid-query", _LATE, _locked, questions.interrupted_in_mid_query),
    Fault("interrupted anywhere", _INVISIBLE, _nothing, questions.interrupted_anywhere),
    Fault("interrupted while connecting", _INVISIBLE, _killed, questions.interrupted_anywhere),
    Fault("hostile parameter", _INVISIBLE, _nothing, questions.hostile),
    Fault("row that is no room", _INVISIBLE, _nothing, questions.about_a_bad_row),
    Fault("no time left", _UNAVAILABLE, _nothing, questions.without_time),
    Fault(
        "table missing",
        _OUR_FAULT,
        _changed("ALTER TABLE room RENAME TO away", "ALTER TABLE away RENAME TO room"),
    ),
    Fault(
        "right to read revoked",
        _OUR_FAULT,
        _changed("REVOKE SELECT ON room FROM {role}", "GRANT SELECT ON room TO {role}"),
    ),
    Fault(
        "table altered",
        _INVISIBLE,
        _changed("ALTER TABLE room ALTER price TYPE bigint", "ALTER TABLE room ALTER price TYPE integer"),
    ),
    Fault(
        "role may not log in",
        _UNAVAILABLE,
        _killed_and(_changed("ALTER ROLE {role} NOLOGIN", "ALTER ROLE {role} LOGIN")),
    ),
    Fault(
        "too many connections",
        _UNAVAILABLE,
        _killed_and(_changed("ALTER ROLE {role} CONNECTION LIMIT 0", "ALTER ROLE {role} CONNECTION LIMIT -1")),
    ),
    Fault("password rotated", _INVISIBLE, _killed_and(_rotated)),
    Fault("password rotated, secrets service fails", _UNAVAILABLE | _LATE, _killed_and(_without_secrets)),
)

FAULTS_OF_TLS = (
    Fault("encrypted byte flipped", _UNAVAILABLE | _LATE, _flipped),
    Fault("encrypted byte flipped while connecting", _UNAVAILABLE | _LATE, _killed_and(_flipped)),
)


def faults_of(place: Surroundings) -> tuple[Fault, ...]:
    """Return those that can be brought about there: without TLS nothing notices a byte inside of a value."""
    return FAULTS + FAULTS_OF_TLS if place.has_tls else FAULTS
