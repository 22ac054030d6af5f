"""Trade of one country as labelled arrays, with what nobody reported set apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from entrepot.world import blocs

# A sum is "not observed" once the pairs on which neither side reports held more than this share of it when
# they were last seen; below it the reported part stands as a lower bound.
MATERIAL = 0.10


@dataclass(frozen=True, slots=True)
class Panel:
    """Trade of one country by year and label.

    Attributes
    ----------
    country : str
        ISO3 code of the country.
    direction : str
        ``exports``, ``imports`` or ``turnover``, seen from the country.
    years : ndarray of int, shape (T,)
    labels : tuple of str, length L
        Partners (ISO3), products, sectors or groups.
    value : ndarray of float, shape (T, L)
        USD; 0 where a reporting side shows no trade.
    quantity : ndarray of float, shape (T, L)
        Tonnes, over the rows that carry a quantity.
    unseen : ndarray of float, shape (T, L)
        USD that pairs on which neither side reports were worth when last seen; NaN where both the year is
        dark and nothing was ever seen. 0 where the cell is observed.
    dark : ndarray of bool, shape (T, L)
        True where the value is not observed.
    """

    country: str
    direction: str
    years: NDArray[np.int64]
    labels: tuple[str, ...]
    value: NDArray[np.float64]
    quantity: NDArray[np.float64]
    unseen: NDArray[np.float64]
    dark: NDArray[np.bool_]

    def window(self, since: int | None, until: int | None) -> Panel:
        """Keep the years from ``since`` to ``until`` and the labels that trade in them."""
        first = self.years[0] if since is None else since
        last = self.years[-1] if until is None else until
        rows = (self.years >= first) & (self.years <= last)
        cut = replace(
            self,
            years=self.years[rows],
            value=self.value[rows],
            quantity=self.quantity[rows],
            unseen=self.unseen[rows],
            dark=self.dark[rows],
        )
        return cut.kept(cut.live)

    def grouped(self, member: NDArray[np.int64], groups: Sequence[str]) -> Panel:
        """Sum labels into groups; ``member[t, l]`` is the index of the group of label ``l`` in year ``t``.

        A group is dark in a year where its unseen part exceeds ``MATERIAL`` of the whole.
        """
        rows = np.broadcast_to(np.arange(len(self.years))[:, None], member.shape)
        sums = []
        for array in (self.value, self.quantity, self.unseen):
            into = np.zeros((len(self.years), len(groups)))
            np.add.at(into, (rows, member), array)
            sums.append(into)
        value, quantity, unseen = sums
        return replace(
            self,
            labels=tuple(groups),
            value=value,
            quantity=quantity,
            unseen=unseen,
            dark=unseen > MATERIAL * (value + unseen),
        )

    def kept(self, live: NDArray[np.bool_]) -> Panel:
        """Keep the labels marked in ``live``, shape (L,)."""
        return replace(
            self,
            labels=tuple(label for label, keep in zip(self.labels, live, strict=True) if keep),
            value=self.value[:, live],
            quantity=self.quantity[:, live],
            unseen=self.unseen[:, live],
            dark=self.dark[:, live],
        )

    @property
    def live(self) -> NDArray[np.bool_]:
        """True for labels with trade, seen or unseen, in any year, shape (L,)."""
        return np.asarray(((self.value > 0) | (self.unseen > 0)).any(axis=0))

    @property
    def observed_ends(self) -> tuple[int, int] | None:
        """First and last year in which the total is observed, or None if there is none."""
        seen = self.years[~self.total_dark & (self.total > 0)]
        return (int(seen[0]), int(seen[-1])) if len(seen) else None

    @property
    def total(self) -> NDArray[np.float64]:
        """Reported trade by year, USD, shape (T,)."""
        return np.asarray(self.value.sum(axis=1))

    @property
    def total_dark(self) -> NDArray[np.bool_]:
        """True for years in which too much is unseen for a total to be stated, shape (T,)."""
        unseen = self.unseen.sum(axis=1)
        return np.asarray(unseen > MATERIAL * (self.total + unseen))

    @property
    def shares(self) -> NDArray[np.float64]:
        """Shares of reported trade; NaN where the cell or the total is not observed, shape (T, L)."""
        total = self.total[:, None]
        share = np.divide(self.value, total, out=np.full_like(self.value, np.nan), where=total > 0)
        share[self.dark | self.total_dark[:, None]] = np.nan
        return share

    @property
    def observed(self) -> NDArray[np.float64]:
        """Values with NaN where not observed, USD, shape (T, L)."""
        return np.where(self.dark, np.nan, self.value)


def last_seen(values: NDArray[np.float64], years: int = 3) -> NDArray[np.float64]:
    """Fill NaN with the largest of the last ``years`` values seen before it, or of the first ones after it.

    One year of nil before a silence does not make the silence worth nil.

    Parameters
    ----------
    values : ndarray, shape (T, L)
        NaN where dark.
    years : int
        How many seen years to look at.
    """
    filled = np.full_like(values, np.nan)
    for ahead in (values, values[::-1]):
        recent: list[NDArray[np.float64]] = [np.full(values.shape[1], np.nan)] * years
        target = filled if ahead is values else filled[::-1]
        for t, row in enumerate(ahead):
            seen = ~np.isnan(row)
            best = np.fmax.reduce(recent)
            target[t] = np.where(seen, row, np.where(np.isnan(target[t]), best, target[t]))
            # Only the columns seen this year move their window on.
            shifted = [row, *recent[:-1]]
            recent = [np.where(seen, new, old) for new, old in zip(shifted, recent, strict=True)]
    return filled


def add_panels(a: Panel, b: Panel) -> Panel:
    """Add two panels of the same country and years over the union of their labels: turnover."""
    names = tuple(sorted({*a.labels, *b.labels}))
    value, quantity, unseen, dark = (np.zeros((len(a.years), len(names))) for _ in range(4))
    for part in (a, b):
        columns = np.searchsorted(np.array(names), np.array(part.labels))
        value[:, columns] += part.value
        quantity[:, columns] += part.quantity
        unseen[:, columns] += part.unseen
        dark[:, columns] += part.dark
    return Panel(a.country, "turnover", a.years, names, value, quantity, unseen, dark > 0)


def by_bloc(cells: Panel) -> Panel:
    """Group partners into the blocs of the partition ``meeting``; empty blocs are left out.

    Membership is that of the last year and held fixed, so that a change is trade and not accession.
    """
    groups = [group.id for group in blocs.partition_groups("meeting")]
    index = {name: g for g, name in enumerate(groups)}
    of = blocs.partition("meeting", int(cells.years[-1]))
    member = np.array([index[of.get(label, groups[-1])] for label in cells.labels], dtype=np.int64)
    whole = cells.grouped(np.broadcast_to(member, cells.value.shape), groups)
    return whole.kept(whole.live)
