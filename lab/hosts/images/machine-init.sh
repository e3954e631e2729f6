#!/bin/busybox sh
# shellcheck shell=dash
# A machine's first program: mounts its disk, puts the host's own files on it, and starts systemd.
# /host and /network.sh come in an archive of the host's own (lab/hosts/qemu.py).
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys

# It is only asked whether a kernel comes this far at all.
if $b grep -q lab.probe /proc/cmdline; then
  echo lab-probe-ok >/dev/console
  $b poweroff -f
fi

while read -r module; do
  $b insmod "/modules/$module.ko" 2>/dev/null
done </modules/order

tries=0
until [ -b /dev/vda ] || [ "$tries" -ge 400 ]; do
  tries=$((tries + 1))
  $b sleep 0.05
done
if ! $b mount -t ext4 -o rw,noatime /dev/vda /root; then
  echo "lab: the disk cannot be mounted" >/dev/console
  $b poweroff -f
fi

if [ ! -e /root/etc/lab-made ]; then
  $b cp -a /host/. /root/
  # (With the labels that the policy has for them, where the disk has one.)
  if [ -e /root/etc/selinux/config ]; then
    (cd /host && $b find . -mindepth 1) | $b sed 's/^\.//' |
      $b chroot /root /usr/sbin/setfiles -F -f - /etc/selinux/default/contexts/files/file_contexts
  fi
  : >/root/etc/lab-made
fi
# A wipe of a machine that was off: once, by its number.
if [ "$($b cat /wiped)" != "$($b cat /root/etc/lab-wiped 2>/dev/null)" ]; then
  $b rm -rf /root/var/lib/etcd/* /root/var/lib/etcd/.[!.]*
  $b cp /wiped /root/etc/lab-wiped
fi

# shellcheck source=/dev/null
. /network.sh
$b umount /sys
$b umount /proc
$b mount -o move /dev /root/dev
exec $b switch_root /root /lib/systemd/systemd
