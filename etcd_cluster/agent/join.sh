
# --- joining through the quorum ----------------------------------------------------------------

# join : this host has no data that the quorum knows. The quorum takes it in as a learner, which
# has no vote until it holds the data. A member's old identity is never started on an empty disk:
# it may have voted for entries that it no longer has.
join() {
  local list id cluster known
  known=$(recall formed)
  list=$(reachable_list "$(other_client_urls)") || die $E_REFUSED \
    "${S[member]}: no quorum of the cluster${known:+ $known} answers at $(other_client_urls). Nothing was changed. Bring a majority of its members back, or restore from a snapshot; a second, empty cluster is never founded"
  stop_member
  remove_file "$MANIFEST"
  set_aside
  while read -r id; do
    quorum_after_removal "$list" "$id" ||
      die $E_LATER "${S[member]}: its stale entry $id cannot be removed before the other members are healthy: $(unhealthy_note "$list" "$id")"
    log "${S[member]}: removing the stale entry $id"
    etcd_ctl --endpoints="$(other_client_urls)" member remove "$id" >&2
    changed "stale member $id removed"
    list=$(reachable_list "$(other_client_urls)")
  done < <(stale_ids "$list")
  log "${S[member]}: joins as a learner"
  cluster=$(add_learner) || die $E_LATER "${S[member]}: the quorum did not take it in as a learner: $(tail -n 2 "$WORK/add.log")"
  remember started "existing $cluster"
  forget founding
  put_guard
  apply_manifest now
  become_voter
  await_healthy
  changed "joined"
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
