from __future__ import annotations

import gzip
import importlib
import json
import logging
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, unquote_plus

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from devtools.runner import LocalLambdaContext
from rentomatic.domain.errors import RepositoryError
from rentomatic.repository.postgresrepo import PostgresRepo
from tests.contracts.room_repository import a_room
from tests.support.canaries import assert_no_canary
from tests.support.events import an_event
from tests.support.paths import ROOT
from tests.support.room_files import xlsx_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

    from mypy_boto3_s3 import S3Client
    from openpyxl import Workbook
    from pg8000.native import Connection

    Land = Callable[..., dict[str, Any]]

KEY = unquote_plus(an_event("file_landed")["Records"][0]["s3"]["object"]["key"])
BUCKET = an_event("file_landed")["Records"][0]["s3"]["bucket"]["name"]
HEADER = b"code,size,price,latitude,longitude\n"
ROOM = HEADER + b"a,20,40,53.55,9.99\n"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Client]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    server.stop()


@pytest.fixture
def bucket(s3: S3Client) -> Iterator[str]:
    s3.create_bucket(Bucket=BUCKET)
    yield BUCKET
    for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=each["Key"])
    s3.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, server: Mapping[str, str], admin: Connection, s3: S3Client) -> ModuleType:
    """The function's module, in an environment that names the tests' database and S3."""
    assert admin
    for variable, value in server.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.meta.endpoint_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    sys.modules.pop("functions.import_rooms.app", None)
    logging.Logger.manager.loggerDict.pop("import_rooms", None)  # it writes to an earlier test's captured output
    return importlib.import_module("functions.import_rooms.app")


@pytest.fixture
def land(app: ModuleType, s3: S3Client, bucket: str, capsys: pytest.CaptureFixture[str]) -> Land:
    """Put files, by their keys, and hand the function the event that S3 sends."""

    def land(files: Mapping[str, bytes], timeout_s: float = 900) -> dict[str, Any]:
        event = an_event("file_landed")
        (record,) = event["Records"]
        event["Records"] = []
        for key, content in files.items():
            s3.put_object(Bucket=bucket, Key=key, Body=content)
            s3_part = {**record["s3"], "object": {**record["s3"]["object"], "key": quote_plus(key, safe="/")}}
            event["Records"].append({**record, "s3": s3_part})
        try:
            answer = app.handler(event, LocalLambdaContext("ImportFunction", 512, timeout_s))
        finally:
            output = capsys.readouterr()
            assert_no_canary(output.out + output.err)
            sys.stdout.write(output.out)  # for the test to read
        serialized: dict[str, Any] = json.loads(json.dumps(answer))  # as Lambda does it
        return serialized

    return land


def report_of(s3: S3Client, key: str) -> list[Any]:
    body = s3.get_object(Bucket=BUCKET, Key=f"reports/{key}.report.jsonl")["Body"].read()
    return [json.loads(line) for line in body.splitlines()]


def outcome(read: int = 1, added: int = 1, unchanged: int = 0, reasons: Sequence[Any] = ()) -> dict[str, Any]:
    counts = {"read": read, "added": added, "changed": 0, "unchanged": unchanged, "refused": len(reasons)}
    apart = {"blank": 0, "code_only": 0, "removed": 0, "unidentified": 0}
    columns = {"missing_columns": [], "columns": [], "more_columns": 0}
    return {**counts, **columns, "reasons": list(reasons), **apart, "notes": [], "warnings": []}


def test_a_file_that_lands_is_imported_and_reported_of(
    land: Land, s3: S3Client, server: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    answer = land({KEY: ROOM + b"b,20,-1,,\n"})

    refusal = {"line": 3, "column": "price", "value": "-1", "reason": "Must not be negative"}
    reason = {
        "column": "price",
        "reason": "Must not be negative",
        "count": 1,
        "unit": "line",
        "number": 3,
        "value": "-1",
    }
    expected = outcome(read=2, reasons=[reason])
    assert answer == {"imports": [{"key": KEY, **expected}]}
    assert PostgresRepo(server).list() == [a_room(code="a")]
    assert report_of(s3, KEY) == [refusal, expected]
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["message"], line["level"], line["added"]) == ("File imported", "INFO", 1)


def test_the_same_file_again_changes_nothing(land: Land) -> None:
    land({KEY: ROOM})

    assert land({KEY: ROOM})["imports"] == [{"key": KEY, **outcome(added=0, unchanged=1)}]


def test_several_files_are_imported_and_those_elsewhere_are_not(land: Land) -> None:
    compressed = gzip.compress(b'{"code": "b"}\n')
    answer = land({KEY: ROOM, "incoming/b.jsonl.gz": compressed, "elsewhere/c.csv": ROOM, "incoming/": b""})

    assert [each["key"] for each in answer["imports"]] == [KEY, "incoming/b.jsonl.gz"]
    assert [each["added"] for each in answer["imports"]] == [1, 1]


