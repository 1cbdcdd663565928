"""The proof in its short form: one of each failure under load, and no order comes to harm.

`make chaos SEED=n DURATION=seconds` is the long one.
"""

from pathlib import Path

import pytest
from support.brokers import embedded
from support.chaos.__main__ import again
from support.chaos.run import Chaos, Plan
from support.chaos.schedule import BROKER, KINDS, SHORTEST

from orderflow_local.kafka import Distribution

PLAN = Plan(seed=735, duration=SHORTEST, rate=60, most=3)


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_no_order_comes_to_harm_whatever_dies(kafka_distribution: Distribution, tmp_path: Path) -> None:
    outcome = Chaos(PLAN, embedded(kafka_distribution, tmp_path), tmp_path).perform()

    events = (tmp_path / "events.log").read_text()
    assert outcome.violations == [], f"{again(PLAN)}\n{outcome}\n{events}"
    assert set(KINDS) - set(outcome.happened) <= {BROKER[-1]}
    assert outcome.answers[-1] > 0, "clients have felt it"
    assert outcome.evidence.promised > 100
    assert outcome.report.rejected > 0
    assert outcome.report.failed + outcome.report.declined > 0
