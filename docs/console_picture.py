"""Take the pictures of the console that README shows, of a system that `make up` has started.

    python docs/console_picture.py [URL]

Sends 200 orders a second for a while and two that are none, places one on the page, and writes
docs/images/console-*.png. Begin with no data (`make clean`): many dead letters make them longer. Needs
Chromium (Debian: chromium).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
from confluent_kafka import Producer
from playwright.sync_api import Browser, expect, sync_playwright

IMAGES = Path(__file__).parent / "images"
RATE = 200
WIDTH = 1280
SECONDS = 60
MOST_BYTES = 300_000
_SETTLED_MS = 30_000


def main(url: str) -> None:
    """Take both pictures while orders come in."""
    program = Path(sys.executable).with_name("orderflow")
    count = RATE * SECONDS
    sending = subprocess.Popen(
        [program, "orders", "send", "--count", str(count), "--rate", str(RATE), "--url", url.rstrip("/")]
    )
    try:
        _poison(url)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox"] if os.geteuid() == 0 else [],
            )
            for scheme in ("light", "dark"):
                _take(browser, url, scheme == "dark", IMAGES / f"console-{scheme}.png")
            browser.close()
    finally:
        sending.terminate()
        sending.wait()


def _poison(url: str) -> None:
    """Write two orders that are none, as a foreign producer may, so that there are dead letters to see."""
    base = url.rstrip("/")
    if httpx.get(f"{base}/stats/payments").json()["orders"]["REJECTED"]:
        return
    kafka = httpx.get(f"{base}/health").json()["kafka"]
    producer = Producer({"bootstrap.servers": kafka["bootstrap_servers"]})
    producer.produce(
        "orders", b'{"order_id": "ORD-free", "user_id": "dave", "amount": 0, "items": 1}', "dave"
    )
    producer.produce("orders", b'{"order_id": "ORD-17", "user_id": "erin", "amount": 12.5}', "erin")
    producer.flush(10)


def _take(browser: Browser, url: str, dark: bool, picture: Path) -> None:
    page = browser.new_page(
        viewport={"width": WIDTH, "height": 1000}, color_scheme="dark" if dark else "light"
    )
    page.goto(url)
    # Long enough for the charts to have something to show.
    page.wait_for_timeout(SECONDS * 1000 / 3)
    page.get_by_role("button", name="Place order").click()
    told = page.locator("#followed article").first.locator(".steps li").last
    expect(told).to_have_attribute("data-state", "done", timeout=_SETTLED_MS)
    page.mouse.move(0, 0)
    # Without the notifications at the foot, whose text would double its size.
    foot = page.locator("section[aria-labelledby=notifications-title]").bounding_box()
    height = foot["y"] if foot else 1200
    page.screenshot(path=picture, full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
    page.close()
    size = picture.stat().st_size
    print(f"{picture}: {size:,} bytes")
    if size > MOST_BYTES:
        raise SystemExit(f"{picture} is larger than {MOST_BYTES:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000/")
