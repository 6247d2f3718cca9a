"""The tests that reach a module: its own first, then those of its room."""

import pathlib
from collections.abc import Mapping, Sequence

from dimn_tf import errors


def tests_of(
    module: str, root: pathlib.Path, table: Mapping[str, Sequence[str]]
) -> list[str]:
    """Test files in the order in which they run; the first fault ends the run.

    Args:
        module: Path in the repository, such as `dimn_tf/gallery/store.py`.
        root: The repository.
        table: For a module or a folder, globs of the tests to run beside the
            module's own; of several that fit the longest. Without one: all tests in
            the folder of the module's own test.

    Returns:
        Paths in the repository, each once.

    Raises:
        errors.UserError: No test is found.
    """
    path = pathlib.PurePosixPath(module)
    beside = path.with_name(f"{path.stem}_test.py")
    own = [p for p in (beside, "tests" / beside) if (root / p).is_file()]
    keys = [key for key in table if module == key or module.startswith(f"{key}/")]
    if keys:
        globs = table[max(keys, key=len)]
    else:
        globs = [f"{p.parent}/*_test.py" for p in (beside, "tests" / beside)]
    room = [p.relative_to(root) for glob in globs for p in sorted(root.glob(glob))]
    found = list(dict.fromkeys(str(p) for p in [*own, *room]))
    if not found:
        raise errors.UserError(
            f"{module}: there is no test of it, neither beside it nor in tests/. Write "
            "one, or name those that reach it in pyproject.toml (tool.mutation.tests)"
        )
    return found
