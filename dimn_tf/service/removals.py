"""Removal of entries with all that a service keeps of them, whoever removed them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from dimn_tf.gallery import base
from dimn_tf.service import state as state_lib

_AT_A_TIME = 1_000


class Removals:
    """Keeps a state from holding what its gallery holds no more.

    Other processes remove entries too, and a removal may fail when a part of it is
    done, on disk or at a server: what is kept goes by what the gallery has then.

    Args:
        gallery: The entries.
        state: What is kept of them.
        before_forgetting: Called where what is kept of entries that are gone is to go;
            what it raises has it stay, such as where the gallery is another one now.
    """

    def __init__(
        self,
        gallery: base.BaseGallery,
        state: state_lib.State,
        before_forgetting: Callable[[], None] = lambda: None,
    ):
        self._gallery, self._state = gallery, state
        self._before_forgetting = before_forgetting
        self._begun: set[str] = set()  # Gone by removals that failed, or may be.

    def remove(self, entry_ids: Sequence[str]) -> list[str]:
        """Removes entries, from the gallery and from the state.

        Returns:
            Those of which anything was there: an entry, what was kept of one that
            somebody else removed, or what a removal that failed had begun with.
        """
        there = self._gallery.which_of(entry_ids)
        found = there | self._state.kept_of(entry_ids)
        found |= self._begun.intersection(entry_ids)
        self._begun |= there
        try:
            if self._begun:  # Of none there, it ends what an earlier one could not.
                self._gallery.remove(sorted(there))
        finally:
            gone = self.forget_gone(self._begun.union(entry_ids))
            self._begun &= gone
        self._begun.clear()
        return sorted(found)

    def forget_gone(self, entry_ids: Collection[str]) -> set[str]:
        """Forgets what is kept of those entries that are gone; gives these.

        Another service that shares the state may just enrol one of them, and have put
        its picture and not yet its entry: so the gallery is asked again while nobody
        puts anything, and who enrols looks once the entry is there (`People.enrol`).
        """
        names = list(entry_ids)
        gone = set(names) - self._gallery.which_of(names)
        if kept := self._state.kept_of(gone):
            self._before_forgetting()
        forgotten = self._state.forget(kept, self._gallery.which_of)
        return gone - (kept - forgotten)

    def sweep(
        self, after: state_lib.Place | None = None
    ) -> tuple[set[str], state_lib.Place | None]:
        """Forgets the entries that are gone, of some thousand that are kept.

        Args:
            after: Where to begin; None: with the first.

        Returns:
            The entries forgotten, and where to go on; None: that was all.
        """
        names, following = self._state.named(after, _AT_A_TIME)
        return self.forget_gone(names), following
