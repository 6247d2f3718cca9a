"""Which mutants of a module are faults, and a random sample of them.

cosmic-ray mutates whatever parses: it also changes `int | None` of an annotation, or
the bare `*` of a signature, which no test can notice or all do. A mutant is counted
only where the code still compiles and differs without what cannot change what a
program does that is right elsewhere: annotations, docstrings, and the guards
`zip(strict=...)` and `dataclass(frozen=..., eq=...)`, which only stop other faults.
"""

import ast
import random
from collections import defaultdict
from collections.abc import Iterable

import cosmic_ray.plugins
from cosmic_ray.mutating import mutate_code
from cosmic_ray.work_item import MutationSpec, WorkItem

_GUARDS = {"zip": ("strict",), "dataclasses.dataclass": ("frozen", "eq")}


def meaning(source: str) -> str | None:
    """What of a module's text can change what it does.

    Args:
        source: Python.

    Returns:
        Its syntax tree as text, without annotations, docstrings and guards; None: it
        does not compile.
    """
    try:
        tree = ast.parse(source)
        compile(source, "mutant", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.Call):
            guards = _GUARDS.get(ast.unparse(node.func), ())
            node.keywords = [word for word in node.keywords if word.arg not in guards]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value = ast.Constant("")  # A docstring, or an attribute's.
    return ast.dump(tree)


def mutated(source: str, mutation: MutationSpec) -> str | None:
    """The module's text with one fault; None: the operator makes none there."""
    operator = cosmic_ray.plugins.get_operator(mutation.operator_name)
    try:
        return mutate_code(
            source, operator(**mutation.operator_args), mutation.occurrence
        )
    except AttributeError:  # cosmic-ray 8.7 at `except module.Error`.
        return None


def sample(
    source: str, items: Iterable[WorkItem], mutants: int, seed: int
) -> list[WorkItem]:
    """Draws mutants: first one of each place in the code, then more of each place.

    A comparison alone has seven mutants and a sum eleven; drawn without regard to the
    place, most of a sample would be of few lines.

    Args:
        source: The module's text.
        items: All of its mutants, from `cosmic_ray.commands.init`.
        mutants: How many are drawn; all that are faults where there are fewer.
        seed: Of the draw.

    Returns:
        Distinct mutants that are faults (see `meaning`), no two of one meaning.
    """
    rng = random.Random(seed)
    places = defaultdict(list)
    for item in sorted(items, key=_key):
        places[item.mutations[0].start_pos].append(item)
    for same_place in places.values():
        rng.shuffle(same_place)
    rounds = []
    while any(places.values()):
        each = [same_place.pop() for same_place in places.values() if same_place]
        rng.shuffle(each)
        rounds += each
    drawn, meanings = [], {meaning(source), None}
    for item in rounds:
        if len(drawn) == mutants:
            break
        code = mutated(source, item.mutations[0])
        found = None if code is None else meaning(code)
        if found not in meanings:
            meanings.add(found)
            drawn.append(item)
    return drawn


def _key(item: WorkItem):
    mutation = item.mutations[0]
    return mutation.start_pos, mutation.operator_name, mutation.occurrence
