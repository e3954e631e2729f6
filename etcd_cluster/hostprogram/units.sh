
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
