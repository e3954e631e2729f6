
# --- the member --------------------------------------------------------------------------------
#
# What this host knows of its cluster, in $STATE:
#   owner          cluster, member, token and stack that this host is for
#   bootstrapping  token and initial cluster of a bootstrap that began here and no quorum has ended
#   formed         the cluster's id, once this member was seen healthy in a quorum
#   member-id      this member's id in it
#   data-mount     the mount point that its data was last seen on
#   endpoints      all members' client URLs, as the quorum last had them
#   etcd-tag       the image's tag that this member was last started with, or was about to be
#   joining        set while a former member's data may still lie here; `empty` where there was none
#   adding         cluster and peer URL of a `member add` that may have been done, until the manifest is there
#   leaving        set once the cluster counts this member no more, or it was abandoned, until another one begins
#   adopted        set where this member was taken over, until `converge` has brought it to its state
#   restoring, restored   see restore.sh
#   started        initial-cluster and its state, as the manifest was last written: etcd reads them at
#                  its first start only, so a later change of membership must not restart it

# (`lost-since` is the stack's: with it a name that is lost anew is another state.)
MEMBER_KEYS=(cluster token member endpoints initial-cluster kubeadm-api kubernetes-version
  image-repository image-tag cri-socket advertise-address health-timeout-seconds 'kubelet?' 'lost?' 'lost-since?'
  'trusted?' 'take-over?' 'arg.*')

## bootstrap            starts this member of a new cluster; does not wait for the others
verb_bootstrap() {
  read_state "${MEMBER_KEYS[@]}"
  lock
  own_or_refuse
  need_user
  [[ -z $(recall restoring) ]] || die $E_REFUSED "${S[member]}: a restore was begun on this host." \
    "Nothing was changed. Run it again, with the section restore"
  recover_memory
  note_formed
  if [[ -n $(recall formed) ]]; then already_bootstrapped; else bootstrap_or_resume; fi
  stamp_member
}

# A bootstrap that a killed run began may have formed since the next one read the hosts. Then it is
# done. (A change on top of it is refused: `bootstrap` runs on all hosts at once.)
already_bootstrapped() {
  local differs='' found
  running_flags | grep -xF -e "--initial-cluster-token=${S[token]}" >/dev/null ||
    die $E_REFUSED "this host belongs to the formed cluster $(recall formed) and cannot bootstrap a new one." \
      "Nothing was changed. Run it again: members of a formed cluster change one at a time"
  render_manifest "$WORK/etcd.yaml"
  # (All that `apply_manifest now` would stop it for.)
  as_rendered || differs=", its etcd's flags or image"
  kubelet_suits || differs+=", its kubelet's settings"
  found=$(foreign_manifests | paste -sd' ') || found="could not be listed"
  [[ -z $found ]] || differs+=", files of others in $MANIFESTS ($found)"
  [[ -z $differs ]] ||
    die $E_LATER "${S[member]}: the cluster formed after the hosts were read, and this member would have to restart" \
      "now, at the same time as others, because these differ: ${differs#, }. It was not restarted. Run it again:" \
      "members of a formed cluster change one at a time"
  put_guard
  apply_manifest now
}

# A bootstrap that began here may be finished, and begun anew with other addresses, as long as no
# quorum ever existed. (What it left is set aside, not deleted, all the same.)
bootstrap_or_resume() {
  local now="${S[token]} ${S[initial-cluster]}" before
  before=$(recall bootstrapping)
  ! member_healthy || die $E_LATER "${S[member]}: its etcd is healthy in a quorum that this host does not" \
    "remember. Nothing was changed. Run it again"
  # (Its kubelet may start the former manifest at any time, also where that has not come to have data yet.)
  if [[ $before != "$now" ]] && { has_data || [[ -n $before && -e $MANIFEST ]]; }; then
    [[ -n $before ]] ||
      die $E_REFUSED "$DATA holds data that this program did not make. Nothing was changed. Move it away, or run" \
        "\"etcd-host abandon\" on the host, which moves it aside"
    stop_member
    set_aside
    drop_manifest
  fi
  forget leaving
  remember bootstrapping "$now"
  remember started "new ${S[initial-cluster]}"
  put_guard
  apply_manifest now
}

