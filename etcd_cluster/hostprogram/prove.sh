
# --- what a backup is worth: each is restored before it counts -------------------------------------

PROOF_FAULT=''
readonly FACTS_BYTES=65536 HASH_SECONDS=900 # of living members, who count at once
readonly OBJECT_FACTS=(cluster clusterId member time revision keys etcdVersion hash size sum sha256 gzSize gzSha256)

# prove_snapshot FILE FOLDER ETCDUTL one|all : restores it into FOLDER, and compares its hash with that of
# living members at its revision: of one that does not lead (it stands still while it counts), or of all.
# Sets PROVED_HASH; empty where no key was ever written. Fails with PROOF_FAULT, and with status 2 where a
# compaction came in between. (After save_snapshot, which left $WORK/snapshot.json, and `look`.)
PROVED_HASH=''
prove_snapshot() {
  local file=$1 folder=$2 utl=$3 revision rows='' said
  revision=$(json_value revision "$WORK/snapshot.json")
  PROVED_HASH='' PROOF_FAULT="its revision is not known"
  [[ $revision =~ ^[0-9]+$ ]] || return 1
  # At once, before the next compaction. (Revision 0: no key was ever written.)
  if ((revision)); then
    rows=$(living_hashes "$revision" "$(hash_urls "$4")") || {
      PROOF_FAULT=$rows
      [[ $rows != *"has been compacted"* ]] || return 2
      return 1
    }
  fi
  restore_to_scratch "$file" "$folder" "$utl" || return 1
  [[ -n $rows ]] || return 0
  PROVED_HASH=$(hash_of "$folder" "$revision" "$utl") || {
    PROOF_FAULT="the hash of the restored data could not be made: $(last_line "$WORK/prove.log")"
    return 1
  }
  said=$(compared "$rows" "${PROVED_HASH%-*}" "${PROVED_HASH#*-}")
  PROOF_FAULT="at revision $revision $said"
  case $said in same) ;; compacted) return 2 ;; *) return 1 ;; esac
}

restore_to_scratch() { # FILE FOLDER ETCDUTL
  mkdir -p "$2"
  INTO=$2/data/member/snap/db gently timeout "$SNAPSHOT_SECONDS" env GOMAXPROCS=1 "$3" \
    snapshot restore "$1" --data-dir "$2/data" >"$WORK/prove.log" 2>&1 && return 0
  PROOF_FAULT="it cannot be restored: $(last_line "$WORK/prove.log")"
  return 1
}

# hash_of FOLDER REVISION ETCDUTL : `HASH-COMPACTED` of the restored data in it. (Where nothing was compacted yet
# etcd says -1.) etcdutl of 3.6 panics where a key has a lease, as some always have with Kubernetes, and that of
# 3.5 has no such command: there etcd itself is asked.
hash_of() {
  local rows hash compacted
  if gently timeout "$SNAPSHOT_SECONDS" env GOMAXPROCS=1 "$3" hashkv "$1/data/member/snap/db" --rev "$2" -w json \
    >"$WORK/hash.json" 2>"$WORK/prove.log"; then
    hash=$(json_value hash "$WORK/hash.json") compacted=$(json_value compactRevision "$WORK/hash.json")
  elif grep -F -e "no lessor to attach lease" -e 'unknown command "hashkv"' "$WORK/prove.log" >/dev/null; then
    hash_by_etcd "$1" "$2" && rows=$(hash_rows "$(<"$WORK/said.log")") || return 1
    read -r _ hash compacted <<<"$rows"
  else
    return 1
  fi
  [[ $compacted =~ ^[0-9]+$ ]] || compacted=0
  [[ $hash =~ ^[0-9]+$ ]] && echo "$hash-$compacted"
}
hash_by_etcd() { # FOLDER REVISION : into $WORK/said.log
  local etcd ctl
  if ! etcd=$(image_program etcd) || ! ctl=$(image_program etcdctl); then
    echo "etcd, which tells it, does not run on this host" >"$WORK/prove.log"
    return 1
  fi
  etcd_alone "$etcd" "$ctl" "$1/data" "$WORK" proof -1 --command-timeout="${SNAPSHOT_SECONDS}s" endpoint hashkv \
    --rev "$2" -w json && return 0
  cat "$WORK/etcd.log" "$WORK/said.log" >"$WORK/prove.log" 2>/dev/null
  return 1
}

# living_hashes REVISION URLS : hash_rows of those members; else says why not.
living_hashes() {
  ETCDCTL_SECONDS=$HASH_SECONDS etcd_ctl --endpoints="$2" endpoint hashkv --rev "$1" -w json \
    >"$WORK/living.json" 2>"$WORK/living.log" || {
    echo "the members did not tell their hash at revision $1: $(said_by_etcdctl "$WORK/living.log")"
    return 1
  }
  hash_rows "$(<"$WORK/living.json")" || {
    echo "the members did not tell their hash at revision $1 wholly"
    return 1
  }
}
hash_urls() { # one|all : of members that serve, with commas; the leader comes last
  awk -v how="$1" '
    FILENAME == ARGV[1] { serving[$1] = 1; next }
    FILENAME == ARGV[2] { leader[$4] = 1; next }
    !serving[$1] || $5 == "-" { next }
    leader[$1] { last = $5; next }
    { urls[++n] = $5 }
    END {
      if (last != "") urls[++n] = last
      for (i = 1; i <= (how == "one" ? n > 0 : n); i++) printf "%s%s", (i > 1 ? "," : ""), urls[i]
    }' <(cat <<<"$SERVING") <(status_rows "$STATUS_TEXT") <(cat <<<"$MEMBERS")
}

