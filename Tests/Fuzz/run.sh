#!/bin/bash
# Fuzzes what takes bytes from outside: Tests/Fuzz/run.sh SECONDS [TARGET...]
#
#   config   the loader of routes.yaml
#   records  each transformer that ships, with records and keys
#   plugins  what plugins say: descriptions, verdicts, the headers of libraries
#
# All of them when none is named, one after the other. Inputs that reach something new are collected in
# .build/fuzz/TARGET/corpus; one that crashes, hangs, takes too much memory or gets an answer that can't be right is left in
# .build/fuzz/TARGET/findings, and the script ends with 1.
# Tests/Fuzz/run.sh minimize TARGET copies the smallest set of inputs that reaches as much to .build/fuzz/TARGET/minimized.
set -euo pipefail

usage() { sed -n 's/^# //p' "$0" | head -1 >&2; exit 64; }
mode="${1:-}"
[[ "$mode" =~ ^([0-9]+|minimize)$ ]] || usage
shift
targets=("${@:-config records plugins}")
read -ra targets <<< "${targets[*]}"
root="$(cd "$(dirname "$0")/../.." && pwd)"
work="$root/.build/fuzz"
mkdir -p "$work"

# Address checks where the toolchain has them.
sanitizers="fuzzer,address"
probe="$work/probe.swift"
echo '@_cdecl("LLVMFuzzerTestOneInput") public func probe(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt { 0 }' > "$probe"
swiftc -parse-as-library -sanitize=$sanitizers "$probe" -o "$work/probe" 2>/dev/null || sanitizers="fuzzer"
rm -f "$work/probe" "$probe"
c_sanitizers="-fsanitize=${sanitizers/fuzzer/fuzzer-no-link}"
clang="$(dirname "$(readlink -f "$(command -v swiftc)")")/clang"

# module NAME FILES...: compiles a module, with what was compiled before.
module() {
  local name="$1"
  shift
  swiftc "${flags[@]}" -module-name "$name" -emit-module -enable-testing -c -o "$name.o" "$@"
  objects+=("$name.o")
}

# c_module NAME: compiles a target in C or C++, and says where its headers are.
c_module() {
  local name="$1" include="$root/Sources/$1/include" file
  mkdir -p "$name"
  { echo "module $name {"; printf '    header "%s"\n' "$include"/*.h; echo "    export *"; echo "}"; } > "$name/module.modulemap"
  flags+=(-I "$name")
  for file in "$root/Sources/$name"/*.c*; do
    case "$file" in
      *.cpp) "$clang++" -std=c++17 -O2 "$c_sanitizers" -I "$include" -c -o "$name-$(basename "$file").o" "$file" ;;
      *) "$clang" -O2 "$c_sanitizers" -I "$include" -c -o "$name-$(basename "$file").o" "$file" ;;
    esac
    objects+=("$name-$(basename "$file").o")
  done
}

sources() { find "$root/$1" -name '*.swift' -not -path '*/Fixtures/*' | sort; }

# Compiles the fuzzer of a target into the current folder.
build() {
  flags=(-O -wmo -swift-version 6 -package-name patchbay -parse-as-library -sanitize=$sanitizers -I .
    -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility)
  objects=()
  local libraries=(-lsimdjson -lstdc++) harness=("$root/Tests/Fuzz/Harness.swift") folder
  module PatchbayAPI $(sources Sources/PatchbayAPI)
  c_module CSimdJSON
  module PatchbayJSON $(sources Sources/PatchbayJSON)
  module TransformerTestSupport $(sources Tests/Support/TransformerTestSupport)
  case "$1" in
    config)
      flags+=(-I "$root/Sources/CLibYAML")
      module PatchbaySettings $(sources Sources/PatchbaySettings)
      module PatchbayConfig $(sources Sources/PatchbayConfig)
      harness+=("$root/Tests/PatchbayConfigTests/FuzzTarget.swift" "$root/Tests/PatchbayConfigTests/FuzzTransformers.swift")
      libraries+=(-lyaml)
      ;;
    records)
      flags+=(-I "$root/Sources/CLibJQ")
      c_module CJQBounds
      for folder in TokenTransformer TradeTransformer AggregateTransformer GenericTransformers; do
        module "$folder" $(sources "Plugins/$folder")
      done
      harness+=("$root/Tests/GenericTransformersTests/FuzzedSteps.swift" "$root/Tests/GenericTransformersTests/FuzzTarget.swift")
      libraries+=(-ljq)
      ;;
    plugins)
      c_module CPatchbayPlugin
      module Logging $(sources .build/checkouts/swift-log/Sources/Logging)
      module PatchbayPlugins $(sources Sources/PatchbayPlugins)
      harness+=("$root/Tests/PatchbayPluginsTests/FuzzTarget.swift")
      ;;
  esac
  swiftc "${flags[@]}" -module-name Harness -o fuzzer "${harness[@]}" "${objects[@]}" "${libraries[@]}" \
    2> >(grep -v "Cannot export local symbol '__asan" >&2 || true)
}

# Leaks are not looked for: what Swift keeps for the length of the process looks like one.
export ASAN_OPTIONS="detect_leaks=0:${ASAN_OPTIONS:-}"
fingerprint="$(cd "$root" && find Sources Plugins Tests/Fuzz Tests/Support Tests/*Tests -type f \
  \( -name '*.swift' -o -name '*.c*' -o -name '*.h*' -o -name run.sh \) -print0 | sort -z | xargs -0 cat | sha256sum)"
status=0
for target in "${targets[@]}"; do
  case "$target" in config | records | plugins) ;; *) usage ;; esac
  seeds="$root/Tests/Fuzz/$target"
  mkdir -p "$work/$target/corpus" "$work/$target/findings"
  cd "$work/$target"
  if [ ! -x fuzzer ] || [ "$(cat fingerprint 2>/dev/null)" != "$fingerprint" ]; then
    [ "$target" != plugins ] || [ -d "$root/.build/checkouts/swift-log" ] || swift package --package-path "$root" resolve
    echo "building the fuzzer of $target ($sanitizers)"
    build "$target"
    echo "$fingerprint" > fingerprint
  fi
  limits=(-timeout=10 -rss_limit_mb=2048 -max_len=16384 -artifact_prefix="$work/$target/findings/")
  if [ "$mode" = minimize ]; then
    rm -rf minimized
    mkdir minimized
    ./fuzzer -merge=1 -use_counters=0 "${limits[@]}" minimized "$seeds" corpus
    continue
  fi
  failed=0
  ./fuzzer "${limits[@]}" -max_total_time="$mode" -dict="$root/Tests/Fuzz/$target.dictionary" -print_final_stats=1 \
    corpus "$seeds" 2> log || failed=$?
  grep -E "^Done|^stat::(number|average|new|peak)" log || true
  if [ $failed -ne 0 ]; then
    echo "the input that failed is in $work/$target/findings; the whole log is $work/$target/log:" >&2
    grep -E "Fatal error|ERROR|SUMMARY|Test unit written" log >&2 || true
    status=1
  fi
done
exit $status
