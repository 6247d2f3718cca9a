"""The order of a draw is portable."""

import hashlib

from dimn_tf.evaluation.protocols import lottery


def test_order_is_that_of_the_hashes():
    items = ["a", "b", "c", "d", "e"]
    digests = {x: hashlib.sha256(b"7/t/" + x.encode()).hexdigest() for x in items}
    assert lottery.shuffled(items, 7, "t") == sorted(items, key=digests.get)
    # By coreutils: sort of `printf 0/trial1/$x | sha256sum` for x in a..h. Written
    # down, so that a change of the algorithm shows.
    assert lottery.shuffled("abcdefgh", 0, "trial1") == list("bhfecagd")


def test_names_that_are_no_text_are_drawn_by_their_bytes():
    names = ["a\udcff", "b"]  # As os.fsdecode gives them.
    digests = {
        x: hashlib.sha256(b"0/t/" + x.encode(errors="surrogateescape")).digest()
        for x in names
    }
    assert lottery.shuffled(names, 0, "t") == sorted(names, key=digests.get)
