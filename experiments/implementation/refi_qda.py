"""REFI-QDA exchange files: projects (.qdpx) read as coded excerpts, codebooks (.qdc) read and written.

Standard: REFI-QDA 1.5 (qdasoftware.org). Archives are never unpacked to disk; XML with a DTD or entities is refused.
"""

from __future__ import annotations

import uuid
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from experiments.implementation.catalogue import THEMES
from experiments.implementation.excerpts import Excerpt
from experiments.implementation.frames import NONE, Frame, ImplementationError
from experiments.implementation.records import LARGEST_FILE_BYTES

PROJECT_FILE, SOURCES, INTERNAL = "project.qde", "sources", "internal://"
CODEBOOK_NAMESPACE = "urn:QDA-XML:codebook:1.0"
TEXTS = ("TextSource", "Representation")  # a Representation is the text of a PDF
MOST_MEMBERS = 10_000
MOST_DEPTH = 50  # of nested codes
Path_ = tuple[str, ...]  # names of a code and those above it, outermost first


class Project(NamedTuple):
    """What a project holds; ``left_out``: codings of pictures, sound or pages that are no passages of plain text."""

    excerpts: list[Excerpt]
    left_out: int


def read_project(path: Path, frame: Frame, themes: Iterable[str] = THEMES) -> Project:
    """Coded passages of plain text in a .qdpx project.

    A code is placed by the innermost of its name and the names above it that the frame has; an innermost name that the
    frame does not have is the challenge; a name above it that is a theme is the theme. Raises ImplementationError.
    """
    known = list(themes)
    with _archive(path) as archive:
        root = _parse(_member(archive, path, PROJECT_FILE), f"{path}: {PROJECT_FILE}")
        users = {_guid(e.get("guid")): e.get("name") or "" for e in _all(root, "User")}
        codes = dict(_codes(root, path))
        outside = sorted({" > ".join(names) for names in codes.values() if _place(names, frame) is None})
        found = []
        for source in (element for element in root.iter() if _tag(element) in TEXTS):
            text = _text_of(source, archive, path)
            for selection in _children(source, "PlainTextSelection"):
                found += _coded(source, selection, text, codes, users, frame, known, path)
    if not found:
        note = f"; codes outside {frame.name}: {', '.join(outside[:5])}" if outside else ""
        raise ImplementationError(f"{path}: met no coded passage of plain text, expected at least one{note}")
    inside = sum(len(list(_children(e, "Coding"))) for e in _all(root, "PlainTextSelection"))
    return Project(found, sum(1 for _ in _all(root, "Coding")) - inside)


def _coded(
    source: Element,
    selection: Element,
    text: str,
    codes: dict[str, Path_],
    users: dict[Any, str],
    frame: Frame,
    themes: list[str],
    path: Path,
) -> Iterator[Excerpt]:
    interview = source.get("name") or source.get("guid") or ""
    where = f"{path}: source {interview!r:.60}: "
    try:
        start, end = int(selection.get("startPosition", "")), int(selection.get("endPosition", ""))
    except ValueError:
        raise ImplementationError(f"{where}met a selection without numbers as its positions") from None
    if not 0 <= start <= end or (text and end > len(text)):
        raise ImplementationError(f"{where}met a selection from {start} to {end} in a text of {len(text)} characters")
    for coding in _children(selection, "Coding"):
        for reference in _children(coding, "CodeRef"):
            names = codes.get(_guid(reference.get("targetGUID")))
            if names is None:
                raise ImplementationError(f"{where}met a coding with a code that the codebook does not have")
            code = _place(names, frame)
            if code is None:
                frame.check(names[-1], where)  # refuses, with the nearest right name
                continue
            challenge = "" if _known(names[-1], frame) else names[-1]
            theme = next((t for name in names[:-1] for t in themes if t.casefold() == name.casefold()), "")
            coder = _guid(coding.get("creatingUser") or selection.get("creatingUser"))
            yield Excerpt(
                f"{interview}:{start}-{end}",
                interview,
                users.get(coder) or coder or "coder not named",
                code,
                challenge=challenge,
                theme=theme,
                text=text[start:end],
                where=where,
            )


def read_codebook(path: Path, frame: Frame) -> list[tuple[str, str]]:
    """(name with those above it, code of the frame or '') of every code in a .qdc codebook or .qdpx project."""
    if path.suffix.lower() == ".qdpx":
        with _archive(path) as archive:
            root = _parse(_member(archive, path, PROJECT_FILE), f"{path}: {PROJECT_FILE}")
    else:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise ImplementationError(f"{path}: met more than {LARGEST_FILE_BYTES:,} bytes, expected a codebook")
        root = _parse(path.read_bytes(), str(path))
    found = [(" > ".join(names), _place(names, frame) or "") for _, names in _codes(root, path)]
    if not found:
        raise ImplementationError(f"{path}: met no codes, expected a REFI-QDA codebook")
    return found