## converge             brings this member to its desired state; joins through the quorum, never bootstraps
verb_converge() {
  local data=no step
  read_state "${MEMBER_KEYS[@]}"
  lock
  own_or_refuse
  need_mount
  need_user
  if [[ -n $(recall restoring) ]]; then
    put_restored # (not in a condition: there nothing that fails would end it)
    if [[ $STARTED_ANEW == yes ]]; then
      stamp_member
      return 0
    fi
  fi
  recover_memory
  note_formed
  if has_data; then
    data=yes
  else
    data_can_be_read || die $E_LATER "${S[member]}: whether $DATA holds a member's data is not known:" \
      "${WHY:-it could not be listed}. Nothing was changed. Repair its disk; or, if that is lost, unmount it, and the" \
      "member joins anew; then run it again"
  fi
  if [[ $data == yes ]] && is_back; then forget joining; fi
  # First, for they may be what the guard misses; where no quorum answers yet, in the end.
  if [[ $data == yes && -n ${S[lost]-} ]] && look "$(all_urls)"; then give_up_lost_members "$(all_urls)"; fi
  listed >"$WORK/listed" # (in this shell: WHY says why it is not known)
  step=$(next_step "$data" "$(<"$WORK/listed")" "$(remembered)")
  [[ $step != keep ]] || need_original
  MEMBERS='' CLUSTER='' # they may be of another cluster
  case $step in
    keep) keep ;;
    join) join ;;
    bootstrap) bootstrap_or_resume ;;
    *) die $E_LATER "${S[member]}: $DATA holds data, and nobody could be asked whether it is a member's: $WHY." \
      "Asked: $(all_urls). Nothing was changed. Bring the other members back, then run it again; or run" \
      "\"etcd-host abandon\" on the host to give this data up (it is moved aside)" ;;
  esac
  give_up_lost_members "$(all_urls)"
  stamp_member
}

# is_back : the data here is no former member's: a join that was cut off found none, as where the disk was not mounted,
# or its etcd serves from it.
is_back() {
  [[ $(recall joining) == empty ]] ||
    { member_healthy && [[ $(metric etcd_server_id) == "$(recall member-id)" ]]; }
}

# keep : this member as it is, with its desired flags.
keep() {
  put_guard
  apply_manifest guarded
  # (Of a join that was cut off. Nobody needs it yet, so nobody is asked.)
  [[ $(metric etcd_server_is_learner) != 1 ]] || start_learner
  become_voter
  await_healthy
  drop_former_trust
  relieve_space
  finish_version
}

# note_formed : a member that answers through a quorum has formed, also where the run that started
# it was killed before it could say so.
note_formed() {
  local status id cluster
  member_healthy && status=$(own_status) || return 0
  read -r id cluster _ <<<"$status"
  remember_formed "$id" "$cluster"
}
remember_formed() { # MEMBER-ID CLUSTER-ID
  local known
  known=$(recall formed)
  [[ -z $known || $2 == "$known" ]] ||
    die $E_REFUSED "${S[member]}: $(own_url) answers for cluster $2, and this host is a member of cluster $known;" \
      "that answer was not used. Check what listens there, and which etcdctl this host has"
  [[ $1 == "$(recall member-id)" ]] || remember member-id "$1"
  [[ -n $known ]] || remember formed "$2"
  forget bootstrapping
  note_data "$1"
}

# remembered : for next_step.
remembered() {
  if [[ -n $(recall joining) ]]; then
    echo joining
  elif [[ -n $(recall formed) ]]; then
    echo formed
  elif [[ -n $(recall bootstrapping) ]]; then
    echo bootstrapping
  else
    echo nothing
  fi
}

# listed : whether the quorum has this host's data among its members. Its own etcd knows, if it is
# healthy: then nobody else needs to be asked. (What the data says of itself counts before what this host remembers: its
# disk may have been away while the member joined anew on another one.)
listed() {
  local id status=0
  if member_healthy; then
    echo yes
  elif ! look_at_members "$(other_urls)" || [[ -n $(recall formed) && $CLUSTER != "$(recall formed)" ]]; then
    echo unknown
  elif id=$(own_id "$(data_id)"); then
    if is_listed "$MEMBERS" "$id"; then echo yes; else echo no; fi
  else
    member_by_name "$MEMBERS" "${S[member]}" >/dev/null || status=$?
    case $status in 0) echo yes ;; 1) echo no ;; *) echo unknown ;; esac
  fi
}

