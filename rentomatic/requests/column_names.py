"""Finds the column of a file that is meant by a name, and the attribute that a column may be."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from rentomatic.domain.room_columns import ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

_IGNORED = re.compile(r"[\s_\-]+")
_OPENED = str.maketrans("()[]", "    ")
_BRACKETS = re.compile(r"\([^)]*\)|\[[^]]*\]")
_WORD = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-zß-ÿ])(?=[A-Z])")


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Common names in English, German, French and Spanish, the preferred ones first. Square feet are left out, since sizes
# are in square metres.
_COMMON: Mapping[str, str] = {
    "code": "code id uuid uid ref reference référence referenz referencia identifier nr no num number nummer numéro "
    "número kennung key schlüssel clé clave código",
    "size": "size wohnfläche wohnflaeche nutzfläche nutzflaeche zimmergröße zimmergroesse wohnungsgröße wfl "
    "wohnungsgroesse größe groesse fläche flaeche quadratmeter qm livingspace livingarea floorarea area sqm "
    "squaremeters squaremetres surface superficie tamaño metros",
    "price": "price kaltmiete nettokaltmiete grundmiete nettomiete coldrent baserent basiskaltmiete mietpreis miete "
    "monatsmiete bruttomiete warmmiete gesamtmiete totalrent rent rental preis tagespreis loyer loyerhc loyercc prix "
    "precio alquiler renta tarif rate cost kosten monthly montant importe",
    "latitude": "latitude lat breite breitengrad geobreite latitud y",
    "longitude": "longitude lon lng long länge laenge längengrad laengengrad geolänge longitud x",
}
_KNOWN_MIN = 4  # characters; shorter ones may be words of a row
_NOTHING = _set("")
_NO_SIZE = _set("price prices rent preis miete loyer prix precio alquiler cost kosten per pro")
_FEET = _set("feet foot ft sqft squarefeet squarefoot")
_NO_PRICE = _set("sqm qm quadratmeter sqft feet foot type typ currency")
_OF_A_ROOM = _set(
    "room listing apartment appartement flat property unit object objekt wohnung zimmer inserat anzeige annonce bien "
    "logement chambre studio anuncio inmueble piso habitacion vivienda ad offer angebot expose scout osm feature "
    "external wohnungs"
)
_RENTS = _set(
    "rent rental miete kaltmiete nettokaltmiete grundmiete nettomiete mietpreis monatsmiete bruttomiete warmmiete "
    "basiskaltmiete gesamtmiete coldrent baserent totalrent loyer loyerhc loyercc alquiler renta monthly month monat "
    "monatlich mensuel mensual mois mes pcm"
)
_ABBREVIATED = re.compile(r"\bp\. ?([amw])\b", re.IGNORECASE)  # per annum, month, week
_PERIOD_WORDS = {
    "week": _set("week weekly woche wochentlich semaine semana hebdomadaire semanal pw"),
    "year": _set("year yearly annual annually annum pa jahr jahrlich an annee annuel ano anual"),
    "night": _set("night nightly nacht nuit noche day daily tag taglich tagespreis jour dia"),
    "month": _RENTS,
}


class AmbiguousColumnError(Exception):
    """Several columns match a name.

    Attributes:
        columns: The columns, in the order of the file.
    """

    def __init__(self, columns: list[str]) -> None:
        super().__init__(", ".join(columns))
        self.columns = columns


@lru_cache(2 * 1_000)
def folded(name: str) -> str:
    """Return a name without what does not tell columns apart: case, spaces, underscores, hyphens, forms of accents."""
    return unicodedata.normalize("NFKC", _IGNORED.sub("", unicodedata.normalize("NFKC", name).casefold()))


def matching_column(name: str, columns: Iterable[str]) -> str | None:
    """Return the column with exactly this name, or else with the same folded name; None if no column matches.

    Raises:
        AmbiguousColumnError: several columns match, and none exactly.
    """
    matches = [column for column in columns if folded(column) == folded(name)]
    if name in matches:
        return name
    if len(matches) > 1:
        raise AmbiguousColumnError(matches)
    return matches[0] if matches else None


def suggested_columns(columns: Iterable[str], missing: Container[str]) -> dict[str, str]:
    """Return a column for each missing attribute whose name is common for it, if there is one."""
    ranked: dict[str, tuple[int, int, str]] = {}
    for column in columns:
        for attribute in ATTRIBUTES:
            rank = _rank(column, attribute) if attribute in missing else None
            if rank and (attribute not in ranked or rank < ranked[attribute][:2]):
                ranked[attribute] = (*rank, column)
    latitude, longitude = (ranked.get(name, (0, 0, ""))[2] for name in ("latitude", "longitude"))
    is_half = bool(latitude) != bool(longitude) and "latitude" in missing and "longitude" in missing
    if is_half or latitude == longitude:  # one column with both is not a coordinate
        ranked.pop("latitude", None)
        ranked.pop("longitude", None)
    return {attribute: ranked[attribute][2] for attribute in ATTRIBUTES if attribute in ranked}


def header_names(used: Iterable[str]) -> frozenset[str]:
    """Return the names by which a header is told from other lines: those that are used, and common ones."""
    common = (name for names in _COMMON.values() for name in names.split())
    return frozenset((*ATTRIBUTES, *used, *(name for name in common if len(name) >= _KNOWN_MIN)))


def is_identity_name(column: str) -> bool:
    """Whether a name is common for what tells rooms apart."""
    return _rank(column, "code") is not None


def period_of_price(column: str) -> str:
    """Return the period of time that a name of a price suggests; empty if it suggests none."""
    column = _ABBREVIATED.sub(r"p\1", column)
    bare, whole = _words(column), _words(column.translate(_OPENED))  # also what is in brackets
    words = {*whole, "".join(bare)}
    return next((period for period, names in _PERIOD_WORDS.items() if words & names), "")


def is_in_feet(column: str) -> bool:
    """Whether a name of a size says that it is in square feet."""
    return bool(_FEET.intersection(_words(column.translate(_OPENED))))


def _rank(column: str, attribute: str) -> tuple[int, int] | None:
    """Return how well a name fits an attribute, less is better; None if it does not."""
    names = _common_names(attribute)
    words = _words(column)
    whole = "".join(words)
    if whole in names:
        return 0, names.index(whole)
    if attribute == "size" and folded(column) == "m2":  # also m²
        return 0, len(names)
    if attribute == "code":
        is_of_a_room = len(words) > 1 and _OF_A_ROOM.issuperset(words[:-1]) and words[-1] in names
        is_compound = any(whole == f"{room}{name}" for room in _OF_A_ROOM for name in names)
        return (1, 0) if is_of_a_room or is_compound else None
    if {"price": _NO_PRICE, "size": _NO_SIZE}.get(attribute, _NOTHING).intersection(words):
        return None
    ranks = [names.index(word) for word in words if word in names and len(word) > 1]
    return (1, min(ranks)) if ranks else None


@cache
def _common_names(attribute: str) -> Sequence[str]:
    return ["".join(_words(name)) for name in _COMMON.get(attribute, attribute).split()]


def _words(column: str) -> list[str]:
    decomposed = unicodedata.normalize(
        "NFKD", _CAMEL.sub(" ", unicodedata.normalize("NFC", _BRACKETS.sub(" ", column)))
    )
    return _WORD.findall("".join(each for each in decomposed if not unicodedata.combining(each)).casefold())
