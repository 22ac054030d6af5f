"""The scope join: which codes of a nomenclature fall under which measures, with two bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from entrepot.measures.catalogue import Catalogue, countries
from entrepot.measures.nomenclature import base_revision, family
from entrepot.measures.schema import ExceptionRow, Measure, Party

NONE, PARTIAL, FULL = 0, 1, 2
LENGTHS = (2, 4, 6, 8, 10)

Status = npt.NDArray[np.int8]
Share = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Match:
    """Which code falls under which measure on one day.

    Attributes
    ----------
    codes : tuple of str, length C
    measures : tuple of str, length M
    known : int8 array (C, M)
        0 none, 1 partial, 2 full, from the rows known to be in force; the lower bound counts 2.
    possible : int8 array (C, M)
        The same from the rows that are known or possibly in force; the upper bound counts 1 and 2.
    """

    codes: tuple[str, ...]
    measures: tuple[str, ...]
    known: Status
    possible: Status


@dataclass(frozen=True, slots=True)
class _Rows:
    """Prefixes of a list of scope rows as numbers: R rows."""

    owner: Integers  # (R,) position of the measure
    digits: Integers  # (R,) the prefix as a number
    length: Integers  # (R,) digits of the prefix
    exclude: Flags  # (R,)
    partial: Flags  # (R,)

    def take(self, chosen: Flags) -> _Rows:
        return _Rows(
            self.owner[chosen],
            self.digits[chosen],
            self.length[chosen],
            self.exclude[chosen],
            self.partial[chosen],
        )


def match(
    catalogue: Catalogue,
    codes: Sequence[str],
    nomenclature: str,
    *,
    at: date,
    measures: Sequence[Measure] | None = None,
) -> Match:
    """Join codes with measures on one day.

    A code is cut to 2, 4, 6, 8 and 10 digits and looked up among the prefixes of each measure. The most
    specific row wins and an exclusion beats an inclusion of equal length. A row finer than the code, an
    "ex", a value threshold or a wind-down in progress makes it partial. Where law and data use different
    revisions a code is full if all its successors are, and partial if some are.

    Parameters
    ----------
    catalogue : Catalogue
    codes : sequence of str, length C
        Codes of one nomenclature, as text.
    nomenclature : str
        ``HS1992`` ... ``HS2022``, or a national one such as ``CN2022``.
    at : date
        The day.
    measures : sequence of Measure, length M, optional
        By default all.

    Returns
    -------
    Match
        Arrays of shape (C, M). Exceptions and exempt countries are not in it: see ``covered``.

    Examples
    --------
    >>> from datetime import date
    >>> from entrepot.measures import load_catalogue
    >>> law = load_catalogue()
    >>> gold = [law.measure["ca-ru-sch9"]]
    >>> match(law, ["710812", "710692"], "HS2022", at=date(2022, 12, 31), measures=gold).known.tolist()
    [[2], [0]]
    """
    chosen = tuple(catalogue.measures if measures is None else measures)
    ids = tuple(row.measure_id for row in chosen)
    groups = _scope_rows(catalogue, ids)
    known = np.zeros((len(codes), len(ids)), np.int8)
    possible = known.copy()
    day = at.toordinal()
    for law, (rows, windows) in groups.items():
        sure = (windows[:, 0] <= day) & (day < windows[:, 1])
        maybe = (windows[:, 2] <= day) & (day < windows[:, 3])
        if not maybe.any():
            continue
        reader = _reader(tuple(codes), nomenclature, law)
        # Doubt always widens: a doubtful inclusion counts above only, a doubtful exclusion below only.
        lower = rows.take(np.where(rows.exclude, maybe, sure))
        upper = rows.take(np.where(rows.exclude, sure, maybe))
        below = reader(lower, len(ids))
        above = below if (sure == maybe).all() else reader(upper, len(ids))
        np.maximum(known, below, out=known)
        np.maximum(possible, above, out=possible)
    for place, row in enumerate(chosen):
        if row.wind_down_to and at < row.wind_down_to:
            np.minimum(known[:, place], PARTIAL, out=known[:, place])
    return Match(tuple(codes), ids, known, possible)


@lru_cache(maxsize=256)
def _scope_rows(catalogue: Catalogue, ids: tuple[str, ...]) -> dict[str, tuple[_Rows, Integers]]:
    """Lay the scope of some measures out as arrays, per nomenclature, with windows (R, 4)."""
    groups: dict[str, list[tuple[tuple[int, int, int, bool, bool], tuple[int, ...]]]] = {}
    for place, measure_id in enumerate(ids):
        for position in catalogue.scope_of.get(measure_id, ()):
            row = catalogue.scope[position]
            partial = row.partial or row.threshold_value is not None
            window = catalogue.windows[position]
            for prefix, vague in printed_group(row.prefix, row.nomenclature):
                cells = (place, int(prefix), len(prefix), row.op == "exclude", partial or vague)
                groups.setdefault(row.nomenclature, []).append((cells, window))
    return {
        law: (_rows([cells for cells, _ in found]), np.array([window for _, window in found]))
        for law, found in groups.items()
    }


def _rows(cells: Sequence[tuple[int, int, int, bool, bool]]) -> _Rows:
    table = np.array(cells, np.int64).reshape(-1, 5)
    return _Rows(table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(bool), table[:, 4].astype(bool))


@lru_cache(maxsize=16384)
def printed_group(prefix: str, nomenclature: str) -> tuple[tuple[str, bool], ...]:
    """Return the prefixes that a printed code stands for, each with True where the reading is vague.

    Laws print codes that no nomenclature has, such as 842910 for the group of 842911 and 842919: the
    description governs, so the codes of the group are covered at most in part.

    Examples
    --------
    >>> printed_group("842910", "HS2022")
    (('842911', True), ('842919', True))
    """
    from entrepot.world import products

    revision = base_revision(nomenclature)
    if len(prefix) != 6 or not prefix.endswith("0") or products.exists(prefix, revision):
        return ((prefix, False),)
    group = [prefix[:5] + digit for digit in "123456789"]
    known = tuple((code, True) for code in group if products.exists(code, revision))
    return known or ((prefix, False),)


def _reader(codes: tuple[str, ...], data: str, law: str) -> Callable[[_Rows, int], Status]:
    """Return a function from rows and M to the status (C, M) of the codes under one law nomenclature."""
    owner, digits, length = _readings(codes, data, law)
    one_each = len(owner) == len(codes)

    def read(rows: _Rows, measures: int) -> Status:
        single = _status(digits, length, rows, measures)
        if one_each:
            return single
        least = np.full((len(codes), measures), FULL, np.int8)
        most = np.zeros((len(codes), measures), np.int8)
        np.minimum.at(least, owner, single)
        np.maximum.at(most, owner, single)
        return np.where(least == FULL, FULL, np.minimum(most, PARTIAL)).astype(np.int8)

    return read


@lru_cache(maxsize=64)
def _readings(codes: tuple[str, ...], data: str, law: str) -> tuple[Integers, Integers, Integers]:
    """Read data codes in the law's nomenclature: position of the code, digits as a number, length."""
    same_base = base_revision(data) == base_revision(law)
    whole = same_base and (family(law) in ("HS", family(data)))
    cut = [code if whole or len(code) <= 6 else code[:6] for code in codes]
    pairs = list(enumerate(cut)) if same_base else _through_correlation(cut, data, law)
    # A code with letters (a confidential total, say) can fall under no prefix: -1 matches none.
    number = [int(code) if code.isdigit() else -1 for _, code in pairs]
    return (
        np.array([place for place, _ in pairs], np.int64),
        np.array(number, np.int64),
        np.array([len(code) for _, code in pairs], np.int64),
    )


