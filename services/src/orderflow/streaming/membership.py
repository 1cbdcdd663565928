"""Whether a consumer is a member of its group that may use its topics: of neither the client says all."""

from __future__ import annotations

import time

import structlog

from orderflow.streaming.access import Access
from orderflow.streaming.admin import CurrentAdmin, is_member
from orderflow.streaming.login import Login
from orderflow.streaming.progress import Progress
from orderflow.streaming.settings import ConsumerSettings
from orderflow.streaming.source import Source

log = structlog.get_logger(__name__)

_LOOK_AGAIN_SECONDS = 0.5
_ASK_AGAIN_SECONDS = 2.0
_QUIET_SECONDS = 5.0


class Membership:
    """For the loop's thread. `source.joined` is what it finds out, `progress.waits_for` what it says."""

    def __init__(
        self, settings: ConsumerSettings, login: Login, source: Source, access: Access, progress: Progress
    ) -> None:
        self._group = settings.group
        self._source = source
        self._access = access
        self._progress = progress
        self._admin = CurrentAdmin(settings, login)
        self._asked_at = time.monotonic()

    def may_begin(self) -> bool:
        """Wait until every topic is there and may be used; nobody creates one by writing to it. False: asked
        to stop."""
        while not self._progress.stopping:
            self._progress.beat()
            hindrance = self._access.hindrance()
            if hindrance is None:
                return True
            self.wait_for(hindrance)
            time.sleep(_LOOK_AGAIN_SECONDS)
        return False

    def look(self, busy_at: float) -> bool:
        """Return whether this is a member, an assignment without partitions included.

        The client does not say when all is well (again), so ask. Nor does it say that nobody answers any
        more: when there was nothing to do since `busy_at` (monotonic), ask too.
        """
        now = time.monotonic()
        quiet = self._source.joined and now - busy_at > _QUIET_SECONDS
        if (not self._source.joined or quiet) and now - self._asked_at > (
            _QUIET_SECONDS if quiet else _ASK_AGAIN_SECONDS
        ):
            self._ask()
        if not self._source.joined and self._progress.waits_for is None:
            self._progress.waits_for = "its next assignment"
        return self._source.joined

    def wait_for(self, what: str) -> None:
        """Say what has to come; the log hears of news only."""
        if self._progress.waits_for != what:
            log.warning("not ready", waits_for=what)
        self._progress.waits_for = what

    def _ask(self) -> None:
        hindrance = self._access.hindrance()
        if hindrance is not None:
            self._source.joined = False
        elif not self._source.joined:
            # Who was put out of the group has lost its partitions; only without any it takes a question.
            owns = bool(self._source.assignment.owned)
            self._source.joined = owns or is_member(self._admin, self._group, self._source.member_id)
            hindrance = None if self._source.joined else self._access.hindrance(of_group=True)
        if not self._source.joined:
            self.wait_for(hindrance or "its next assignment")
        self._asked_at = time.monotonic()
