"""Finds and saves bundles by name: ``models/{strategy}/{timeframe}_v{N}/``. ``neural.bundle`` knows the format."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ktrdr.disk import turn_at
from ktrdr.errors import ModelError, ModelNotFound, OutputNotWritable
from ktrdr.neural.bundle import WRITING, BundleDraft, ModelBundle, bundle_id, read_metadata, version_of, write_bundle
from ktrdr.neural.metadata import BundleMetadata
from ktrdr.strategy.sections.grammar import STRATEGY_NAME
from ktrdr.time import Timeframe


@dataclass(frozen=True)
class StoredModel:
    """A bundle on disk, known by its metadata alone."""

    path: Path
    version: int
    metadata: BundleMetadata

    @property
    def id(self) -> str:
        """Returns strategy and version directory, as ``--model`` takes it."""
        return bundle_id(self.path)

    @property
    def use(self) -> str:
        """Returns words that mark a net of a walk-forward's fold, which no run takes by itself; empty for others."""
        return "of a fold" if self.metadata.of_fold else ""

    @property
    def described(self) -> str:
        """Returns id, symbols, provenance and use, for lists and messages."""
        kind = {True: "synthetic", False: "real", None: "of unknown origin"}[self.metadata.synthetic]
        return f"{self.id} ({', '.join([', '.join(self.metadata.symbols), kind, *filter(None, [self.use])])})"


