"""The gallery as the service sees it: entries, their pictures, their age."""

from __future__ import annotations

import contextlib
import datetime
import pathlib
from collections.abc import Sequence

import numpy as np

from dimn_tf import errors, images
from dimn_tf.gallery import (
    content_hash,
    enrolment,
    explanation,
    filters,
    names,
    places,
)
from dimn_tf.gallery import entries as entries_lib
from dimn_tf.service import claims, labels, ranking, removals, whole_photos, wishes
from dimn_tf.service import state as state_lib

_AT_A_TIME = 1_000


class People:
    """A gallery, and what the service keeps beside it; for one thread.

    Args:
        place: Of the gallery (see `places.HELP`).
        model_sha256: Of the model.
        dimension: D.
        folder: For what is kept beside it.
        keep_pictures: Whether pictures are kept.

    Raises:
        errors.UserError: the gallery cannot be opened, the folder is another one's, or
            there is no gallery, or another, where something is kept of one.
    """

    def __init__(
        self,
        place: str,
        model_sha256: str,
        dimension: int,
        folder: pathlib.Path,
        keep_pictures: bool = True,
    ):
        self._keep_pictures, self._preparing = keep_pictures, False
        with contextlib.ExitStack() as opened:
            self._gallery = places.open_or_create(
                place,
                model_sha256,
                dimension,
                lambda: claims.refuse_lost_gallery(folder, place),
            )
            opened.callback(self._gallery.close)
            claims.claim(folder, place)
            self._state = state_lib.State(folder)
            opened.callback(self._state.close)
            claims.recognize(self._state, place, self._gallery)
            self._whole_photos = whole_photos.WholePhotos(self._state)
            self._removals = removals.Removals(
                self._gallery,
                self._state,
                lambda: claims.refuse_another_gallery(
                    self._state, place, self._gallery
                ),
            )
            after = None
            while True:
                _, after = self.sweep(after)
                if after is None:
                    break
            opened.pop_all()

    def close(self) -> None:
        """Keeps what took long to build, and gives all files back."""
        try:
            if not self._preparing:  # Else it would be built to its end first.
                # Another process may be writing: then the next one keeps it.
                enrolment.tidy(self._gallery, erased=False)
        finally:
            with contextlib.closing(self._state), contextlib.closing(self._gallery):
                pass

    def clear_gaps(self, at_most: int) -> bool:
        """Rids gallery and state of copies that removals left, see `gaps.Gaps`.

        Args:
            at_most: Bytes of a file that is written anew for it; it takes time.

        Returns:
            Whether nothing is left to do.

        Raises:
            errors.UserError: see `gaps.Gaps.clear`; the other is cleared all the same.
            OSError: likewise.
        """
        done, failures = [], []
        for held in (self._gallery, self._state):
            try:
                done.append(held.clear_gaps(at_most))
            except (errors.UserError, OSError) as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return all(done)

    def __len__(self) -> int:
        return len(self._gallery)

    def prepare(self) -> bool:
        """Does some of what has to be done first; whether nothing is left of it.

        That is what the first search needs, and what an older version kept too much of.
        """
        self._preparing = not self._gallery.prepare()
        return not self._preparing and self._whole_photos.shrink()

    def enrol(
        self, wish: wishes.Wish, vector: np.ndarray | None, now: datetime.datetime
    ) -> tuple[str, list[str]]:
        """Enrols, unless it is there.

        Args:
            wish: What is wanted.
            vector: [D]; None looks only whether one is needed.
            now: The time.

        Returns:
            What it came to: one of the words of `wishes` (`CREATED` or `REPLACED` for a
            vector, or a picture, that is still needed), and in what the wish differs
            from what is there.
        """
        known = self._gallery.known([wish.entry_id]).get(wish.entry_id)
        if known is None:
            outcome, differences = wishes.CREATED, []
        else:
            differences = wish.differs(known)
            if not differences and self._lacks_picture(known):
                if vector is None:
                    return wishes.REPLACED, []
                self._put_back(wish)
            if not differences:
                return wishes.THERE, []
            if not wish.replace:
                return wishes.DIFFERS, differences
            outcome = wishes.REPLACED
        if vector is None:
            return outcome, differences
        told = {
            filters.CAMERA: wish.camera_id,
            filters.SEEN: wish.seen_at,
            filters.ENROLLED: wishes.text_of(now),
        }
        metadata = {} if known is None else dict(known.metadata)
        metadata.update({k: v for k, v in told.items() if v is not None})
        person = wish.person_id
        if person is None and known is not None:
            person = known.person_id
        # The picture first: what is acknowledged has one, and one without an entry is
        # never shown, and swept away.
        if self._keep_pictures:
            self._state.put_picture(wish.entry_id, wish.picture)
        entry = entries_lib.Entry(wish.entry_id, vector, person, metadata)
        try:
            self._gallery.add([entry], replace=known is not None)
        except BaseException:
            # Unless another process has enrolled it meanwhile.
            with contextlib.suppress(errors.UserError):
                self._removals.forget_gone([wish.entry_id])
            raise
        # Another service may have swept it away before the entry was there.
        if self._keep_pictures:
            self._put_back(wish)
        return outcome, differences

    def _lacks_picture(self, known: entries_lib.Known) -> bool:
        """Whether an entry that was enrolled here has lost its picture, or had none."""
        if not self._keep_pictures or known.metadata.get("path"):
            return False
        return not self._state.has_picture(known.entry_id)

    def _put_back(self, wish: wishes.Wish) -> None:
        self._state.put_picture_back(
            wish.entry_id, wish.picture, self._gallery.which_of
        )

    def relabel(
        self, entry_id: str, person_id: str | None, camera_id: str | None
    ) -> entries_lib.Known | None:
        """Gives an entry another person or camera; what is None stays.

        Returns:
            The entry as it is now; None where there is none.
        """
        known = self._known(entry_id)
        if known is None:
            return None
        metadata = dict(known.metadata)
        if camera_id is not None:
            metadata[filters.CAMERA] = camera_id
        person = known.person_id if person_id is None else person_id
        (vector,) = self._gallery.vectors([entry_id])
        entry = entries_lib.Entry(entry_id, vector, person, metadata)
        unchanged = True

        def settled(entry, now):
            nonlocal unchanged
            unchanged = now == known
            return entry if unchanged else None

        self._gallery.add([entry], replace=True, settle=settled)
        if not unchanged:  # Another process has removed it, or enrolled it anew.
            return self.relabel(entry_id, person_id, camera_id)
        return entries_lib.Known(entry_id, person, metadata)

    def told_from(
        self,
        entry_id: str,
        features: np.ndarray,
        count: int,
        one_per_person: bool,
        wanted: filters.Filter | None,
    ) -> tuple[np.ndarray, explanation.Others, bytes | None, bool] | None:
        """What an entry is told from for a probe: see `explanation`.

        Args:
            entry_id: The entry.
            features: The probe's, [D].
            count: Best entries, which the entry is compared with, beside itself; 0: it
                is told from none.
            one_per_person: Whether of each person only the best is among them, and of
                the entry's person the entry alone.
            wanted: Which entries are; None: all.

        Returns:
            The entry's vector, the others, its picture (see `picture`), and whether
            that is the service's own, a smaller one; None where there is no such entry.
        """
        known = self._known(entry_id)
        if known is None:
            return None
        (vector,) = self._gallery.vectors([entry_id])
        kept = self._state.picture(entry_id) is not None
        if not count:
            none = explanation.none(vector)
            return vector, none, self.picture(entry_id), kept
        itself = entries_lib.Hit(entry_id, 0.0, known.person_id, known.metadata)
        (hits,) = self._gallery.search(
            features[np.newaxis], count, one_per_person, wanted
        )
        own = known.person_id if one_per_person else None
        others = [
            hit
            for hit in hits
            if hit.entry_id != entry_id
            and (own is None or not names.same(hit.person_id, own))
        ]
        told = explanation.others_of(self._gallery, [itself, *others], 1)
        return vector, told, self.picture(entry_id), kept

    def remove(self, entry_ids: Sequence[str]) -> list[str]:
        """Removes entries and all that belongs to them; see `Removals.remove`."""
        return self._removals.remove(entry_ids)

    def remove_person(self, person_id: str) -> list[str]:
        """Removes a person's entries; gives their ids."""
        return self.remove(self.entries_of(person_id))

    def search(
        self,
        features: np.ndarray,
        k: int,
        one_per_person: bool,
        wanted: filters.Filter | None,
    ) -> list[ranking.Ranked]:
        """See `ranking.ranked`."""
        return ranking.ranked(self._gallery, features, k, one_per_person, wanted)

    def page(
        self, after: str, limit: int, person_id: str | None = None
    ) -> entries_lib.Page:
        """See `BaseGallery.page`."""
        return self._gallery.page(after, limit, person_id)

    def person(self, text: str) -> str | None:
        """The person whom a request means; None: nobody is named. See `labels`."""
        return labels.meant(text, lambda name: bool(self.page("", 1, name).entries))

    def entries_of(self, person_id: str) -> list[str]:
        """See `BaseGallery.entries_of`."""
        return self._gallery.entries_of(person_id)

    def picture(self, entry_id: str) -> bytes | None:
        """An entry's picture: what the service kept, or the file it was enrolled of.

        None where the entry is gone, whoever removed it, or the file is another now. A
        file's bytes are as they are: decoding takes longer than others may wait for the
        gallery's one thread.
        """
        known = self._known(entry_id)
        if known is None:
            return None
        if (kept := self._state.picture(entry_id)) is not None:
            return kept
        path = filters.text_of(known.metadata, "path")
        if not path:
            return None
        try:
            content = images.content_of(path)
        except images.ImageFault:
            return None
        return content if content_hash.is_as_enrolled(content, known.metadata) else None

    def public_ids(self, entry_ids: Sequence[str]) -> dict[str, str]:
        """What clients call entries whose ids are paths of this machine."""
        return self._state.public_ids(entry_ids, self._gallery.which_of)

    def private_id(self, public_id: str) -> str:
        """The entry that a client's name for it stands for."""
        return self._state.private_id(public_id)

    def remove_older(
        self, before: datetime.datetime, now: datetime.datetime, after: str
    ) -> tuple[list[str], str]:
        """Removes a page's entries that were enrolled before a time.

        Args:
            before: The time.
            now: The time that counts for entries whose own is not known, from now on.
            after: Where the page begins, see `page`.

        Returns:
            The entries removed, and where the next page begins.
        """
        page = self._gallery.page(after, _AT_A_TIME)
        times = {
            known.entry_id: known.metadata.get(filters.ENROLLED)
            for known in page.entries
        }
        unknown = [name for name, time in times.items() if filters.parsed(time) is None]
        times.update(self._state.first_seen(unknown, wishes.text_of(now)))
        old = [name for name, time in times.items() if filters.parsed(time) < before]
        return self.remove(old), page.next

    def sweep(
        self, after: state_lib.Place | None
    ) -> tuple[set[str], state_lib.Place | None]:
        """Forgets what other processes removed, some at a time: `Removals.sweep`."""
        return self._removals.sweep(after)

    def _known(self, entry_id: str) -> entries_lib.Known | None:
        """An entry; where it is gone, what was kept of it goes too."""
        known = self._gallery.known([entry_id]).get(entry_id)
        if known is None:
            self._removals.forget_gone([entry_id])
        return known
