"""Economic complexity: advantage, complexity of countries and products, the product space, fitness."""

from entrepot.models.complexity.conventions import CONVENTIONS, Convention, ConventionName
from entrepot.models.complexity.fitness import Fitness, fitness
from entrepot.models.complexity.measures import Complexity, complexity
from entrepot.models.complexity.presence import advantage, cross_table

__all__ = [
    "CONVENTIONS",
    "Complexity",
    "Convention",
    "ConventionName",
    "Fitness",
    "advantage",
    "complexity",
    "cross_table",
    "fitness",
]
