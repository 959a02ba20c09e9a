"""From a histogram's buckets to ours (metrics.latency), which are finer.

What a histogram knows of a value is its bucket. Its counts are spread over the bucket in `PLACES` equal
steps, as Prometheus interpolates: a median lies in the bucket in which it is, but for the 1 % of our own
buckets, and where values are spread evenly it is off by 1/PLACES of the bucket's width at most. What is
above the last bound counts at that bound.
"""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from metrics.fixed import LARGEST
from metrics.latency import GAMMA, LatencyBuckets
from streams.otlp.readings import Explicit, Exponential

PLACES = 16


def latency(buckets: Explicit | Exponential, scale: float) -> LatencyBuckets:
    """Return the counts in our buckets; `scale` turns the histogram's unit into milliseconds."""
    counts: Counter[int] = Counter()
    spread = _of_explicit(buckets) if isinstance(buckets, Explicit) else _of_exponential(buckets)
    for low, high, count in spread:
        places = _places(low * scale, high * scale)
        for place, share in enumerate(_shares(count, len(places))):
            counts[places[place]] += share
    return LatencyBuckets({bucket: count for bucket, count in counts.items() if count})


def _shares(count: int, places: int) -> Iterator[int]:
    """Yield `count` in as equal parts as integers allow; a single one goes to the middle."""
    half = places // 2
    for place in range(places):
        yield ((place + 1) * count + half) // places - (place * count + half) // places


@lru_cache(maxsize=20_000)
def _places(low: float, high: float) -> tuple[int, ...]:
    """Return our buckets at which the counts of (low, high] stand."""
    narrow = low > 0 and high / low <= GAMMA
    steps = 1 if narrow or low == high else PLACES
    return tuple(_bucket(low + (high - low) * (step + 0.5) / steps) for step in range(steps))


def _bucket(value: float) -> int:
    (bucket,) = LatencyBuckets.of([min(value, LARGEST)]).counts
    return bucket


def _of_explicit(buckets: Explicit) -> Iterator[tuple[float, float, int]]:
    bounds = buckets.bounds
    for place, count in enumerate(buckets.counts):
        if not count:
            continue
        high = max(0.0, bounds[min(place, len(bounds) - 1)])
        low = high if place == len(bounds) else max(0.0, bounds[place - 1]) if place else 0.0
        yield low, high, count


def _of_exponential(buckets: Exponential) -> Iterator[tuple[float, float, int]]:
    if buckets.zero:
        yield 0.0, 0.0, buckets.zero
    for index, count in buckets.counts.items():
        yield _bound(buckets.scale, index), _bound(buckets.scale, index + 1), count


def _bound(scale: int, index: int) -> float:
    try:
        return float(2.0 ** (index * 2.0**-scale))
    except OverflowError:
        return 1e300
