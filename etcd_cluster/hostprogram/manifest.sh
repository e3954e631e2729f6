
# --- the manifest, and the etcd that runs from it ----------------------------------------------

# The CAs that etcd trusts, its clients' and its peers', are in two files whose names say which these
# are: etcd reads them when it starts, so a member that trusts others than the desired ones runs with
# other flags. The peers' lies inside the data, to be lost with the data: on an emptied disk etcd does
# not start, and so can never bootstrap a second cluster with other emptied members.
# (initial-cluster-state: new stays in the manifest of a bootstrapper; changing it would restart etcd.)
trusted_file() { if [[ -n ${S[trusted]-} ]]; then echo "$PKI/trusted-${S[trusted]}.crt"; else echo "$PKI/ca.crt"; fi; }
guard_file() { echo "$DATA/member/peer-ca${S[trusted]:+-${S[trusted]}}.crt"; }

put_guard() {
  [[ ! -v S[trusted] || ${S[trusted]} =~ ^[0-9]+(-[0-9]+)?$ ]] ||
    die $E_INPUT "trusted: invalid: expected one number or two, e.g. 1-2"
  [[ -r $(trusted_file) ]] || die $E_REFUSED "${S[member]}: $(trusted_file), which holds the CAs that its etcd is" \
    "to trust, is missing. Nothing was changed. Run it again: the certificates come before the member"
  refuse_links
  # (What is here changes hands as a whole: see own_data.)
  put_data_folder
  [[ -d $DATA/member ]] || put_folder "$DATA/member" 700 "$(owner_of "$DATA")"
  put_file "$(guard_file)" 644 "$(trusted_file)" "$(owner_of "$DATA/member")"
}

