"""Placebos over origins: the same window and hubs, seen from exporters that no measure touches.

An annual table has few placebo windows and each has few cells. Other exporters in the same years are decoys
too: what the hubs bought from them rose and fell with the same prices, but nobody had to lead it round.
Pooled into one set they carry the false-discovery rate much further down than one origin's windows can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np

from entrepot.models.detection.legs import Legs
from entrepot.models.detection.panel import IntArray, Roles


def pool(legs: Sequence[Legs]) -> Legs:
    """Cells of several sets as one set of decoys; a hub and product may then stand in it more than once.

    Parameters
    ----------
    legs : sequence of Legs
        Measured with the same floor over windows of the same length.

    Returns
    -------
    Legs

    Raises
    ------
    ValueError
        If there is none, or floors or lengths differ.
    """
    if not legs:
        raise ValueError("legs must hold at least one set")
    if len({(one.floor, one.length) for one in legs}) > 1:
        raise ValueError("legs must have one floor and one length of window")
    columns = {
        field.name: np.concatenate([getattr(one, field.name) for one in legs])
        for field in fields(Legs)
        if field.name not in ("floor", "length")
    }
    return Legs(**columns, floor=legs[0].floor, length=legs[0].length)


def placebo_origins(measure: Callable[[Roles], Legs], roles: Roles, origins: IntArray) -> Legs:
    """Legs of every placebo origin in turn, pooled.

    Parameters
    ----------
    measure : callable
        Gives the legs of a set of roles; the window, the trade and the floor are the caller's, the same as
        for the measure's own origins.
    roles : Roles
        Of the measure. Each placebo origin takes the place of its origins, and leaves the hubs, destinations
        and controls if it was among them.
    origins : ndarray of int
        Exporters outside the measure that sold goods of the same kind.

    Returns
    -------
    Legs

    Raises
    ------
    ValueError
        If an origin of the measure is among the placebos, or none is left with a hub and a destination.

    Examples
    --------
    >>> from entrepot.models.detection import measure_legs, roles, trade, window
    >>> rows = trade([0, 1], [2, 2], [0, 0], [1, 1], [9.0, 8.0], countries=4, products=1, periods=2)
    >>> who = roles([0], [2], [3], countries=4)
    >>> def measure(who):
    ...     return measure_legs(rows, who, window([0], [1]), parents=[np.zeros(1, int)], floor=1.0)
    >>> placebo_origins(measure, who, np.array([1])).observed
    array([8.])
    """
    origins = np.unique(np.asarray(origins, np.int64))
    if np.isin(origins, roles.origins).any():
        raise ValueError("origins must hold no origin of the measure")
    found = []
    for origin in origins:
        one = Roles(
            np.array([origin]),
            roles.hubs[roles.hubs != origin],
            roles.destinations[roles.destinations != origin],
            roles.controls[roles.controls != origin],
        )
        if one.hubs.size and one.destinations.size:
            found.append(measure(one))
    if not found:
        raise ValueError("origins must leave a hub and a destination for at least one placebo")
    return pool(found)
