#!/bin/bash
# Runs the tests under a sanitizer: Tests/Sanitizers/run.sh thread|address [FILTER]
#
# Ends with 1 when a test fails or the sanitizer has anything to report, also about the programs that tests start; the
# reports are in .build-tsan/reports or .build-asan/reports.
set -euo pipefail

mode="${1:?usage: Tests/Sanitizers/run.sh thread|address [FILTER]}"
filter="${2:-.}"
root="$(cd "$(dirname "$0")/../.." && pwd)"
cd "$root"
case "$mode" in
  thread) scratch=.build-tsan ;;
  address) scratch=.build-asan ;;
  *) echo "usage: Tests/Sanitizers/run.sh thread|address [FILTER]" >&2; exit 64 ;;
esac
reports="$root/$scratch/reports"

swift build --build-tests --sanitize="$mode" --scratch-path "$scratch"
rm -rf "$reports"
mkdir -p "$reports"

if [ "$mode" = thread ]; then
  clang="$(dirname "$(readlink -f "$(command -v swift)")")/clang"
  "$clang" -std=c11 -Wall -Wextra -Werror -O1 -shared -fPIC -o "$scratch/threads.so" Tests/Sanitizers/*.c -lpthread -ldl
  export TSAN_OPTIONS="log_path=$reports/report:suppressions=$root/Tests/Sanitizers/thread.supp:${TSAN_OPTIONS:-}"
  preload="$root/$scratch/threads.so"
else
  # What Swift keeps for the length of the process looks like a leak.
  export ASAN_OPTIONS="log_path=$reports/report:suppressions=$root/Tests/Sanitizers/address.supp:detect_leaks=0:${ASAN_OPTIONS:-}"
  preload=""
fi

program="$(swift build --show-bin-path --sanitize="$mode" --scratch-path "$scratch")/patchbayPackageTests.xctest"
# Programs this slow leave each other no time, so tests with brokers, sockets and browsers run one by one.
live="PatchbayKafkaTests PatchbayHTTPTests PatchbayRuntimeTests EndToEndTests"
status=0
run() { LD_PRELOAD="$preload" "$program" --testing-library swift-testing "$@" || status=$?; }
if [ "$filter" != . ]; then
  run --filter "$filter"
else
  run --skip "${live// /|}"
  for target in $live; do run --no-parallel --filter "^$target\\."; done
fi
if compgen -G "$reports/report*" > /dev/null; then
  grep -h "^SUMMARY" "$reports"/report* | sort | uniq -c >&2
  echo "reports are in $reports" >&2
  status=1
fi
exit "$status"
