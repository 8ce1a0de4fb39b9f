"""Many numbers of a text converted at once, each rounded as `float()` rounds it.

A decimal number is a whole number m over, or times, a power of ten 10^f. For m up to 2^53 and f up
to 22 both are float64 numbers as they are, so one division or product gives the nearest float64
number (Clinger, "How to read floating point numbers accurately", 1990). For m below 2^64 the
quotient is computed to twice as many digits (Dekker, "A floating-point technique for extending the
available precision", 1971), and taken where its rounding is beyond doubt. Digits are added up eight
to a word (Lemire, "Number parsing at a gigabyte per second", 2021). Cells that are no such decimals
are left to `float()`, or to NumPy's reader of text, which calls the same function of Python.
"""

import warnings

import numpy as np
import numpy.typing as npt

from dlcli.data.dataset import Array

PLAINEST = b"0123456789.-+eE,"
"""What a text consists of that NumPy's reader gets to see: it makes -1 of a cell of blanks, and
takes words such as `inf`."""

PAD = 32
"""Bytes that must stand before the first cell."""

Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


def _each(byte: int) -> np.uint64:
    return np.uint64(int.from_bytes(bytes([byte]) * 8, "little"))


_ZEROS, _ONES, _HIGH, _POINTS = _each(ord("0")), _each(1), _each(0x80), _each(ord(".") ^ ord("0"))
_TO_HIGH = _each(0x80 - 10)
_LAST = np.array([(1 << 64) - (1 << 64 - 8 * k) for k in range(9)], np.uint64)
"""The last k bytes of a word."""
_POWERS = np.array([float(f"1e{f}") for f in range(23)])
_MANY = np.uint64(2**53)
_CERTAIN = 1 - 1 / 2**30


