
# --- a backup comes back from the store: checked against its description -----------------------------

readonly FACTS_BYTES=65536
readonly OBJECT_FACTS=(cluster clusterId member time revision keys etcdVersion hash size sum sha256 gzSize gzSha256)

# fetch_facts OBJECT FILE : what the store says of a backup, whole and of the cluster in its path, into
# FILE. Fails with PROOF_FAULT, and with status 2 where it is what lies there that is wrong, by two looks at it.
fetch_facts() { by_two_looks read_facts "$1" "$2"; }
# by_two_looks COMMAND… : once more, where what it has fetched is wrong (status 2): on its way, or on this host's disk,
# it may have become so.
by_two_looks() {
  local status=0
  "$@" || status=$?
  ((status == 2)) || return "$status"
  log "$PROOF_FAULT. It is fetched once more"
  "$@"
}
read_facts() {
  local facts=${1%.db.gz}.json path cluster size
  size=$(stored_size "$facts") || {
    PROOF_FAULT="$facts could not be fetched: $(store_fault)"
    return 1
  }
  PROOF_FAULT="$facts is not a backup's description: too large"
  ((size <= FACTS_BYTES)) || return 2
  store_get "$facts" "$2" || {
    PROOF_FAULT="$facts could not be fetched: $(store_fault)"
    ! says_damaged "$PROOF_FAULT" || return 2
    return 1
  }
  PROOF_FAULT="$facts is not a backup's description: damaged, or something else"
  whole_facts "$2" || return 2
  path=${1%/*} cluster=$(json_value clusterId "$2")
  PROOF_FAULT="$facts describes a backup of cluster $cluster, and lies among those of cluster ${path##*/}"
  [[ $cluster == "${path##*/}" ]] || return 2
}
whole_facts() { # FILE
  local name value
  for name in "${OBJECT_FACTS[@]}"; do
    value=$(json_value "$name" "$1")
    case $name in
      revision | keys | size | gzSize) [[ $value =~ ^[0-9]+$ ]] || return 1 ;;
      sum | sha256 | gzSha256) [[ $value =~ ^[0-9a-f]{64}$ ]] || return 1 ;;
      clusterId) [[ $value =~ ^[0-9a-f]{1,16}$ ]] || return 1 ;;
      hash) [[ $value =~ ^([0-9]+-[0-9]+)?$ ]] || return 1 ;;
      etcdVersion) minor "$value" >/dev/null || return 1 ;;
      *) [[ -n $value ]] || return 1 ;;
    esac
  done
}

# fetch_backup OBJECT FACTS FILE : the snapshot in it, checked against its facts, into FILE. Fails in the same
# way, and leaves nothing behind.
fetch_backup() {
  local object=$1 facts=$2 file=$3 why mark status=0 stored
  # What is larger than it was does not fill the disk, which is that of etcd's data.
  stored=$(stored_size "$object") || {
    PROOF_FAULT="$object could not be fetched: $(store_fault)"
    return 1
  }
  if ((stored != $(json_value gzSize "$facts"))); then
    PROOF_FAULT="$object has $stored bytes, and had $(json_value gzSize "$facts") when it was made"
    return 2
  fi
  why=$(fetch_room_fault "${file%/*}" "$(($(json_value size "$facts") + $(json_value gzSize "$facts")))")
  if [[ -n $why ]]; then
    PROOF_FAULT=$why
    return 1
  fi
  by_two_looks fetch_packed "$object" "$facts" "$file.gz" || status=$?
  # From here on it is, bit for bit, what it was when it was made: what goes wrong is this host's, but for a
  # description that says something else.
  if ((status == 0)); then unpack "$file" $(($(json_value size "$facts") + 1)) "$object" || status=$?; fi
  if ((status == 0)); then
    mark=$(snapshot_mark "$file")
    PROOF_FAULT="$object holds another snapshot than its description says: $mark"
    case $mark in
      "$(json_value size "$facts") $(json_value sum "$facts")") ;;
      missing | unreadable) status=1 ;;
      *) status=2 ;;
    esac
  fi
  rm -f "$file.gz"
  ((status == 0)) || rm -f "$file"
  return "$status"
}
fetch_packed() { # OBJECT FACTS FILE : as the store has it. Fails in the same way
  local size sum
  if ! store_get "$1" "$3"; then
    PROOF_FAULT="$1 could not be fetched: $(store_fault)"
    ! { says_damaged "$PROOF_FAULT" || cannot_be_decrypted "$PROOF_FAULT"; } || return 2
    return 1
  fi
  PROOF_FAULT="$1 was fetched, and could not be read on this host: $3"
  size=$(stat -c %s "$3" 2>/dev/null) && sum=$(gently sha256sum <"$3" 2>/dev/null | cut -c1-64) || return 1
  PROOF_FAULT="$1 has $size bytes, and had $(json_value gzSize "$2") when it was made"
  [[ $size == "$(json_value gzSize "$2")" ]] || return 2
  PROOF_FAULT="$1 is damaged: its SHA-256 is not what it was when it was made"
  [[ $sum == "$(json_value gzSha256 "$2")" ]] || return 2
}
# In rclone's words (backend/crypt/cipher.go). Of an object whose description could be decrypted with the same password
# it is the object that is wrong; of a description it may be the password.
says_damaged() { [[ $1 == *corrupted* ]]; }
cannot_be_decrypted() {
  local words
  for words in "failed to authenticate decrypted block" "bad magic string" "truncated block header" \
    "too short to be encrypted"; do
    [[ $1 != *"$words"* ]] || return 0
  done
  return 1
}
# unpack FILE BYTES OBJECT : FILE.gz into no more than that. Fails in the same way.
unpack() {
  local ends=''
  : >"$WORK/head.log"
  {
    INTO=$1 gently gzip -dc <"$1.gz" | head -c "$2" 2>"$WORK/head.log" >"$1" || ends=${PIPESTATUS[*]}
  } 2>"$WORK/gzip.log"
  [[ -n $ends ]] || return 0
  # (A gzip that nobody reads ends with 141, or, where SIGPIPE is ignored as in systemd's services, with 1.)
  if [[ $ends == *" 0" && $(stat -c %s "$1" 2>/dev/null) == "$2" ]]; then
    PROOF_FAULT="$3 cannot be unpacked: it is larger than it was"
    return 2
  fi
  cat "$WORK/head.log" >>"$WORK/gzip.log" # a disk that is full; before that gzip said that nobody reads it
  PROOF_FAULT=$(last_line "$WORK/gzip.log") || PROOF_FAULT="ended with status $ends"
  PROOF_FAULT="$3 could not be unpacked on this host: $PROOF_FAULT"
  return 1
}
fetch_room_fault() { # FOLDER BYTES [ROOM]
  short_of_room "$1" "${3-$(room_in "$1" || true)}" $(($2 + SCRATCH_ROOM)) "$2 bytes" \
    "$2 more are to be put there. Make room there"
}
