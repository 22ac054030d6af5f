"""The object that people hold: a store, and one method per question."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from entrepot.estimation.panel import Silent
    from entrepot.estimation.world_gravity import WorldFit
    from entrepot.models.complexity import ConventionName
    from entrepot.questions.competencies import Level
    from entrepot.questions.direction_words import Basis, By, Flow
    from entrepot.questions.diversion_read import Basis as ReportsOrFlows
    from entrepot.questions.diversion_scope import Bound, Form
    from entrepot.questions.programme import Register
    from entrepot.questions.scenario import Scenario
    from entrepot.report.brief import Brief
    from entrepot.result import Result
    from entrepot.store.store import Store


def open(path: str | Path | SparkSession | None = None, *, engine: str | SparkSession | None = None) -> World:
    """Open a store of trade data.

    Parameters
    ----------
    path : str or Path, optional
        Folder of Parquet files with a manifest; the embedded pack if left out. An address such as
        ``spark://host:7077``, or a Spark session, is taken for the engine.
    engine : str or pyspark.sql.SparkSession, optional
        Spark session, or address of a Spark cluster, that answers instead of this process; every worker must
        see the folder at the same path.

    Returns
    -------
    World

    Raises
    ------
    InputError
        If the engine is neither, PySpark is not installed, or this process has a session elsewhere.
    StoreError
        If the folder is no store, or its manifest cannot be read.

    Examples
    --------
    >>> import entrepot as ep
    >>> ep.open().store.names()
    ('flows', 'industry_flows', 'industry_totals', 'products')
    """
    from entrepot.store.store import open_store

    return World(open_store(path, engine))


@dataclass(frozen=True, slots=True)
class World:
    """The trade of the world as one store tells it, and the questions that can be put to it.

    Attributes
    ----------
    store : Store
        Tables on disk, queried in place.
    """

    store: Store

    def direction(
        self,
        country: str,
        *,
        product: str | Sequence[str] | None = None,
        level: int | None = None,
        by: By = "partner",
        since: int | None = None,
        until: int | None = None,
        flow: Flow = "exports",
        table: Basis = "auto",
        lang: str = "en",
    ) -> Result:
        """Where a country's trade goes and how it shifted: see `entrepot.questions.direction.direction`."""
        from entrepot.questions.direction import direction

        return direction(
            self.store, country, product=product, level=level, by=by, since=since, until=until,
            flow=flow, table=table, lang=lang,
        )  # fmt: skip

    def coverage(
        self,
        target: str,
        *,
        sender: str | None = None,
        at: date | str | None = None,
        over: Sequence[int | date | str] | None = None,
        level: int | None = None,
        kinds: Collection[str] = ("ban", "licence"),
        base: int | None = None,
        carry_forward: bool = True,
        catalogue: str | Path | None = None,
        known_at: date | str | None = None,
        lang: str = "en",
    ) -> Result:
        """Which positions measures cover and how much trade: see `entrepot.questions.coverage.coverage`."""
        from entrepot.questions.coverage import coverage

        return coverage(
            self.store, target, sender=sender, at=at, over=over, level=level, kinds=kinds, base=base,
            carry_forward=carry_forward, catalogue=catalogue, known_at=known_at, lang=lang,
        )  # fmt: skip

    def diversion(
        self,
        target: str,
        *,
        sender: str | Sequence[str] | None = "EU",
        form: Form = "export-ban",
        baseline: tuple[int, int] | None = None,
        until: int | None = None,
        fdr: float = 0.05,
        hubs: Sequence[str] | None = None,
        hub: str | Sequence[str] | None = None,
        product: str | Sequence[str] | None = None,
        bound: Bound = "upper",
        table: ReportsOrFlows = "auto",
        catalogue: str | Path | None = None,
        lang: str = "en",
    ) -> Result:
        """Which trade is consistent with a way round: see `entrepot.questions.diversion.diversion`."""
        from entrepot.questions.diversion import diversion

        return diversion(
            self.store, target, sender=sender, form=form, baseline=baseline, until=until, fdr=fdr, hubs=hubs,
            hub=hub, product=product, bound=bound, table=table, catalogue=catalogue, lang=lang,
        )  # fmt: skip

    def agreement(
        self,
        scenario: str | Path | Scenario,
        *,
        draws: int = 200,
        theta: Sequence[float] | None = None,
        focus: str | None = None,
        seed: int = 1,
        decomposition: bool = False,
        lang: str = "en",
        progress: Callable[[int, int], None] | None = None,
    ) -> Result:
        """What a scenario is worth to every side: see `entrepot.questions.agreement.agreement`."""
        from entrepot.questions.agreement import agreement

        return agreement(
            self.store, scenario, draws=draws, theta=theta, focus=focus, seed=seed,
            decomposition=decomposition, lang=lang, progress=progress,
        )  # fmt: skip

    def coalitions(
        self,
        target: str,
        *,
        members: Sequence[str] = ("eu", "USA", "GBR", "JPN"),
        theta: Sequence[float] = (3.0, 5.0, 8.0),
        lang: str = "en",
    ) -> Result:
        """Who bears what in a coalition of senders: see `entrepot.questions.coalition.coalitions`."""
        from entrepot.questions.coalition import coalitions

        return coalitions(self.store, target, members=members, theta=theta, lang=lang)

    def partners(
        self,
        country: str,
        *,
        partner: str | None = None,
        weights: Mapping[str, float] | None = None,
        at: date | str | None = None,
        year: int | None = None,
        table: Basis = "auto",
        catalogue: str | Path | None = None,
        lang: str = "en",
    ) -> Result:
        """With whom a country could trade more: see `entrepot.questions.partners.partners`."""
        from entrepot.questions.partners import partners

        return partners(
            self.store, country, partner=partner, weights=weights, at=at, year=year, table=table,
            catalogue=catalogue, lang=lang,
        )  # fmt: skip

    def competencies(
        self,
        country: str,
        *,
        year: int | None = None,
        since: int | None = None,
        convention: ConventionName = "atlas",
        reference: str | Sequence[str] | None = None,
        table: Basis = "auto",
        level: Level | None = None,
        lang: str = "en",
    ) -> Result:
        """What a country makes and what is near: see `entrepot.questions.competencies.competencies`."""
        from entrepot.questions.competencies import competencies

        return competencies(
            self.store, country, year=year, since=since, convention=convention, reference=reference,
            table=table, level=level, lang=lang,
        )  # fmt: skip

    def localisation(
        self,
        country: str,
        *,
        sector: str | None = None,
        partner: str | None = None,
        group: str | None = None,
        year: int | None = None,
        lang: str = "en",
    ) -> Result:
        """How much of what we make is ours: see `entrepot.questions.localisation.localisation`."""
        from entrepot.questions.localisation import localisation

        return localisation(
            self.store, country, sector=sector, partner=partner, group=group, year=year, lang=lang
        )

    @overload
    def gravity(
        self, formula: str | None = None, *, by_product: Literal[False] = False, **options: Any
    ) -> WorldFit: ...

    @overload
    def gravity(self, formula: str | None = None, *, by_product: Literal[True], **options: Any) -> Result: ...

    def gravity(
        self,
        formula: str | None = None,
        *,
        product: str | Sequence[str] | None = None,
        since: int | None = None,
        until: int | None = None,
        by_product: bool = False,
        vcov: str = "pair",
        extra: Any = None,
        fill: float | None = None,
        silent: Silent = "missing",
        workers: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        **options: Any,
    ) -> WorldFit | Result:
        """A gravity equation on the store's trade: see `entrepot.estimation.world_gravity.world_gravity`.

        With ``by_product`` each product is estimated by itself into one table: see
        `entrepot.estimation.products.product_gravity`, which alone takes ``workers`` and ``progress``.
        """
        from entrepot.estimation.products import product_gravity
        from entrepot.estimation.world_gravity import world_gravity
        from entrepot.estimation.world_words import FORMULA

        equation = FORMULA if formula is None else formula
        if by_product:
            return product_gravity(
                self.store, equation, product=product, since=since, until=until, vcov=vcov, extra=extra,
                fill=fill, silent=silent, workers=workers, progress=progress, **options,
            )  # fmt: skip
        return world_gravity(
            self.store, equation, product=product, since=since, until=until, vcov=vcov, extra=extra,
            fill=fill, silent=silent, **options,
        )  # fmt: skip

    def technoparks(
        self,
        country: str,
        *,
        k: int = 5,
        brains: float = 0.0,
        size: tuple[int, int] = (2, 6),
        overlap: int = 1,
        register: str | Path | None = None,
        earlier: Register | None = None,
        at: date | str | None = None,
        year: int | None = None,
        table: Basis = "auto",
        catalogue: str | Path | None = None,
        lang: str = "en",
    ) -> Result:
        """Which clusters a country could build: see `entrepot.questions.technoparks.technoparks`."""
        from entrepot.questions.technoparks import technoparks

        return technoparks(
            self.store, country, k=k, brains=brains, size=size, overlap=overlap, register=register,
            earlier=earlier, at=at, year=year, table=table, catalogue=catalogue, lang=lang,
        )  # fmt: skip

    def settlements(
        self,
        members: str | Sequence[str],
        *,
        year: int | None = None,
        table: Basis = "auto",
        lang: str = "en",
    ) -> Result:
        """What a group could set off: see `entrepot.questions.settlements.settlements`."""
        from entrepot.questions.settlements import settlements

        return settlements(self.store, members, year=year, table=table, lang=lang)

    def brief(
        self,
        country: str,
        *,
        year: int | None = None,
        lang: str = "en",
        since: str | Path | None = None,
        draws: int = 60,
        register: str | Path | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> Brief:
        """All questions about one country on one page: see `entrepot.report.agenda.compose`."""
        from entrepot.report.agenda import compose

        return compose(
            self.store, country, year=year, lang=lang, since=since, draws=draws, register=register,
            progress=progress,
        )  # fmt: skip
