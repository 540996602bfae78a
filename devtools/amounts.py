"""How many of what, for people."""


def amount(number: int, noun: str) -> str:
    """Return `1 room` or `2,000 rooms`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
