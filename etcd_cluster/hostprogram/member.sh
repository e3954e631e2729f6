
# --- the member --------------------------------------------------------------------------------
#
# What this host knows of its cluster, in $STATE:
#   bootstrapping   token and initial cluster of a bootstrapping that `bootstrap` began and no quorum has ended
#   formed     the cluster's id, once this member was seen healthy in a quorum
#   joining    set while a former member's data may still lie here
#   started    initial-cluster and its state, as the manifest was last written: etcd reads them at
#              its first start only, so a later change of membership must not restart it

MEMBER_KEYS=(cluster token member endpoints initial-cluster kubeadm-api kubernetes-version
  image-repository image-tag cri-socket advertise-address health-timeout-seconds 'arg.*')

## bootstrap            starts this member of a new cluster; does not wait for the others
verb_bootstrap() {
  read_state "${MEMBER_KEYS[@]}"
  lock
  note_formed
  if [[ -n $(recall formed) ]]; then already_bootstrapped; else bootstrap_or_resume; fi
  stamp_member
}

# A bootstrapping that a killed run began may have formed since the next one read the hosts. Then it is
# done. (A change on top of it is refused: `bootstrap` runs on all hosts at once.)
already_bootstrapped() {
  running_flags | grep -xF -e "--initial-cluster-token=${S[token]}" >/dev/null ||
    die $E_REFUSED "this host belongs to the formed cluster $(recall formed) and bootstraps no other. Nothing was changed"
  render_manifest "$WORK/etcd.yaml"
  as_rendered ||
    die $E_LATER "${S[member]}: the cluster has formed while this was being planned, and this member is to change; run it again, members of a formed cluster change one at a time"
  put_guard
  apply_manifest now
}

# A bootstrapping that was begun here may be finished, and begun anew with other addresses: no quorum
# ever existed, so nothing of worth can be lost. (Set aside, not deleted, all the same.)
bootstrap_or_resume() {
  local bootstrapping="${S[token]} ${S[initial-cluster]}"
  if has_data && [[ $(recall bootstrapping) != "$bootstrapping" ]]; then
    [[ -n $(recall bootstrapping) ]] ||
      die $E_REFUSED "$DATA holds data that this program did not make. Nothing was changed. Move it away: etcd-host abandon"
    stop_member
    set_aside
  fi
  remember bootstrapping "$bootstrapping"
  remember started "new ${S[initial-cluster]}"
  put_guard
  apply_manifest now
}

## converge             brings this member to its desired state; joins through the quorum, never bootstraps
verb_converge() {
  read_state "${MEMBER_KEYS[@]}"
  lock
  note_formed
  if [[ -z $(recall formed) && -n $(recall bootstrapping) ]] && ! reachable_list "$(client_urls)" >/dev/null; then
    bootstrap_or_resume
  elif has_data && [[ -z $(recall joining) ]] && { member_healthy || still_listed; }; then
    put_guard
    apply_manifest guarded
    become_voter
    await_healthy
  else
    join
  fi
  stamp_member
}

# note_formed : a member that answers through a quorum has formed, also where the run that
# started it was killed before it could say so.
note_formed() {
  member_healthy || return 0
  note_formed_as "$(printf '%x' "$(field ClusterID "$(member_status)")")"
}
note_formed_as() {
  local id=$1
  [[ $id != 0 && $id != "$(recall formed)" ]] || return 0
  remember formed "$id"
  forget bootstrapping
}

# still_listed : false only where a quorum says that this host's data belongs to no member.
still_listed() {
  local list
  list=$(reachable_list "$(other_client_urls)") || return 0
  [[ -n $(own_id "$list") ]]
}

# spare_me : refuses where stopping this member would cost the cluster its quorum. Its own health
# does not count: a check that failed once by chance must not pass for a member that is down. Where
# no quorum answers for a while there is none to lose, and the change may be the way out.
spare_me() {
  local list id
  wait_until 10 quorum_answers || return 0
  list=$(reachable_list "$(client_urls)") || return 0
  id=$(own_id "$list")
  wait_until 20 others_hold_quorum "$list" "$id" ||
    die $E_REFUSED "${S[member]}: stopping it would leave too few healthy members for a quorum; of the others $(healthy_voters "$list" "$id") answer: $(unhealthy_note "$list" "$id"). Nothing was changed. Bring them back first"
  move_leadership "$list" "$id" || log "the leadership could not be moved; the others will elect"
}
quorum_answers() { reachable_list "$(client_urls)" >/dev/null; }

