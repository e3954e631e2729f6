
# --- observing ---------------------------------------------------------------------------------

readonly AREAS=(packages registry host pki member backup)

## observe [UNIT SOCKET IDENTITY ADDRESS…] reports this host's state and drift
#
# IDENTITY is `CLUSTER MEMBER TOKEN CA` (several with commas), and the id of a cluster that is to be adopted
# or the file of a snapshot, if there is one; or `-` where no member is to be. ADDRESS are the other
# members'. What is asked of a host only before it is a member is asked only then. The clock is told first
# and last: whoever reads it knows when that was.
verb_observe() {
  local area reason reasons free
  echo "clock-begin: $(date +%s.%N)"
  echo "init: $(</proc/1/comm)"
  echo "family: $(family)"
  echo "architecture: $(uname -m)"
  versions
  if [[ -n ${1-} ]]; then
    echo "runtime: $(systemctl show -p LoadState --value "$1" 2>/dev/null)"
    if [[ -S $2 ]]; then echo "socket: present"; else echo "socket: absent"; fi
  fi
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then echo "cgroup: v2"; else echo "cgroup: v1"; fi
  echo "program: $(installed_program)"
  echo "addresses: $(own_addresses 2>/dev/null | paste -sd' ' || true)"
  echo "serial: $(serial)"
  if type -P rclone >/dev/null; then echo "rclone: present"; else echo "rclone: absent"; fi
  find_user
  echo "etcd-user: ${ETCD_USER_FAULT:-${ETCD_OWNER:-absent}}"
  echo "selinux: $(selinux_fault)"
  echo "read-only: $(read_only)"
  echo "full: $(too_full)"
  free=$(free_mib "$DATA")
  printf 'data-free-mib: %s\ndisk-free-mib: %s\n' "$(data_mib "$free")" "$free"
  observe_member "${3:--}"
  observe_backup
  for area in "${AREAS[@]}"; do
    reasons=
    while IFS= read -r reason; do reasons+=", $reason"; done < <("${area}_drift" "${1-}")
    echo "drift-$area: ${reasons#, }"
    echo "held-$area: $(recall "$area.held")"
  done
  if [[ -n ${1-} && -z $(recall formed) ]]; then check_host "${@:4}"; else peer_round_trips "${@:4}"; fi
  echo "clock-end: $(date +%s.%N)"
}

# installed_program : its digest; `absent` also where it is not as it was installed, and so perhaps cannot be run.
installed_program() {
  if [[ -f $PROGRAM && ! -L $PROGRAM && $(stat -c '%a %u' "$PROGRAM") == "755 0" ]]; then
    sha256sum <"$PROGRAM" | cut -c1-64
  else
    echo absent
  fi
}

