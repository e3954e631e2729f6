#!/bin/bash
# etcd-host: keeps one member of an external etcd cluster of static pods in its declared state.
#
#   etcd-host VERB [ARGUMENT…] < state.yaml        run as root; `etcd-host help` lists the verbs
#
# stdin   the desired state, flat YAML: one `key: value` a line. Read and checked whole before
#         anything changes; an unknown, missing or repeated key is an error.
# stdout  results only, `key: value`. It lands in Pulumi's state: no secrets, no clock.
# stderr  what is being done, and last `etcd-host: changed: …` or `etcd-host: unchanged`.
# exit    0 done   2 usage   3 bad input   1 anything else
#         4 refused: as it is, it cannot be; the text says whether nothing was changed
#         5 not yet: not healthy in time, or another is at work on this host; run it again
#
# Every verb can be run again at any time, also after it was killed half way.

set -euo pipefail
umask 077
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
unset CDPATH ENV BASH_ENV ETCDCTL_SECONDS ETCDCTL_PROGRAM

readonly PROGRAM=/usr/local/sbin/etcd-host
readonly STATE=/var/lib/etcd-host RUN=/run/etcd-host
readonly DATA=/var/lib/etcd
readonly PKI=/etc/kubernetes/pki/etcd
readonly MANIFESTS=/etc/kubernetes/manifests
readonly MANIFEST=$MANIFESTS/etcd.yaml
readonly OWN=/etc/kubernetes/etcd-host # kubeadm's configuration
readonly KUBELET_CONFIG=/var/lib/kubelet/etcd-service-manager.yaml
readonly DROPIN=/etc/systemd/system/kubelet.service.d/20-etcd-service-manager.conf

readonly E_USAGE=2 E_INPUT=3 E_REFUSED=4 E_LATER=5

# The one way out with an error. die STATUS TEXT… (the texts are joined by spaces)
die() {
  local status=$1
  shift
  printf 'etcd-host: %s\n' "$*" >&2
  exit "$status"
}

log() { printf '%s\n' "$*" >&2; }

CHANGES=()
changed() { CHANGES+=("$*"); }

report_changes() {
  local joined
  if ((${#CHANGES[@]})); then
    joined=$(printf '%s, ' "${CHANGES[@]}")
    log "etcd-host: changed: ${joined%, }"
  else
    log "etcd-host: unchanged"
  fi
}