# hash_rows JSON : `URL HASH COMPACTED` of each member in it; fails where one is not whole.
hash_rows() {
  awk '
    function value(name,  part) { return split($0, part, "\"" name "\":") == 2 ? part[2] + 0 : -1 }
    { split($0, url, "\""); hash = value("hash"); compacted = value("compact_revision")
      if (url[4] !~ /^http/ || hash <= 0) bad = 1
      printf "%s %.0f %.0f\n", url[4], hash, (compacted < 0 ? 0 : compacted); n++ }
    END { exit bad || !n }' < <(printf '%s\n' "$1" | sed 's/},{"Endpoint"/}\n{"Endpoint"/g')
}

# compared ROWS HASH COMPACTED : `same` where a member that has compacted as far has this hash, and none
# has another; `compacted` where none has compacted as far; else who has another.
compared() {
  awk -v hash="$2" -v compacted="$3" '
    $3 "" != compacted "" { next }
    $2 "" == hash "" { same = 1; next }
    { printf "%s%s has the hash %s, and the restored data has %s", s, $1, $2, hash; s = "; " }
    END { if (s == "") print same ? "same" : "compacted" }' <<<"$1"
}

json_value() { # NAME FILE : of a flat object in one line; numbers and texts
  sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\)\"\{0,1\}[,}].*/\1/p" "$2" | head -n 1
}

# fetch_facts OBJECT FILE : what the store says of a backup, whole and of the cluster in its path, into
# FILE. Fails with PROOF_FAULT, and with status 2 where it is what lies there that is wrong.
fetch_facts() {
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
  fetch_packed "$object" "$facts" "$file.gz" || status=$?
  if ((status == 2)); then # on its way, or on this host's disk, it may have become so
    log "$PROOF_FAULT. It is fetched once more"
    status=0
    fetch_packed "$object" "$facts" "$file.gz" || status=$?
  fi
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

# prove_newest OBJECT SCRATCH ETCDUTL : fetched from the store and restored, as it would be in an emergency.
# Fails in the same way. (What is bit for bit as it was when it was made, and proved, is not damaged: where it
# cannot be restored now, this host is in the way.)
prove_newest() {
  local object=$1 scratch=$2 utl=$3 facts=$WORK/facts.json file=$2/fetched.db own version hash revision found
  fetch_facts "$object" "$facts" || return
  steadily_from "$(json_value size "$facts")"
  fetch_backup "$object" "$facts" "$file" || return
  gently timeout "$SNAPSHOT_SECONDS" env GOMAXPROCS=1 "$utl" snapshot status "$file" -w json >"$WORK/fetched.json" \
    2>"$WORK/prove.log" || {
    PROOF_FAULT="$object could not be read by etcdutl: $(last_line "$WORK/prove.log")"
    return 1
  }
  own=$(metric etcd_server_version) version=$(snapshot_version "$WORK/fetched.json" "$file")
  PROOF_FAULT="$object is of etcd $version, and etcd ${own:-of unknown version} here could not start from it"
  minor "$own" >/dev/null && ! older_minor "$own" "$version" || return 1
  PROOF_FAULT=$(restore_room_fault "$scratch" "$(json_value size "$facts")" "$(room_in "$scratch")")
  [[ -z $PROOF_FAULT ]] || return 1
  restore_to_scratch "$file" "$scratch/fetched" "$utl" || return 1
  hash=$(json_value hash "$facts") revision=$(json_value revision "$facts")
  [[ -n $hash ]] || return 0
  found=$(hash_of "$scratch/fetched" "$revision" "$utl") || {
    PROOF_FAULT="the hash of the restored $object could not be made: $(last_line "$WORK/prove.log")"
    return 1
  }
  PROOF_FAULT="$object, restored, has other keys than the cluster had"
  [[ $found == "$hash" ]] || return 2
}

# snapshot_version STATUS-JSON FILE : the minor of etcd that its data is of. An etcdutl of 3.5 does not say:
# then the highest that its pages mention, and 3.5 where they mention none.
snapshot_version() {
  local found
  found=$(sed -n 's/.*"version":"\([0-9]*\.[0-9]*\)[^"]*".*/\1/p' "$1")
  [[ -n $found ]] || # (grep fails where there is none)
    found=$({ grep -a -o 'storageVersion[0-9]\{1,2\}\.[0-9]\{1,2\}' "$2" || true; } |
      sed 's/storageVersion//' | sort -V | tail -n 1)
  echo "${found:-3.5}"
}

# proof_due : once a day. (To date an empty text is midnight.)
proof_due() {
  local last age
  last=$(recall backup-proof)
  last=${last%% *}
  [[ -n $last ]] && last=$(date -d "$last" +%s 2>/dev/null) || return 0
  age=$(($(date +%s) - last))
  ((age > PROOF_SECONDS || age < 0))
}
