
# --- packages ----------------------------------------------------------------------------------
#
# Repositories are laid out as pkgs.k8s.io is: flat, deb/ for apt and rpm/ for dnf. Their signatures
# are always checked. What is installed is pinned, and held against upgrades by others.

readonly APT_KEYS=/etc/apt/keyrings APT_LISTS=/etc/apt/sources.list.d
readonly DNF_KEYS=/etc/pki/rpm-gpg DNF_REPOS=/etc/yum.repos.d
readonly ETCDCTL=/usr/local/bin/etcdctl
readonly LOCK_SECONDS=60 # how long another package manager is waited for

## install              packages from their repositories, at their versions, and held
verb_install() {
  local name family key
  read_state cluster member kubernetes-version runtime-package runtime-version 'repository.*' \
    'etcdctl-version?' 'etcdctl-url?' 'etcdctl-sha256?'
  lock
  family=$(family)
  [[ $family != none ]] || die $E_REFUSED "this host has neither apt-get nor dnf; install the packages into its image and set install: preinstalled"
  for name in kubernetes crio etcd; do
    [[ -n ${S[repository.$name.url]-} ]] || continue
    key=${S[repository.$name.key]-}
    if [[ -n $key ]]; then
      base64 -d <<<"$key" >"$WORK/$name.asc" || die $E_INPUT "repository.$name.key: not base64"
    fi
    "${family}_repository" "$name" "${S[repository.$name.url]}"
  done
  wanted_packages "$family" >"$WORK/wanted"
  "${family}_missing" >"$WORK/missing"
  if [[ -s $WORK/missing ]]; then
    spare_member "installing packages"
    "${family}_install"
  fi
  "${family}_hold"
  if [[ -n ${S[etcdctl-url]-} ]]; then install_etcdctl; fi
  remember packages "kubelet ${S[kubernetes-version]} kubeadm ${S[kubernetes-version]}${S[etcdctl-version]+ etcdctl v${S[etcdctl-version]}}"
  stamp packages "${PACKAGE_FILES[@]}"
  echo "converged: $(serial)"
}

family() {
  if type -P apt-get >/dev/null; then echo apt; elif type -P dnf >/dev/null; then echo dnf; else echo none; fi
}

PACKAGE_FILES=() # of our repositories

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
  [[ $1 != dnf ]] || echo "iproute-tc *"
}

