#!/bin/sh
# Puts Swagger UI into vendor/, from a pinned package whose hash is checked. Does nothing when it is there already.
# `make setup` calls this; without it the program builds all the same, and /docs says that Swagger UI is missing.
set -eu

version=1.1.0
hash=f7526f7bb99923e10594c54247265839bec97e96b0438561ac86faf40d40dd57
# The newest Swagger UI that this version of the package has.
folder=swagger_ui_bundle/vendor/swagger-ui-4.15.5

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
vendor=$here/vendor
stamp="swagger-ui-bundle $version $hash"
[ "$(cat "$vendor/stamp" 2>/dev/null)" = "$stamp" ] && exit 0

fail() {
    echo "Swagger UI for /docs: $1" >&2
    exit 69
}

command -v python3 >/dev/null || fail "python3 is needed to fetch it; please install python3 and python3-pip"
python3 -m pip --version >/dev/null 2>&1 || fail "pip is needed to fetch it; please install python3-pip"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
printf 'swagger-ui-bundle==%s --hash=sha256:%s\n' "$version" "$hash" >"$work/requirements.txt"
echo "fetching Swagger UI (swagger-ui-bundle $version)"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
    --requirement "$work/requirements.txt" --dest "$work" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    fail "the package can't be had: see above. Offline, point PIP_FIND_LINKS at a folder with its wheel."
}

python3 - "$work" "$folder" "$vendor" <<'PYTHON' || fail "the package is not as expected"
import pathlib, sys, zipfile

work, folder, vendor = sys.argv[1:]
(wheel,) = pathlib.Path(work).glob("*.whl")
target = pathlib.Path(vendor)
target.mkdir(exist_ok=True)
with zipfile.ZipFile(wheel) as archive:
    # Source maps are not served, so browsers' tools must not be told to ask for them.
    for name, mark in ("swagger-ui-bundle.js", b"\n//# sourceMappingURL="), ("swagger-ui.css", b"\n/*# sourceMappingURL="):
        (target / name).write_bytes(archive.read(f"{folder}/{name}").partition(mark)[0] + b"\n")
    (license,) = [name for name in archive.namelist() if name.endswith(".dist-info/LICENSE")]
    (target / "swagger-ui.LICENSE.txt").write_bytes(archive.read(license))
PYTHON

# A build tool that saw no vendor files before would not know that it has to compile this again.
touch "$here/assets.c"
printf '%s\n' "$stamp" >"$vendor/stamp"
