import numpy as np
import pytest

from dimn_tf.data import label_specification


def _specification(domain_of_label, num_identities=3, num_domains=2):
    return label_specification.LabelSpecification(
        num_identities, num_domains, 5, domain_of_label
    )


@pytest.mark.parametrize("kind", [tuple, list, np.array])
def test_any_sequence_of_domains_becomes_one_array(kind):
    given = kind([0, 0, 1])
    found = _specification(given).domain_of_label
    assert found.dtype == np.int32
    assert found.tolist() == [0, 0, 1]
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1


def test_it_does_not_change_with_what_it_was_made_of():
    given = np.array([0, 0, 1], np.int32)
    specification = _specification(given)
    given[0] = 1
    assert specification.domain_of_label.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("domains", "message"),
    [
        ([0, 1], r"\(2,\), expected \(3,\)"),
        ([0, 1, 2], "0 to 2, expected 0 to 1"),
        ([-1, 0, 1], "-1 to 1, expected 0 to 1"),
    ],
)
def test_domains_that_do_not_fit_are_refused(domains, message):
    with pytest.raises(ValueError, match=message):
        _specification(domains)
