"""Options: what a declaration says, how values are read and checked."""

import dataclasses

import pytest

from dimn_tf import config, errors


@dataclasses.dataclass(frozen=True)
class Some:
    """One option of each kind."""

    count: int = config.option(3, "How many.", least=1, most=9)
    many: int = config.option(1, "How many.", most=64_000_000)
    share: float = config.option(0.5, "How much.", least=0, changes_result=False)
    most: float = config.option(1.0, "At most.", most=1)
    kind: str = config.option("a", "Which.", choices=("a", "b"))
    place: str | None = config.option(None, "Where.", holds=config.PATH)
    names: tuple[str, ...] = config.option(["x", "y"], "Who.", holds=config.REFERENCES)
    sizes: tuple[int, ...] = config.option((1, 2), "Of what size.")


def test_a_declaration_is_kept_beside_the_field():
    fields = {field.name: field for field in dataclasses.fields(Some)}
    assert dict(fields["count"].metadata) == {
        "help": "How many.",
        "choices": None,
        "least": 1,
        "most": 9,
        "changes_result": True,
        "holds": None,
    }
    assert fields["share"].metadata["changes_result"] is False
    assert fields["share"].metadata["most"] is None
    assert fields["most"].metadata["least"] is None
    assert fields["kind"].metadata["choices"] == ("a", "b")
    assert fields["place"].metadata["holds"] == config.PATH
    assert fields["names"].metadata["holds"] == config.REFERENCES != config.PATH
    assert fields["names"].metadata["help"] == "Who."


def test_lists_become_tuples_so_that_options_compare():
    assert Some().names == ("x", "y") and Some().sizes == (1, 2)
    assert Some() == Some()


def test_values_are_read_by_the_flags_names():
    values = {"count": 5, "names": ["z"], "sizes": ["7", 8], "other": 1}
    found = config.read(Some, values)
    assert found == Some(count=5, names=("z",), sizes=(7, 8))
    assert config.read(Some, {}) == Some()
    prefixed = config.read(Some, {"p_count": 6, "count": 5, "p_names": []}, "p_")
    assert prefixed == Some(count=6, names=())


def test_an_element_of_another_type_is_named():
    with pytest.raises(errors.UserError, match=r"^--p_sizes=\['x'\]: invalid literal"):
        config.read(Some, {"p_sizes": ["x"]}, "p_")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 0}, "--count=0: expected at least 1."),
        ({"count": 10}, "--count=10: expected at most 9."),
        ({"count": float("nan")}, "--count=nan: expected a whole number."),
        ({"many": 64_000_001}, "--many=64000001: expected at most 64000000."),
        ({"share": -0.5}, "--share=-0.5: expected at least 0."),
        ({"most": 1.5}, "--most=1.5: expected at most 1."),
        ({"most": float("nan")}, "--most=nan: expected at most 1."),
        ({"kind": "c"}, "--kind=c: expected one of a, b."),
        # The first in the order of the fields.
        ({"kind": "c", "share": -1}, "--share=-1: expected at least 0."),
    ],
)
def test_a_value_that_is_not_allowed_is_named(values, message):
    with pytest.raises(errors.UserError) as caught:
        config.check(Some(**values))
    assert str(caught.value) == message
    with pytest.raises(errors.UserError, match=f"^--p_{message[2:8]}"):
        config.check(Some(**values), "p_")


@pytest.mark.parametrize(
    "values", [{"count": 1}, {"count": 9}, {"share": 0, "most": 1}, {"kind": "b"}, {}]
)
def test_the_ends_of_a_range_are_allowed(values):
    config.check(Some(**values))


def test_other_fields_than_the_first_are_checked_too():
    with pytest.raises(errors.UserError, match="--kind=c"):
        config.check(Some(count=9, share=7.0, most=-7.0, kind="c"))
