
# --- etcdctl and etcdutl from etcd's release archive, as etcd's own documentation has it ----------

readonly ETCDCTL=/usr/local/bin/etcdctl ETCDUTL=/usr/local/bin/etcdutl

install_etcdctl() {
  local version=v${S[etcdctl-version]} name archive
  PACKAGE_FILES+=("$ETCDCTL" "$ETCDUTL")
  if [[ $(type -P etcdctl) -ef $ETCDCTL && $(program_version etcdctl) == "$version" ]] &&
    [[ $("$ETCDUTL" version 2>/dev/null) == *"etcdutl version: ${version#v}"* ]]; then
    return 0
  fi
  name=etcd-$version-linux-$(release_architecture)
  archive=$name.tar.gz
  log "downloading $archive"
  download "${S[etcdctl-url]}/$version/$archive" "$WORK/$archive" ||
    refuse_download "$version/$archive"
  check_sum "$version" "$archive"
  tar -xzf "$WORK/$archive" -C "$WORK" --strip-components=1 --no-same-owner "$name"/etcd{ctl,utl} 2>"$WORK/tar.log" ||
    die $E_REFUSED "etcdctl and etcdutl could not be unpacked from $archive: $(first_line <"$WORK/tar.log"). Check" \
      "etcdctl.url, and that ${WORK%/*} has room"
  put_area_file packages "$ETCDCTL" 755 "$WORK/etcdctl"
  put_area_file packages "$ETCDUTL" 755 "$WORK/etcdutl"
}

release_architecture() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
  esac
}

check_sum() { # VERSION ARCHIVE
  local wanted=${S[etcdctl-sha256]-} sum
  if [[ -z $wanted ]]; then
    download "${S[etcdctl-url]}/$1/SHA256SUMS" "$WORK/sums" || refuse_download "$1/SHA256SUMS"
    wanted=$(awk -v name="$2" '$2 == name || $2 == "*" name { print $1 }' "$WORK/sums")
    [[ -n $wanted ]] || die $E_REFUSED "${S[etcdctl-url]}/$1/SHA256SUMS does not list $2;" \
      "check etcdctl.url, or set etcdctl.sha256"
  fi
  sum=$(sha256sum <"$WORK/$2" | cut -c1-64)
  [[ $sum == "$wanted" ]] ||
    die $E_REFUSED "$2 from ${S[etcdctl-url]}: SHA-256 mismatch: expected $wanted, got $sum;" \
      "check etcdctl.url and etcdctl.sha256"
}

refuse_download() { # PATH
  die $E_REFUSED "etcdctl: ${S[etcdctl-url]}/$1 could not be downloaded:" \
    "$(last_line "$WORK/download.log"). Check etcdctl.url and etcd.imageTag," \
    "and that this host can reach it"
}

# download URL FILE : with what the host has. What is asked for over https comes over https, also
# where the server sends us elsewhere. (apt carries a downloader of its own, which sees to that.)
download() {
  local protocols='=http,https'
  if type -P curl >/dev/null; then
    if [[ $1 == https:* ]]; then protocols='=https'; fi
    curl -fsSL --proto "$protocols" --proto-redir "$protocols" --retry 2 --connect-timeout 10 \
      --speed-limit 1 --speed-time 60 -o "$2" "$1" 2>"$WORK/download.log"
  else
    /usr/lib/apt/apt-helper download-file "$1" "$2" >"$WORK/download.log" 2>&1 || {
      sed -i '/^E: Download Failed$/d' "$WORK/download.log" # its last line gives no reason
      return 1
    }
  fi
}
