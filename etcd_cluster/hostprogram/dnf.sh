
# --- dnf ---------------------------------------------------------------------------------------

readonly DNF_KEYS=/etc/pki/rpm-gpg DNF_REPOS=/etc/yum.repos.d

dnf_repository() { # NAME URL
  local key=$DNF_KEYS/etcd-host-$1.asc trusted=$2/rpm/repodata/repomd.xml.key
  if [[ -e $WORK/$1.asc ]]; then
    add_repository_file "$key" "$WORK/$1.asc"
    trusted=file://$key
  else
    STALE_FILES+=("$key")
  fi
  # Excluded: upgrades by others pass these packages by (`dnf upgrade`, automatic updates).
  cat >"$WORK/$1.repo" <<EOF
# Written by etcd-host.
[etcd-host-$1]
name=$1 (etcd-host)
baseurl=$2/rpm/
enabled=1
gpgcheck=1
repo_gpgcheck=1
gpgkey=$trusted
exclude=kubelet kubeadm kubectl cri-tools kubernetes-cni cri-o etcd-client
EOF
  add_repository_file "$DNF_REPOS/etcd-host-$1.repo" "$WORK/$1.repo"
}

# A second definition of the same repository would have dnf take packages through either: by another
# key or by none, and an upgrade by others would not pass them by.
dnf_refuse_duplicates() {
  local name path others=()
  for path in "$DNF_REPOS"/*.repo; do
    [[ ! -f $path || ${path##*/} == etcd-host-* ]] || others+=("$path")
  done
  ((${#others[@]})) || return 0
  for name in "${REPOSITORIES[@]}"; do
    [[ -e $WORK/$name.repo ]] || continue
    path=$(dnf_same_url "${S[repository.$name.url]}/rpm" "${others[@]}" | sort -u | paste -sd' ')
    [[ -z $path ]] || refuse_duplicate "$name" "$path"
  done
}
dnf_same_url() { # URL FILE… : those that have it in a section that is enabled
  awk -v url="$1" '
    function end_section() { if (same && enabled) print file; same = 0; enabled = 1 }
    FNR == 1 || /^\[/ { end_section(); file = FILENAME }
    /^[#;]/ { next }
    tolower($0) ~ /^enabled[ \t]*=[ \t]*(0|no|false|off)[ \t]*$/ { enabled = 0 }
    { n = split($0, words, /[ \t=,]+/)
      for (i = 1; i <= n; i++) { sub(/\/+$/, "", words[i]); if (words[i] == url) same = 1 } }
    END { end_section() }' "${@:2}"
}

dnf_version() {
  rpm -q --qf '%{VERSION}-%{RELEASE}\n' "$1" 2>/dev/null | grep -v 'not installed' | tail -n 1
}
dnf_missing() { list_missing dnf; }

# Whoever asks dnf to wait for its lock waits for ever.
dnf_now() { dnf -y --setopt=exit_on_lock=True --refresh "$@"; }

dnf_read_repositories() {
  local failed=
  patiently "$WORK/update.log" dnf_now --repo='etcd-host-*' makecache || failed=yes
  refuse_repositories "$WORK/update.log" # (it ends well also where it ignored one)
  [[ -z $failed ]] || die 1 "the repositories could not be read: $(last_line "$WORK/update.log")"
  dnf_end_gpg
}

dnf_install() {
  local name pattern words=()
  while read -r name pattern; do
    words+=("$name${pattern:+-$pattern}")
  done < <(sed 's/ \*$//' "$WORK/missing")
  log "installing ${words[*]}"
  patiently "$WORK/install.log" dnf_now --disableexcludes=all install "${words[@]}" ||
    refuse_install "$WORK/install.log"
  dnf_end_gpg
  changed "installed $(missing_names)"
}

# dnf leaves one for each repository whose signature it has checked.
dnf_end_gpg() { pkill -f 'gpg-agent --homedir /var/cache/dnf/etcd-host-' || true; }

# Packages of our repositories are excluded there. One of the distribution's is locked instead.
dnf_hold() {
  local lock=/etc/dnf/plugins/versionlock.list
  [[ ${S[runtime-package]} == containerd ]] || return 0
  grep -q '^containerd' "$lock" 2>/dev/null && return 0
  dnf_lock_containerd || { dnf_install_versionlock && dnf_lock_containerd; } || {
    log "containerd is not held against upgrades: dnf has no versionlock here"
    return 0
  }
  changed "containerd held"
}
dnf_lock_containerd() { dnf -y versionlock add containerd >"$WORK/lock.log" 2>&1; }
dnf_install_versionlock() { dnf -y install 'dnf-command(versionlock)' >"$WORK/lock.log" 2>&1; }
dnf_unhold() { dnf -y versionlock delete containerd >/dev/null 2>&1 || true; }
