
# --- the member --------------------------------------------------------------------------------
#
# What this host knows of its cluster, in $STATE:
#   founding   token and initial cluster of a founding that `found` began and no quorum has ended
#   formed     the cluster's id, once this member was seen healthy in a quorum
#   started    initial-cluster and its state, as the manifest was last written: etcd reads them at
#              its first start only, so a later change of membership must not restart it

MEMBER_KEYS=(cluster token member endpoints initial-cluster kubeadm-api kubernetes-version
  image-repository image-tag cri-socket advertise-address health-timeout-seconds 'arg.*')

## found                starts this member of a new cluster; does not wait for the others
verb_found() {
  read_state "${MEMBER_KEYS[@]}"
  lock
  note_formed
  [[ -z $(recall formed) ]] ||
    die $E_REFUSED "this host belongs to the formed cluster $(recall formed) and founds no other. Nothing was changed"
  found_or_resume
  stamp_member
}

# A founding that was begun here may be finished, and begun anew with other addresses: no quorum
# ever existed, so nothing of worth can be lost. (Set aside, not deleted, all the same.)
found_or_resume() {
  local founding="${S[token]} ${S[initial-cluster]}"
  if has_data && [[ $(recall founding) != "$founding" ]]; then
    [[ -n $(recall founding) ]] ||
      die $E_REFUSED "$DATA holds data that this program did not make. Nothing was changed. Move it away: etcd-host abandon"
    stop_member
    set_aside
  fi
  remember founding "$founding"
  remember started "new ${S[initial-cluster]}"
  put_folder "$DATA" 700
  put_guard
  apply_manifest now
}

## converge             brings this member to its desired state; joins through the quorum, never founds
verb_converge() {
  read_state "${MEMBER_KEYS[@]}"
  lock
  note_formed
  if [[ -z $(recall formed) && -n $(recall founding) ]] && ! reachable_list "$(client_urls)" >/dev/null; then
    found_or_resume
  elif has_data && still_listed; then
    put_folder "$DATA" 700
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
  local id
  member_healthy || return 0
  id=$(printf '%x' "$(status_field ClusterID)")
  [[ $id != 0 && $id != "$(recall formed)" ]] || return 0
  remember formed "$id"
  forget founding
}

# still_listed : false only where a quorum says that this host's data belongs to no member.
still_listed() {
  local list
  list=$(reachable_list "$(other_client_urls)") || return 0
  [[ -n $(own_id "$list") ]]
}

put_guard() {
  mkdir -p "$DATA/member"
  [[ -e $GUARD ]] || printf 'The kubelet starts etcd only where this file is. See etcd-host.\n' >"$GUARD"
}

# apply_manifest now|guarded : has kubeadm write the manifest, and restarts etcd only where the
# running one has other flags. `guarded` first makes sure that the cluster can spare this member.
apply_manifest() {
  render_manifest "$WORK/etcd.yaml"
  if [[ -n $(etcd_pid) ]] && cmp -s "$WORK/etcd.yaml" "$MANIFEST" &&
    [[ $(manifest_flags "$WORK/etcd.yaml") == "$(running_flags)" ]]; then
    put_file "$MANIFEST" 600 <"$WORK/etcd.yaml"
    ensure_kubelet
    return 0
  fi
  if [[ -n $(etcd_pid) ]]; then
    [[ $1 == now ]] || spare_me
    # Twice as fast as letting the kubelet notice: it waits ten seconds between two pods of a name.
    stop_member
  fi
  put_file "$MANIFEST" 600 <"$WORK/etcd.yaml"
  ensure_kubelet
  log "${S[member]}: etcd starts"
}

ensure_kubelet() {
  systemctl is-active -q kubelet || systemctl start kubelet
}

# spare_me : refuses where stopping this member would cost the cluster its quorum. A member that
# is not healthy takes nothing away when it stops.
spare_me() {
  local list id
  member_healthy || return 0
  list=$(reachable_list "$(client_urls)") || return 0
  id=$(own_id "$list")
  others_hold_quorum "$list" "$id" ||
    die $E_REFUSED "${S[member]}: stopping it would leave too few healthy members for a quorum; of the others $(healthy_voters "$list" "$id") answer: $(unhealthy_note "$list" "$id"). Nothing was changed. Bring them back first"
  move_leadership "$list" "$id" || log "the leadership could not be moved; the others will elect"
}

stop_member() {
  local pid
  systemctl stop kubelet
  pid=$(etcd_pid)
  [[ -n $pid ]] || return 0
  kill -TERM "$pid"
  wait_until 30 process_gone "$pid" || kill -KILL "$pid"
  wait_until 10 process_gone "$pid"
}
process_gone() { [[ ! -d /proc/$1 ]]; }

