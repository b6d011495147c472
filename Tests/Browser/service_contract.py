#!/usr/bin/env python3
"""Has schemathesis hold a running server to its own OpenAPI document.

    service_contract.py BASE [--max-examples N] [--seed N]

BASE is the clients' port, such as http://localhost:8080. Generated requests go to every endpoint of that port; what comes
back must be as documented. Of the WebSocket's address only the refusals are looked at, since schemathesis takes a 101 for
an error of the server. Exits with 0 when all is as documented. Needs what requirements.txt names.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ENDPOINT_PHASES = "examples,coverage,fuzzing"

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("base")
arguments.add_argument("--max-examples", type=int, default=25)
arguments.add_argument("--seed", type=int, default=1)
options = arguments.parse_args()
base = options.base.rstrip("/")


def run(folder, *more):
    """One run; returns whether nothing was found, and the report."""
    report = pathlib.Path(folder, f"{len(os.listdir(folder))}.har")
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", base, "--max-examples", str(options.max_examples),
        "--seed", str(options.seed), "--phases", ENDPOINT_PHASES, "--generation-database", "none", "--no-color",
        "--continue-on-failure", "--report", "har", "--report-har-path", str(report), "--request-timeout", "10", *more,
    ]  # fmt: skip
    # Nothing but this server is asked, whatever proxies there are.
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    finished = subprocess.run(command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if finished.returncode != 0:
        print(finished.stdout)
        return False, []
    entries = json.loads(report.read_text())["log"]["entries"]
    return True, [(entry["request"]["method"], entry["request"]["url"], entry["response"]["status"]) for entry in entries]


def wait_until_ready():
    """Before that, a documented 503 would be taken for an error of the server."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return urllib.request.urlopen(base + "/health/ready", timeout=5).close()
        except urllib.error.HTTPError as answer:
            if time.monotonic() > deadline:
                sys.exit(f"the server doesn't get ready: {answer.read().decode()}")
            time.sleep(0.1)


def main():
    wait_until_ready()
    with urllib.request.urlopen(base + "/openapi.json") as answer:
        text = answer.read()
    document = json.loads(text)
    sockets = [path for path, item in document["paths"].items() if "101" in item.get("get", {}).get("responses", {})]
    assert len(sockets) == 1, sockets
    with tempfile.TemporaryDirectory() as folder:
        # From a file: schemathesis leaves out the address that it has the document from.
        pathlib.Path(folder, "openapi.json").write_bytes(text)
        endpoints_fine, requests = run(folder, "--exclude-tag", "Admin", "--exclude-path", sockets[0])
        # Without an upgrade all of these are to be refused, valid or not.
        upgrades_fine, refusals = run(
            folder, "--include-path", sockets[0], "--header", "Connection: close",
            "--exclude-checks", "positive_data_acceptance,negative_data_rejection,missing_required_header",
        )  # fmt: skip
    if not (endpoints_fine and upgrades_fine):
        sys.exit("the server and its OpenAPI document disagree, see above")
    for path, item in document["paths"].items():
        if path in sockets or "servers" in item:
            continue
        pattern = re.compile(re.escape(base) + re.sub(r"\\\{.*?\\\}", ".+", re.escape(path)) + r"(\?.*)?")
        answered = {status for method, url, status in requests if method == "GET" and pattern.fullmatch(url)}
        assert answered, f"nothing was sent to {path}"
        print(f"ok  GET {path}: {', '.join(map(str, sorted(answered)))}")
    statuses = {status for _, _, status in refusals}
    assert statuses and min(statuses) >= 400, statuses
    print(f"ok  GET {sockets[0]} without an upgrade: {', '.join(map(str, sorted(statuses)))}")
    print(f"ok  {len(requests) + len(refusals)} requests")


main()
