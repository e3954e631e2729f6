
# --- the container runtime ---------------------------------------------------------------------

readonly CONTAINERD_CONFIG=/etc/containerd/config.toml
readonly CRIO_CONFIG=/etc/crio/crio.conf.d/20-etcd-host.conf
readonly CRIO_LOGIN=/etc/crio/etcd-host-login.json

# configure_runtime : only where its package came from us (then there is a pause image to name);
# in an image that somebody made, the runtime is as they want it.
configure_runtime() {
  local config=$CONTAINERD_CONFIG digest unit=${S[runtime-unit]-}
  [[ -n ${S[pause-image]-} ]] || return 0
  if [[ $unit == crio ]]; then config=$CRIO_CONFIG; fi
  "render_$unit" >"$WORK/runtime"
  digest=$(sha256sum <"$WORK/runtime")
  if [[ $(recall runtime-config) == "$digest" ]] && cmp -s "$WORK/runtime" "$config"; then
    put_area_file host "$config" 644 "$WORK/runtime" # (its mode and owner, which the runtime does not ask for)
    return 0
  fi
  # Also where only the file differs: whoever wrote it may have restarted the runtime with it, and then the right
  # file alone would change nothing but what this program believes. What it was started with is forgotten first, so
  # that a run that is cut off before the restart leaves it to the next one.
  spare_member "restarting $unit"
  unmask_unit "$unit"
  forget runtime-config
  put_area_file host "$config" 644 "$WORK/runtime"
  systemctl restart "$unit" || runtime_does_not_start
  remember runtime-config "$digest"
  changed "$unit restarted with its configuration"
}
# runtime_drift UNIT : whether its file was put in place by a run that was cut off before the restart.
runtime_drift() {
  [[ -z $(recall runtime-config) ]] || return 0
  ! stamped_paths host | grep -xF -e "$CONTAINERD_CONFIG" -e "$CRIO_CONFIG" >/dev/null ||
    echo "$1 runs with other settings"
}
runtime_config() { # the file that configure_runtime wrote on this host, if it did
  local file
  for file in "$CONTAINERD_CONFIG" "$CRIO_CONFIG"; do
    [[ -n $(recall runtime-config) && -e $file ]] || continue
    if [[ $(sha256sum <"$file") == "$(recall runtime-config)" ]]; then echo "$file"; fi
  done
}

# https://kubernetes.io/docs/setup/production-environment/container-runtimes/#containerd
# Version 2 is read by containerd 1.x, and by 2.x, which translates it.
render_containerd() {
  cat <<EOF
# Written by etcd-host; changes here are undone.
version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${S[pause-image]}"$(render_confinement)

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = $([[ ${S[cgroup-driver]} == systemd ]] && echo true || echo false)
EOF
}

# https://kubernetes.io/docs/setup/production-environment/container-runtimes/#cri-o
render_crio() {
  cat <<EOF
# Written by etcd-host; changes here are undone.
[crio.runtime]
cgroup_manager = "${S[cgroup-driver]}"
conmon_cgroup = "$([[ ${S[cgroup-driver]} == systemd ]] && echo system.slice || echo pod)"

[crio.image]
pause_image = "${S[pause-image]}"
EOF
  if [[ ${S[registry-login]-} == given ]]; then
    printf 'global_auth_file = "%s"\npause_image_auth_file = "%s"\n' "$CRIO_LOGIN" "$CRIO_LOGIN"
  fi
}

start_runtime() {
  unmask_unit "${S[runtime-unit]}"
  if ! systemctl is-active -q "${S[runtime-unit]}"; then
    systemctl enable -q --now "${S[runtime-unit]}" || runtime_does_not_start
    changed "${S[runtime-unit]} started"
  elif ! systemctl is-enabled -q "${S[runtime-unit]}"; then
    systemctl enable -q "${S[runtime-unit]}"
    changed "${S[runtime-unit]} enabled"
  fi
  wait_until 60 test -S "${S[runtime-socket]}" ||
    die $E_REFUSED "${S[runtime-socket]}: no socket found; check containerRuntime" \
      "and the runtime's own configuration"
}
runtime_does_not_start() {
  journalctl -u "${S[runtime-unit]}" -n 5 --no-pager -o cat 2>/dev/null | indent || true
  die $E_REFUSED "${S[runtime-unit]}: the container runtime does not start;" \
    "see the lines above, and journalctl -u ${S[runtime-unit]}"
}

