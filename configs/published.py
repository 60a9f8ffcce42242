"""Published figures, as data: what reports put beside a model's own."""

from typing import NamedTuple


class Figure(NamedTuple):
    """One published figure."""

    benchmark: str
    metric: str
    unit: str
    method: str
    figure: float
    source: str


FIGURES: tuple[Figure, ...] = ()
