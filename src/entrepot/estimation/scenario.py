"""What a change in the regressors of a gravity equation does to trade and real income.

A change of regressors by ``dx`` moves trade costs by ``(t'/t)^-theta = exp(dx beta)``. The one-sector
equilibrium (`entrepot.models.equilibrium.OneSector`) of one year's trade, domestic trade included, answers
with trade and real income, once for the estimate and once for every draw of beta.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.estimation.design import cells_of, taken
from entrepot.estimation.formula import Factor, Product, Term, columns_of
from entrepot.estimation.frame import Frame, read
from entrepot.estimation.terms import Cells, evaluate
from entrepot.models.equilibrium import OneSector
from entrepot.models.equilibrium.one_sector import Deficits, Kind
from entrepot.models.fixed_point import ConvergenceError

if TYPE_CHECKING:
    from entrepot.estimation.design import Design
    from entrepot.estimation.estimates import GravityFit

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Baseline = Literal["observed", "fitted"]
# Entries of a (draws, N, N) block of new trade held at once.
_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True)
class Ask:
    """A counterfactual as asked for; see `GravityFit.counterfactual`."""

    theta: float
    year: int | None
    draws: int
    seed: int
    method: Literal["covariance", "bootstrap", "score"]
    kind: Kind
    deficits: Deficits
    baseline: Baseline
    sweep: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Changes, new over old; N countries, D draws.

    Attributes
    ----------
    countries : tuple
        Names of the N countries.
    year : int or None
        Year of the baseline.
    baseline, trade : ndarray, shape (N, N)
        Trade before and after [exporter, importer], in the unit of the data.
    central : dict of str to ndarray, shape (N,)
        ``welfare``, ``exports``, ``imports`` at the estimate.
    drawn : dict of str to ndarray, shape (D, N)
        The same by draw.
    sweep : dict of float to ndarray, shape (N,)
        Welfare at the estimate for other trade elasticities.
    moved : int
        Pairs of countries whose trade costs change.
    absent : int
        Pairs without a row in the data, taken as no trade.
    residual : float
        Largest excess demand left in any equilibrium.
    """

    countries: tuple[Any, ...]
    year: int | None
    baseline: FloatArray
    trade: FloatArray
    central: dict[str, FloatArray]
    drawn: dict[str, FloatArray]
    sweep: dict[float, FloatArray]
    moved: int
    absent: int
    residual: float


def solve_scenario(fit: GravityFit, change: Any, ask: Ask) -> Outcome:
    """Change the regressors of one year and solve for trade and real income; see the module."""
    _check(ask)
    design = fit.design
    if design.cells is None:
        raise InputError(
            "a counterfactual needs exporters and importers", hint="name exporter= and importer="
        )
    year = _year(design.cells, ask.year)
    rows = np.arange(design.y.size) if year is None else np.flatnonzero(design.cells.year == year)
    moves = _moves(fit, change, rows)
    cells = taken(design.cells, rows)
    present, code = np.unique(np.concatenate([cells.exporter.code, cells.importer.code]), return_inverse=True)
    sides = code[: rows.size], code[rows.size :]
    countries = tuple(cells.exporter.values[at] for at in present)
    trade, absent = _matrix(_trade(fit, rows, ask.baseline), sides, countries, year)
    beta, drawn = fit.coefficients, fit.draws(ask.draws, ask.seed, ask.method) if ask.draws else None
    shocks = np.zeros((len(countries), len(countries), beta.size))
    shocks[sides] = moves
    solver = _Solver(trade, shocks, ask)
    central = solver.changes(beta[None], ask.theta)
    new_trade = central.pop("trade")[0]
    by_draw = {name: np.empty((0, len(countries))) for name in central}
    if drawn is not None:
        by_draw = {
            name: values for name, values in solver.changes(drawn, ask.theta).items() if name != "trade"
        }
    sweep = {value: solver.changes(beta[None], value)["welfare"][0] for value in ask.sweep}
    return Outcome(
        countries=countries,
        year=year,
        baseline=trade,
        trade=new_trade,
        central={name: values[0] for name, values in central.items()},
        drawn=by_draw,
        sweep=sweep,
        moved=int((moves != 0).any(axis=1).sum()),
        absent=absent,
        residual=solver.residual,
    )


