"""What pg8000 reads by, whatever pieces the network makes of a stream."""

from __future__ import annotations

import math
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.postgres.wire.deadline_socket import DeadlineSocket, SocketFile, connect_unix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Pieces:
    """A socket that receives these, one at a time, and then the end."""

    allowance = math.inf

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def has_arrived(self) -> bool:
        return bool(self._pieces)

    def recv_into(self, buffer: memoryview) -> int:
        if not self._pieces:
            return 0
        piece = self._pieces[0][: len(buffer)]
        self._pieces[0] = self._pieces[0][len(piece) :]
        if not self._pieces[0]:
            del self._pieces[0]
        buffer[: len(piece)] = piece
        return len(piece)


PIECES = st.lists(st.integers(1, 100_000).map(lambda size: bytes(range(256)) * (size // 256) + bytes(size % 256)))
SIZES = st.lists(st.one_of(st.integers(0, 100), st.integers(60_000, 200_000)))


@given(PIECES, SIZES)
def test_what_is_read_is_what_was_sent_in_its_order(pieces: list[bytes], sizes: list[int]) -> None:
    sent = b"".join(pieces)
    file = SocketFile(Pieces(list(pieces)))  # type: ignore[arg-type]

    for size in sizes:
        if size > len(sent):
            with pytest.raises(ConnectionError):
                file.read(size)
            break
        assert file.read(size) == sent[:size]
        sent = sent[size:]


@pytest.mark.parametrize(
    "sent", [b"D\xff\xff\xff\xff more", b"D\0\0\0\3", b"HTTP/1.1 400 Bad Request\r\n", b"220 mail.example"]
)
def test_a_length_that_no_message_has_is_an_error_and_takes_no_memory(sent: bytes) -> None:
    file = SocketFile(Pieces([sent]))  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="not the length of a Postgres message"):
        file.read_message()


def test_headers_count_as_what_may_be_read() -> None:
    socket = Pieces([b"N\0\0\0\4" * 100])
    socket.allowance = 100
    file = SocketFile(socket)  # type: ignore[arg-type]

    for _ in range(20):
        file.read_message()
    with pytest.raises(ValueError, match="longer than any valid one"):
        file.read_message()


def test_a_message_is_read_with_what_is_around_it() -> None:
    file = SocketFile(Pieces([b"2....D\0\0\0\7rowC..Z.", b"next"]))  # type: ignore[arg-type]

    assert file.read_between(b"2....D", b"C..Z.") == b"row"
    assert file.read(4) == b"next"


@pytest.mark.parametrize(
    "sent",
    [
        b"N....D\0\0\0\7rowC..Z.",
        b"2....D\0\0\0\7rowC..Z.N",
        b"2....D\0\0\0\7rowC..Z!",
        b"2....D\0\0\0\6rowC..Z.",
        b"2....D\0\0\0\7ro",
        b"2....D",
        b"C..Z.",
        b"2",
    ],
)
def test_any_other_messages_are_left_to_be_read(sent: bytes) -> None:
    file = SocketFile(Pieces([sent]))  # type: ignore[arg-type]

    assert file.read_between(b"2....D", b"C..Z.") is None
    assert file.read(len(sent)) == sent


@pytest.mark.parametrize(("allowance", "body"), [(18, b"row"), (17, None)])
def test_what_is_around_a_message_counts_as_read(allowance: int, body: bytes | None) -> None:
    socket = Pieces([b"2....D\0\0\0\7rowC..Z."])
    socket.allowance = allowance
    file = SocketFile(socket)  # type: ignore[arg-type]

    assert file.read_between(b"2....D", b"C..Z.") == body
    assert socket.allowance == (0 if body else allowance)


@pytest.mark.parametrize(
    ("sent", "types"),
    [
        (b"", []),
        (b"S", [b"S"]),
        (b"N\0\0", [b"N"]),
        (b"N\0\0\0\4", [b"N"]),
        (b"N\0\0\0\4S\0\0\0\6ab", [b"N", b"S"]),
        (b"N\0\0\0\6abS\0\0\0\6a", [b"N", b"S"]),
    ],
)
def test_the_types_of_messages_are_seen_before_they_are_read(sent: bytes, types: list[bytes]) -> None:
    file = SocketFile(Pieces([sent] if sent else []))  # type: ignore[arg-type]

    assert file.unread_types() == types

    if sent:
        assert file.read(len(sent)) == sent


def test_what_cannot_be_a_message_is_no_type() -> None:
    file = SocketFile(Pieces([b"N\0\0\0\3"]))  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="not the length of a Postgres message"):
        file.unread_types()


def test_the_end_of_the_stream_is_no_type() -> None:
    ended = Pieces([])
    ended.has_arrived = lambda: True  # type: ignore[method-assign]

    with pytest.raises(ConnectionError):
        SocketFile(ended).unread_types()  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "is_allowed"), [(5, True), (6, False)])
def test_no_more_is_read_than_is_allowed(size: int, is_allowed: bool) -> None:  # noqa: FBT001 - a case
    socket = Pieces([b"123456"])
    socket.allowance = 5
    file = SocketFile(socket)  # type: ignore[arg-type]

    if is_allowed:
        assert file.read(size) == b"12345"
    else:
        with pytest.raises(ValueError, match="longer than any valid one"):
            file.read(size)


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[DeadlineSocket, socket.socket]]:
    """A socket as connections use it, and its peer."""
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        with connect_unix(str(tmp_path / "socket"), time.monotonic() + 10) as connected:
            connected.makefile()
            peer, _ = listener.accept()
            with peer:
                yield connected, peer


def test_more_than_the_system_buffers_is_sent_whole(ends: tuple[DeadlineSocket, socket.socket]) -> None:
    sender, receiver = ends
    data = bytes(range(256)) * 20_000

    with ThreadPoolExecutor() as pool:
        received = pool.submit(receiver.makefile("rb").read, len(data))
        sender.sendall(data)

    assert received.result() == data


@pytest.mark.parametrize(
    "work",
    [lambda end: end.sendall(bytes(5_000_000)), lambda end: end.recv_into(bytearray(1))],
    ids=["what nobody receives", "what never arrives"],
)
def test_a_call_that_makes_no_progress_ends_at_the_deadline(
    ends: tuple[DeadlineSocket, socket.socket], work: Callable[[DeadlineSocket], object]
) -> None:
    end, _ = ends
    end.deadline = time.monotonic() + 0.1

    with pytest.raises(TimeoutError):
        work(end)

    assert 0 <= time.monotonic() - end.deadline < 1


def test_nothing_is_sent_after_the_deadline(ends: tuple[DeadlineSocket, socket.socket]) -> None:
    sender, receiver = ends
    sender.deadline = time.monotonic() - 1

    with pytest.raises(TimeoutError):
        sender.sendall(b"late")

    sender.close()
    assert receiver.recv(1) == b""
