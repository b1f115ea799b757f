#!/bin/sh
# The static library as one object whose only global symbols are those that the public headers declare: the rest is
# hidden (-fvisibility=hidden), so that a linker keeps it inside a shared library; here it becomes local.
# usage: localize.sh INPUT.a OUTPUT.a LD OBJCOPY AR
set -e
object="$2.o"
"$3" -r --whole-archive "$1" -o "$object"
"$4" --localize-hidden --wildcard --keep-global-symbol='strata_*' "$object"
rm -f "$2"
"$5" rcs "$2" "$object"
rm -f "$object"
