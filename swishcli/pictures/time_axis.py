"""Times as people read them: h:mm:ss, and ticks at round ones."""

from __future__ import annotations

import math

_ROUND_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def clock(seconds: float, decimals: int = 0) -> str:
    """Hours, minutes and seconds.

    >>> clock(3725.0), clock(59.96), clock(59.96, 1)
    ('1:02:05', '0:01:00', '0:01:00.0')
    >>> clock(7.25, 2)
    '0:00:07.25'
    """
    units = 10**decimals
    whole, fraction = divmod(round(seconds * units), units)
    minutes, rest = divmod(whole, 60)
    text = f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
    return f"{text}.{fraction:0{decimals}}" if decimals else text


def ticks(start_s: float, end_s: float, most: int) -> list[tuple[float, str]]:
    """Round times between two, about `most` at most, and what is written there.

    >>> ticks(0.0, 60.0, 5)
    [(0.0, '0:00:00'), (15.0, '0:00:15'), (30.0, '0:00:30'), (45.0, '0:00:45'), (60.0, '0:01:00')]
    >>> ticks(36000.0, 36000.5, 2)
    [(36000.0, '10:00:00.0'), (36000.5, '10:00:00.5')]
    """
    step = _step((end_s - start_s) / max(1, most))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(start_s / step - 1e-6), math.floor(end_s / step + 1e-6)
    return [(n * step, clock(n * step, decimals)) for n in range(first, last + 1)]


def _step(least_s: float) -> float:
    """The shortest round step that is not shorter."""
    if least_s > 0.5:
        days = math.ceil(least_s / _ROUND_S[-1]) * _ROUND_S[-1]
        return float(next((step for step in _ROUND_S if step >= least_s), days))
    power = 10.0 ** math.floor(math.log10(max(least_s, 1e-3)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least_s * (1 - 1e-9))
