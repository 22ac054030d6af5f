"""One-sector equilibrium: entrepot against gegravity 0.3 in one run, then many draws.

gegravity is a peer for this benchmark only. Put it into an environment of its own, where entrepot's models
(NumPy and SciPy only) run too: ``pip install gegravity==0.3`` and then, from the repository root,

    OMP_NUM_THREADS=1 PYTHONPATH=src python benchmarks/equilibrium_one_sector.py

It reads ../shared/data/gravity-wto-guide (69 countries, 2006) and prints Markdown. Without gegravity it
prints the rest.
"""

from __future__ import annotations

import importlib.metadata
import platform
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from entrepot.models.equilibrium.one_sector import OneSector

GUIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "gravity-wto-guide"
THETA = 6.0
ROUNDS = 5
COST = {"LN_DIST": -0.79128791, "CNTG": 0.67364557, "BRDR": -2.47445046, "DEAL": 0.5}


def seconds(call: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        answer = call()
        times.append(time.perf_counter() - start)
    return statistics.median(times), answer


def guide_2006() -> pd.DataFrame:
    """Chapter 2, application 1: trade, output, expenditure, costs; DEAL is for the shock."""
    table = pd.read_stata(GUIDE / "Chapter2Application1.dta").query("year == 2006").reset_index(drop=True)
    table["year"] = "2006"
    table["LN_DIST"] = np.log(table.DIST)
    table["BRDR"] = (table.exporter != table.importer).astype(float)
    table["CNTG"] = table.CNTG.astype(float)
    table["DEAL"] = 0.0
    table["Y"] = table.groupby("exporter").trade.transform("sum")
    table["E"] = table.groupby("importer").trade.transform("sum")
    return table


def shocked(table: pd.DataFrame, name: str) -> pd.DataFrame:
    new = table.copy()
    if name == "borders removed":
        new["BRDR"] = 0.0
    else:
        inside = table.exporter.isin(["CAN", "MEX", "USA"]) & table.importer.isin(["CAN", "MEX", "USA"])
        new.loc[inside & (table.exporter != table.importer), "DEAL"] = 1.0
    return new


def kernel(table: pd.DataFrame) -> np.ndarray:
    """Trade costs to the power of -theta, as a matrix [exporter, importer]."""
    values = np.exp(sum(effect * table[name] for name, effect in COST.items()))
    return table.assign(k=values).pivot(index="exporter", columns="importer", values="k").to_numpy()


def modelled_trade(table: pd.DataFrame) -> np.ndarray:
    """Flows with the observed outputs and expenditures that these costs imply, by proportional fitting."""
    flows = kernel(table).copy()
    output = table.groupby("exporter").Y.first().to_numpy()
    spending = table.groupby("importer").E.first().to_numpy()
    for _ in range(500):
        flows *= (output / flows.sum(axis=1))[:, None]
        flows *= spending / flows.sum(axis=0)
    return flows


def peer_model(table: pd.DataFrame) -> Any:
    import gegravity as ge

    names = {"imp_var_name": "importer", "exp_var_name": "exporter", "year_var_name": "year"}
    baseline = ge.BaselineData(
        table, trade_var_name="trade", expend_var_name="E", output_var_name="Y", **names
    )
    rows = [{"var": name, "coeff": effect, "ste": 0.1} for name, effect in COST.items()]
    costs = ge.CostCoeffs(pd.DataFrame(rows), identifier_col="var", coeff_col="coeff", stderr_col="ste")
    model = ge.OneSectorGE(
        baseline,
        year="2006",
        cost_coeff_values=costs,
        cost_variables=list(COST),
        reference_importer="DEU",
        sigma=THETA + 1,
        quiet=True,
    )
    model.build_baseline(omr_rescale=1000)
    return model


def one_round(
    table: pd.DataFrame, new: pd.DataFrame, ours: Callable[[], Any]
) -> tuple[float, float, Any, Any]:
    """Time both once, in turn; a gegravity model can be simulated once only, so each round builds its own."""
    model = peer_model(table)
    experiment = model.baseline_data.copy()
    experiment[["BRDR", "DEAL"]] = new[["BRDR", "DEAL"]].to_numpy()
    model.define_experiment(experiment)
    peer, _ = seconds(model.simulate, 1)
    own, result = seconds(ours, 51)
    return peer, own, model, result


def against_gegravity(table: pd.DataFrame) -> None:
    version = importlib.metadata.version("gegravity")
    print(f"## One counterfactual, 69 countries, conditional and full, against gegravity {version}\n")
    print("| shock | gegravity, s | entrepot, ms | ratio | sweeps | residual | GDP gap, pp | negative |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    trade = modelled_trade(table)
    for name in ("CAN-MEX-USA deal", "borders removed"):
        new = shocked(table, name)
        cost_hat = (kernel(new) / kernel(table)) ** (-1 / THETA)

        def ours(cost_hat: np.ndarray = cost_hat) -> Any:
            economy = OneSector(trade, THETA, deficits="multiplicative")
            economy.solve(cost_hat, kind="conditional", tolerance=1e-9)
            return economy.solve(cost_hat, tolerance=1e-9)

        ours()
        rounds = [one_round(table, new, ours) for _ in range(ROUNDS)]
        peer, own = (statistics.median(times) for times in list(zip(*rounds, strict=True))[:2])
        model, result = rounds[-1][2:]
        theirs = model.country_results.sort_index()
        sound = theirs["factory gate price change (percent)"].to_numpy() > -100
        real = 100 * (result.factory_price_hat / result.price_hat - 1)
        gap = np.abs(theirs["GDP change (percent)"].to_numpy() - real)[sound].max()
        print(
            f"| {name} | {peer:.1f} | {1e3 * own:.2f} | {peer / own:,.0f} | {result.sweeps} | "
            f"{result.residual:.0e} | {gap:.2f} | {(~sound).sum()} |"
        )
    print(
        "\nThe clock of gegravity runs over `simulate()` only, ours over calibration and both solves. GDP"
        "\ngap: largest difference of real GDP; its full GE keeps the baseline's output and spending shares."
        "\nNegative: countries for which it reports convergence at a negative price, left out of the gap.\n"
    )


def world(n: int) -> np.ndarray:
    rng = np.random.default_rng(n)
    size = np.exp(1.5 * rng.normal(size=n))
    factor = rng.normal(size=(n, n))
    trade = np.outer(size, size) * np.exp(factor + factor.T)
    trade[np.diag_indices(n)] = 4 * (trade.sum(axis=1) - np.diagonal(trade))
    return trade


def draws_case(n: int, draws: int) -> None:
    """Solve one size in this process and print time, sweeps and the growth of peak memory."""
    rng = np.random.default_rng(1)
    theta = np.maximum(rng.normal(5.0, 1.0, draws), 2.0)
    cost_hat = np.ones((draws, n, n))
    cost_hat[:, 1:, 0] = np.exp(rng.normal(0.2, 0.05, draws))[:, None]
    economy = OneSector(world(n), theta)
    economy.solve(cost_hat[0])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took, result = seconds(lambda: economy.solve(cost_hat, tolerance=1e-9), 3)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    answer = result.trade.nbytes / 2**20
    print(
        f"| {n} | {draws:,} | {took:.2f} | {result.sweeps.mean():.0f} | {result.residual.max():.0e} | "
        f"{grown:.0f} | {answer:.0f} |"
    )


def many_draws() -> None:
    print("## Draws of theta and of one cost, full GE with additive deficits\n")
    print("| N | draws | s | sweeps | residual | peak memory added, MiB | of it the flows found, MiB |")
    print("|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    for n, draws in ((20, 1000), (77, 1000), (77, 4000), (194, 1000)):
        subprocess.run([sys.executable, __file__, str(n), str(draws)], check=True)


def main() -> None:
    warnings.simplefilter("ignore")
    if len(sys.argv) == 3:
        draws_case(int(sys.argv[1]), int(sys.argv[2]))
        return
    print("# One-sector equilibrium\n")
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, one thread, residual to 1e-9, one run;"
    )
    print(f"the comparison takes medians of {ROUNDS} rounds in turn.\n")
    try:
        importlib.metadata.version("gegravity")
    except importlib.metadata.PackageNotFoundError:
        print("gegravity is not installed here.\n")
    else:
        against_gegravity(guide_2006())
    many_draws()


if __name__ == "__main__":
    main()
