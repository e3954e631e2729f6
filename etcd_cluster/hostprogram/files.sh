
# --- desired state, files, stamps --------------------------------------------------------------

declare -A S=() # the desired state, as read from stdin
HELD=''         # its digest

# read_state KEY… : required keys; `KEY?` is optional, `PREFIX*` any key that begins so.
# Values never appear in an error: some of them are private keys.
read_state() {
  local line key value spec text number=0
  text=$(cat && echo .)
  HELD=$(printf '%s' "${text%.}" | sha256sum | cut -c1-64)
  while IFS= read -r line || [[ -n $line ]]; do
    number=$((number + 1))
    [[ -z $line || $line == \#* ]] && continue
    [[ $line =~ ^([a-z][a-z0-9.-]*):\ (.*)$ ]] ||
      die $E_INPUT "stdin line $number is not 'key: value'"
    key=${BASH_REMATCH[1]} value=${BASH_REMATCH[2]}
    case $value in
      \'*\') value=${value:1:-1} ;;
      \"*\") value=${value:1:-1} ;;
    esac
    [[ $value == *[\'\"\\]* ]] && die $E_INPUT "$key: holds a quote or a backslash; give a plain value"
    [[ -v S[$key] ]] && die $E_INPUT "$key: given twice"
    known_key "$key" "$@" || die $E_INPUT "$key: unknown key; this verb takes: $*"
    S[$key]=$value
  done <<<"${text%.}"
  for spec in "$@"; do
    [[ $spec == *[?*] || -n ${S[$spec]-} ]] || die $E_INPUT "$spec: missing; this verb takes: $*"
  done
}

known_key() { # KEY SPEC…
  local key=$1 spec
  shift
  for spec in "$@"; do
    case $spec in
      *\*) [[ $key == "${spec%\*}"* ]] && return 0 ;;
      *) [[ $key == "${spec%\?}" ]] && return 0 ;;
    esac
  done
  return 1
}

# put_file PATH MODE SOURCE [UID:GID] : makes PATH hold what SOURCE does, root's or theirs; says so if it changed.
# The new content is complete and on disk before it takes the old one's place. The temporary
# name starts with a dot: the kubelet skips such files in its manifests folder. (Chained: callers may ask whether it
# went well, and where nothing is on the disk nothing is put in place. `-d`, because without it some systems' sync
# writes out every disk, and says nothing of this file. A number without an account is no owner to every `install`.)
put_file() {
  local path=$1 mode=$2 source=$3 owner=${4:-0:0} temporary
  temporary=${path%/*}/.${path##*/}.etcd-host
  if [[ -f $path && ! -L $path ]] && cmp -s "$source" "$path" &&
    [[ $(stat -c '%a %u:%g' "$path") == "$mode $owner" ]]; then
    return 0
  fi
  [[ -d ${path%/*} ]] || (umask 022 && mkdir -p "${path%/*}")
  install -m "$mode" "$source" "$temporary" && chown -h "$(as_numbers "$owner")" "$temporary" && sync -d "$temporary" &&
    mv -f "$temporary" "$path" || return 1
  changed "$path"
}

as_numbers() { echo "+${1/:/:+}"; } # UID:GID, for chown, which otherwise asks every name service for these as names

put_folder() { # PATH MODE [UID:GID]
  local owner=${3:-0:0}
  # (Of a link its folder counts. By a mode of five digits a folder loses its set-group-ID, too.)
  [[ -d $1 && $(stat -L -c '%a %u:%g' "$1") == "$2 $owner" ]] && return 0
  install -d -m "00$2" "$1" && chown "$(as_numbers "$owner")" "$1" || return 1
  changed "$1"
}

# put_area_file AREA PATH MODE SOURCE : put_file, in a place where somebody else's file may be.
put_area_file() {
  cmp -s "$2" "$4" || keep_others "$1" "$2"
  put_file "${@:2}"
}

# keep_others AREA PATH : before this area's own file takes that place, what somebody else put there is kept beside it.
keep_others() {
  local kept=$2.before-etcd-host number=1 aside
  # (CRI-O reads whatever lies in this folder, by any name.)
  if [[ $2 == */crio.conf.d/* ]]; then kept=${2%/*/*}/${2##*/}.before-etcd-host; fi
  aside=$kept
  [[ -f $2 && $'\n'$(stamped_paths "$1")$'\n' != *$'\n'"$2"$'\n'* ]] || return 0
  ! grep -q '^# Written by etcd-host' "$2" || return 0 # by a run that was killed
  while [[ -e $aside || -L $aside ]] && ! cmp -s "$2" "$aside"; do
    number=$((number + 1)) aside=$kept.$number
  done
  mv -f "$2" "$aside" || return 1
  changed "$2 kept as $aside"
}

remove_file() { # PATH…
  local path
  for path in "$@"; do
    [[ -e $path || -L $path ]] || continue
    rm -f "$path"
    changed "$path removed"
  done
}

# Small facts that this program remembers on the host, one file each, under $STATE.
recall() { if [[ -r $STATE/$1 ]]; then printf '%s' "$(<"$STATE/$1")"; fi; }
remember() { # NAME VALUE
  [[ -d $STATE ]] || mkdir -p "$STATE"
  printf '%s\n' "$2" >"$STATE/.$1.new" && sync -d "$STATE/.$1.new" && mv -f "$STATE/.$1.new" "$STATE/$1"
}
forget() { rm -f "$STATE/$1"; }
remove_state() { # all of it, also where the folder is a link, or a disk of its own, which stays
  [[ ! -d $STATE ]] || find "$STATE/" -mindepth 1 -delete
  rmdir "$STATE" 2>/dev/null || rm -f "$STATE" 2>/dev/null || true
}

# file_marks PATH… : content, mode and owner of these files, two lines each that end with the path.
file_marks() {
  {
    sha256sum "$@" || true # it goes on after a file that is missing
    stat -c '%a:%u:%g %n' "$@" || true
  } 2>/dev/null
}

# stamp AREA PATH… : remembers how this area's files look now that they are right, which program and
# which desired state made them so, and raises the serial, so that the same drift on another day is
# another line in the preview.
stamp() {
  local area=$1
  shift
  remember "$area.stamp" "$(file_marks "$@")"
  remember "$area.held" "$(program_digest) ${HELD:--}"
  exec 8>"$RUN/serial.lock"
  flock 8
  remember serial "$(($(serial) + 1))"
  exec 8>&-
  sync "$STATE" # a host that comes back with an earlier serial was put back
}

serial() {
  local n
  n=$(recall serial)
  printf '%s' "${n:-0}"
}

program_digest() { if [[ -r $PROGRAM ]]; then sha256sum <"$PROGRAM" | cut -c1-64; else echo -; fi; }
stamped_paths() { recall "$1.stamp" | sed -n 's/^[0-9a-f]\{64\}  //p'; } # AREA

# file_drift AREA : what no longer looks as it was stamped, one reason a line.
file_drift() {
  local stamped now path paths name
  stamped=$(recall "$1.stamp")
  mapfile -t paths < <(stamped_paths "$1")
  now=$(file_marks "${paths[@]}")
  [[ $now != "$stamped" ]] || return 0
  for path in "${paths[@]}"; do
    name=${path##*/}
    if [[ $path == "$ETCD_PKI"/* ]]; then name="etcd's $name"; fi
    if [[ ! -e $path ]]; then
      echo "$name missing"
    elif [[ $(grep -F " $path" <<<"$now") != "$(grep -F " $path" <<<"$stamped")" ]]; then
      echo "$name edited"
    fi
  done
}

# lock [AREA] : one change of an area at a time. Certificates are an area of their own: they are
# pushed while systemd is still busy with the kubelet.
lock() {
  local area=${1:-host}
  [[ -d $RUN ]] || mkdir -p "$RUN"
  exec 9>"$RUN/$area.lock"
  if ! flock -n 9; then
    log "waiting for another etcd-host on this host to end"
    flock -w 600 9 || die $E_LATER "another etcd-host run on this host has held the lock for ten minutes; run it" \
      "again when that one has ended"
  fi
  rm -rf "$RUN/work.$area".* # of a run that was killed
  WORK=$(mktemp -d "$RUN/work.$area.XXXXXX")
  trap 'rm -rf "$WORK"' EXIT
}

# now_us NAME : sets NAME to the time in microseconds. (RHEL 8 has bash 4.4, and EPOCHREALTIME came with 5.0.)
now_us() {
  if [[ -n ${EPOCHREALTIME-} ]]; then
    printf -v "$1" %s "${EPOCHREALTIME/./}"
  else
    printf -v "$1" %s "$(date +%s%6N)"
  fi
}

# apart LOG COMMAND… : a program of the system's. SELinux gives some of them a domain of their own, which may
# write to a pipe, and not to our files.
apart() {
  local log=$1 out reader status=0
  shift
  # (Without room for the log the program goes on.)
  exec {out}> >(exec >/dev/null 2>&1 9>&- && { cat >"$log" || exec cat; })
  reader=$!
  "$@" >&"$out" 2>&1 {out}>&- </dev/null || status=$?
  exec {out}>&-
  wait_until 5 process_gone "$reader" || true # a daemon that it has started may have the pipe open still
  return "$status"
}

# wait_until SECONDS COMMAND… : polls, less often after the first seconds: etcd logs a line each
# time that it is asked and is not healthy. Fails when the time is over.
wait_until() {
  local begin limit=$1
  shift
  mark_time begin
  until "$@"; do
    ! passed "$limit" "$begin" || return 1
    if passed 8 "$begin"; then sleep 1; else sleep 0.1; fi
  done
}

# mark_time NAME : into that variable, the hundredths of a second since this host's boot. (bash's SECONDS goes by
# the clock: one that is set meanwhile would end a wait at once, or make it last for as long as it was off.)
mark_time() {
  local since_boot
  read -r since_boot _ </proc/uptime
  printf -v "$1" %s "$((10#${since_boot/./}))"
}
passed() { # SECONDS BEGIN : whether so many have passed since then
  local now
  mark_time now
  ((now - $2 >= $1 * 100))
}