set_aside() {
  local target=$DATA.aside
  [[ -d $DATA/member ]] || return 0
  # On a disk of its own the data stays on that disk.
  if [[ $(stat -c %d "$DATA") != "$(stat -c %d "${DATA%/*}")" ]]; then target=$DATA/.aside; fi
  target+=/$(date -u +%Y%m%dT%H%M%S.%NZ)
  mkdir -p "$target"
  mv "$DATA/member" "$target/"
  rm -f "$target/member/${GUARD##*/}"
  changed "data set aside in $target"
}

# render_manifest FILE : kubeadm writes the manifest, in a mount namespace where its folder is
# ours: the kubelet never sees half a file, and what is there can be compared first.
render_manifest() {
  local state cluster
  read -r state cluster <<<"$(recall started)"
  render_kubeadm "$state" "$cluster" >"$WORK/kubeadm.yaml"
  put_folder "$OWN" 700
  put_folder "$OWN/patches" 700
  put_folder "$MANIFESTS" 700
  put_file "$OWN/kubeadm.yaml" 600 <"$WORK/kubeadm.yaml"
  render_patch >"$WORK/patch.yaml"
  put_file "$OWN/patches/etcd+strategic.yaml" 600 <"$WORK/patch.yaml"
  mkdir -p "$WORK/manifests"
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount sh -c 'mount --bind "$1" "$2" && exec kubeadm init phase etcd local --config "$3" --patches "$4"' \
    sh "$WORK/manifests" "$MANIFESTS" "$OWN/kubeadm.yaml" "$OWN/patches" >"$WORK/kubeadm.log" 2>&1 </dev/null ||
    die 1 "kubeadm init phase etcd local failed: $(tail -n 5 "$WORK/kubeadm.log")"
  mv "$WORK/manifests/etcd.yaml" "$1"
}

render_kubeadm() { # INITIAL-CLUSTER-STATE INITIAL-CLUSTER
  local key
  cat <<EOF
apiVersion: kubeadm.k8s.io/${S[kubeadm-api]}
kind: InitConfiguration
nodeRegistration:
  name: ${S[member]}
  criSocket: ${S[cri-socket]}
localAPIEndpoint:
  advertiseAddress: ${S[advertise-address]}
---
apiVersion: kubeadm.k8s.io/${S[kubeadm-api]}
kind: ClusterConfiguration
kubernetesVersion: ${S[kubernetes-version]}
etcd:
  local:
    imageRepository: ${S[image-repository]}
    imageTag: ${S[image-tag]}
    dataDir: $DATA
    serverCertSANs: ["${S[advertise-address]}"]
    peerCertSANs: ["${S[advertise-address]}"]
    extraArgs:
EOF
  {
    for key in "${!S[@]}"; do
      if [[ $key == arg.* ]]; then echo "${key#arg.} ${S[$key]}"; fi
    done
    echo "initial-cluster $2"
    echo "initial-cluster-state $1"
    echo "initial-cluster-token ${S[token]}"
  } | sort | while read -r key value; do
    case ${S[kubeadm-api]} in
      v1beta3) printf '      %s: "%s"\n' "$key" "$value" ;;
      *) printf '    - name: "%s"\n      value: "%s"\n' "$key" "$value" ;;
    esac
  done
}

render_patch() {
  cat <<EOF
spec:
  containers:
  - name: etcd
    volumeMounts:
    - name: data-guard
      mountPath: /etc/etcd-host-guard
      readOnly: true
  volumes:
  - name: data-guard
    hostPath:
      path: $GUARD
      type: File
EOF
}

# join : this host has no data that the quorum knows. The quorum takes it in as a learner, which
# has no vote until it holds the data. A member's old identity is never started on an empty disk:
# it may have voted for entries that it no longer has.
join() {
  local list id cluster
  list=$(reachable_list "$(other_client_urls)") || die $E_REFUSED \
    "${S[member]}: no quorum of the cluster${known_as} answers at $(other_client_urls). Nothing was changed. Bring a majority of its members back, or restore from a snapshot; a second, empty cluster is never founded"
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
  put_folder "$DATA" 700
  put_guard
  apply_manifest now
  become_voter
  await_healthy
  changed "joined"
}
known_as=

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
  stamp member "$MANIFEST" "$OWN/kubeadm.yaml" "$OWN/patches/etcd+strategic.yaml"
  echo "converged: $(serial)"
}

member_drift() {
  [[ -r $STATE/member.stamp ]] || return 0
  if ! has_data; then
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

## gate                 waits until this member is healthy in its quorum; reports its identity
verb_gate() {
  read_state member arg.advertise-client-urls health-timeout-seconds 'after?'
  lock
  wait_until "${S[health-timeout-seconds]}" member_healthy || unhealthy "is not healthy"
  note_formed
  printf 'member-id: %x\n' "$(status_field MemberID)"
  printf 'cluster-id: %x\n' "$(status_field ClusterID)"
  printf 'version: %s\n' "$(status_field Version)"
}

## leave                removes this member from the cluster, stops it, moves its data aside
verb_leave() {
  local list id end
  read_state "${MEMBER_KEYS[@]}"
  lock
  if list=$(reachable_list "$(client_urls)"); then
    id=$(own_id "$list")
    if [[ -n $id && $(voters "$list") -gt 1 ]]; then
      end=$((SECONDS + 60))
      # Others may be leaving too: what was read a moment ago is asked again.
      until quorum_after_removal "$list" "$id"; do
        ((SECONDS < end)) ||
          die $E_REFUSED "${S[member]}: without it too few healthy members are left for a quorum: $(unhealthy_note "$list" "$id"). Nothing was changed. Bring them back first, or give this member up by hand: etcd-host abandon"
        sleep 1
        list=$(reachable_list "$(client_urls)") || continue
      done
      move_leadership "$list" "$id" || true
      log "${S[member]}: leaves the cluster"
      etcd_ctl --endpoints="$(client_urls)" member remove "$id" >&2
      changed "member $id removed"
    fi
  elif has_data && [[ -n $(recall formed) ]]; then
    die $E_REFUSED "${S[member]}: no quorum answers at $(client_urls), so it cannot leave. Nothing was changed. Bring the members back first, or give this member up by hand: etcd-host abandon"
  fi
  give_up_member
}

## abandon              by hand only: stops this member and moves its data aside, asking no quorum
verb_abandon() {
  lock
  give_up_member
}

give_up_member() {
  remove_file "$MANIFEST"
  wait_until 45 no_etcd || stop_member
  set_aside
  rmdir "$DATA" 2>/dev/null || true
  rm -rf "$OWN"
  forget formed
  forget founding
  forget started
  forget member.stamp
}
no_etcd() { [[ -z $(etcd_pid) ]]; }