def _check(ask: Ask) -> None:
    for name, value, allowed in (
        ("kind", ask.kind, get_args(Kind)),
        ("deficits", ask.deficits, get_args(Deficits)),
        ("baseline", ask.baseline, get_args(Baseline)),
    ):
        if value not in allowed:
            raise InputError.bad_option(name, value, allowed)
    for theta in (ask.theta, *ask.sweep):
        if not (np.isfinite(theta) and theta > 0):
            raise InputError(
                f"theta cannot be {theta}", hint="the trade elasticity is positive, often 3 to 8"
            )
    if ask.draws < 0:
        raise InputError(f"draws cannot be {ask.draws}", hint="0 means the estimate alone")


def _year(cells: Cells, asked: int | None) -> int | None:
    if cells.year is None:
        if asked is not None:
            raise InputError(
                "the data have no years", hint="name their column with year=, or ask for no year"
            )
        return None
    years = np.unique(cells.year)
    if asked is None:
        return int(years[-1])
    if asked not in years:
        raise InputError(
            f"the data have no rows of {asked}", hint=f"their years are {years[0]} to {years[-1]}"
        )
    return asked


def _moves(fit: GravityFit, change: Any, rows: IntArray) -> FloatArray:
    """Return the change of each regressor with a coefficient, shape (len(rows), k)."""
    design = fit.design
    frame = _changed(design, change)
    cells = cells_of(frame, design.roles)
    columns = [values for term in design.formula.terms for _, values in evaluate(term, frame, cells)]
    after = np.column_stack(columns)[design.rows[rows]] if columns else np.empty((rows.size, 0))
    moves = after - design.x[rows]
    if np.isnan(moves).any():
        raise DataError(
            "the change leaves regressors without a value", hint="give a number for every row it names"
        )
    for at, term in enumerate(design.terms):
        if at not in fit.fit.columns and moves[:, at].any():
            raise DataError(f"the change moves '{term}', which has no coefficient", hint="see fit.dropped")
    return np.asarray(moves[:, list(fit.fit.columns)])


def _changed(design: Design, change: Any) -> Frame:
    """Return the data with the changed columns."""
    roles = design.roles
    assert roles.exporter is not None
    assert roles.importer is not None
    by_column = isinstance(change, Mapping) and not {roles.exporter, roles.importer} <= set(change)
    if by_column:
        return _by_column(design, change)
    return _by_rows(design, change, roles.exporter, roles.importer)


def changeable(terms: Sequence[Term]) -> tuple[str, ...]:
    """Return the columns whose numbers enter terms; those whose values name dummies do not.

    Examples
    --------
    >>> from entrepot.estimation.formula import parse
    >>> changeable(parse("y ~ rta + i(year, border)").terms)
    ('rta', 'border')
    """
    found: list[str] = []
    for term in terms:
        match term:
            case Factor(_, by, _):
                found += [] if by is None else columns_of(by)
            case Product(parts):
                found += changeable(parts)
            case _:
                found += columns_of(term)
    return tuple(dict.fromkeys(found))


def _known(design: Design, name: str) -> None:
    known = changeable(design.formula.terms)
    if name not in known:
        raise InputError.unknown(
            "regressor to change", name, known, see=f"regressors: {', '.join(known) or 'none'}"
        )


def _by_column(design: Design, change: Mapping[str, Any]) -> Frame:
    frame = design.frame
    cells = cells_of(frame, design.roles)
    assert cells is not None
    abroad = cells.exporter.code != cells.importer.code
    place = {str(value): at for at, value in enumerate(cells.exporter.values)}
    for name, given in change.items():
        _known(design, name)
        values = frame.numbers(name).copy()
        if not isinstance(given, Mapping):
            values[abroad] = _value(name, given)
        else:
            for pair, value in given.items():
                values[_rows_of(cells, place, pair)] = _value(name, value)
        frame = frame.changed(name, values)
    return frame


def _value(name: str, given: Any) -> float:
    try:
        value = float(given)
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        raise InputError(
            f"the change of '{name}' must be a number, or numbers by (exporter, importer), not {given!r}",
            hint='for example {"rta": 0} or {"rta": {("MEX", "USA"): 0, ("USA", "MEX"): 0}}',
        )
    return value


def _rows_of(cells: Cells, place: Mapping[str, int], pair: Any) -> NDArray[np.bool_]:
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise InputError(
            f"a change is for a pair (exporter, importer), not {pair!r}", hint='as in ("MEX", "USA")'
        )
    for country in pair:
        if str(country) not in place:
            raise InputError.unknown("country", str(country), list(place))
    own = (cells.exporter.code == place[str(pair[0])]) & (cells.importer.code == place[str(pair[1])])
    if not own.any():
        raise DataError.empty_selection(
            f"{pair[0]} to {pair[1]}", hint="the data have no such pair to change"
        )
    return np.asarray(own)


