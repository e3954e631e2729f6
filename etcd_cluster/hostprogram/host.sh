
# --- the host: system, runtime, kubelet --------------------------------------------------------

HOST_KEYS=(cluster member kubernetes-version runtime-unit runtime-socket cgroup-driver cgroup-v1
  'pause-image?' 'etcd-image?' 'registry-login?')

## prepare-host         prepares operating system and container runtime, for a host that runs no member
verb_prepare_host() {
  read_state cluster member runtime-unit runtime-socket cgroup-driver 'pause-image?' 'registry-login?'
  [[ ! -e $DROPIN ]] ||
    die $E_REFUSED "the kubelet of this host runs an etcd member. Nothing was changed. Use another host"
  lock
  prepare_system
  echo "converged: $(serial)"
}

# prepare_system : what a host needs, whatever runs on it.
prepare_system() {
  configure_system
  configure_runtime
  start_runtime
  pull_images
}

## prepare-kubelet      prepares operating system, container runtime, and a standalone kubelet
verb_prepare_kubelet() {
  local files
  read_state "${HOST_KEYS[@]}"
  need_program kubelet kubeadm etcdctl
  lock
  put_labels # before the runtime confines anything
  prepare_system
  put_folder "$MANIFESTS" 700
  put_folder "$PKI" 700
  put_folder "$OWN" 700
  render_kubelet_config >"$WORK/kubelet.yaml"
  render_dropin >"$WORK/dropin"
  put_kubelet_config "$WORK/kubelet.yaml"
  put_file "$DROPIN" 600 "$WORK/dropin"
  set_aside_foreign_dropins
  if ! systemctl is-enabled -q kubelet; then
    unmask_unit kubelet
    systemctl enable -q kubelet # (it reloads: systemd would go on showing the unit as it was)
    changed "kubelet enabled"
  fi
  start_kubelet
  mapfile -t files < <(runtime_config)
  stamp host "$KUBELET_CONFIG" "$DROPIN" "$MODULES_FILE" "$SYSCTL_FILE" "${files[@]}"
  echo "converged: $(serial)"
}

need_program() {
  local program missing=()
  for program in "$@"; do command -v "$program" >/dev/null || missing+=("$program"); done
  ((${#missing[@]} == 0)) ||
    die $E_REFUSED "${missing[*]}: not installed on this host; install them at the configured version, or set" \
      "install: packages"
}

# start_kubelet : with its settings, unless that would be felt by an etcd that runs: then the member's
# own turn, which comes next and asks the quorum first, restarts both at once.
start_kubelet() {
  # Asked by what runs and not by which file was written: a run killed in between wrote it too. And
  # systemd does not notice by itself that a first drop-in came into a new folder.
  kubelet_current && return 0
  if [[ -n $(etcd_pid) ]] && ! kubelet_suits; then
    log "the kubelet restarts with its member"
    return 0
  fi
  systemctl daemon-reload
  systemctl restart kubelet
  changed "kubelet started with $(kubelet_digest)"
}

# kubelet_suits : whether the kubelet that runs, or that would be started next to an etcd that it
# started itself, has the settings of the drop-in.
kubelet_suits() { kubelet_current || { ! systemctl is-active -q kubelet && suits_pod; }; }
# suits_pod : its node's name is in a pod's UID, too. (An earlier version of this program remembered the digest alone.)
suits_pod() {
  local digest name
  read -r digest name <<<"$(recall pod-kubelet)"
  [[ $digest == "$(dropin_digest)" && ${name:-$(uname -n)} == "$(uname -n)" ]]
}

# https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/setup-ha-etcd-with-kubeadm/
# Authentication and authorization have to be given for a kubelet without an API server.
# Nobody could log in to it, so it serves nothing but its health on loopback; with a certificate
# that is there it makes no key of its own. The host's iptables are none of its business.
render_kubelet_config() {
  cat <<EOF
# Written by etcd-host; changes here are undone.
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous:
    enabled: false
  webhook:
    enabled: false
authorization:
  mode: AlwaysAllow
address: 127.0.0.1
enableServer: false
tlsCertFile: $PKI/server.crt
tlsPrivateKeyFile: $PKI/server.key
makeIPTablesUtilChains: false
cgroupDriver: ${S[cgroup-driver]}
containerRuntimeEndpoint: unix://${S[runtime-socket]}
runtimeRequestTimeout: 15m
staticPodPath: $MANIFESTS
# A full disk is etcd's to report. The kubelet would delete the images that the next start needs.
imageGCHighThresholdPercent: 100
evictionHard:
  memory.available: 100Mi
  nodefs.available: 0%
  nodefs.inodesFree: 0%
  imagefs.available: 0%
  imagefs.inodesFree: 0%
EOF
  case ${S[cgroup-v1]} in
    unknown) ;; # this kubelet has no such field
    allowed) echo "failCgroupV1: false" ;;
    refused) echo "failCgroupV1: true" ;;
    *) die $E_INPUT "cgroup-v1: give allowed, refused or unknown" ;;
  esac
}

