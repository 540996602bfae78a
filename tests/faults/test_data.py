"""Faults in what is stored and in what is asked."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devtools.database import insert_rooms
from rentomatic.domain.errors import CorruptDataError
from rentomatic.domain.room_filters import FILTER_KEYS
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from rentomatic.repository.postgresrepo import PostgresRepo
from tests.contracts.room_repository import a_room
from tests.support.events import an_event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection
    from tests.faults.conftest import Client
    from tests.support.injectors import Proxy
    from tests.support.invocation import Invoke


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_a_coordinate_that_is_not_a_number_is_a_500(ask: Client, admin: Connection, value: str) -> None:
    admin.run("UPDATE room SET latitude = CAST(:value AS float) WHERE price = 39", value=value)

    status, error = ask()

    assert (status, error["exception_name"], error["phase"]) == (500, "CorruptDataError", "read")
    admin.run("UPDATE room SET latitude = 53.55")
    assert ask() == (200, None)


def test_an_unknown_price_is_null_and_any_code_is_served(invoke: Invoke, admin: Connection) -> None:
    code = "'\"\\\t\x7f\u2028\U0001f6cf"
    admin.run("UPDATE room SET price = NULL, code = :code WHERE price = 39", code=code)

    answer = invoke(an_event(filter_code__eq=code))

    (room,) = json.loads(answer["body"])
    assert (answer["statusCode"], room["code"], room["price"]) == (200, code, None)


@pytest.mark.parametrize(("encoding", "stored", "code"), [("LATIN1", "e9", "\xe9"), ("SQL_ASCII", "c3a9", "\xe9")])
def test_a_database_in_another_encoding_is_converted(
    server: Mapping[str, str], admin: Connection, encoding: str, stored: str, code: str
) -> None:
    """SQL_ASCII is not an encoding: bytes come back as they were stored, and may be no text."""
    admin.run(f"CREATE DATABASE other ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    configuration = {**server, "APPLICATION_DB": "other"}
    repo = PostgresRepo(configuration)
    with connect(read_postgres_settings(configuration)) as other:
        columns = "size integer, price integer, longitude float, latitude float"
        other.run(f"CREATE TABLE room (id serial, code varchar(36), {columns})")
        insert = "INSERT INTO room (code) VALUES (convert_from(:bytes, :encoding))"
        other.run(insert, bytes=bytes.fromhex(stored), encoding=encoding)

        assert [room.code for room in repo.list()] == [code]
        assert [room.code for room in repo.list({"code__eq": code})] == [code]

        if encoding == "SQL_ASCII":
            other.run(insert, bytes=b"\xe9", encoding=encoding)
            with pytest.raises(CorruptDataError):
                repo.list()
            other.run("DELETE FROM room WHERE code <> :code", code=code)
            assert [room.code for room in repo.list()] == [code]
    repo.close()
    admin.run("DROP DATABASE other WITH (FORCE)")


HOSTILE = [
    *("\ud800", "a\udfffb", "\0", "\u0663\u0669", "\uff13", "1_000", "1e3", "NaN", "Infinity", "-0x1", " 1", "1\n"),
    *(str(10**30), "9" * 10_000, "", "+", "--1", "1;SELECT 1", "' OR 1=1 --"),
]


@pytest.mark.parametrize("key", [key for key in FILTER_KEYS if key.startswith("price")])
@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_input_opens_no_connection(invoke: Invoke, proxy: Proxy, key: str, value: str) -> None:
    answer = invoke(an_event(**{f"filter_{key}": value}))

    assert (answer["statusCode"], proxy.connections) == (400, 0)
    assert json.loads(answer["body"])["type"] == "ParametersError"


@given(
    st.dictionaries(
        st.text(st.characters(codec=None, exclude_categories=[])).map("filter_{}".format),
        st.lists(st.text(st.characters(codec=None, exclude_categories=[])), min_size=1, max_size=3),
        min_size=1,
    )
)
def test_any_unknown_filter_is_a_400(invoke: Invoke, proxy: Proxy, parameters: dict[str, Any]) -> None:
    answer = invoke(an_event(**parameters))

    assert (answer["statusCode"], proxy.connections) == (400, 0)
    json.dumps(answer).encode()


@pytest.mark.parametrize("code", ["f853578c-{}", '"""""""""""""""""""""""""""""""{}'], ids=["many", "escaped"])
def test_rooms_beyond_a_responses_limit_are_behind_its_link(
    invoke: Invoke, admin: Connection, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setenv("POSTGRES_TIMEOUT_S", "10")
    monkeypatch.setattr("rentomatic.http.lambda_events.RESPONSE_MAX", 700_000)
    rooms = [a_room(code=code.format(number), price=number) for number in range(12_000)]
    admin.run("TRUNCATE room")
    insert_rooms(admin, rooms)

    parameters, codes, sizes = {"limit": "10000"}, [], []
    while True:
        answer = invoke(an_event(**parameters))
        assert len(json.dumps(answer["body"])) <= 700_000
        codes += [room["code"] for room in json.loads(answer["body"])]
        sizes.append(len(codes))
        link = answer["multiValueHeaders"].get("Link")
        if not link:
            break
        (cursor,) = re.findall("cursor=([^&>]+)", link[0])
        parameters["cursor"] = cursor

    assert codes == [room.code for room in rooms]
    assert sizes[0] < 10_000


def test_a_room_too_large_for_a_response_is_a_clean_error(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rentomatic.http.lambda_events.RESPONSE_MAX", 100)

    assert invoke(an_event())["statusCode"] == 500
    assert '"exception_name":"OverflowError"' in capsys.readouterr().out