# pull_images : before anything waits for them. What a registry answers is told here, in place of
# a member that does not come up.
pull_images() {
  local image
  for image in "${S[pause-image]-}" "${S[etcd-image]-}"; do
    [[ -n $image ]] || continue
    has_image "$image" || pull_image "$image"
  done
}
# (By itself crictl gives up after two seconds, which a busy host may take.)
has_image() { cri 30 --timeout 25s inspecti -q "$1" >/dev/null 2>&1; }
runtime_answers() { cri 30 --timeout 25s version >"$WORK/cri.log" 2>&1; }
pull_image() { # IMAGE [TEXT]
  log "pulling $1"
  cri 600 --timeout 300s pull "$1" >"$WORK/pull.log" 2>&1 || {
    ! grep 'unknown service runtime\.v1\.' "$WORK/pull.log" >/dev/null || refuse_runtime_without_v1
    die $E_REFUSED "${S[member]:+${S[member]}: }$1 could not be pulled:" \
      "$(pull_complaint <"$WORK/pull.log").${2:+ $2.} Check imageRepository and registry (caFile, username," \
      "password), etcd.imageTag, and that this host can reach it"
  }
  keep_images "$1"
  changed "$1 pulled"
}
# keep_images IMAGE : runtimes note in their databases at once that an image is whole, and leave its files to the
# kernel. After a power loss some would be empty, and the image would count as whole (containerd issues 5854, 9115).
keep_images() {
  local folder
  for folder in "${RUNTIME_FOLDERS[@]}"; do
    [[ ! -d $folder ]] || sync -f "$folder" 2>"$WORK/sync.log" ||
      die $E_REFUSED "${S[member]:+${S[member]}: }$1 was pulled, and could not be written to the disk of $folder:" \
        "$(tail -n 1 "$WORK/sync.log"). See dmesg, and repair that disk; then delete the image (crictl rmi $1)," \
        "and run it again"
  done
}

# need_image : before an etcd is stopped, or a member added: what its pod is made of is here, or can be pulled. (The
# image that it runs from may have been deleted since. The pod of one that does not run may have its pause container.)
need_image() {
  local each
  need_unshare
  if [[ -n $(etcd_pid) ]]; then
    for each in $(known_pause_image); do need_one_image "$each"; done
  fi
  need_one_image "${S[image-repository]}/etcd:${S[image-tag]}"
}
known_pause_image() { # of a runtime that this program has configured
  local file
  for file in $(runtime_config); do sed -n 's/^ *\(sandbox\|pause\)_image = "\(.*\)"$/\2/p' "$file"; done
}
need_one_image() { # IMAGE
  local image=$1 why=''
  if ! type -P crictl >/dev/null; then
    why="there is no crictl on this host"
  elif has_image "$image"; then
    return 0
  elif ! runtime_answers; then
    [[ -z $(etcd_pid) ]] || refuse_silent_runtime
    why="crictl does not reach the runtime at ${S[cri-socket]}"
  elif kubelet_logs_in; then
    why="the kubelet logs in to registries by itself, which crictl does not"
  fi
  if [[ -n $why ]]; then
    log "${S[member]}: whether $image can be pulled was not checked: $why"
  else
    pull_image "$image" "Nothing was changed"
  fi
}
refuse_silent_runtime() {
  local said
  said=$(last_line "$WORK/cri.log") || true
  die $E_REFUSED "${S[member]}: the container runtime does not answer at ${S[cri-socket]} (crictl says:" \
    "${said:-nothing within 30 s}), so its etcd could not be started again once it is stopped. Nothing was changed." \
    "Restart the runtime while the other members are healthy (systemctl restart containerd, or crio), or replace a" \
    "crictl that does not suit it; then run it again"
}
# need_unshare : kubeadm, and an etcd that looks at a copy of its data, run in mounts or a network of their own. Some
# systems' AppArmor takes every right from what unshare starts, root's too, and a hardened host may get that later.
readonly APPARMOR=/sys/kernel/security/apparmor/profiles
need_unshare() {
  grep -s '^unshare (enforce)' "$APPARMOR" >/dev/null || return 0
  ! unshare --mount mount --bind "$WORK" "$WORK" 2>"$WORK/unshare.log" || return 0
  die $E_REFUSED "${S[member]}: AppArmor's profile \"unshare\" strips all privileges from the commands that this" \
    "program runs with unshare: $(last_line "$WORK/unshare.log"). Nothing was changed. Disable that profile on this" \
    "host (e.g. ln -s /etc/apparmor.d/unshare-userns-restrict /etc/apparmor.d/disable/ and restart apparmor), then" \
    "run it again"
}
kubelet_logs_in() { [[ -e /var/lib/kubelet/config.json || -e /root/.docker/config.json ]]; }
refuse_runtime_without_v1() {
  die $E_REFUSED "${S[runtime-unit]-the runtime} does not serve CRI v1, which kubelets from 1.26 on" \
    "need: it is older than containerd 1.6, or its CRI plugin is disabled in its configuration." \
    "Install a newer one, or enable the plugin"
}
cri() { # SECONDS ARGUMENT…
  local socket=${S[cri-socket]-unix://${S[runtime-socket]-}}
  timeout "$1" crictl --runtime-endpoint "$socket" --image-endpoint "$socket" "${@:2}"
}
# The end of the chain of causes is what went wrong; what is before it only wraps it.
pull_complaint() {
  grep -v '^time=.*level=warn' | tail -n 1 |
    sed 's/^.*msg="//; s/.*desc = //; s/"$//; s/\\//g' | cut -c1-400
}

## registry             configures the runtime's access to the image registry: its CA, a login
verb_registry() {
  local path before now=()
  read_state registry runtime 'ca?' 'login?'
  lock registry
  if [[ -n ${S[ca]-} ]]; then
    printf '%s' "${S[ca]}" | base64 -d >"$WORK/ca.crt" || die $E_INPUT "ca: not base64"
  fi
  case ${S[runtime]} in
    containerd) registry_of_containerd "/etc/containerd/certs.d/${S[registry]}" ;;
    crio) registry_of_crio "/etc/containers/certs.d/${S[registry]}" ;;
    *) die $E_INPUT "runtime: unknown; give containerd or crio" ;;
  esac
  # Of another registry or runtime: no password stays behind.
  mapfile -t before < <(stamped_paths registry)
  for path in "${before[@]}"; do
    [[ " ${now[*]} " == *" $path "* ]] || remove_file "$path"
  done
  stamp registry "${now[@]}"
  echo "converged: $(serial)"
}

