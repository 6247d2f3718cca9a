"""Which file an entry was made of."""

import hashlib

from dimn_tf.gallery import content_hash


def test_a_file_is_known_by_its_bytes_where_they_were_told():
    told = {"content_sha256": hashlib.sha256(b"anna").hexdigest()}
    assert content_hash.is_as_enrolled(b"anna", told)
    assert not content_hash.is_as_enrolled(b"bo", told)
    assert content_hash.is_as_enrolled(b"bo", {})
