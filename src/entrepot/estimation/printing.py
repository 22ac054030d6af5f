"""Regression tables: several fits side by side as text, HTML or LaTeX."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from entrepot.errors import InputError

if TYPE_CHECKING:
    from entrepot.estimation.estimates import GravityFit

Format = Literal["text", "html", "latex"]
STARS = ((0.01, "***"), (0.05, "**"), (0.1, "*"))
LEGEND = "Standard errors in parentheses. * p < 0.1, ** p < 0.05, *** p < 0.01."


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a label and one cell per fit."""

    label: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A regression table before it is drawn: blocks of lines between rules."""

    heads: tuple[Row, ...]
    blocks: tuple[tuple[Row, ...], ...]
    notes: tuple[str, ...]


def regression_table(fits: Sequence[GravityFit], format: str) -> str:
    """Return the fits side by side.

    Parameters
    ----------
    fits : sequence of GravityFit
        One column each.
    format : {"text", "html", "latex"}
        LaTeX needs the package booktabs.

    Raises
    ------
    InputError
        For another format.
    """
    drawers: dict[str, Callable[[Grid], str]] = {"text": _text, "html": _html, "latex": _latex}
    if format not in drawers:
        raise InputError.bad_option("format", format, get_args(Format))
    return drawers[format](_grid(fits))


def _grid(fits: Sequence[GravityFit]) -> Grid:
    numbers = tuple(f"({at + 1})" for at in range(len(fits)))
    heads = (Row("", numbers), Row("", tuple(fit.design.formula.outcome for fit in fits)))
    blocks = (_estimates(fits), _effects(fits), _facts(fits))
    return Grid(heads, tuple(block for block in blocks if block), _notes(fits))


def _estimates(fits: Sequence[GravityFit]) -> tuple[Row, ...]:
    terms = list(dict.fromkeys(term for fit in fits for term in fit.design.terms))
    rows: list[Row] = []
    for term in terms:
        pairs = [_estimate(fit, term) for fit in fits]
        rows.append(Row(term, tuple(value for value, _ in pairs)))
        if any(error for _, error in pairs):
            rows.append(Row("", tuple(error for _, error in pairs)))
    return tuple(rows)


def _estimate(fit: GravityFit, term: str) -> tuple[str, str]:
    if term not in fit.terms:
        return ("dropped", "") if term in fit.design.terms else ("", "")
    at = fit.terms.index(term)
    p = float(fit.p_values[at])
    stars = next((mark for bound, mark in STARS if p < bound), "")
    return _number(float(fit.coefficients[at])) + stars, f"({_number(float(fit.standard_errors[at]))})"


def _number(value: float) -> str:
    """Write four decimals, or four significant figures where that would say nothing."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.4f}"
    return f"{value:.3e}"


def _effects(fits: Sequence[GravityFit]) -> tuple[Row, ...]:
    held = [{effect.label for effect in fit.design.formula.effects} for fit in fits]
    labels = dict.fromkeys(effect.label for fit in fits for effect in fit.design.formula.effects)
    return tuple(Row(label, tuple("yes" if label in own else "no" for own in held)) for label in labels)


def _facts(fits: Sequence[GravityFit]) -> tuple[Row, ...]:
    rows = [Row("Observations", tuple(f"{fit.n:,}" for fit in fits))]
    for label, counts in (
        ("Missing, left out", [sum(fit.design.missing.values()) for fit in fits]),
        ("Pruned", [fit.pruned for fit in fits]),
        ("Separated", [fit.separated for fit in fits]),
    ):
        if any(counts):
            rows.append(Row(label, tuple(f"{count:,}" for count in counts)))
    rows.append(Row("Deviance", tuple(f"{fit.deviance:.6g}" for fit in fits)))
    rows.append(Row("Pseudo R2", tuple(f"{fit.pseudo_r2:.4f}" for fit in fits)))
    rows.append(Row("Covariance", tuple(_covariance(fit) for fit in fits)))
    if any(fit.covariance.groups for fit in fits):
        rows.append(
            Row("Clusters", tuple(" + ".join(f"{g:,}" for g in fit.covariance.groups) or "-" for fit in fits))
        )
    return tuple(rows)


