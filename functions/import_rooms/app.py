"""Imports each file of an S3 event and writes a report to the same bucket.

Importing this module opens no connection and does not read the environment.
"""

from __future__ import annotations

import io
import json
import os
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import cache, partial
from hashlib import sha256
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import unquote_plus

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes import S3Event

from rentomatic.domain.errors import RepositoryError
from rentomatic.postgres.room_writer import PostgresRoomWriter
from rentomatic.repository.seen_codes import SqliteSeenCodes
from rentomatic.requests.column_names import header_names
from rentomatic.requests.import_settings import SIZE_MAX, SettingsError, read_settings
from rentomatic.requests.import_settings import SUFFIX as SETTINGS_SUFFIX
from rentomatic.requests.room_import import RoomImportRequest, build_room_import_request
from rentomatic.responses import ResponseFailure
from rentomatic.serializers.files.formats import READABLE
from rentomatic.serializers.files.import_report import SUFFIX, report_line, serialize_count, serialize_row_error
from rentomatic.serializers.files.row_source import FileOptions, RowSource
from rentomatic.use_cases.room_import import room_import_use_case

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_s3 import S3Client

    from rentomatic.domain.room_import import RowError, RowErrorCount

_OPTIONS = ("map", "code-from", "numbers", "null", "price-per", "round", "format", "encoding", "sheet", "centroid")
_INCOMING = "incoming/"
_REPORTS = "reports/"
_KEY_MAX = 1_024  # bytes of UTF-8 (S3 User Guide, "Naming Amazon S3 objects")
_BUFFER = 65_536  # bytes
_MARGIN_S = 5  # reserved for closing before Lambda's timeout


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Import each new file under `incoming/` and return the outcomes.

    An unusable file is not an error of the function: its report has the reason.

    Raises:
        Exception: the database or S3 failed. Lambda then retries; importing a file again changes nothing.
    """
    return _logger().inject_lambda_context(_import_all, clear_state=True)(event, context)


def _import_all(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    records = S3Event(event).records if "Records" in event else ()  # S3 sends a test event at first
    files = [(record.s3.bucket.name, unquote_plus(record.s3.get_object.key)) for record in records]
    return {"imports": [_import(*file, context) for file in files if _is_file(file[1])]}


def _is_file(key: str) -> bool:
    return key.startswith(_INCOMING) and not key.endswith(("/", SETTINGS_SUFFIX))


def _import(bucket: str, key: str, context: LambdaContext) -> dict[str, Any]:
    with TemporaryFile() as file:
        report = _Report(bucket, key, file)
        outcome = _outcome(bucket, key, report, context)
        if "error" in outcome:
            _logger().error("File not imported", extra={"key": key, **outcome})
        else:
            _logger().info("File imported", extra={"key": key, **outcome})
        report.end(outcome)
    return {"key": key, **outcome}


class _Report:
    """The report on a file, in the same bucket."""

    def __init__(self, bucket: str, key: str, file: BinaryIO) -> None:
        self._bucket = bucket
        self._key = report_key(key)
        self._file = file

    def add(self, error: RowError) -> None:
        self._file.write(serialize_row_error(error).encode())

    def finish(self, counts: Sequence[RowErrorCount]) -> None:
        self._file.writelines(serialize_count(count).encode() for count in counts)
        if self._file.tell():  # not empty
            self._put()

    def end(self, outcome: dict[str, Any]) -> None:
        """Add the outcome.

        If S3 fails here, the rooms are already imported. Lambda's retry changes no room and completes the report.
        """
        self._file.write(report_line(outcome).encode())
        self._put()

    def _put(self) -> None:
        self._file.seek(0)
        _s3().put_object(Bucket=self._bucket, Key=self._key, Body=self._file, ContentType="application/x-ndjson")
        self._file.seek(0, io.SEEK_END)


def report_key(key: str) -> str:
    """Return the key of a file's report; for a long key, its beginning and the SHA-256 of all of it."""
    full = f"{_REPORTS}{key}{SUFFIX}"
    if len(full.encode()) <= _KEY_MAX:
        return full
    end = f"~{sha256(key.encode()).hexdigest()}{SUFFIX}"
    return full.encode()[: _KEY_MAX - len(end)].decode(errors="ignore") + end


def _outcome(bucket: str, key: str, report: _Report, context: LambdaContext) -> dict[str, Any]:
    """Return the summary, or an error if the file is unusable; report errors in rows."""
    try:
        settings = _settings(bucket, key)
    except SettingsError as error:
        return {"error": f"{key}{SETTINGS_SUFFIX}: {error}"}
    request = build_room_import_request(
        settings["map"],
        settings["code-from"],
        numbers=settings["numbers"],
        null=settings["null"],
        price_per=settings["price-per"],
        price_unit=os.environ.get("PRICE_UNIT", ""),
        is_rounded=settings["round"].lower() == "true",
    )
    used = (*request.mapped.values(), *request.code_from) if isinstance(request, RoomImportRequest) else ()
    options = FileOptions(
        settings["format"] or None,
        encoding=settings["encoding"],
        sheet=settings["sheet"],
        has_centroids=settings["centroid"].lower() == "true",
        known_names=header_names(used),
    )
    writer = PostgresRoomWriter(os.environ, lambda: context.get_remaining_time_in_millis() / 1000 - _MARGIN_S)
    try:
        with _opened(bucket, key, options) as rows, SqliteSeenCodes() as codes:
            response = room_import_use_case(writer, codes, request, rows, report)
    except _s3().exceptions.NoSuchKey:
        return {"error": "The file no longer exists"}
    if not isinstance(response, ResponseFailure):
        failure = {"error": response.value.failure} if response.value.failure else {}
        return {**asdict(response.value), **failure}
    if response.exception is None:
        return {"error": response.message}
    _log(key, response)
    raise response.exception


def _settings(bucket: str, key: str) -> dict[str, str]:
    """Return the options by name: those of the object beside the file, or else of the environment."""
    settings = {name: os.environ.get(f"IMPORT_{name.upper().replace('-', '_')}", "") for name in _OPTIONS}
    try:
        body = _s3().get_object(Bucket=bucket, Key=key + SETTINGS_SUFFIX)["Body"]
    except _s3().exceptions.NoSuchKey:
        return settings
    with closing(body):
        beside = read_settings(body.read(SIZE_MAX + 1), _OPTIONS)
    if beside.get("format", READABLE[0]) not in READABLE:
        raise SettingsError(f"format must be one of {', '.join(READABLE)}")
    return settings | {name: str(value) for name, value in beside.items()}


@contextmanager
def _opened(bucket: str, key: str, options: FileOptions) -> Iterator[RowSource]:
    body = _s3().get_object(Bucket=bucket, Key=key)["Body"]
    with closing(body), RowSource(io.BufferedReader(cast("io.RawIOBase", body), _BUFFER), options) as rows:
        yield rows


def _log(key: str, response: ResponseFailure) -> None:
    error = response.exception
    facts: dict[str, Any] = {"key": key}
    if isinstance(error, RepositoryError):
        facts |= {"phase": error.phase, "sqlstate": error.sqlstate}
    _logger().error(response.message, exc_info=error, extra=facts)


@cache
def _logger() -> Logger:
    # ASCII, since names in files may contain surrogates and terminal control characters.
    serializer = partial(json.dumps, default=str, separators=(",", ":"))
    return Logger(service="import_rooms", serialize_stacktrace=False, json_serializer=serializer)


@cache
def _s3() -> S3Client:
    return boto3.client("s3")
