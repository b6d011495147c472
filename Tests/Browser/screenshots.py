#!/usr/bin/env python3
"""Takes the screenshots of the README from a demo that it starts itself.

    screenshots.py PATCHBAY [--into DIR] [--chromium PATH]

PATCHBAY is the program, such as .build/release/patchbay; run it from the folder with routes.yaml. Writes docs-client.png
and docs-phone.png. Needs what requirements.txt names, and a Chromium.
"""

import argparse
import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

try:
    from PIL import Image
    from playwright.sync_api import expect, sync_playwright
except ImportError as missing:
    print(f"{missing}; please: make setup-tests")
    sys.exit(69)

LARGEST = 200_000

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("patchbay", type=pathlib.Path)
arguments.add_argument("--into", type=pathlib.Path, default=pathlib.Path("docs/images"))
arguments.add_argument("--chromium", default="/usr/bin/chromium")
options = arguments.parse_args()


def start(folder):
    """Starts the demo, and returns it with its address."""
    routes = pathlib.Path(folder, "routes.yaml")
    shutil.copy("routes.yaml", routes)
    said = pathlib.Path(folder, "output")
    # The port that people will see on their own screens, unless it is taken.
    for port in ("8080", "0"):
        with said.open("wb") as output:
            demo = subprocess.Popen(
                [options.patchbay.resolve(), "demo", "--config", routes, "--rate", "20"],
                env={**os.environ, "PORT": port, "ADMIN_PORT": "0"}, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        deadline = time.monotonic() + 20
        while demo.poll() is None and time.monotonic() < deadline:
            if found := re.search(r"(http://localhost:\d+)/docs", said.read_text()):
                return demo, found[1]
            time.sleep(0.05)
        demo.kill()
        demo.wait()
    sys.exit(f"the demo doesn't start:\n{said.read_text()}")


def save(page, name):
    """With as few colours as will do: a page of text has a few hundred, most of them on edges of letters."""
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = options.into / f"{name}.png"
    for colours in (256, 128, 64, 32):
        image.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size < LARGEST:
            break
    else:
        sys.exit(f"{path} is larger than {LARGEST} bytes")
    print(f"{path}: {image.width} × {image.height}, {path.stat().st_size // 1000} kB, {colours} colours")


def subscribe(page, base, *channels):
    page.goto(base + "/docs")
    for channel in channels:
        page.locator(f"#channels button[data-channel='{channel}']").click()
        page.get_by_role("button", name="Subscribe", exact=True).click()
        confirmed = page.locator("#subscriptions li:not([data-waiting])").filter(has_text=channel)
        expect(confirmed).to_have_count(1)
    # Enough to fill the list, and a rate that is one.
    page.wait_for_function("() => document.getElementById('log').childElementCount > 60")
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(1, 1)


def main():
    options.into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        demo, base = start(folder)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme="light")
                subscribe(page, base, "trades")
                # One of them opened. It moves down as others come.
                page.locator("#log > li").nth(2).locator("button").click()
                page.evaluate("document.activeElement.blur()")
                page.mouse.move(1, 1)
                save(page, "docs-client")
                phone = browser.new_page(
                    viewport={"width": 390, "height": 844}, device_scale_factor=2, has_touch=True, is_mobile=True, color_scheme="dark"
                )
                subscribe(phone, base, "dashboard")
                top = phone.locator("#subscribe-form").evaluate("form => form.getBoundingClientRect().top + scrollY")
                phone.evaluate("top => scrollTo({ top, behavior: 'instant' })", top - 14)
                save(phone, "docs-phone")
                browser.close()
        finally:
            demo.terminate()
            demo.wait(20)


main()
