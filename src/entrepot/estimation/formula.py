"""The formula of a gravity equation, in the grammar of fixest: ``y ~ x1 + x2 | fe1^fe2 + fe3``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, NoReturn, TypeAlias, cast, get_args

from entrepot.errors import InputError, did_you_mean

Transformation = Literal["log", "exp", "sqrt"]
FUNCTIONS = (*get_args(Transformation), "i", "l", "f")
EXAMPLE = "trade ~ rta | exporter^year + importer^year + exporter^importer"


@dataclass(frozen=True, slots=True)
class Variable:
    """A column of the data."""

    name: str

    @property
    def label(self) -> str:
        """The column's name."""
        return self.name


@dataclass(frozen=True, slots=True)
class Transformed:
    """A function of a numeric expression."""

    function: Transformation
    inner: Numeric

    @property
    def label(self) -> str:
        """As written: ``log(dist)``."""
        return f"{self.function}({self.inner.label})"


@dataclass(frozen=True, slots=True)
class Lagged:
    """The value of the same exporter and importer ``periods`` years before; a lead where it is negative."""

    inner: Numeric
    periods: int

    @property
    def label(self) -> str:
        """``l(rta, 4)`` or ``f(rta, 4)``."""
        return f"{'l' if self.periods >= 0 else 'f'}({self.inner.label}, {abs(self.periods)})"


@dataclass(frozen=True, slots=True)
class Factor:
    """One dummy for each value of a column but the reference, times an expression where ``by`` is given."""

    name: str
    by: Numeric | None = None
    reference: str | None = None

    @property
    def label(self) -> str:
        """As written, without the reference: ``i(year, border)``."""
        return f"i({self.name})" if self.by is None else f"i({self.name}, {self.by.label})"


@dataclass(frozen=True, slots=True)
class Product:
    """The product of its parts."""

    parts: tuple[Numeric | Factor, ...]

    @property
    def label(self) -> str:
        """``a:b``."""
        return ":".join(part.label for part in self.parts)


Numeric: TypeAlias = Variable | Transformed | Lagged
Term: TypeAlias = Variable | Transformed | Lagged | Factor | Product


