
# --- packages: what can go wrong, in sentences --------------------------------------------------

# (Not head: it would end before what writes to it, and that would count as a failure.)
first_line() { awk 'NR == 1 { print substr($0, 1, 300) } END { exit !NR }'; }
last_line() { grep -v '^[[:space:]]*$' "$1" | tail -n 1 | cut -c1-300; }

# What a package manager says ends with a full stop or not.
quoted() { printf '%s' "${1%.}"; }

readonly SAYS_LOCKED='^E: (Could not get lock|Unable to (acquire|lock))|^dpkg: error: .* locked by another process'
readonly SAYS_DNF_LOCKED='^[A-Za-z]+ already locked by|create transaction lock'
readonly SAYS_RPM_LOCKED='obtain (the |rpm )*transaction lock'
# (Of a lock of rpm's own dnf 5 gives no reason; of all else that fails then it does.)
readonly SAYS_NO_REASON='^Transaction failed: Rpm transaction failed[.]$'
readonly SAYS_FULL='no space left|enough free space|more space (needed )?on|insufficient space'
readonly SAYS_FULL_DOWNLOAD='failed writing received data'
readonly SAYS_DNF5_FAILED='^>>> |^Failed to download (metadata|key)'
readonly SAYS_UNVERIFIED='(OpenPGP s|S)ignature verification failed: '
readonly SAYS_APT_FAILED="^(E|Error): |^(W|Warning): (Failed|.*GPG error|$SAYS_UNVERIFIED)"
readonly SAYS_FAILED="$SAYS_APT_FAILED|^ +- (Curl error|Status code)|Download failed|^ GPG Keys are|$SAYS_DNF5_FAILED"
readonly SAYS_SIGNATURE="GPG (error|signature|verification|Keys)|^W: $SAYS_UNVERIFIED|(not|no longer) signed"
readonly SAYS_WEAK='Policy rejected|not considered secure'
readonly SAYS_PACKAGE_SIGNATURE='\.rpm is not signed|^OpenPGP check for package|does not verify: '
readonly SAYS_APT_NONE="Version '.*' for '.*' was not found|Unable to locate package|has no installation candidate"
readonly SAYS_DNF_NONE='No match for argument|nothing provides|filtered out by exclude|only excluded packages'

# patiently LOG COMMAND… : again and again while another package manager is at work. (apt waits for
# one of its locks and not for the others, dnf for none, or for ever.)
patiently() {
  local log=$1 begin
  shift
  mark_time begin
  until apart "$log" "$@"; do
    locked "$log" >/dev/null || return 1
    ! passed "$LOCK_SECONDS" "$begin" || refuse_locked "$log"
    sleep 2
  done
}

# locked LOG : what it ended with, if that was another's lock. (What it waited for does not count.)
locked() {
  grep -E "$SAYS_LOCKED|$SAYS_DNF_LOCKED|$SAYS_RPM_LOCKED" "$1" | first_line ||
    tail -n 1 "$1" | grep -E "$SAYS_NO_REASON"
}
refuse_locked() { # LOG
  local said
  said=$(locked "$1") || return 0
  die $E_LATER "another package manager has been running on this host for $LOCK_SECONDS s:" \
    "$(quoted "$said"). Wait until it has finished, or stop it; then try again"
}

refuse_full() { # LOG
  local said
  said=$(grep -iE "$SAYS_FULL|$SAYS_FULL_DOWNLOAD" "$1" | first_line) || return 0
  die $E_REFUSED "a disk of this host is full: $(quoted "$said"). Free some space, then try again"
}

