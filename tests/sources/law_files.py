"""Law in the shape in which Canada and the European Union publish it; short, with "
"made-up selections of goods."""

from __future__ import annotations

from collections.abc import Sequence

HS = "Harmonized Commodity Description and Coding System code"


def dated(day: str) -> str:
    return f'lims:inforce-start-date="{day}" lims:fid="1" lims:id="2"'


def row(*cells: str, day: str = "") -> str:
    entries = "".join(f'<entry valign="middle">{cell}</entry>' for cell in cells)
    return f"<row {dated(day) if day else ''}>{entries}</row>"


def repealed(item: str, day: str) -> str:
    text = "<Repealed>[Repealed, SOR/2024-39, s. 3]</Repealed>"
    return f'<row {dated(day)}><entry>{item}</entry><entry nameend="col3" namest="col2">{text}</entry></row>'


def table(
    title: str, rows: Sequence[str], day: str, *, part: str = "", heads: Sequence[str] = ("Goods", HS)
) -> str:
    caption = f'<Caption position="over">PART {part}</Caption>' if part else ""
    numbers = "".join(f'<entry rowsep="0">Column {i + 1}</entry>' for i in range(len(heads)))
    names = "".join(f'<entry>{head}<FootnoteRef idref="fn_1">a</FootnoteRef></entry>' for head in heads)
    return (
        f'<TableGroup {dated(day)} pointsize="7">{caption}<table frame="topbot"><title>{title}</title>'
        f'<tgroup {dated(day)} cols="3"><colspec colname="col1" /><thead {dated(day)}>'
        '<row topdouble="yes"><entry rowsep="0" '
        f"/>{numbers}</row><row><entry>Item</entry>{names}</row></thead>"
        f"<tbody>{''.join(rows)}</tbody></tgroup></table>"
        '<Footnote id="fn_1" placement="table"><Label>a</Label><Text>For reference only '
        "9999.</Text></Footnote>"
        "</TableGroup>"
    )


def schedule(label: str, tables: Sequence[str], day: str, history: Sequence[str]) -> str:
    notes = "".join(
        f"<HistoricalNoteSubItem {dated(d)}>SOR/{d[:4]}-1, s. 1</HistoricalNoteSubItem>" for d in history
    )
    return (
        f'<Schedule {dated(day)} lims:lastAmendedDate="{history[-1]}"><ScheduleFormHeading>'
        f"<Label>SCHEDULE {label}</Label><OriginatingRef>(Section "
        "3.08)</OriginatingRef></ScheduleFormHeading>"
        f"{''.join(tables)}<HistoricalNote>{notes}</HistoricalNote></Schedule>"
    )


def regulation(
    amended: str, schedules: Sequence[str], *, number: str = "SOR/2014-58", current: str = ""
) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<Regulation lims:pit-date="{amended}" lims:lastAmendedDate="{amended}" '
        f'lims:current-date="{current or amended}" {dated("2014-12-19")} xml:lang="en" '
        'xmlns:lims="http://justice.gc.ca/lims"><Identification>'
        f"<InstrumentNumber>{number}</InstrumentNumber><RegistrationDate><Date><YYYY>2014</YYYY><MM>3</MM>"
        "<DD>17</DD></Date></RegistrationDate><LongTitle>Special Economic Measures (Russia) "
        "Regulations</LongTitle>"
        "</Identification><Body><Section><Label>1</Label><Text>The following definitions "
        "apply.</Text></Section>"
        f"</Body>{''.join(schedules)}</Regulation>"
    ).encode()


LUXURY = (row("1", "Live fish", "301"), row("2", "Whiskies", "220830"), row("3", "Diamonds", "7102.31"))


def canada() -> dict[str, bytes]:
    """Return four consolidations: a first one, a row added, a row repealed, a schedule issued anew."""
    exports = [row("1", "Caviar", "160431"), row("2", "Art", "9700")]
    first, added, gone, anew = "2022-05-18", "2023-12-05", "2024-03-01", "2025-08-12"
    sixth = schedule(
        "6",
        [
            table("Luxury Goods — export", exports, first, part="1"),
            table("Luxury Goods — import", LUXURY, first, part="2"),
        ],
        first,
        [first],
    )
    longer = [*exports, row("3", "Pearls", "7101", day=added)]
    sixth_more = schedule(
        "6",
        [
            table("Luxury Goods — export", longer, first, part="1"),
            table("Luxury Goods — import", LUXURY, first, part="2"),
        ],
        first,
        [first, added],
    )
    fewer = [*LUXURY[:2], repealed("3", gone)]
    sixth_less = schedule(
        "6",
        [
            table("Luxury Goods — export", longer, first, part="1"),
            table("Luxury Goods — import", fewer, first, part="2"),
        ],
        first,
        [first, added, gone],
    )
    seventh = schedule(
        "7",
        [
            table(
                "Industrial Goods",
                [row("1", "Peat", "2703"), row("2", "Liquid air", "Subset of 2853.90")],
                first,
            )
        ],
        first,
        [first],
    )
    wider = [
        row("1", "Peat", "27.03"),
        row("2", "Liquid air", "Subset of 2853.90"),
        row("3", "Propane", "2711.12.10.10"),
    ]
    seventh_anew = schedule(
        "7", [table("Industrial Goods", [*wider, row("4", "Goods", "")], anew)], anew, [first, anew]
    )
    chemicals = schedule(
        "8",
        [table("Chemicals", [row("1", "Methanol", "67-56-1")], first, heads=("Chemical", "CAS number"))],
        first,
        [first],
    )
    items = [f"<Item><Text>2710 12 90 {last}</Text></Item>" for last in ("11", "14")]
    cap = schedule(
        "10.01",
        [
            table(
                "Price Cap",
                [
                    row("1", "Crude oil", "2709", "$47.60"),
                    row("2", "High-value products", f"<List>{''.join(items)}</List>", "$100.00"),
                    row("3", "Low-value products", "2710, except for goods described in item 2", "dear"),
                ],
                "2025-08-28",
                heads=("Goods", f"{HS} or Tariff Classification Number", "Price Cap (USD per Barrel)"),
            )
        ],
        "2025-08-28",
        ["2025-08-28"],
    )
    planned = table("Goods", [row("1", "Tea", "0902")], anew)
    planned = f"<RelatedOrNotInForce>{planned}</RelatedOrNotInForce>"
    later = f"<Schedule><RegulationPiece>{planned}</RegulationPiece></Schedule>"
    return {
        "a.xml": regulation(first, [sixth, seventh, chemicals]),
        "b.xml": regulation("2023-12-10", [sixth_more, seventh, chemicals]),
        "c.xml": regulation("2024-03-10", [sixth_less, seventh, chemicals]),
        "d.xml": regulation(
            "2025-09-01", [sixth_less, seventh_anew, chemicals, cap, later], current="2025-09-10"
        ),
    }