# The digest in the environment tells what a *running* kubelet was started with, whoever
# started it and however often: nothing else survives a run that was killed in between.
kubelet_digest() {
  local digest
  digest=$({ echo "${S[kubernetes-version]}" && render_kubelet_config && render_exec; } | sha256sum)
  echo "${digest:0:16}"
}
render_exec() {
  cat <<EOF
ExecStart=
ExecStart=$(type -P kubelet) --config=$KUBELET_CONFIG
Restart=always
RestartSec=2
EOF
}
render_dropin() {
  cat <<EOF
# Written by etcd-host: a kubelet of its own, that runs static pods and knows no API server.
[Unit]
# Without its runtime the kubelet ends, and is started again only after a pause.
After=${S[runtime-unit]}.service
Wants=${S[runtime-unit]}.service

[Service]
Environment=ETCD_HOST_KUBELET=$(kubelet_digest)
EOF
  render_exec
}

# The digest that the drop-in on disk asks for, and the one the running kubelet has.
dropin_digest() { sed -n 's/^Environment=ETCD_HOST_KUBELET=//p' "$DROPIN" 2>/dev/null; }
running_digest() {
  local pid=${1-}
  [[ -n $pid ]] || pid=$(systemctl show -p MainPID --value kubelet 2>/dev/null)
  [[ ${pid:-0} == 0 ]] || tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | sed -n 's/^ETCD_HOST_KUBELET=//p'
}
kubelet_current() { # [PID]
  local wanted pid=${1-}
  [[ -n $pid ]] || pid=$(systemctl show -p MainPID --value kubelet 2>/dev/null)
  wanted=$(dropin_digest)
  [[ -n $wanted && $(running_digest "$pid") == "$wanted" &&
    $(kubelet_arguments "$pid") == "--config=$KUBELET_CONFIG" ]] && has_read_config "$pid"
}
kubelet_arguments() { process_arguments "${1:-0}" | paste -sd' ' || true; } # PID

# kubelet_stays PID : one that ends again and again runs too, for a part of each round. This one has run for ten
# seconds, or has started the etcd that runs here.
readonly KUBELET_TICKS=1000
kubelet_stays() {
  local begun now etcd
  begun=$(started_at "$1") && now=$(started_at "$BASHPID") || return 1 # (whoever is asked has just begun)
  ((now - begun < KUBELET_TICKS)) || return 0
  etcd=$(etcd_pid)
  [[ -n $etcd ]] && etcd=$(started_at "$etcd") && ((etcd >= begun))
}
# started_at PID : when that process was, in hundredths of a second.
started_at() {
  local line fields
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -r -a fields <<<"${line##*) }" # (its name may hold anything)
  [[ ${fields[19]-} =~ ^[0-9]+$ ]] && echo "${fields[19]}"
}