# refuse_repositories LOG : what failed, and with which of our repositories. Keys that were imported
# and the heading of a list of errors name a repository too, and say nothing.
refuse_repositories() {
  local name url lines said
  refuse_locked "$1"
  refuse_full "$1"
  for name in "${REPOSITORIES[@]}"; do
    url=${S[repository.$name.url]-}
    [[ -n $url ]] || continue
    lines=$(grep -F -e "$url/" -e "etcd-host-$name" "$1" | grep -E "$SAYS_FAILED") || continue
    # sqv's reason stands behind how it was called.
    lines=$(sed -E '/^W: .* error message is: */ { s//GPG error: /; s/ +Stack backtrace:.*//; s/ +/ /g; }' <<<"$lines")
    if said=$(grep -E "$SAYS_WEAK" <<<"$lines" | sed -E 's/.*(because|Caused by): //' | first_line); then
      die $E_REFUSED "repository $name: this host rejects the signature of $url as too weak: $(quoted "$said")." \
        "Use one that is signed as this system wants it (repositories.$name.url); see docs/runbooks/no-packages.md"
    fi
    if said=$(grep -E "$SAYS_SIGNATURE" <<<"$lines" | first_line); then
      die $E_REFUSED "repository $name: the signature of $url does not match its key:" \
        "$(quoted "$said"). Check repositories.$name.signingKeyFile"
    fi
    said=$(first_line <<<"$lines")
    die $E_REFUSED "repository $name: $url could not be read: $(quoted "$said")." \
      "Check repositories.$name.url, and that this host can reach it"
  done
}

refuse_duplicate() { # NAME FILES
  die $E_REFUSED "repository $1: $2 on this host already defines ${S[repository.$1.url]}," \
    "which conflicts with a second definition with a signing key of its own." \
    "Remove that one: etcd-host writes its own"
}

refuse_install() { # LOG
  local said
  refuse_repositories "$1"
  keep_repositories
  if said=$(grep -E "$SAYS_PACKAGE_SIGNATURE" "$1" | first_line); then
    die $E_REFUSED "a package's signature does not match the repository's key: $(quoted "$said")." \
      "Check the repositories' signingKeyFile"
  fi
  if grep -q '^E: Packages need to be removed' "$1"; then refuse_removal "$1"; fi
  if said=$(grep -E "$SAYS_APT_NONE|$SAYS_DNF_NONE" "$1" | sed -n '1,3p' | paste -sd';'); then
    die $E_REFUSED "no configured repository provides the requested version: $(quoted "$said")." \
      "Set versions that are there (kubernetesVersion, etcd.imageTag, runtimeVersion)," \
      "or other repositories (repositories)$(missing_hint "$said")"
  fi
  tail -n 8 "$1" | indent
  said=$(grep -iE '^(E:|Error|Problem|You have enabled)|fail' "$1" | first_line) ||
    said=$(last_line "$1")
  die 1 "the packages could not be installed: $said"
}

# Of what comes from the system's own repositories: RHEL's have no containerd, and rclone is in EPEL.
missing_hint() {
  case $1 in
    *[\ :\']containerd*) echo ". containerd comes from this system's own repositories: where they have none," \
      "as on RHEL and its relatives, set containerRuntime: crio" ;;
    *[\ :\']rclone*) echo ". rclone, for backups, comes from this system's own repositories: on RHEL and its" \
      "relatives from EPEL" ;;
  esac
}

# Kubelets from 1.26 on speak CRI v1 only, which came with containerd 1.6: Debian 11 has an older one.
refuse_old_containerd() { # VERSION
  [[ $1 =~ ^([0-9]+:)?([0-9]+)\.([0-9]+) ]] || return 0
  ((BASH_REMATCH[2] > 1 || BASH_REMATCH[3] >= 6)) || die $E_REFUSED "containerd $1 is too old for" \
    "Kubernetes ${S[kubernetes-version]-}: a kubelet needs 1.6 or newer. Add a package source that has" \
    "it to this host, set containerRuntime: crio, or use a host with a newer system"
}

refuse_removal() { # LOG
  local names
  names=$(sed -n '/^The following packages will be REMOVED:/,/^[^ ]/ s/^  *//p' "$1" | paste -sd' ')
  die $E_REFUSED "installing $(missing_names) would remove packages of this host:" \
    "${names:-see apt-get install}. Nothing was installed. Remove them if nothing on this host" \
    "needs them, use another host, or set install: preinstalled"
}
