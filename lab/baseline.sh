#!/usr/bin/env bash
# The procedure that this project replaces, as the script a careful person would write: every step
# on one host after another, over ssh. `make bench` times `pulumi up` against it.
#
#   baseline.sh IDENTITY KNOWN_HOSTS KUBERNETES_VERSION IMAGE_TAG NAME=ADDRESS…
set -euo pipefail

identity=$1 known_hosts=$2 version=$3 tag=$4
shift 4
names=() addresses=()
for pair in "$@"; do names+=("${pair%%=*}") addresses+=("${pair#*=}"); done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

options=(-i "$identity" -o "UserKnownHostsFile=$known_hosts" -o StrictHostKeyChecking=yes -o BatchMode=yes
  -o LogLevel=ERROR)
on() { # ADDRESS COMMAND…
  local address=$1
  shift
  # shellcheck disable=SC2029 # what differs per host is meant to be expanded here
  ssh "${options[@]}" "root@$address" "$@"
}
copy() { scp -q "${options[@]}" "$@"; }

# S3-5: a kubelet that knows no API server
for address in "${addresses[@]}"; do
  on "$address" 'mkdir -p /etc/systemd/system/kubelet.service.d /etc/kubernetes/manifests
cat > /var/lib/kubelet/baseline.yaml <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
address: 127.0.0.1
cgroupDriver: cgroupfs
failCgroupV1: false
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
staticPodPath: /etc/kubernetes/manifests
EOF
cat > /etc/systemd/system/kubelet.service.d/20-etcd-service-manager.conf <<EOF
[Service]
ExecStart=
ExecStart=/usr/bin/kubelet --config=/var/lib/kubelet/baseline.yaml
Restart=always
EOF
systemctl daemon-reload; systemctl enable -q kubelet; systemctl restart kubelet'
done

# S3-6: kubeadm's configuration, one file a host
cluster=
for i in "${!names[@]}"; do cluster+=",${names[$i]}=https://${addresses[$i]}:2380"; done
for i in "${!names[@]}"; do
  cat >"$work/$i.yaml" <<EOF
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration: {name: ${names[$i]}}
localAPIEndpoint: {advertiseAddress: ${addresses[$i]}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v$version
etcd:
  local:
    imageTag: $tag
    serverCertSANs: ["${addresses[$i]}"]
    peerCertSANs: ["${addresses[$i]}"]
    extraArgs:
    - {name: initial-cluster, value: "${cluster#,}"}
    - {name: initial-cluster-state, value: new}
    - {name: name, value: "${names[$i]}"}
    - {name: listen-peer-urls, value: "https://${addresses[$i]}:2380"}
    - {name: listen-client-urls, value: "https://127.0.0.1:2379,https://${addresses[$i]}:2379"}
    - {name: advertise-client-urls, value: "https://${addresses[$i]}:2379"}
    - {name: initial-advertise-peer-urls, value: "https://${addresses[$i]}:2380"}
EOF
  copy "$work/$i.yaml" "root@${addresses[0]}:/root/kubeadmcfg-$i.yaml"
done

# S3-7, S3-8: the CA and every host's certificates, on the first host
first=${addresses[0]}
on "$first" 'kubeadm init phase certs etcd-ca --config /root/kubeadmcfg-0.yaml >/dev/null'
for ((i = ${#names[@]} - 1; i >= 0; i--)); do
  on "$first" "for c in etcd-server etcd-peer etcd-healthcheck-client apiserver-etcd-client; do
  kubeadm init phase certs \$c --config /root/kubeadmcfg-$i.yaml >/dev/null
done
mkdir -p /root/pki-$i && cp -R /etc/kubernetes/pki /root/pki-$i/
if [ $i != 0 ]; then find /etc/kubernetes/pki -not -name ca.crt -not -name ca.key -type f -delete; fi"
done

# S3-9: to the other hosts, without the CA's key
for ((i = 1; i < ${#names[@]}; i++)); do
  on "$first" "tar -C /root/pki-$i --exclude=ca.key -c pki" | on "${addresses[$i]}" 'tar -C /etc/kubernetes -x'
  copy "$work/$i.yaml" "root@${addresses[$i]}:/root/kubeadmcfg-$i.yaml"
done

# S3-11: the static pod
for i in "${!names[@]}"; do
  on "${addresses[$i]}" "kubeadm init phase etcd local --config /root/kubeadmcfg-$i.yaml >/dev/null"
done

# S3-13: healthy
endpoints=$(printf ',https://%s:2379' "${addresses[@]}")
on "$first" "for try in \$(seq 600); do
  ETCDCTL_API=3 etcdctl --cert /etc/kubernetes/pki/etcd/peer.crt --key /etc/kubernetes/pki/etcd/peer.key \
    --cacert /etc/kubernetes/pki/etcd/ca.crt --endpoints ${endpoints#,} endpoint health >/dev/null 2>&1 && exit 0
  sleep 0.2
done
exit 1"
