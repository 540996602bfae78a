"""Reads numbers as people write them, and decides how those of a column are written.

A point or comma is before decimals or between thousands. Each text is read both ways; what a column shows elsewhere
decides. A text that could be either is never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

STYLES = ("1,200.50", "1.200,50", "1 200,50", "1'200.50")
_SPACES = " \u00a0\u202f"
_APOSTROPHES = "'\u2019"
_SAMPLE = re.compile(rf"1(?P<group>[.,{_SPACES}{_APOSTROPHES}]?)200(?P<decimal>[.,])50")

# Decimal() and float() also accept "1_0", "nan", "infinity" and the digits of other scripts. A number with an exponent
# of ten digits would take all memory to write out.
_PLAIN = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,3})?")
_GROUPED_ONCE = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")
_LABELLED_MAX = 100  # characters

# ISO 4217, without funds, metals and testing codes.
_CODES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
    CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR
    ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT
    MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES
    VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
"""
_CURRENCY = (
    r"(?:[A-Z]{0,3}[$\u00a2-\u00a5\u058f\u060b\u09f3\u0e3f\u17db\u20a0-\u20c0]"
    rf"|euros?|eur|usd|gbp|chf|fr\.|kr\.?|zł|kč|lei|(?-i:{'|'.join(_CODES.split())}))"
)
_PERIODS = {
    "day": r"day|d|tag|jour|d[ií]a",
    "night": r"night|nacht|nuit|noche",
    "week": r"week|wk|w|woche|semaine|semana",
    "month": r"month|mth|mo|monat|mois|mes",
    "year": r"year|yr|jahr|an|année|año|annum",
}
_ADVERBS = {
    "day": r"daily|täglich",
    "night": r"nightly",
    "week": r"weekly|wöchentlich|pw",
    "month": r"monthly|monatlich|mtl\.?|pcm|pm|p\. ?m\.?|mensuels?|mensuelles?|mensual(?:es)?",
    "year": r"yearly|annually|jährlich|p\. ?a\.",
}
_PERIOD = "|".join(
    [
        *(
            rf"(?P<{name}>(?:/|\b(?:per|pro|par|por|a|al|je|p\.)\s)\s*(?:{words})\.?)"
            for name, words in _PERIODS.items()
        ),
        *(rf"(?P<{name}_>{words})" for name, words in _ADVERBS.items()),
    ]
)
_LABELLED = re.compile(
    r"(?:(?:ca\.?|circa|approx(?:\.|imately)?|about|etwa|env(?:\.|iron)|aprox\.?|c\.|~|≈)\s*)?"
    rf"(?P<sign>[+\-\u2212]?)\s*(?P<before>(?![0-9.,]){_CURRENCY})?\s*(?P<inner>[+\-\u2212]?)"
    rf"(?P<number>[0-9.,][0-9.,{_SPACES}{_APOSTROPHES}]*?(?:[eE][+-]?[0-9]{{1,3}})?)(?:(?P<round>[.,])[-\u2013\u2014]{{1,2}})?"
    rf"\s*(?P<behind>{_CURRENCY})?\s*(?P<unit>m²|m2|qm|sqm|sq\.? ?m\.?|m\^2)?\s*(?:{_PERIOD})?",
    re.IGNORECASE,
)


class Style(NamedTuple):
    """A way to write numbers.

    Attributes:
        sample: Twelve hundred and a half.
        group: What may be between groups of three digits, any of these characters.
        decimal: What is before decimals.
    """

    sample: str
    group: str
    decimal: str

    @classmethod
    def of(cls, sample: str) -> Style:
        """Return the style of a sample such as `1,200.50`.

        Raises:
            ValueError: it is not one; the message says what is allowed.
        """
        match = _SAMPLE.fullmatch(sample.strip())
        if not match or match["group"] == match["decimal"]:
            raise ValueError(f"must be one of {', '.join(map(repr, STYLES))}")
        group = match["group"]
        groups = next((each for each in (_SPACES, _APOSTROPHES) if group and group in each), group)
        return cls(sample.strip(), groups, match["decimal"])


POINT = Style("1,200.50", f",{_SPACES}{_APOSTROPHES}", ".")
COMMA = Style("1.200,50", f".{_SPACES}{_APOSTROPHES}", ",")