# give_up_lost_members : entries of members that the configuration calls lost are taken out, by
# whichever member comes first. One that serves is not lost.
give_up_lost_members() { # URLS
  local name id urls=$1
  for name in ${S[lost]+${S[lost]//,/ }}; do
    look "$urls" || die $E_LATER "${S[member]}: could not find out whether the lost member $name is still" \
      "listed: $WHY; run it again"
    id=$(lost_entry "$MEMBERS" "$name" "${S[initial-cluster]-}")
    [[ -n $id ]] || continue
    [[ $id != *,* ]] || die $E_REFUSED "several members are named $name ($id), so it is not known which one is lost." \
      "None was removed. Remove the dead one by hand (etcdctl member remove), then run it again"
    ! is_serving "$SERVING" "$id" ||
      die $E_REFUSED "member $name (id $id) is healthy, so it is not lost. It was left alone. Remove" \
        "members[].lost, or stop it first"
    remove_member "$id" "$urls" || die $E_LATER "the lost member $name (id $id) cannot be removed: $WHY;" \
      "run it again"
    log "removed the lost member $name (id $id)"
  done
}

set_aside() {
  local target=$DATA.aside
  [[ -d $DATA/member ]] || return 0
  refuse_links .aside
  # On a disk of its own, or behind a link to one, the data stays where it can be renamed.
  if [[ $(stat -L -c %m "$DATA") != "$(stat -c %m "${DATA%/*}")" ]]; then target=$DATA/.aside; fi
  target+=/$(date -u +%Y%m%dT%H%M%S.%NZ)
  mkdir -p "$target"
  mv "$DATA/member" "$target/"
  changed "data set aside in $target"
}

await_healthy() {
  wait_until "${S[health-timeout-seconds]}" member_healthy || unhealthy "is not healthy"
  note_formed
}

unhealthy() {
  explain_unhealthy
  die $E_LATER "${S[member]} ${S[arg.advertise-client-urls]-}: $1 after ${S[health-timeout-seconds]} s; the last" \
    "messages of its kubelet and etcd are above. The next \`pulumi up\` continues from here"
}

stamp_member() {
  local id
  stamp member "$MANIFEST" "$OWN/kubeadm.yaml" "$PATCHES/etcd.yaml" "$(guard_file)"
  forget adopted
  forget leaving
  forget adding
  rm -f "$RUN/unwell"
  # (On a host that was reinstalled the serial may be that of the former one, and `wait-healthy` has to
  # learn who its member is all the same.)
  id=$(recall member-id)
  echo "converged: $(serial)${id:+-$id}"
}

## wait-healthy         waits until this member is healthy in its quorum; reports its identity
verb_wait_healthy() {
  local id cluster version
  read_state member arg.advertise-client-urls health-timeout-seconds 'after?' 'version?'
  # Waits without the lock: one that lost its connection must not hold up the next run.
  wait_until "${S[health-timeout-seconds]}" member_serves || unhealthy "$UNFIT"
  lock
  read -r id cluster _ _ version <<<"$IDENTITY"
  remember_formed "$id" "$cluster"
  if look_at_members "$(own_url)"; then
    remember_endpoints
    drop_former_alarms
  fi
  await_cluster_version
  if [[ -z $(recall backup-newest) ]]; then back_up_now; fi # as after a restore
  printf 'member-id: %s\ncluster-id: %s\nversion: %s\n' "$id" "$cluster" "$version"
}

# member_serves : a voter, healthy, under a kubelet that would start it again, that takes clients and says
# who it is: IDENTITY. UNFIT says what not. (It takes them only when the others have learned its client URL.
# An election drops that message, and etcd sends it again after seven seconds: EtcdServer.publishV3.)
UNFIT="is not healthy" IDENTITY=''
member_serves() {
  local pid
  UNFIT="is not healthy"
  member_healthy || return 1
  UNFIT="is still a learner"
  [[ $(metric etcd_server_is_learner) == 0 ]] || return 1
  UNFIT="has a kubelet that does not run with its settings"
  pid=$(systemctl show -p MainPID --value kubelet 2>/dev/null) || return 1
  systemctl is-active -q kubelet && kubelet_current "$pid" || return 1
  UNFIT="has a kubelet that keeps restarting, or that cannot be seen to run"
  kubelet_stays "$pid" || return 1
  UNFIT="does not say who it is at $(own_url)"
  IDENTITY=$(own_status)
}
