
# --- apt ---------------------------------------------------------------------------------------

readonly APT_KEYS=/etc/apt/keyrings APT_LISTS=/etc/apt/sources.list.d

apt_repository() { # NAME URL
  local key=$APT_KEYS/etcd-host-$1.asc list=$APT_LISTS/etcd-host-$1.list
  # A key that is offered is taken once from where it is: not for another place, nor after one that
  # was given. (A new key at the same place: remove the file, and run it again.)
  if [[ -e $WORK/$1.asc ]]; then
    KEY_ORIGIN[$1]=given
  elif [[ -e $key && $(recall "key-$1") == "$2" ]] && stamped "$key" "$key"; then
    cp "$key" "$WORK/$1.asc"
  else
    download "$2/deb/Release.key" "$WORK/$1.asc" || refuse_key "$1" "$2/deb/Release.key"
    KEY_ORIGIN[$1]=$2
  fi
  printf '# Written by etcd-host.\ndeb [signed-by=%s] %s/deb/ /\n' "$key" "$2" >"$WORK/$1.list"
  add_repository_file "$key" "$WORK/$1.asc"
  add_repository_file "$list" "$WORK/$1.list"
}
refuse_key() { # NAME URL
  die $E_REFUSED "repository $1: its signing key could not be downloaded from $2:" \
    "$(last_line "$WORK/download.log"). Check repositories.$1.url, and that this host can reach it;" \
    "or set repositories.$1.signingKeyFile"
}

# apt does nothing at all where one repository is defined twice with different keys. So apt itself
# is asked, with copies: whether it reads the host's own definitions, and then also ours.
apt_refuse_duplicates() {
  local parts=$WORK/sources.list.d path name
  mkdir "$parts"
  for path in "$APT_LISTS"/*.list "$APT_LISTS"/*.sources; do
    [[ ! -f $path || ${path##*/} == etcd-host-* ]] || cp "$path" "$parts"
  done
  apt_reads "$parts" || die $E_REFUSED "apt cannot read this host's package sources:" \
    "$(apt_sources_error). Correct them, then run it again"
  for name in "${REPOSITORIES[@]}"; do
    [[ -e $WORK/$name.list ]] || continue
    cp "$WORK/$name.list" "$parts/etcd-host-$name.list"
    apt_reads "$parts" && continue
    rm -f "$APT_LISTS/etcd-host-$name.list" # the other may have come after ours
    path=$(apt_same_url "$parts" "$name") || true
    [[ -z $path ]] || refuse_duplicate "$name" "$path"
    die $E_REFUSED "repository $name: apt cannot use it: $(apt_sources_error)"
  done
}
apt_reads() { # FOLDER
  apt-get indextargets -o Dir::Etc::SourceParts="$1" >"$WORK/sources.log" 2>&1 </dev/null
}
apt_sources_error() {
  grep '^E: ' "$WORK/sources.log" | first_line | sed "s|$WORK/sources.list.d|$APT_LISTS|g"
}
apt_same_url() { # FOLDER NAME
  grep -lF "${S[repository.$2.url]}/deb" /etc/apt/sources.list "$1"/* 2>/dev/null |
    grep -v '/etcd-host-' | sed "s|^$1/|$APT_LISTS/|" | paste -sd' '
}

apt_version() {
  dpkg-query -W -f='${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^installed //p'
}
apt_missing() { list_missing apt; }

apt_read_repositories() {
  # (An update with a repository that fails may still end well, with a warning.)
  patiently "$WORK/update.log" apt_get update || true
  refuse_repositories "$WORK/update.log"
}

# Nothing of others is removed for it: Debian's containerd would take Docker off the host.
apt_install() {
  local name pattern words=()
  apt_read_repositories
  keep_repositories
  while read -r name pattern; do
    words+=("$name${pattern:+=$(apt_choice "$name" "$pattern")}")
    [[ $name != containerd ]] || refuse_old_containerd "$(apt_candidate "${words[-1]}")"
  done < <(sed 's/ \*$//' "$WORK/missing")
  log "installing ${words[*]}"
  apt_put "${words[@]}" || { finish_dpkg && apt_put "${words[@]}"; } || refuse_install "$WORK/install.log"
  changed "installed $(missing_names)"
}
apt_put() { # NAME[=VERSION]…
  patiently "$WORK/install.log" apt_get install -y --no-install-recommends --no-remove \
    --allow-change-held-packages --allow-downgrades -o Dpkg::Options::=--force-confold "$@"
}
# finish_dpkg : where an installation was cut off, by a crash of the host or so, apt asks for this and does nothing
# before it. (What is configured may restart: the guard has been asked.)
finish_dpkg() {
  local said
  grep -E '^(E|Error): dpkg was interrupted' "$WORK/install.log" >/dev/null || return 1
  log "dpkg was interrupted on this host; what it was at is finished first"
  DEBIAN_FRONTEND=noninteractive patiently "$WORK/dpkg.log" dpkg --force-confold --configure -a && return 0
  refuse_full "$WORK/dpkg.log"
  tail -n 8 "$WORK/dpkg.log" | indent
  said=$(grep '^dpkg: ' "$WORK/dpkg.log" | first_line) || said=$(last_line "$WORK/dpkg.log")
  die 1 "an installation was interrupted on this host, and dpkg --configure -a fails: $(quoted "$said")." \
    "Fix that on the host, then run it again"
}
apt_get() {
  DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
    apt-get -o DPkg::Lock::Timeout=$LOCK_SECONDS "$@" </dev/null
}

# apt itself knows beginnings only: for 1.7.2* it would take 1.7.29.
apt_choice() { # NAME PATTERN
  local version
  while read -r _ _ version _; do
    if suits "$version" "$2"; then
      echo "$version"
      return 0
    fi
  done < <(apt-cache madison "$1")
  echo "${2/'[!0-9]*'/}" # apt says that it has none
}

apt_candidate() { # NAME[=VERSION] : the version that would be installed
  if [[ $1 == *=* ]]; then echo "${1#*=}"; else apt-cache policy "$1" | sed -n 's/^  Candidate: //p'; fi
}

apt_hold() {
  local name free=()
  while read -r name _; do
    [[ $name == "${S[backup-tool]-}" ]] || apt_held "$name" || free+=("$name") # (its fixes come as they come)
  done <"$WORK/wanted"
  ((${#free[@]})) || return 0
  patiently "$WORK/hold.log" apt-mark hold "${free[@]}" ||
    die 1 "${free[*]} could not be held against upgrades by others: $(quoted "$(first_line <"$WORK/hold.log")")." \
      "Run it again"
  changed "held ${free[*]}"
}
apt_held() { dpkg-query -W -f='${db:Status-Want}' "$1" 2>/dev/null | grep -qx hold; }
apt_unhold() { # NAME…
  apt-mark unhold "$@" >/dev/null 2>&1 || true
}

# (Reading the list itself costs a tenth of asking dpkg for each.)
apt_not_held() {
  awk '/^Package: (kubelet|kubeadm)$/ { mine = 1 }
    mine && /^Status: / { if ($2 != "hold") bad = 1; mine = 0 }
    END { exit !bad }' /var/lib/dpkg/status
}
