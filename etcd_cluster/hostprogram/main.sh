
# -----------------------------------------------------------------------------------------------

verb_help() { sed -n 's/^## /  /p' "$0"; }

# The whole program is read before this last line runs: a copy cut short does nothing.
main() {
  local verb=${1-}
  case $verb in
    observe | claim | install | registry | prepare-host | prepare-kubelet | pki | client | bootstrap | converge | wait-healthy | leave | abandon | forget-pki | forget-host | forget-registry | forget-client | forget-packages | uninstall | help) shift ;;
    *) die $E_USAGE "unknown verb \"$verb\"; see etcd-host help" ;;
  esac
  [[ $(id -u) == 0 || $verb == help ]] || die $E_REFUSED "run as root (sudo -n $PROGRAM $verb)"
  "verb_${verb//-/_}" "$@"
  case $verb in observe | help) ;; *) report_changes ;; esac
}

main "$@"
