"""Where numbers come from: the catalogue of public sources and how to cite them."""

from entrepot.sources.catalogue import bibtex, known, source

__all__ = ["bibtex", "known", "source"]
