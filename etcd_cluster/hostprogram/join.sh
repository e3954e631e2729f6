
# --- joining through the quorum ----------------------------------------------------------------

# How long a voter may be missed: another emptied host may be at its packages before it takes its
# former entry out.
readonly ADD_SECONDS=60
readonly ASK_SECONDS=10 # an election takes about as long

# join : this host has no data that the quorum knows. The quorum takes it in as a learner, which
# has no vote until it holds the data. A member's old identity is never started on an empty disk:
# it may have voted for entries that it no longer has.
# What lies here is not touched before the quorum has taken the member in.
join() {
  local others cluster known
  others=$(other_urls)
  known=$(recall formed)
  wait_until "$ASK_SECONDS" look_at_members "$others" ||
    die $E_REFUSED "${S[member]}: no quorum of the cluster${known:+ $known} answers at $others ($WHY). Nothing was" \
      "changed. Bring a majority of its members back, or restore from a snapshot; a second, empty cluster is never" \
      "bootstrapped"
  [[ -z $known || $CLUSTER == "$known" ]] ||
    die $E_REFUSED "${S[member]}: this host was a member of cluster $known, and $others answer for cluster" \
      "$CLUSTER. Nothing was changed. If this is intentional, run \"etcd-host abandon\" on the host first"
  if [[ -z $known && -n ${S[take-over]-} ]]; then need_taken_over_cluster "$others"; fi
  if member_healthy && is_listed "$MEMBERS" "$(own_id || true)"; then
    ! has_data || die $E_LATER "${S[member]}: the data in $DATA was mistaken for a former member's: its etcd is now" \
      "healthy. Nothing was changed. Run it again"
    die $E_REFUSED "${S[member]}: its etcd is healthy, but $DATA holds no data: the folder was removed, or its disk" \
      "unmounted, while etcd was running. Nothing was changed. Mount it again, or stop that etcd (it then joins" \
      "anew); then run it again"
  fi
  ! member_healthy ||
    die $E_REFUSED "${S[member]}: its etcd is healthy in a quorum of its own, and is not a member of cluster" \
      "$CLUSTER. Nothing was changed. See docs/runbooks/lost-state.md"
  need_own_memory
  need_image
  need_writable
  follow_data_link
  remember_endpoints # who can take this member out again, should the run be cut off
  # Until the data here, if any, is set aside: it is a former member's.
  if has_data; then remember joining yes; else remember joining empty; fi
  forget leaving
  # Etcd takes nobody in while it misses a voter.
  give_up_lost_members "$others"
  wait_until "$ASK_SECONDS" look_at_members "$others" ||
    die $E_LATER "${S[member]}: no member list any more: $WHY; run it again"
  remove_stale_entries "$others"
  log "${S[member]}: joins as a learner"
  remember adding "$CLUSTER ${S[arg.initial-advertise-peer-urls]}"
  cluster=$(add_learner "$others") || exit $E_LATER # it has said why
  stop_member
  set_aside
  drop_manifest
  remember started "existing $cluster"
  forget bootstrapping
  forget joining
  forget member-id
  put_guard
  apply_manifest now
  forget adding
  start_learner
  become_voter
  await_healthy
  changed "joined"
}

# drop_manifest : that of a former member. Where this run is cut off from here on, a kubelet must not start its etcd
# on what is made for the new one: with initial-cluster-state: new it would bootstrap. (Data and manifests may be on
# two disks.)
drop_manifest() {
  remove_file "$MANIFEST"
  sync -f "$MANIFESTS" 2>/dev/null || sync
}

