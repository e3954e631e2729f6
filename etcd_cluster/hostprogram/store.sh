
# --- the store of backups: a folder, or what rclone reaches ----------------------------------------
#
# Objects are named by their path below `backup-to`. Credentials are in a file for rclone alone: they
# are on no command line and in no environment.

readonly STORE_KEYS=('backup-to?' 'backup-remote?' 'backup-ca?' 'backup-proxy?' 'backup-password?')
readonly STORE_SECONDS=3600 LIST_SECONDS=60 # for one object, however large; for a look at what is there
STORE_ROOT=''

has_store() { [[ -n ${S[backup-to]-} ]]; }
is_local() { [[ -z ${S[backup-remote]-} ]]; } # a folder on this host, encrypted or not
is_folder() { is_local && [[ -z ${S[backup-password]-} ]]; }

# open_store : what rclone reads, under $WORK. (A folder needs none of it.)
open_store() {
  local config=$WORK/store/rclone.conf to=${S[backup-to]} hidden bytes
  STORE_ROOT=$to
  ! is_folder || return 0
  type -P rclone >/dev/null || die $E_REFUSED "rclone: not installed on this host, and backup.remote needs it." \
    "Nothing was changed. Install it, or set install: packages"
  mkdir -p "$WORK/store"
  {
    echo "[store]"
    if [[ -n ${S[backup-remote]-} ]]; then
      base64 -d <<<"${S[backup-remote]}" || die $E_INPUT "backup-remote: not base64"
    else
      echo "type = local"
    fi
  } >"$config"
  # A bucket that is not there is somebody's mistake, and is not made.
  if grep -x 'type = s3' "$config" >/dev/null && ! grep '^no_check_bucket' "$config" >/dev/null; then
    echo "no_check_bucket = true" >>"$config"
  fi
  STORE_ROOT=store:$to
  if [[ -n ${S[backup-password]-} ]]; then
    hidden=$(base64 -d <<<"${S[backup-password]}" |
      env -i PATH="$PATH" HOME=/root rclone --config "$config" obscure -) ||
      die $E_INPUT "backup-password: rclone does not take it"
    # (16 bytes more, in base64. A rclone before 1.53 would take the hyphen for the password.)
    bytes=$(base64 -d <<<"${S[backup-password]}" | wc -c)
    ((${#hidden} == (4 * (bytes + 16) + 2) / 3)) || die $E_REFUSED "this rclone does not read the password:" \
      "$(rclone version 2>/dev/null | head -n 1). Nothing was changed. Install rclone 1.53 or newer"
    printf '\n[encrypted]\ntype = crypt\nremote = %s\npassword = %s\n' "$STORE_ROOT" "$hidden" >>"$config"
    printf 'filename_encryption = off\ndirectory_name_encryption = false\n' >>"$config"
    STORE_ROOT=encrypted:
  fi
  if [[ -n ${S[backup-ca]-} ]]; then base64 -d <<<"${S[backup-ca]}" >"$WORK/store/ca.crt"; fi
}

# store_rclone ARGUMENT… : in an environment of its own, like etcdctl. Of what it ends with see store_fault.
store_rclone() {
  local options=(--retries 3 --low-level-retries 3) settings=() status=0 seconds=$STORE_SECONDS
  if [[ $1 == lsf ]]; then options=(--retries 1 --low-level-retries 2) seconds=$LIST_SECONDS; fi
  if [[ -e $WORK/store/ca.crt ]]; then options+=(--ca-cert "$WORK/store/ca.crt"); fi
  if [[ -n ${S[backup-proxy]-} ]]; then
    settings+=(HTTPS_PROXY="${S[backup-proxy]}" HTTP_PROXY="${S[backup-proxy]}")
  fi
  gently timeout -k 5 "$seconds" env -i PATH="$PATH" HOME=/root LC_ALL=C GOMAXPROCS=1 "${settings[@]}" \
    rclone --config "$WORK/store/rclone.conf" "${options[@]}" --contimeout 10s --timeout 60s \
    --expect-continue-timeout 0 "$@" 2>"$WORK/store.log" </dev/null || status=$?
  note_silence "$status" "$seconds"
  return "$status"
}
note_silence() { # STATUS-OF-TIMEOUT SECONDS : 137 is that of one that did not listen either
  (($1 != 124 && $1 != 137)) || echo "no answer within $2 s" >"$WORK/store.log"
}
# in_folder SECONDS COMMAND… : on the folder of a store. It may be a share whose server is gone: all that touches
# it, and be it a look, waits then for ever.
in_folder() {
  local seconds=$1 status=0
  shift
  timeout -k 5 "$seconds" "$@" 2>"$WORK/store.log" || status=$?
  note_silence "$status" "$seconds"
  return "$status"
}
readonly RCLONE_NOTHING_THERE=3 # its exit status where a folder is missing: in a store, one without objects

# store_fault : why the store was last of no use, without what is nobody's business. (In a file: it is asked
# for after what ran in a shell of its own.)
store_fault() {
  local line key value
  # (What follows the ? of a URL may be a signature.)
  line=$(last_message 2>/dev/null <"$WORK/store.log" |
    sed -E -e 's/(https?:\/\/[^ ?"]*)[?][^ "]*/\1?***/g' -e 's/(:\/\/)[^ \/@]*@/\1***@/g') || true
  while read -r key _ value; do
    [[ ${#value} -lt 8 || $key == endpoint || $key == region || $key == provider ]] || line=${line//"$value"/***}
  done < <(cat "$WORK/store/rclone.conf" 2>/dev/null)
  line=$(tr -d "\"'\\\\" <<<"$line" | cut -c1-300)
  echo "${line:-no reason given}"
}
# last_message : of rclone's log: each message begins with a time, and may go on for some lines.
last_message() {
  awk '
    /^[ \t]*$/ || /^[ \t]*status code: / { next }
    sub(/^[0-9\/]+ [0-9:]+ *((ERROR|NOTICE|CRITICAL) *: *)?/, "") { said = $0; next }
    { sub(/^[ \t]+/, ""); said = said (said == "" ? "" : ": ") $0 }
    END { print said }'
}

# store_list PATH : `SIZE NAME` of each object right below it, a line each. Nothing where there is none; fails
# where that is not known.
store_list() {
  local status=0
  if is_local; then folder_answers || return 1; fi
  if is_folder; then
    list_folder "$STORE_ROOT/$1"
    return
  fi
  store_rclone lsf --files-only --format sp --separator ' ' "$(store_path "$1")" || status=$?
  ((status == 0 || status == RCLONE_NOTHING_THERE))
}

# folder_answers : whether the store's folder can be listed. A share that is not mounted, or whose server is gone,
# holds nobody knows what: that is not the same as nothing.
folder_answers() {
  in_folder "$LIST_SECONDS" ls -U "${S[backup-to]}/." >/dev/null && return 0
  ! not_there || echo "${S[backup-to]} is not there. Mount it, or make it" >"$WORK/store.log"
  return 1
}
not_there() { grep -F 'No such file or directory' "$WORK/store.log" >/dev/null; }
# list_folder FOLDER : below one that answers. What cannot be looked at may be full of backups. (Half written ones are
# listed: see unfinished_names.)
list_folder() {
  if ! in_folder "$LIST_SECONDS" stat "$1/." >/dev/null; then
    not_there
    return
  fi
  in_folder "$LIST_SECONDS" find "$1" -maxdepth 1 -type f \( ! -name '.*' -o -name '.[0-9]*_r[0-9]*' \) \
    -printf '%s %f\n'
}

# make_folder : that of a store in which this host has not seen a backup yet. (Later on, one that is not there is
# a share that is not mounted.)
make_folder() {
  if ! is_local || [[ $(recall backup-store) == "${S[backup-to]}" ]]; then return 0; fi
  in_folder "$LIST_SECONDS" mkdir -p "${S[backup-to]}"
}

# store_usable : whether it lets itself be looked at, and, of S3, the bucket is there: a prefix without
# objects looks the same without one. (Who may not list the whole bucket is not told.)
store_usable() {
  local bucket=${S[backup-to]%%/*} status=0
  store_list "${S[cluster]}" >/dev/null || return 1
  if is_folder || ! grep -x 'type = s3' "$WORK/store/rclone.conf" >/dev/null; then return 0; fi
  store_rclone lsf --dirs-only --max-depth 1 "store:$bucket" >/dev/null || status=$?
  ((status == RCLONE_NOTHING_THERE)) || return 0
  echo "the bucket $bucket is not there" >"$WORK/store.log"
  return 1
}
store_path() { if [[ $STORE_ROOT == *: ]]; then echo "$STORE_ROOT$1"; else echo "$STORE_ROOT/$1"; fi; }

# store_put FILE OBJECT : whole, or not there under that name.
store_put() {
  local target=${S[backup-to]}/$2 part why
  if ! is_local; then
    store_rclone copyto "$1" "$(store_path "$2")"
    return
  fi
  if ! is_folder; then target+=.bin; fi # as rclone's crypt names it
  part=${target%/*}/.${target##*/}
  (umask 077 && in_folder "$LIST_SECONDS" mkdir -p "${target%/*}") || return 1
  why=$(put_fault "${target%/*}" "$1")
  if [[ -n $why ]]; then
    echo "$why" >"$WORK/store.log"
    return 1
  fi
  if write_part "$1" "${2%/*}/.${2##*/}" "$part" && in_folder "$STORE_SECONDS" sync -d "$part" &&
    in_folder "$LIST_SECONDS" mv -f "$part" "$target"; then
    return 0
  fi
  timeout -k 5 "$LIST_SECONDS" rm -f "$part" 2>/dev/null || true # what was said of it before counts
  return 1
}
write_part() { # FILE OBJECT PATH : PATH is where the object lies
  if is_folder; then
    INTO=$3 gently in_folder "$STORE_SECONDS" install -m 600 "$1" "$3"
  else
    INTO=$3 store_rclone copyto "$1" "$(store_path "$2")"
  fi
}
# put_fault FOLDER FILE : what stands against it in a folder on the disk of etcd's data, e.g. where no share is
# mounted.
put_fault() {
  local device
  if ! device=$(in_folder "$LIST_SECONDS" stat -c %d "$1"); then
    store_fault
  elif [[ $device == "$(stat -L -c %d "$DATA" 2>/dev/null)" ]]; then
    fetch_room_fault "$1" "$(stat -c %s "$2" 2>/dev/null || echo 0)" "$(folder_room "$1" || true)"
  fi
}
folder_room() { in_folder "$LIST_SECONDS" df --output=avail -B1 "$1" | tail -n 1; }

stored_size() { # OBJECT : in bytes; fails where that is not known
  local listing
  listing=$(store_list "${1%/*}") || return 1
  echo "it is not listed, or without its size" >"$WORK/store.log"
  awk -v name="${1##*/}" '
    $2 "" == name "" && $1 ~ /^[0-9]+$/ { print $1; found = 1; exit }
    END { exit !found }' <<<"$listing"
}

store_get() { # OBJECT FILE
  rm -f "$2" # rclone would say something else of an object that it cannot have
  if is_folder; then
    in_folder "$STORE_SECONDS" cp "$STORE_ROOT/$1" "$2"
    return
  fi
  store_rclone copyto "$(store_path "$1")" "$2" || return 1
  [[ -e $2 ]] && return 0 # it ends well also where there is none
  echo "it is not there" >"$WORK/store.log"
  return 1
}

store_delete() { # OBJECT : or another member has
  local listing said
  if is_folder; then
    in_folder "$LIST_SECONDS" rm -f "$STORE_ROOT/$1"
    return
  fi
  store_rclone deletefile "$(store_path "$1")" && return 0
  said=$(store_fault)
  listing=$(store_list "${1%/*}") || return 1
  grep -F " ${1##*/}" <<<"$listing" >/dev/null || return 0
  echo "$said" >"$WORK/store.log"
  return 1
}
