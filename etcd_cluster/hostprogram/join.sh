
# --- joining through the quorum ----------------------------------------------------------------

# join : this host has no data that the quorum knows. The quorum takes it in as a learner, which
# has no vote until it holds the data. A member's old identity is never started on an empty disk:
# it may have voted for entries that it no longer has.
# What lies here is not touched before the quorum has taken the member in.
join() {
  local others list id cluster known
  others=$(other_client_urls)
  known=$(recall formed)
  list=$(reachable_list "$others") || die $E_REFUSED \
    "${S[member]}: no quorum of the cluster${known:+ $known} answers at $others. Nothing was changed. Bring a majority of its members back, or restore from a snapshot; a second, empty cluster is never bootstrapped"
  refuse_another_cluster "$others" "$known"
  remember joining yes # until the data here, if any, is set aside: it is a former member's
  while read -r id; do
    quorum_after_removal "$list" "$id" ||
      die $E_LATER "${S[member]}: its stale entry $id cannot be removed before the other members are healthy: $(unhealthy_note "$list" "$id")"
    log "${S[member]}: removing the stale entry $id"
    etcd_ctl --endpoints="$others" member remove "$id" >&2
    changed "stale member $id removed"
    list=$(reachable_list "$others") || die $E_LATER "${S[member]}: the quorum at $others was lost on the way; run it again"
  done < <(stale_ids "$list")
  log "${S[member]}: joins as a learner"
  cluster=$(add_learner) || die $E_LATER "${S[member]}: the quorum did not take it in as a learner: $(grep -v '^{' "$WORK/add.log" | tail -n 1)"
  stop_member
  set_aside
  remember started "existing $cluster"
  forget bootstrapping
  forget joining
  put_guard
  apply_manifest now
  become_voter
  await_healthy
  changed "joined"
}

# refuse_another_cluster URLS KNOWN : a host of one cluster does not become another's by accident.
refuse_another_cluster() {
  local theirs
  [[ -n $2 ]] || return 0
  theirs=$(printf '%x' "$(field ClusterID "$(etcd_ctl --endpoints="$1" endpoint status -w fields 2>/dev/null)")")
  [[ $theirs == 0 || $theirs == "$2" ]] ||
    die $E_REFUSED "${S[member]}: this host was a member of cluster $2, and $1 answer for cluster $theirs. Nothing was changed. If it is meant, let it forget the old one: etcd-host abandon"
}

# stale_ids LIST : entries of this host's name or peer URL, and those that never started and that
# nobody declares.
stale_ids() {
  awk -v url="${S[arg.initial-advertise-peer-urls]}" -v name="${S[member]}" -v declared="${S[initial-cluster]}," \
    '$4 == url || $3 == name || ($2 == "unstarted" && !index(declared, "=" $4 ",")) { print $1 }' <<<"$1"
}

# etcd takes one learner at a time, and none while it counts a member as unhealthy (for up to
# some seconds after it came): so it is asked for a while.
add_learner() {
  local end=$((SECONDS + ${S[health-timeout-seconds]}))
  until etcd_ctl --endpoints="$(other_client_urls)" member add "${S[member]}" --learner \
    --peer-urls="${S[arg.initial-advertise-peer-urls]}" >"$WORK/add" 2>"$WORK/add.log"; do
    ((SECONDS < end)) || return 1
    sleep 1
  done
  sed -n 's/^ETCD_INITIAL_CLUSTER="\(.*\)"$/\1/p' "$WORK/add"
}

become_voter() {
  local list id
  list=$(reachable_list "$(other_client_urls)") || return 0
  id=$(own_id "$list")
  awk -v id="$id" '$1 == id && $6 == "true" { found = 1 } END { exit !found }' <<<"$list" || return 0
  wait_until "${S[health-timeout-seconds]}" promote "$id" || unhealthy "was not promoted from learner"
  changed "promoted"
}
promote() { etcd_ctl --endpoints="$(other_client_urls)" member promote "$1" >/dev/null 2>&1; }