@dataclass(frozen=True, slots=True)
class Effect:
    """A fixed effect: one level for each combination of the columns; ``symmetric`` ignores their order."""

    columns: tuple[str, ...]
    symmetric: bool = False

    @property
    def label(self) -> str:
        """``exporter^year`` or ``sym(exporter, importer)``."""
        return f"sym({', '.join(self.columns)})" if self.symmetric else "^".join(self.columns)


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula as understood.

    Attributes
    ----------
    text : str
        As written.
    outcome : str
        Column of trade.
    terms : tuple of Term
        Regressors, in the order written; lags and products written out.
    effects : tuple of Effect
        Fixed effects; none means a constant.
    """

    text: str
    outcome: str
    terms: tuple[Term, ...]
    effects: tuple[Effect, ...]


def parse(text: str) -> Formula:
    """Read a formula.

    Parameters
    ----------
    text : str
        ``y ~ regressors | fixed effects``. Regressors: a column, ``log(x)``, ``exp(x)``, ``sqrt(x)``,
        ``a:b`` (product), ``a*b`` (both and their product), ``i(var, ref=value)`` (a dummy for each other
        value; the first one is the reference if none is given), ``i(var, x, ref=value)`` (a slope for each
        value), ``l(x, k)`` and ``f(x, k)`` (value k years before and after; ``c(4, 8)`` or ``1:3`` for
        several), ``1`` (none). Fixed effects: ``a``, ``a^b``, ``sym(a, b)`` (pair without direction). Names
        with spaces go between backticks.

    Returns
    -------
    Formula

    Raises
    ------
    InputError
        With the position of the first thing that cannot be read.

    Examples
    --------
    >>> formula = parse("trade ~ rta + l(rta, c(4, 8)) | exporter^year + importer^year")
    >>> formula.outcome, [term.label for term in formula.terms], [effect.label for effect in formula.effects]
    ('trade', ['rta', 'l(rta, 4)', 'l(rta, 8)'], ['exporter^year', 'importer^year'])
    """
    if not isinstance(text, str):
        raise InputError(
            f"the formula must be text, not {type(text).__name__}", hint=f"for example: {EXAMPLE}"
        )
    return _Reader(text).formula()


def columns_of(term: Term) -> tuple[str, ...]:
    """Return the columns that a term reads, in order, each once.

    Examples
    --------
    >>> columns_of(parse("y ~ i(year, border)").terms[0])
    ('year', 'border')
    """
    match term:
        case Variable(name):
            found: tuple[str, ...] = (name,)
        case Transformed(_, inner) | Lagged(inner, _):
            found = columns_of(inner)
        case Factor(name, by, _):
            found = (name,) if by is None else (name, *columns_of(by))
        case Product(parts):
            found = tuple(name for part in parts for name in columns_of(part))
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Token:
    """A piece of the formula; ``at`` counts from 1."""

    kind: Literal["name", "number", "text", "sign", "end"]
    value: str
    at: int


_TOKEN = re.compile(
    r"""\s*(?:
        `(?P<quoted>[^`]+)` | (?P<name>[^\W\d][\w.]*) | (?P<number>\d+(?:\.\d+)?)
      | "(?P<double>[^"]*)" | '(?P<single>[^']*)' | (?P<sign>[~|+*:^(),=\-\[\]/])
    )""",
    re.VERBOSE,
)


class _Reader:
    """Recursive descent over the tokens of one formula."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._split()
        self.next = 0

    def formula(self) -> Formula:
        outcome = self._name("the column of trade")
        if self._peek().value == "(":
            self._fail(
                "the outcome must be a column", hint="Poisson regression takes trade in levels, not logs"
            )
        self._expect("~")
        terms = self._terms()
        effects: tuple[Effect, ...] = ()
        if self._take("|"):
            effects = self._effects()
            if self._peek().value == "|":
                self._fail("instruments are not supported", hint="write one '|', then the fixed effects")
        if self._peek().kind != "end":
            self._fail(f"'{self._peek().value}' is out of place")
        self._once([term.label for term in terms], "term")
        self._once([effect.label for effect in effects], "fixed effect")
        return Formula(self.text.strip(), outcome, terms, effects)

    def _once(self, labels: list[str], what: str) -> None:
        for label in labels:
            if labels.count(label) > 1:
                raise InputError(f"formula: the {what} '{label}' appears twice", hint="leave one out")

    def _terms(self) -> tuple[Term, ...]:
        found: list[Term] = []
        while True:
            sign = self._take("-")
            if self._peek().kind == "number" and self._peek().value in ("0", "1"):
                self.next += 1
            elif sign:
                self._fail("a term cannot be taken away", hint="leave it out of the formula")
            else:
                found += self._term()
            if self._peek().value == "-":
                continue
            if not self._take("+"):
                return tuple(found)

    def _term(self) -> list[Term]:
        """Read ``a``, ``a:b`` or ``a*b``, where each may stand for several."""
        groups, signs = [self._atom()], []
        while self._peek().value in (":", "*"):
            signs.append(self._pop().value)
            groups.append(self._atom())
        if len(set(signs)) > 1:
            self._fail("':' and '*' cannot be mixed in one term", hint="write the products out")
        if not signs:
            return groups[0]
        if "*" in signs and len(groups) > 2:
            self._fail("'*' joins two variables", hint="write the products out with ':'")
        joined: list[tuple[Numeric | Factor, ...]] = [()]
        for group in groups:
            joined = [(*parts, cast(Numeric | Factor, atom)) for parts in joined for atom in group]
        products: list[Term] = [Product(parts) for parts in joined]
        return [*groups[0], *groups[1], *products] if "*" in signs else products

    def _atom(self) -> list[Term]:
        token = self._peek()
        name = self._name("a variable")
        if self._peek().value == "^":
            self._fail("'^' joins fixed effects only", hint="for a power, make a column of it first")
        if not self._take("("):
            return [Variable(name)]
        if name == "i":
            return [self._factor()]
        if name in ("l", "f"):
            return self._lags(name)
        self._known_function(name, token)
        inner = self._numeric()
        self._expect(")")
        return [Transformed(cast(Transformation, name), inner)]

    def _known_function(self, name: str, token: _Token) -> None:
        if name in get_args(Transformation):
            return
        hint = did_you_mean(name, FUNCTIONS) or f"functions are: {', '.join(FUNCTIONS)}"
        if name in ("sw", "sw0", "csw", "csw0", "mvsw"):
            hint = "estimate each formula and print them side by side: first.table(second)"
        self._fail(f"unknown function '{name}'", hint=hint, token=token)

    def _numeric(self) -> Numeric:
        """Read one expression that stands for exactly one numeric column."""
        at = self._peek()
        found = self._atom()
        if len(found) != 1 or isinstance(found[0], Factor | Product):
            self._fail("one numeric variable is needed here", token=at)
        return found[0]

    def _factor(self) -> Factor:
        factor = Factor(self._name("the variable whose values get dummies"))
        while self._take(","):
            token = self._peek()
            if token.value != "ref" or self._peek(1).value != "=":
                if factor.by is not None:
                    self._fail("i() takes a variable, one to multiply by, and ref=")
                factor = replace(factor, by=self._numeric())
                continue
            self.next += 2
            factor = replace(factor, reference=self._value())
        self._expect(")")
        return factor

    def _value(self) -> str:
        minus = "-" if self._take("-") else ""
        token = self._pop()
        if token.kind not in ("name", "number", "text"):
            self._fail("ref= needs a value", token=token)
        return minus + token.value

    def _lags(self, function: str) -> list[Term]:
        inner = self._numeric()
        periods = self._periods() if self._take(",") else [1]
        self._expect(")")
        sign = 1 if function == "l" else -1
        return [Lagged(inner, sign * count) for count in periods]

    def _periods(self) -> list[int]:
        """Read ``4``, ``1:3`` or ``c(4, 8)``."""
        if self._peek().value == "c" and self._peek(1).value == "(":
            self.next += 2
            found = [self._whole()]
            while self._take(","):
                found.append(self._whole())
            self._expect(")")
            return found
        first = self._whole()
        if not self._take(":"):
            return [first]
        last = self._whole()
        return list(range(first, last + 1)) if first <= last else list(range(first, last - 1, -1))

    def _whole(self) -> int:
        token = self._pop()
        if token.kind != "number" or not token.value.isdigit():
            self._fail(
                "a whole number of years is needed", token=token, hint="f(x, k) is the lead of l(x, k)"
            )
        return int(token.value)

    def _effects(self) -> tuple[Effect, ...]:
        found: list[Effect] = []
        while True:
            if self._peek().kind == "number" and self._peek().value in ("0", "1"):
                self.next += 1
            else:
                found.append(self._effect())
            if not self._take("+"):
                return tuple(found)

    def _effect(self) -> Effect:
        name = self._name("a fixed effect")
        if self._peek().value == "[":
            self._fail("varying slopes are not supported", hint="use i(var, x) among the regressors")
        if self._take("("):
            if name != "sym":
                self._fail(f"unknown function '{name}' among the fixed effects", hint="use a^b or sym(a, b)")
            first = self._name("a column")
            self._expect(",")
            second = self._name("a column")
            self._expect(")")
            return Effect((first, second), symmetric=True)
        columns = [name]
        while self._take("^"):
            columns.append(self._name("a column"))
        return Effect(tuple(columns))

    def _name(self, what: str) -> str:
        token = self._peek()
        if token.kind != "name":
            found = "the formula ends" if token.kind == "end" else f"found '{token.value}'"
            self._fail(f"expected {what}, {found}", hint=f"for example: {EXAMPLE}")
        return self._pop().value

    def _peek(self, ahead: int = 0) -> _Token:
        return self.tokens[min(self.next + ahead, len(self.tokens) - 1)]

    def _pop(self) -> _Token:
        token = self._peek()
        self.next += 1
        return token

    def _take(self, sign: str) -> bool:
        found = self._peek().kind == "sign" and self._peek().value == sign
        self.next += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            token = self._peek()
            found = "the formula ends" if token.kind == "end" else f"found '{token.value}'"
            self._fail(f"expected '{sign}', {found}")

    def _fail(self, reason: str, *, hint: str | None = None, token: _Token | None = None) -> NoReturn:
        raise InputError.in_formula(self.text, (token or self._peek()).at, reason, hint=hint)

    def _split(self) -> list[_Token]:
        tokens: list[_Token] = []
        at = 0
        while self.text[at:].strip():
            found = _TOKEN.match(self.text, at)
            if found is None:
                at += len(self.text[at:]) - len(self.text[at:].lstrip())
                raise InputError.in_formula(self.text, at + 1, f"'{self.text[at]}' cannot be read")
            group = cast(str, found.lastgroup)
            kinds: dict[str, Literal["name", "number", "text", "sign"]] = {
                "quoted": "name", "name": "name", "number": "number",
                "double": "text", "single": "text", "sign": "sign",
            }  # fmt: skip
            tokens.append(_Token(kinds[group], found[group], found.start(group) + 1))
            at = found.end()
        return [*tokens, _Token("end", "", len(self.text) + 1)]
