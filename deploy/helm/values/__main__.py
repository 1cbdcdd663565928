"""Writes what follows from the values: each chart's values.schema.json and the table of its README.

`python -m deploy.helm.values` prints nothing and ends with 0 when all are as they should be;
with `--write` it makes them so.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.helm.values import operator_chart, services_chart
from deploy.helm.values.pieces import CHARTS

_TABLE = re.compile(r"(?<=<!-- values -->\n).*?(?=<!-- end of values -->)", re.DOTALL)
_MISSING = object()


def schemas() -> dict[Path, dict[str, Any]]:
    """Return the schema of the values of each chart, by the chart's folder."""
    return {
        CHARTS / "orderflow": services_chart.values_schema(),
        CHARTS / "orderflow-operator": operator_chart.values_schema(),
    }


def documents() -> dict[Path, str]:
    """Return the files that are written, with what should be in them."""
    return {file: text for chart, schema in schemas().items() for file, text in _of(chart, schema)}


def values_table(schema: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Return every value with its default and meaning, as a Markdown table."""
    rows = [("Value", "Default", "Meaning"), ("---", "---", "---"), *_rows(schema, values, "")]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def paths_of(schema: Mapping[str, Any], *above: str) -> Iterator[tuple[str, ...]]:
    """Return the path of every key that the schema knows; of arrays and open objects the outermost."""
    for name, each in schema.get("properties", {}).items():
        yield *above, name
        yield from paths_of(each, *above, name)


def _of(chart: Path, schema: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    readme = chart / "README.md"
    table = values_table(schema, yaml.safe_load((chart / "values.yaml").read_text()))
    yield chart / "values.schema.json", json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    yield readme, _TABLE.sub(lambda _: table, readme.read_text())


def _rows(schema: Mapping[str, Any], values: Any, above: str) -> Iterator[tuple[str, str, str]]:
    for name, each in schema["properties"].items():
        path, value = f"{above}{name}", values.get(name, _MISSING) if isinstance(values, dict) else _MISSING
        if each.get("properties"):
            yield f"**{path}**", "", _meaning(each)
            yield from _rows(each, value, f"{path}.")
        else:
            default = each.get("default", "") if value is _MISSING else value
            yield f"`{path}`", f"`{json.dumps(default)}`" if default != "" else "", _meaning(each)


def _meaning(schema: Mapping[str, Any]) -> str:
    choices = ", ".join(f"`{each}`" for each in schema.get("enum", ()) if each != "")
    said = str(schema.get("description", ""))
    return (f"{said} One of {choices}." if choices else said).replace("|", "\\|").replace("\n", " ")


def main(arguments: list[str]) -> int:
    """Write or check the files; return 1 when one is not as it should be."""
    outdated = {file: text for file, text in documents().items() if _read(file) != text}
    if "--write" in arguments:
        for file, text in outdated.items():
            file.write_text(text)
        return 0
    for file in outdated:
        print(f"{file} is out of date: run python -m deploy.helm.values --write", file=sys.stderr)
    return int(bool(outdated))


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
