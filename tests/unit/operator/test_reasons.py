"""docs/operator.md explains every reason that a decision can have, and no other."""

import re

from support.pages import ROOT

SCALING = ROOT / "operator" / "src" / "orderflow_operator" / "scaling"
# Limiters that never name a decision: what they do has a reason of its own.
STEPS = {"Margin", "UsefulSizes", "UnknownRate", "MinReplicas", "Activity"}


def reasons_in_code() -> set[str]:
    text = "".join((SCALING / name).read_text() for name in ("decide.py", "holds.py", "limits.py"))
    named = re.findall(r'reason="([A-Za-z]+)"|limited\("([A-Za-z]+)"|"(Scale[A-Za-z]+)"', text)
    return {name for names in named for name in names if name} - STEPS


def test_the_page_explains_every_reason_and_no_other() -> None:
    page = (ROOT / "docs" / "operator.md").read_text()
    rows = re.findall(r"^\| (`[^|]+`) \|", page, flags=re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`([A-Za-z]+)`", row)}
    assert explained == reasons_in_code()
