
# --- the operating system: swap, kernel modules, sysctls -----------------------------------------
# https://kubernetes.io/docs/setup/production-environment/container-runtimes/

readonly MODULES_FILE=/etc/modules-load.d/etcd-host.conf
# (Read by name, and 99-sysctl.conf is /etc/sysctl.conf.)
readonly SYSCTL_FILE=/etc/sysctl.d/99-zz-etcd-host.conf
readonly MODULES=(overlay br_netfilter)
readonly SYSCTLS=(
  net/bridge/bridge-nf-call-iptables
  net/bridge/bridge-nf-call-ip6tables
  net/ipv4/ip_forward
)

configure_system() {
  local module name
  swap_off
  printf '%s\n' "# Written by etcd-host." "${MODULES[@]}" >"$WORK/modules"
  put_file "$MODULES_FILE" 644 "$WORK/modules"
  for module in "${MODULES[@]}"; do
    has_module "$module" && continue
    apart "$WORK/modprobe.log" modprobe "$module" 9>&- ||
      die $E_REFUSED "kernel module $module could not be loaded:" \
        "$(tail -n 1 "$WORK/modprobe.log"); install the modules of the running kernel"
    changed "module $module loaded"
  done
  {
    echo "# Written by etcd-host."
    for name in "${SYSCTLS[@]}"; do echo "${name//\//.} = 1"; done
  } >"$WORK/sysctl"
  put_file "$SYSCTL_FILE" 644 "$WORK/sysctl"
  remove_file "${SYSCTL_FILE/-zz/}" # its former name
  for name in "${SYSCTLS[@]}"; do
    [[ $(<"/proc/sys/$name") != 1 ]] || continue
    echo 1 >"/proc/sys/$name" || die $E_REFUSED "sysctl ${name//\//.} could not be set to 1"
    changed "${name//\//.} set"
  done
}

# A module may be built in, or be there under no name of its own: what it brings is asked for.
has_module() {
  case $1 in
    overlay) grep -qw overlay /proc/filesystems ;;
    br_netfilter) [[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]] ;;
  esac
}

# The kubelet does not start while swap is on, so it must stay off after a boot too: a line in
# fstab, a unit of its own, or one that a generator makes (zram).
swap_off() {
  local unit state path
  if fstab_has_swap; then
    path=$(readlink -f /etc/fstab) # (the modes of a link say nothing)
    sed -E 's/^\s*([^#[:space:]]\S*\s+\S+\s+swap(\s.*)?)$/# etcd-host: \1/' \
      "$path" >"$WORK/fstab"
    put_file "$path" "$(stat -c %a "$path")" "$WORK/fstab"
    systemctl daemon-reload
  fi
  while read -r unit; do
    state=$(systemctl is-enabled "$unit" 2>/dev/null) || true
    case $state in
      masked* | disabled) continue ;;
      enabled*) systemctl disable -q --now "$unit" ;;
      *) mask_unit "$unit" ;;
    esac || die $E_REFUSED "$unit could not be turned off for good: $(systemctl is-enabled "$unit" 2>&1 || true)." \
      "Turn it off by hand"
    changed "$unit off"
  done < <(swap_units)
  if swap_is_on; then
    swapoff -a ||
      die $E_REFUSED "swap could not be turned off; is there enough free memory? See swapon --show"
    changed "swap off"
  fi
}
# mask_unit UNIT : one that is a file of the administrator's own cannot be masked where it lies.
mask_unit() {
  if [[ -f $UNITS/$1 && ! -L $UNITS/$1 ]]; then
    systemctl stop "$1" && keep_others host "$UNITS/$1" && systemctl daemon-reload || return 1
  fi
  systemctl mask -q --now "$1"
}
readonly UNITS=/etc/systemd/system
fstab_has_swap() {
  local device kind
  [[ -r /etc/fstab ]] || return 1
  while read -r device _ kind _ || [[ -n $device ]]; do # (the last line may have no end)
    if [[ $device != \#* && $kind == swap ]]; then return 0; fi
  done </etc/fstab
  return 1
}
swap_is_on() {
  local lines
  mapfile -t lines </proc/swaps
  ((${#lines[@]} > 1)) # the first is a heading
}
swap_units() {
  find /etc/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system \
    /run/systemd/generator /run/systemd/generator.late -maxdepth 1 -type f -name '*.swap' \
    -printf '%f\n' 2>/dev/null | sort -u
}

system_drift() {
  local name
  if swap_is_on; then echo "swap on"; fi
  if fstab_has_swap; then echo "swap in fstab"; fi
  for name in "${SYSCTLS[@]}"; do
    [[ -r /proc/sys/$name && $(<"/proc/sys/$name") == 1 ]] || echo "${name//\//.} not 1"
  done
}
