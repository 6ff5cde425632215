"""YAML files as plain data with the line of every key; no tags are executed, no aliases expanded."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml

LARGEST_FILE_BYTES = 1_000_000


class ConfigError(ValueError):
    """An experiment file that is refused; the message says file, line, key, what was met and what was expected."""


@dataclasses.dataclass(frozen=True)
class Source:
    """What a file said: ``content`` as plain data, ``lines`` by path of keys and list positions."""

    name: str
    content: Any
    lines: dict[tuple[str | int, ...], int]

    def where(self, path: tuple[Any, ...]) -> str:
        """'file, line 12' of the deepest part of ``path`` that the file has."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return f"{self.name}, line {self.lines[path[:end]]}"
        return self.name


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
                return Source(name, {}, lines)
            _walk(node, (), lines, set(), name)
            return Source(name, loader.construct_document(node), lines)
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