set_aside() {
  local target=$DATA.aside
  [[ -d $DATA/member ]] || return 0
  # On a disk of its own the data stays on that disk.
  if [[ $(stat -c %d "$DATA") != "$(stat -c %d "${DATA%/*}")" ]]; then target=$DATA/.aside; fi
  target+=/$(date -u +%Y%m%dT%H%M%S.%NZ)
  mkdir -p "$target"
  mv "$DATA/member" "$target/"
  changed "data set aside in $target"
}

await_healthy() {
  wait_until "${S[health-timeout-seconds]}" member_healthy || unhealthy "is not healthy"
  wait_until "${S[health-timeout-seconds]}" caught_up || unhealthy "has not caught up with its leader"
  note_formed
}

unhealthy() {
  explain_unhealthy
  die $E_LATER "${S[member]} ${S[arg.advertise-client-urls]-}: $1 after ${S[health-timeout-seconds]} s; see what its kubelet and etcd last said above. The next run goes on from here"
}

stamp_member() {
  stamp member "$MANIFEST" "$OWN/kubeadm.yaml" "$GUARD"
  echo "converged: $(serial)"
}

member_drift() {
  if [[ ! -r $STATE/member.stamp ]]; then
    echo "no member here"
  elif ! has_data; then
    echo "data missing"
  else
    file_drift member
    if [[ -z $(etcd_pid) ]]; then
      echo "etcd not running"
    elif [[ -r $MANIFEST && $(manifest_flags) != "$(running_flags)" ]]; then
      echo "etcd runs with other flags"
    fi
  fi
}

## wait-healthy         waits until this member is healthy in its quorum; reports its identity
verb_wait_healthy() {
  local status
  read_state member arg.advertise-client-urls health-timeout-seconds 'after?'
  # Waits without the lock: a gate that lost its connection must not hold up the next run.
  wait_until "${S[health-timeout-seconds]}" member_healthy || unhealthy "is not healthy"
  lock
  status=$(member_status)
  note_formed_as "$(printf '%x' "$(field ClusterID "$status")")"
  printf 'member-id: %x\n' "$(field MemberID "$status")"
  printf 'cluster-id: %x\n' "$(field ClusterID "$status")"
  printf 'version: %s\n' "$(field Version "$status")"
}

## leave                removes this member from the cluster, stops it, moves its data aside
verb_leave() {
  local end=$((SECONDS + 30))
  read_state "${MEMBER_KEYS[@]}"
  lock
  own_host "${S[cluster]}" "${S[member]}"
  # Others may be leaving at the same time: what was true a moment ago is asked again.
  until out_of_the_cluster; do
    ((SECONDS < end)) || die $E_REFUSED "${S[member]}: $STAYS. Nothing was changed. Bring the other members back first, or give this member up by hand: etcd-host abandon"
    sleep 0.5
  done
  give_up_member
}

# out_of_the_cluster : true once the quorum, if there is one, counts this member no more, or has
# no other voter left; else STAYS says what keeps it.
STAYS=
out_of_the_cluster() {
  local list id
  if ! list=$(reachable_list "$(client_urls)"); then
    STAYS="no quorum answers at $(client_urls), so it cannot leave"
    ! has_data || [[ -z $(recall formed) ]]
    return
  fi
  id=$(own_id "$list")
  [[ -n $id && $(voters "$list") -gt 1 ]] || return 0
  STAYS="without it too few healthy members are left for a quorum: $(unhealthy_note "$list" "$id")"
  quorum_after_removal "$list" "$id" || return 1
  move_leadership "$list" "$id" || true
  log "${S[member]}: leaves the cluster"
  etcd_ctl --endpoints="$(client_urls)" member remove "$id" >"$WORK/leave.log" 2>&1 || {
    STAYS="the quorum did not let it go: $(grep -v '^{' "$WORK/leave.log" | tail -n 1)"
    return 1
  }
  changed "member $id removed"
}

## abandon              by hand only: stops this member and moves its data aside, asking no quorum
verb_abandon() {
  lock
  give_up_member
}

give_up_member() {
  remove_file "$MANIFEST"
  # The kubelet takes the pod down, and it has to be given the time: stopped before, it would leave
  # the pod's sandbox behind.
  ensure_kubelet || true
  wait_until 45 no_pod || stop_member
  set_aside
  rmdir "$DATA" 2>/dev/null || true
  rm -rf "$OWN"
  forget formed
  forget bootstrapping
  forget started
  forget joining
  forget owner
  forget member.stamp
}
# The kubelet keeps a pod's folder until nothing of the pod runs any more.
no_pod() {
  local log
  [[ -z $(etcd_pid) ]] || return 1
  for log in /var/log/pods/kube-system_etcd-*; do
    [[ ! -d /var/lib/kubelet/pods/${log##*_} ]] || return 1
  done
}
