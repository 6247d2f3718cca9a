"""Whole photos that older versions kept: made small once, some at a time."""

from __future__ import annotations

from absl import logging

from dimn_tf import images
from dimn_tf.service import state as state_lib
from dimn_tf.service import thumbnails

_AT_A_TIME = 16  # Photos; between them others have their turns.


class WholePhotos:
    """What is left to do of a state that an older version wrote.

    Each photo is replaced in a transaction: where a process is killed, the next one
    goes on, and passes over those that are small. When none is left the state is
    marked, and is not looked through again. The file does not shrink; what is enrolled
    later takes the room.

    Args:
        state: Its pictures.
    """

    def __init__(self, state: state_lib.State):
        self._state = state
        self._left = not state.holds_small_pictures
        self._after, self._made, self._removed = "", 0, 0

    def shrink(self) -> bool:
        """Makes some of them small, or removes what cannot be read.

        Returns:
            Whether none is left.
        """
        if not self._left:
            return True
        names = self._state.pictured(self._after, _AT_A_TIME)
        for name in names:
            self._shrink(name)
        if names:
            self._after = names[-1]
            return False
        self._state.mark_small_pictures()
        self._left = False
        if self._made or self._removed:
            logging.warning(
                "%s: an older version kept whole photos there; %s were made small, %s "
                "could not be read and were removed (their entries stay)",
                self._state.path,
                f"{self._made:,}",
                f"{self._removed:,}",
            )
        return True

    def _shrink(self, name: str) -> None:
        whole = self._state.picture(name)
        if whole is None:  # A command removed it meanwhile.
            return
        try:
            small = thumbnails.shown(whole)
        except images.ImageFault:
            self._state.remove_picture(name)
            self._removed += 1
            return
        if small != whole:
            self._state.put_picture(name, small)
            self._made += 1
