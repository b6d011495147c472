#!/usr/bin/env python3
"""Restarts a demo under the /docs page, and under the code that the page gives away.

    docs_restart.py PATCHBAY ROUTES [--chromium PATH]

Starts the demo itself, on a port of its own, ends it with SIGTERM and starts it again: the page and the programs must come
back by themselves, subscriptions included. Exits with 0 when they do. Needs what requirements.txt names, and a Chromium.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

try:
    from playwright.sync_api import expect, sync_playwright
except ImportError as missing:
    print(f"{missing}; please: make setup-tests")
    sys.exit(69)

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("patchbay", type=pathlib.Path)
arguments.add_argument("routes", type=pathlib.Path)
arguments.add_argument("--chromium", default="/usr/bin/chromium")
options = arguments.parse_args()

CHANNEL = "trades"


def start(folder, port="0"):
    """Starts the demo, and returns it with its port."""
    routes = pathlib.Path(folder, "routes.yaml")
    routes.write_text(options.routes.read_text())
    said = pathlib.Path(folder, f"output-{time.monotonic()}")
    with said.open("wb") as output:
        demo = subprocess.Popen(
            [options.patchbay, "demo", "--config", routes, "--rate", "20"],
            env={**os.environ, "PORT": port, "ADMIN_PORT": "0", "RECONNECT_EARLIEST": "100ms", "RECONNECT_LATEST": "500ms"},
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    deadline = time.monotonic() + 60
    while demo.poll() is None and time.monotonic() < deadline:
        if found := re.search(r"http://localhost:(\d+)/docs", said.read_text()):
            return demo, found[1]
        time.sleep(0.02)
    demo.kill()
    demo.wait()
    sys.exit(f"the demo doesn't start:\n{said.read_text()}")


class Listener:
    """A program that prints what it gets."""

    def __init__(self, code):
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = []
        threading.Thread(target=lambda: [self.lines.append(line) for line in self.process.stdout], daemon=True).start()

    def await_trades(self, count):
        """Awaits so many more of them."""
        wanted = self.trades + count
        deadline = time.monotonic() + 60
        while self.trades < wanted:
            assert self.process.poll() is None and time.monotonic() < deadline, "the program said: " + "".join(self.lines[-20:])
            time.sleep(0.02)

    @property
    def trades(self):
        return sum("trade_data" in line for line in self.lines)


def await_trade(page, heard):
    """Awaits a message on the page's console."""
    deadline = time.monotonic() + 60
    while not any("trade_data" in text for text in heard):
        assert time.monotonic() < deadline, heard[-20:]
        page.wait_for_timeout(50)


def main():
    expect.set_options(timeout=60_000)
    with tempfile.TemporaryDirectory() as folder:
        demo, port = start(folder)
        listener = None
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
                page = browser.new_page()
                page.set_default_timeout(60_000)
                base = f"http://localhost:{port}"
                page.goto(base + "/docs")
                page.locator(f"#channels button[data-channel='{CHANNEL}']").click()
                page.get_by_role("button", name="Subscribe", exact=True).click()
                confirmed = page.locator("#subscriptions li:not([data-waiting])").filter(has_text=CHANNEL)
                expect(confirmed).to_have_count(1)
                page.locator("#code > summary").click()
                page.get_by_role("button", name="JavaScript", exact=True).click()
                script = page.locator("#snippet").text_content()
                page.get_by_role("button", name="Python", exact=True).click()
                listener = Listener(page.locator("#snippet").text_content())
                listener.await_trades(1)
                other = browser.new_page()
                other.goto(base + "/docs")
                heard = []
                other.on("console", lambda message: heard.append(message.text))
                other.evaluate(script + ";0")
                await_trade(other, heard)

                demo.terminate()
                assert demo.wait(30) == 0
                expect(page.locator("#status")).to_have_attribute("data-state", re.compile("waiting|connecting"))
                expect(page.locator("#connect")).to_have_text(re.compile("Stop|Disconnect"))
                demo, _ = start(folder, port)
                expect(page.locator("#status-text")).to_have_text("Connected")
                expect(confirmed).to_have_count(1)
                before = int(page.locator("#count").inner_text().replace(",", ""))
                page.wait_for_function(
                    "start => Number(document.getElementById('count').value.replaceAll(',', '')) > start + 3", arg=before)
                print("ok  the page comes back after a restart, with its subscription")
                listener.await_trades(3)
                print("ok  the Python program comes back")
                heard.clear()
                await_trade(other, heard)
                print("ok  the JavaScript program comes back")

                # Who stops it means it.
                demo.terminate()
                demo.wait(30)
                expect(page.locator("#connect")).to_have_text("Stop")
                page.locator("#connect").click()
                expect(page.locator("#status-text")).to_have_text("Disconnected")
                expect(page.locator("#connect")).to_have_text("Connect")
                print("ok  coming back can be stopped")
                browser.close()
        finally:
            if listener:
                listener.process.kill()
            if demo.poll() is None:
                demo.terminate()
                demo.wait(30)


main()
