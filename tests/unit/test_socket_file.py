"""What pg8000 reads by, whatever pieces the network makes of a stream."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.postgres.wire.deadline_socket import SocketFile


class Pieces:
    """A socket that receives these, one at a time, and then the end."""

    allowance = math.inf

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

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


@pytest.mark.parametrize("sent", [b"D\xff\xff\xff\xff more", b"HTTP/1.1 400 Bad Request\r\n", b"220 mail.example"])
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
