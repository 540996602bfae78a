"""Answers that are changed on the way, where nothing checks the bytes."""

from __future__ import annotations

import tracemalloc
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devtools.database import insert_rooms
from rentomatic.domain.errors import CorruptDataError, SettingsError, TimedOutError, UnavailableError
from rentomatic.domain.room_search import RoomSearch
from rentomatic.repository.postgresrepo import PostgresRepo
from tests.contracts.room_repository import a_room
from tests.faults.faulty import changed
from tests.support.injectors import Proxy
from tests.support.streams import (
    announcing,
    notice,
    parameter_status,
    twice,
    whole_answer,
    with_repeated_stretch,
    with_row,
    without_stretch,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rentomatic.domain.room import Room
    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection
    from tests.faults.conftest import Client
    from tests.support.streams import Row

PRICED = [a_room(code=f"room {price}", price=price, size=price % 7) for price in range(10, 40)]


@pytest.fixture
def timeout_s() -> float:
    return 0.5


@pytest.fixture
def repo(proxy: Proxy, migrated: Mapping[str, str], admin: Connection, timeout_s: float) -> Iterator[PostgresRepo]:
    """A repository behind the proxy that gives up soon, over rooms of which each has another price."""
    admin.run("TRUNCATE room")
    insert_rooms(admin, PRICED)
    repo = PostgresRepo({**migrated, "POSTGRES_PORT": str(proxy.port), "POSTGRES_TIMEOUT_S": str(timeout_s)})
    yield repo
    repo.close()


def assert_all_right(repo: PostgresRepo, rooms: list[Room] = PRICED) -> None:
    for room in rooms:
        assert repo.list({"price__eq": room.price}) == [room]
        assert repo.get(str(room.code)) == room


def test_an_answer_that_arrives_twice_is_never_mixed_up(repo: PostgresRepo, proxy: Proxy) -> None:
    assert_all_right(repo)

    for room in PRICED:
        proxy.rewrite = whole_answer(twice)
        assert_all_right(repo, [room])

    assert proxy.rewrite is None
    assert_all_right(repo)


@pytest.mark.parametrize("is_late", [False, True])
def test_an_error_that_arrives_twice_is_never_mixed_up(
    repo: PostgresRepo, proxy: Proxy, admin: Connection, *, is_late: bool
) -> None:
    assert_all_right(repo, PRICED[:1])
    errors: list[bytes] = []

    def record(answer: bytes) -> bytes:
        errors.append(answer)
        return answer + (b"" if is_late else answer)

    proxy.rewrite = whole_answer(record)
    with (
        changed(admin, "REVOKE SELECT ON room FROM faulty", "GRANT SELECT ON room TO faulty"),
        pytest.raises(SettingsError, match="42501"),
    ):
        repo.list({"price__eq": 10})
    if is_late:  # it comes in front of the next answer, when the next statement has been sent
        proxy.rewrite = whole_answer(lambda answer: errors[0] + answer)

    assert_all_right(repo)


@given(
    change=st.one_of(
        st.builds(with_repeated_stretch, st.floats(0, 1), st.floats(0, 1)),
        st.builds(without_stretch, st.floats(0, 1), st.floats(0, 1)),
    ),
    is_warm=st.booleans(),
)
def test_lost_or_repeated_bytes_never_give_wrong_rooms(
    repo: PostgresRepo, proxy: Proxy, change: Callable[[bytes], bytes], *, is_warm: bool
) -> None:
    repo.close()
    if is_warm:
        assert_all_right(repo, PRICED[:1])
    proxy.rewrite = whole_answer(change)

    for room in PRICED[:3]:
        try:
            found = repo.list({"price__eq": room.price})
        except (UnavailableError, TimedOutError):
            continue
        assert found == [room]

    proxy.rewrite = None
    assert_all_right(repo, PRICED[:2])


@pytest.mark.parametrize("timeout_s", [8])  # none of them has to wait for it
def test_an_older_answers_head_never_gives_wrong_rooms(repo: PostgresRepo, proxy: Proxy) -> None:
    """Its length can take in all of the next answer: a row that begins as the one and ends as the other."""
    answers: list[bytes] = []

    def record(answer: bytes) -> bytes:
        answers.append(answer)
        return answer

    for question in (repo.list, lambda: repo.get("room 39")):
        repo.close()
        proxy.rewrite = whole_answer(record)
        question()
    long, short = answers
    fits = len(long) - len(short)
    for cut in range(fits - 12, fits + 13):
        proxy.rewrite = whole_answer(lambda answer, cut=cut: long[:cut] + answer)  # type: ignore[misc]

        assert repo.get("room 39") == PRICED[-1]


def test_a_late_notice_is_not_a_fault(migrated: Mapping[str, str], admin: Connection) -> None:
    insert_rooms(admin, PRICED)
    with closing(Proxy(int(migrated["POSTGRES_PORT"]))) as proxy:
        repo = PostgresRepo({**migrated, "POSTGRES_PORT": str(proxy.port), "POSTGRES_TIMEOUT_S": "0.1"})
        assert_all_right(repo, PRICED[:1])
        admin.run("SELECT pg_sleep(0.15)")

        proxy.say(notice("later"))

        assert_all_right(repo, PRICED[:1])
        assert proxy.connections == 1
        repo.close()


def _without_first(row: Row) -> Row:
    return row[1:]


def _without_last(row: Row) -> Row:
    return row[:-1]


def _with_one_more(row: Row) -> Row:
    return [*row, b"\0" * 8]


def _with_a_longer_column(row: Row) -> Row:
    return [row[0], (row[1] or b"") + bytes(8), *row[2:]]


def _with_another_list(row: Row) -> Row:
    return [b'["one", "two"]', *row[1:]]


def _with_text_for_a_list(row: Row) -> Row:
    return [b"one", *row[1:]]


def _empty(_row: Row) -> Row:
    return []


@pytest.mark.parametrize(
    "change",
    [
        _without_first,
        _without_last,
        _with_one_more,
        _with_a_longer_column,
        _with_another_list,
        _with_text_for_a_list,
        _empty,
    ],
)
def test_a_row_of_another_shape_gives_no_wrong_room(
    repo: PostgresRepo, proxy: Proxy, change: Callable[[Row], Row]
) -> None:
    assert_all_right(repo, PRICED[:1])
    before = proxy.connections

    proxy.rewrite = whole_answer(with_row(change))
    assert repo.get(str(PRICED[1].code)) == PRICED[1]  # unseen on a kept connection

    assert proxy.connections == before + 1
    repo.close()
    proxy.rewrite = whole_answer(with_row(change))
    with pytest.raises(UnavailableError):
        repo.get(str(PRICED[2].code))
    assert_all_right(repo, PRICED[:3])


@pytest.mark.parametrize(("size", "is_bounded"), [(0x1FFFFFF0, True), (0x1FFFFFF0, False), (65 * 2**20, True)])
def test_a_length_takes_no_memory_before_its_bytes_arrive(
    repo: PostgresRepo, proxy: Proxy, size: int, *, is_bounded: bool
) -> None:
    assert_all_right(repo, PRICED[:1])
    proxy.rewrite = whole_answer(announcing(size))
    tracemalloc.start()
    try:
        if is_bounded:
            assert list(repo.search(RoomSearch()).rooms) == PRICED  # on another connection
        else:
            with pytest.raises(TimedOutError):
                repo.list()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 4 * 2**20
    assert_all_right(repo, PRICED[:2])


@pytest.mark.parametrize(
    "said",
    [
        notice("as RAISE NOTICE has it"),
        parameter_status("TimeZone", "Europe/Berlin"),
        notice("one") + parameter_status("TimeZone", "UTC") + notice("two" * 30_000),
        notice("cut off")[:3],
    ],
)
def test_a_notice_between_requests_is_unseen(repo: PostgresRepo, proxy: Proxy, said: bytes) -> None:
    assert_all_right(repo, PRICED[:1])
    rest = notice("cut off")[3:] if len(said) == 3 else b""

    proxy.say(said)
    if rest:
        proxy.rewrite = lambda answer: rest + answer
    assert_all_right(repo, PRICED[:3])

    assert proxy.connections == 1


def test_a_connection_that_sent_nonsense_is_not_used_again(repo: PostgresRepo, proxy: Proxy) -> None:
    assert_all_right(repo, PRICED[:1])

    proxy.say(b"N\0\0\0\3")

    assert_all_right(repo, PRICED[:1])
    assert proxy.connections == 2


def test_a_reloaded_setting_is_unseen(ask: Client, proxy: Proxy, admin: Connection) -> None:
    assert ask() == (200, None)
    admin.run("ALTER SYSTEM SET timezone = 'Asia/Tokyo'")
    admin.run("SELECT pg_reload_conf()")
    try:
        for _ in range(5):
            assert ask() == (200, None)
    finally:
        admin.run("ALTER SYSTEM RESET timezone")
        admin.run("SELECT pg_reload_conf()")

    assert proxy.connections == 1


def test_a_connection_that_brought_corrupt_data_is_not_used_again(
    repo: PostgresRepo, proxy: Proxy, admin: Connection
) -> None:
    assert_all_right(repo, PRICED[:1])
    admin.run("UPDATE room SET latitude = 'NaN' WHERE price = 11")

    with pytest.raises(CorruptDataError):
        repo.get("room 11")

    assert proxy.connections == 2
    assert_all_right(repo, PRICED[2:4])
    assert proxy.connections == 3
