#!/bin/sh
# Stands before the real runc, wherever that gets installed, because of two things that a container
# cannot have on a host here: an oom_score_adj below 0 (no CAP_SYS_RESOURCE) and limits on huge
# pages (the machine's kernel mounts no such controller). containerd and CRI-O find it on the PATH.
set -eu

main() {
  bundle=. makes='' before=''
  for word in "$@"; do
    case $before in
      -b | --bundle) bundle=$word ;;
    esac
    case $word in
      --bundle=*) bundle=${word#*=} ;;
      create | run) makes=yes ;;
    esac
    before=$word
  done

  # -z: the whole file is one line, however it was laid out.
  if [ -n "$makes" ] && [ -f "$bundle/config.json" ]; then
    sed -z -E -i "$bundle/config.json" \
      -e 's/("oomScoreAdj":[[:space:]]*)-[0-9]+/\10/g' \
      -e 's/("hugepageLimits":[[:space:]]*\[)[^]]*/\1/g'
  fi

  for runc in /usr/sbin/runc /usr/bin/runc; do
    [ ! -x "$runc" ] || exec "$runc" "$@"
  done
  echo "$0: no runc is installed on this host" >&2
  exit 127
}

main "$@"
