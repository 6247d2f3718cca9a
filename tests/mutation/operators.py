"""Two kinds of fault that cosmic-ray's own operators do not make.

A value that does not reach its place (an argument left out, so that a default takes
over), and a step that is not taken (a call or an addition left out).
"""

import cosmic_ray.plugins
import parso
from cosmic_ray.operators.operator import Example, Operator

PROVIDER = "reid"


class DropKeywordArgument(Operator):
    """Leaves out one `name=value` of a call."""

    def mutation_positions(self, node):
        """One place for each keyword argument of a call with brackets."""
        for argument in self._arguments(node):
            yield argument.start_pos, argument.end_pos

    def mutate(self, node, index):
        """Takes the argument out, and the comma that parts it from the next."""
        argument = self._arguments(node)[index]
        siblings = argument.parent.children
        place = siblings.index(argument)
        if argument.parent is node:  # The only argument: f(name=value).
            del siblings[place]
        elif place + 1 < len(siblings):
            del siblings[place : place + 2]
        else:
            del siblings[place - 1 : place + 1]
        return node

    @staticmethod
    def _arguments(node):
        if node.type != "trailer" or node.children[0].value != "(":
            return []
        inner = node.children[1]
        given = inner.children if inner.type == "arglist" else [inner]
        return [
            one
            for one in given
            if one.type == "argument" and getattr(one.children[1], "value", "") == "="
        ]

    @classmethod
    def examples(cls):
        """As cosmic-ray's operators have them."""
        return (
            Example("f(x, seed=3)", "f(x)"),
            Example("f(seed=3)", "f()"),
            Example("f(a=1, b=2)", "f( b=2)"),
        )


class DropStatement(Operator):
    """Leaves out a statement that is a call, or an `x += y`."""

    def mutation_positions(self, node):
        """The whole statement."""
        if node.type == "simple_stmt" and self._is_step(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node, index):
        """`pass` in its place."""
        first = node.children[0]
        node.children[0] = parso.python.tree.Keyword(
            "pass", first.start_pos, first.get_first_leaf().prefix
        )
        return node

    @staticmethod
    def _is_step(statement) -> bool:
        if statement.type == "atom_expr":
            last = statement.children[-1]
            return last.type == "trailer" and last.children[0].value == "("
        return statement.type == "expr_stmt" and (
            getattr(statement.children[1], "type", "") == "operator"
            and statement.children[1].value.endswith("=")
            and statement.children[1].value != "="
        )

    @classmethod
    def examples(cls):
        """As cosmic-ray's operators have them."""
        return (Example("close()\n", "pass\n"), Example("n += 1\n", "pass\n"))


class Provider:
    """The operators by name, as cosmic-ray asks for them."""

    def __iter__(self):
        return iter(_OPERATORS)

    def __getitem__(self, name):
        return _OPERATORS[name]


_OPERATORS = {kind.__name__: kind for kind in (DropKeywordArgument, DropStatement)}


def register() -> None:
    """Makes cosmic-ray know them in this process (setup.py has no entry point)."""
    cosmic_ray.plugins.OPERATOR_PROVIDERS[PROVIDER] = Provider()
