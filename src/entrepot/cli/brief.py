"""`entrepot brief`: the main job."""

from __future__ import annotations

from pathlib import Path

from entrepot.cli.app import app
from entrepot.cli.options import Out, StorePath
from entrepot.cli.terminal import open_world, status_line
from entrepot.errors import InputError


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
    register: Path | None = None,
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
        Last year to show; the last one in the store if left out.
    lang
        Language of country names and number formats, for example ru; the text stays English.
    out
        Page to write, with its manifest beside it; brief-ISO3.html in this folder if left out.
    since
        Manifest of an earlier brief: the page then says what changed.
    draws
        Draws behind the intervals of the agreement section; fewer is faster.
    register
        Programme register of the technoparks, a CSV file (see docs/programme-format.md).
    store
        Folder of a store; the embedded pack if left out.
    """
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise InputError.bad_option("the suffix of the page", out.suffix, [".html"])
    world = open_world(store)
    with status_line("questions") as progress:
        page = world.brief(
            country, year=year, lang=lang, since=since, draws=draws, register=register, progress=progress
        )
    path = page.save(out or Path(f"brief-{page.country}.html"))
    print(f"{path.resolve()}")  # noqa: T201
    return 0
