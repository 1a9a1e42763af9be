"""A YAML file read with suspicion: every value knows its line and its path, and is asked for by its kind.

Aliases, duplicate keys, tags of other types, deep nesting and large files are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

import yaml

from mlinfra_assets.errors import InvalidInputError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32


class DeclarationError(InvalidInputError):
    """A declaration that cannot be accepted: the message names file, line, path, problem and what to do."""


@dataclass(frozen=True)
class Value:
    """One value of a document.

    Attributes:
        file: Path of the file.
        path: Where the value stands, as `schema[0].properties[2].logicalType`.
        node: What YAML made of it.
    """

    file: str
    path: str
    node: yaml.Node

    @property
    def line(self) -> int:
        """Its line, from 1."""
        return self.node.start_mark.line + 1

    def fail(self, problem: str) -> NoReturn:
        """Refuse this value.

        Raises:
            DeclarationError: Always.
        """
        where = f"{self.file}:{self.line}"
        raise DeclarationError(f"{where}: {self.path}: {problem}" if self.path else f"{where}: {problem}")

    def entries(self, allowed: Sequence[str]) -> dict[str, Value]:
        """The entries of a mapping whose keys are all among those allowed, without those that are null."""
        found: dict[str, Value] = {}
        for key, value in self.items():
            if key not in allowed:
                Value(self.file, self._below(key), value.node).fail(f"unknown key{nearest(key, allowed)}")
            if value.node.tag != "tag:yaml.org,2002:null":
                found[key] = value
        return found

    def items(self) -> Iterator[tuple[str, Value]]:
        """Keys and values of a mapping with text keys, in order."""
        if not isinstance(self.node, yaml.MappingNode):
            self.fail(f"expected a mapping, found {self._kind()}")
        seen: set[str] = set()
        for key, value in self.node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                Value(self.file, self.path, key).fail("a key has to be text: quote it")
            if key.value in seen:
                Value(self.file, self._below(key.value), key).fail("the key stands here a second time: remove one")
            seen.add(key.value)
            yield key.value, Value(self.file, self._below(key.value), value)

    def elements(self) -> list[Value]:
        """The elements of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            self.fail(f"expected a list, found {self._kind()}")
        return [Value(self.file, f"{self.path}[{i}]", node) for i, node in enumerate(self.node.value)]

    def text(self) -> str:
        """A text that is not empty."""
        value = self.scalar()
        if not isinstance(value, str):
            self.fail(f"expected text, found {self._kind()}: quote it")
        if not value.strip():
            self.fail("is empty: fill it in, or remove it")
        return value.strip()

    def texts(self) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(element.text() for element in self.elements())

    def choice(self, choices: Sequence[str]) -> str:
        """A text that is one of the choices."""
        value = self.scalar()
        if not isinstance(value, str) or value not in choices:
            self.fail(f"{value!r} is none of {', '.join(choices)}{nearest(str(value), choices)}")
        return value

    def boolean(self) -> bool:
        """True or false."""
        value = self.scalar()
        if not isinstance(value, bool):
            self.fail(f"expected true or false, found {self._kind()}")
        return value

    def whole(self, least: int = 0, most: int = 2**53) -> int:
        """A whole number within limits."""
        value = self.scalar()
        if isinstance(value, bool) or not isinstance(value, int):
            self.fail(f"expected a whole number, found {self._kind()}")
        if not least <= value <= most:
            self.fail(f"{value} is not between {least} and {most}")
        return value

    def number(self) -> float:
        """A finite number."""
        value = self.scalar()
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) > 1e300:
            self.fail(f"expected a number, found {self._kind()}")
        return value

    def source_text(self) -> str:
        """A scalar's characters as they stand in the file, so that no digit of a number is lost."""
        if not isinstance(self.node, yaml.ScalarNode):
            self.fail(f"expected a single value, found {self._kind()}")
        return self.node.value

    def scalar(self) -> str | int | float | bool | None:
        """A single value: text, a number, true, false or null."""
        if not isinstance(self.node, yaml.ScalarNode):
            self.fail(f"expected a single value, found {self._kind()}")
        tag = self.node.tag.removeprefix("tag:yaml.org,2002:")
        if tag not in {"str", "int", "float", "bool", "null"}:
            self.fail(f"{self.node.value!r} is read as a {tag}: quote it to have text")
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_object(self.node)
        except ValueError as error:
            self.fail(f"{self.node.value!r} is not a valid {tag} ({error}): quote it to have text")
        finally:
            loader.dispose()

    def _below(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _kind(self) -> str:
        if isinstance(self.node, yaml.MappingNode):
            return "a mapping"
        return "a list" if isinstance(self.node, yaml.SequenceNode) else repr(self.node.value)


def read_document(path: Path) -> Value:
    """The only document of a YAML file.

    Raises:
        DeclarationError: The file cannot be read, is too large, or is not YAML of the accepted kind.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DeclarationError(f"{path}: cannot be read ({error.strerror}): restore the file") from error
    if len(content) > MAX_BYTES:
        raise DeclarationError(f"{path}: is larger than {MAX_BYTES} bytes: a declaration describes one source only")
    try:
        text = content.decode()
        _check_events(path, text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{path}: byte {error.start} is not UTF-8: save the file as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise DeclarationError(
            f"{path}:{line}: not YAML: {error.problem or error.context}; correct this line"
        ) from error
    except yaml.YAMLError as error:
        raise DeclarationError(f"{path}: not YAML: {error}; remove the characters that it names") from error
    if node is None:
        raise DeclarationError(f"{path}:1: is empty: write a contract, or remove the file")
    return Value(str(path), "", node)


def nearest(word: str, words: Sequence[str]) -> str:
    """What to say after an unknown word: the nearest known one, or all there are."""
    near = get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f": did you mean {near[0]!r}?"
    return f": allowed are {', '.join(words)}" if words else ""


def _check_events(path: Path, text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        mark = f"{path}:{event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise DeclarationError(f"{mark}: anchors and aliases are not accepted: write the value out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise DeclarationError(f"{mark}: nested deeper than {MAX_DEPTH} levels: no contract needs that")