# missing, for a family that tells what is installed through `${family}_version NAME`.
list_missing() { # FAMILY
  local name pattern version
  while read -r name pattern; do
    version=$("$1_version" "$name") || true
    # shellcheck disable=SC2053 # a pattern
    [[ -n $version && ${version#*:} == $pattern ]] || echo "$name $pattern"
  done <"$WORK/wanted"
}

# --- apt

apt_repository() { # NAME URL
  local key=$APT_KEYS/etcd-host-$1.asc list=$APT_LISTS/etcd-host-$1.list
  # A key that is offered is taken once from where it is: not for another place, nor after one that
  # was given. (A new key at the same place: remove the file, and run it again.)
  if [[ -e $WORK/$1.asc ]]; then
    remember "key-$1" given
  elif [[ ! -e $key || $(recall "key-$1") != "$2" ]]; then
    download "$2/deb/Release.key" "$WORK/$1.asc" || die $E_REFUSED "repository $1: its key cannot be had from $2/deb/Release.key: $(last_line "$WORK/download.log"); check repositories.$1.url, and that this host reaches it"
    remember "key-$1" "$2"
  fi
  if [[ -e $WORK/$1.asc ]]; then put_file "$key" 644 "$WORK/$1.asc"; fi
  printf '# Written by etcd-host.\ndeb [signed-by=%s] %s/deb/ /\n' "$key" "$2" >"$WORK/list"
  put_file "$list" 644 "$WORK/list"
  PACKAGE_FILES+=("$key" "$list")
}

apt_version() { dpkg-query -W -f='${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^installed //p'; }
apt_missing() { list_missing apt; }

apt_install() {
  local name pattern words=()
  # (An update with a repository that fails may still end well, with a warning.)
  patiently "$WORK/update.log" apt_get update || true
  refuse_repositories "$WORK/update.log"
  while read -r name pattern; do words+=("$name${pattern:+=$(apt_choice "$name" "$pattern")}"); done < <(sed 's/ \*$//' "$WORK/missing")
  log "installing ${words[*]}"
  patiently "$WORK/install.log" apt_get install -y --no-install-recommends --allow-change-held-packages \
    --allow-downgrades -o Dpkg::Options::=--force-confold "${words[@]}" || refuse_install "$WORK/install.log"
  changed "installed $(cut -d' ' -f1 "$WORK/missing" | paste -sd' ')"
}
apt_get() { DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -o DPkg::Lock::Timeout=$LOCK_SECONDS "$@" </dev/null; }

# apt itself knows beginnings only: for 1.7.2* it would take 1.7.29.
apt_choice() { # NAME PATTERN
  local version
  while read -r _ _ version _; do
    # shellcheck disable=SC2053 # a pattern
    if [[ ${version#*:} == $2 ]]; then
      echo "$version"
      return 0
    fi
  done < <(apt-cache madison "$1")
  echo "${2/'[!0-9]*'/}" # apt says that it has none
}

apt_hold() {
  local name free=()
  while read -r name _; do
    apt_held "$name" || free+=("$name")
  done <"$WORK/wanted"
  ((${#free[@]})) || return 0
  apt-mark hold "${free[@]}" >/dev/null
  changed "held ${free[*]}"
}
apt_held() { dpkg-query -W -f='${db:Status-Want}' "$1" 2>/dev/null | grep -qx hold; }
apt_unhold() { # NAME…
  apt-mark unhold "$@" >/dev/null 2>&1 || true
}

# --- dnf

dnf_repository() { # NAME URL
  local key=$DNF_KEYS/etcd-host-$1.asc file=$DNF_REPOS/etcd-host-$1.repo trusted
  trusted=$2/rpm/repodata/repomd.xml.key
  if [[ -e $WORK/$1.asc ]]; then
    put_file "$key" 644 "$WORK/$1.asc"
    PACKAGE_FILES+=("$key")
    trusted=file://$key
  else
    remove_file "$key"
  fi
  # Excluded: upgrades by others pass these packages by (`dnf upgrade`, automatic updates).
  cat >"$WORK/repo" <<EOF
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
  put_file "$file" 644 "$WORK/repo"
  PACKAGE_FILES+=("$file")
}

dnf_version() { rpm -q --qf '%{VERSION}-%{RELEASE}\n' "$1" 2>/dev/null | grep -v 'not installed' | tail -n 1; }
dnf_missing() { list_missing dnf; }

dnf_install() {
  local name pattern words=()
  while read -r name pattern; do words+=("$name${pattern:+-$pattern}"); done < <(sed 's/ \*$//' "$WORK/missing")
  log "installing ${words[*]}"
  # Whoever asks dnf to wait for its lock waits for ever.
  patiently "$WORK/install.log" dnf -y --setopt=exit_on_lock=True --disableexcludes=all --refresh install "${words[@]}" ||
    refuse_install "$WORK/install.log"
  # It leaves one for each repository whose signature it has checked.
  pkill -f 'gpg-host-program --homedir /var/cache/dnf/etcd-host-' || true
  changed "installed $(cut -d' ' -f1 "$WORK/missing" | paste -sd' ')"
}

# Packages of our repositories are excluded there. One of the distribution's is locked instead.
dnf_hold() {
  local lock=/etc/dnf/plugins/versionlock.list
  [[ ${S[runtime-package]} == containerd ]] || return 0
  grep -q '^containerd' "$lock" 2>/dev/null && return 0
  dnf -y versionlock add containerd >"$WORK/lock.log" 2>&1 ||
    { dnf -y install 'dnf-command(versionlock)' >"$WORK/lock.log" 2>&1 && dnf -y versionlock add containerd >>"$WORK/lock.log" 2>&1; } || {
    log "containerd is not held against upgrades: dnf has no versionlock here"
    return 0
  }
  changed "containerd held"
}
dnf_unhold() { dnf -y versionlock delete containerd >/dev/null 2>&1 || true; }

# --- what can go wrong, in sentences

# (Not head: it would end before what writes to it, and that would count as a failure.)
first_line() { awk 'NR == 1 { print substr($0, 1, 300) } END { exit !NR }'; }
last_line() { grep -v '^[[:space:]]*$' "$1" | tail -n 1 | cut -c1-300; }

# patiently LOG COMMAND… : again and again while another package manager is at work. (apt waits for
# one of its locks and not for the others, dnf for none, or for ever.)
patiently() {
  local log=$1 end=$((SECONDS + LOCK_SECONDS))
  shift
  until "$@" >"$log" 2>&1 </dev/null; do
    locked "$log" >/dev/null || return 1
    ((SECONDS < end)) || refuse_locked "$log"
    sleep 2
  done
}

# locked LOG : what it ended with, if that was another's lock. (What it waited for does not count.)
locked() {
  grep -E '^E: (Could not get lock|Unable to (acquire|lock))|^[A-Za-z]+ already locked by|create transaction lock|obtain (the |rpm )*transaction lock' "$1" | first_line
}
refuse_locked() { # LOG
  local said
  said=$(locked "$1") || return 0
  die $E_LATER "another package manager is at work on this host, and has been for $LOCK_SECONDS s: $said. Wait for its end, or end it; then run it again"
}

# refuse_repositories LOG : what failed, and with which of our repositories. Keys that were imported
# and the heading of a list of errors name a repository too, and say nothing.
refuse_repositories() {
  local name url lines said
  refuse_locked "$1"
  if said=$(grep -iE 'no space left|enough free space|more space needed|insufficient space|failed writing received data' "$1" | first_line); then
    die $E_REFUSED "a disk of this host is full: $said. Make room, then run it again"
  fi
  for name in kubernetes crio etcd; do
    url=${S[repository.$name.url]-}
    [[ -n $url ]] || continue
    lines=$(grep -F -e "$url/" -e "etcd-host-$name" "$1" | grep -E '^(E|Error): |^(W|Warning): (Failed|.*GPG error)|^ +- |Download failed|^ GPG Keys are') || continue
    if said=$(grep -E 'GPG (error|signature|verification|Keys)|(not|no longer) signed' <<<"$lines" | first_line); then
      die $E_REFUSED "repository $name: the signature of $url is not by its key: $said. Check repositories.$name.signingKeyFile"
    fi
    die $E_REFUSED "repository $name: $url cannot be read: $(first_line <<<"$lines"). Check repositories.$name.url, and that this host reaches it"
  done
}

refuse_install() { # LOG
  local said
  refuse_repositories "$1"
  if said=$(grep -E '\.rpm is not signed' "$1" | first_line); then
    die $E_REFUSED "a package is not by its repository's key: $said. Check the repositories' signingKeyFile"
  fi
  if said=$(grep -E "Version '.*' for '.*' was not found|Unable to locate package|has no installation candidate|No match for argument|nothing provides" "$1" | sed -n '1,3p' | paste -sd';'); then
    die $E_REFUSED "no repository of this host has what is wanted: $said. Give versions that they have (kubernetesVersion, etcd.imageTag, runtimeVersion), or another repository (repositories)"
  fi
  tail -n 8 "$1" | indent
  said=$(grep -iE '^(E:|Error|Problem|You have enabled)|fail' "$1" | first_line) || said=$(last_line "$1")
  die 1 "the packages could not be installed: $said"
}

# --- etcdctl from etcd's release archive, as etcd's own documentation has it

install_etcdctl() {
  local version=v${S[etcdctl-version]} architecture archive sum
  PACKAGE_FILES+=("$ETCDCTL")
  if [[ $(type -P etcdctl) == "$ETCDCTL" && $(program_version etcdctl) == "$version" ]]; then return 0; fi
  case $(uname -m) in
    x86_64) architecture=amd64 ;;
    aarch64) architecture=arm64 ;;
    *) architecture=$(uname -m) ;;
  esac
  archive=etcd-$version-linux-$architecture.tar.gz
  log "downloading $archive"
  download "${S[etcdctl-url]}/$version/$archive" "$WORK/$archive" || refuse_download "$version/$archive"
  sum=${S[etcdctl-sha256]-}
  if [[ -z $sum ]]; then
    download "${S[etcdctl-url]}/$version/SHA256SUMS" "$WORK/sums" || refuse_download "$version/SHA256SUMS"
    sum=$(awk -v name="$archive" '$2 == name || $2 == "*" name { print $1 }' "$WORK/sums")
  fi
  [[ $(sha256sum <"$WORK/$archive") == "$sum  -" ]] ||
    die $E_REFUSED "$archive from ${S[etcdctl-url]} has another SHA-256 than ${sum:-any announced}; check etcdctl.url and etcdctl.sha256"
  tar -xzf "$WORK/$archive" -C "$WORK" --strip-components=1 --no-same-owner "etcd-$version-linux-$architecture/etcdctl" ||
    die $E_REFUSED "$archive holds no etcdctl; check etcdctl.url"
  put_file "$ETCDCTL" 755 "$WORK/etcdctl"
}
refuse_download() {
  die $E_REFUSED "etcdctl: ${S[etcdctl-url]}/$1 cannot be had: $(last_line "$WORK/download.log"). Check etcdctl.url and etcd.imageTag, and that this host reaches it"
}

# download URL FILE : with what the host has. apt carries a downloader of its own.
download() {
  if type -P curl >/dev/null; then
    curl -fsSL --retry 2 --connect-timeout 10 -o "$2" "$1" 2>"$WORK/download.log"
  else
    /usr/lib/apt/apt-helper download-file "$1" "$2" >"$WORK/download.log" 2>&1 || {
      sed -i '/^E: Download Failed$/d' "$WORK/download.log" # its last line gives no reason
      return 1
    }
  fi
}

packages_drift() {
  local program version now
  if [[ ! -r $STATE/packages.stamp ]]; then
    echo "packages not installed"
    return 0
  fi
  file_drift packages
  now=$(versions)
  while read -r program version; do
    [[ $'\n'$now$'\n' == *$'\n'"$program: $version"$'\n'* ]] || echo "$program is $(sed -n "s/^$program: //p" <<<"$now")"
  done < <(recall packages | xargs -n 2)
  if type -P dpkg-query >/dev/null && apt_not_held; then echo "packages not held"; fi
}
# (Reading the list itself costs a tenth of asking dpkg for each.)
apt_not_held() {
  awk '/^Package: (kubelet|kubeadm)$/ { mine = 1 } mine && /^Status: / { if ($2 != "hold") bad = 1; mine = 0 } END { exit !bad }' /var/lib/dpkg/status
}

## forget-packages C M  releases what install holds, and forgets its repositories; packages stay
verb_forget_packages() { # CLUSTER MEMBER TOKEN
  local paths name
  lock
  own_host "$1" "$2" "${3:--}"
  mapfile -t paths < <(sed -n 's/^[0-9a-f]\{64\}  //p' <<<"$(recall packages.stamp)")
  remove_file "${paths[@]}"
  case $(family) in
    apt) apt_unhold kubelet kubeadm kubectl cri-tools containerd cri-o etcd-client ;;
    dnf) dnf_unhold ;;
  esac
  forget packages
  forget packages.stamp
  for name in kubernetes crio etcd; do forget "key-$name"; done
}