def _covariance(fit: GravityFit) -> str:
    return fit.vcov.text + (", corrected" if fit.correction is not None else "")


def _notes(fits: Sequence[GravityFit]) -> tuple[str, ...]:
    notes = ["Poisson pseudo-maximum likelihood. " + LEGEND]
    conventions = {fit.covariance.convention for fit in fits}
    if conventions != {"stata"}:
        notes.append(f"Small-sample factor: {', '.join(fit.covariance.convention for fit in fits)}.")
    reasons = {f"'{one.term}' is {one.reason}" for fit in fits for one in fit.dropped}
    notes += [f"Dropped: {reason}." for reason in sorted(reasons)]
    if any(fit.covariance.repaired for fit in fits):
        notes.append(
            "A covariance with a negative eigenvalue was repaired: take its standard errors with care."
        )
    return tuple(notes)


def _text(grid: Grid) -> str:
    rows = [*grid.heads, *(row for block in grid.blocks for row in block)]
    first = max(len(row.label) for row in rows)
    widths = [max(len(row.cells[at]) for row in rows) for at in range(len(rows[0].cells))]

    def line(row: Row) -> str:
        cells = (cell.rjust(width) for cell, width in zip(row.cells, widths, strict=True))
        return f"{row.label.ljust(first)}  {'  '.join(cells)}".rstrip()

    rule = "-" * (first + sum(width + 2 for width in widths))
    lines = [line(row) for row in grid.heads]
    for block in grid.blocks:
        lines += [rule, *(line(row) for row in block)]
    return "\n".join([*lines, rule, *grid.notes])


def _html(grid: Grid) -> str:
    def cells(row: Row, head: bool) -> str:
        tag = 'th scope="col"' if head else "td"
        close = tag.split()[0]
        body = "".join(f'<{tag} class="num">{html.escape(cell)}</{close}>' for cell in row.cells)
        first = html.escape(row.label)
        label = "<td></td>" if head or not first else f'<th scope="row">{first}</th>'
        return f"<tr>{label}{body}</tr>"

    head = "\n".join(cells(row, True) for row in grid.heads)
    bodies = "\n".join(
        "<tbody>\n" + "\n".join(cells(row, False) for row in block) + "\n</tbody>" for block in grid.blocks
    )
    foot = "<br>".join(html.escape(note) for note in grid.notes)
    return (
        f'<table class="ep"><caption>Gravity equation<span class="sub">{foot}</span></caption>\n'
        f"<thead>\n{head}\n</thead>\n{bodies}\n</table>"
    )


_LATEX = {
    "\\": r"\textbackslash{}", "_": r"\_", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$",
}  # fmt: skip


_POWER = re.compile(r"e([+-]\d+)")


def _tex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _latex(grid: Grid) -> str:
    columns = len(grid.heads[0].cells)

    def line(row: Row) -> str:
        return " & ".join([_tex(row.label), *(_cell(cell) for cell in row.cells)]) + r" \\"

    body = "\n\\midrule\n".join("\n".join(line(row) for row in block) for block in grid.blocks)
    notes = "\n".join(
        rf"\multicolumn{{{columns + 1}}}{{l}}{{\footnotesize {_tex(note)}}} \\" for note in grid.notes
    )
    return "\n".join(
        [
            rf"\begin{{tabular}}{{l{'r' * columns}}}", r"\toprule", *(line(row) for row in grid.heads),
            r"\midrule", body, r"\bottomrule", notes, r"\end{tabular}", "",
        ]
    )  # fmt: skip


def _cell(cell: str) -> str:
    """Set a number in mathematics, so that its minus is one, and its stars as a superscript."""
    if not any(figure.isdigit() for figure in cell) or not cell.lstrip("(-").split("*")[0].rstrip(")"):
        return _tex(cell)
    number, stars = cell.rstrip("*"), cell[len(cell.rstrip("*")) :]
    try:
        float(number.strip("()").replace(",", ""))
    except ValueError:
        return _tex(cell)
    bare = _POWER.sub(lambda found: rf" \times 10^{{{int(found[1])}}}", number.replace(",", "{,}"))
    return f"${bare}^{{{stars}}}$" if stars else f"${bare}$"
