#!/bin/sh
# Programs outside of Python that the tests use: installs what is missing where it may (root, or sudo without a
# password, with apt-get), and otherwise says what is missing. Never fails: tests that need a missing program are
# skipped and say so.
set -u

missing=
wanted="chromium:chromium node:nodejs curl:curl"
if [ "${CI:-}" = true ]; then
    wanted="$wanted nginx:nginx" # not unasked on somebody's own machine, where Debian would start it as a service
fi
for pair in $wanted; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || [ -x "/usr/sbin/${pair%%:*}" ] || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    as_root="sudo -n"
fi

if command -v apt-get >/dev/null 2>&1 && $as_root true 2>/dev/null; then
    echo "Installing for the tests:$missing"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    { $as_root apt-get -qq update && $as_root apt-get -qq install -y --no-install-recommends $missing; } >"$log" 2>&1 && exit 0
    tail -5 "$log"
fi
echo "These packages are missing, and the tests that use them will be skipped:$missing"
echo "To install them: sudo apt-get install$missing"
exit 0
