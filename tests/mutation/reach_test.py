import pytest

from dimn_tf import errors
from tests.mutation import reach


def test_a_modules_own_test_comes_first_then_its_rooms_or_what_the_table_says(tmp_path):
    for name in (
        "tests/pkg/room/a_test.py",
        "tests/pkg/room/b_test.py",
        "tests/pkg/c_test.py",
        "builders/x/one.py",
        "builders/x/one_test.py",
        "builders/x/builder_test.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    own, other = "tests/pkg/room/b_test.py", "tests/pkg/room/a_test.py"
    assert reach.tests_of("pkg/room/b.py", tmp_path, {}) == [own, other]
    assert reach.tests_of("builders/x/one.py", tmp_path, {}) == [
        "builders/x/one_test.py",
        "builders/x/builder_test.py",
    ]
    table = {"pkg/room": ["tests/pkg/c_test.py"], "pkg/room/b.py": []}
    assert reach.tests_of("pkg/room/b.py", tmp_path, table) == [own]
    assert reach.tests_of("pkg/room/z.py", tmp_path, table) == ["tests/pkg/c_test.py"]
    with pytest.raises(errors.UserError, match="nowhere/a.py: there is no test"):
        reach.tests_of("nowhere/a.py", tmp_path, {})
