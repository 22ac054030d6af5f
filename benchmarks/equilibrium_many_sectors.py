"""Many-sector equilibrium: entrepot against a nested tatonnement of the same model, measured in one run.

Run ``OMP_NUM_THREADS=1 python benchmarks/equilibrium_many_sectors.py [--all]``; it prints Markdown. The world
is the embedded OECD table of 2022 with its smallest countries and sectors merged to 77 x 45. The tatonnement
nests three loops, as the article's own program does: prices given wages, spending given prices, wages
outside; it uses the same kernels and batched matrix-vector products. "Plain" is the textbook form: wage step
0.2, inner loops from the baseline to the tolerance each time. "Tuned" has warm starts, inner loops only to a
tenth of the outer residual, and the fastest of four wage steps.
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from entrepot.models.equilibrium.calibration import Calibration, calibrate_table
from entrepot.models.equilibrium.many_sectors import ManySectors
from entrepot.models.equilibrium.shocks import Shocks
from entrepot.models.equilibrium.sweep import Counterfactual, evaluate, residuals
from entrepot.store import open_store

TOLERANCE = 1e-9
DRAWS = 1000
SHOCKS = ("cost_hat", "tariffs", "export_tax", "ban", "deficits")
# fmt: off
WEST = [
    "USA", "CAN", "GBR", "NOR", "CHE", "ISL", "AUS", "NZL", "JPN", "KOR", "AUT", "BEL", "BGR", "HRV",
    "CYP", "CZE", "DNK", "EST", "FIN", "FRA", "DEU", "GRC", "HUN", "IRL", "ITA", "LVA", "LTU", "LUX",
    "MLT", "NLD", "POL", "PRT", "ROU", "SVK", "SVN", "ESP", "SWE",
]
# fmt: on


def table() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return flows, gross output and countries of the embedded table."""
    store = open_store()
    totals = store.collect(store.table("industry_totals"))
    flows = store.collect(store.table("industry_flows"))
    country, sector = (totals[name].to_numpy(zero_copy_only=False) for name in ("country", "sector"))
    countries, sectors = np.unique(country), np.unique(sector)
    output = np.zeros((len(countries), len(sectors)))
    output[np.searchsorted(countries, country), np.searchsorted(sectors, sector)] = totals[
        "gross_output"
    ].to_numpy()
    names = (countries, sectors, countries, sectors)
    columns = ("seller_country", "seller_sector", "buyer_country", "buyer_sector")
    index = [
        np.searchsorted(n, flows[c].to_numpy(zero_copy_only=False))
        for n, c in zip(names, columns, strict=True)
    ]
    cells = np.zeros(output.shape * 2)
    cells[tuple(index)] = flows["value"].to_numpy()
    return cells, output, countries.tolist()


def merged(size: np.ndarray, groups: int) -> np.ndarray:
    """Return a 0/1 matrix that keeps the largest and merges the rest into the last group."""
    rank = np.argsort(np.argsort(-size))
    return np.eye(groups)[np.minimum(rank, groups - 1)]


def world(n: int, j: int) -> tuple[Calibration, np.ndarray, int]:
    """Return the calibration merged to n x j, which of its countries are western, and Russia."""
    cells, output, countries = table()
    rows, columns = merged(output.sum(axis=1), n), merged(output.sum(axis=0), j)
    cells = np.einsum("isjt,ia->asjt", cells, rows, optimize=True)
    cells = np.einsum("asjt,jb->asbt", cells, rows, optimize=True)
    cells = np.einsum("asbt,su->aubt", cells, columns, optimize=True)
    cells = np.einsum("aubt,tv->aubv", cells, columns, optimize=True)
    last = rows[:, -1].astype(bool)
    west = rows.T @ np.isin(countries, WEST) > 0
    west[-1] = bool(last.sum() == 1 and west[-1])
    russia = int(rows[countries.index("RUS")].argmax())
    return calibrate_table(cells, rows.T @ output @ columns), west, russia


def shocks(n: int, j: int, west: np.ndarray, russia: int) -> dict[str, dict[str, Any]]:
    rng = np.random.default_rng(1)
    off = np.broadcast_to(~np.eye(n, dtype=bool)[:, :, None], (n, n, j))
    ban, alone = np.zeros((n, n, j), dtype=bool), np.zeros((n, n, j), dtype=bool)
    ban[west, russia] = ban[russia, west] = True
    alone[:, russia] = alone[russia] = True
    return {
        "random costs, s.d. 20%": {"cost_hat": np.exp(rng.normal(0, 0.2, (n, n, j)) * off)},
        "tariffs of 10% everywhere": {"tariffs": 0.1 * off},
        "tariffs of 50% everywhere": {"tariffs": 0.5 * off},
        "total ban West-Russia": {"ban": ban},
        "Russia in autarky": {"ban": alone & off, "deficits": "balanced"},
        "all but 1% of world trade banned": {"ban": 0.99 * off, "deficits": "balanced"},
    }


