"""Build the embedded catalogue of measures from folders of transcribed law.

Usage: python scripts/build_measures.py FACTS [CATALOGUE]

FACTS holds the folders measures-ca, measures-eu-833-2014, measures-eu-765-2006, measures-chpl and
measures-unsc-dprk. CATALOGUE is the folder to write, by default src/entrepot/measures/catalogue.
The output is deterministic: the same facts give the same bytes.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from measures_record import (
    CA_CONDITIONS,
    CONDITIONS,
    EU_BELARUS,
    EU_EXCEPTIONS,
    EU_RUSSIA,
    HS2017_CODES,
    UN_2397,
    WIND_DOWN_PARTS,
)

from entrepot.measures.printed import read_printed
from entrepot.measures.schema import TABLES

RECORDED = "2026-11-23"
ISO3 = {"CA": "CAN", "EU": "EU", "RU": "RUS", "BY": "BLR", "KP": "PRK", "UN": "UN"}
DIRECTIONS = {"services": "service", "transport exemption list": "transit"}
RECORD = "from public record, annex scope may have changed"


class Instrument:
    """Rows of one instrument, collected table by table."""

    def __init__(self, **row: Any) -> None:
        self.id: str = row["instrument_id"]
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
        self.rows["instrument"].append(row)

    def add(self, table: str, **row: Any) -> None:
        """Append one row to a table."""
        self.rows[table].append(row)

    def measure(
        self, measure_id: str, *, senders: Iterable[str], target: str, evidence: Any, **row: Any
    ) -> None:
        """Append a measure with its parties and its evidence."""
        self.add("measure", measure_id=measure_id, instrument_id=self.id, recorded_at=RECORDED, **row)
        for sender in senders:
            self.add("party", measure_id=measure_id, role="sender", iso3=sender)
        self.add("party", measure_id=measure_id, role="target", iso3=target)
        for source, certainty in evidence:
            self.add(
                "evidence", measure_id=measure_id, source=source, retrieved=RECORDED, certainty=certainty
            )

    def write(self, catalogue: Path) -> None:
        """Write one CSV per table, columns in the documented order."""
        folder = catalogue / self.id
        folder.mkdir(parents=True, exist_ok=True)
        for name, columns in TABLES.items():
            with open(folder / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(columns), lineterminator="\n", restval="")
                writer.writeheader()
                writer.writerows(self.rows[name])


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file as dicts."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def target_rule(direction: str) -> str:
    """Say which link to the target a measure asks for."""
    return "destination" if direction == "export" else "origin+dispatch"


def split_annex(annex: str) -> tuple[str, str]:
    """Split ``XVIII (15)``, ``XXI Part A`` or ``SCHEDULE 6 PART 1`` into annex and part."""
    text = annex.replace("SCHEDULE ", "Schedule ").replace(" PART ", " Part ")
    if " (" in text:
        name, part = text.split(" (")
        return name, part.rstrip(")")
    name, _, part = text.partition(" Part ")
    return name, part


def canada(facts: Path) -> list[Instrument]:
    """Build the two Canadian regulations with their dated history."""
    common = {
        "sender": "CAN",
        "as_of": "2026-07-23",
        "producer": "Department of Justice Canada",
        "licence": "Reproduction of Federal Law Order SI/97-5; not an official version",
        "note": "Goods schedules with HS codes only. Dates: the in-force date of the schedule where the law "
        "prints one between two consolidations, else the consolidation date, which is the latest possible.",
    }
    url = "https://laws-lois.justice.gc.ca/eng/regulations/"
    russia = Instrument(
        instrument_id="ca-sor-2014-58",
        title="Special Economic Measures (Russia) Regulations",
        reference="SOR/2014-58",
        url=url + "SOR-2014-58/",
        adopted="2014-03-17",
        **common,
    )
    belarus = Instrument(
        instrument_id="ca-sor-2020-214",
        title="Special Economic Measures (Belarus) Regulations",
        reference="SOR/2020-214",
        url=url + "SOR-2020-214/",
        adopted="2020-09-28",
        **common,
    )
    scope = read(facts / "scope.csv")
    for fact in read(facts / "measures.csv"):
        instrument = russia if fact["target"] == "RU" else belarus
        rows = [row for row in scope if row["measure_id"] == fact["measure_id"]]
        canadian_measure(instrument, fact, rows)
    return [russia, belarus]


def printed_in_part(text: str) -> bool:
    """Tell whether the law prints that only part of a code is meant: "Subset of 2804.29"."""
    return any(code.partial for code in read_printed(text))


def canadian_measure(instrument: Instrument, fact: dict[str, str], rows: list[dict[str, str]]) -> None:
    """Add one Canadian schedule; its own interval is the hull of its rows."""
    first = min(rows, key=lambda row: row["valid_from"])
    exact = first["date_precision"].startswith("exact")
    direction = DIRECTIONS.get(fact["direction"], fact["direction"])
    condition = CA_CONDITIONS.get(fact["measure_id"], "")
    annex, part = split_annex(fact["annex"])
    instrument.measure(
        fact["measure_id"],
        senders=["CAN"],
        target=ISO3[fact["target"]],
        provision=f"s. {fact['provision']}",
        annex=annex,
        part=part,
        direction=direction,
        kind=fact["kind"],
        target_rule=target_rule(direction),
        valid_from=first["valid_from"],
        valid_from_earliest="" if exact else first["valid_from_lower_bound"],
        date_precision="exact" if exact else "latest",
        title=fact["title"].replace(" — ", ": "),
        condition=condition,
        evidence=[(fact["source"], fact["certainty"])],
    )
    for row in rows:
        exact = row["date_precision"].startswith("exact")
        cap = fact["kind"] == "price_cap"
        instrument.add(
            "scope",
            measure_id=row["measure_id"],
            nomenclature="HS2022" if len(row["code"]) <= 6 else "CA2022",
            prefix=row["code"],
            op=row["op"],
            partial=int(bool(int(row["partial"]) or condition) or printed_in_part(row["as_printed"])),
            cap_value=f"{float(row['value_min'].lstrip('$')):.2f}" if cap else "",
            cap_unit=row["value_unit"] if cap else "",
            valid_from=row["valid_from"],
            valid_from_earliest="" if exact else row["valid_from_lower_bound"],
            valid_to=row["valid_to"],
            date_precision="exact" if exact else "latest",
            as_printed=row["as_printed"],
            description=row["description"],
            recorded_at=RECORDED,
        )


def european(facts: Path, instrument: Instrument, known: dict[str, tuple[str, str, str, str]]) -> Instrument:
    """Add the annexes of one EU regulation; each row is observed on the day of the consolidated text."""
    scope = read(facts / "scope.csv")
    for fact in by_wind_down(read(facts / "measures.csv"), scope):
        annex, part = split_annex(fact["annex"])
        regulation, published, applies, wind_down = known.get(f"{annex}-{part}") or known.get(
            annex, ("", "", "", "")
        )
        printed = fact["valid_from"]
        evidence = [(fact["source"], fact["certainty"])]
        if regulation:
            evidence.append((f"Regulation (EU) {regulation}, published {published}", RECORD))
        direction = DIRECTIONS.get(fact["direction"], fact["direction"])
        instrument.measure(
            fact["measure_id"],
            senders=["EU"],
            target=ISO3[fact["target"]],
            provision=fact["provision"],
            annex=annex,
            part=part,
            direction=direction,
            kind="reference" if fact["kind"] == "other" else fact["kind"],
            target_rule="" if direction == "transit" else target_rule(direction),
            valid_from=printed or applies,
            valid_from_earliest="" if printed else published,
            wind_down_to=wind_down,
            date_precision="exact" if printed else "latest" if applies else "observed",
            observed_on="" if printed or applies else fact["observed_on"],
            title=fact["title"],
            condition=CONDITIONS.get(fact["condition"], fact["condition"]),
            evidence=evidence,
        )
        for row in scope:
            if row["measure_id"] == fact["measure_id"]:
                instrument.add("scope", **european_row(row, fact, annex))
    return instrument


def by_wind_down(measures: Iterable[dict[str, str]], scope: list[dict[str, str]]) -> Iterator[dict[str, str]]:
    """Yield the measures; an annex whose codes wind down on different days becomes one measure for each."""
    for fact in measures:
        parts = WIND_DOWN_PARTS.get(fact["measure_id"])
        if parts is None:
            yield fact
            continue
        for code, (part, title) in parts.items():
            name = f"{fact['measure_id']}-{part}"
            for row in scope:
                if row["measure_id"] == fact["measure_id"] and row["code"].startswith(code):
                    row["measure_id"] = name
            yield {**fact, "measure_id": name, "annex": f"{fact['annex']} ({part})", "title": title}


def european_row(row: dict[str, str], fact: dict[str, str], annex: str) -> dict[str, Any]:
    """Turn one transcribed row into our columns, thresholds and caps apart."""
    cap = fact["kind"] == "price_cap"
    threshold = "" if cap else row["value_min"]
    if annex == "XVIII":
        threshold = "5000" if row["code"].startswith("8711") else threshold or "300"
    printed = bool(fact["valid_from"])
    return {
        "measure_id": row["measure_id"],
        "nomenclature": "HS2017" if row["code"] in HS2017_CODES else "CN2022",
        "prefix": row["code"],
        "op": row["op"],
        "partial": row["partial"],
        "threshold_value": threshold,
        "threshold_unit": "EUR/item" if threshold else "",
        "cap_value": f"{float(row['value_min']):.2f}" if cap else "",
        "cap_unit": "USD/barrel" if cap else "",
        "valid_from": fact["valid_from"],
        "date_precision": "exact" if printed else "observed",
        "observed_on": "" if printed else fact["observed_on"],
        "as_printed": row["as_printed"],
        "description": row["description"],
        "recorded_at": RECORDED,
    }


def european_union(root: Path) -> list[Instrument]:
    """Build the two EU regulations."""
    common = {
        "sender": "EU",
        "producer": "European Union, EUR-Lex",
        "licence": "Commission Decision 2011/833/EU; the consolidated text has no legal effect",
    }
    russia = Instrument(
        instrument_id="eu-833-2014",
        title="Council Regulation (EU) No 833/2014 (Russia)",
        reference="32014R0833",
        url="https://eur-lex.europa.eu/eli/reg/2014/833/2022-12-04",
        adopted="2014-07-31",
        as_of="2022-12-04",
        note="Annexes XVII part B, XVIII and XX to XXVIII. Not included: annexes II, VII, X, XI, XVI, "
        "XVII part A and everything adopted after 2022-12-04.",
        **common,
    )
    european(root / "measures-eu-833-2014", russia, EU_RUSSIA)
    for row in read(root / "measures-eu-833-2014" / "exceptions.csv"):
        russia.add(
            "exception",
            measure_id=row["measure_id"],
            kind=row["type"],
            nomenclature="CN2022",
            prefix="2709",
            effect="partial",
            valid_from=row["valid_from"],
            valid_to=row["valid_to"],
            text=row["text"],
        )
    for measure_id, kind, prefix, text in EU_EXCEPTIONS:
        russia.add(
            "exception",
            measure_id=measure_id,
            kind=kind,
            nomenclature="CN2022",
            prefix=prefix,
            effect="partial",
            text=f"{text}; from public record",
        )
    belarus = Instrument(
        instrument_id="eu-765-2006",
        title="Council Regulation (EC) No 765/2006 (Belarus)",
        reference="32006R0765",
        url="https://eur-lex.europa.eu/eli/reg/2006/765/2022-03-10",
        adopted="2006-05-18",
        as_of="2022-03-10",
        note="Annexes VI to VIII and X to XIV. Not included: annexes V and Va (no CN codes), confidential "
        "products of chapter 85 in annex XIV, and everything adopted after 2022-03-10.",
        **common,
    )
    european(root / "measures-eu-765-2006", belarus, EU_BELARUS)
    return [russia, belarus]


def high_priority(facts: Path) -> Instrument:
    """Build the Common High Priority List: guidance, one measure per tier."""
    instrument = Instrument(
        instrument_id="chpl",
        sender="USA",
        title="Common High Priority List",
        reference="CHPL of 2024-02-23",
        url="https://www.bis.gov/licensing/country-guidance/common-high-priority-items-list-chpl",
        adopted="2024-02-23",
        as_of="2026-08-11",
        producer="US Bureau of Industry and Security with the EU, Japan and the United Kingdom",
        licence="US government work",
        note="Guidance, not a prohibition. Transcribed from a single source; checked by count and tier.",
    )
    rows = read(facts / "chpl.csv")
    for tier in sorted({row["tier"] for row in rows}):
        measure_id = f"chpl-{tier.lower().replace('.', '')}"
        instrument.measure(
            measure_id,
            senders=["USA", "EU", "GBR", "JPN"],
            target="RUS",
            annex="CHPL",
            part=f"Tier {tier}",
            direction="export",
            kind="guidance",
            target_rule="destination",
            valid_from="2024-02-23",
            date_precision="exact",
            title=f"Common High Priority List, tier {tier}",
            evidence=[
                ("BIS publication of 2024-02-23, as checked 2026-08-11", "single-source transcription")
            ],
        )
        for row in rows:
            if row["tier"] == tier:
                instrument.add(
                    "scope",
                    measure_id=measure_id,
                    nomenclature="HS2022",
                    prefix=row["hs6_2022"],
                    op="include",
                    partial=0,
                    as_printed=row["hs6_2022"],
                    recorded_at=RECORDED,
                )
    return instrument


def canada_dprk(facts: Path) -> Instrument:
    """Build the Canadian regulations on the DPRK; paragraph dates are not known, only the observation."""
    instrument = Instrument(
        instrument_id="ca-sor-2006-287",
        sender="CAN",
        title="Regulations Implementing the United Nations Resolutions on the DPRK",
        reference="SOR/2006-287",
        url="https://laws-lois.justice.gc.ca/eng/regulations/SOR-2006-287/",
        adopted="2006-11-09",
        as_of="2026-07-23",
        producer="Department of Justice Canada",
        licence="Reproduction of Federal Law Order SI/97-5; not an official version",
        note="Chapters printed with HS codes only. Not included: coal, iron ore, minerals, seafood, "
        "textiles, statues, luxury goods and arms, which the text names in words.",
    )
    scope = read(facts / "scope.csv")
    for fact in read(facts / "measures.csv"):
        if fact["sender"] == "UN":
            continue
        measure_id = fact["measure_id"].replace("un-kp", "ca-kp")
        instrument.measure(
            measure_id,
            senders=["CAN"],
            target="PRK",
            provision="ss. 3-4",
            direction=fact["direction"],
            kind="ban",
            target_rule=target_rule(fact["direction"]),
            valid_from_earliest="2017-08-05",
            date_precision="observed",
            observed_on=fact["observed_on"],
            title=fact["title"],
            evidence=[(fact["source"], fact["certainty"])],
        )
        for row in scope:
            if row["measure_id"] == fact["measure_id"]:
                add_chapter(instrument, measure_id, row["code"], row["as_printed"])
    return instrument


def add_chapter(instrument: Instrument, measure_id: str, code: str, printed: str) -> None:
    """Add one chapter of the DPRK bans; it shares the interval of its measure."""
    instrument.add(
        "scope",
        measure_id=measure_id,
        nomenclature="HS2017",
        prefix=code,
        op="include",
        partial=0,
        as_printed=printed,
        recorded_at=RECORDED,
    )


def security_council() -> Instrument:
    """Build paragraphs 6 and 7 of resolution 2397, which print HS chapters."""
    instrument = Instrument(
        instrument_id="unscr-2397",
        sender="UN",
        title="United Nations Security Council resolution 2397 (2017)",
        reference="S/RES/2397 (2017)",
        url="https://undocs.org/S/RES/2397(2017)",
        adopted="2017-12-22",
        as_of=RECORDED,
        producer="United Nations Security Council",
        licence="United Nations document",
        note="Paragraphs 6 and 7 only. Not included: resolutions 2371 and 2375 (coal, iron, lead, seafood, "
        "textiles, condensates), which name goods in words.",
    )
    for number, (paragraph, direction, title, chapters) in enumerate(UN_2397, start=1):
        measure_id = f"un-kp-2397-{number}"
        instrument.measure(
            measure_id,
            senders=["UN"],
            target="PRK",
            provision=f"para {paragraph}",
            direction=direction,
            kind="ban",
            target_rule="origin+dispatch" if direction == "import" else "destination",
            valid_from="2017-12-22",
            wind_down_to="2018-01-21" if direction == "import" else "",
            date_precision="exact",
            title=title,
            evidence=[("S/RES/2397 (2017), HS chapters printed in the text", "from public record")],
        )
        for chapter in chapters:
            add_chapter(instrument, measure_id, chapter, chapter)
    instrument.add(
        "exception",
        measure_id="un-kp-2397-8",
        kind="exemption",
        nomenclature="HS2017",
        prefix="88",
        effect="partial",
        text="Spare parts needed to keep the safe operation of commercial civilian passenger aircraft",
    )
    return instrument


def main(facts: Path, catalogue: Path) -> None:
    """Write every instrument and say how many rows it has."""
    instruments = [
        *canada(facts / "measures-ca"),
        *european_union(facts),
        high_priority(facts / "measures-chpl"),
        canada_dprk(facts / "measures-unsc-dprk"),
        security_council(),
    ]
    for instrument in instruments:
        instrument.write(catalogue)
        counts = {name: len(rows) for name, rows in instrument.rows.items()}
        print(instrument.id, counts)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    embedded = Path(__file__).resolve().parents[1] / "src" / "entrepot" / "measures" / "catalogue"
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else embedded)
