
# --- in the background: the members serve while a backup is made ------------------------------------
#
# Priorities do not reach far enough: etcd itself sends the snapshot, and a disk that was given a whole database
# writes that before the next line of etcd's log. With two processors the slowest hundredth of all writes took four
# to five times as long. So what the timer starts works in turns of a few milliseconds, and what it writes goes to the
# disk as it comes.

readonly AT_WORK_SECONDS=0.005 AT_REST_SECONDS=0.045
readonly STEADY_BYTES=$((16 * 1024 * 1024)) # what is smaller is done before it is felt
readonly STEADY_TIMES=12 STEADY_BYTES_A_SECOND=$((3 * 1024 * 1024)) # a run takes longer by that; and gets on so fast
readonly FALLBACK_SECONDS=600
BACKGROUND='' # where nobody waits for the run
STEADY=''

# steadily_from BYTES : in turns, where as many are about to be handled, and nobody waits for it.
steadily_from() {
  [[ -n $BACKGROUND && -z $STEADY ]] && (($1 > STEADY_BYTES)) || return 0
  STEADY=yes
  SNAPSHOT_SECONDS=$((SNAPSHOT_SECONDS * STEADY_TIMES)) ALONE_SECONDS=$((ALONE_SECONDS * STEADY_TIMES))
}

# [INTO=FILE] gently COMMAND… : a program or a function, behind everything else that this host has to do; FILE is what
# it writes.
gently() {
  local file=${INTO-} pid idle children turns=0
  if [[ -z $STEADY ]]; then
    (
      step_back
      "$@"
    )
    return
  fi
  # (A byte a second: up to bash 5.1 an alarm that comes just before `read` is lost, which would then wait for ever.)
  exec {idle}< <(exec 9>&- 2>/dev/null && while sleep 1 && echo; do :; done)
  set -m # in a process group of its own: where this program is killed, the kernel ends one that is stopped (SIGHUP)
  (
    step_back
    "$@"
  ) <&0 &
  pid=$!
  set +m
  while
    read -r -t "$AT_WORK_SECONDS" -u "$idle"
    # (`timeout` has a group of its own.)
    children=''
    read -r children 2>/dev/null <"/proc/$pid/task/$pid/children"
    signal STOP "$pid" "$children"
  do
    if [[ -n $file ]] && ((++turns % 4 == 0)); then
      timeout -k 5 "$LIST_SECONDS" sync -d "$file" 2>/dev/null || true # (a share whose server is gone never answers)
    fi
    read -r -t "$AT_REST_SECONDS" -u "$idle" || true
    signal CONT "$pid" "$children" || true
  done
  exec {idle}>&-
  wait "$pid"
}
step_back() {
  renice -n 19 -p "$BASHPID" >/dev/null 2>&1 || true
  ionice -c 3 -p "$BASHPID" 2>/dev/null || true
}
signal() { # SIGNAL PID CHILDREN : to its process group, and to those of its children. Fails where it has ended
  local child
  for child in $3; do kill "-$1" -- "-$child" 2>/dev/null || true; done
  kill "-$1" -- "-$2" 2>/dev/null
}

# fallback_seconds INTERVAL BYTES : how long the others wait for the leader's backup of a database of that size.
fallback_seconds() {
  local wait=$((${1:-3600} / 6 + 1)) size
  size=$(printf %.0f "${2:-0}" 2>/dev/null) || size=0 # as metrics have it: 6.29e+08
  ((wait > 10)) || wait=10 # it takes the leader seconds, whatever the schedule
  ((wait < FALLBACK_SECONDS)) || wait=$FALLBACK_SECONDS
  if ((size > STEADY_BYTES)); then wait=$((wait + size / STEADY_BYTES_A_SECOND)); fi
  echo "$wait"
}
