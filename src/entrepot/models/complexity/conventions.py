"""Conventions of economic complexity in use: the same words, different numbers, so each has a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

ConventionName = Literal["atlas", "atlas-2026", "ecomplexity", "r-economiccomplexity", "oec"]


@dataclass(frozen=True, slots=True)
class Convention:
    """One way of computing complexity.

    Attributes
    ----------
    name : ConventionName
    title : str
        Whose convention it is, and of what time.
    presence : {"threshold", "continuous"}
        ``M = 1 if RCA >= 1 else 0``, or ``M = RCA / (1 + RCA)``.
    sample : str
        The countries on which its owners compute PCI, proximity and standard deviations; what a caller
        passes as ``reference`` decides, and is printed beside it.
    solver : {"eigenvector", "reflections"}
        Second eigenvector, or the method of reflections stopped at orders 18 and 19.
    diagonal : {"zero", "kept"}
        Proximity of a product with itself: left out of density, or kept.
    pci_scale : {"own", "eci"}
        PCI less its own mean over its own standard deviation, or by the mean and deviation of ECI.
    ddof : {0, 1}
        Degrees of freedom taken off in every standard deviation.
    gain : {"atlas", "oec"}
        Form of the complexity outlook gain.
    gain_pci : {"printed", "scaled"}
        PCI inside the gain: as printed, or the raw vector over the deviation of ECI, not centred.
    outlook : {"standardised", "sum"}
        COI as a z-score over the reference sample, or as the plain sum with the printed PCI.
    verified : str
        What the values were compared with.
    """

    name: ConventionName
    title: str
    presence: Literal["threshold", "continuous"]
    sample: str
    solver: Literal["eigenvector", "reflections"]
    diagonal: Literal["zero", "kept"]
    pci_scale: Literal["own", "eci"]
    ddof: Literal[0, 1]
    gain: Literal["atlas", "oec"]
    gain_pci: Literal["printed", "scaled"]
    outlook: Literal["standardised", "sum"]
    verified: str

    def describe(self) -> str:
        """Say in one sentence what the convention fixes."""
        made = "RCA >= 1" if self.presence == "threshold" else "RCA / (1 + RCA)"
        solver = "second eigenvector" if self.solver == "eigenvector" else "reflections of order 18 and 19"
        scale = "its own deviation" if self.pci_scale == "own" else "the mean and deviation of ECI"
        itself = "left out" if self.diagonal == "zero" else "kept"
        return (
            f"Convention {self.name} ({self.title}): M is {made}, {solver}, PCI standardised by {scale}, "
            f"ddof {self.ddof}, proximity of a product with itself {itself}."
        )


CONVENTIONS: dict[ConventionName, Convention] = {
    convention.name: convention
    for convention in (
        Convention(
            name="atlas",
            title="Harvard Growth Lab's Atlas, to 2025",
            presence="threshold",
            sample="its 125 to 133 reference countries, by population, trade and quality of data",
            solver="eigenvector",
            diagonal="zero",
            pci_scale="own",
            ddof=1,
            gain="atlas",
            gain_pci="printed",
            outlook="standardised",
            verified="published ECI, PCI, distance, COG and COI of the 2018 vintage, years 1995 and 2010",
        ),
        Convention(
            name="atlas-2026",
            title="Harvard Growth Lab's Atlas, from 2026",
            presence="continuous",
            sample="its reference countries",
            solver="eigenvector",
            diagonal="zero",
            pci_scale="eci",
            ddof=1,
            gain="atlas",
            gain_pci="printed",
            outlook="standardised",
            verified="nothing published yet: M and the scale of PCI are documented, the rest follows atlas",
        ),
        Convention(
            name="ecomplexity",
            title="the Python package ecomplexity 0.5",
            presence="threshold",
            sample="every country given",
            solver="eigenvector",
            diagonal="kept",
            pci_scale="eci",
            ddof=0,
            gain="atlas",
            gain_pci="scaled",
            outlook="standardised",
            verified="the package's own output",
        ),
        Convention(
            name="r-economiccomplexity",
            title="the R package economiccomplexity 2.0",
            presence="threshold",
            sample="every country given",
            solver="eigenvector",
            diagonal="kept",
            pci_scale="own",
            ddof=1,
            gain="atlas",
            gain_pci="printed",
            outlook="sum",
            verified="the package's own output (ECI, PCI, fitness)",
        ),
        Convention(
            name="oec",
            title="the Observatory of Economic Complexity's Python package economic-complexity 0.3",
            presence="threshold",
            sample="countries of at least 1 million people and 1 billion USD of exports",
            solver="reflections",
            diagonal="zero",
            pci_scale="own",
            ddof=1,
            gain="oec",
            gain_pci="printed",
            outlook="sum",
            verified="the package's own output; it defines no COI, so the plain sum stands",
        ),
    )
}


def convention_of(name: str | Convention) -> Convention:
    """Return a convention by name; raises ValueError for another name."""
    if isinstance(name, Convention):
        return name
    found = next((held for key, held in CONVENTIONS.items() if key == name), None)
    if found is None:
        raise ValueError(f"convention must be one of {', '.join(get_args(ConventionName))}, got {name!r}")
    return found
