"""Complexity of countries and products: entrepot against two Python packages in one run, then growth.

ecomplexity 0.5.3 and economic-complexity 0.3.0 are peers for this benchmark only; the second needs pandas 2.
Put them into an environment of their own, where entrepot's models (NumPy and SciPy only) run too, and from
the repository root:

    export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
    PYTHONPATH=src python benchmarks/complexity.py [COUNTRIES PRODUCTS]

It prints Markdown. A package that is not installed is left out.
"""

from __future__ import annotations

import importlib.metadata
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from entrepot.models.complexity import Complexity, complexity, cross_table

FULL = (230, 5000)
ROUNDS = 5
FILLED = 0.25
OUTPUTS = {
    "ecomplexity": ("eci", "pci", "density", "coi", "cog"),
    "oec": ("eci", "pci", "proximity", "density", "distance", "cog"),
}


def world(countries: int, products: int) -> np.ndarray:
    """Return exports, a quarter filled: able countries sell more products, and the rarer ones."""
    rng = np.random.default_rng(11)
    ability, need = np.sort(rng.random(countries))[:, None], rng.random(products)
    chance = 1 / (1 + np.exp(6 * (need - ability)))
    values = rng.lognormal(8.0, 2.0, (countries, products)) * (rng.random(chance.shape) < chance)
    # Thin out by size, which leaves a quarter; nobody and nothing is left empty.
    values[values < np.quantile(values, 1 - FILLED)] = 0.0
    values[-1] += 1.0
    values[:, 0] += 1.0
    return values


