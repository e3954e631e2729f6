
# --- what a backup is worth: each is restored before it counts -------------------------------------

PROOF_FAULT=''
readonly HASH_SECONDS=900 # of living members, who count at once

# prove_snapshot FILE FOLDER ETCDUTL one|all : restores it into FOLDER, and compares its hash with that of
# living members at its revision: of one that does not lead (it stands still while it counts), or of all.
# Sets PROVED_HASH; empty where no key was ever written. Fails with PROOF_FAULT, and with status 2 where a
# compaction came in between. DIFFER says so where most members hold it, and others do not or do not say.
# (After save_snapshot, which left $WORK/snapshot.json, and `look`.)
PROVED_HASH='' DIFFER=''
prove_snapshot() {
  local file=$1 folder=$2 utl=$3 how=$4 revision rows='' said
  revision=$(json_value revision "$WORK/snapshot.json")
  PROVED_HASH='' DIFFER='' PROOF_FAULT="its revision is not known"
  [[ $revision =~ ^[0-9]+$ ]] || return 1
  # At once, before the next compaction. (Revision 0: no key was ever written.)
  if ((revision)); then
    if [[ $how == all ]] && ! rows=$(living_hashes "$revision" "$(hash_urls all)"); then
      PROOF_FAULT=$rows
      [[ $rows != *"has been compacted"* ]] || return 2
      how=one DIFFER="whether all members hold it is not known: $rows"
    fi
    if [[ $how == one ]] && ! rows=$(living_hashes "$revision" "$(hash_urls one)"); then
      PROOF_FAULT=$rows
      [[ $rows != *"has been compacted"* ]] || return 2
      return 1
    fi
  fi
  restore_to_scratch "$file" "$folder" "$utl" || return 1
  [[ -n $rows ]] || return 0
  PROVED_HASH=$(hash_of "$folder" "$revision" "$utl") || {
    PROOF_FAULT="the hash of the restored data could not be made: $(last_line "$WORK/prove.log")"
    return 1
  }
  said=$(compared "$rows" "${PROVED_HASH%-*}" "${PROVED_HASH#*-}" "$how")
  PROOF_FAULT="at revision $revision $said"
  case $said in
    same)
      [[ $how == all ]] || return 0
      remember backup-asked "$(now)"
      # (Who does not serve just now was not asked, and may be the one that differed.)
      if (($(voters "$MEMBERS") && $(wc -l <<<"$rows") >= $(voters "$MEMBERS"))); then
        remember backup-compared "$(now)"
        forget backup-differ
      fi
      ;;
    compacted) return 2 ;;
    *)
      forget backup-asked # (the next one is compared with all)
      held_by_most "$rows" "${PROVED_HASH%-*}" "${PROVED_HASH#*-}" || return 1
      DIFFER="not all members hold it: $PROOF_FAULT"
      remember backup-differ "$(now) $DIFFER"
      ;;
  esac
}
# held_by_most ROWS HASH COMPACTED : more than half of these members, and two at least, are known to have it.
held_by_most() {
  awk -v hash="$2" -v compacted="$3" '
    NF { n++; if ($3 "" == compacted "" && $2 "" == hash "") same++ }
    END { exit !(same > 1 && same * 2 > n) }' <<<"$1"
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
    echo "etcd or etcdctl is neither in the image of an etcd that runs here nor on this host" >"$WORK/prove.log"
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
    echo "the members did not report their hashes at revision $1: $(said_by_etcdctl "$WORK/living.log")"
    return 1
  }
  hash_rows "$(<"$WORK/living.json")" || {
    echo "what the members report as their hashes at revision $1 is incomplete"
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

# compared ROWS HASH COMPACTED one|all : `same` where a member that has compacted as far has this hash, and none
# has another; `compacted` where none has compacted as far (of all: one has not); else who has another.
compared() {
  awk -v hash="$2" -v compacted="$3" -v how="${4-}" '
    $3 "" != compacted "" { if (how == "all") other = 1; next }
    $2 "" == hash "" { same = 1; next }
    { printf "%s%s has the hash %s, and the restored data has %s", s, $1, $2, hash; s = "; " }
    END { if (s == "") print same && !other ? "same" : "compacted" }' <<<"$1"
}

json_value() { # NAME FILE : of a flat object in one line; numbers and texts
  sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\)\"\{0,1\}[,}].*/\1/p" "$2" | head -n 1
}

