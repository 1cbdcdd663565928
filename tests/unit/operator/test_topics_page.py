"""docs/topics.md explains every reason that a topic can have, and no other."""

import re

from support.pages import ROOT

from orderflow_operator.topics import Reason


def test_the_page_explains_every_reason_of_a_topic_and_no_other() -> None:
    page = (ROOT / "docs" / "topics.md").read_text()
    rows = re.findall(r"^\| \w* ?\| (`[^|]+`) \|", page, flags=re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    explained |= {name for name in ("NoTopics", "SpecInvalid") if f"`{name}`" in page}
    assert explained == set(map(str, Reason))
