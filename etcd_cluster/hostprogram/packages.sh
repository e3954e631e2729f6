
# --- packages: which are wanted, and at which versions -----------------------------------------
#
# What is installed is pinned, and held against upgrades by others. Each family of package managers
# is a part of its own, with the same functions: apt_… and dnf_….

readonly LOCK_SECONDS=60 # how long another package manager is waited for

## install              installs packages from their repositories at the configured versions, and holds them
verb_install() {
  local family former
  read_state cluster member kubernetes-version runtime-package runtime-version 'repository.*' \
    'etcdctl-version?' 'etcdctl-url?' 'etcdctl-sha256?' 'backup-tool?'
  lock
  family=$(family)
  [[ $family != none ]] || die $E_REFUSED "this host has neither apt-get nor dnf;" \
    "install the packages into its image and set install: preinstalled"
  put_repositories "$family"
  wanted_packages "$family" >"$WORK/wanted"
  "${family}_missing" >"$WORK/missing"
  if [[ -s $WORK/missing ]]; then
    spare_member "installing packages"
    "${family}_install"
  elif ! repositories_known; then
    "${family}_read_repositories"
  fi
  keep_repositories
  "${family}_hold"
  if [[ -n ${S[etcdctl-url]-} ]]; then install_etcdctl; fi
  mapfile -t former < <(former_files)
  remove_file "${former[@]}" # an etcdctl that would come before the package's
  remember packages "$(wanted_programs)"
  stamp packages "${PACKAGE_FILES[@]}"
  echo "converged: $(serial)"
}

family() {
  if type -P apt-get >/dev/null; then
    echo apt
  elif type -P dnf >/dev/null; then
    echo dnf
  else
    echo none
  fi
}

# wanted_packages FAMILY : `name version-pattern` a line, as the installed versions are to match.
wanted_packages() {
  local version=${S[kubernetes-version]#v}
  printf '%s %s-*\n' kubelet "$version" kubeadm "$version" kubectl "$version"
  echo "cri-tools *"
  case ${S[runtime-version]} in
    any) echo "${S[runtime-package]} *" ;;
    *.) echo "${S[runtime-package]} ${S[runtime-version]}*" ;;
    *) echo "${S[runtime-package]} ${S[runtime-version]}[!0-9]*" ;; # 1.7.2 is not 1.7.29
  esac
  [[ -z ${S[repository.etcd.url]-} ]] || echo "etcd-client ${S[etcdctl-version]}-*"
  [[ -z ${S[backup-tool]-} ]] || echo "${S[backup-tool]} *"
  [[ $1 != dnf ]] || echo "iproute-tc *"
}

# The programs and their versions, as `packages_drift` compares them with what is there.
wanted_programs() {
  printf 'kubelet %s kubeadm %s' "${S[kubernetes-version]}" "${S[kubernetes-version]}"
  if [[ -n ${S[etcdctl-version]-} ]]; then printf ' etcdctl v%s' "${S[etcdctl-version]}"; fi
}

# missing, for a family that tells what is installed through `${family}_version NAME`.
list_missing() { # FAMILY
  local name pattern version
  while read -r name pattern; do
    version=$("$1_version" "$name") || true
    [[ -n $version ]] && suits "$version" "$pattern" || echo "$name $pattern"
  done <"$WORK/wanted"
}
# suits VERSION PATTERN : also a version that was given whole, after which nothing more comes.
suits() {
  local more='[!0-9]*'
  # shellcheck disable=SC2053 # a pattern
  [[ ${1#*:} == $2 || ${1#*:} == "${2%"$more"}" ]]
}
missing_names() { cut -d' ' -f1 "$WORK/missing" | paste -sd' '; }

packages_drift() {
  local program version now
  if [[ ! -r $STATE/packages.stamp ]]; then
    echo "packages not installed"
    return 0
  fi
  file_drift packages
  now=$(versions)
  while read -r program version; do
    [[ $'\n'$now$'\n' == *$'\n'"$program: $version"$'\n'* ]] ||
      echo "$program is $(sed -n "s/^$program: //p" <<<"$now")"
  done < <(recall packages | xargs -n 2)
  if type -P dpkg-query >/dev/null && apt_not_held; then echo "packages not held"; fi
}

## forget-packages CLUSTER MEMBER [TOKEN]   removes holds and repositories; packages stay
verb_forget_packages() { # CLUSTER MEMBER TOKEN
  lock
  own_host "$1" "$2" "${3:--}"
  forget_packages
}

# member_stays : its guards and backups go on asking through etcdctl, whoever installs packages from now on.
member_stays() { [[ -z $(recall leaving) && (-n $(recall formed) || -e $MANIFEST) ]]; }

forget_packages() {
  local paths name
  mapfile -t paths < <(stamped_paths packages |
    if member_stays; then grep -vxF -e "$ETCDCTL" -e "$ETCDUTL"; else cat; fi)
  remove_file "${paths[@]}"
  case $(family) in
    apt) apt_unhold kubelet kubeadm kubectl cri-tools containerd cri-o etcd-client ;;
    dnf) dnf_unhold ;;
  esac
  forget packages
  forget packages.stamp
  for name in "${REPOSITORIES[@]}"; do forget "key-$name"; done
}
