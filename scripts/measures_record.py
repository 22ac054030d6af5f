"""What the public record says of the measures beyond the transcribed lists: dates, exemptions, conditions."""

from __future__ import annotations

# What the transcription noted for itself, in words for a reader; what is open stays in the evidence.
CONDITIONS = {
    "Annex-wide value threshold in Art. 3h not captured here; section threshold in scope.value_min": (
        "over EUR 300 per item unless the section says otherwise"
    ),
    "Art. 3i number not printed in annex heading: verify": "",
    "Art. 3k number not printed in annex heading in this copy: verify": "",
    "function of list not verified here": "",
    "direction inferred from annex subject and article; confirm in Art. text": "",
}
# Crude oil and oil products stand in one annex but wind down on different days (Art. 3m(3)).
WIND_DOWN_PARTS = {
    "eu-ru-833-XXV": {"2709": ("crude", "Crude oil"), "2710": ("products", "Petroleum products")}
}
# Annex-level dates that the Official Journal fixes: (regulation, published, applies from, wind-down until).
# An empty "applies from" leaves the start unknown: the annex or part existed later than the publication.
EU_RUSSIA = {
    "XVII": ("2022/428; part B by 2022/1904", "2022-03-15", "", "2023-01-08"),
    "XVIII": ("2022/428", "2022-03-15", "2022-03-16", ""),
    "XX": ("2022/576", "2022-04-08", "2022-04-09", ""),
    "XXI-A": ("2022/576", "2022-04-08", "2022-04-09", "2022-07-10"),
    "XXI-B": ("2022/576; part B by 2022/1904", "2022-04-08", "", "2023-01-08"),
    "XXII": ("2022/576", "2022-04-08", "2022-04-09", "2022-08-10"),
    "XXIII": ("2022/576", "2022-04-08", "2022-04-09", "2022-07-10"),
    "XXIV": ("2022/576", "2022-04-08", "2022-04-09", ""),
    "XXV-crude": ("2022/879", "2022-06-03", "2022-06-04", "2022-12-05"),
    "XXV-products": ("2022/879", "2022-06-03", "2022-06-04", "2023-02-05"),
    "XXVI": ("2022/1269", "2022-07-21", "2022-07-22", ""),
    "XXVII": ("2022/1269", "2022-07-21", "2022-07-22", ""),
}
EU_BELARUS = {
    **dict.fromkeys(
        ("VI", "VII", "VIII"), ("2021/1030, extended by 2022/355", "2021-06-24", "2021-06-25", "")
    ),
    **dict.fromkeys(
        ("X", "XI", "XII", "XIII", "XIV"), ("2022/355", "2022-03-02", "2022-03-03", "2022-06-04")
    ),
}
# Goods that the articles leave out in part: (measure, kind, prefix, nomenclature, text).
EU_EXCEPTIONS = [
    ("eu-ru-833-XXV-crude", "exemption", "2709", "Crude oil delivered by pipeline (Art. 3m(3)(d))"),
    ("eu-ru-833-XVII-B", "quota", "720711", "Semi-finished products under transitional quotas (Art. 3g)"),
    ("eu-ru-833-XVII-B", "quota", "72071210", "Semi-finished products under transitional quotas (Art. 3g)"),
    ("eu-ru-833-XVII-B", "quota", "722490", "Semi-finished products under transitional quotas (Art. 3g)"),
]
# Printed in an annex of 2022 although HS2022 had deleted them.
HS2017_CODES = {"441294", "441860"}
CA_CONDITIONS = {
    "ca-ru-sch4": "only for use in offshore oil below 500 m, Arctic oil or shale oil; "
    "HS codes are printed for reference, the goods description governs",
    "ca-ru-sch5": "HS codes are printed for reference, the goods description governs",
    "ca-ru-sch12p1": "diamonds of any country with Russian origin of the stone; dated carat thresholds",
}
UN_2397 = [
    ("6", "import", "Food and agricultural products", ["08", "12"]),
    ("6", "import", "Machinery", ["84"]),
    ("6", "import", "Electrical equipment", ["85"]),
    ("6", "import", "Earth and stone, including magnesite and magnesia", ["25"]),
    ("6", "import", "Wood", ["44"]),
    ("6", "import", "Vessels", ["89"]),
    ("7", "export", "Industrial machinery", ["84", "85"]),
    ("7", "export", "Transportation vehicles", ["86", "87", "88", "89"]),
    ("7", "export", "Iron, steel and other metals", [str(c) for c in range(72, 84) if c != 77]),
]
