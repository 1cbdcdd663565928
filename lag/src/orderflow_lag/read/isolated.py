"""The lag reader in a process of its own, for those who go on when the Kafka client does not.

confluent-kafka 2.16.1 ends its process when a group's coordinator moves or restarts between two questions
(librdkafka issue 4605, and a NULL request in its answer to OffsetFetch): in a broker's restart, when an
operator or a supervisor must not be gone. Here that is one read without an answer, and a new process.
"""

import multiprocessing
import signal
from collections.abc import Iterable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, Self

from orderflow_lag.errors import BrokerUnavailable, LagError
from orderflow_lag.observation import Observation, Subscription, Tail
from orderflow_lag.read.reader import LagReader

# A read has four rounds of questions, the tails have a time of their own, and a start takes a moment.
_ROUNDS = 5
_START_SECONDS = 20.0
_END_SECONDS = 2.0


class IsolatedReader:
    """Reads as a LagReader with these arguments does; used from one thread at a time."""

    def __init__(
        self,
        config: Mapping[str, Any],
        *,
        timeout: float = 10.0,
        tail_limit: int = 100,
        still_only: bool = False,
    ) -> None:
        self._arguments = dict(config), timeout, tail_limit, still_only
        self._patience = _ROUNDS * timeout + _START_SECONDS
        self._process: SpawnProcess | None = None
        self._line: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, subscriptions: Iterable[Subscription], topics: Iterable[str] = ()) -> Observation:
        """Return what the brokers say; raise LagError, also when the process of the client ended."""
        answer: Observation = self._ask("read", (tuple(subscriptions), tuple(topics)))
        return answer

    def written_at(self, tails: Iterable[Tail]) -> dict[Tail, float]:
        """Return when the first record of each tail was written; a tail without an answer is left out."""
        wanted = frozenset(tails)
        answer: dict[Tail, float] = self._ask("written_at", (wanted,)) if wanted else {}
        return answer

    def close(self) -> None:
        """End the process; the next question starts another."""
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            self._process.join(_END_SECONDS)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
            self._process.close()
        self._line = self._process = None

    def kill(self) -> None:
        """End the process at once, from any thread: a question under way fails."""
        if (process := self._process) is not None:
            process.kill()

    def _ask(self, question: str, arguments: tuple[Any, ...]) -> Any:
        line = self._line or self._start()
        try:
            line.send((question, arguments))
            if not line.poll(self._patience):
                raise EOFError
            answer = line.recv()
        except (EOFError, OSError):
            self.close()
            raise BrokerUnavailable(
                "the Kafka client ended without an answer; the next read has a new one"
            ) from None
        if isinstance(answer, LagError):
            raise answer
        return answer

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, *self._arguments), daemon=True)
        self._process.start()
        theirs.close()  # so that its end is the end of the line
        return self._line


def _serve(
    line: Connection, config: dict[str, Any], timeout: float, tail_limit: int, still_only: bool
) -> None:
    """Answer questions until nobody asks any more."""
    # Whoever asks decides when to end; Ctrl-C goes to all processes of a terminal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with (
        suppress(EOFError, OSError),
        LagReader(config, timeout=timeout, tail_limit=tail_limit, still_only=still_only) as reader,
    ):
        while True:
            question, arguments = line.recv()
            try:
                answer = getattr(reader, question)(*arguments)
            except LagError as error:
                answer = error
            line.send(answer)
