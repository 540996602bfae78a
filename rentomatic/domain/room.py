"""The room, the one entity of this application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID


@dataclass
class Room:
    """A room for rent.

    Attributes:
        code: A UUID; always text in rooms that a repository returns.
        size: Square metres.
        price: Euros a day.
        longitude: Degrees east, from -180 to 180.
        latitude: Degrees north, from -90 to 90.
    """

    code: UUID | str
    size: int
    price: int
    longitude: float
    latitude: float

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Room:
        """Make a room from a mapping that has exactly its attributes as keys.

        Raises:
            TypeError: a key is missing or is not an attribute.
        """
        return cls(**fields)

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes by name, values unchanged."""
        return dict(vars(self))