def html_row(*cells: str) -> str:
    return "<tr>" + "".join(f'<td><p class="tbl-txt">{cell}</p></td>' for cell in cells) + "</tr>"


def html_table(*rows: Sequence[str]) -> str:
    return f"<table border='1'><tbody>{''.join(html_row(*cells) for cells in rows)}</tbody></table>"


def article(number: str, *paragraphs: str) -> str:
    text = "".join(f'<p class="norm">{i}.   {words}</p>' for i, words in enumerate(paragraphs, 1))
    return (
        f'<div class="eli-subdivision" id="art_{number}"><p class="title-article-norm">Article '
        f"{number}</p>{text}</div>"
    )


def annex(number: str, title: str, body: str) -> str:
    return (
        f'<hr class="separator-annex"/><p class="modref"><a title="32022R0576: INSERTED">▼M7</a></p>'
        f'<p class="title-annex-1">ANNEX {number}</p><p class="title-annex-2">{title}</p>{body}'
    )


def european() -> str:
    """Return a consolidated regulation with a ban on exports, two on imports, and annexes of each layout."""
    articles = (
        article(
            "3h",
            "It shall be prohibited to sell, supply, transfer or export, directly or indirectly, "
            "luxury goods as "
            "listed in Annex XVIII, to any person in Russia.",
        )
        + article(
            "3i",
            "It shall be prohibited to purchase, import, or transfer, directly or indirectly, "
            "goods which generate "
            "significant revenues for Russia, as listed in Annex XXI.",
            "The prohibition shall not apply to the execution until 10&nbsp;July 2022 of "
            "contracts concluded before "
            "9 April 2022 as regards Part A, and until 8 January 2023 of contracts as regards Part B.",
        )
        + article(
            "3k",
            "It shall be prohibited to sell, supply, transfer or export, directly or indirectly, "
            "goods as listed in "
            "Annex XXIII.",
            "With regard to the goods listed in Annex XXIII, the prohibitions shall not apply to "
            "the execution until "
            "10 July 2022 of contracts concluded before 9 April 2022.",
        )
        + article("12f", "It shall be prohibited to sell goods of Annex XCIX.", "")
        + article("12g", "It shall be prohibited to purchase goods of Annex XCIX.", "")
    )
    luxury = (
        '<p class="norm">►M7 Explanatory note ◄</p><p class="title-gr-seq-level-1">(1) '
        "<span>Horses</span></p>"
        + html_table(
            ("ex", "0101\u00a021\u00a000", "Pure-bred breeding animals"), ("ex", "0101 29 90", "Other")
        )
        + '<p class="norm">(15) Electronic items for domestic use of a value exceeding EUR 750</p>'
        + html_table(
            ("ex", "8414 51", "Fans"), ("ex", "8414 59 00", "Other"), ("", "", "Note of 2022, no code")
        )
    )
    revenues = (
        '<p class="title-gr-seq-level-1">PART A</p>'
        + html_table(("CN code", "Name of the good"), ("0306", "Crustaceans"), ("1604 31 00", "Caviar"))
        + '<p class="title-gr-seq-level-1">PART B</p>'
        + html_table(
            ("CN code", "Name of the good"),
            ("2523", "Cement &amp; clinker"),
            ("28 (except for CN code 2825 20 00)", "Chemicals"),
            ("7206 to 7229", "Steel"),
            ("as above", "Goods of the heading above"),
        )
    )
    industry = (
        "<div>" + html_table(("CN code", "Description"), ("0601", "Bulbs"), ("8407", "Engines")) + "</div>"
    )
    other = html_table(("CN/HS code", "Goods"), ("4412 94", "Plywood"))
    return (
        "<html><head><title>Consolidated TEXT: 32014R0833 — EN — 04.12.2022</title><style>p "
        "{1234}</style></head>"
        '<body><p class="title-doc-first">COUNCIL REGULATION (EU) No 833/2014</p>'
        '<p class="title-doc-last">of 31 July 2014</p>'
        '<p class="title-doc-first">concerning restrictive measures</p>'
        + articles
        + annex("II", "List of technologies", "<p class='norm'>X.A.VIII.003 Microscopes of 2022</p>")
        + annex("XVIII", "List of luxury goods referred to in Article 3h", luxury)
        + annex("XXI", "List of goods referred to in Article 3i", revenues)
        + annex("XXIII", "List of goods referred to in Article 3k", industry)
        + annex("XCIX", "List of other goods", other)
        + "</body></html>"
    )