# need_taken_over_cluster URLS : who answers there is the cluster that was meant, its former members are well and of
# this minor of etcd, none of them has the name of a declared one, and their data fits. (A declared one may be listed
# already, and not run: as this host, where a join was cut off.)
need_taken_over_cluster() {
  local other name found former
  [[ $CLUSTER == "${S[take-over]}" ]] || die $E_REFUSED "${S[member]}: $1 answer for cluster $CLUSTER, and" \
    "takeOver.cluster is ${S[take-over]}. Nothing was changed. Correct it"
  found=$(namesake "$MEMBERS" "${S[initial-cluster]}") || die $E_LATER "${S[member]}: could not find out whether a" \
    "former member has the name of a declared one. Nothing was changed; run it again"
  read -r name other <<<"$found"
  [[ -z $name ]] || die $E_REFUSED "${S[member]}: members[].name $name is the name of the former member at $other," \
    "and two of one name could be taken for each other. Nothing was changed. Give the declared one another name"
  look "$1" || die $E_LATER "${S[member]}: could not find out how the members at $1 are: $WHY. Nothing was changed;" \
    "run it again"
  former=$(former_members "$MEMBERS" "${S[initial-cluster]}") || die $E_LATER "${S[member]}: could not find out which" \
    "members are not declared. Nothing was changed; run it again"
  other=$(not_running "$former" "$(status_rows "$STATUS_TEXT")" "$(minor "$(wanted_version)")") ||
    other="all of them"
  [[ -z $other ]] || die $E_REFUSED "${S[member]}: it would run etcd $(wanted_version), but the members of cluster" \
    "$CLUSTER run $(running_versions "$STATUS_TEXT" | paste -sd,); not known to run the same minor: $other. Nothing" \
    "was changed. Set etcd.imageTag to a version of their minor"
  need_fitting_quota
}

# need_fitting_quota : one member whose database reaches its quota has all of them refuse writes.
need_fitting_quota() {
  local size quota=${S[arg.quota-backend-bytes]-}
  size=$(largest_database "$STATUS_TEXT") || size=
  [[ $size =~ ^[0-9]+$ && $quota =~ ^[0-9]+$ ]] || die $E_LATER "${S[member]}: could not find out whether the" \
    "database of cluster $CLUSTER (${size:-unknown} bytes) fits etcd.quotaBackendBytes (${quota:-unknown}). Nothing" \
    "was changed; run it again"
  ((size * 10 < quota * 9)) || die $E_REFUSED "${S[member]}: the largest database of cluster $CLUSTER has $size" \
    "bytes, and etcd.quotaBackendBytes is $quota: the whole cluster rejects writes once a database reaches the quota" \
    "of its member. Nothing was changed. Set it to at least $((size * 10 / 9 + 1)); or compact and defragment the" \
    "cluster first"
}

remove_stale_entries() { # URLS
  local id ids name=${S[member]}
  if [[ -n ${S[take-over]-} ]]; then name=; fi # of a cluster of somebody else's a name proves nothing
  ids=$(stale_ids "$MEMBERS" "$name" "${S[arg.initial-advertise-peer-urls]}" "$(recall member-id)" \
    "${S[initial-cluster]}") || die $E_LATER "${S[member]}: could not find out which entries it had before. Run it" \
    "again"
  for id in $ids; do
    remove_member "$id" "$1" || die $E_LATER "${S[member]}: its former entry $id cannot be removed: $WHY. Run it" \
      "again when that is fixed"
    log "${S[member]}: removed its former entry $id"
  done
}

# serving_urls ID URLS : where a change of the members is asked for: of those that serve, but for ID, which it is about;
# URLS where that is nobody. (etcdctl asks nobody else where one takes the call and hangs.)
serving_urls() {
  local found
  found=$(urls_of "$MEMBERS" "$SERVING" "$1")
  echo "${found:-$2}"
}

# remove_member ID URLS : where what is left holds a quorum. The others may just be coming back; and while several
# change their list, a call can end without an answer.
remove_member() {
  local id=$1 urls=$2 begin leader refused=''
  mark_time begin
  while true; do
    if ! look "$urls"; then
      :
    elif ! is_listed "$MEMBERS" "$id"; then
      [[ -z $refused ]] || changed "member $id removed"
      return 0
    elif can_remove "$MEMBERS" "$SERVING" "$id"; then
      leader=''
      # (It may take itself for the leader while those that serve have another.)
      if called_leader "$id"; then leader=$(leader_url "$(status_rows "$STATUS_TEXT")" "$id"); fi
      [[ -z $leader ]] || move_leadership "$leader" "$id" can_remove "$urls" || return 1
      if etcd_ctl --endpoints="$(serving_urls "$id" "$urls")" member remove "$id" >"$WORK/remove.log" 2>&1; then
        changed "member $id removed"
        return 0
      fi
      refused="the cluster refused: $(said_by_etcdctl "$WORK/remove.log")" WHY=$refused
    else
      WHY="$TOO_FEW: $(not_serving "$MEMBERS" "$SERVING" "$id")"
    fi
    ! passed "$GUARD_SECONDS" "$begin" || return 1
    sleep 0.5
  done
}

