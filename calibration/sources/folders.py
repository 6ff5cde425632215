"""A folder whose files are sources of one kind: each is ingested on its own, under its path within the folder."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from calibration.sources.base import Batch, Source, SourceError
from calibration.sources.extracts import Options

UNFINISHED = (".part", ".tmp", ".partial", ".crdownload", ".filepart")  # of files that are still being written


class Named:
    """A source under another name."""

    def __init__(self, source: Source, name: str) -> None:
        self._source, self.name, self.kind = source, name, source.kind

    @property
    def length(self) -> int | None:
        """See `calibration.sources.base.Source`."""
        return self._source.length

    @property
    def description(self) -> Mapping[str, Any]:
        """See `calibration.sources.base.Source`."""
        return self._source.description

    def batches(self, checkpoint: str | None = None) -> Iterator[Batch]:
        """See `calibration.sources.base.Source`."""
        return self._source.batches(checkpoint)


class Folder:
    """A folder of files with certain endings, in the order of their paths.

    Args:
        open_file: makes the source of a path; its options keep it inside the folder.
        endings: of the files that are read; the others are left alone.

    Raises SourceError if it is no folder.
    """

    def __init__(self, path: str | Path, options: Options, open_file: Callable[[str, Options], Source],
                 endings: tuple[str, ...]) -> None:  # fmt: skip
        self.path = Path(path)
        self.name = self.path.name or self.path.resolve().name
        if not self.path.is_dir():
            raise SourceError(f"{self.name}: met no folder, expected one of {', '.join(endings)} files")
        self.options = dataclasses.replace(options, inside=self.path)
        self.open_file, self.endings = open_file, endings

    def sources(self, checkpoint_of: Callable[[Source], str | None]) -> Iterator[Source]:
        """See `calibration.sources.live.Collection`."""
        for path in files_within(self.path):
            if path.suffix.lower() in self.endings:
                yield Named(self.open_file(str(path), self.options), relative_name(path, self.path))


def files_within(folder: Path) -> list[Path]:
    """The files in a folder and its subfolders, sorted; no links, nothing hidden, nothing that is being written."""
    found = []
    for parent, folders, names in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            if not name.startswith(".") and path.suffix.lower() not in UNFINISHED and not path.is_symlink():
                found.append(path)
    return sorted(found)


def relative_name(path: Path, folder: Path) -> str:
    """A file's path from its folder on, as the log calls it."""
    name = Path(folder.name or folder.resolve().name, path.relative_to(folder)).as_posix()
    return name.encode("utf-8", "replace").decode()
