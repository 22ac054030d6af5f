"""What starting costs: `entrepot --help` and `import entrepot` beside the bare interpreter, in one run.

Run: python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 25
COMMANDS = {
    "bare interpreter": [sys.executable, "-c", "pass"],
    "`import entrepot`": [sys.executable, "-c", "import entrepot"],
    "`entrepot --help`": [sys.executable, "-c", "from entrepot.cli import main; main(['--help'])"],
}


def main() -> None:
    """Print a Markdown table of median times and their ratio to the bare interpreter."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            times[name].append(time.perf_counter() - start)
    bare = statistics.median(times["bare interpreter"])
    print(f"Python {sys.version.split()[0]}, median of {ROUNDS} rounds in turn.\n")
    print("| what | ms | ratio |\n|---|---:|---:|")
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(f"| {name} | {1e3 * middle:.0f} | {middle / bare:.1f} |")


if __name__ == "__main__":
    main()