# foreign_dropins : those that systemd reads after ours, and that may change what the kubelet runs. (Not those of all
# services, in service.d: they are the host's. If one changes it, that is seen by what the kubelet runs with.)
foreign_dropins() {
  local path
  for path in $(systemctl show -p DropInPaths --value kubelet 2>/dev/null); do
    [[ ${path%/*} == */kubelet.service.d ]] || continue
    # (systemd lists what it read last; a file may have gone since.)
    [[ -e $path && ${path##*/} > ${DROPIN##*/} ]] && echo "$path"
  done
  return 0
}
set_aside_foreign_dropins() {
  local path target
  target=${DROPIN%/*}.aside/$(date -u +%Y%m%dT%H%M%S.%NZ)
  while read -r path; do
    [[ -n $path ]] || continue
    if [[ $path != /etc/* && $path != /run/* ]]; then
      log "$path comes with a package and was left alone; it may change what the kubelet runs"
      continue
    fi
    mkdir -p "$target"
    mv "$path" "$target/"
    changed "$path set aside in $target"
    systemctl daemon-reload
  done < <(foreign_dropins)
}

host_drift() { # [RUNTIME-UNIT]
  local unit
  if [[ ! -r $STATE/host.stamp ]]; then
    echo "not prepared"
    return 0
  fi
  file_drift host
  system_drift
  selinux_drift
  if [[ -n ${1-} ]]; then
    systemctl is-active -q "$1" || echo "$1 stopped"
    boot_drift "$1"
    runtime_drift "$1"
  fi
  unit=$(systemctl show -p ActiveState,MainPID,UnitFileState kubelet 2>/dev/null)
  foreign_dropins | sed 's/.*\///; s/^/kubelet drop-in /'
  if [[ $unit != *ActiveState=active* ]]; then
    echo "kubelet stopped"
    [[ -z $(etcd_pid) ]] || suits_pod || echo "kubelet restarts with its member"
  elif ! kubelet_current "$(sed -n 's/^MainPID=//p' <<<"$unit")"; then
    echo "kubelet runs with other settings"
  elif kubelet_config_edited && [[ -n $(etcd_pid) ]]; then
    echo "kubelet restarts with its member"
  fi
  case $unit in
    *UnitFileState=enabled*) ;;
    *UnitFileState=masked*) echo "kubelet masked" ;;
    *) echo "kubelet not enabled at boot" ;;
  esac
}

## forget-host [TOKEN]  stops the kubelet and removes what prepare-kubelet wrote
verb_forget_host() { # TOKEN
  read_state "${HOST_KEYS[@]}"
  lock
  own_host "${S[cluster]}" "${S[member]}" "${1:--}"
  no_member_left "${S[member]}"
  forget_host
}

forget_host() {
  if systemctl is-active -q kubelet || systemctl is-enabled -q kubelet 2>/dev/null; then
    systemctl disable -q --now kubelet
    changed "kubelet stopped"
  fi
  # (Swap stays off, and the runtime as it is: nobody knows who else counts on them by now.)
  remove_file "$DROPIN" "$KUBELET_CONFIG" "$MODULES_FILE" "$SYSCTL_FILE" "${SYSCTL_FILE/-zz/}"
  rmdir "${DROPIN%/*}" 2>/dev/null || true
  systemctl daemon-reload
  rm -rf "$OWN"
  forget_labels
  forget host.stamp
  forget runtime-config
  forget kubelet-file
}

## uninstall CLUSTER MEMBER [TOKEN]   removes this program and what it remembers; data set aside stays
verb_uninstall() { # CLUSTER MEMBER TOKEN
  lock
  own_host "$1" "$2" "${3:--}"
  no_member_left "$2"
  remove_state
  rm -f "$PROGRAM" "$RUN/program"
  changed "$PROGRAM removed"
}