def seconds(call: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        answer = call()
        times.append(time.perf_counter() - start)
    return statistics.median(times), answer


def ours(values: np.ndarray, convention: str) -> Complexity:
    """Compute every output of a convention."""
    found = complexity(values, convention=convention)  # type: ignore[arg-type]
    for name in OUTPUTS[convention]:
        getattr(found, name)
    return found


def against_ecomplexity(values: np.ndarray) -> None:
    import pandas as pd
    from ecomplexity import ecomplexity

    wide = pd.DataFrame(values, index=range(len(values)), columns=range(values.shape[1]))
    tidy = wide.stack().rename("v").rename_axis(["c", "p"]).reset_index().assign(t=1)
    columns = {"time": "t", "loc": "c", "prod": "p", "val": "v"}
    # Its check of log-supermodularity is another question, and left out.
    slow, table = seconds(
        lambda: ecomplexity(tidy, columns, check_logsupermodularity=False, verbose=False), 1
    )
    fast, found = seconds(lambda: ours(values, "ecomplexity"), ROUNDS)
    rows = [tidy[name].to_numpy() for name in ("c", "p", "v")]
    sold = rows[2] > 0
    start = time.perf_counter()
    ours(cross_table(*(row[sold] for row in rows))[2], "ecomplexity")
    from_rows = time.perf_counter() - start
    worst = 0.0
    for name in OUTPUTS["ecomplexity"]:
        theirs = table.pivot(index="c", columns="p", values=name).to_numpy()
        mine = getattr(found, name)
        mine = mine[:, None] if name in ("eci", "coi") else mine
        worst = max(worst, float(np.abs(theirs - mine).max()))
    print("## ecomplexity 0.5.3: ECI, PCI, density, COI, COG under its convention\n")
    print("| | s | ratio |\n|---|---:|---:|")
    print(f"| ecomplexity, from rows | {slow:.2f} | {slow / fast:.0f} |")
    print(f"| entrepot, from rows | {from_rows:.3f} | {from_rows / fast:.1f} |")
    print(f"| entrepot, from a matrix | {fast:.3f} | 1 |")
    print(f"\nLargest difference of any output: {worst:.1e} (target 1e-10).")
    print(f"Ratio from rows to rows: {slow / from_rows:.0f}. Target: at least 100.\n", flush=True)


def against_economic_complexity(values: np.ndarray) -> None:
    import economic_complexity as oec
    import pandas as pd

    wide = pd.DataFrame(values)

    def theirs(shared: bool) -> dict[str, Any]:
        rca = oec.rca(wide)
        eci, pci = oec.complexity(rca)
        phi = oec.proximity(rca)
        held = {"proximities": phi} if shared else {}
        return {
            "eci": eci,
            "pci": pci,
            "proximity": phi,
            "density": oec.relatedness(rca, **held),
            "distance": oec.distance(rca, **held),
            "cog": oec.opportunity_gain(rca, pci=pci, **held),
        }

    shared, answer = seconds(lambda: theirs(True), 1)
    defaults, _ = seconds(lambda: theirs(False), 1)
    fast, found = seconds(lambda: ours(values, "oec"), ROUNDS)
    worst = max(
        float(np.abs(np.asarray(answer[name]) - getattr(found, name)).max()) for name in OUTPUTS["oec"]
    )
    print("## economic-complexity 0.3.0: ECI, PCI, proximity, relatedness, distance, opportunity gain\n")
    print("| | s | ratio |\n|---|---:|---:|")
    print(
        f"| economic-complexity, each function with its defaults | {defaults:.2f} | {defaults / fast:.0f} |"
    )
    print(f"| economic-complexity, proximity computed once | {shared:.2f} | {shared / fast:.0f} |")
    print(f"| entrepot | {fast:.3f} | 1 |")
    print(f"\nLargest difference of any output: {worst:.1e}; its iteration stops where few digits are left.")
    print("Target of the ratio: at least 20.\n", flush=True)


def parts(values: np.ndarray) -> None:
    """Print the time of each output, each from the one before."""
    print("## What each output costs\n")
    print("| output | ms |\n|---|---:|")
    names = ("m", "eci", "pci", "density", "cog", "coi", "proximity")
    times: dict[str, list[float]] = {name: [] for name in (*names, "density of one country", "ECI alone")}
    for _ in range(ROUNDS):
        start = time.perf_counter()
        found = complexity(values)
        times["m"].append(time.perf_counter() - start)
        for name in names[1:]:
            start = time.perf_counter()
            getattr(found, name)
            times[name].append(time.perf_counter() - start)
        for label, call in (
            ("density of one country", lambda found=found: found.density_of(7)),
            ("ECI alone", lambda: complexity(values).eci),
        ):
            start = time.perf_counter()
            call()
            times[label].append(time.perf_counter() - start)
    for name, taken in times.items():
        print(f"| {'RCA and M' if name == 'm' else name} | {1e3 * statistics.median(taken):.1f} |")
    print(flush=True)


def peak() -> float:
    """Return the largest memory this process ever held, MiB; resource.getrusage also counts its parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def growth_case(countries: int, products: int) -> None:
    values = world(countries, products)
    # Load what the libraries load on their first call.
    _ = complexity(np.tri(6), given="presence").eci
    before = peak()
    taken, found = seconds(lambda: ours(values, "ecomplexity"), 1)
    without = peak() - before
    matrix, _ = seconds(lambda: found.proximity, 1)
    whole = peak() - before
    table = values.nbytes / 2**20
    print(
        f"| {countries} | {products:,} | {taken:.2f} | {without:.0f} | {without / table:.0f} | "
        f"{matrix:.2f} | {whole:.0f} |",
        flush=True,
    )


def growth(countries: int, products: int) -> None:
    print("## Growth: all outputs, and the proximity matrix where it is asked for\n")
    print("| countries | products | s | peak added, MiB | times the input | matrix, s | peak with it, MiB |")
    print("|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    for share in (0.25, 0.5, 1, 2):
        case = [str(countries), str(round(products * share))]
        subprocess.run([sys.executable, __file__, "growth", *case], check=True)
    print()


def main() -> None:
    warnings.simplefilter("ignore")
    if len(sys.argv) == 4:
        growth_case(int(sys.argv[2]), int(sys.argv[3]))
        return
    size = (int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) == 3 else FULL
    values = world(*size)
    print("# Complexity\n")
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, one thread, float64, one run; medians "
        f"of {ROUNDS} on our side,\none go of each peer. {size[0]} countries x {size[1]:,} products, "
        f"{100 * (values > 0).mean():.0f}% filled.\n"
    )
    for package, call in (
        ("ecomplexity", against_ecomplexity),
        ("economic-complexity", against_economic_complexity),
    ):
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            print(f"{package} is not installed here.\n")
        else:
            call(values)
    parts(values)
    growth(*size)


if __name__ == "__main__":
    main()