# add_learner URLS : the initial cluster of the member that was added. Etcd takes one learner at a
# time, and none while it misses a voter, or has missed one within the last seconds.
add_learner() {
  local urls=$1 begin said limit
  mark_time begin
  until { look "$urls" || true; } && etcd_ctl --endpoints="$(serving_urls "" "$urls")" member add "${S[member]}" \
    --learner --peer-urls="${S[arg.initial-advertise-peer-urls]}" >"$WORK/add" 2>"$WORK/add.log"; do
    said=$(said_by_etcdctl "$WORK/add.log")
    if [[ $said == *"Peer URLs already exists"* ]] && initial_cluster_with_me "$urls"; then return 0; fi
    limit=$ADD_SECONDS
    if [[ $said == *"too many learner"* ]]; then limit=${S[health-timeout-seconds]}; fi
    ! passed "$limit" "$begin" || refuse_to_add "$said"
    if passed 8 "$begin"; then sleep 1; else sleep 0.3; fi
  done
  said=$(sed -n 's/^ETCD_INITIAL_CLUSTER="\(.*\)"$/\1/p' "$WORK/add")
  [[ -n $said ]] || initial_cluster_with_me "$urls" || refuse_to_add "its answer does not say the initial cluster"
  echo "$said"
}

# initial_cluster_with_me URLS : of an addition that etcd has made and whose answer was lost. No
# other host adds this peer URL.
initial_cluster_with_me() {
  look_at_members "$1" &&
    awk -v name="${S[member]}" -v url="${S[arg.initial-advertise-peer-urls]}" '
      $4 == url { if ($2 != "unstarted") exit 1; $3 = name; mine = 1 }
      $3 != "-" { printf "%s%s=%s", s, $3, $4; s = "," }
      END { exit !mine }' <<<"$MEMBERS"
}

refuse_to_add() { # REASON
  local found
  look "$(other_urls)" || true
  found=$(not_serving "$MEMBERS" "$SERVING" "")
  # (An answer may have been lost: it is known by the list alone that nothing was added.)
  if [[ $(recall adding) == "$CLUSTER "* && $MEMBERS != *" ${S[arg.initial-advertise-peer-urls]} "* ]]; then
    forget adding
  fi
  die $E_LATER "${S[member]}: the cluster rejected adding it as a learner: $1. Not healthy:" \
    "${found:-none}. Bring those back, or give up a dead one" \
    "(members[].lost: true, or by hand on a living member: etcdctl member remove ID); then run it again"
}

# start_learner : a learner has no vote and serves nobody, so where it gets stuck it is started once
# more. Etcd takes no clients before it saw its own publication applied (server.go, publishV3):
# - Where the snapshot that it was sent has the publication in it, it never sees that, and publishes
#   again after its request timeout, 7 s. Started again it has the data, and sees it at once.
# - Where 3.6 was told of commits before it had the data it can stay deaf: it then publishes without a
#   pause ("too many requests") and gets no further.
start_learner() {
  local begin
  mark_time begin
  until own_etcd_serves; do
    if passed $((S[health-timeout-seconds] / 3)) "$begin" || { is_published && ! own_etcd_serves; }; then
      log "${S[member]}: its etcd does not come up as a learner; started once more"
      stop_member
      ensure_kubelet || true
      return 0
    fi
    sleep 0.1
  done
}
# own_etcd_serves : three seconds are enough for an etcd that takes clients at all, also on a slow host.
own_etcd_serves() { member_healthy && ETCDCTL_SECONDS=3 own_status >/dev/null; }

# is_published : whether the others know where clients reach this learner, which has all data by now.
is_published() {
  local id
  member_healthy && id=$(own_id) && look_at_members "$(other_urls)" && is_published_learner "$MEMBERS" "$id"
}

# become_voter : what its own etcd says of itself counts: a learner is promoted once it has caught up.
become_voter() {
  local status id
  wait_until "${S[health-timeout-seconds]}" own_etcd_answers || unhealthy "is not healthy"
  status=$(own_status) || unhealthy "does not answer"
  read -r id _ _ status _ <<<"$status"
  [[ $status == true ]] || return 0
  wait_until "${S[health-timeout-seconds]}" promote "$id" || unhealthy "was not promoted from learner"
  changed "promoted"
}
own_etcd_answers() { member_healthy && own_status >/dev/null; }
promote() { # ID : also where it is one by now, and the answer was lost
  etcd_ctl --endpoints="$(other_urls)" member promote "$1" >/dev/null 2>&1 && return 0
  [[ $(metric etcd_server_is_learner) == 0 ]]
}