def _through_correlation(codes: Sequence[str], data: str, law: str) -> list[tuple[int, str]]:
    """Pair each code with its successors in the law's revision."""
    table = successors(base_revision(data), base_revision(law))
    # Chapters and headings have no entry: they are taken to keep their numbers.
    return [(place, reading) for place, code in enumerate(codes) for reading in table.get(code, (code,))]


@lru_cache(maxsize=64)
def successors(data: str, law: str) -> dict[str, tuple[str, ...]]:
    """Return, for each six-digit code of one HS revision, the codes that hold its goods in another."""
    from entrepot.world.products import correlation

    found: dict[str, list[str]] = {}
    for code, other, _ in correlation(data, law):
        found.setdefault(code, []).append(other)
    return {code: tuple(others) for code, others in found.items()}


def _status(digits: Integers, length: Integers, rows: _Rows, measures: int) -> Status:
    """Return the status (N, M) of N readings under the rows of M measures."""
    rank = np.zeros((len(digits), measures), np.int8)
    adds = np.zeros((len(digits), measures), bool)
    cuts = np.zeros((len(digits), measures), bool)
    # At equal length: exclusion 3, full inclusion 2, partial inclusion 1.
    weight = (rows.length * 4 + np.where(rows.exclude, 3, np.where(rows.partial, 1, 2))).astype(np.int8)
    for size in np.unique(length):
        of_size = np.flatnonzero(length == size)
        number = digits[of_size]
        for prefix_size in LENGTHS:
            chosen = np.flatnonzero(rows.length == prefix_size)
            if not len(chosen):
                continue
            if prefix_size <= size:
                left, right = _join(number // 10 ** (size - prefix_size), rows.digits[chosen])
                place, row = of_size[left], chosen[right]
                np.maximum.at(rank, (place, rows.owner[row]), weight[row])
            else:
                left, right = _join(number, rows.digits[chosen] // 10 ** (prefix_size - size))
                place, row = of_size[left], chosen[right]
                included = ~rows.exclude[row]
                cutting = rows.exclude[row] | rows.partial[row]
                adds[place[included], rows.owner[row][included]] = True
                cuts[place[cutting], rows.owner[row][cutting]] = True
    return _settle(rank % 4, adds, cuts)


def _settle(best: Status, adds: Flags, cuts: Flags) -> Status:
    """Combine the winning row with rows finer than the code."""
    status = np.array([NONE, PARTIAL, FULL, NONE], np.int8)[best]
    status[(status == NONE) & adds] = PARTIAL
    status[(status == FULL) & cuts] = PARTIAL
    return status


def _join(left: Integers, right: Integers) -> tuple[Integers, Integers]:
    """Return the positions of all equal pairs of two arrays of keys."""
    order = np.argsort(right, kind="stable")
    keys = right[order]
    start = np.searchsorted(keys, left, "left")
    count = np.searchsorted(keys, left, "right") - start
    first = np.repeat(np.arange(len(left)), count)
    step = np.arange(len(first)) - np.repeat(np.cumsum(count) - count, count)
    return first, order[np.repeat(start, count) + step]


def covered(
    catalogue: Catalogue,
    codes: Sequence[str],
    nomenclature: str,
    *,
    sender: str,
    members: Sequence[str],
    measures: Sequence[Measure],
    since: date,
    until: date,
) -> tuple[Share, Share]:
    """Return the share of an interval in which each flow of a sender is covered, as two bounds.

    Several measures on one flow and product count once: on each day the widest of them holds.

    Parameters
    ----------
    catalogue : Catalogue
    codes : sequence of str, length C
    nomenclature : str
        Nomenclature of the codes.
    sender : str
        Country or bloc that keeps the measures.
    members : sequence of str, length K
        Countries of the sender whose flows are asked about.
    measures : sequence of Measure
        Measures of one direction.
    since, until : date
        Half-open interval; a single day is ``since`` and the day after.

    Returns
    -------
    lower, upper : float64 arrays (K, C)
        Between 0 and 1, lower nowhere above upper.

    Examples
    --------
    >>> from datetime import date
    >>> from entrepot.measures import load_catalogue
    >>> law = load_catalogue()
    >>> gold = [law.measure["ca-ru-sch9"]]
    >>> lower, upper = covered(law, ["710812"], "HS2022", sender="CAN", members=["CAN"], measures=gold,
    ...                        since=date(2022, 1, 1), until=date(2023, 1, 1))
    >>> round(float(upper[0, 0]), 3) == round(177 / 365, 3)
    True
    """
    lower = np.zeros((len(members), len(codes)))
    upper = lower.copy()
    days = _breaks(catalogue, measures, since, until)
    for first, after in pairwise(days):
        weight = (after - first) / (until - since).days
        low, high = _on(catalogue, codes, nomenclature, sender, members, measures, date.fromordinal(first))
        lower += weight * low
        upper += weight * high
    return lower, upper


def _breaks(catalogue: Catalogue, measures: Sequence[Measure], since: date, until: date) -> list[int]:
    """Return the days on which anything changes in an interval, its ends included."""
    days = {since.toordinal(), until.toordinal()}
    for row in measures:
        for position in catalogue.scope_of.get(row.measure_id, ()):
            days.update(catalogue.windows[position])
        if row.wind_down_to:
            days.add(row.wind_down_to.toordinal())
        parties = [p for role in ("sender", "exempt") for p in catalogue.parties_of(row.measure_id, role)]
        dated: list[Party | ExceptionRow] = [*_exceptions(catalogue, row.measure_id), *parties]
        for other in dated:
            days.update(day.toordinal() for day in (other.valid_from, other.valid_to) if day)
    return sorted(day for day in days if since.toordinal() <= day <= until.toordinal())


def _on(
    catalogue: Catalogue,
    codes: Sequence[str],
    nomenclature: str,
    sender: str,
    members: Sequence[str],
    measures: Sequence[Measure],
    at: date,
) -> tuple[Flags, Flags]:
    """Return which flows (K, C) are covered on one day: surely, and possibly."""
    found = match(catalogue, codes, nomenclature, at=at, measures=measures)
    low = np.zeros((len(members), len(codes)), bool)
    high = low.copy()
    for place, row in enumerate(measures):
        bound = _bound(catalogue, row.measure_id, sender, members, at)
        known = np.where(bound[:, None], found.known[:, place], NONE)
        possible = np.where(bound[:, None], found.possible[:, place], NONE)
        for exception in _exceptions(catalogue, row.measure_id):
            if _holds(exception, at):
                _except(exception, codes, nomenclature, members, at, known, possible)
        low |= known == FULL
        high |= possible >= PARTIAL
    return low, high


def _bound(
    catalogue: Catalogue, measure_id: str, sender: str, members: Sequence[str], at: date
) -> npt.NDArray[np.bool_]:
    """Return which members (K,) a measure of the sender binds on a day."""
    parties = [p for p in catalogue.parties_of(measure_id, "sender") if p.iso3 == sender and _holds(p, at)]
    exempt = [p.iso3 for p in catalogue.parties_of(measure_id, "exempt") if _holds(p, at)]
    free = [any(_within(member, party, at) for party in exempt) for member in members]
    return np.array([bool(parties) and not out for out in free], bool)


def _within(country: str, party: str, at: date) -> bool:
    stands_for = countries(party, at)
    return stands_for is None or country in stands_for


def _holds(row: Party | ExceptionRow, at: date) -> bool:
    return (row.valid_from is None or row.valid_from <= at) and (row.valid_to is None or at < row.valid_to)


@lru_cache(maxsize=512)
def _exceptions(catalogue: Catalogue, measure_id: str) -> tuple[ExceptionRow, ...]:
    return tuple(row for row in catalogue.exceptions if row.measure_id == measure_id)


def _except(
    row: ExceptionRow,
    codes: Sequence[str],
    nomenclature: str,
    members: Sequence[str],
    at: date,
    known: npt.NDArray[np.int8],
    possible: npt.NDArray[np.int8],
) -> None:
    """Take an exception out of the status (K, C) of one measure, in place."""
    who = np.array([not row.iso3 or _within(m, row.iso3, at) for m in members], bool)
    goods = np.full(len(codes), FULL, np.int8)
    if row.prefix:
        rows = _rows([(0, int(row.prefix), len(row.prefix), False, False)])
        goods = _reader(tuple(codes), nomenclature, row.nomenclature)(rows, 1)[:, 0]
    touched = who[:, None] & (goods >= PARTIAL)[None, :]
    known[touched & (known == FULL)] = PARTIAL
    if row.effect == "none":
        whole = who[:, None] & (goods == FULL)[None, :]
        known[whole] = NONE
        possible[whole] = NONE
