#!/bin/bash
# kubernetes-control-plane: a control plane by kubeadm on this host, on an etcd outside of it.
#
#   kubernetes-control-plane VERB [ARGUMENT…]          run as root; `help` lists the verbs
#
# stdout  results only; it lands in Pulumi's state. Of kubeadm's output, which holds join tokens and
#         the key to the uploaded certificates, nothing gets there or into a log.
# stderr  what is being done
# exit    0 done   2 usage   3 bad input   4 refused, nothing was touched   1 anything else
#
# Every verb can be run again at any time, also after it was killed half way.

set -euo pipefail
umask 077
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
unset CDPATH ENV BASH_ENV

readonly CONFIG=/root/kubeadm-config.yaml
readonly STATE=/var/lib/kubernetes-control-plane RUN=/run/kubernetes-control-plane
readonly FOLDER=/etc/kubernetes
readonly PKI=$FOLDER/pki MANIFESTS=$FOLDER/manifests ADMIN=$FOLDER/admin.conf
readonly COMPONENTS=(kube-apiserver kube-controller-manager kube-scheduler)
readonly READY_SECONDS=240

die() { # STATUS TEXT…
  local status=$1
  shift
  printf 'kubernetes-control-plane: %s\n' "$*" >&2
  exit "$status"
}
log() { printf '%s\n' "$*" >&2; }

# Small facts that this program remembers on the host: `begun`, `applied` (a digest), `host` (whose
# client files these are), `serial` (rises with every repair), and how each of these files looks.
recall() { if [[ -r $STATE/$1 ]]; then printf '%s' "$(<"$STATE/$1")"; fi; }
remember() { # NAME VALUE
  mkdir -p "$STATE"
  printf '%s\n' "$2" >"$STATE/.$1.new"
  sync "$STATE/.$1.new"
  mv -f "$STATE/.$1.new" "$STATE/$1"
}

lock() {
  mkdir -p "$RUN"
  exec 9>"$RUN/lock"
  flock -w 600 9 || die 1 \
    "another kubernetes-control-plane on this host has held the lock for ten minutes; run it again later"
  rm -rf "$RUN"/work.*
  WORK=$(mktemp -d "$RUN/work.XXXXXX")
  trap 'rm -rf "$WORK"' EXIT
}

# --- kubeadm's configuration -------------------------------------------------------------------

## apply               brings the control plane to the configuration on stdin
#
# stdin is one YAML map from each kind to its document, so that Pulumi can compare it key by key;
# kubeadm wants the documents one after the other.
verb_apply() {
  lock
  awk '/^[A-Z][A-Za-z]*:$/ { print "---"; next } { sub(/^  /, ""); print }' >"$WORK/config.yaml"
  validate
  if [[ -z $(recall applied) ]]; then
    start_control_plane
  elif [[ $(recall applied) != "$(sha256sum <"$WORK/config.yaml")" ]]; then
    change_control_plane
  fi
  systemctl enable -q kubelet
  systemctl is-active -q kubelet || systemctl start kubelet
  wait_until_ready
  remember applied "$(sha256sum <"$WORK/config.yaml")"
  # What `kubeconfig` would print, without saying it: a new one is to be read anew.
  echo "kubeconfig: $(sha256sum <"$ADMIN" | cut -c1-64)"
}

validate() {
  kubeadm config --help 2>/dev/null | grep -q '^  validate ' || return 0 # it came with 1.28
  kubeadm config validate --config "$WORK/config.yaml" >"$WORK/validate.log" 2>&1 ||
    die 3 "kubeadm does not take this configuration: $(grep -v '^To see the stack' "$WORK/validate.log" | tail -n 1)"
}

put_config() {
  install -m 600 "$WORK/config.yaml" "$CONFIG.new"
  sync "$CONFIG.new"
  mv -f "$CONFIG.new" "$CONFIG"
  cp "$CONFIG" "$STATE/config.yaml" # what is compared with: the other one is where people edit
}

# --- kubeadm init, whole, or what is left of one that was killed ---------------------------------

start_control_plane() {
  local again=()
  if [[ -z $(recall begun) && -e $MANIFESTS/kube-apiserver.yaml ]]; then
    die 4 "this host has a control plane already, which was not made here; take another host, or end that one" \
      "(kubeadm reset)"
  fi
  if [[ -n $(recall begun) ]]; then
    log "an earlier kubeadm init was not finished; it is finished now"
    if [[ -e $MANIFESTS/kube-apiserver.yaml ]]; then
      # Each phase of kubeadm takes what it finds; only the checks before them mind.
      again=(--ignore-preflight-errors "$(already_there)")
    else
      # Nobody has used these yet, and half a pair of certificate and key cannot be used.
      find "$PKI" -type f ! -path "$PKI/etcd/*" ! -name 'apiserver-etcd-client.*' -delete
      rm -f "$FOLDER"/{admin,super-admin,kubelet,controller-manager,scheduler}.conf
    fi
  fi
  remember begun yes
  put_config
  log "kubeadm init"
  run_kubeadm init --config "$CONFIG" --upload-certs "${again[@]}"
}
already_there() {
  printf 'FileAvailable--etc-kubernetes-manifests-%s.yaml,' "${COMPONENTS[@]}"
  printf 'FileAvailable--etc-kubernetes-kubelet.conf,Port-6443,Port-10250,Port-10257,Port-10259'
}

