"""The documentation as one page: no script, nothing from elsewhere, so that it shows on a machine without a way out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from json import dumps
from typing import Any

POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1b1f24}
h1{margin-bottom:0}h2{margin-top:2.5rem;border-bottom:1px solid #d0d7de}
details{border:1px solid #d0d7de;border-radius:6px;margin:.6rem 0;padding:.5rem .8rem}
summary{cursor:pointer}summary b{display:inline-block;min-width:3.5rem}
code,pre{font:14px/1.45 ui-monospace,monospace;background:#f6f8fa;border-radius:4px}
code{padding:.1rem .3rem}pre{padding:.7rem;overflow:auto}
table{border-collapse:collapse;width:100%}td{border-top:1px solid #d0d7de;padding:.3rem .6rem;vertical-align:top}
"""
METHODS = ("get", "post", "put", "delete")


def docs_page(document: Mapping[str, Any]) -> str:
    """The page of an OpenAPI document, as HTML."""
    info = document["info"]
    groups: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                usual = "health" if path.startswith(("/health/", "/metrics")) else "features, predictions, records"
                group = item[method].get("tags", [usual])[0]
                groups.setdefault(group, []).append(_operation(document, method, path, item[method]))
    body = "".join(f"<h2>{escape(name)}</h2>{''.join(operations)}" for name, operations in groups.items())
    title, summary = escape(info["title"]), escape(info.get("summary", ""))
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}: the API</title>"
        f"<style>{STYLE}</style></head><body><h1>{title}</h1><p>{summary} Version {escape(info['version'])}; for "
        f"programs: <a href='/openapi.json'>openapi.json</a>.</p>{body}</body></html>"
    )


def example_of(document: Mapping[str, Any], operation: Mapping[str, Any]) -> tuple[str, object] | None:
    """The first example of a body, with its content type; None if there is none."""
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = _resolved(document, content.get("schema", {}))
        for given in ([content["example"]] if "example" in content else []) + list(schema.get("examples", [])):
            return kind, given
    return None


def _operation(document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [f"<p>{_marked(operation.get('description', ''))}</p>"]
    rows = [
        f"<tr><td><code>{escape(one['name'])}</code></td><td>in the {escape(one['in'])}</td>"
        f"<td>{_marked(one.get('description', ''))}</td></tr>"
        for one in operation.get("parameters", [])
    ]
    if rows:
        parts.append(f"<table>{''.join(rows)}</table>")
    example = example_of(document, operation)
    if example is not None:
        parts.append(f"<pre>{escape(_curl(method, path, *example))}</pre>")
    answers = ", ".join(f"{status} {one['description']}" for status, one in operation["responses"].items())
    parts.append(f"<p>Answers: {escape(answers)}</p>")
    head = f"<b>{method.upper()}</b> <code>{escape(path)}</code> {escape(operation['summary'])}"
    return f"<details><summary>{head}</summary>{''.join(parts)}</details>"


def _curl(method: str, path: str, kind: str, example: object) -> str:
    body = example if isinstance(example, str) else dumps(example, indent=2)
    quoted = body.replace("'", "'\\''")
    return f"curl -X {method.upper()} http://127.0.0.1:8090{path} \\\n  -H 'content-type: {kind}' \\\n  -d '{quoted}'"


def _marked(text: str) -> str:
    """Text with its `code`."""
    return "".join(_parts(text))


def _parts(text: str) -> Iterator[str]:
    for number, part in enumerate(re.split(r"`([^`]*)`", text)):
        yield f"<code>{escape(part)}</code>" if number % 2 else escape(part)


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    return schema if reference is None else document["components"]["schemas"][reference.rpartition("/")[2]]
