"""The API's page for people, made from its OpenAPI document: no script, and nothing from another server."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from starlette.responses import HTMLResponse

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>REST API · Understudy</title>
<link rel="icon" href="/assets/understudy.svg">
<link rel="stylesheet" href="/assets/dashboard.css">
</head>
<body class="u-docs">
<main>
"""
_INTRO = """<h1>REST API</h1>
<p>Sign in with the dashboard's link, or say <code>Authorization: Bearer &lt;token&gt;</code>. Every error is
<code>{"error": "word", "message": "one line"}</code>. The same as an OpenAPI document:
<a href="/api/openapi.json">/api/openapi.json</a>.</p>
"""


def api_docs_page(document: Mapping[str, Any]) -> HTMLResponse:
    """Write the page."""
    parts = [_HEAD, _INTRO]
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["more"])[0]
            by_tag.setdefault(tag, []).append(_operation(path, method, operation))
    for tag, operations in by_tag.items():
        parts += [f"<h2>{html.escape(tag.capitalize())}</h2>", *operations]
    parts.append("<h2>Bodies</h2>")
    for name, schema in sorted(document["components"]["schemas"].items()):
        if "properties" in schema and not name.startswith(("HTTPValidation", "Validation")):
            parts.append(_schema(name, schema))
    parts.append("</main></body></html>")
    return HTMLResponse("\n".join(parts))


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    rows = [
        f"<li><code>{html.escape(parameter['name'])}</code> ({parameter['in']}, "
        f"{_type(parameter.get('schema', {}))})</li>"
        for parameter in operation.get("parameters", [])
        if parameter["in"] != "path"
    ]
    if body := operation.get("requestBody"):
        rows.append(f"<li>takes {_type(body['content']['application/json']['schema'])}</li>")
    answer = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
    rows.append(f"<li>gives {_type(answer.get('schema', {}))}</li>")
    return (
        f"<section><h3><b class='u-{method}'>{method.upper()}</b> <code>{html.escape(path)}</code></h3>"
        f"<p>{html.escape(operation.get('description', ''))}</p><ul>{''.join(rows)}</ul></section>"
    )


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{html.escape(field)}</code></td><td>{_type(spec)}</td></tr>"
        for field, spec in schema["properties"].items()
    )
    about = html.escape(schema.get("description", ""))
    return f"<section id='{name}'><h3>{name}</h3><p>{about}</p><table>{rows}</table></section>"


def _type(schema: Mapping[str, Any]) -> str:
    """Say a JSON schema in a few words."""
    if "$ref" in schema:
        name = html.escape(str(schema["$ref"]).rpartition("/")[2])
        return f"<a href='#{name}'>{name}</a>"
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"<code>{html.escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if isinstance(inner := schema.get("additionalProperties"), Mapping):
        return f"object of {_type(inner)}"
    return html.escape(str(schema.get("format") or schema.get("type") or "anything"))