# drop_former_trust : once etcd runs with the desired one.
drop_former_trust() {
  local file wanted
  wanted=$(trusted_file)
  for file in {"$PKI","$ETCD_PKI"}/trusted-*.crt "$DATA"/member/peer-ca*.crt; do
    [[ ! -e $file || ${file##*/} == "${wanted##*/}" || $file == "$(guard_file)" ]] || remove_file "$file"
  done
}

# trusted_by_etcd : SHA-256 of each CA that the etcd here trusts its peers by, or would when it starts.
trusted_by_etcd() {
  local file
  file=$(flag_of "$(if [[ -n $(etcd_pid) ]]; then running_flags; else manifest_flags; fi)" peer-trusted-ca-file)
  [[ -n $file ]] || return 0
  if [[ -r $file ]]; then fingerprints <"$file" | paste -sd' '; else echo unknown; fi
}

# apply_manifest now|guarded : has kubeadm write the manifest, and restarts etcd, and the kubelet with
# it, only where one of them runs with other settings. `guarded` first makes sure that the cluster
# can spare this member. A kubelet of another version or driver would kill the pod and make it anew at
# a moment of its own (its UID is a hash of the pod as that kubelet sees it), so both stop here.
apply_manifest() {
  local running
  render_manifest "$WORK/etcd.yaml"
  need_address
  put_labels
  running=$(etcd_pid)
  # (A file of others may make a pod of the same name: without it the kubelet makes ours anew.)
  if [[ -n $running ]] && ! { as_rendered && kubelet_suits && [[ -z $(foreign_manifests) ]]; }; then
    need_open_data
    need_room_as_user
    need_writable
    if [[ $1 == guarded ]]; then
      need_image
      need_writable # (an image that was pulled takes room, too)
      make_spare
    fi
    note_tag
    # Twice as fast as letting the kubelet notice: it waits ten seconds between two pods of a name.
    start_at_the_end
    stop_member
    running=
  elif [[ -z $running && $1 == guarded ]]; then
    need_image
    before_new_version
    update_peer_url
  fi
  set_aside_foreign_manifests
  # One that kept ending is started again by the kubelet after minutes only, also where it would run by now: a
  # new kubelet starts it at once. And none may start while its data changes hands. (About one that came meanwhile,
  # as on a host that was still booting, nobody has been asked.)
  if [[ -z $running && -e $MANIFEST ]]; then
    start_at_the_end
    systemctl stop kubelet
    if ! as_rendered; then
      if [[ $1 == guarded ]] && serves_peers; then
        need_open_data
        need_room_as_user
        need_writable
        make_spare
      fi
      note_tag
      stop_member
    fi
  fi
  note_tag
  give_keys "$ETCD_OWNER"
  own_data
  label_files
  put_file "$OWN/kubeadm.yaml" 600 "$WORK/kubeadm.yaml"
  put_file "$PATCHES/etcd.yaml" 600 "$WORK/patches/etcd.yaml"
  put_file "$MANIFEST" 600 "$WORK/etcd.yaml"
  ensure_kubelet
  if [[ -z $running ]]; then
    remember pod-kubelet "$(dropin_digest) $(uname -n)"
    log "${S[member]}: etcd starts"
  fi
}

# start_at_the_end : whatever fails from here on. The manifest that is there by then suits the data. (Not where
# the data has been set aside: an old manifest must not start on what is to come.)
start_at_the_end() { ! has_data || trap 'ensure_kubelet || true; rm -rf "$WORK"' EXIT; }

# need_writable : what is written once its etcd is stopped. After an error the kernel makes a disk read-only, and the
# data may be on another one, which is well; the same goes for a disk that is full.
need_writable() {
  local found
  found=$(read_only)
  [[ -z $found ]] || die $E_REFUSED "${S[member]}: cannot be written to: $found. Its etcd could not be started again" \
    "once it is stopped. Nothing was changed. See dmesg, repair that disk and mount it for writing, then run it again"
  found=$(too_full)
  [[ -z $found ]] || die $E_REFUSED "${S[member]}: too little room on $(uname -n) for its etcd to start again once it" \
    "is stopped: $found. Nothing was changed. Make room there, then run it again"
}
# read_only : each folder that is written to while a member starts, and that not even root may write to.
read_only() {
  local folder found=''
  for folder in "$STATE" "$OWN" "$MANIFESTS" "$DATA" /var/lib/kubelet /var/log/pods; do
    [[ ! -d $folder || -w $folder ]] ||
      found+=", $folder (on the mount $(stat -L -c %m "$folder" 2>/dev/null || echo "?"))"
  done
  echo "${found#, }"
}

# note_tag : before anything stops, so that a plan that finds this member down knows whose turn it was.
note_tag() { [[ $(recall etcd-tag) == "${S[image-tag]}" ]] || remember etcd-tag "${S[image-tag]}"; }
new_tag() {
  local known
  known=$(recall etcd-tag)
  [[ ${known:-$(manifest_tag)} != "${S[image-tag]}" ]] # (its memory may be lost)
}

need_address() {
  own_addresses | grep -xF -e "${S[advertise-address]}" >/dev/null ||
    die $E_REFUSED "${S[member]}: ${S[advertise-address]} is not an address of this host" \
      "($(own_addresses | paste -sd' ')), so its etcd could not listen there. Nothing was changed." \
      "Correct members[].address"
}

make_spare() {
  local id begin
  spare_member "restarting it"
  mark_time begin
  before_new_version
  # (What was true before a snapshot, or a wait, is asked again.)
  if [[ -n $SNAPSHOT ]] || passed 1 "$begin"; then spare_member "restarting it"; fi
  update_peer_url
  if id=$(own_id); then hand_over "restarting it" "$id"; fi
}

# update_peer_url : where this member has a new address, the others learn of it before it moves.
# https://etcd.io/docs/v3.6/op-guide/runtime-configuration/#update-advertise-peer-urls
update_peer_url() {
  local id now wanted=${S[arg.initial-advertise-peer-urls]}
  if [[ -z $MEMBERS ]] && ! { look_at_members "$(all_urls)" && own_cluster "$(all_urls)"; }; then
    [[ ! -e $MANIFEST || $(manifest_flag initial-advertise-peer-urls) == "$wanted" ]] ||
      die $E_REFUSED "${S[member]}: its new address $wanted has to be told to the other members first, and they" \
        "could not be asked: $WHY. Nothing was changed. Bring a majority of them back at their old addresses," \
        "then run it again"
    return 0
  fi
  # (Where its memory is lost and its etcd is down: an etcd that cannot listen at a former address never says its id.)
  if ! id=$(own_id "$(data_id)" || entry_as_it_was || member_by_peer_url "$MEMBERS" "$wanted"); then
    [[ $(manifest_flag initial-advertise-peer-urls) == "$wanted" ]] ||
      die $E_REFUSED "${S[member]}: its new address $wanted has to be told to the other members first, and it is not" \
        "known which entry in their list is this member's: its etcd does not say its id, this host does not remember" \
        "it, and no entry has both its name and its former address. Nothing was changed. Find its entry on a" \
        "healthy member (etcdctl member list), tell it there (etcdctl member update ID --peer-urls=$wanted), then run" \
        "it again"
    return 0
  fi
  now=$(peer_url_of "$MEMBERS" "$id")
  [[ -n $now && $now != "$wanted" ]] || return 0
  ! is_learner "$MEMBERS" "$id" || return 0
  refuse_copy "$id"
  log "${S[member]}: its peer URL becomes $wanted (was $now)"
  # (Once: what the guard found would be old after a wait.)
  etcd_ctl --endpoints="$(serving_urls "$id" "$(all_urls)")" member update "$id" --peer-urls="$wanted" \
    >"$WORK/update.log" 2>&1 ||
    { look_at_members "$(all_urls)" && [[ $(peer_url_of "$MEMBERS" "$id") == "$wanted" ]]; } || # (the answer was lost)
    refuse_address "$wanted" "$(said_by_etcdctl "$WORK/update.log")"
  changed "peer URL $wanted"
}

# entry_as_it_was : the id of the entry of this name, if it has the address of this host's manifest. (Elsewhere it is
# that of a host which has taken this one's place.)
entry_as_it_was() {
  local id
  id=$(member_by_name "$MEMBERS" "${S[member]}") || return 1
  [[ $(peer_url_of "$MEMBERS" "$id") == "$(manifest_flag initial-advertise-peer-urls)" ]] && echo "$id"
}

# as_rendered : whether the manifest in its place, and the etcd that runs, are as the rendered one.
as_rendered() {
  cmp -s "$WORK/etcd.yaml" "$MANIFEST" &&
    [[ $(manifest_flags "$WORK/etcd.yaml") == "$(running_flags)" && $(runs_as) == "${ETCD_OWNER%:*}" ]]
}

ensure_kubelet() {
  local status=0
  systemctl is-active -q kubelet && return 0
  systemctl daemon-reload || status=1 # a drop-in may have come since
  systemctl start kubelet             # a member that was stopped starts in any case
  ((status == 0)) ||
    log "systemd could not reload its units, so the kubelet runs with those that it had read; check systemctl" \
      "daemon-reload (is /run full?), then run it again"
  return "$status"
}

stop_member() {
  local pid
  systemctl stop kubelet
  pid=$(etcd_pid)
  [[ -n $pid ]] || return 0
  kill -TERM "$pid" 2>/dev/null || true # (it may just have ended)
  wait_until 30 process_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
  wait_until 10 process_gone "$pid" || die $E_LATER "$(member_name): its etcd (process $pid) was killed and does not" \
    "exit; its disk may not respond. Its data was left alone. Fix the disk, or reboot the host; then run it again"
}
process_gone() { [[ ! -d /proc/$1 ]]; }

# render_manifest FILE : kubeadm writes the manifest, in a mount namespace where its folder is
# ours: the kubelet never sees half a file, and what is there can be compared first.
render_manifest() {
  local state cluster
  read -r state cluster <<<"$(recall started)"
  [[ -n $state && -n $cluster ]] || die $E_REFUSED "${S[member]}: this host does not remember the cluster that" \
    "its member was started in ($STATE/started). Nothing was changed. See docs/runbooks/damaged-member.md"
  render_kubeadm "$state" "$cluster" >"$WORK/kubeadm.yaml"
  put_folder "$MANIFESTS" 700
  put_folder "$OWN" 700
  put_folder "$PATCHES" 700
  mkdir -p "$WORK/manifests" "$WORK/patches"
  render_patch >"$WORK/patches/etcd.yaml"
  # shellcheck disable=SC2016 # expanded by the inner shell
  briefly unshare --mount sh -c 'mount --bind "$1/manifests" "$2" && mount --bind "$1/patches" "$3" &&
    exec kubeadm init phase etcd local --config "$1/kubeadm.yaml"' \
    sh "$WORK" "$MANIFESTS" "$PATCHES" >"$WORK/kubeadm.log" 2>&1 </dev/null ||
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
patches:
  directory: $PATCHES
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
    echo "peer-trusted-ca-file $(guard_file)"
    if [[ -n ${S[trusted]-} ]]; then echo "trusted-ca-file $(trusted_file)"; fi
  } | sort | while read -r key value; do
    case ${S[kubeadm-api]} in
      v1beta3) printf '      %s: "%s"\n' "$key" "$value" ;;
      *) printf '    - name: "%s"\n      value: "%s"\n' "$key" "$value" ;;
    esac
  done
}