readonly NONE_YET=3
# prove_from_store ETCDUTL [counts] : the newest there; or, while there is one, the newest that counts: what was found
# damaged is not fetched each time. Until one was proved, that is to be done: see proof_due.
prove_from_store() {
  local status=0
  remember backup-unproved "$(now) was interrupted"
  proof_from_store "$@" || status=$?
  case $status in
    0 | "$NONE_YET") forget backup-unproved ;;
    *) remember backup-unproved "$(now) $PROOF_FAULT" ;;
  esac
  return "$status"
}
proof_from_store() { # ETCDUTL [counts] : of what is damaged there is a line until it is gone
  local listing name object counts='' status=0
  store_list "$(store_folder)" >"$WORK/listing" || {
    PROOF_FAULT="the store could not be read: $(store_fault)"
    return 1
  }
  listing=$(<"$WORK/listing")
  if store_unmounted; then # (what lies there is not the store's)
    PROOF_FAULT=$(missing_fault "$(still_missed "$listing" prove)")
    return 1
  fi
  learn_damage "$listing"
  name=$(counting_names <<<"$listing" | tail -n 1)
  [[ -z ${2-} ]] || counts=$(counting_names <<<"$listing" | not_damaged | tail -n 1)
  name=${counts:-$name}
  if [[ -z $name ]]; then
    PROOF_FAULT="there is none yet in $(store_folder)"
    [[ -n $(missed "$listing") ]] || return "$NONE_YET"
    PROOF_FAULT=$(missing_fault "$(missed "$listing")")
    return 1
  fi
  object=$(store_folder)/$name
  log "$(member_name): proving $object"
  prove_newest "$object" "$BACKUP_SCRATCH" "$1" || status=$?
  rm -rf "${BACKUP_SCRATCH:?}"/*
  refuse_other_cluster
  case $status in
    0)
      remember backup-proof "$(now) $object"
      take_back_damage "$object"
      ;;
    2) note_damage "$object" "$(now) $PROOF_FAULT" ;;
  esac
  return "$status"
}

# prove_newest OBJECT SCRATCH ETCDUTL : fetched from the store and restored, as it would be in an emergency.
# Fails in the same way. (What is bit for bit as it was when it was made, and proved, is not damaged: where it
# cannot be restored now, or has another hash, this host is in the way. etcdutl has restored no more than what has
# the sum at its end, and that is the one in the description. Of the hash etcd's versions may think differently.)
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
  PROOF_FAULT="$object is what it was when it was made, and, restored on this host, has the hash $found; it had $hash."
  PROOF_FAULT+=" Another version of etcd may have counted that. Try it on another member"
  [[ $found == "$hash" ]]
}

# snapshot_version STATUS-JSON FILE : the minor of etcd that its data is of. An etcdutl of 3.5 does not say: then what
# the database itself does, and where that cannot be read the highest that any of its pages mentions. (A free page may
# be of before a step back to 3.5, and a value may look like it.)
snapshot_version() {
  local found
  if grep -e '"version":' "$1" >/dev/null; then
    found=$(sed -n 's/.*"version":"\([0-9]*\.[0-9]*\)[^"]*".*/\1/p' "$1")
  elif ! found=$(database_version "$2"); then
    found=$({ grep -a -o 'storageVersion[0-9]\{1,2\}\.[0-9]\{1,2\}' "$2" || true; } | # (grep fails without any)
      sed 's/storageVersion//' | sort -V | tail -n 1)
  fi
  echo "${found:-3.5}"
}

# proof_due : once a day, and where the last one failed or was cut off, whoever began it.
proof_due() { [[ -n $(recall backup-unproved) ]] || is_old backup-proof; }
# is_old FACT : what this host remembers with a time is a day old, or has none. (To date an empty text is midnight.)
is_old() {
  local last age
  last=$(recall "$1")
  last=${last%% *}
  [[ -n $last ]] && last=$(date -d "$last" +%s 2>/dev/null) || return 0
  age=$(($(date +%s) - last))
  ((age > PROOF_SECONDS || age < 0))
}
