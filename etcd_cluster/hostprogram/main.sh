
# -----------------------------------------------------------------------------------------------

verb_help() { sed -n 's/^## /  /p' "$0"; }

# A verb is a function verb_NAME. The whole program is read before this last line runs: a copy cut
# short does nothing.
main() {
  local verb=${1-}
  if ! [[ $verb =~ ^[a-z-]+$ ]] || ! declare -F "verb_${verb//-/_}" >/dev/null; then
    die $E_USAGE "unknown verb '$verb'; see etcd-host help"
  fi
  shift
  [[ $(id -u) == 0 || $verb == help ]] || die $E_REFUSED "run as root (sudo -n $PROGRAM $verb)"
  "verb_${verb//-/_}" "$@"
  case $verb in observe | help) ;; *) report_changes ;; esac
}

main "$@"
