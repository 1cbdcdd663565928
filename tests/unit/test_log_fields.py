"""Every field that our code logs has its type in the index template, and Kibana's objects fit together."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.elk import FOLDER, field_types, index_template, refused

from orderflow_process.ecs import FIELDS

ROOT = Path(__file__).parents[2]
SOURCES = ("services", "process", "operator", "lag", "local")
LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log"}


def logged_names() -> Iterator[tuple[str, str]]:
    """Yield where our code logs a value, and under which name."""
    for member in SOURCES:
        for path in (ROOT / member / "src").rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                of_log = isinstance(node.func.value, ast.Name) and node.func.value.id == "log"
                if of_log and node.func.attr in LEVELS:
                    where = f"{path.relative_to(ROOT)}:{node.lineno}"
                    yield from ((where, keyword.arg) for keyword in node.keywords if keyword.arg)


def test_every_name_that_is_logged_is_declared() -> None:
    found = list(logged_names())
    assert len(found) > 80
    undeclared = [f"{where}: {name}" for where, name in found if name not in FIELDS and name != "exc_info"]
    assert undeclared == [], "declare it in orderflow_process.ecs and in the index template"


def test_the_template_types_what_is_declared_and_refuses_the_rest() -> None:
    mappings = index_template()["template"]["mappings"]
    assert mappings["dynamic"] == "strict"
    of_the_shipper = {"labels", "kubernetes", "stream"}
    of_the_process = {"@timestamp", "ecs.version", "service.name", "process.pid"}
    assert field_types().keys() - of_the_shipper == set(FIELDS.values()) | of_the_process


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ({"message": "m", "kafka.offset": 7, "kafka.partitions": [1, 2], "labels.mine": "x"}, 0),
        ({"orderflow.waits_for": None}, 0),
        ({"kafka.offset": "7"}, 1),
        ({"kafka.partition": 2**31}, 1),
        ({"orderflow.attempts": True}, 1),
        ({"orderflow.undecided": 1}, 1),
        ({"order.id": 5}, 1),
        ({"@timestamp": "2026-01-01T12:00:00"}, 1),
        ({"nobody.declared": "x", "labels.mine": 1}, 2),
    ],
)
def test_a_line_is_refused_for_a_field_without_a_type_or_of_another(
    line: dict[str, object], count: int
) -> None:
    assert len(refused(line, field_types())) == count


def test_the_saved_searches_refer_to_the_data_view_and_to_fields_that_exist() -> None:
    view, *searches = map(json.loads, (FOLDER / "kibana.ndjson").read_text().splitlines())
    assert view["type"] == "index-pattern"
    assert [view["attributes"]["title"]] == index_template()["index_patterns"]
    assert view["attributes"]["timeFieldName"] == "@timestamp"
    assert searches
    for search in searches:
        assert [(each["type"], each["id"]) for each in search["references"]] == [(view["type"], view["id"])]
        source = json.loads(search["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
        assert source["indexRefName"] == search["references"][0]["name"]
        asked = {word.split(":")[0] for word in source["query"]["query"].split() if ":" in word}
        assert asked | set(search["attributes"]["columns"]) <= field_types().keys()
