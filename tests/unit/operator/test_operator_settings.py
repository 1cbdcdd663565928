"""The operator's settings: what it is told about namespaces and its Lease."""

import pytest

from orderflow_operator.settings import OperatorSettings
from orderflow_process.settings import SettingsError, load


def test_namespaces_are_a_list_and_none_means_all() -> None:
    assert load(OperatorSettings, {"watch_namespaces": "shop, kafka,"}).namespaces == ("shop", "kafka")
    assert load(OperatorSettings, {"watch_namespaces": ""}).namespaces == ()


def test_the_holder_gives_up_before_others_take_over() -> None:
    settings = load(OperatorSettings)
    assert settings.lease_retry_seconds < settings.lease_renew_seconds < settings.lease_seconds
    assert settings.lease_seconds + settings.lease_retry_seconds + 2 * settings.poll_interval_seconds < 30


@pytest.mark.parametrize("flags", [{"lease_renew_seconds": "15"}, {"lease_seconds": "5"}])
def test_a_lease_that_two_could_hold_is_refused(flags: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"LEASE_RENEW_SECONDS=.*must be below LEASE_SECONDS"):
        load(OperatorSettings, flags)