@dataclass(frozen=True)
class ModelStorage:
    """Bundles beneath ``root``, the models folder of a data folder."""

    root: Path

    def models(self, strategy: str | None = None) -> list[StoredModel]:
        """Returns every bundle with readable metadata, by strategy, timeframe and version."""
        found = []
        for folder in self._folders(strategy):
            with suppress(ModelError):  # a damaged bundle must not hide the others
                found.append(StoredModel(folder, _number(folder), read_metadata(folder)))
        return found

    def damaged(self, strategy: str | None = None) -> dict[str, ModelError]:
        """Returns the bundles without readable metadata, each with its fault, by id."""
        found: dict[str, ModelError] = {}
        for folder in self._folders(strategy):
            try:
                read_metadata(folder)
            except ModelError as error:
                found[bundle_id(folder)] = error
        return found

    def _folders(self, strategy: str | None) -> list[Path]:
        """Returns the version directories of one strategy, or of all, by strategy, timeframe and version."""
        found = [
            (parent.name, version_of(folder), folder)
            for parent in self.root.glob("[!.]*")  # hidden folders are probes of other writers, and may vanish
            if strategy in (None, parent.name)
            for folder in parent.glob("*")
        ]
        known = [
            (name, Timeframe(version[0]).seconds, version[1], folder) for name, version, folder in found if version
        ]
        return [folder for *_, folder in sorted(known)]

    def newest(
        self,
        strategy: str,
        timeframe: Timeframe,
        symbol: str,
        *,
        synthetic: bool,
        preferred: Callable[[BundleMetadata], bool] = lambda _: True,
    ) -> StoredModel:
        """Returns the newest bundle of this symbol and provenance among those preferred, else among all of them.

        The nets of a walk-forward's folds are left out: they were trained on parts of a span, to judge the strategy.
        Raises ``ModelNotFound``, which lists the others.
        """
        mine = self.models(strategy)
        fitting = [
            stored
            for stored in reversed(mine)
            if not stored.metadata.of_fold
            and stored.metadata.base_timeframe == timeframe
            and symbol in stored.metadata.symbols
            and stored.metadata.synthetic in (synthetic, None)
        ]
        for stored in (*(one for one in fitting if preferred(one.metadata)), *fitting):
            return stored
        kind = "synthetic" if synthetic else "real"
        damaged = [f"damaged: {name} ({error.code})" for name, error in self.damaged(strategy).items()]
        others = "; ".join([*(stored.described for stored in mine), *damaged]) or "none"
        raise ModelNotFound(
            "no model trained for this run",
            where=strategy,
            found=f"others: {others}",
            expected=f"{timeframe.value}, {symbol}, {kind} bars",
            hint="train one with `ktrdr train`, or name one with --model",
        )

    def find(self, name: str, *, allow_path: bool = False) -> StoredModel:
        """Returns the bundle of an id, or of a path if allowed; raises a ``ModelError`` leaf."""
        folder = self.folder_of(name, allow_path=allow_path)
        return StoredModel(folder, _number(folder.resolve()), read_metadata(folder))

    def folder_of(self, name: str, *, allow_path: bool = False) -> Path:
        """Returns the directory of the bundle ``strategy/timeframe_vN``, damaged or not; raises ``ModelNotFound``.

        An id is matched before the file system is touched and never leads out of ``root``.
        """
        strategy, _, version = name.partition("/")
        named = re.fullmatch(STRATEGY_NAME, strategy) and "/" not in version and version_of(Path(version))
        folder = self.root / strategy / version
        if not (named and folder.resolve().is_relative_to(self.root.resolve()) and folder.is_dir()):
            folder = Path(name)
            if not (allow_path and name and os.path.isdir(folder)):  # noqa: PTH112  (False for a name too long)
                known = ", ".join(stored.id for stored in self.models()) or "none"
                raise ModelNotFound("no such model", where="model", found=name[:200], expected=f"one of: {known}")
        return folder

    def equal(self, strategy: str, identity: str, *, of_fold: bool = False) -> StoredModel | None:
        """Returns the newest undamaged bundle of a training of that identity; None where there is none.

        A fold takes the net of any equal training. Any other training takes none of a fold: runs would not find it.
        """
        for stored in reversed(self.models(strategy)):
            known = stored.metadata
            if known.identity.get("hash") == identity and of_fold >= known.of_fold and _is_whole(stored):
                return stored
        return None

    def save(self, draft: BundleDraft) -> Path:
        """Writes a bundle as the strategy's next version of its timeframe and returns its directory.

        A bundle of an equal training that is there already is returned instead: one turn for the look and the write,
        so that of two equal trainings at one time only one writes.
        """
        folder = self.root / draft.metadata.strategy_name
        self.require_writable(folder.name)
        folder.mkdir(exist_ok=True)
        with turn_at(folder) as alone:
            known = draft.metadata
            identity = known.identity.get("hash")
            if identity and (found := self.equal(folder.name, identity, of_fold=known.of_fold)):
                return found.path
            if alone:  # whoever wrote these has been killed
                for left_behind in folder.glob(f"{WRITING}*"):
                    shutil.rmtree(left_behind, ignore_errors=True)
            return write_bundle(folder, draft)

    def delete(self, path: Path) -> None:
        """Removes the directory of a bundle: a reader finds the whole of it or none. Raises ``OutputNotWritable``."""
        hidden = path.with_name(f".deleting-{os.getpid()}-{secrets.token_hex(4)}")
        try:
            path.rename(hidden)
            shutil.rmtree(hidden)
        except OSError as error:
            raise OutputNotWritable(f"cannot be deleted: {error.strerror}", where=f"models/{bundle_id(path)}") from None

    def require_writable(self, strategy: str) -> None:
        """Checks that a bundle can be written, before a training instead of after its hours; leaves no folder."""
        folder = self.root / strategy
        probe = (folder if folder.exists() else self.root) / f".probe-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            probe.mkdir(parents=True)
            probe.rmdir()
        except OSError as error:
            raise OutputNotWritable(f"models cannot be written: {error.strerror}", where=f"models/{strategy}") from None


def _is_whole(stored: StoredModel) -> bool:
    """Returns False for a bundle that a run could not load."""
    try:
        ModelBundle.load(stored.path)
    except ModelError:
        return False
    return True


def _number(folder: Path) -> int:
    """Returns the number of a version directory; 0 for another one."""
    version = version_of(folder)
    return version[1] if version else 0
