"""YAML files as plain data with the place of every key: no tags executed, no aliases expanded; files may extend one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml

LARGEST_FILE_BYTES = 1_000_000
EXTENDS = "extends"
MOST_BASES = 10  # files in a row that extend each other


class ConfigError(ValueError):
    """An experiment file that is refused; the message says file, line, key, what was met and what was expected."""


@dataclasses.dataclass(frozen=True)
class Source:
    """What a file said: ``content`` as plain data, ``places`` ('file, line 12') by path of keys and list positions."""

    name: str
    content: Any
    places: dict[tuple[str | int, ...], str]

    def where(self, path: tuple[Any, ...]) -> str:
        """'file, line 12' of the deepest part of ``path`` that the file has."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return self.name


def read_experiment(path: Path) -> Source:
    """The file's content over that of the file it extends (key ``extends``), which may extend another.

    Mappings are merged key by key; anything else replaces what the base says. A base is a file beside or below the one
    that extends it. Raises ConfigError on a base that is elsewhere or not there, or on a circle.
    """
    sources = [read_yaml(path)]
    seen = [path.resolve()]
    while isinstance(sources[-1].content, dict) and EXTENDS in sources[-1].content:
        base = _base_path(sources[-1], seen[-1].parent)
        if base in seen:
            circle = " -> ".join(p.name for p in [*seen[seen.index(base) :], base])
            raise ConfigError(f"{sources[-1].where((EXTENDS,))}: extends: met a circle, {circle}")
        if len(seen) > MOST_BASES:
            raise ConfigError(f"{path}: met more than {MOST_BASES} files that extend each other")
        sources.append(read_yaml(base))
        seen.append(base)
    merged = sources[-1]
    for source in reversed(sources[:-1]):
        merged = _over(merged, source)
    if isinstance(merged.content, dict):
        merged.content.pop(EXTENDS, None)
    return merged


def _base_path(source: Source, folder: Path) -> Path:
    """The file that ``source`` extends, resolved."""
    said, where = source.content[EXTENDS], source.where((EXTENDS,))
    if not isinstance(said, str) or not said or "\0" in said or len(said) > 255:
        raise ConfigError(f"{where}: extends: met {said!r:.80}, expected the name of a file beside this one")
    base = (folder / said).resolve()
    if Path(said).is_absolute() or not base.is_relative_to(folder):
        raise ConfigError(f"{where}: extends: met {said!r}, expected a file in the folder of this one or below")
    if not base.is_file():
        raise ConfigError(f"{where}: extends: met {said!r}, which is no file in {folder}")
    return base


def _over(base: Source, source: Source) -> Source:
    """``source`` merged over ``base``, each key with the place that said it."""
    if not isinstance(base.content, dict):
        raise ConfigError(f"{base.name}: met {base.content!r:.80}, expected keys such as name and scenarios")
    places = dict(base.places)

    def merge(below: dict[str, Any], above: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
        merged = dict(below)
        for key, value in above.items():
            inner = (*path, str(key))
            if isinstance(value, dict) and isinstance(below.get(key), dict):
                merged[key] = merge(below[key], value, inner)
            else:
                for old in [p for p in places if p[: len(inner)] == inner]:
                    del places[old]
                merged[key] = value
        return merged

    content = merge(base.content, source.content, ())
    return Source(source.name, content, places | source.places)


def read_yaml(path: Path) -> Source:
    """The file's content. Raises ConfigError if it is unreadable, too large, or uses tags, aliases or a key twice."""
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror}") from None
    if len(raw) > LARGEST_FILE_BYTES:
        raise ConfigError(f"{name}: met more than {LARGEST_FILE_BYTES:,} bytes, expected an experiment file")
    try:
        return parse_yaml(raw.decode("utf-8"), name)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: met bytes that are not UTF-8 at byte {error.start}, expected a text file") from None


def parse_yaml(text: str, name: str) -> Source:
    """:func:`read_yaml` of a text that is called ``name`` in messages."""
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            lines: dict[tuple[str | int, ...], int] = {}
            if node is None:
                return Source(name, {}, {})
            _walk(node, (), lines, set(), name)
            places = {path: f"{name}, line {line}" for path, line in lines.items()}
            return Source(name, loader.construct_document(node), places)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{name}{line}: not readable as YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{name}: not readable as YAML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{name}: nested too deeply for an experiment file") from None


def _walk(node: yaml.Node, path: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int],
          seen: set[int], name: str) -> None:  # fmt: skip
    """Collect lines; refuse what plain data has no need of."""
    at = f"{name}, line {node.start_mark.line + 1}"
    if id(node) in seen:
        raise ConfigError(f"{at}: met an alias to this value, expected it written out where it is used")
    seen.add(id(node))
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            _walk(item, (*path, i), lines, seen, name)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{name}, line {line}: met a list or mapping as a key, expected a name")
            inner = (*path, str(key.value))
            if inner in lines:
                raise ConfigError(f"{name}, line {line}: met key {key.value!r} again (first in line {lines[inner]})")
            lines[inner] = line
            _walk(value, inner, lines, seen, name)
