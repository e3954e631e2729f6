#!/bin/sh
# One host's power supply: mounts its root, runs systemd-nspawn, and again when it reboots.
# usage: supervise.sh MACHINE NAME NETNS LOWERDIR FOLDER CGROUP…
#   MACHINE   nspawn's name for the host, unique on this machine
#   NAME      the host's own hostname
#   NETNS     path of its network namespace
#   LOWERDIR  overlayfs's lowerdir= (the image)
#   FOLDER    its disk: upper/, work/, root/, containerd/, containers/
#   CGROUP…   the cgroups it lives in, one per hierarchy
# Run it in a mount namespace of its own: its mounts then end with its processes, also after SIGKILL.
set -eu

REBOOT=133 # nspawn's exit status for a host that rebooted

# A machine that starts has no cgroups of its last boot; a kubelet spends 3 s on each it finds.
forget_last_boot() {
  for cgroup in "$@"; do
    tries=0
    # A process that is just ending may hold its group for a moment.
    until find "$cgroup" -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null; do
      tries=$((tries + 1))
      [ "$tries" -lt 40 ] || break
      sleep 0.05
    done
  done
}

main() {
  machine=$1 name=$2 netns=$3 lower=$4 folder=$5
  shift 5

  # Everything from here on can be found, and ended, through these cgroups.
  for cgroup in "$@"; do
    echo $$ >"$cgroup/cgroup.procs"
  done

  rm -f "$folder/stopped"

  mount -t overlay overlay \
    -o "lowerdir=$lower,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
  # What nspawn leaves in these folders when it is killed is not to be left on this machine. (After
  # the root's mount: the image may lie in /tmp.)
  mkdir -p /run/systemd/nspawn
  mount -t tmpfs -o mode=1777 tmpfs /tmp
  mount -t tmpfs -o mode=0755 tmpfs /run/systemd/nspawn

  # Plain folders under what runtimes keep: an overlay's upper layer cannot lie on an overlay.
  mkdir -p "$folder/containerd" "$folder/containers"

  export SYSTEMD_NSPAWN_API_VFS_WRITABLE=1 # the kubelet sets sysctls
  export SYSTEMD_SECCOMP=0
  # The last word is for the host's own systemd: 256 and 257 want it where the machine has cgroup v1.
  while :; do
    forget_last_boot "$@"
    status=0
    systemd-nspawn --quiet --directory="$folder/root" --boot --register=no --keep-unit \
      --machine="$machine" --hostname="$name" --network-namespace-path="$netns" --capability=all \
      --link-journal=no --resolv-conf=off --timezone=off --console=pipe \
      --bind="$folder/containerd:/var/lib/containerd" \
      --bind="$folder/containers:/var/lib/containers" \
      SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 || status=$?
    [ "$status" -eq "$REBOOT" ] || break
  done

  # It powered itself off: a stopped host, whose disk is to be kept. Not so if nspawn was killed.
  if [ "$status" -eq 0 ]; then
    : >"$folder/stopped"
  fi
}

main "$@"
