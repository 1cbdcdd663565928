"""The console in a real browser, before a running pipeline; and the stream of events that it lives on."""

from __future__ import annotations

import json
import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from support.brokers import RunningBroker
from support.browser import Visit, chromium, visit
from support.orders_service import OrderService
from support.pipeline import Pipeline, ServiceProcess

pytestmark = pytest.mark.xdist_group("console")

WITHIN = 20_000  # ms; workers and broker share the machine with other tests
KEY = "a-key"

# Evaluated in the page: what a screen reader has no name for, and ids that two nodes have.
NAMELESS = """(selector) => [...document.querySelectorAll(selector)]
  .filter((node) => !(node.textContent.trim() && /^(A|BUTTON)$/.test(node.tagName)))
  .filter((node) => !node.labels?.length && !node.getAttribute("aria-label"))
  .filter((node) => !document.getElementById(node.getAttribute("aria-labelledby"))?.textContent)
  .map((node) => node.outerHTML.slice(0, 80))"""
TWICE = """() => [...document.querySelectorAll("[id]")].map((node) => node.id)
  .filter((id, place, all) => all.indexOf(id) !== place)"""


class Scene:
    """A pipeline at work and its Order Service, which may be stopped and started again at its address."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.database_url = f"sqlite:///{pipeline.folder}/tables.db"
        self.service = OrderService(pipeline, database_url=self.database_url)
        workers = [
            pipeline.start("payments", payment_success_rate=0.5),
            pipeline.start("notifications"),
            pipeline.start("analytics", database_url=self.database_url),
        ]
        for each in (self.service.process, *workers):
            each.wait_ready()

    @property
    def url(self) -> str:
        return self.service.url

    def start_again(self, api_keys: str) -> ServiceProcess:
        """Start the Order Service at the address that its predecessor has left."""
        port = self.service.process.port
        database = self.database_url
        process = self.pipeline.start("orders", api_port=port, api_keys=api_keys, database_url=database)
        process.port = self.service.process.port
        self.service.process = process
        return process


@pytest.fixture(scope="module")
def scene(broker: RunningBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("console")
    pipeline = Pipeline(broker.bootstrap_servers, f"console{secrets.token_hex(4)}.", folder, partitions=3)
    try:
        yield Scene(pipeline.create_topics())
    finally:
        pipeline.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def console(scene: Scene, browser: Browser) -> Iterator[Visit]:
    with visit(browser, scene.url) as seen:
        expect(seen.page.get_by_role("status")).to_have_text("Live", timeout=WITHIN)
        yield seen


def newest_order(page: Page) -> str:
    """Return the id of the order that was placed last on the page."""
    order_id = page.locator("#followed article code").first
    expect(order_id).to_be_visible(timeout=WITHIN)
    return order_id.inner_text()


def settled(page: Page, order_id: str) -> str:
    """Return the status that an order comes to, seen on the page alone."""
    order = page.get_by_role("article", name=f"Order {order_id}")
    expect(order.locator(".chip")).to_have_text(re.compile("PAID|DECLINED"), timeout=WITHIN)
    expect(order.locator(".steps li").last).to_have_attribute("data-state", "done", timeout=WITHIN)
    return order.locator(".chip").inner_text()


def statuses_in_the_log(scene: Scene, order_id: str) -> list[str]:
    found = scene.pipeline.values("order-status")
    return [value["status"] for value in found if value["order_id"] == order_id]


def test_an_order_placed_on_the_page_is_paid_or_declined_before_our_eyes(
    scene: Scene, console: Visit
) -> None:
    page = console.page
    page.get_by_label("Customer").fill("alice")
    page.get_by_label("Amount in all").fill("42.50")
    page.get_by_role("button", name="Place order").click()
    order_id = newest_order(page)
    status = settled(page, order_id)
    assert statuses_in_the_log(scene, order_id)[-1] == status

    told = page.get_by_role("article", name=f"Order {order_id}").locator(".told")
    expect(told).to_contain_text(order_id)
    row = page.get_by_role("row").filter(has_text=order_id)
    expect(row).to_contain_text(status, timeout=WITHIN)
    expect(row).to_contain_text("42.50")
    # Of the last minute; rates and latency, of the last seconds, may be past it already on a busy machine.
    expect(page.locator("#success-big")).to_contain_text("%", timeout=WITHIN)
    notifications = page.get_by_role("region", name="Newest notifications")
    expect(notifications).to_contain_text(order_id, timeout=WITHIN)
    lag = page.get_by_role("region", name=scene.pipeline.group("payments"))
    expect(lag).to_contain_text("nothing behind", timeout=WITHIN)
    expect(lag.get_by_role("list", name="Partitions of")).to_contain_text("partition 2: 0")
    # Said to who cannot see it.
    expect(page.locator("#spoken")).to_contain_text(order_id)

    assert console.hosts == {scene.url.removeprefix("http://")}
    assert console.complaints == []


def test_with_the_keyboard_alone_an_order_is_placed_and_what_is_wrong_with_it_is_said(
    console: Visit,
) -> None:
    page = console.page
    keys = page.keyboard
    reached = []
    for _ in range(12):
        keys.press("Tab")
        focused = page.evaluate(
            "() => [document.activeElement.id || document.activeElement.textContent,"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        reached.append(focused[0])
        assert focused[1] != "none", f"the focus on {focused[0]} cannot be seen"
        if focused[0] == "amount":
            break
    assert reached[0] == "Skip to the content"
    assert reached[-4:] == ["user_id", "item", "items", "amount"]

    keys.press("Control+A")
    keys.type("-1")
    keys.press("Enter")
    expect(page.locator("#amount-problem")).to_have_text("must be greater than 0", timeout=WITHIN)
    expect(page.locator("#amount")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#amount")).to_be_focused()

    keys.press("Control+A")
    keys.type("9.90")
    keys.press("Enter")
    settled(page, newest_order(page))
    expect(page.locator("#amount-problem")).to_be_empty()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_everything_can_be_read_and_has_a_name(
    scene: Scene, browser: Browser, width: int, dark: bool
) -> None:
    with visit(browser, scene.url, width=width, dark=dark) as seen:
        page = seen.page
        expect(page.get_by_role("status")).to_have_text("Live", timeout=WITHIN)
        page.get_by_role("button", name="Place order").click()
        settled(page, newest_order(page))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert seen.hard_to_read() == []
        for landmark in ("banner", "main", "contentinfo", "navigation"):
            expect(page.get_by_role(landmark)).to_have_count(1)
        assert page.get_by_role("heading", level=1).count() == 1
        assert page.evaluate(NAMELESS, "a, button, input, section, form[role], dialog") == []
        assert page.evaluate(TWICE) == []


def test_a_dead_letter_is_shown_with_its_reason_and_without_becoming_markup(
    scene: Scene, console: Visit
) -> None:
    name = "<img src=x onerror=alert(1)>"
    scene.pipeline.produce("orders", [("u", json.dumps({"order_id": name, "user_id": "u"}).encode())])
    letters = console.page.get_by_role("region", name="Dead letters")
    expect(letters).to_contain_text("InvalidEvent", timeout=WITHIN)
    expect(letters).to_contain_text(name)
    expect(letters).to_contain_text("failed-orders")
    assert letters.locator("img").count() == 0
    assert console.complaints == []


def test_a_stopped_service_is_said_and_a_new_one_found_which_may_ask_for_a_key(
    scene: Scene, console: Visit
) -> None:
    page = console.page
    began = time.monotonic()
    assert scene.service.process.stop() == 0
    # Open streams do not hold it up: else it would wait ten seconds for them.
    assert time.monotonic() - began < 6
    expect(page.get_by_role("status")).to_have_text("Disconnected", timeout=WITHIN)
    expect(page.get_by_role("alert").first).to_contain_text("Disconnected from the Order Service")

    scene.start_again(api_keys=KEY).wait_ready()
    dialog = page.get_by_role("dialog", name="This service needs an API key")
    expect(dialog).to_be_visible(timeout=WITHIN)
    for attempt in ("wrong", KEY):
        dialog.get_by_label("API key").fill(attempt)
        dialog.get_by_label("API key").press("Enter")
        if attempt != KEY:
            expect(dialog).to_contain_text("does not know that key", timeout=WITHIN)
    expect(page.get_by_role("status")).to_have_text("Live", timeout=WITHIN)
    expect(page.get_by_role("alert").first).to_be_hidden(timeout=WITHIN)
    page.get_by_role("button", name="Place order").click()
    settled(page, newest_order(page))


def events_of(url: str, until: str, **headers: str) -> list[tuple[str, str]]:
    """Return id and data of the stream's ticks up to the first that has a text in it."""
    found, last_id = list[tuple[str, str]](), ""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.stream("GET", f"{url}/events", headers=named | {"X-API-Key": KEY}, timeout=20) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        data = ""
        for line in stream.iter_lines():
            field, _, value = line.partition(": ")
            last_id = value if field == "id" else last_id
            data = value if field == "data" else data
            if not line and last_id:
                found.append((last_id, data))
                if until in data:
                    return found
                last_id = ""
    raise AssertionError(f"the stream ended after {found}")


def test_a_stream_goes_on_behind_the_last_event_and_one_that_nobody_reads_costs_nothing(
    scene: Scene,
) -> None:
    place = {"user_id": "u", "amount": 1, "items": 1}
    port = scene.service.process.port
    with closing(socket.create_connection(("127.0.0.1", port))) as silent:
        silent.sendall(f"GET /events HTTP/1.1\r\nHost: here\r\nX-API-Key: {KEY}\r\n\r\n".encode())
        first = scene.service.place(place | {"order_id": "live-1"}, X_API_Key=KEY)
        assert first.status_code == 202
        seen = events_of(scene.url, '"live-1"')
        answers = [
            scene.service.place(place | {"order_id": f"live-{number}"}, X_API_Key=KEY).status_code
            for number in range(2, 30)
        ]
        assert set(answers) == {202}
    later = events_of(scene.url, "live-", last_event_id=seen[-1][0])
    numbers = [tick_id.rpartition("-") for tick_id, _ in seen + later]
    begun = int(numbers[0][2])
    assert numbers == [(numbers[0][0], "-", str(begun + each)) for each in range(len(numbers))]
