"""Numbers as people write them."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.requests.numbers import COMMA, POINT, STYLES, NumberColumn, Style, degrees_of, in_style, number_of, read

PLAIN = [("950", 950), ("12.5", "12.5"), ("12.0", 12), ("+7", 7), (".5", "0.5"), ("7.", 7), ("1.2e1", 12), (" 8 ", 8)]
SPACES = [" ", "\u00a0", "\u202f"]

numbers = st.decimals(0, 10**12, places=2, allow_nan=False) | st.integers(0, 10**12).map(Decimal)


def written(number: Decimal, group: str, decimal: str) -> str:
    return f"{number:,}".replace(",", "g").replace(".", decimal).replace("g", group)


def column_of(*texts: str) -> NumberColumn:
    column = NumberColumn()
    for text in texts:
        column.see(text)
    return column


def read_in(column: NumberColumn, text: str) -> Decimal | str:
    try:
        return number_of(read(text), column.style)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize(("text", "number"), PLAIN)
def test_digits_with_an_optional_point_are_a_number(text: str, number: object) -> None:
    assert number_of(read(text), None) == Decimal(number)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        *("12 €", "€12", "€ 12", "EUR 12", "12 EUR", "12EUR", "eur 12", "12 Euro", "US$12", "$12", "12 CHF", "Fr. 12"),
        *("12 €/month", "12/month", "12 € per month", "12 € pro Monat", "12€ /mois", "12 € mtl.", "$12 a night"),
        *("ca. 12", "ca 12 €", "circa 12", "approx. 12", "~12", "ca. € 12", "env. 12 €", "12.- CHF"),
        *("12 m²", "12 qm", "12m2", "+12 €", "€ +12"),
    ],
)
def test_what_is_around_a_number_is_passed_over(text: str) -> None:
    assert number_of(read(text), None) == 12


@pytest.mark.parametrize(
    "text",
    [
        *("cheap", "1_000", "nan", "infinity", "١٢", "1e9999", "--1", "-€-1", ".", "1 2", "€", "12 €/m²", "€12 €"),
        *(
            "from 12",
            "12-14",
            "12 €/kg",
            "ALL",
            "all 12",
            "1 2000",
            "1'20",
            "1,2,3",
            "1.2.3",
            "1.234.56",
            "12 sqft",
            "",
        ),
        "1" * 401,
    ],
)
def test_other_text_is_not_a_number(text: str) -> None:
    with pytest.raises(ValueError, match="Must be a number: digits, and a point before decimals"):
        number_of(read(text), None)


@pytest.mark.parametrize("sample", [*STYLES, "1\u202f200,50", "1\u2019200.50", "1200,50", "1200.50", "1 200.50"])
@given(
    number=numbers,
    sign=st.sampled_from(["", "-", "+"]),
    around=st.sampled_from(["{}", "€{}", "{} €", "ca. {} €/month"]),
)
def test_what_is_written_in_a_style_is_read_in_it(sample: str, number: Decimal, sign: str, around: str) -> None:
    style = Style.of(sample)
    text = around.format(sign + written(number, sample[1:-6], sample[-3]))

    assert number_of(read(text), style) == (-number if sign == "-" else number)


@pytest.mark.parametrize(
    ("sample", "text"),
    [
        *[
            ("1.200,50", text)
            for text in ("1,200.50", "12.5", "1 200", "12.00,5", "0.500", "1.2000", "12345.678", "1.200.5")
        ],
        *[("1,200.50", text) for text in ("1.200,50", "12,5", "1 200", "1,2000", "0,500")],
        *[("1 200,50", text) for text in ("1.200", "1 20", "12.5", "1  200")],
        *[("1'200.50", text) for text in ("1,200", "1 200", "12,5")],
    ],
)
def test_what_is_written_otherwise_is_refused(sample: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"Must be a number, written as {sample}"):
        number_of(read(text), Style.of(sample))


@pytest.mark.parametrize("sample", ["1200", "1,200,50", "1.200.50", "2,200.50", "x", "1,200.5"])
def test_a_sample_of_no_style_is_refused(sample: str) -> None:
    with pytest.raises(ValueError, match=r"must be one of '1,200\.50'"):
        Style.of(sample)


@pytest.mark.parametrize("texts", [("950", "1.200"), ("1.200",), ("12.345", "€ 1.200")])
def test_thousands_or_decimals_are_an_open_question(texts: tuple[str, ...]) -> None:
    column = column_of(*texts)

    assert column.is_open
    said = str(read_in(column, "1.200"))
    assert "--numbers 1.200,50 (IMPORT_NUMBERS) reads thousands, --numbers 1,200.50 decimals" in said
    assert "--round" not in said
    assert read_in(column, "950") == 950


def test_a_comma_may_be_an_open_question_too() -> None:
    said = str(read_in(column_of("1,200"), "1,200"))

    assert "--numbers 1,200.50 (IMPORT_NUMBERS) reads thousands, --numbers 1.200,50 decimals" in said


@pytest.mark.parametrize(
    ("texts", "numbers_"),
    [
        (("573.768", "54.5"), ("573.768", "54.5")),
        (("1.200", "0.950"), ("1.2", "0.95")),
        (("1.200", "1234.567"), ("1.2", "1234.567")),
        (("1.234,56", "1.200"), ("1234.56", "1200")),
        (("1.234.567", "1.200"), ("1234567", "1200")),
        (("12,5", "1.200"), ("12.5", "1200")),
        (("$1,200.00", "$1,200"), ("1200", "1200")),
        (("1 200", "950"), ("1200", "950")),
        (("850,-", "1.200,- €"), ("850", "1200")),
        (("1'200", "12.5"), ("1200", "12.5")),
    ],
)
def test_a_column_that_can_be_read_one_way_is(texts: tuple[str, ...], numbers_: tuple[str, ...]) -> None:
    column = column_of(*texts)

    assert [read_in(column, text) for text in texts] == [Decimal(number) for number in numbers_]


def test_of_a_mixed_column_nothing_open_is_read() -> None:
    column = column_of("12.5", "45,00", "1.200")

    assert read_in(column, "12.5") == Decimal("12.5")
    assert "--numbers 1.200,50 (IMPORT_NUMBERS) reads a comma" in str(read_in(column, "45,00"))
    assert "Could be thousands or decimals" in str(read_in(column, "1.200"))


cells = st.one_of(
    st.builds(
        lambda number, style: written(number, *style),
        numbers,
        st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", "."), ("", "."), ("", ",")]),
    ),
    st.from_regex(r"[0-9]{1,4}([.,][0-9]{1,4}){0,2}", fullmatch=True),
    st.just("on request"),
)


@given(texts=st.lists(cells, max_size=8), random=st.randoms(use_true_random=False))
def test_the_order_of_rows_decides_nothing(texts: list[str], random: object) -> None:
    shuffled = list(texts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = column_of(*texts), column_of(*shuffled)

    assert (one.style, one.is_open) == (other.style, other.is_open)


@given(texts=st.lists(cells, max_size=8))
def test_what_is_accepted_of_a_column_has_one_reading(texts: list[str]) -> None:
    column = column_of(*texts)
    accepted = {text: number for text in texts if isinstance(number := read_in(column, text), Decimal)}
    in_each = [{text: in_style(text, style) for text in accepted} for style in (POINT, COMMA)]

    assert accepted in in_each
    if column.style is None:  # without evidence for it, no number that another reading would change is accepted
        assert all(other is None or other == accepted[text] for text, other in in_each[1].items())


@pytest.mark.parametrize(
    ("text", "style", "degrees"),
    [
        *[("53.551", style, 53.551) for style in (None, POINT, COMMA)],
        *[("53,55", COMMA, 53.55), ("-0.5", None, -0.5), ("\u22129,99", COMMA, -9.99), ("53.5°", None, 53.5)],
        *[(53, None, 53.0), (Decimal("53.551"), COMMA, 53.551)],
    ],
)
def test_coordinates_are_never_open(text: object, style: Style | None, degrees: float) -> None:
    assert degrees_of(text, style) == degrees


@pytest.mark.parametrize("style", [None, POINT])
def test_a_comma_in_a_coordinate_has_advice(style: Style | None) -> None:
    with pytest.raises(ValueError, match=r"--numbers 1\.200,50 \(IMPORT_NUMBERS\) reads a comma"):
        degrees_of("53,55", style)


def test_a_coordinate_without_a_comma_has_no_advice_on_commas() -> None:
    with pytest.raises(ValueError, match=r"^Must be a number: digits, and a point before decimals$"):
        degrees_of("53.551.085", None)


@pytest.mark.parametrize("text", ["53.551.085", "1.234,5", "north", "5_3.5", True, "nan", "53,55,1"])
def test_other_text_is_not_a_coordinate(text: object) -> None:
    with pytest.raises(ValueError, match="Must be a number, written as"):
        degrees_of(text, COMMA)


@pytest.mark.parametrize("space", SPACES)
def test_a_space_of_any_width_groups_thousands(space: str) -> None:
    assert number_of(read(f"1{space}200,50 €"), Style.of("1 200,50")) == Decimal("1200.50")
    assert read_in(column_of(f"1{space}200"), f"1{space}200") == 1200


@given(text=st.text(st.sampled_from("0123456789.,'\u2019 \u00a0€$eE+-/acEURm²nothprx"), max_size=150))
def test_any_text_is_a_number_or_is_refused(text: str) -> None:
    for style in (None, POINT, COMMA, *map(Style.of, STYLES)):
        with suppress(ValueError):
            assert number_of(read(text), style).is_finite()
