"""What the filter of measures cannot know, in words: law after its texts were read, regimes it lacks."""

from __future__ import annotations

from pathlib import Path

from entrepot.measures.loader import load_catalogue
from entrepot.questions import words
from entrepot.questions.lawful import Lawful
from entrepot.result import Note
from entrepot.world import un_regimes


def limits(law: Lawful, *, country: str, own: str | Path | None = None) -> list[Note]:
    """Say how far the catalogue reaches: what was adopted later, and what binds the country beside it.

    Parameters
    ----------
    law : Lawful
        The filter that was used, on its day.
    country : str
        ISO3 code of the country asked about.
    own : path, optional
        Folder of further instruments.
    """
    found, at = [], law.at
    held = load_catalogue(own).instrument
    texts = [held[name] for name in dict.fromkeys(row.instrument_id for row in law.measures)]
    older = [f"{text.sender} {text.reference} on {text.as_of}" for text in texts if text.as_of < at]
    if older:
        found.append(
            Note(
                "warning",
                f"The catalogue is older than {at}: {words.listing(older, 8)}. What was adopted or lifted "
                "after these days is not in it, so a position shown here may be under a measure; look it up.",
            )
        )
    resolution = un_regimes.in_force(at).get(country)
    if resolution is not None and country not in law.embargoed:
        known = "" if at <= un_regimes.AS_OF else f", as known on {un_regimes.AS_OF}"
        found.append(
            Note(
                "warning",
                f"{words.capital(words.with_article(country))} is under a sanctions regime of the UN "
                f"Security Council on {at} (resolution {resolution}{known}) that the catalogue does not "
                "hold, nor the measures of single countries that go with it: nothing is left out on their "
                "account.",
            )
        )
    return found
