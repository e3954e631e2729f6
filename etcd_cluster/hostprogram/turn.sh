
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
# shellcheck disable=SC2016 # the other shell's
listens() { timeout 1 bash -c ': <"/dev/tcp/$1"' - "$1" 2>/dev/null; } # ADDRESS/PORT

# put_restored : what was staged takes the place of the old data, which is set aside, and starts. Sets STARTED_ANEW:
# no where this member holds none and is to join the others. No etcd starts before this host remembers the
# new cluster, so one that was killed here is neither half of the old one nor half of the new one.
STARTED_ANEW=no
put_restored() {
  local id kind replaces cluster member folder
  read -r id kind replaces cluster member <<<"$(recall restoring)"
  folder=$STAGED/$id
  refuse_staged "$folder"
  if [[ $kind == joins ]]; then
    stop_member
    remember joining yes # what lies here is a former member's, and is set aside by `join`
    forget member-id
  else
    if [[ -d $folder/member ]]; then
      stop_member
      set_aside
      mv -T "$folder/member" "$DATA/member"
      sync -f "$DATA"
    fi
    [[ $(cat "$DATA/member/restored" 2>/dev/null) == "$id" ]] ||
      die $E_REFUSED "${S[member]}: the data of the restore $id is neither staged in $folder nor in its place." \
        "Nothing was changed. Take the fence back (\"etcd-host restore-cancel\"), or \"etcd-host abandon\" this host"
    remember member-id "$member"
    remember started "existing $(cat "$folder/members" 2>/dev/null || recall started | cut -d' ' -f2)"
    forget joining
  fi
  forget bootstrapping
  forget leaving
  remember endpoints "${S[endpoints]}"
  remember restored "$replaces $cluster $id"
  remember formed "$cluster"
  # (Not before: until then it is what the former cluster's clients have seen that counts, or a run that is cut off here
  # would be another restore than the one that goes on.)
  [[ ! -r $folder/revision ]] || remember revision "$(<"$folder/revision")"
  if [[ $kind == data ]]; then
    put_guard
    await_turn
    apply_manifest now
    changed "restored: cluster $cluster"
  fi
  forget restore-fetches
  forget_former_backups "$cluster"
  drop_staged
  rm -f "$FENCED"
  forget restoring # (last: a run that is cut off before does all of this again)
  if [[ $kind == data ]]; then STARTED_ANEW=yes; fi
}
# forget_former_backups CLUSTER : those of the cluster that ended. (The new one may have some, after a run that was cut
# off.)
forget_former_backups() {
  local name
  for name in newest proof; do
    [[ $(recall "backup-$name") == */"$1"/* ]] || forget "backup-$name"
  done
  for name in unproved missed asked compared differ; do forget "backup-$name"; done
  [[ -z $(recall backup-since) ]] || remember backup-since "$(now)"
}
