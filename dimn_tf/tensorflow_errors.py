"""What TensorFlow says of an error, in words for who does not know its graphs."""

import re

_NODES = re.compile(r"\{\{[^{}]*\}\}|\[\[[^\[\]]*\]\]|\[Op:[^\[\]]*\]")
_WHERE = re.compile(
    r"Graph execution error|Detected at node|Node: |<stack traces|\s*File \"|"
    r"\d+ root error\(s\) found"
)
_LONGEST = 300


def reason(error: BaseException) -> str:
    """An error's first line that says what is wrong, without nodes of a graph.

    Lines that say where in the code it happened are passed over;
    `{{function_node ...}}`, `[[{{node ...}}]]` and `[Op:...]` are left out, and of a
    long line what is beyond 300 characters.
    """
    text = getattr(error, "message", None) or str(error)
    for line in text.splitlines():
        # Twice: a node may stand in brackets of its own.
        line = _NODES.sub("", _NODES.sub("", line)).strip()
        if line and not _WHERE.match(line):
            return line[:_LONGEST]
    return type(error).__name__
