"""What commands print: tables that obey nothing, and one sentence where a person can mend what is wrong."""

import pytest
from rich.console import Console
from support.logs import HOSTILE, SPELLED_OUT

from orderflow_process.endpoint import PortTaken
from orderflow_process.errors import plain_errors
from orderflow_process.output import table
from orderflow_process.settings import SettingsError


class Known(Exception):
    """An error that this program explains."""


def test_a_cell_of_a_table_obeys_nothing() -> None:
    console = Console(width=100)
    with console.capture() as printed:
        console.print(table(("topic", "lag"), [(HOSTILE, 7), ("[red]orders[/red]", 1234)]))
    shown = printed.get()
    assert SPELLED_OUT in shown
    assert "[red]orders[/red]" in shown
    assert shown.replace("\n", "").isprintable()


def test_numbers_stand_to_the_right_under_upper_case_headings() -> None:
    console = Console(width=100)
    with console.capture() as printed:
        console.print(table(("topic", "lag"), [("orders", 7), ("payments", 1234)]))
    heading, _, first, second = (line.rstrip() for line in printed.get().splitlines() if line.strip())
    assert heading.split() == ["TOPIC", "LAG"]
    assert first.endswith("   7")
    assert second.endswith("1234")
    assert len(first) == len(second)


@pytest.mark.parametrize("error", [SettingsError, PortTaken, Known])
def test_what_can_be_mended_is_one_sentence_and_exit_code_1(
    error: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"^1$"), plain_errors("orderflow", Known):
        raise error("HEALTH_PORT='x': no number")
    assert capsys.readouterr() == ("", "orderflow: HEALTH_PORT='x': no number\n")


def test_what_nobody_expected_is_seen_whole() -> None:
    with pytest.raises(KeyError), plain_errors("orderflow", Known):
        raise KeyError("unexpected")
