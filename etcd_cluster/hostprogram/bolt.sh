
# --- what a database says of itself ----------------------------------------------------------------
#
# The file is one of bbolt: https://github.com/etcd-io/bbolt (internal/common/page.go, meta.go, bucket.go). The first
# two pages say where the bucket of all buckets is, the newer one counts. A page begins with 16 bytes (flags at 8,
# number of elements at 10), and then come 16 bytes for each element of a leaf: flags, and where its key is from there,
# how long that is, and how long the value behind it is.

readonly BOLT_MAGIC=$((0xED0CDAED)) BOLT_LEAF=2 BOLT_META=4

# number FILE OFFSET BYTES : an unsigned number there; fails where there is none.
number() {
  local found
  found=$(od -An --endian=little -v -t "u$3" -j "$2" -N "$3" "$1" 2>/dev/null) && [[ $found =~ ^\ *[0-9]+$ ]] &&
    echo $((found))
}

# leaf_value FILE OFFSET KEY : where the value of this key is in the leaf there, and its length; nothing where the leaf
# has no such key. Fails where that is no leaf.
leaf_value() {
  local count index element at size
  [[ $(number "$1" $(($2 + 8)) 2) == "$BOLT_LEAF" ]] && count=$(number "$1" $(($2 + 10)) 2) || return 1
  for ((index = 0; index < count; index++)); do
    element=$(($2 + 16 + 16 * index))
    at=$(number "$1" $((element + 4)) 4) && size=$(number "$1" $((element + 8)) 4) || return 1
    ((size == ${#3})) || continue
    [[ $(bytes_at "$1" $((element + at)) "$size") == "$3" ]] || continue
    echo $((element + at + size)) "$(number "$1" $((element + 12)) 4)"
    return
  done
}
bytes_at() { dd if="$1" bs=1 skip="$2" count="$3" status=none 2>/dev/null | tr -d '\0'; } # FILE OFFSET BYTES

# database_version FILE : MAJOR.MINOR that the bucket `meta` has; nothing where it has none, as in one of etcd 3.5.
# Fails where that cannot be read.
database_version() {
  local page at size found root='' newest=-1 counter offset
  [[ $(number "$1" 8 2) == "$BOLT_META" && $(number "$1" 16 4) == "$BOLT_MAGIC" ]] || return 1
  page=$(number "$1" 24 4) || return 1
  for offset in 0 "$page"; do
    [[ $(number "$1" $((offset + 16)) 4) == "$BOLT_MAGIC" ]] || continue
    counter=$(number "$1" $((offset + 64)) 8) || return 1
    if ((counter > newest)); then newest=$counter root=$(number "$1" $((offset + 32)) 8) || return 1; fi
  done
  found=$(leaf_value "$1" $((root * page)) meta) && read -r at size <<<"$found" && [[ -n $at ]] || return 1
  root=$(number "$1" "$at" 8) || return 1
  # (A small bucket lies within its own element.)
  if ((root)); then at=$((root * page)); else at=$((at + 16)); fi
  found=$(leaf_value "$1" "$at" storageVersion) || return 1
  [[ -n $found ]] || return 0
  read -r at size <<<"$found"
  found=$(bytes_at "$1" "$at" "$size")
  [[ $found =~ ^([0-9]{1,2}\.[0-9]{1,2})\. ]] && echo "${BASH_REMATCH[1]}"
}