def to_decimals(codes: npt.NDArray[np.uint8], starts: Places, ends: Places) -> tuple[Array, Places]:
    """The numbers in cells, and the places of the cells that hold anything but a plain decimal.

    codes: the text; PAD bytes of anything come before the first cell. starts, ends: of each cell.
    A plain decimal: "-" or nothing, up to 24 digits with or without one point, of which up to 22
    behind it; m below 1.8e19; an exponent of a sign and two digits, or none.
    """
    negative = codes[starts] == ord("-")
    lengths = ends - starts
    lengths -= negative
    shifts, ends, lengths, bad = _without_exponents(codes, ends, lengths)
    words = np.ndarray((len(codes) - 7,), "<u8", codes, strides=(1,))
    count = min(3, max(1, -(-int(lengths.max(initial=0)) // 8)))
    bad |= lengths > 8 * count
    mantissas = np.zeros(len(ends), np.uint64)
    fraction = np.zeros(len(ends), np.uint8)
    points = np.zeros(len(ends), np.bool_)
    for k in range(count):
        word = words[ends - 8 * (k + 1)] ^ _ZEROS
        word &= _LAST[np.minimum(lengths, 8) if count == 1 else np.clip(lengths - 8 * k, 0, 8)]
        # Where the point was in an earlier word, each word gives its last byte to that one.
        moved, behind, found, several = _without_point(word)
        bad |= several
        if k:
            bad |= found & points
            fraction += behind
            fraction += found * np.uint8(8 * k)
            moved = np.where(points, word << np.uint64(8), moved)
        else:
            fraction = behind
        points = points | found
        if k + 1 < count:
            before = words[ends - 8 * (k + 2)] ^ _ZEROS
            before &= _LAST[np.clip(lengths - 8 * (k + 1), 0, 8)]
            moved |= np.where(points, before >> np.uint64(56), np.uint64(0))
        bad |= _not_digits(moved)
        value = _sum(moved)
        if k == 2:
            bad |= value > np.uint64(1800)
        value *= np.uint64((1, 10**8, 10**16)[k])
        mantissas += value
    bad |= lengths <= points
    many = mantissas > _MANY if count > 1 else None
    if shifts is None:
        places: npt.NDArray[np.integer] = fraction
    else:
        places = fraction - shifts
        bad |= np.abs(places) > 22
        if many is not None:
            bad |= many & (places < 0)
    if count == 3 or shifts is not None:
        bad |= fraction > 22
        places[bad] = 0
    powers = _POWERS[np.abs(places)]
    values = mantissas.astype(np.float64)
    if many is not None and (some := np.flatnonzero(many & ~bad)).size:
        values[some], doubtful = _quotients(mantissas[some], powers[some])
        bad[some[doubtful]] = True
        powers[some] = 1.0
    if shifts is None:
        values /= powers
    else:
        values = np.where(places < 0, values * powers, values / powers)
    np.negative(values, out=values, where=negative)
    return values, np.flatnonzero(bad)


def _without_exponents(
    codes: npt.NDArray[np.uint8], ends: Places, lengths: Places
) -> tuple[Places | None, Places, Places, npt.NDArray[np.bool_]]:
    """The exponents of cells like 1.5e-07, or None where no cell has one; where the cells end
    without, how long they are then, and which exponents are none."""
    marked = (codes[ends - 4] | 0x20) == ord("e")
    marked &= lengths > 4
    if not marked.any():
        return None, ends, lengths, np.zeros(len(ends), np.bool_)
    sign, tens, units = (codes[ends - k] for k in (3, 2, 1))
    bad = (sign != ord("-")) & (sign != ord("+"))
    tens, units = tens - np.uint8(ord("0")), units - np.uint8(ord("0"))
    bad |= (tens > 9) | (units > 9)
    bad &= marked
    shifts = (10 * tens.astype(np.int64) + units) * np.where(sign == ord("-"), -1, 1)
    shifts *= marked
    behind = 4 * marked
    return shifts, ends - behind, lengths - behind, bad


def _quotients(mantissas: Words, powers: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
    """The nearest float64 numbers to m / p for m below 2^64 and p a power of ten up to 10^22, and
    where that is not certain.

    With q = fl(m / p) the rest m - q p is computed without error but for its last addition. So
    q + rest / p is m / p to about 100 bits. Its rounding to q' is certain where what is left
    is not near half of the distance to the next number.
    """
    high = mantissas.astype(np.float64)
    # 2^64 itself is no uint64; the limit of m keeps it away.
    low = (mantissas - high.astype(np.uint64)).view(np.int64).astype(np.float64)
    first = high / powers
    product, error = _product(first, powers)
    rest = ((high - product) - error) + low
    correction = rest / powers
    rounded = first + correction
    left = correction - (rounded - first)
    half = 0.5 * np.minimum(np.spacing(rounded), rounded - np.nextafter(rounded, 0.0))
    return rounded, np.abs(left) > half * _CERTAIN


def _product(a: Array, b: Array) -> tuple[Array, Array]:
    """a b rounded, and what rounding took away: exact where nothing over- or underflows."""
    product = a * b
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2


def _halves(a: Array) -> tuple[Array, Array]:
    """Two numbers of 26 bits whose sum it is (Veltkamp)."""
    scaled = a * 134217729.0
    upper = scaled - (scaled - a)
    return upper, a - upper


def _without_point(
    word: Words,
) -> tuple[Words, npt.NDArray[np.uint8], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """The digits moved together, the number of those behind the point, whether there is one, and
    whether there are several."""
    found = word ^ _POINTS
    found = (found - _ONES) & ~found & _HIGH
    points = found != 0
    several = (found & (found - np.uint64(1))) != 0
    found >>= np.uint64(7)
    behind = np.uint64(0) - (found << np.uint64(8))
    moved = (word & behind) | ((word & (found - np.uint64(1))) << np.uint64(8))
    fraction = np.bitwise_count(behind) >> np.uint8(3)
    several &= points
    return np.where(points, moved, word), fraction, points, several


def _not_digits(word: Words) -> npt.NDArray[np.bool_]:
    wrong: Words = ((word + _TO_HIGH) | word) & _HIGH
    return np.asarray(wrong != 0)


def _sum(word: Words) -> Words:
    """The number that eight digits are, the first in the lowest byte."""
    for base, shift, mask in (
        (10, 8, 0x00FF00FF00FF00FF),
        (100, 16, 0x0000FFFF0000FFFF),
        (10000, 32, 0x00000000FFFFFFFF),
    ):
        carried = word >> np.uint64(shift)
        word = word * np.uint64(base)
        word += carried
        word &= np.uint64(mask)
    return word


def to_floats(text: bytes) -> Array | None:
    """The finite numbers of a text with a comma behind each; None where it may hold anything else.

    Spaces beside commas are left out; other blanks are not taken.

    >>> to_floats(b"1, 2.5 ,-3e2,")
    array([   1. ,    2.5, -300. ])
    >>> [to_floats(text) for text in (b"1,,2,", b"1, ,2,", b"1_000,", b"1e999,", b"-,", b"1")]
    [None, None, None, None, None, None]
    """
    if not text.endswith(b","):
        return None
    if text.translate(None, PLAINEST):
        text = _without_spaces(text)
        if text.translate(None, PLAINEST):
            return None
    with warnings.catch_warnings():
        # Older versions of NumPy warn of what newer ones refuse.
        warnings.simplefilter("error", DeprecationWarning)
        try:
            values = np.fromstring(text, np.float64, sep=",")
        except (DeprecationWarning, ValueError):
            return None
    if len(values) != text.count(b",") or not np.isfinite(values).all():
        return None
    return values


def _without_spaces(text: bytes) -> bytes:
    text = text.lstrip(b" ")
    for beside in (b", ", b" ,"):
        while beside in text:
            text = text.replace(beside, b",")
    return text
