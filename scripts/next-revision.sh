#!/bin/sh
# The number of the next migration: 0001, 0002 … so that their order can be read.
last=$(ls migrations/versions/[0-9]*.py 2>/dev/null | sed 's|.*/0*\([0-9]*\)_.*|\1|' | sort -n | tail -1)
printf '%04d\n' $((${last:-0} + 1))
