import attrs
import cosmic_ray.commands
import pytest
from cosmic_ray.mutating import mutate_code
from cosmic_ray.work_db import WorkDB, use_db

from tests.mutation import operators, sampling

SOURCE = '''"""Counts 2 + 2."""

from typing import Optional


def area(width: int | None, *, scale: float = 1.0) -> int | None:
    """Of a square."""
    side: int | None = abs(width)
    return round(side * side, ndigits=2) if side > 0 else 0


def pairs(first, second):
    return zip(first, second, strict=True)
'''


@pytest.fixture
def items(tmp_path):
    module = tmp_path / "area.py"
    module.write_text(SOURCE)
    operators.register()
    with use_db(tmp_path / "session.sqlite", WorkDB.Mode.create) as database:
        cosmic_ray.commands.init([module], database, {})
        yield database.work_items


def test_what_no_test_can_notice_or_all_do_is_no_mutant(items):
    drawn = sampling.sample(SOURCE, items, 10_000, seed=0)
    codes = [sampling.mutated(SOURCE, item.mutations[0]) for item in drawn]
    lines = SOURCE.splitlines()
    for code in codes:
        compile(code, "mutant", "exec")
        changed = [a for a, b in zip(lines, code.splitlines(), strict=True) if a != b]
        assert len(changed) == 1
        assert changed[0] == lines[8] or "scale: float = 1.0" in changed[0]
    assert len({sampling.meaning(code) for code in codes}) == len(codes) > 15
    assert any("ndigits" not in code for code in codes)


def test_an_operator_that_breaks_at_a_place_makes_no_mutant_there(items):
    item = next(x for x in items if "Number" in x.mutations[0].operator_name)
    kind = "core/ExceptionReplacer"
    mutation = attrs.evolve(item.mutations[0], operator_name=kind, occurrence=0)
    source = "try:\n    f()\nexcept (re.error, KeyError):\n    pass\n"
    assert sampling.mutated(source, mutation) is None


def test_a_sample_is_of_its_seed_and_of_as_many_places_as_there_are(items):
    drawn = sampling.sample(SOURCE, items, 6, seed=1)
    places = {item.mutations[0].start_pos for item in drawn}
    assert len(drawn) == len(places) == 6
    again = sampling.sample(SOURCE, reversed(items), 6, seed=1)
    assert [i.mutations for i in again] == [i.mutations for i in drawn]
    other = sampling.sample(SOURCE, items, 6, seed=2)
    assert [i.mutations for i in other] != [i.mutations for i in drawn]


@pytest.mark.parametrize("kind", list(operators.Provider()))
def test_our_operators_do_what_their_examples_say(kind):
    operator = operators.Provider()[kind]
    for example in operator.examples():
        before, after = example.pre_mutation_code, example.post_mutation_code
        assert mutate_code(before, operator(), example.occurrence) == after


def test_what_is_no_step_and_no_keyword_argument_is_left():
    for text in ("x = f(1)\n", "'words'\n", "f(*a, **b)\n", "return f\n"):
        for kind in operators.Provider():
            if kind == "DropStatement" and text.startswith("f("):
                continue
            assert mutate_code(text, operators.Provider()[kind](), 0) is None
