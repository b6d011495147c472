#!/usr/bin/env python3
"""Drives the /docs page of a running server in a real browser.

    docs_page.py BASE [--channel NAME] [--chromium PATH] [--screenshots DIR] [--without-swagger]
                 [--routes FILE --brokers LIST --patchbay PROGRAM]

BASE is such as http://localhost:8080; messages must be coming on the channel (the first of the list, unless one is named).
With the file that the server has its routes from, a route is added to it while the page is open, and taken away again.
Prints what was done and exits with 0 when the page does all it should. Needs what requirements.txt names, and a Chromium.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request

try:
    from playwright.sync_api import expect, sync_playwright
except ImportError as missing:
    print(f"{missing}; please: python3 -m pip install -r {pathlib.Path(__file__).with_name('requirements.txt')}")
    sys.exit(69)

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("base")
arguments.add_argument("--channel")
arguments.add_argument("--chromium", default="/usr/bin/chromium")
arguments.add_argument("--screenshots", type=pathlib.Path)
arguments.add_argument("--without-swagger", action="store_true", help="expect a build without Swagger UI")
arguments.add_argument("--routes", type=pathlib.Path, help="the routes file of the server, whose list of routes is its end")
arguments.add_argument("--brokers", help="the Kafka of the server")
arguments.add_argument("--patchbay", help="the program, to produce a record")
options = arguments.parse_args()
if options.routes and not (options.brokers and options.patchbay):
    arguments.error("--routes needs --brokers and --patchbay")
base = options.base.rstrip("/")
socket_url = re.sub("^http", "ws", base) + "/ws"


def get(path):
    try:
        with urllib.request.urlopen(base + path) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()


def done(what):
    print(f"ok  {what}", flush=True)


def screenshot(page, name, **more):
    if options.screenshots:
        options.screenshots.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=options.screenshots / f"{name}.png", **more)


def watch(page, complaints):
    """Collects everything that a developer would see in red."""
    page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
    page.on("response", lambda answer: answer.status >= 400 and complaints.append(f"{answer.status} {answer.url}"))
    page.on("request", lambda request: request.url.startswith((base, "data:")) or complaints.append(f"foreign {request.url}"))
    page.add_init_script(
        "addEventListener('securitypolicyviolation', event => console.error("
        "'CSP: ' + event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sourceFile + ':' + event.lineNumber))"
    )


def rows(page):
    return page.locator("#log > li")


def received(page):
    return int(page.locator("#count").inner_text().replace(",", ""))


def check_client(page, channel):
    expect(page.locator("#url")).to_have_text(socket_url)
    expect(page.locator("#status-text")).to_have_text("Not connected")
    expect(page.locator(f"#channels button[data-channel='{channel}']")).to_be_visible()
    assert page.locator("#channel-names option").count() == page.locator("#channels button").count() > 0
    screenshot(page, "start")

    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.locator("#status-text")).to_have_text("Connected")
    done("connects")

    page.locator(f"#channels button[data-channel='{channel}']").click()
    expect(page.locator("#channel")).to_have_value(channel)
    page.get_by_role("button", name="Subscribe", exact=True).click()
    expect(page.locator("#subscriptions li:not([data-waiting])")).to_contain_text(channel)
    expect(rows(page).filter(has_text="subscription_confirmed")).to_have_count(1)
    before = received(page)
    page.wait_for_function("start => Number(document.getElementById('count').value.replaceAll(',', '')) > start + 5", arg=before)
    done("subscribes to a channel of the list, and messages arrive")

    row = rows(page).filter(has_text=channel).first
    assert re.match(r"\d\d:\d\d:\d\d\.\d{3}", row.locator("time").inner_text())
    assert row.locator(".badge").inner_text()
    page.wait_for_timeout(1500)
    assert page.locator("#rate").inner_text() != "0"
    screenshot(page, "messages")

    page.get_by_role("button", name="Pause").click()
    shown = rows(page).count()
    first = rows(page).first.inner_text()
    page.wait_for_function("() => /[1-9]/.test(document.getElementById('paused').textContent)")
    assert rows(page).count() == shown and rows(page).first.inner_text() == first
    done(f"pauses: {page.locator('#paused').inner_text()}")

    # Opened with the keyboard.
    rows(page).first.locator("button").press("Enter")
    text = rows(page).first.locator("pre").inner_text()
    assert json.loads(text)["channel"] == channel, text
    screenshot(page, "paused")
    page.get_by_role("button", name="Resume").click()
    # Not by their number: the list is bounded, and may have been full on a busy machine.
    page.wait_for_function("text => document.querySelector('#log > li').innerText !== text", arg=first)
    expect(page.locator("#paused")).to_be_hidden()
    done("resumes, and opens a message")

    kind = page.locator("#log .badge").first.inner_text()
    page.select_option("#filter", kind)
    page.wait_for_timeout(300)
    assert set(page.locator("#log .badge").all_text_contents()) == {kind}
    page.select_option("#filter", "")
    done(f"shows messages of one type only ({kind})")

    page.locator("#raw").fill('{"type":"nonsense"}')
    page.locator("#raw").press("Control+Enter")
    expect(page.locator("#status-detail")).to_contain_text("unknown_type")
    page.select_option("#filter", "error")
    expect(rows(page)).to_have_count(1)
    screenshot(page, "refused")
    page.select_option("#filter", "")
    done(f"sends raw text and shows the error: {page.locator('#status-detail').inner_text()}")

    page.get_by_role("button", name="Subscribe", exact=True).click()
    expect(page.locator("#status-detail")).to_be_hidden()
    done("forgets the error once something works")

    check_list(page)
    check_code(page, [channel])

    page.get_by_role("button", name="Unsubscribe", exact=True).click()
    expect(page.locator("#subscriptions li")).to_have_count(0)
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Clear").click()
    expect(rows(page)).to_have_count(0)
    page.wait_for_timeout(500)
    assert received(page) == 0, "messages came after unsubscribing"
    done("unsubscribes and clears")

    page.get_by_role("button", name="Disconnect").click()
    expect(page.locator("#status-text")).to_have_text("Disconnected")
    # Subscribing connects first.
    page.get_by_role("button", name="Subscribe", exact=True).click()
    expect(page.locator("#subscriptions li:not([data-waiting])")).to_contain_text(channel)
    page.get_by_role("button", name=f"Unsubscribe from {channel}").click()
    expect(page.locator("#subscriptions li")).to_have_count(0)
    done("disconnects, and subscribing connects again")


def check_reload(page):
    """A route that is added while the page is open: its channel, its messages and its documentation show up, and go."""
    routes = options.routes.read_text()
    page.evaluate("window.isTheSamePage = true")
    expect(page.locator("#channels button[data-channel='browser-notes']")).to_have_count(0)
    route = "- { name: browser-notes, topic: browser-notes, transform: json, type: browser_note, " \
        "channels: [browser-notes, \"browser.{note}\"] }"
    options.routes.write_text(f"{routes.rstrip()}\n\n  {route}\n")
    expect(page.locator("#channels button[data-channel='browser-notes']")).to_be_visible()
    expect(page.locator("#channel-names option[value='browser-notes']")).to_have_count(1)
    expect(page.locator("details.kind[data-type='browser_note']")).to_have_count(1)
    if not options.without_swagger:
        expect(page.locator("#swagger-ui")).to_contain_text("browser_note")
    done("shows a channel that is added to the routes")

    page.locator("#channels button[data-channel='browser.{note}']").click()
    page.get_by_role("button", name="Subscribe", exact=True).click()
    assert "template" in page.evaluate("document.getElementById('channel').validationMessage")
    assert page.evaluate("document.getElementById('channel').value.slice(...(({selectionStart: a, selectionEnd: b}) => [a, b])"
                         "(document.getElementById('channel')))") == "{note}"
    page.keyboard.type("x")
    page.get_by_role("button", name="Subscribe", exact=True).click()
    expect(page.locator("#subscriptions li:not([data-waiting])").filter(has_text="browser.x")).to_have_count(1)
    page.get_by_role("button", name="Unsubscribe from browser.x").click()
    done("asks for a value in place of a template's braces")

    page.locator("#channels button[data-channel='browser-notes']").click()
    page.get_by_role("button", name="Subscribe", exact=True).click()
    expect(page.locator("#subscriptions li:not([data-waiting])").filter(has_text="browser-notes")).to_have_count(1)
    produce = [options.patchbay, "produce", "--brokers", options.brokers, "browser-notes", '{"note":"from the test of the page"}']
    produced = subprocess.run(produce, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
    assert produced.returncode == 0, produced.stdout
    page.select_option("#filter", "browser_note")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).locator(".what")).to_have_text('{note: "from the test of the page"}')
    rows(page).locator("button").click()
    message = json.loads(rows(page).locator("pre").inner_text())
    assert message["data"] == {"note": "from the test of the page"}, message
    screenshot(page, "reloaded")
    page.select_option("#filter", "")
    done("shows a record that is produced for the new channel")

    options.routes.write_text(routes)
    expect(page.locator("#status-detail")).to_contain_text("“browser-notes” is closed")
    expect(page.locator("#subscriptions li")).to_have_count(0)
    expect(page.locator("#channels button[data-channel='browser-notes']")).to_have_count(0)
    assert page.evaluate("window.isTheSamePage") is True, "the page was loaded again"
    done("says that the channel is closed when its route is taken away")
    page.get_by_role("button", name="Disconnect").click()
    # Swagger UI has such a button, too.
    page.locator("#clear").click()


def check_code(page, channels):
    page.locator("#code > summary").click()
    for language, mark in (("JavaScript", "new WebSocket("), ("Python", "asyncio.run"), ("Swift", "webSocketTask(")):
        page.get_by_role("button", name=language, exact=True).click()
        page.get_by_role("button", name="Copy", exact=True).click()
        expect(page.locator("#copied")).not_to_be_empty()
        copied = page.evaluate("navigator.clipboard.readText()") if page.evaluate("isSecureContext") else None
        code = page.locator("#snippet").text_content()
        assert copied in (None, code), "the clipboard has something else"
        assert socket_url in code and mark in code and all(json.dumps(name) in code for name in channels), code
        assert all(word in code for word in ("server_shutdown", "reconnect_after_ms", "gap")), code
        assert len(code.splitlines()) < 50
        if language == "Python":
            check_python(code, channels)
        elif language == "JavaScript":
            check_javascript(page.context, code, channels)
        if options.screenshots:
            options.screenshots.mkdir(parents=True, exist_ok=True)
            (options.screenshots / f"snippet-{language.lower()}.txt").write_text(code)
    page.locator("#code").scroll_into_view_if_needed()
    screenshot(page, "code")
    done("copies the session as JavaScript, Python and Swift, of which the first two run")
    page.locator("#code > summary").click()


def check_python(code, channels):
    """What a front-end developer pastes has to run as it is. (Swift's needs a newer libcurl than Debian 12 has.)"""
    program = subprocess.Popen(
        [sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    timer = threading.Timer(30, program.kill)
    timer.start()
    try:
        said = []
        while not any(channel in line and "subscription_confirmed" not in line for line in said for channel in channels):
            line = program.stdout.readline()
            assert line, "the Python program ended: " + "".join(said)
            said.append(line)
    finally:
        timer.cancel()
        program.kill()
        program.wait()


def check_javascript(context, code, channels):
    other = context.new_page()
    other.goto(base + "/docs")
    with other.expect_console_message(
        lambda message: any(name in message.text for name in channels) and "subscription_confirmed" not in message.text
    ):
        # Not the value of its last statement, a function, which Playwright would call.
        other.evaluate(code + ";0")
    other.close()


def check_fields(page):
    """The section showed schemas only: what a field means, in which unit, was left to guessing."""
    for kind in page.locator("details.kind").all():
        kind.evaluate("kind => { kind.open = true }")
        assert kind.locator("table.fields tbody tr").count() > 0, kind.inner_text()
        for row in kind.locator("table.fields tbody tr").all():
            path, type_, meaning, example = (cell.strip() for cell in row.locator("td").all_text_contents())
            assert path and type_, row.inner_text()
            assert meaning, f"{path} has no meaning in {kind.get_attribute('data-key')}"
        kind.evaluate("kind => { kind.open = false }")
    trade = page.locator("details.kind[data-type='trade_data'] table.fields")
    if trade.count():
        text = " ".join(trade.locator("tr", has_text="PriceUsd").all_text_contents())
        assert "US dollars" in text and "decimal number as text" in text and "0.400000" in text, text
    gap = page.locator("details.kind[data-type='server_shutdown'] table.fields tr", has_text="reconnect_after_ms")
    assert "milliseconds" in gap.text_content()
    done("says what each field means, with its unit and an example")


def check_colours(page):
    """Colours were given out in the order of arrival: the same type had another one in the section below, and after a reload."""
    pairs = page.evaluate(
        "[...document.querySelectorAll('#log .badge, #answers .badge')].map(badge => [badge.textContent, badge.dataset.hue])")
    pairs = {(name, hue) for name, hue in pairs if not name.startswith("→")}
    assert len({name for name, _ in pairs}) == len(pairs), f"a type has two colours: {sorted(pairs)}"
    done("gives a type the same colour everywhere")


def check_ids(page):
    """Swagger UI's icons are elements with ids, too: of two with one id its button showed a grey square."""
    ids = page.locator("[id]").evaluate_all("elements => elements.map(element => element.id)")
    doubled = sorted({name for name in ids if ids.count(name) > 1})
    assert not doubled, f"ids that are there twice: {doubled}"


def check_words(page, where):
    """No text may be broken inside a word: a line may end at a space or behind a sign only."""
    broken = page.evaluate(
        """root => {
            const walker = document.createTreeWalker(document.querySelector(root), NodeFilter.SHOW_TEXT);
            const broken = [];
            const range = document.createRange();
            for (let node = walker.nextNode(); node; node = walker.nextNode()) {
                if (node.parentElement.closest("pre, textarea, svg, .swagger-ui, script")) continue;
                for (const { 0: word, index } of node.data.matchAll(/[\\p{L}\\p{N}]+/gu)) {
                    range.setStart(node, index);
                    range.setEnd(node, index + word.length);
                    const lines = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
                    if (lines.size > 1) broken.push(word);
                }
            }
            return broken;
        }""", where)
    assert not broken, f"words that are broken in the middle: {broken}"


def check_list(page):
    """The list ended at a row's edge, and nobody saw that there was more."""
    more = page.locator("#channels-more")
    page.locator("#channels").evaluate("list => { list.style.maxHeight = '4rem' }")
    expect(more).to_be_visible()
    expect(more).to_contain_text("more channel")
    for _ in range(50):
        if not more.is_visible():
            break
        more.click()
        page.wait_for_timeout(100)
    expect(more).to_be_hidden()
    page.locator("#channels").evaluate("list => { list.style.maxHeight = '' ; list.scrollTop = 0 }")
    done("says that there are more channels than the list shows")


def check_references(page, openapi, asyncapi):
    for key, message in asyncapi["components"]["messages"].items():
        kind = page.locator(f"details.kind[data-key='{key}']")
        expect(kind).to_have_count(1)
        expect(kind.locator("summary .badge")).to_have_text(message["name"])
    kind = page.locator("#answers details.kind").first
    kind.locator("summary").click()
    expect(kind.locator("pre").first).to_be_visible()
    page.locator("#messages").scroll_into_view_if_needed()
    screenshot(page, "reference")
    check_fields(page)
    check_colours(page)
    done(f"lists {len(asyncapi['components']['messages'])} kinds of messages")

    if options.without_swagger:
        expect(page.locator("#swagger-missing")).to_contain_text("make setup")
        done("says that Swagger UI is not in this build")
        return
    operations = sum(len(item.keys() - {"servers"}) for item in openapi["paths"].values())
    expect(page.locator("#swagger-ui .opblock")).to_have_count(operations)
    for path in openapi["paths"]:
        expect(page.locator(f"#swagger-ui .opblock-summary-path[data-path='{path}']")).to_have_count(1)
    page.locator("#http").scroll_into_view_if_needed()
    screenshot(page, "swagger")
    check_ids(page)
    # Everything unfolded, so that whatever the page's policy forbids comes to light.
    for block in page.locator("#swagger-ui .opblock-summary-control").all():
        block.click()
    page.wait_for_timeout(500)
    page.locator("#swagger-ui section.models .models-control").click()
    for model in page.locator("#swagger-ui section.models .model-container .model-box-control").all():
        model.click()
    page.wait_for_timeout(500)
    for key in openapi["components"]["schemas"]:
        expect(page.locator(f"#model-{key}")).to_have_count(1)
    health = page.locator("#swagger-ui .opblock", has=page.locator("[data-path='/channels']"))
    health.get_by_role("button", name="Try it out").click()
    health.get_by_role("button", name="Execute").click()
    expect(health.locator(".curl-command")).to_be_visible()
    check_ids(page)
    expect(health.locator(".live-responses-table .response-col_status").nth(1)).to_contain_text("200")
    screenshot(page, "swagger-open")
    done(f"Swagger UI shows {operations} operations and {len(openapi['components']['schemas'])} schemas, and carries one out")


def check_phone(browser, complaints):
    context = browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=2, has_touch=True, is_mobile=True)
    page = context.new_page()
    watch(page, complaints)
    page.goto(base + "/docs")
    expect(page.locator("#channels button").first).to_be_visible()
    page.get_by_role("button", name="Subscribe", exact=True).click()
    page.wait_for_function("() => document.getElementById('log').childElementCount > 3")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390, f"the page is {width} pixels wide on a phone of 390"
    screenshot(page, "phone")
    page.locator("#log").scroll_into_view_if_needed()
    screenshot(page, "phone-messages")
    for details in page.locator("#messages details").all():
        details.evaluate("details => { details.open = true }")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390, f"the page is {width} pixels wide on a phone of 390 when all is unfolded"
    for where in ("#messages", "#subscribe-form", "header", "footer"):
        check_words(page, where)
    page.locator("#messages").scroll_into_view_if_needed()
    screenshot(page, "phone-reference")
    context.close()
    done("fits a phone, and breaks no word in the middle")


def main():
    status, headers, _ = get("/docs")
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy, policy
    openapi, asyncapi, channels = (json.loads(get(path)[2]) for path in ("/openapi.json", "/asyncapi.json", "/channels"))
    channel = options.channel or next(entry["name"] for entry in channels["channels"] if not entry["template"])
    complaints = []
    expect.set_options(timeout=15_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1360, "height": 900}, color_scheme="light")
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=base)
        page = context.new_page()
        page.set_default_timeout(15_000)
        watch(page, complaints)
        try:
            check_page(page, channel, openapi, asyncapi)
        except BaseException:
            describe(page, complaints)
            raise
        context.close()
        check_phone(browser, complaints)
        browser.close()
    assert not complaints, "the browser complains:\n" + "\n".join(complaints)
    done("no errors and no violations of the policy in the browser")


def describe(page, complaints):
    """For the reader of a failure: what the page said, and what the browser complained of until then."""
    print(f"the page is at {page.url}")
    for selector in ("#status", "#status-detail", "#subscriptions", "#channels", "#log > li:first-child"):
        print(f"  {selector}: {' '.join(page.locator(selector).all_inner_texts())!r}")
    print("  complaints:", *complaints or ["none"], sep="\n    ", flush=True)


def check_page(page, channel, openapi, asyncapi):
    page.goto(base + "/")
    assert page.url == base + "/docs", page.url
    check_client(page, channel)
    check_references(page, openapi, asyncapi)
    if options.routes:
        check_reload(page)

    page.emulate_media(color_scheme="dark")
    page.get_by_role("button", name="Subscribe", exact=True).click()
    page.locator("#client").scroll_into_view_if_needed()
    page.wait_for_timeout(800)
    screenshot(page, "dark")
    page.locator("#http").scroll_into_view_if_needed()
    screenshot(page, "dark-swagger")


main()
