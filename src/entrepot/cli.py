"""The command line: one noun per question. Help is written from these docstrings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from entrepot import __version__
from entrepot.errors import EntrepotError, InputError

if TYPE_CHECKING:
    from entrepot.result import Result
    from entrepot.workbench import World

app = App(
    name="entrepot",
    help="An open foreign-trade workbench: nine questions a cabinet asks about trade under sanctions.",
    help_epilogue="Start with: entrepot brief BLR. Every command takes --help. Not legal advice.",
    version=f"entrepot {__version__}",
    version_flags=["--version"],
    help_format="plaintext",
    default_parameter=Parameter(negative=()),
)

StorePath = Annotated[Path | None, Parameter(name="--store")]
Out = Annotated[Path | None, Parameter(name=["--out", "-o"])]


@Parameter(name="*")
@dataclass(frozen=True)
class Shown:
    """How an answer is shown: options that every question has."""

    lang: Annotated[str, Parameter(help="Language of country names, for example ru.")] = "en"
    out: Annotated[
        Path | None,
        Parameter(name=["--out", "-o"], help="Write to this file: .csv, .parquet, .json, .html or .tex."),
    ] = None
    part: Annotated[
        str | None, Parameter(help="Print or write one of the further tables that the answer names.")
    ] = None
    all_rows: Annotated[bool, Parameter(help="Print every row.")] = False
    store: Annotated[Path | None, Parameter(help="Folder of a store; the embedded pack if left out.")] = None


@app.command(sort_key=1)
def direction(
    country: str,
    /,
    *,
    product: str | None = None,
    by: Literal["partner", "bloc", "product", "sector"] = "partner",
    flow: Literal["exports", "imports", "turnover"] = "exports",
    since: int | None = None,
    until: int | None = None,
    level: Literal[2, 4, 6] | None = None,
    table: Literal["auto", "flows", "industry_flows"] = "auto",
    shown: Shown = Shown(),
) -> int:
    """Where trade goes, and how it has shifted, in value and in volume.

    Examples: entrepot direction RUS --product 270900 --by partner --since 2021;
    entrepot direction Belarus --flow imports --by bloc; entrepot direction KAZ --by sector.

    Parameters
    ----------
    country
        ISO3 code or a name in any supported language.
    product
        HS codes of 2 to 6 digits or product words, separated by commas.
    by
        What the rows are; sector asks the input-output table.
    flow
        Exports, imports, or both added.
    since
        First year.
    until
        Last year.
    level
        HS digits for --by product.
    table
        Goods by HS code, or sales between industries.
    """
    products = [word.strip() for word in product.split(",")] if product else None
    result = _open(shown.store).direction(
        country,
        product=products,
        by=by,
        flow=flow,
        since=since,
        until=until,
        level=level,
        table=table,
        lang=shown.lang,
    )
    return _show(result, shown)


@app.command(sort_key=2)
def coverage(
    target: str,
    /,
    *,
    sender: str | None = None,
    at: str | None = None,
    over: str | None = None,
    level: Literal[2, 4] | None = None,
    base: int | None = None,
    kinds: str = "ban,licence",
    carry_forward: Annotated[bool, Parameter(negative="--no-carry-forward")] = True,
    catalogue: Path | None = None,
    shown: Shown = Shown(),
) -> int:
    """Which positions are in the sphere of whose measures, and how much trade they cover.

    Examples: entrepot coverage RUS --sender EU --at 2022-12-31; entrepot coverage BLR;
    entrepot coverage RUS --sender CAN --over 2020:2025.

    Parameters
    ----------
    target
        Country that the measures are about.
    sender
        Country or bloc that applies them; all in the catalogue if left out.
    at
        Day, as YYYY-MM-DD.
    over
        A time line: years as FIRST:LAST, or days or years separated by commas.
    level
        HS digits of the detailed table.
    base
        Year of the trade that is compared; the last observed one before the day if left out.
    kinds
        Kinds of measures that count as covering trade, separated by commas.
    carry_forward
        Take law without a printed end as standing after the day up to which the catalogue was read.
    catalogue
        Folder of further instruments, see docs/measures-format.md.
    """
    counted = [word.strip() for word in kinds.split(",")]
    result = _open(shown.store).coverage(
        target, sender=sender, at=at, over=_periods(over), level=level, base=base, kinds=counted,
        carry_forward=carry_forward, catalogue=catalogue, lang=shown.lang,
    )  # fmt: skip
    return _show(result, shown)


@app.command(sort_key=3)
def agreement(
    scenario: str | None = None,
    /,
    *,
    draws: int = 200,
    theta: str | None = None,
    focus: str | None = None,
    seed: int = 1,
    decomposition: bool = False,
    shown: Shown = Shown(),
) -> int:
    """If we agree again, or part for good: what it is worth to every side.

    Examples: entrepot agreement; entrepot agreement blr-measures-lifted --focus BLR;
    entrepot agreement my.toml --draws 1000 --theta 3,5,8 --out worth.csv.

    Parameters
    ----------
    scenario
        A TOML file (see docs/scenario-format.md), or the name of a shipped one; the list of them if left out.
    draws
        Draws of elasticities, effects and shares behind the intervals; 0 for the central case alone.
    theta
        Elasticities of the sweep, separated by commas; the scenario's own if left out.
    focus
        Country that the finding speaks of.
    seed
        Of the draws.
    decomposition
        Split the central change along the path of the shock, as a further table.
    """
    if scenario is None:
        from entrepot.questions.scenario import read_scenario, shipped
        from entrepot.report.tables import print_rows

        return print_rows(("Scenario", "Title"), [(name, read_scenario(name).title) for name in shipped()])
    world = _open(shown.store)
    with _progress("draws") as progress:
        result = world.agreement(
            scenario, draws=draws, theta=_numbers(theta), focus=focus, seed=seed, decomposition=decomposition,
            lang=shown.lang, progress=progress,
        )  # fmt: skip
    return _show(result, shown)


@app.command(sort_key=4)
def coalitions(
    target: str,
    /,
    *,
    members: str = "eu,USA,GBR,JPN",
    theta: str = "3,5,8",
    shown: Shown = Shown(),
) -> int:
    """Who bears what if a coalition stops trading with a country, and what each member adds.

    Examples: entrepot coalitions RUS; entrepot coalitions RUS --members eu,USA,GBR,JPN,CAN --part coalitions.

    Parameters
    ----------
    target
        Country with which trade stops.
    members
        Two to ten countries or blocs, separated by commas.
    theta
        Trade elasticities, separated by commas; the middle one stands in the finding.
    """
    group = [word.strip() for word in members.split(",")]
    result = _open(shown.store).coalitions(
        target, members=group, theta=_numbers(theta) or (), lang=shown.lang
    )
    return _show(result, shown)


@app.command(sort_key=5)
def settlements(
    members: Annotated[tuple[str, ...], Parameter(negative=())],
    /,
    *,
    year: int | None = None,
    table: Literal["auto", "flows", "industry_flows"] = "auto",
    shown: Shown = Shown(),
) -> int:
    """What part of a group's mutual trade could be set off, and what net payments remain.

    Examples: entrepot settlements BLR RUS KAZ; entrepot settlements EAEU --year 2021 --table flows.

    Parameters
    ----------
    members
        At least two countries, or the name of a bloc.
    year
        Year of the balances; the last one in the table if left out.
    table
        Goods by HS code, or sales between industries.
    """
    result = _open(shown.store).settlements(list(members), year=year, table=table, lang=shown.lang)
    return _show(result, shown)


@app.command(sort_key=0)
def brief(
    country: str,
    /,
    *,
    year: int | None = None,
    lang: str = "en",
    out: Out = None,
    since: Path | None = None,
    draws: int = 60,
    store: StorePath = None,
) -> int:
    """Answer all questions about one country on one page.

    Examples: entrepot brief BLR; entrepot brief Kasachstan --out kaz.html;
    entrepot brief RUS --since brief-RUS.manifest.json.

    Parameters
    ----------
    country
        ISO3 code or a name in any supported language.
    year
        Last year to show.
    lang
        Language of country names and number formats.
    out
        Page to write; brief-ISO3.html in this folder if left out. The manifest is written beside it.
    since
        Manifest of an earlier brief: the page then says what changed.
    draws
        Draws behind the intervals of the agreement section.
    store
        Folder of a store; the embedded pack if left out.
    """
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise InputError.bad_option("the suffix of the page", out.suffix, [".html"])
    world = _open(store)
    with _status("questions") as progress:
        page = world.brief(country, year=year, lang=lang, since=since, draws=draws, progress=progress)
    path = page.save(out or Path(f"brief-{page.country}.html"))
    print(f"{path.resolve()}")  # noqa: T201
    return 0


@app.command(sort_key=6)
def blocs(name: str | None = None, /, *, at: str | None = None, lang: str = "en") -> int:
    """List the blocs, or the members of one on a day.

    Parameters
    ----------
    name
        A bloc; all blocs if left out.
    at
        Day, as YYYY-MM-DD; today if left out.
    lang
        Language of country names.
    """
    from entrepot.report.tables import print_rows
    from entrepot.world import blocs, countries

    if name is None:
        rows = [(bloc.id, bloc.title, bloc.note) for bloc in blocs.blocs().values()]
        return print_rows(("Bloc", "Title", "Note"), rows)
    day = _day(at)
    members = sorted(blocs.members(blocs.resolve_bloc(name), day))
    return print_rows(("Code", f"Members on {day}"), [(code, countries.name(code, lang)) for code in members])


@app.command(sort_key=7)
def cite(manifest: Path | None = None, /, *, store: StorePath = None) -> int:
    """Print BibTeX of the software and of every source: those of a brief, or all in the store.

    Parameters
    ----------
    manifest
        Manifest of a brief; all sources of the store and of the measures if left out.
    store
        Folder of a store; the embedded pack if left out.
    """
    from entrepot.report.cite import citations

    print(citations(_open(store).store, manifest))  # noqa: T201
    return 0


@app.command(sort_key=8)
def reproduce(manifest: Path, /, *, store: StorePath = None) -> int:
    """Run a brief again from its manifest and say what differs; exit code 1 if anything does.

    Parameters
    ----------
    manifest
        The *.manifest.json written beside a brief.
    store
        Folder of a store; the embedded pack if left out.
    """
    from entrepot.report.reproduce import differences

    found = differences(_open(store).store, manifest)
    print("\n".join(found) if found else "identical: every finding, figure, table and source")  # noqa: T201
    return 1 if found else 0


def _open(path: Path | None) -> World:
    from entrepot.workbench import open

    return open(path)


def _show(result: Result, shown: Shown) -> int:
    """Write the answer, or one of its further tables, to a file, or print it."""
    if shown.part is not None:
        table = result.part(shown.part)
        result = replace(result, main=table, display=table)
    if shown.out is not None:
        print(f"{result.save(shown.out).resolve()}")  # noqa: T201
        return 0
    from entrepot.report.tables import print_result

    print_result(result, all_rows=shown.all_rows)
    return 0


def _periods(text: str | None) -> Sequence[int | str] | None:
    if text is None:
        return None
    if ":" not in text:
        return [int(word) if word.isdigit() else word for word in text.split(",")]
    first, _, last = text.partition(":")
    if not (first.isdigit() and last.isdigit()):
        raise InputError(
            f"'{text}' is not a span of years", hint="write it as FIRST:LAST, for example 2020:2025"
        )
    if int(first) > int(last):
        raise InputError.bad_window(first, last)
    return int(first), int(last)


def _numbers(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise InputError(f"'{text}' is no list of numbers", hint="for example --theta 3,5,8") from None


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr while something takes long, where a person looks at it."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _status(what: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr which of several steps is under way, where a person looks at it."""
    if not sys.stderr.isatty():
        yield lambda step: None
        return
    from rich.console import Console

    with Console(stderr=True).status(what) as status:
        yield status.update


def _day(text: str | None) -> object:
    from datetime import date

    if text is None:
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError.bad_date(text) from None


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 ok, 1 the data say no, 2 usage."""
    try:
        code = app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except EntrepotError as error:
        return _complain(error.message, error.hint, error.exit_code)
    except CycloptsError as error:
        return _complain(
            " ".join(str(error).split()), "see 'entrepot --help' or 'entrepot COMMAND --help'", 2
        )
    except BrokenPipeError:
        # The reader of a pipe went away: nothing is wrong, and nothing more can be said.
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return _complain("stopped", None, 130)
    return code if isinstance(code, int) else 0


def _complain(message: str, hint: str | None, code: int) -> int:
    print(f"entrepot: {message}", file=sys.stderr)  # noqa: T201
    if hint:
        print(f"  hint: {hint}", file=sys.stderr)  # noqa: T201
    return code
