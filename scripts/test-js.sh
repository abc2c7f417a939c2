#!/bin/sh
# Tests of browser code that need no browser, with Node's own test runner (Node 18 or later).
set -eu

files=$(find tests/js -name '*.test.js' -o -name '*.test.mjs' | sort)
[ -n "$files" ] || exit 0
if ! node --test --help >/dev/null 2>&1; then
    echo "Skipped: the tests in tests/js need Node.js 18 or later (apt install nodejs)"
    exit 0
fi
exec node --test --test-reporter=spec $files
