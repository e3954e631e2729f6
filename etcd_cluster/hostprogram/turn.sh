
# --- restored members start one after the other ----------------------------------------------------

# await_turn : kubeadm has etcd compare its data with the other members' before it serves (InitialCorruptCheck).
# Those that begin together wait for each other, seven seconds for each (server/etcdserver/corrupt.go); one
# whose peers do not run yet is through at once. So each begins a little after the one before it listens. The
# time that goes into reading the database is its size's. No guard: who does not come is not waited for.
await_turn() {
  local size
  before_me || return 0
  wait_until $((TURN * 4)) listens "$BEFORE_ME" || return 0
  size=$(stat -c %s "$DATA/member/snap/db") || return 0
  sleep $((1 + 2 * size / 1024 ** 3))
}
before_me() { # sets BEFORE_ME, ADDRESS/PORT, and TURN, how many come before; fails for the first
  local pair
  BEFORE_ME='' TURN=0
  while read -r pair; do
    [[ ${pair%%=*} != "${S[member]}" ]] || break
    BEFORE_ME=$(sed -E 's,^[^=]*=https?://\[?([^]]*)\]?:([0-9]+)$,\1/\2,' <<<"$pair")
    TURN=$((TURN + 1))
  done < <(restored_members | tr , '\n')
  ((TURN))
}
listens() { timeout 1 bash -c ": </dev/tcp/$1" 2>/dev/null; } # ADDRESS/PORT