# Each adds to the caller's `now` what it has written.
registry_of_containerd() { # FOLDER
  render_hosts_toml "$1" >"$WORK/hosts.toml"
  put_area_file registry "$1/hosts.toml" 600 "$WORK/hosts.toml"
  now+=("$1/hosts.toml")
  registry_ca "$1/ca.crt"
}
registry_of_crio() { # FOLDER
  if [[ -n ${S[login]-} ]]; then
    printf '{"auths": {"%s": {"auth": "%s"}}}\n' "${S[registry]}" "${S[login]}" >"$WORK/login.json"
    put_file "$CRIO_LOGIN" 600 "$WORK/login.json"
    now+=("$CRIO_LOGIN")
  else
    remove_file "$CRIO_LOGIN"
  fi
  registry_ca "$1/ca.crt"
}
registry_ca() { # PATH
  [[ -n ${S[ca]-} ]] || return 0 # (one that is there may be the host's own)
  put_area_file registry "$1" 644 "$WORK/ca.crt"
  now+=("$1")
}

# https://github.com/containerd/containerd/blob/main/docs/hosts.md. (Where the host has no such image, containerd
# asks the server, which is the same one, by what stands above: without CA and login it would report those.)
render_hosts_toml() { # FOLDER
  local ca='' login='' header=''
  if [[ -n ${S[ca]-} ]]; then ca="ca = \"$1/ca.crt\""; fi
  if [[ -n ${S[login]-} ]]; then
    login="Authorization = \"Basic ${S[login]}\"" header="[host.\"https://${S[registry]}\".header]"
  fi
  cat <<EOF
# Written by etcd-host; changes here are undone.
server = "https://${S[registry]}"
$ca
${header:+[header]}
  $login

[host."https://${S[registry]}"]
  capabilities = ["pull", "resolve"]
  $ca
  $header
  $login
EOF
}

registry_drift() {
  if [[ -r $STATE/registry.stamp ]]; then file_drift registry; else echo "registry not configured"; fi
}

## forget-registry CLUSTER MEMBER [TOKEN]   removes what registry wrote
verb_forget_registry() { # CLUSTER MEMBER TOKEN
  lock
  own_host "$1" "$2" "${3:--}"
  forget_registry
}

forget_registry() {
  local paths
  mapfile -t paths < <(stamped_paths registry)
  remove_file "${paths[@]}"
  forget registry.stamp
}
