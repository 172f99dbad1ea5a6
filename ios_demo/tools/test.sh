#!/usr/bin/env bash
# All that can be compiled and tested of the iOS app on this machine, and a count of it at the end. EXPORT_PIPELINE_PYTHON
# names the Python that has the pipeline's packages (default: .venv of this checkout). More arguments go to `swift test`.
#
# Where there is no Swift and none can be set up, it says SKIPPED with the reason and ends well: nothing has failed, and
# nothing has passed.
set -euo pipefail

demo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$demo/StyleKit"
mkdir -p .build
export STYLEKIT_RESULTS=$demo/StyleKit/.build/results.txt
rm -f "$STYLEKIT_RESULTS"

status=0
../tools/swift.sh --version >.build/version.txt 2>.build/said.txt || status=$?
cat .build/said.txt >&2
if [ "$status" = 77 ]; then
    echo "test-ios: $(grep SKIPPED .build/said.txt)"
    exit 0
fi
[ "$status" = 0 ] || exit "$status"
head -n 1 .build/version.txt

if [ "$(uname -s)" = Linux ]; then
    # Swift 6.0 lacks a symbol in libswiftObservation.so that is called only when a lock fails.
    linker=(-Xlinker --allow-shlib-undefined)
    SWIFT_TOOL=bash ../tools/swift.sh ../tools/typecheck.sh | tee .build/typecheck.txt
else
    linker=()
    echo "types checked: SKIPPED, for Apple's own SDK is here" | tee .build/typecheck.txt
fi

../tools/swift.sh test --disable-swift-testing "${linker[@]}" -Xswiftc -warnings-as-errors "$@" 2>&1 | tee .build/test.txt

awk -v types="$(sed -n 's/types checked: //p' .build/typecheck.txt)" \
    -v compiled="$(find Sources Tests -name '*.swift' | wc -l | tr -d ' ')" '
    /^golden / { count++; margin = $2 - $3; if (worst == "" || $2 < worst) { worst = $2; file = $4 " (" $3 " needed)" } }
    /^skipped / { skipped++; print "SKIPPED", substr($0, 9) }
    FILENAME ~ /test.txt/ && /Executed [0-9]+ tests?/ { tests = $2 }
    END {
        printf "test-ios: files compiled %d, types checked %s, tests run %d, golden pictures compared %d", \
            compiled, types, tests, count
        if (count) printf ", worst PSNR %.2f dB: %s", worst, file
        if (skipped) printf ", %d files SKIPPED", skipped
        print ""
    }' .build/test.txt "$([ -e "$STYLEKIT_RESULTS" ] && echo "$STYLEKIT_RESULTS" || echo /dev/null)"
