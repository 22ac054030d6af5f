"""Blocs: dated membership, and partitions of the world into ordered groups.

A bloc is either a list of dated memberships or a rule over other blocs. East and West are blocs like any
other: rules whose notes say that they are conventions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Literal

from entrepot.errors import InputError
from entrepot.world._files import read_date, read_rows
from entrepot.world.countries import countries, known


@dataclass(frozen=True, slots=True)
class Membership:
    """One country in one bloc from ``since`` (included) to ``until`` (excluded; None = still)."""

    bloc: str
    country: str
    since: date
    until: date | None
    note: str = ""

    def holds(self, at: date) -> bool:
        """Return whether the country is a member on that day."""
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class Bloc:
    """A named set of countries that changes with time.

    Attributes
    ----------
    id, title : str
        Short stable key and full name.
    kind : {"members", "rule"}
        Whether it is a list of memberships or a rule over other blocs.
    rule : str
        Terms joined by ``|``; see :func:`members`. Empty for a list.
    note : str
        Who is counted and who is not.
    source : str
        Where the dates come from.
    as_of : date
        Day up to which the list was checked.
    """

    id: str
    title: str
    kind: Literal["members", "rule"]
    rule: str
    note: str
    source: str
    as_of: date


@dataclass(frozen=True, slots=True)
class Group:
    """One group of a partition; ``order`` is its place, the last group takes what is left."""

    id: str
    label: str
    title: str
    order: int
    rule: str


@cache
def blocs() -> dict[str, Bloc]:
    """Return all blocs by id.

    Example
    -------
    >>> blocs()["eaeu"].title
    'Eurasian Economic Union'
    """
    return {
        row["bloc"]: Bloc(
            id=row["bloc"],
            title=row["title"],
            kind="rule" if row["kind"] == "rule" else "members",
            rule=row["rule"],
            note=row["note"],
            source=row["source"],
            as_of=date.fromisoformat(row["as_of"]),
        )
        for row in read_rows("blocs.csv")
    }


@cache
def memberships(bloc: str) -> tuple[Membership, ...]:
    """Return the dated memberships of a bloc; a bloc by rule has none of its own.

    Raises
    ------
    InputError
        If there is no such bloc.
    """
    bloc = resolve_bloc(bloc)
    return tuple(
        Membership(
            bloc, row["country"], date.fromisoformat(row["since"]), read_date(row["until"]), row["note"]
        )
        for row in read_rows("bloc_members.csv")
        if row["bloc"] == bloc
    )


@cache
def members(bloc: str, at: date) -> frozenset[str]:
    """Return the ISO3 codes of the members on one day.

    A rule joins terms by ``|``: a bloc (``cis``), a bloc on a fixed day (``cis@2025-07-01``), a country
    (``HKG``), ``region:asia``, ``*`` for everybody; a term with ``-`` before it is taken away at the end.

    Raises
    ------
    InputError
        If there is no such bloc.

    Example
    -------
    >>> sorted(members("eaeu", date(2015, 8, 11)))
    ['ARM', 'BLR', 'KAZ', 'RUS']
    >>> "GBR" in members("eu", date(2020, 1, 31)), "GBR" in members("eu", date(2020, 2, 1))
    (True, False)
    """
    found = blocs()[resolve_bloc(bloc)]
    if found.kind == "rule":
        return _apply(found.rule, at)
    return frozenset(membership.country for membership in memberships(found.id) if membership.holds(at))


def members_in_year(bloc: str, year: int) -> frozenset[str]:
    """Return the members of a year: those on 1 July.

    Example
    -------
    >>> "KGZ" in members_in_year("eaeu", 2015), "KGZ" in members_in_year("eaeu", 2016)
    (False, True)
    """
    return members(bloc, date(year, 7, 1))


def resolve_bloc(text: str) -> str:
    """Return the id of a bloc named by id or title, whatever the case.

    Raises
    ------
    InputError
        If nothing matches; the hint names near misses.

    Example
    -------
    >>> resolve_bloc("EAEU"), resolve_bloc("european union")
    ('eaeu', 'eu')
    """
    word = text.strip().casefold()
    for bloc in blocs().values():
        if word in (bloc.id, bloc.title.casefold()):
            return bloc.id
    names = [*blocs(), *(bloc.title for bloc in blocs().values())]
    raise InputError.unknown("bloc", text, names, see=f"use one of: {', '.join(blocs())}")


@cache
def partition_groups(scheme: str = "meeting") -> tuple[Group, ...]:
    """Return the groups of a partition in order; the last takes what is left.

    Raises
    ------
    InputError
        If there is no such scheme.

    Example
    -------
    >>> [group.id for group in partition_groups("meeting")]
    ['eaeu', 'cis', 'china', 'eu', 'west', 'asia', 'africa', 'other']
    """
    rows = [row for row in read_rows("partition.csv") if row["scheme"] == scheme]
    if not rows:
        schemes = sorted({row["scheme"] for row in read_rows("partition.csv")})
        raise InputError.unknown("partition", scheme, schemes, see=f"use one of: {', '.join(schemes)}")
    groups = (Group(r["group"], r["label"], r["title"], int(r["order"]), r["rule"]) for r in rows)
    return tuple(sorted(groups, key=lambda group: group.order))


def partition(scheme: str = "meeting", year: int | None = None) -> dict[str, str]:
    """Return the group of every known country in one year; the first group that claims a country has it.

    For a series in which no country changes its group, call it once with one year and use it for all.

    Parameters
    ----------
    scheme : str
        ``meeting`` or ``east-west``.
    year : int, optional
        Membership is that of 1 July; None = the day up to which the lists were checked.

    Returns
    -------
    dict of str to str
        ISO3 code to group id, over :func:`entrepot.world.countries.known`.

    Example
    -------
    >>> partition("meeting", 2014)["KGZ"], partition("meeting", 2016)["KGZ"]
    ('cis', 'eaeu')
    """
    at = max(bloc.as_of for bloc in blocs().values()) if year is None else date(year, 7, 1)
    return dict(_partition(scheme, at))


@cache
def _partition(scheme: str, at: date) -> dict[str, str]:
    groups: dict[str, str] = {}
    for group in partition_groups(scheme):
        for country in sorted(_apply(group.rule, at)):
            groups.setdefault(country, group.id)
    return groups


def _apply(rule: str, at: date) -> frozenset[str]:
    terms = rule.split("|")
    joined = frozenset[str]().union(*(_term(term, at) for term in terms if not term.startswith("-")))
    return joined.difference(*(_term(term[1:], at) for term in terms if term.startswith("-")))


def _term(term: str, at: date) -> frozenset[str]:
    if term == "*":
        return known()
    if term in known():
        return frozenset({term})
    if term.startswith("region:"):
        region = term.removeprefix("region:")
        return frozenset(iso3 for iso3, country in countries().items() if country.region == region)
    bloc, _, day = term.partition("@")
    return members(bloc, date.fromisoformat(day) if day else at)