class Reading(NamedTuple):
    """What a text says.

    Attributes:
        point: The number if a point is before decimals; None if it is not one.
        comma: The number if a comma is before decimals; None if it is not one.
        core: The number's own text, without labels.
        currency: The currency, as it is written; empty without one.
        unit: The unit of an area; empty without one.
        period: `day`, `night`, `week`, `month` or `year`; empty without one.
    """

    point: Decimal | None
    comma: Decimal | None
    core: str
    currency: str = ""
    unit: str = ""
    period: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is two numbers, depending on what the point or comma is."""
        return self.point is not None and self.comma is not None and self.point != self.comma


def read(text: str) -> Reading | None:
    """Return what a text says; None if it is not a number in any way."""
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return _plain(text)
    return _labelled(text) if len(text) <= _LABELLED_MAX else None


@lru_cache(4_096)
def _labelled(text: str) -> Reading | None:
    match = _LABELLED.fullmatch(text)
    if not match or (match["sign"] and match["inner"]) or (match["before"] and match["behind"]):
        return None
    core = (match["sign"] or match["inner"]).replace("\u2212", "-") + match["number"] + (match["round"] or "")
    point, comma = in_style(core, POINT), in_style(core, COMMA)
    if point is None and comma is None:
        return None
    period = next((name for name in _PERIODS if match[name] or (name in _ADVERBS and match[f"{name}_"])), "")
    return Reading(point, comma, core, match["before"] or match["behind"] or "", match["unit"] or "", period)


def in_style(core: str, style: Style) -> Decimal | None:
    """Return the number of a text without labels; None if it is not written in this style."""
    if not _pattern(style).fullmatch(core):
        return None
    for character in style.group:
        core = core.replace(character, "")
    return Decimal(core.replace(",", "."))


def _plain(text: str) -> Reading:
    number = Decimal(text)
    if "." not in text:
        return Reading(number, number, text)
    return Reading(number, Decimal(text.replace(".", "")) if _GROUPED_ONCE.fullmatch(text) else None, text)


@lru_cache(16)
def _pattern(style: Style) -> re.Pattern[str]:
    decimal = re.escape(style.decimal)
    tail = rf"(?:{decimal}[0-9]{{0,400}})?"
    plain = rf"(?:[0-9]{{1,400}}{tail}|{decimal}[0-9]{{1,400}})(?:[eE][+-]?[0-9]{{1,3}})?"
    if not style.group:
        return re.compile(rf"[+-]?{plain}")
    group = rf"(?P<group>[{style.group}])"
    return re.compile(rf"[+-]?(?:[1-9][0-9]{{0,2}}{group}[0-9]{{3}}(?:(?P=group)[0-9]{{3}}){{0,130}}{tail}|{plain})")


@dataclass
class NumberColumn:
    """What the numbers of a column show about how they are written.

    The order of the numbers makes no difference, but to the examples, which are the first of their kind.

    Attributes:
        open: An example of a text that could be two numbers.
        point: An example of one in which a point is before decimals, or commas are between thousands.
        comma: An example of one in which a comma is before decimals, or points are between thousands.
        grouped: An example of one with commas, spaces or apostrophes between thousands.
        currencies: The currencies.
        periods: The periods of time.
    """

    open: str = ""
    point: str = ""
    comma: str = ""
    grouped: str = ""
    currencies: dict[str, None] = field(default_factory=dict)
    periods: dict[str, None] = field(default_factory=dict)

    def see(self, text: str) -> None:
        """Take a text into account; it need not be a number."""
        reading = read(text)
        if not reading:
            return
        if reading.is_open:
            self.open = self.open or reading.core
        elif reading.comma is None:
            self.point = self.point or reading.core
            self.grouped = self.grouped or (reading.core if not _PLAIN.fullmatch(reading.core) else "")
        elif reading.point is None:
            self.comma = self.comma or reading.core
            if any(space in reading.core for space in f"{_SPACES}{_APOSTROPHES}"):
                self.grouped = self.grouped or reading.core
        elif not _PLAIN.fullmatch(reading.core):
            self.grouped = self.grouped or reading.core
        if reading.currency:
            self.currencies[reading.currency] = None
        if reading.period:
            self.periods[reading.period] = None

    @property
    def style(self) -> Style | None:
        """The only style in which all numbers can be written; None without one, or with two that do not differ."""
        if bool(self.point) == bool(self.comma):
            return None
        return POINT if self.point else COMMA

    @property
    def is_open(self) -> bool:
        """Whether some of the numbers could be two."""
        return bool(self.open) and self.style is None


def number_of(reading: Reading | None, style: Style | None) -> Decimal:
    """Return the number of a text in a column of this style, or of one that has shown none.

    Raises:
        ValueError: it is not a number, or could be two; the message says what to write or which option to give.
    """
    number = None
    if reading and style:
        number = in_style(reading.core, style)
    elif reading and reading.is_open:
        thousands, decimals = (COMMA, POINT) if "." in reading.core else (POINT, COMMA)
        raise ValueError(
            f"Could be thousands or decimals: --numbers {thousands.sample} (IMPORT_NUMBERS) reads thousands, "
            f"--numbers {decimals.sample} decimals"
        )
    elif reading:
        number = reading.point
    if number is None:
        raise ValueError(_expected(reading, style))
    return number


def degrees_of(value: object, style: Style | None) -> float:
    """Return a coordinate, which has no thousands: a point is before decimals in any style, a comma in some.

    Raises:
        ValueError: it is not a number; the message says what to write or which option to give.
    """
    text = str(value)
    if _PLAIN.fullmatch(text):
        return float(text)
    text = text.strip().replace("\u2212", "-").removesuffix("°").rstrip()
    if style is not None and style.decimal == ",":
        text = text.replace(",", ".")
    if not _PLAIN.fullmatch(text):
        raise ValueError(_expected(read(text) if "," in text else None, style))
    return float(text)


def _expected(reading: Reading | None, style: Style | None) -> str:
    if style not in (None, POINT):
        return f"Must be a number, written as {style.sample}"
    if reading and reading.comma is not None:
        return f"Must have a point before decimals; --numbers {COMMA.sample} (IMPORT_NUMBERS) reads a comma"
    return "Must be a number: digits, and a point before decimals"
