#!/bin/sh
# Programs outside of Python that the tests use: installs what is missing where it may (root, or sudo without a
# password, with apt-get), and otherwise says what is missing. Never fails: tests that need a missing program are
# skipped and say so. Of those that are servers (nginx, PgBouncer, Caddy) only the programs are wanted: none is started,
# now or when the machine is.
set -u

SERVERS="nginx pgbouncer caddy"
missing=
services=
for pair in chromium:chromium node:nodejs curl:curl nginx:nginx-light pgbouncer:pgbouncer caddy:caddy; do
    program=${pair%%:*}
    command -v "$program" >/dev/null 2>&1 || [ -x "/usr/sbin/$program" ] && continue
    missing="$missing ${pair#*:}"
    case " $SERVERS " in *" $program "*) services="$services $program" ;; esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    as_root="sudo -n"
fi

# What Debian asks before it starts a service: 101 is "no". Somebody's own answer stays.
POLICY=/usr/sbin/policy-rc.d
forbid_starts() {
    [ -e "$POLICY" ] && return
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$POLICY" >/dev/null && $as_root chmod 755 "$POLICY"
    trap '$as_root rm -f "$POLICY"' EXIT INT TERM HUP
}

install() {
    $as_root apt-get -qq update || return
    [ -z "$services" ] || forbid_starts
    # One by one: a distribution that lacks one of them has the others.
    for package in $missing; do
        $as_root apt-get -qq install -y --no-install-recommends "$package" || failed="$failed $package"
    done
    for service in $services; do
        if command -v systemctl >/dev/null 2>&1; then $as_root systemctl disable "$service" || true; fi
    done
}

failed=
if command -v apt-get >/dev/null 2>&1 && $as_root true 2>/dev/null; then
    echo "Installing for the tests:$missing"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    if install >"$log" 2>&1 && [ -z "$failed" ]; then exit 0; fi
    tail -5 "$log"
    missing=${failed:-$missing}
fi
echo "These packages are missing, and the tests that use them will be skipped:$missing"
echo "To install them: sudo apt-get install$missing"
exit 0
