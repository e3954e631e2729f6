#!/bin/sh
# Fills a containerd store with images, without a network and without touching this machine's runtime.
# usage: import-images.sh LOWERDIR STORE ARCHIVES
#   LOWERDIR  overlayfs's lowerdir= of the hosts' root, so that the hosts' own containerd does it
#   STORE     folder that becomes /var/lib/containerd
#   ARCHIVES  folder of docker-archive files
# Run it in mount, pid and network namespaces of its own: what it mounts and starts ends with it.
set -eu

main() {
  lower=$1 store=$2 archives=$3

  mount -t tmpfs tmpfs /mnt
  mkdir /mnt/upper /mnt/work /mnt/root
  mount -t overlay overlay -o "lowerdir=$lower,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
  mkdir -p /mnt/root/var/lib/containerd /mnt/root/mnt
  mount --bind "$store" /mnt/root/var/lib/containerd
  mount --bind "$archives" /mnt/root/mnt
  mount --rbind /dev /mnt/root/dev
  mount -t proc proc /mnt/root/proc

  chroot /mnt/root containerd >/mnt/containerd.log 2>&1 &
  containerd=$!

  tries=0
  until chroot /mnt/root ctr version >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -gt 200 ] || ! kill -0 "$containerd"; then
      echo "containerd did not start:" >&2
      cat /mnt/containerd.log >&2
      exit 1
    fi
    sleep 0.1
  done

  for archive in "$archives"/*.tar; do
    chroot /mnt/root ctr --namespace k8s.io images import --snapshotter overlayfs "/mnt/${archive##*/}"
  done

  # An orderly stop: its database is closed before the store is copied.
  kill -TERM "$containerd"
  wait "$containerd"
}

main "$@"
