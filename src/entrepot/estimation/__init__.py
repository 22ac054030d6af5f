"""Gravity equations on data frames: formula, estimates, tables, counterfactuals."""

from entrepot.estimation.estimates import Dropped, GravityFit, Linear
from entrepot.estimation.fit import gravity
from entrepot.estimation.further import EventStudy, event_study

__all__ = ["Dropped", "EventStudy", "GravityFit", "Linear", "event_study", "gravity"]