def tatonnement(
    case: Counterfactual, step: float, most: int, *, plain: bool
) -> tuple[np.ndarray, float, int]:
    """Solve by nested loops; return z, the residual and the passes over the kernel.

    Plain: the inner loops begin at the baseline and run to the tolerance each time. Otherwise they begin
    where they last ended and stop at a tenth of the outer residual.
    """
    economy = case.economy
    n, j = case.shape
    kernel = case.kernel[0]
    net = kernel if case.net is None else case.net[0]
    theta, inputs = economy.theta[0][:, None], economy.inputs[0]
    share, final, labour = economy.value_added[0], economy.final_shares[0], economy.labour[0]
    buys = case.support.buys[0]
    wage, price, spend = np.zeros(n), np.zeros((n, j)), economy.expenditure[0].copy()
    passes, residual = 0, np.inf
    for _ in range(most):
        within = TOLERANCE / 4 if plain else max(TOLERANCE / 4, 0.1 * min(residual, 1.0))
        if plain:
            price, spend = np.zeros((n, j)), economy.expenditure[0].copy()
        for _ in range(200):
            cost = share * wage[:, None] + np.matmul(price[:, None, :], inputs)[:, 0, :]
            power = np.exp(-theta * cost.T)
            total = np.matmul(kernel, power[:, :, None])[:, :, 0]
            new = np.where(buys, -(np.log(np.where(buys.T, total, 1.0)) / theta).T, 0.0)
            passes += 1
            moved, price = np.abs(new - price).max(), new
            if moved <= within:
                break
        inside = np.where(buys.T, total, 1.0)
        kept = 1 - np.matmul(net, power[:, :, None])[:, :, 0] / inside
        earned = labour * np.exp(wage)
        for _ in range(200):
            demand = spend.T / inside
            output = (power * np.matmul(demand[:, None, :], net)[:, 0, :]).T
            income = earned + (spend * kept.T * buys).sum(axis=1) + case.deficits[0]
            wanted = np.matmul(inputs, output[:, :, None])[:, :, 0] + final * income[:, None]
            passes += 1
            moved = np.abs(np.log(wanted[buys] / spend[buys])).max()
            spend = wanted
            if moved <= within:
                break
        gap = np.log((share * output).sum(axis=1) / earned)
        base = np.where(buys, economy.expenditure[0], 1.0)
        z = np.concatenate([wage, price.ravel(), np.log(np.where(buys, spend, 1.0) / base).ravel()])[None]
        residual = max(float(np.abs(part).max()) for part in residuals(case, z, evaluate(case, z)))
        if residual <= TOLERANCE or not np.isfinite(residual):
            break
        wage = wage + step * gap
        wage -= np.log((labour * np.exp(wage)).sum() / labour.sum())
    return z, residual, passes


def first_case(model: ManySectors, shock: dict[str, Any]) -> Counterfactual:
    given: Shocks = model._shocks(
        *(shock.get(k) for k in ("cost_hat", "tariffs", "export_tax", "ban", "deficits"))
    )
    return next(given.cases(model.economy))[1]


def rival(case: Counterfactual, *, plain: bool) -> tuple[float, int, float, np.ndarray] | None:
    """Return seconds, passes, residual and z of the fastest wage step that converges; None if none does."""
    best = None
    for step in (0.2,) if plain else (0.2, 0.35, 0.5, 0.7):
        start = time.perf_counter()
        with np.errstate(all="ignore"):
            z, residual, passes = tatonnement(case, step, 400, plain=plain)
        took = time.perf_counter() - start
        if residual <= TOLERANCE and (best is None or took < best[0]):
            best = (took, passes, residual, z)
    return best


def gap_in_welfare(model: ManySectors, case: Counterfactual, z: np.ndarray, welfare: np.ndarray) -> float:
    n, j = case.shape
    log_price = z[0, n : n + n * j].reshape(n, j)
    theirs = evaluate(case, z).income[0] / model.economy.income[0]
    theirs = theirs * np.exp(-(model.economy.final_shares[0] * log_price).sum(axis=1))
    return float(np.abs(theirs - welfare).max())


