#!/bin/sh
# The static library as one object in which every symbol but strata_* is local.
# usage: localize.sh INPUT.a OUTPUT.a LD OBJCOPY AR
set -e
object="$2.o"
"$3" -r --whole-archive "$1" -o "$object"
"$4" --wildcard --keep-global-symbol='strata_*' "$object"
rm -f "$2"
"$5" rcs "$2" "$object"
rm -f "$object"