def test_the_environment_says_how_columns_become_rooms(
    land: Land, server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPORT_MAP", "price=rent,size=space")
    monkeypatch.setenv("IMPORT_ROUND", "true")
    monkeypatch.setenv("IMPORT_CODE_FROM", "street")

    land({KEY: b"street,rent,space\nA,40.5,20\n"})
    land({KEY: b"street,rent,space\nA,41.2,20\n"})

    (room,) = PostgresRepo(server).list()
    assert (room.price, room.size) == (41, 20)


def test_settings_beside_a_file_win_over_the_environment(
    land: Land, s3: S3Client, server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPORT_MAP", "price=rent")
    monkeypatch.setenv("IMPORT_ROUND", "true")
    settings = 'numbers = "1.200,50"\nformat = "csv"\n[map]\nprice = "Miete, täglich"\n'.encode()
    file = 'code;"Miete, täglich"\na;1.234,56\n'.encode()

    s3.put_object(Bucket=BUCKET, Key=f"{KEY}.settings.toml", Body=settings)
    answer = land({KEY: file, f"{KEY}.settings.toml": settings})

    assert [each["key"] for each in answer["imports"]] == [KEY]
    assert [room.price for room in PostgresRepo(server).list()] == [1235]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (b"price_per = 'month'", "price_per is not an option: do you mean price-per?"),
        (b"format = 'exe'", "format must be one of csv, "),
        (b"map = 1.5", "map must be text, a number, true or false, a list of texts, or a table of texts"),
        (b"map", "must be TOML: "),
        (b"\xff", "must be UTF-8"),
        (b"#" * 65_537, "must have at most 65,536 bytes"),
    ],
)
def test_wrong_settings_beside_a_file_are_in_its_report(land: Land, s3: S3Client, settings: bytes, said: str) -> None:
    (answer,) = land({f"{KEY}.settings.toml": settings, KEY: ROOM})["imports"]

    assert answer["error"].startswith(f"{KEY}.settings.toml: {said}")
    assert report_of(s3, KEY) == [{"error": answer["error"]}]


