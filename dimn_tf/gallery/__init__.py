"""A gallery of enrolled people that can be searched."""

from dimn_tf.gallery.entries import Entry, Hit, Known
from dimn_tf.gallery.filters import Filter
from dimn_tf.gallery.gallery import Gallery
from dimn_tf.gallery.milvus_gallery import MilvusGallery

__all__ = ["Entry", "Filter", "Gallery", "Hit", "Known", "MilvusGallery"]
