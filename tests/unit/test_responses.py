from __future__ import annotations

import json

import pytest

from rentomatic.domain.errors import CorruptDataError, RepositoryError, SettingsError, TimedOutError, UnavailableError
from rentomatic.http.problems import METHOD_NOT_ALLOWED, NOT_ACCEPTABLE, PRECONDITION_FAILED, STATUS_CODES, problem
from rentomatic.requests.room_list import RoomListInvalidRequest
from rentomatic.responses import (
    ResponseFailure,
    ResponseSuccess,
    ResponseTypes,
    build_response_from_error,
    build_response_from_invalid_request,
)

FAILURES = [ResponseTypes.PARAMETERS_ERROR, ResponseTypes.RESOURCE_ERROR, ResponseTypes.SYSTEM_ERROR]


def test_the_types_have_the_names_of_the_book() -> None:
    assert [*FAILURES, ResponseTypes.SUCCESS] == ["ParametersError", "ResourceError", "SystemError", "Success"]


@pytest.mark.parametrize("value", [None, [], {"key": ["value"]}])
def test_a_success_is_true_whatever_its_value(value: object) -> None:
    response = ResponseSuccess(value)

    assert response
    assert (response.type, response.value) == ("Success", value)


def test_a_success_needs_no_value() -> None:
    assert ResponseSuccess().value is None


@pytest.mark.parametrize("type_", FAILURES)
def test_a_failure_is_false_and_says_why(type_: str) -> None:
    response = ResponseFailure(type_, "Just an error message")

    assert not response
    assert (response.type, response.message) == (type_, "Just an error message")
    assert response.value == {"type": type_, "message": "Just an error message"}


def test_a_failure_made_from_an_exception_says_its_class_and_text() -> None:
    error = ValueError("Just an error message")

    response = ResponseFailure(ResponseTypes.SYSTEM_ERROR, error)

    assert response.value == {"type": "SystemError", "message": "ValueError: Just an error message"}
    assert response.exception is error


def test_an_invalid_request_has_one_error_a_line() -> None:
    request = RoomListInvalidRequest()
    request.add_error("path", "Is mandatory")
    request.add_error("path", "can't be blank")

    response = build_response_from_invalid_request(request)

    assert not response
    assert response.value == {"type": "ParametersError", "message": "path: Is mandatory\npath: can't be blank"}


@pytest.mark.parametrize(
    ("error", "type_"),
    [
        (RepositoryError("reason"), "SystemError"),
        (UnavailableError("reason"), "UnavailableError"),
        (TimedOutError("reason"), "TimeoutError"),
        (SettingsError(["reason"]), "SystemError"),
        (CorruptDataError("reason"), "SystemError"),
        (ZeroDivisionError("reason"), "SystemError"),
    ],
)
def test_every_error_has_a_type_that_says_whether_to_retry(error: Exception, type_: str) -> None:
    response = build_response_from_error(error)

    assert (response.type, response.exception) == (type_, error)


def test_no_error_of_a_repository_is_missed_above() -> None:
    assert set(RepositoryError.__subclasses__()) == {UnavailableError, TimedOutError, SettingsError, CorruptDataError}


def test_every_type_of_response_has_a_status() -> None:
    types = {value for name, value in vars(ResponseTypes).items() if name.isupper()}

    assert set(STATUS_CODES) == types | {METHOD_NOT_ALLOWED, NOT_ACCEPTABLE, PRECONDITION_FAILED}


def test_a_failure_is_encoded_with_the_request_s_id() -> None:
    failure = ResponseFailure(ResponseTypes.PARAMETERS_ERROR, "price__lt: Must be an integer")

    assert json.loads(problem(failure, "id-1").body) == {
        "type": "ParametersError",
        "title": "Invalid query parameters",
        "status": 400,
        "detail": "price__lt: Must be an integer",
        "message": "price__lt: Must be an integer",
        "request_id": "id-1",
    }


def test_a_system_error_is_encoded_without_what_it_says() -> None:
    failure = ResponseFailure(ResponseTypes.SYSTEM_ERROR, RuntimeError("db.internal refused SELECT"))

    body = json.loads(problem(failure, "id-1").body)

    assert body["type"] == "SystemError"
    assert body["request_id"] == "id-1"
    assert not {"RuntimeError", "db.internal", "SELECT"} & set(body["message"].split())
