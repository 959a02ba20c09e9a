"""Wobble of unit variance for many series at once: arrays of (series, hours)."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Noise = Callable[[np.random.Generator, float, int, int], Floats]


_MIXED = (0.5, 0.98)


def autoregression(random: np.random.Generator, phi: float, series: int, hours: int) -> Floats:
    """AR(1): each hour remembers `phi` of the one before."""
    return _filtered(random.normal(size=(hours + 1, series)), phi)


def heavy_tails(random: np.random.Generator, phi: float, series: int, hours: int) -> Floats:
    """AR(1) whose innovations are Student's t with 3 degrees of freedom, the variance of which is 3."""
    return _filtered(random.standard_t(3, size=(hours + 1, series)) / np.sqrt(3), phi)


def mixture(random: np.random.Generator, _phi: float, series: int, hours: int) -> Floats:
    """Half of the variance is AR(.5), half AR(.98): a fast wobble on one that lasts for days."""
    fast, slow = (autoregression(random, phi, series, hours) for phi in _MIXED)
    return np.asarray((fast + slow) * np.sqrt(0.5))


def long_memory(random: np.random.Generator, _phi: float, series: int, hours: int) -> Floats:
    """Fractional noise, d = .3: its autocovariances have no finite sum."""
    length = 2 * hours
    spectrum = np.fft.rfft(random.normal(size=(series, length)), axis=1)
    frequency = np.arange(spectrum.shape[1]) * 2 * np.pi / length
    gain = np.zeros(len(frequency))
    gain[1:] = (2 * np.sin(frequency[1:] / 2)) ** -0.3
    gain /= np.sqrt((gain**2).mean())
    return np.fft.irfft(spectrum * gain, n=length, axis=1)[:, :hours]


def doubling(random: np.random.Generator, phi: float, series: int, hours: int) -> Floats:
    """AR(1) whose variance doubles half way."""
    wobble = autoregression(random, phi, series, hours)
    wobble[:, hours // 2 :] *= np.sqrt(2)
    return wobble


def day_shocks(random: np.random.Generator, phi: float, series: int, hours: int) -> Floats:
    """AR(1) and, for each day alone, a shift of a third of its deviation."""
    shocks = random.normal(0, 1 / 3, size=(series, hours // 24 + 1))
    return autoregression(random, phi, series, hours) + np.repeat(shocks, 24, axis=1)[:, :hours]


def _filtered(innovations: Floats, phi: float) -> Floats:
    steps = innovations * np.sqrt(1 - phi**2)
    now, wobble = innovations[0], np.empty_like(innovations[1:])
    for hour in range(len(wobble)):
        now = phi * now + steps[hour + 1]
        wobble[hour] = now
    return np.ascontiguousarray(wobble.T)


def total(noise: Noise, phi: float) -> float | None:
    """Return the sum of all autocovariances of `noise`, None where nobody knows it."""
    if noise is autoregression:
        return (1 + phi) / (1 - phi)
    if noise is mixture:
        return sum((1 + each) / (1 - each) for each in _MIXED) / len(_MIXED)
    return None


def neighbours(noise: Noise, phi: float) -> float:
    """Return the covariance of one hour and the next."""
    return sum(_MIXED) / len(_MIXED) if noise is mixture else phi
