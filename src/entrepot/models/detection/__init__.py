"""Detection of trade that goes round a measure: baseline, legs, calibrated false-discovery rates.

The order of use: `trade`, `roles`, `window` put data on axes; `measure_legs` measures one window; `detect`
scores it against placebo windows; `bootstrap`, `shrink` and `diverted_at_most` say how much; `event_study`
draws the pooled path; `innocent` offers other explanations. What is found is consistent with diversion and
needs review.
"""

from entrepot.models.detection.baseline import Flows, expect
from entrepot.models.detection.decoys import (
    FalseShare,
    benjamini_hochberg,
    false_share,
    innocent_share,
    q_values,
    tail_probabilities,
)
from entrepot.models.detection.dispersion import Dispersion, fit_dispersion
from entrepot.models.detection.events import EventStudy, event_study, stack
from entrepot.models.detection.evidence import FEATURES
from entrepot.models.detection.legs import LEGS, Legs, measure_legs
from entrepot.models.detection.mirror import MirrorGap, mirror_gap
from entrepot.models.detection.panel import Roles, Trade, Window, comparable, roles, trade, window
from entrepot.models.detection.placebos import placebo_origins, pool
from entrepot.models.detection.planted import Plant, candidates, plant
from entrepot.models.detection.quantity import (
    Excess,
    Shrunk,
    bootstrap,
    diverted_at_most,
    lost_in_transit,
    shrink,
)
from entrepot.models.detection.rules import Rules, rules_of_thumb
from entrepot.models.detection.scoring import Detection, detect

__all__ = [
    "FEATURES",
    "LEGS",
    "Detection",
    "Dispersion",
    "EventStudy",
    "Excess",
    "FalseShare",
    "Flows",
    "Legs",
    "MirrorGap",
    "Plant",
    "Roles",
    "Rules",
    "Shrunk",
    "Trade",
    "Window",
    "benjamini_hochberg",
    "bootstrap",
    "candidates",
    "comparable",
    "detect",
    "diverted_at_most",
    "event_study",
    "expect",
    "false_share",
    "fit_dispersion",
    "innocent_share",
    "lost_in_transit",
    "measure_legs",
    "mirror_gap",
    "placebo_origins",
    "plant",
    "pool",
    "q_values",
    "roles",
    "rules_of_thumb",
    "shrink",
    "stack",
    "tail_probabilities",
    "trade",
    "window",
]