def write_codebook(frame: Frame, path: Path) -> None:
    """A frame as a .qdc codebook that tools of qualitative analysis import; identifiers depend on the frame alone."""
    root = Element("CodeBook", {"xmlns": CODEBOOK_NAMESPACE, "origin": "ClinicTwin"})
    codes = SubElement(root, "Codes")

    def add(above: Element, key: str, name: str, meaning: str, codable: bool) -> Element:
        guid = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{CODEBOOK_NAMESPACE}/{frame.key}/{key}"))
        element = SubElement(above, "Code", guid=guid, name=name, isCodable=str(codable).lower())
        SubElement(element, "Description").text = meaning
        return element

    for domain in frame.domains:
        top = add(codes, f"domain/{domain.key}", domain.name, domain.about, False)
        for construct in (*domain.constructs, *domain.roles):
            own = add(top, construct.key, construct.name, construct.meaning, True)
            for part in construct.parts:
                add(own, part.key, part.name, part.meaning, True)
    add(codes, NONE, "none", "the frame has no place for it", True)
    indent(root)
    path.write_bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise ImplementationError(f"{path}: cannot be read as a .qdpx archive: {error}") from None
    if len(archive.infolist()) > MOST_MEMBERS:
        archive.close()
        raise ImplementationError(f"{path}: met more than {MOST_MEMBERS:,} files in the archive")
    return archive


def _member(archive: zipfile.ZipFile, path: Path, name: str) -> bytes:
    """Bytes of the archive's member of that name, in any case, bounded; nothing is written anywhere."""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or "\\" in name:
        raise ImplementationError(f"{path}: met a member called {name!r:.80}, expected a place inside the archive")
    info = next((i for i in archive.infolist() if i.filename.casefold() == name.casefold()), None)
    if info is None:
        raise ImplementationError(f"{path}: met no {name} in the archive")
    try:
        with archive.open(info) as file:
            raw = file.read(LARGEST_FILE_BYTES + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, ValueError) as error:
        raise ImplementationError(f"{path}: {name} cannot be read: {error}") from None
    if len(raw) > LARGEST_FILE_BYTES:
        raise ImplementationError(f"{path}: {name}: met more than {LARGEST_FILE_BYTES:,} bytes unpacked")
    return raw


def _parse(raw: bytes, where: str) -> Element:
    try:
        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import ParseError, fromstring
    except ImportError:
        raise ImplementationError("REFI-QDA files need defusedxml: pip install 'clinictwin[study]'") from None
    try:
        return fromstring(raw, forbid_dtd=True)
    except DefusedXmlException:
        raise ImplementationError(f"{where}: met a DTD or entities, expected plain XML") from None
    except (ParseError, ValueError, LookupError) as error:
        raise ImplementationError(f"{where}: not readable as XML: {error}") from None


def _all(root: Element, tag: str) -> Iterator[Element]:
    return (element for element in root.iter() if _tag(element) == tag)


def _children(element: Element, tag: str) -> Iterator[Element]:
    return (child for child in element if _tag(child) == tag)


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _guid(text: str | None) -> str:
    """An identifier as it compares: tools write them in either case, with braces or without."""
    return (text or "").strip("{} ").casefold()


def _codes(root: Element, path: Path) -> Iterator[tuple[str, Path_]]:
    """(identifier, names from the outermost) of every code."""

    def below(element: Element, above: Path_) -> Iterator[tuple[str, Path_]]:
        if len(above) > MOST_DEPTH:
            raise ImplementationError(f"{path}: met codes nested more than {MOST_DEPTH} deep")
        for child in _children(element, "Code"):
            names = (*above, (child.get("name") or "").strip())
            yield _guid(child.get("guid")), names
            yield from below(child, names)

    for codes in _all(root, "Codes"):
        yield from below(codes, ())


def _known(name: str, frame: Frame) -> bool:
    try:
        frame.check(name)
    except ImplementationError:
        return False
    return True


def _place(names: Path_, frame: Frame) -> str | None:
    return next((frame.check(name) for name in reversed(names) if _known(name, frame)), None)


def _text_of(source: Element, archive: zipfile.ZipFile, path: Path) -> str:
    """A source's plain text; empty where it lies outside the archive."""
    inside = next(_children(source, "PlainTextContent"), None)
    if inside is not None:
        return inside.text or ""
    address = source.get("plainTextPath") or ""
    if not address.startswith(INTERNAL):
        return ""
    try:
        text = _member(archive, path, f"{SOURCES}/{address.removeprefix(INTERNAL)}").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ImplementationError(f"{path}: {address}: met bytes that are not UTF-8") from None
    return text.replace("\r\n", "\n")