def _by_rows(design: Design, change: Any, exporter: str, importer: str) -> Frame:
    """Put in the columns of a frame of pairs; with years where it has them, else in every year."""
    known = read(change, (exporter, importer)).known
    keys = [exporter, importer, *([design.roles.year] if design.roles.year in known else [])]
    names = [name for name in known if name not in keys]
    for name in names:
        _known(design, name)
    given = read(change, [*keys, *names])
    index: dict[tuple[Any, ...], int] = {}
    for at, key in enumerate(zip(*(given.table[name].to_pylist() for name in keys), strict=True)):
        if key in index:
            raise DataError.duplicate_key("change", index[key] + 1, at + 1, dict(zip(keys, key, strict=True)))
        index[key] = at
    own = list(zip(*(design.frame.table[name].to_pylist() for name in keys), strict=True))
    for key in index.keys() - set(own):
        raise DataError.empty_selection(
            f"{' '.join(str(part) for part in key)} of the change", hint="the data have no such row to change"
        )
    where = np.array([index.get(key, -1) for key in own], dtype=np.intp)
    frame = design.frame
    for name in names:
        frame = frame.changed(name, np.where(where >= 0, given.numbers(name)[where], frame.numbers(name)))
    return frame


def _trade(fit: GravityFit, rows: IntArray, baseline: Baseline) -> FloatArray:
    if baseline == "observed":
        return fit.design.y[rows]
    # Rows that were pruned or separated are fitted by zero.
    whole = np.zeros(fit.design.y.size)
    whole[fit.fit.kept] = fit.fitted
    return whole[rows]


def _matrix(
    trade: FloatArray, sides: tuple[IntArray, IntArray], countries: tuple[Any, ...], year: int | None
) -> tuple[FloatArray, int]:
    """Return trade [exporter, importer] and the number of pairs without a row."""
    n = len(countries)
    rows = np.zeros((n, n), dtype=np.intp)
    np.add.at(rows, sides, 1)
    if (rows > 1).any():
        raise DataError(
            "a counterfactual needs one row per exporter and importer in its year",
            hint="estimate on trade of all products together",
        )
    matrix = np.zeros((n, n))
    matrix[sides] = trade
    bare = [str(country) for country, own in zip(countries, np.diag(matrix), strict=True) if own <= 0]
    if bare:
        more = f" and {len(bare) - 5} more" if len(bare) > 5 else ""
        when = "" if year is None else f" in {year}"
        raise DataError(
            f"no domestic trade{when} for {', '.join(bare[:5])}{more}",
            hint="general equilibrium needs sales at home: rows with exporter = importer",
        )
    return matrix, int((rows == 0).sum())


class _Solver:
    """Solves the equilibrium block of draws by block of draws."""

    def __init__(self, trade: FloatArray, moves: FloatArray, ask: Ask) -> None:
        self.trade, self.moves, self.ask = trade, moves, ask
        self.residual = 0.0

    def changes(self, beta: FloatArray, theta: float) -> dict[str, FloatArray]:
        """Return welfare, exports and imports (D, N) for draws of beta (D, k), and trade of a lone draw."""
        step = max(1, _BLOCK // self.trade.size)
        parts = [self._block(beta[at : at + step], theta) for at in range(0, len(beta), step)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _block(self, beta: FloatArray, theta: float) -> dict[str, FloatArray]:
        # A cost beyond all numbers is infinite, which the model refuses by name.
        with np.errstate(over="ignore"):
            cost = np.exp(-np.einsum("ijk,dk->dij", self.moves, beta) / theta)
        try:
            economy = OneSector(self.trade, theta, deficits=self.ask.deficits)
            found = economy.solve(cost_hat=cost, kind=self.ask.kind)
        except (ConvergenceError, ValueError) as error:
            raise DataError(
                f"the counterfactual has no equilibrium: {error}", hint="look for a change of extreme size"
            ) from error
        self.residual = max(self.residual, float(found.residual.max()))
        changes = {"welfare": found.welfare_hat, "exports": found.exports_hat, "imports": found.imports_hat}
        return changes | ({"trade": found.trade} if len(beta) == 1 else {})
