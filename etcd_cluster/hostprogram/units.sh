
# --- the units of kubelet and container runtime -------------------------------------------------

# unmask_unit UNIT : a mask in /etc and one in /run, which lasts until the next boot, are removed by a call each.
unmask_unit() {
  local state
  [[ $(systemctl is-enabled "$1" 2>/dev/null) == masked* ]] || return 0
  systemctl unmask -q "$1" || true
  systemctl unmask -q --runtime "$1" || true
  state=$(systemctl is-enabled "$1" 2>/dev/null) || true
  [[ $state != masked* ]] || die $E_REFUSED "$1 is masked ($state), and systemctl unmask did not change that. Find" \
    "the mask with \"systemctl cat $1\" or \"systemctl status $1\" and remove it by hand, then run it again"
  changed "$1 unmasked"
}

# boot_drift UNIT : why the next boot would not start it. (What `enable` cannot change is no drift, as of a unit
# without an [Install] section, which something else starts.)
boot_drift() {
  case $(systemctl is-enabled "$1" 2>/dev/null) in
    masked*) echo "$1 masked" ;;
    disabled) echo "$1 not enabled at boot" ;;
  esac
}

# put_kubelet_config FILE : the kubelet reads its configuration when it starts, and nothing about the process tells
# what that was. So where another file was there, a kubelet that began before this one was put there does not count:
# `kubelet-file` has the boot and the moment, or `changes` until the file is there. (Nothing is remembered on a host
# that had the right file whenever it was looked at.)
readonly BOOT_ID=/proc/sys/kernel/random/boot_id
put_kubelet_config() {
  local boot moment
  if cmp -s "$1" "$KUBELET_CONFIG" && [[ $(recall kubelet-file) != changes ]]; then
    put_file "$KUBELET_CONFIG" 600 "$1" # (its mode and owner, which the kubelet does not ask for)
    return 0
  fi
  remember kubelet-file changes
  put_file "$KUBELET_CONFIG" 600 "$1"
  read -r boot <"$BOOT_ID"
  moment=$(started_at "$BASHPID") # (whoever is asked has just begun)
  remember kubelet-file "$boot $moment"
}
# has_read_config PID : whether that kubelet began after the file was last put right.
has_read_config() {
  local known boot moment now began
  known=$(recall kubelet-file)
  [[ -n $known ]] || return 0
  read -r boot moment <<<"$known"
  [[ $moment =~ ^[0-9]+$ ]] && read -r now <"$BOOT_ID" || return 1
  [[ $now == "$boot" ]] || return 0 # (a boot has started it since)
  began=$(started_at "$1") && ((began > moment))
}
# kubelet_config_edited : whether the file's content is not what prepare-kubelet left. Whoever wrote it may have
# restarted the kubelet with it, too.
kubelet_config_edited() {
  local left now
  left=$(recall host.stamp | grep "^[0-9a-f]\{64\}  $KUBELET_CONFIG\$") || return 1
  now=$(sha256sum "$KUBELET_CONFIG" 2>/dev/null) || true
  [[ $now != "$left" ]]
}
