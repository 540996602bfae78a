"""What may become of a server's answer on its way, where nothing checks the bytes (see `Proxy` in injectors)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Row = list[bytes | None]
    Rewrite = Callable[[bytes], bytes | None]

# PostgreSQL manual, "Message Formats".
_OF_A_STATEMENT = (b"1", b"2", b"3", b"E")  # what the answer to one begins with
_READY = b"Z\0\0\0\5I"  # the last message of every answer outside a transaction


def whole_answer(change: Callable[[bytes], bytes]) -> Rewrite:
    """Change the answer to a statement, when all of it has arrived; nothing else that a server sends."""

    def rewrite(data: bytes) -> bytes | None:
        if data[:1] not in _OF_A_STATEMENT:
            return data
        return change(data) if data.endswith(_READY) else None

    return rewrite


def twice(answer: bytes) -> bytes:
    return answer + answer


def with_repeated_stretch(begin: float, length: float) -> Callable[[bytes], bytes]:
    """Repeat a part of an answer; where it begins and how long it is are parts of the whole, from 0 to 1."""

    def change(answer: bytes) -> bytes:
        first, last = _stretch(answer, begin, length)
        return answer[:last] + answer[first:]

    return change


def without_stretch(begin: float, length: float) -> Callable[[bytes], bytes]:
    """Leave out a part of an answer, given as for `with_repeated_stretch`."""

    def change(answer: bytes) -> bytes:
        first, last = _stretch(answer, begin, length)
        return answer[:first] + answer[last:]

    return change


def _stretch(answer: bytes, begin: float, length: float) -> tuple[int, int]:
    first = int(begin * (len(answer) - 1))
    return first, min(len(answer), first + 1 + int(length * (len(answer) - first)))


def with_row(change: Callable[[Row], Row]) -> Callable[[bytes], bytes]:
    """Change the row of an answer into another one that is well-formed."""

    def rewrite(answer: bytes) -> bytes:
        return b"".join(
            _message(b"D", _encode_row(change(_decode_row(body)))) if code == b"D" else _message(code, body)
            for code, body in _messages(answer)
        )

    return rewrite


def announcing(size: int) -> Callable[[bytes], bytes]:
    """Let the row of an answer announce so many bytes, and send those that there are."""

    def rewrite(answer: bytes) -> bytes:
        return b"".join(
            code + struct.pack("!i", size if code == b"D" else len(body) + 4) + body for code, body in _messages(answer)
        )

    return rewrite


def _messages(answer: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(answer):
        code, length = struct.unpack_from("!ci", answer, at)
        yield code, answer[at + 5 : at + 1 + length]
        at += 1 + length


def _message(code: bytes, body: bytes) -> bytes:
    return code + struct.pack("!i", len(body) + 4) + body


def notice(text: str) -> bytes:
    """Return a NoticeResponse."""
    return _message(b"N", f"SNOTICE\0VNOTICE\0C00000\0M{text}\0\0".encode())


def parameter_status(name: str, value: str) -> bytes:
    """Return a ParameterStatus."""
    return _message(b"S", f"{name}\0{value}\0".encode())


def _decode_row(body: bytes) -> Row:
    (number,) = struct.unpack_from("!h", body)
    row: Row = []
    at = 2
    for _ in range(number):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        row.append(None if length < 0 else body[at : at + length])
        at += max(length, 0)
    return row


def _encode_row(row: Row) -> bytes:
    columns = (struct.pack("!i", -1) if column is None else struct.pack("!i", len(column)) + column for column in row)
    return struct.pack("!h", len(row)) + b"".join(columns)
