# shellcheck shell=bash

# -----------------------------------------------------------------------------------------------

## observe             says what is no longer as it was left here; changes nothing
verb_observe() {
  local applied=
  [[ -n $(recall applied) ]] || applied="not configured yet"
  printf 'serial: %s\ndrift-client: %s\ndrift-control-plane: %s\n' \
    "$(recall serial)" "$(client_drift)" "$applied"
}

verb_help() { sed -n 's/^## /  /p' "$0"; }

# The whole program is read before this last line runs: a copy cut short does nothing.
main() {
  case ${1-} in
    observe | client | forget-client | apply | kubeconfig | reset | help) ;;
    *) die 2 "unknown verb '${1-}'; see kubernetes-control-plane help" ;;
  esac
  [[ $(id -u) == 0 || $1 == help ]] || die 4 "run as root"
  "verb_${1//-/_}" "${@:2}"
}

main "$@"