# --- another configuration ---------------------------------------------------------------------

change_control_plane() {
  local key version running
  for key in controlPlaneEndpoint podSubnet serviceSubnet advertiseAddress name; do
    [[ $(value "$key" "$STATE/config.yaml") == "$(value "$key" "$WORK/config.yaml")" ]] ||
      die 4 "$key: cannot change from '$(value "$key" "$STATE/config.yaml")' to" \
        "'$(value "$key" "$WORK/config.yaml")' while a control plane is there; set it back, or destroy this stack first"
  done
  version=$(value kubernetesVersion "$WORK/config.yaml")
  running=$(sed -n 's/^    image: .*:\(v[0-9.]*\)$/\1/p' "$MANIFESTS/kube-apiserver.yaml")
  [[ $running == "$version" ]] ||
    die 4 "kubernetesVersion: the control plane runs $running; upgrade it with 'kubeadm upgrade apply $version' first" \
      "(its steps depend on what runs there), then run this again"
  put_config
  new_server_certificate
  run_kubeadm init phase control-plane all --config "$CONFIG"
  run_kubeadm init phase kubelet-start --config "$CONFIG"
  wait_until_ready
  run_kubeadm init phase upload-config all --config "$CONFIG"
}
value() { sed -n "s/^ *$1: //p" "$2" | awk 'NR == 1'; } # KEY FILE

# kubeadm keeps a certificate that is there, whatever names are wanted in it. The API server takes
# the new one without a restart.
new_server_certificate() {
  local name
  for name in crt key; do
    [[ ! -e $PKI/apiserver.$name ]] || mv "$PKI/apiserver.$name" "$WORK/apiserver.$name"
  done
  if ! (run_kubeadm init phase certs apiserver --config "$CONFIG"); then
    cp -p "$WORK"/apiserver.{crt,key} "$PKI/"
    exit 1
  fi
}

# --- running kubeadm, waiting --------------------------------------------------------------------

run_kubeadm() { # ARGUMENT…
  kubeadm "$@" >"$WORK/kubeadm.log" 2>&1 </dev/null && return 0
  log "kubeadm said:"
  complaints <"$WORK/kubeadm.log" | indent
  api_server_said
  die 1 "kubeadm $* failed; see above. When the cause is fixed, run it again"
}

# The errors of its checks where they failed; else its last lines. Without what looks like a token,
# or a key.
complaints() {
  sed -E 's/\x1b\[[0-9;]*m//g; s/[0-9a-f]{64}/…/g; s/[a-z0-9]{6}\.[a-z0-9]{16}/…/g' |
    awk 'NF && !/^CONFIG_/ && !/--v=5 or higher/ {
        line[++n] = $0
        if (/\[ERROR /) bad[++m] = $0
      }
      END {
        if (m) for (i = 1; i <= m; i++) print bad[i]
        else for (i = (n > 8 ? n - 7 : 1); i <= n; i++) print line[i]
      }'
}
indent() { cut -c1-500 | sed 's/^[[:space:]]*/    /' >&2; }

api_server_said() {
  local file
  file=$(find /var/log/pods/kube-system_kube-apiserver-*/ -name '*.log' -size +0 -printf '%T@ %p\n' 2>/dev/null |
    sort -n | sed -n '$s/^[^ ]* //p') || true
  [[ -n $file ]] || return 0
  log "the API server last said ($file):"
  cut -d' ' -f4- "$file" | tail -n 3 | indent
}

# Ready, and every component runs as its manifest says: the kubelet needs a moment to see a new one.
wait_until_ready() {
  local begin=$SECONDS
  until ready; do
    if ((SECONDS - begin > READY_SECONDS)); then
      api_server_said
      die 1 "the control plane is not ready after $READY_SECONDS s: ${NOT_READY:-unknown}; see above, and journalctl" \
        "-u kubelet. When the cause is fixed, run it again"
    fi
    sleep 0.5
  done
}
ready() {
  local name pid
  for name in "${COMPONENTS[@]}"; do
    NOT_READY="$name does not run"
    pid=$(pgrep -o -x "${name:0:15}") || return 1
    NOT_READY="$name runs with other flags than its manifest's"
    [[ $(sed -n 's/^    - \(--.*\)$/\1/p' "$MANIFESTS/$name.yaml" | sort) == \
      "$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | sed 1d | sort)" ]] || return 1
  done
  NOT_READY="the API server's /readyz does not say ok"
  [[ $(timeout 10 kubectl --kubeconfig "$ADMIN" get --raw=/readyz 2>/dev/null) == ok ]]
}

## kubeconfig          the administrator's kubeconfig, on stdout; a secret
verb_kubeconfig() { cat "$ADMIN"; }

## reset               ends the control plane: kubeadm reset. What it stored in etcd stays there
verb_reset() {
  local socket
  lock
  [[ -n $(recall begun) ]] || return 0
  socket=$(value criSocket "$STATE/config.yaml")
  # The members are not this host's to remove; kubeadm would look for one here, for a minute.
  kubeadm reset --force --cri-socket "$socket" --skip-phases remove-etcd-member \
    >"$WORK/kubeadm.log" 2>&1 </dev/null || {
    complaints <"$WORK/kubeadm.log" | indent
    die 1 "kubeadm reset failed; see above. When the cause is fixed, run it again"
  }
  systemctl disable -q --now kubelet
  rm -f "$CONFIG"
  rm -rf "$STATE"
}