# observe_member IDENTITY : whose member is here, and what its etcd says of itself, without TLS.
observe_member() {
  local identity=$1 fault='' member adopt snapshot='' well=
  read -r _ member _ _ adopt <<<"$identity"
  if [[ $adopt == /* ]]; then snapshot=$adopt adopt=''; fi
  if [[ $identity != - ]]; then
    # shellcheck disable=SC2086 # its words
    fault=$(claim_fault $identity)
    if [[ -n $snapshot ]]; then echo "snapshot: $(snapshot_mark "$snapshot")"; fi
  fi
  echo "foreign: $fault"
  if [[ -n $adopt && -n $fault ]]; then observe_adoption; fi
  echo "adopted: $(recall adopted)"
  if [[ -n $(recall adopted) ]]; then
    echo "adopt-flags: $(running_flags | paste -sd' ')"
    observe_trust
    observe_others
  fi
  echo "ca-keys: $(ca_keys | paste -sd' ')"
  echo "owner: $(recall owner)"
  echo "formed: $(own_past formed "$member")"
  echo "member-id: $(own_past member-id "$member")"
  echo "restoring: $(recall restoring)"
  echo "restored: $(recall restored)"
  echo "known-revision: $(known_revision)"
  echo "etcd-tag: $(recall etcd-tag)"
  echo "started: $(recall started)"
  echo "kubernetes: $(sed -n 's/^kubernetesVersion: //p' "$OWN/kubeadm.yaml" 2>/dev/null || true)" # as it was made with
  echo "issuer: $(recall issuer)"
  echo "certificates: $(own_certificates | paste -sd' ')"
  echo "trusts: $(trusted_by_etcd)"
  echo "token: $(manifest_flag initial-cluster-token)"
  echo "runtime-used: $(sed -n 's/^containerRuntimeEndpoint: //p' "$KUBELET_CONFIG" 2>/dev/null || true)"
  ! await_settled "$adopt" || well=yes
  if has_data; then echo "data: present"; else echo "data: absent"; fi
  echo "unmounted: $(mount_fault)"
  if [[ -n $(etcd_pid) ]]; then echo "etcd: running"; else echo "etcd: stopped"; fi
  echo "etcd-uid: $(runs_as)"
  echo "etcd-keys: $(grep -q "^ *path: $ETCD_PKI\$" "$MANIFEST" 2>/dev/null && echo copies || echo "in $PKI")"
  if [[ -n $well ]]; then
    echo "healthy: yes"
    ! is_for_an_up || rm -f "$RUN/unwell"
  else
    echo "healthy: no"
    ! is_for_an_up || note_unwell
  fi
  echo "health: $({ http_get /health || true; } | sed -n 's/.*"health":"\([a-z]*\)","reason":"\([^"]*\)".*/\1 \2/p')"
  { http_get /metrics || true; } | own_metrics
}

member_drift() {
  if [[ -n $(recall adopted) ]]; then
    echo "adopted"
    return 0
  elif [[ ! -r $STATE/member.stamp ]]; then
    if [[ -e $MANIFEST ]]; then echo "what this host remembered of its member is lost"; else echo "no member here"; fi
    return 0
  elif ! has_data; then
    echo "data missing"
    return 0
  fi
  file_drift member
  user_drift
  if selinux_on && ! grep -q "^ *level: $SELINUX_LEVEL\$" "$MANIFEST" 2>/dev/null; then
    echo "etcd's pod has no SELinux level"
  fi
  if [[ -z $(etcd_pid) ]]; then
    echo "etcd not running"
  elif [[ -r $MANIFEST && $(manifest_flags) != "$(running_flags)" ]]; then
    echo "etcd runs with other flags"
  fi
  foreign_manifests | sed 's/$/ in the manifests folder, which the kubelet runs/'
}

# await_settled ADOPT : whether its etcd is healthy. A member that should run, or is to be adopted, and is not well, is
# looked at for as long as a boot of its pod or an election may take, or a busy host to answer. A plan that takes it
# for lost would have all such members restart side by side.
readonly SETTLE_SECONDS=10
await_settled() {
  local limit=0
  if [[ -n $(recall formed) ]]; then
    [[ -n $(recall restoring) || ! -e $MANIFEST ]] || ! systemctl is-active -q kubelet 2>/dev/null ||
      limit=$SETTLE_SECONDS
  else
    [[ -z $1 || -z $(etcd_pid) ]] || limit=$SETTLE_SECONDS
  fi
  wait_until "$limit" member_healthy
}

# is_for_an_up : the host keeps the program then (`observe_line`). A preview, also one in between, has nothing done.
is_for_an_up() { [[ $0 == "$RUN/program" ]]; }
note_unwell() { # for the guard: see let_others_first
  [[ -n $(recall formed) ]] || return 0
  mkdir -p "$RUN"
  : >"$RUN/unwell"
}

# own_metrics : facts from etcd's /metrics.
own_metrics() {
  awk '
    function label(  part) { return split($1, part, "\"") >= 2 ? part[2] : "" }
    index($1, "etcd_network_active_peers{") == 1 && $2 == 1 && split($1, part, "\"") == 5 { peers = peers " " part[4] }
    $1 == "etcd_server_is_leader" { print "leader: " ($2 == 1 ? "yes" : "no") }
    $1 == "etcd_server_is_learner" { print "learner: " ($2 == 1 ? "yes" : "no") }
    index($1, "etcd_server_version{") == 1 { print "etcd-version: " label() }
    index($1, "etcd_cluster_version{") == 1 && $2 == 1 { print "cluster-version: " label() }
    $1 == "etcd_mvcc_db_total_size_in_bytes" { printf "db-bytes: %.0f\n", $2 }
    $1 == "etcd_debugging_mvcc_current_revision" { printf "revision: %.0f\n", $2 }
    $1 == "etcd_server_quota_backend_bytes" { printf "quota-bytes: %.0f\n", $2 }
    END { if (peers != "") print "active-peers:" peers }'
}

# What kubelet, kubeadm and etcdctl say they are. Asking them takes as long as all the rest, so the
# answer is kept, until the next boot, for the very files that gave it; but not that one of them said nothing.
versions() {
  local marks program said
  marks=$(stat -L -c '# %n %i %s %Y' "$(type -P kubelet)" "$(type -P kubeadm)" \
    "$(type -P etcdctl)" 2>/dev/null || true)
  if [[ -r $RUN/versions && $(grep '^#' "$RUN/versions") == "$marks" ]] && ! grep -q ': $' "$RUN/versions"; then
    grep -v '^#' "$RUN/versions"
    return 0
  fi
  said=$(for program in kubelet kubeadm etcdctl; do echo "$program: $(program_version "$program")"; done)
  echo "$said"
  [[ $said$'\n' != *": "$'\n'* ]] || return 0
  mkdir -p "$RUN"
  printf '%s\n' "$marks" "$said" >"$RUN/.versions.$$"
  mv -f "$RUN/.versions.$$" "$RUN/versions"
}

program_version() { # NAME
  local said=
  type -P "$1" >/dev/null || {
    echo absent
    return 0
  }
  case $1 in
    kubelet) said=$(briefly kubelet --version) && echo "${said##* }" ;;
    kubeadm) briefly kubeadm version -o short ;;
    etcdctl) said=$(briefly etcdctl version) && said=${said%%$'\n'*} && echo "v${said##* }" ;;
  esac
}

# briefly COMMAND… : a Go program that ends at once. It need not make ready for long work.
briefly() { GOMAXPROCS=1 GOGC=off "$@"; }
