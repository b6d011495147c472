#!/bin/sh
# Puts wasmtime's library into vendor/, from a pinned package whose hash is checked. Does nothing when it is there already.
# `make setup` calls this; without it the program builds and runs all the same, and a WebAssembly plugin is a finding that says so.
set -eu

version=50.0.1
case $(uname -m) in
    x86_64) hash=cc14c3a17654e0394e0225b11813532ef0cd7bd1e222a0c5494cdedaabeddac4 library=wasmtime/linux-x86_64/_libwasmtime.so ;;
    aarch64) hash=675484e525c028dc02762b777f1db4477ea70caa3fec6775426daff4d64edfb1 library=wasmtime/linux-aarch64/_libwasmtime.so ;;
    *)
        echo "wasmtime for WebAssembly plugins: there is no package for $(uname -m); going on without it"
        exit 0
        ;;
esac

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
vendor=$here/vendor
stamp="wasmtime $version $hash"
[ "$(cat "$vendor/stamp" 2>/dev/null)" = "$stamp" ] && exit 0

fail() {
    echo "wasmtime for WebAssembly plugins: $1" >&2
    exit 69
}

command -v python3 >/dev/null || fail "python3 is needed to fetch it; please install python3 and python3-pip"
python3 -m pip --version >/dev/null 2>&1 || fail "pip is needed to fetch it; please install python3-pip"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
printf 'wasmtime==%s --hash=sha256:%s\n' "$version" "$hash" >"$work/requirements.txt"
echo "fetching wasmtime $version"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
    --requirement "$work/requirements.txt" --dest "$work" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    fail "the package can't be had: see above. Offline, point PIP_FIND_LINKS at a folder with its wheel."
}

python3 - "$work" "$library" "$vendor" <<'PYTHON' || fail "the package is not as expected"
import os, pathlib, sys, zipfile

work, library, vendor = sys.argv[1:]
(wheel,) = pathlib.Path(work).glob("*.whl")
target = pathlib.Path(vendor)
with zipfile.ZipFile(wheel) as archive:
    # In its place at once: a program that runs may have the one before in its memory.
    (target / "new").write_bytes(archive.read(library))
    (target / "new").chmod(0o755)
    os.replace(target / "new", target / "libwasmtime.so")
    (license,) = [name for name in archive.namelist() if name.endswith("/LICENSE")]
    (target / "wasmtime.LICENSE.txt").write_bytes(archive.read(license))
PYTHON

printf '%s\n' "$stamp" >"$vendor/stamp"