def test_a_sheet_that_lands_is_read_as_the_settings_say(
    land: Land, server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(book: Workbook) -> None:
        book.create_sheet("Rooms")
        for row in (["Our rooms"], ["code", "price"], ["a", 40]):
            book["Rooms"].append(row)

    monkeypatch.setenv("IMPORT_SHEET", "Rooms")
    (answer,) = land({"incoming/rooms": xlsx_of([["no rooms"]], add)})["imports"]

    assert answer["added"] == 1
    assert "Passed over row 1 above the header: Our rooms" in answer["notes"]
    assert PostgresRepo(server).list() == [a_room(code="a", price=40, size=None, latitude=None, longitude=None)]


@pytest.mark.parametrize("is_told", [True, False])
def test_polygons_that_land_are_places_if_a_setting_says_so(
    land: Land, server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, *, is_told: bool
) -> None:
    monkeypatch.setenv("IMPORT_CENTROID", str(is_told).lower())

    (answer,) = land({"incoming/rooms": (ROOT / "tests/cases/import/polygon.geojson").read_bytes()})["imports"]

    assert answer.get("added", 0) == is_told
    assert len(PostgresRepo(server).list()) == is_told


def test_an_encoding_is_that_of_a_setting(
    land: Land, server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPORT_ENCODING", "cp1252")

    land({"incoming/rooms": ROOM.replace(b"a,", b"\xfc,")})

    assert PostgresRepo(server).list() == [a_room(code="ü")]


@pytest.mark.parametrize(
    ("key", "content", "said"),
    [
        ("incoming/rooms.csv", b"code\n\xff\n", "Line 2 is not UTF-8 (byte 0xff). If it should read"),
        ("incoming/rooms.csv.gz", gzip.compress(ROOM, mtime=0)[:-4], "The compressed data is cut off or damaged"),
        ("incoming/rooms.geojson", b"{", "The file is not valid JSON after item 0: Expecting value"),
    ],
)
def test_an_unusable_file_is_reported_and_not_retried(
    land: Land, s3: S3Client, key: str, content: bytes, said: str
) -> None:
    (answer,) = land({key: content})["imports"]

    assert answer["error"].startswith(said)
    assert report_of(s3, key) == [{"error": answer["error"]}]


def test_a_file_that_is_gone_is_done_with(app: ModuleType, s3: S3Client, bucket: str) -> None:
    assert bucket
    answer = app.handler(an_event("file_landed"), LocalLambdaContext("ImportFunction", 512, 900))

    assert answer == {"imports": [{"key": KEY, "error": "The file no longer exists"}]}
    assert report_of(s3, KEY) == [{"error": "The file no longer exists"}]


def test_wrong_settings_are_in_the_report(land: Land, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPORT_MAP", "prize=rent")

    (answer,) = land({KEY: ROOM})["imports"]

    assert answer["error"].startswith("map: 'prize=rent' is not attribute=column")


def test_a_database_fault_fails_so_that_lambda_retries(
    land: Land, monkeypatch: pytest.MonkeyPatch, server: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("POSTGRES_HOSTNAME", "/nowhere")
        with pytest.raises(RepositoryError):
            land({KEY: ROOM})
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["level"], line["phase"], line["key"]) == ("ERROR", "connect", KEY)

    land({KEY: ROOM})
    assert PostgresRepo(server).list() == [a_room(code="a")]


def test_little_time_left_fails_the_invocation_before_lambda_ends_it(land: Land) -> None:
    with pytest.raises(RepositoryError):
        land({KEY: ROOM}, timeout_s=4)


@pytest.fixture
def client(app: ModuleType) -> S3Client:
    """The function's own."""
    client: S3Client = app._s3()  # noqa: SLF001 - S3 is to fail in the middle of an invocation
    return client


def failing_from(client: S3Client, number: int) -> None:
    """Let S3 refuse to put objects, from that time on that it is asked to."""
    calls = iter(range(1, 100))

    def refuse(**_: Any) -> None:
        if next(calls) >= number:
            raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")

    client.meta.events.register("before-call.s3.PutObject", refuse, unique_id="refuse")


def test_no_room_is_in_before_its_report_is_safe(land: Land, client: S3Client, server: Mapping[str, str]) -> None:
    failing_from(client, 1)

    with pytest.raises(ClientError, match="SlowDown"):
        land({KEY: ROOM + b"b,20,-1,,\n"})

    assert PostgresRepo(server).list() == []


def test_a_report_that_lacks_its_end_gets_it_when_lambda_tries_again(
    land: Land, client: S3Client, s3: S3Client, server: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    failing_from(client, 2)
    with pytest.raises(ClientError, match="SlowDown"):
        land({KEY: ROOM + b"b,20,-1,,\n"})
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["message"], line["added"]) == ("File imported", 1)
    assert PostgresRepo(server).list() == [a_room(code="a")]
    assert [each["line"] for each in report_of(s3, KEY)] == [3]

    client.meta.events.unregister("before-call.s3.PutObject", unique_id="refuse")
    (again,) = land({KEY: ROOM + b"b,20,-1,,\n"})["imports"]

    assert (again["added"], again["unchanged"], again["refused"]) == (0, 1, 1)
    assert report_of(s3, KEY)[1]["unchanged"] == 1


def test_very_many_refusals_are_counted_at_the_end_of_the_report(land: Land, s3: S3Client) -> None:
    (answer,) = land({"incoming/a.csv.gz": gzip.compress(b"code,price,street\n" + b",x,A\n" * 10_001)})["imports"]

    *refusals, counts, summary = report_of(s3, "incoming/a.csv.gz")
    assert [refusal["line"] for refusal in refusals] == list(range(2, 10_002))
    assert (counts["column"], counts["count"]) == ("price", 10_001)
    assert summary["reasons"] == [{**counts, "unit": "line", "number": 2, "value": "x"}]
    assert summary["error"] == "No row was accepted"
    assert {"key": "incoming/a.csv.gz", **summary} == answer


def test_the_report_of_a_file_with_a_long_key_has_a_shorter_one(land: Land, s3: S3Client, app: ModuleType) -> None:
    keys = [f"incoming/{'ü' * 500}{end}.csv" for end in ("a", "b")]

    land(dict.fromkeys(keys, ROOM))

    reports = [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET, Prefix="reports/")["Contents"]]
    assert sorted(reports) == sorted(map(app.report_key, keys))
    assert all(each.startswith(f"reports/incoming/{'ü' * 400}") for each in reports)
    assert all(1_020 <= len(each.encode()) <= 1_024 for each in reports)


@pytest.mark.parametrize("length", [1_003, 1_004])
def test_a_key_that_leaves_room_for_the_report_s_is_not_cut(app: ModuleType, length: int) -> None:
    key = "x" * length

    assert (app.report_key(key) == f"reports/{key}.report.jsonl") == (length == 1_003)
    assert len(app.report_key(key)) == 1_024


def test_names_that_a_terminal_obeys_are_escaped_in_the_log(land: Land, capsys: pytest.CaptureFixture[str]) -> None:
    (answer,) = land({"incoming/\x9b31m.ndjson": b'{"code": "a", "\\ud800\x7f\xc2\x9b": 1}'})["imports"]

    assert answer["columns"] == ["code", "\\ud800\\x7f\\x9b"]
    (line,) = capsys.readouterr().out.splitlines()
    assert line.isascii()
    assert line.isprintable()


def test_the_test_event_of_s3_is_not_a_file(app: ModuleType) -> None:
    event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}

    assert app.handler(event, LocalLambdaContext("ImportFunction", 512, 900)) == {"imports": []}
