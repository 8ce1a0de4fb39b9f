"""Functions of float64 with the same bits on every processor, which NumPy's own do not have.

They are made of + - * / sqrt, rounding and powers of two alone. Errors are below 3 units in the
last place (tests/data/test_portable.py).
"""

import numpy as np

from dlcli.data.dataset import Array

_LN2_HIGH = 0.693147180369123816490  # its last 32 bits are 0: products with exponents are exact
_LN2_LOW = 1.90821492927058770002e-10
_ROOT_HALF = 0.70710678118654752440


def log1p(x: Array) -> Array:
    """log(1 + x), also where x is tiny; NaN below -1.

    1 + x = 2^e m with m near 1, and log m = 2 artanh((m - 1) / (m + 1)) by its series. What is lost
    in 1 + x is added at the end.
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        u = 1.0 + x
        lost = np.where(np.isfinite(u), (x - (u - 1.0)) / u, 0.0)
        found = _log(u) + lost
        found = np.where(x == -1.0, -np.inf, np.where(x == np.inf, np.inf, found))
        return np.asarray(found)


def log(x: Array) -> Array:
    """The natural logarithm of positive numbers; NaN below 0."""
    return np.asarray(np.where(x == 0.0, -np.inf, _log(x)))


def _log(u: Array) -> Array:
    m, e = np.frexp(np.where(u > 0.0, u, np.nan))
    small = m < _ROOT_HALF
    m, e = np.where(small, 2.0 * m, m), e - small
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    series = np.full(u.shape, 1.0 / 25.0)
    for odd in range(23, 1, -2):
        series = series * z + 1.0 / odd
    rest = 2.0 * s * z * series
    return np.asarray(e * _LN2_HIGH + (2.0 * s + (rest + e * _LN2_LOW)))


def expm1(x: Array) -> Array:
    """exp(x) - 1, also where x is tiny.

    x = k log 2 + r with a small r; exp(r) - 1 by its series, and 2^k (exp(r) - 1) + (2^k - 1).
    """
    with np.errstate(over="ignore", invalid="ignore"):
        held = np.clip(x, -800.0, 800.0)
        k = np.rint(held * 1.4426950408889634)
        r = (held - k * _LN2_HIGH) - k * _LN2_LOW
        series = np.full(np.shape(x), 1.0 / 17.0)
        for number in range(16, 1, -1):
            series = (1.0 + r * series) / number
        small = r + r * r * series
        power = np.where(np.isnan(k), 0.0, k).astype(np.int64)
        # From 2^60 on 1 is nothing beside it, and 2^k may overflow where 2^k exp(r) does not.
        large = np.ldexp(1.0 + small, power)
        return np.asarray(
            np.where(power > 60, large, np.ldexp(small, power) + (np.ldexp(1.0, power) - 1.0))
        )


# Wichura's algorithm AS 241 (Applied Statistics 37, 1988): the coefficients of its PPND16.
CENTRAL = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
     4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
     1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
     2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
     4.2313330701600911252e1, 1.0),
)  # fmt: skip
MIDDLE = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
     1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
     4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
     1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
     2.05319162663775882187e0, 1.0),
)  # fmt: skip


def normal_quantile(p: Array) -> Array:
    """The number below which a standard normal variable lies with probability p, 1e-10 < p < 1."""
    q = p - 0.5
    r = 0.180625 - q * q
    central = q * _ratio(CENTRAL, r)
    tail = np.sqrt(-log(np.where(q < 0.0, p, 1.0 - p)))
    outer = np.where(q < 0.0, -1.0, 1.0) * _ratio(MIDDLE, tail - 1.6)
    return np.asarray(np.where(np.abs(q) <= 0.425, central, outer))


def normal_share(z: Array) -> Array:
    """The probability that a standard normal variable lies below z, 1e-9 at least and at most less
    than 1.

    The inverse of `normal_quantile`, found by halving, to the last bit but two.
    """
    low, high = np.full(z.shape, 1e-9), np.full(z.shape, 1.0 - 1e-9)
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = normal_quantile(middle) < z
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(np.where(np.isnan(z), z, 0.5 * (low + high)))


def _ratio(terms: tuple[tuple[float, ...], tuple[float, ...]], r: Array) -> Array:
    over, under = np.zeros(r.shape), np.zeros(r.shape)
    for a, b in zip(*terms, strict=True):
        over, under = over * r + a, under * r + b
    return np.asarray(over / under)
