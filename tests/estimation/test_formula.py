"""The grammar of formulas, and where each fault lies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import InputError
from entrepot.estimation.formula import Effect, Factor, Lagged, Product, Variable, columns_of, parse
from entrepot.estimation.scenario import changeable


@pytest.mark.parametrize(
    ("terms", "labels"),
    [
        ("1", []),
        ("0", []),
        ("rta", ["rta"]),
        ("rta + 1", ["rta"]),
        ("rta - 1", ["rta"]),
        ("log(dist) + sqrt(x) + exp(x)", ["log(dist)", "sqrt(x)", "exp(x)"]),
        ("log(l(gdp, 2))", ["log(l(gdp, 2))"]),
        ("a:b", ["a:b"]),
        ("a*b", ["a", "b", "a:b"]),
        ("a:log(b):c", ["a:log(b):c"]),
        ("i(zone)", ["i(zone)"]),
        ("i(year, abroad, ref = 2006)", ["i(year, abroad)"]),
        ("l(rta) + f(rta, 4)", ["l(rta, 1)", "f(rta, 4)"]),
        ("l(rta, c(4, 8, 12))", ["l(rta, 4)", "l(rta, 8)", "l(rta, 12)"]),
        ("l(rta, 1:3)", ["l(rta, 1)", "l(rta, 2)", "l(rta, 3)"]),
        ("l(rta, c(4, 8)):x", ["l(rta, 4):x", "l(rta, 8):x"]),
        ("`trade cost` + x.1 + пошлина", ["trade cost", "x.1", "пошлина"]),
    ],
)  # fmt: skip
def test_terms(terms: str, labels: list[str]) -> None:
    assert [term.label for term in parse(f"trade ~ {terms} | a^b").terms] == labels


names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_.]{0,5}", fullmatch=True)
numeric = st.recursive(
    names,
    lambda inner: st.one_of(
        st.builds("{}({})".format, st.sampled_from(["log", "exp", "sqrt"]), inner),
        st.builds("{}({}, {})".format, st.sampled_from("lf"), inner, st.integers(1, 20)),
    ),
    max_leaves=3,
)
atoms = st.one_of(numeric, st.builds("i({})".format, names), st.builds("i({}, {})".format, names, numeric))
terms = st.lists(atoms, min_size=1, max_size=3).map(":".join)


@given(st.lists(terms, max_size=4, unique=True), st.lists(names, min_size=1, max_size=3, unique=True))
def test_a_formula_reads_its_own_labels(written: list[str], effects: list[str]) -> None:
    formula = parse(f"y ~ {' + '.join(written) or '1'} | {'^'.join(effects)}")
    assert [term.label for term in formula.terms] == written
    assert formula.effects == (Effect(tuple(effects)),)


def test_parts_of_terms() -> None:
    formula = parse("y ~ x + i(zone, ref=-1.5) + l(x, 4) + a:i(year, ref='the \"first\"')")
    assert formula.terms == (
        Variable("x"),
        Factor("zone", None, "-1.5"),
        Lagged(Variable("x"), 4),
        Product((Variable("a"), Factor("year", None, 'the "first"'))),
    )
    assert [columns_of(term) for term in formula.terms] == [("x",), ("zone",), ("x",), ("a", "year")]
    assert changeable(formula.terms) == ("x", "a")
    assert formula.effects == ()


def test_fixed_effects() -> None:
    formula = parse("y~x|a^b+c+sym(d, e)+a^b^c+0")
    assert formula.effects == (
        Effect(("a", "b")), Effect(("c",)), Effect(("d", "e"), symmetric=True), Effect(("a", "b", "c")),
    )  # fmt: skip
    assert [effect.label for effect in formula.effects] == ["a^b", "c", "sym(d, e)", "a^b^c"]


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 1, "expected the column of trade, the formula ends"),
        ("~ x", 1, "expected the column of trade, found '~'"),
        ("trade", 6, "expected '~', the formula ends"),
        ("trade = rta", 7, "expected '~', found '='"),
        ("log(trade) ~ rta", 4, "the outcome must be a column"),
        ("trade ~ rta + | a", 15, "expected a variable, found '|'"),
        ("trade ~ rta rta2", 13, "'rta2' is out of place"),
        ("trade ~ rta | a + ", 19, "expected a fixed effect, the formula ends"),
        ("trade ~ rta | a^", 17, "expected a column, the formula ends"),
        ("trade ~ rta | a | b", 17, "instruments are not supported"),
        ("trade ~ rta | a[x]", 16, "varying slopes are not supported"),
        ("trade ~ rta | pair(a, b)", 20, "unknown function 'pair' among the fixed effects"),
        ("trade ~ rta^2", 12, "'^' joins fixed effects only"),
        ("trade ~ - rta", 11, "a term cannot be taken away"),
        ("trade ~ lgo(dist)", 9, "unknown function 'lgo'"),
        ("trade ~ csw(a, b)", 9, "unknown function 'csw'"),
        ("trade ~ log(dist", 17, "expected ')', the formula ends"),
        ("trade ~ log(i(zone))", 13, "one numeric variable is needed here"),
        ("trade ~ log(l(x, 1:2))", 13, "one numeric variable is needed here"),
        ("trade ~ i(zone, a, b)", 20, "i() takes a variable"),
        ("trade ~ i(zone, ref=)", 21, "ref= needs a value"),
        ("trade ~ l(rta, -1)", 16, "a whole number of years is needed"),
        ("trade ~ l(rta, 1.5)", 16, "a whole number of years is needed"),
        ("trade ~ a:b*c", 14, "':' and '*' cannot be mixed"),
        ("trade ~ a*b*c", 14, "'*' joins two variables"),
        ("trade ~ rta % 2", 13, "'%' cannot be read"),
        ("trade ~ `rta", 9, "'`' cannot be read"),
    ],
)
def test_faults_have_a_position(text: str, position: int, message: str) -> None:
    with pytest.raises(InputError) as raised:
        parse(text)
    assert raised.value.message.startswith(f"formula, position {position}: {message}")
    assert raised.value.hint


def test_hints() -> None:
    with pytest.raises(InputError, match="did you mean 'log'"):
        parse("trade ~ lgo(dist)")
    with pytest.raises(InputError, match=r"first\.table\(second\)"):
        parse("trade ~ csw(a, b)")
    with pytest.raises(InputError, match="here: trade ~ rta  >>> rta2"):
        parse("trade ~ rta rta2")


def test_twice_is_once_too_many() -> None:
    with pytest.raises(InputError, match="the term 'rta' appears twice"):
        parse("trade ~ rta + x + rta")
    with pytest.raises(InputError, match="the fixed effect 'a\\^b' appears twice"):
        parse("trade ~ rta | a^b + a^b")
    with pytest.raises(InputError, match="the formula must be text, not list"):
        parse(["trade", "rta"])
