"""What ``agreement`` says in words: finding, closure, assumptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from entrepot.questions import words
from entrepot.questions.agreement_tables import NIL, Interval, interval
from entrepot.questions.scenario import FOLDER
from entrepot.result import How, Note

if TYPE_CHECKING:
    from entrepot.questions.agreement_solve import Worth
    from entrepot.questions.economy import WorldEconomy
    from entrepot.questions.scenario import Scenario, ShockArrays

EQUATION = (
    "W_n = (I'_n / I_n) / prod_j (P_nj)^a_nj, with w, P, X solving labour, price and spending conditions in "
    "hats: P_nj^-theta_j = sum_i pi_inj (c_ij k_inj)^-theta_j"
)
REFERENCE = (
    "Caliendo and Parro (2015), doi:10.1093/restud/rdu035; Dekle, Eaton and Kortum (2008), "
    "doi:10.1057/imfsp.2008.17; Costinot and Rodriguez-Clare (2014)"
)
CLOSURES = {
    "additive": "trade balances fixed as shares of world value added",
    "multiplicative": "trade balances move with each country's value added",
    "balanced": "trade balanced before and after",
}


# Fewer draws than this make no 95% interval worth the name.
ENOUGH = 20


@dataclass(frozen=True, slots=True)
class Said:
    """All that the answer says, from what was asked and what was found."""

    scenario: Scenario
    economy: WorldEconomy
    shocks: ShockArrays
    worth: Worth
    focal: str | None
    draws: int
    seed: int
    sweep: Sequence[float]

    @property
    def found(self) -> Interval:
        """Median and interval by country."""
        return interval(self.worth.central, self.worth.drawn)

    def finding(self) -> str:
        """Say what it is worth to the country in focus, who gains most and who loses most."""
        found, codes = self.found, self.economy.countries
        focal = codes.index(self.focal) if self.focal else int(np.argmax(np.abs(found.median)))
        parts = [f"{self.scenario.title}: real income of {self._change(focal, named=True)}"]
        others = [i for i in range(len(codes)) if i != focal]
        best, worst = max(others, key=found.median.__getitem__), min(others, key=found.median.__getitem__)
        if found.median[best] > NIL:
            besides = " besides" if found.median[focal] > found.median[best] else ""
            parts.append(f"{words.with_article(codes[best])} gains most{besides} ({self._amount(best)})")
        if found.median[worst] < -NIL:
            besides = " besides" if found.median[focal] < found.median[worst] else ""
            parts.append(f"{words.with_article(codes[worst])} loses most{besides} ({self._amount(worst)})")
        return "; ".join(parts) + "."

    def title(self) -> str:
        """Head the map."""
        found = self.found
        focal = (
            self.economy.countries.index(self.focal) if self.focal else int(np.argmax(np.abs(found.median)))
        )
        return f"{words.capital(words.with_article(self.economy.countries[focal]))}: {self._amount(focal)}"

    def _change(self, i: int, *, named: bool) -> str:
        found = self.found
        name = words.with_article(self.economy.countries[i])
        verb = "unchanged" if abs(found.median[i]) < NIL else self._amount(i)
        if np.isnan(found.lower[i]):
            return f"{name} {verb}"
        name_of = "95% interval" if self.draws >= ENOUGH else f"range of {self.draws} draws"
        span = f"{name_of} {found.lower[i]:+.2f} to {found.upper[i]:+.2f}".replace("-", "\u2212")
        sign = "\u2212" if found.median[i] < 0 else "+"
        money = sign + words.money(abs(found.median[i]) / 100.0 * self.economy.income[i])
        return f"{name} {verb} ({span}; {money} a year)"

    def _amount(self, i: int) -> str:
        return f"{self.found.median[i]:+.2f}%".replace("-", "\u2212")

    def subtitle(self) -> str:
        """State model, horizon, closure and base year."""
        model = "many sectors with input-output links"
        return (
            f"{words.capital(self.scenario.horizon)}; {model}; {CLOSURES[self.scenario.deficits]}; "
            f"base year {self.economy.year}"
        )

    def period(self) -> str:
        """State unit, horizon and base year in a few words, for charts."""
        horizon = self.scenario.horizon.split(":")[0]
        return f"Percent of real income, {horizon}, base year {self.economy.year}"

    def notes(self) -> tuple[Note, ...]:
        """State assumptions, approximations, missing countries and how sure it is."""
        notes = [Note("convention", self.scenario.summary)] if self.scenario.summary else []
        notes += [Note("approximation", text) for text in self.economy.calibration.report.sentences()]
        notes += [Note("approximation", text) for text in self.shocks.notes]
        notes.append(
            Note(
                "approximation",
                "Value added includes taxes and inputs from countries outside the table; baseline tariffs "
                "are not in it and stand as zero.",
            )
        )
        notes.append(Note("convention", self._uncertainty()))
        notes.append(
            Note(
                "warning",
                "Published losses and gains of such shocks differ several-fold between models: read the row "
                "across elasticities and models, not one number. It is a comparison of two equilibria, not a "
                "forecast, and not legal or policy advice.",
            )
        )
        for name, change in (("one-sector", self.worth.one_sector), ("short-run", self.worth.short_run)):
            if change is None:
                notes.append(
                    Note("missing", f"The {name} model has no equilibrium for this shock: no number.")
                )
        if self.worth.failed:
            notes.append(
                Note(
                    "missing",
                    f"{self.worth.failed} of {self.draws} draws had no equilibrium and are left out.",
                )
            )
        return tuple(notes)

    def _uncertainty(self) -> str:
        if not self.draws:
            return "No draws were taken: only the central case and the sweep are shown."
        return (
            f"{self.draws} joint draws: elasticities log-normal with standard deviation "
            f"{self.scenario.theta_spread:g} (half common to all sectors), effects normal, sourcing "
            f"shares with 10% noise; median and 95% interval. Short run: elasticity 0.76 "
            f"(doi:10.1257/aer.20210225). Central equilibrium: {self.worth.sweeps} sweeps, "
            f"residual {self.worth.residual:.0e}; draws to 1e-7."
        )

    def how(self) -> How:
        """Write the command and the Python line that give the same answer."""
        path = self.scenario.path
        # A shipped scenario goes by its name, wherever the package is installed.
        source = self.scenario.name if path is None or path.parent == FOLDER else str(path)
        sweep = ",".join(f"{value:g}" for value in self.sweep)
        flags = f"--draws {self.draws} --theta {sweep} --seed {self.seed}"
        flags += f" --focus {self.focal}" if self.focal else ""
        given: dict[str, object] = {"draws": self.draws, "theta": list(self.sweep), "seed": self.seed}
        if self.focal:
            given["focus"] = self.focal
        keywords = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return How(
            command=f"entrepot agreement {source} {flags}",
            python=f"ep.open().agreement({source!r}, {keywords})",
            parameters={"scenario": source, **given},
            equation=EQUATION,
            reference=REFERENCE,
        )
