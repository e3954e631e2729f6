
# --- dnf ---------------------------------------------------------------------------------------

readonly DNF_KEYS=/etc/pki/rpm-gpg DNF_REPOS=/etc/yum.repos.d
readonly DNF_LOCKS=/etc/dnf

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

# Whoever asks dnf to wait for its lock waits for ever, and dnf 5 does so unasked: it is ended then, before it has
# done anything; what it says is in the log of `patiently`. (dnf 4 has `all` for all excludes, dnf 5 `*`.)
dnf_now() {
  local pid
  dnf -y --setopt=exit_on_lock=True --setopt='etcd-host-*.skip_if_unavailable=0' --refresh "$@" &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    # (Quietly: the log need not be there yet, and what is said here would be its last line.)
    if [[ $(tail -n 1 "$log" 2>/dev/null) == *--skip-file-locks* ]]; then
      kill -KILL "$pid" 2>/dev/null || true
      wait "$pid" 2>/dev/null || true
      echo "dnf already locked by $(sed -n 's/^\([0-9][0-9]*\)\t\(.*[^ ]\) *$/\1 (\2)/p' "$log" | paste -sd' ')"
      return 1
    fi
    sleep 0.2
  done
  wait "$pid"
}

dnf_read_repositories() {
  if ! patiently "$WORK/update.log" dnf_now --repo='etcd-host-*' makecache ||
    grep '^Ignoring repositories: ' "$WORK/update.log" >/dev/null; then
    refuse_repositories "$WORK/update.log"
    die 1 "the repositories could not be read: $(last_line "$WORK/update.log")"
  fi
  dnf_end_gpg
}

dnf_install() {
  local name pattern words=()
  while read -r name pattern; do
    words+=("$name${pattern:+-$pattern}")
  done < <(sed 's/ \*$//' "$WORK/missing")
  # The lock on another version would be in the way. `install` locks the new one.
  if grep -q '^containerd ' "$WORK/missing" && dnf_containerd_locked; then dnf_unhold; fi
  log "installing ${words[*]}"
  patiently "$WORK/install.log" dnf_now --setopt='disable_excludes=all,*' install "${words[@]}" ||
    refuse_install "$WORK/install.log"
  dnf_end_gpg
  changed "installed $(missing_names)"
}

# dnf leaves one for each repository whose signature it has checked.
dnf_end_gpg() { pkill -f 'gpg-agent --homedir /var/cache/(dnf|libdnf5)/etcd-host-' || true; }

# Packages of our repositories are excluded there. One of the distribution's is locked instead.
dnf_hold() {
  [[ ${S[runtime-package]} == containerd ]] || return 0
  dnf_containerd_locked && return 0
  dnf_lock_containerd || { dnf_install_versionlock && dnf_lock_containerd; } || {
    log "containerd is not held against upgrades: dnf has no versionlock here"
    return 0
  }
  changed "containerd held"
}
dnf_containerd_locked() { # the files of dnf 4 and of dnf 5
  grep -qs -e '^containerd' -e '^name = "containerd"' \
    "$DNF_LOCKS/plugins/versionlock.list" "$DNF_LOCKS/versionlock.toml"
}
dnf_lock_containerd() { dnf -y versionlock add containerd >"$WORK/lock.log" 2>&1; }
dnf_install_versionlock() { dnf -y install 'dnf-command(versionlock)' >"$WORK/lock.log" 2>&1; }
dnf_unhold() { dnf -y versionlock delete containerd >/dev/null 2>&1 || true; }