def race(n: int = 77, j: int = 45) -> None:
    calibration, west, russia = world(n, j)
    model = calibration.economy(5.0)
    print(f"## One solve at {n} x {j}, theta 5, to a residual of {TOLERANCE:g}\n")
    head = "| shock | sweeps | seconds | residual | plain: passes | seconds | ratio "
    print(head + "| tuned: passes | seconds | ratio |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, shock in shocks(n, j, west, russia).items():
        times = []
        for _ in range(5):
            start = time.perf_counter()
            result = model.solve(**shock)
            times.append(time.perf_counter() - start)
        ours = statistics.median(times)
        row = f"| {name} | {int(result.sweeps)} | {ours:.3f} | {float(result.residual):.0e} |"
        case = first_case(model, shock)
        for plain in (True, False):
            found = rival(case, plain=plain)
            if found is None:
                row += " not in 400 wage steps | | |"
                continue
            assert gap_in_welfare(model, case, found[3], result.welfare_hat) < 1e-8
            row += f" {found[1]} | {found[0]:.2f} | {found[0] / ours:.0f} |"
        print(row, flush=True)


def peak_megabytes() -> float:
    """Return the peak resident memory of this process since it was started."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def draws(path: str, count: int) -> None:
    """Solve many draws of the elasticities from saved arrays; run in a process of its own, for its memory."""
    saved = np.load(path)
    rng = np.random.default_rng(0)
    theta = 5 * np.exp(rng.normal(0, 0.25, (count, saved["trade"].shape[2])))
    names = ("trade", "value_added", "inputs", "final_shares")
    model = ManySectors(*(saved[name] for name in names), theta)
    before = peak_megabytes()
    start = time.perf_counter()
    result = model.solve(ban=saved["ban"], cost_hat=saved["cost"], keep_trade=False)
    took = time.perf_counter() - start
    peak = peak_megabytes()
    sweeps = result.sweeps
    russia = 100 * (result.welfare_hat[:, int(saved["russia"])] - 1)
    low, middle, high = np.quantile(russia, [0.025, 0.5, 0.975])
    print(
        f"| {count} | {took:.1f} | {1000 * took / count:.0f} | {np.median(sweeps):.0f} ({sweeps.max()}) "
        f"| {result.residual.max():.0e} | {before:.0f} | {peak:.0f} "
        f"| {middle:.2f} [{low:.2f}, {high:.2f}] |",
        flush=True,
    )


def draw_table(counts: tuple[int, ...]) -> None:
    calibration, west, russia = world(77, 45)
    kinds = shocks(77, 45, west, russia)
    print("\n## Draws of theta (log-normal around 5, s.d. 25%, one per sector) at 77 x 45\n")
    print(
        "Ban West-Russia and, in every other flow, random costs; each draw has its own kernel. Own process.\n"
    )
    print(
        "| draws | seconds | ms a draw | sweeps, median (most) | residual | MB before | peak MB | Russia, % |"
    )
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "world.npz")
        np.savez(
            path,
            trade=calibration.trade,
            value_added=calibration.value_added,
            inputs=calibration.inputs,
            final_shares=calibration.final_shares,
            ban=kinds["total ban West-Russia"]["ban"],
            cost=kinds["random costs, s.d. 20%"]["cost_hat"],
            russia=russia,
        )
        for count in counts:
            subprocess.run([sys.executable, __file__, path, str(count)], check=True)


def growth() -> None:
    print("\n## Growth with N and J: random costs, s.d. 20%\n")
    print("| N | J | sweeps | seconds | ms a sweep | MB of kernel |")
    print("|---|---|---|---|---|---|")
    for n, j in ((20, 45), (40, 45), (77, 45), (77, 10), (77, 20), (80, 50)):
        calibration, west, russia = world(n, j)
        model = calibration.economy(5.0)
        shock = shocks(n, j, west, russia)["random costs, s.d. 20%"]
        times = []
        for _ in range(5):
            start = time.perf_counter()
            result = model.solve(**shock)
            times.append(time.perf_counter() - start)
        took, sweeps = statistics.median(times), int(result.sweeps)
        print(f"| {n} | {j} | {sweeps} | {took:.3f} | {1000 * took / sweeps:.2f} | {8e-6 * n * n * j:.1f} |")


def main() -> None:
    print("# Many sectors, one equilibrium\n")
    print(
        f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}; OECD ICIO "
        "2022, smallest countries and sectors merged; one thread.\n\n"
        "Seconds of entrepot: median of 5, with all checks, kernels and flows. Seconds of the nested "
        "tatonnement: one run, kernels given. Plain: wage step 0.2, inner loops from the baseline to the "
        "tolerance each time. Tuned: warm starts, inner loops to a tenth of the outer residual, best of four "
        "wage steps. A pass is one or two products with the kernel and one with inputs; a sweep two to four "
        "and two. All stop on the same residual and agree in welfare to 1e-8 (asserted).\n"
    )
    race()
    draw_table((100, DRAWS) if "--all" in sys.argv else (100,))
    growth()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        draws(sys.argv[1], int(sys.argv[2]))
    else:
        main()
