#!/bin/sh
# make-venv.sh FOLDER: a virtual environment, made with the first Python of 3.11 or later that is found.
# PYTHON=... chooses one.
set -eu

venv=$1
candidates=${PYTHON:-"python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3"}

for python in $candidates; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        found=$python
        break
    fi
done

if [ -z "${found:-}" ]; then
    echo "Macrochat needs Python 3.11 or later; this machine has $(python3 --version 2>/dev/null || echo none)." >&2
    echo "Install one (Debian 12 or later, Ubuntu 24.04 or later: apt install python3 python3-venv), or say where it is: make PYTHON=/path/to/python3.12" >&2
    exit 1
fi

if ! "$found" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "$found cannot make virtual environments: a part of it is missing." >&2
    echo "On Debian and Ubuntu: apt install python3-venv" >&2
    exit 1
fi

# A folder that an interrupted start left half made is made anew.
"$found" -m venv --clear "$venv"
