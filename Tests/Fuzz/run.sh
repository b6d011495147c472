#!/bin/bash
# Fuzzes the loader of routes.yaml: Tests/Fuzz/run.sh SECONDS
# Inputs that reach something new are collected in .build/fuzz/corpus; one that crashes, hangs, takes too much memory or
# gets an answer that can't be right is left in .build/fuzz/findings, and the script ends with 1.
# Tests/Fuzz/run.sh minimize copies the smallest set of inputs that reaches as much to .build/fuzz/minimized.
set -euo pipefail

mode="${1:?usage: Tests/Fuzz/run.sh SECONDS|minimize}"
root="$(cd "$(dirname "$0")/../.." && pwd)"
work="$root/.build/fuzz"
mkdir -p "$work/corpus" "$work/findings"

# Address checks where the toolchain has them.
sanitizers="fuzzer,address"
probe="$work/probe.swift"
echo '@_cdecl("LLVMFuzzerTestOneInput") public func probe(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt { 0 }' > "$probe"
swiftc -parse-as-library -sanitize=$sanitizers "$probe" -o "$work/probe" 2>/dev/null || sanitizers="fuzzer"
rm -f "$work/probe" "$probe"

sources=("$root"/Sources/PatchbayAPI/*.swift)
mapfile -t config < <(find "$root/Sources/PatchbayConfig" -name '*.swift' | sort)
harness=("$root/Tests/Fuzz/Harness.swift" "$root/Tests/PatchbayConfigTests/FuzzTarget.swift"
  "$root/Tests/PatchbayConfigTests/FuzzTransformers.swift")
fingerprint="$(cat "${sources[@]}" "${config[@]}" "${harness[@]}" "$0" | sha256sum)"
if [ ! -x "$work/fuzzer" ] || [ "$(cat "$work/fingerprint" 2>/dev/null)" != "$fingerprint" ]; then
  echo "building the fuzzer ($sanitizers)"
  cd "$work"
  flags=(-O -wmo -swift-version 6 -package-name patchbay -parse-as-library -sanitize=$sanitizers
    -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility)
  swiftc "${flags[@]}" -module-name PatchbayAPI -emit-module -c -o PatchbayAPI.o "${sources[@]}"
  swiftc "${flags[@]}" -module-name PatchbayConfig -I . -I "$root/Sources/CLibYAML" -emit-module -c -o PatchbayConfig.o \
    "${config[@]}"
  swiftc "${flags[@]}" -module-name Harness -I . -I "$root/Sources/CLibYAML" -o fuzzer "${harness[@]}" PatchbayAPI.o \
    PatchbayConfig.o -lyaml 2> >(grep -v "Cannot export local symbol '__asan" >&2 || true)
  echo "$fingerprint" > fingerprint
fi

# Leaks are not looked for: what Swift keeps for the length of the process looks like one.
export ASAN_OPTIONS="detect_leaks=0:${ASAN_OPTIONS:-}"
limits=(-timeout=10 -rss_limit_mb=2048 -max_len=16384 -artifact_prefix="$work/findings/")
cd "$work"
if [ "$mode" = minimize ]; then
  rm -rf minimized
  mkdir minimized
  exec ./fuzzer -merge=1 -use_counters=0 "${limits[@]}" minimized "$root/Tests/Fuzz/corpus" corpus
fi

status=0
./fuzzer "${limits[@]}" -max_total_time="$mode" -dict="$root/Tests/Fuzz/dictionary" -print_final_stats=1 \
  corpus "$root/Tests/Fuzz/corpus" 2> log || status=$?
grep -E "^Done|^stat::" log || true
if [ $status -ne 0 ]; then
  echo "the input that failed is in $work/findings; the whole log is $work/log:" >&2
  grep -E "Fatal error|ERROR|SUMMARY|Test unit written" log >&2 || true
  exit 1
fi
