"""A gallery of enrolled people that can be searched, kept in a folder."""

from dimn_tf.gallery.entries import Entry, Hit
from dimn_tf.gallery.gallery import Gallery

__all__ = ["Entry", "Gallery", "Hit"]
