
# --- the manifest, and the etcd that runs from it ----------------------------------------------

put_guard() {
  put_folder "$DATA" 700
  [[ -d $DATA/member ]] || mkdir "$DATA/member"
  put_file "$GUARD" 644 "$PKI/ca.crt"
}

# apply_manifest now|guarded : has kubeadm write the manifest, and restarts etcd only where the
# running one has other flags. `guarded` first makes sure that the cluster can spare this member.
apply_manifest() {
  local running
  render_manifest "$WORK/etcd.yaml"
  if [[ -n $(etcd_pid) ]] && ! as_rendered; then
    [[ $1 == now ]] || spare_me
    # Twice as fast as letting the kubelet notice: it waits ten seconds between two pods of a name.
    stop_member
  fi
  running=$(etcd_pid)
  put_file "$MANIFEST" 600 "$WORK/etcd.yaml"
  ensure_kubelet
  [[ -n $running ]] || log "${S[member]}: etcd starts"
}

# as_rendered : whether the manifest in its place, and the etcd that runs, are as the rendered one.
as_rendered() {
  cmp -s "$WORK/etcd.yaml" "$MANIFEST" &&
    [[ $(manifest_flags "$WORK/etcd.yaml") == "$(running_flags)" ]]
}

ensure_kubelet() {
  systemctl is-active -q kubelet || systemctl start kubelet
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

# render_manifest FILE : kubeadm writes the manifest, in a mount namespace where its folder is
# ours: the kubelet never sees half a file, and what is there can be compared first.
render_manifest() {
  local state cluster
  read -r state cluster <<<"$(recall started)"
  render_kubeadm "$state" "$cluster" >"$WORK/kubeadm.yaml"
  put_folder "$OWN" 700
  put_folder "$MANIFESTS" 700
  put_file "$OWN/kubeadm.yaml" 600 "$WORK/kubeadm.yaml"
  mkdir -p "$WORK/manifests"
  # shellcheck disable=SC2016 # expanded by the inner shell
  briefly unshare --mount sh -c 'mount --bind "$1" "$2" && exec kubeadm init phase etcd local --config "$3"' \
    sh "$WORK/manifests" "$MANIFESTS" "$OWN/kubeadm.yaml" >"$WORK/kubeadm.log" 2>&1 </dev/null ||
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
    echo "peer-trusted-ca-file $GUARD"
  } | sort | while read -r key value; do
    case ${S[kubeadm-api]} in
      v1beta3) printf '      %s: "%s"\n' "$key" "$value" ;;
      *) printf '    - name: "%s"\n      value: "%s"\n' "$key" "$value" ;;
    esac
  done
}
