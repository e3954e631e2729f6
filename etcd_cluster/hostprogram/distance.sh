
# --- how far away the other members are ----------------------------------------------------------

readonly PEER_PORT=2380 CONNECTS=5

# peer_round_trips ADDRESS… : the fewest microseconds that a packet took to each of these members and back, as
# the kernel timed them on the connections that etcd has with it: a busy host adds nothing, and a dead one is
# not waited for. Of several connections the one in the middle: where little is sent, the kernel keeps a time
# from when the way was shorter, and one that is new may be slow. What nothing was sent on for a minute is left
# out. (Dialing would make etcd there complain of each connection in its log.)
peer_round_trips() {
  local found=''
  if type -P ss >/dev/null; then
    found=$(ss -tinH "( sport = :$PEER_PORT or dport = :$PEER_PORT )" 2>/dev/null | awk -v wanted="$*" '
      $1 ~ /^[A-Z]/ { peer = $5; sub(/:[0-9]+$/, "", peer); gsub(/[][]/, "", peer); sub(/^::ffff:/, "", peer) }
      match($0, / lastsnd:[0-9]+/) && substr($0, RSTART + 9, RLENGTH - 9) + 0 > 60000 { next }
      match($0, / minrtt:[0-9.]+/) {
        took = substr($0, RSTART + 8, RLENGTH - 8) * 1000
        for (at = ++known[peer]; at > 1 && took < times[peer, at - 1]; at--) times[peer, at] = times[peer, at - 1]
        times[peer, at] = took
      }
      END {
        count = split(wanted, each, " ")
        for (n = 1; n <= count; n++)
          if (each[n] in known) printf " %s=%.0f", each[n], times[each[n], int((known[each[n]] + 1) / 2)]
      }') || found=''
  fi
  echo "round-trips:$found"
}

# dialed_round_trips ADDRESS… : the same where there are no such connections yet. A refusal comes as quickly as
# a connection. It is the fewest of several, less what dialing takes within this host: so neither the start of
# a process nor a busy host counts as a way.
dialed_round_trips() {
  local folder address own least found=''
  folder=$(mktemp -d)
  for address in 127.0.0.1 "$@"; do
    connect_times "$address" >"$folder/$address" 2>"$folder/$address.said" &
  done
  cut_off 20
  own=$(fewest "$folder/127.0.0.1")
  for address in "$@"; do
    ! grep -v ': Connection refused$' "$folder/$address.said" >/dev/null || continue
    least=$(fewest "$folder/$address")
    [[ -z $least ]] || found+=" $address=$((least > ${own:-0} ? least - ${own:-0} : 0))"
  done
  rm -rf "$folder"
  echo "round-trips:$found"
}

connect_times() { # ADDRESS
  local tries begin end
  for ((tries = 0; tries < CONNECTS; tries++)); do
    now_us begin
    { : <>"/dev/tcp/$1/$PEER_PORT"; } || true
    now_us end
    echo $((end - begin))
  done
}

fewest() { sort -n "$1" | head -n 1; }

# cut_off TWENTIETHS : waits for this shell's jobs for so many twentieths of a second, and ends those that are
# still at it: CUT has their process ids. (Of this signal bash says nothing.)
CUT=()
cut_off() {
  local tries pid
  CUT=()
  for ((tries = 0; tries < $1; tries++)); do
    [[ -n $(jobs -rp) ]] || break
    sleep 0.05
  done
  for pid in $(jobs -rp); do
    kill -PIPE "$pid" 2>/dev/null && CUT+=("$pid")
  done
  wait || true
}
