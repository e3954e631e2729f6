
# --- backups: made on time by whoever leads, looked after by the others ----------------------------
#
# What this host knows of them, in $STATE:
#   backup/settings   what the timer's run is told: with credentials, 0600
#   backup-since      when they were set up
#   backup-interval   seconds between two of the schedule
#   backup-newest     OBJECT TIME BYTES REVISION of the newest that is whole
#   backup-store      the `backup-to` in which that was seen
#   backup-mount      the mount point that it was below, of a folder
#   backup-proof      TIME OBJECT of the last that was fetched from the store and restored
#   backup-unproved   TIME REASON, where a proof was begun and none went well since
#   backup-fault      TIME REASON, where nothing went well since
#   backup-missed     OBJECT that was seen in the store when nothing was left in it, or it was not mounted
#   backup-asked      when all members were last asked whether they hold what a backup holds
#   backup-compared   when they last did; backup-differ: TIME REASON, when most of them did
#   backup-damage     OBJECT TIME REASON of each that lies in the store and is not what it was, a line each

BACKUP_KEYS=(cluster token member "${STORE_KEYS[@]}" 'backup-schedule?' 'backup-keep?' 'backup-metrics?')
readonly BACKUP_SETTINGS=$STATE/backup/settings BACKUP_SCRATCH=$SNAPSHOTS/.backup
readonly BACKUP_UNIT=/etc/systemd/system/etcd-host-backup
readonly SCRATCH_ROOM=$((256 * 1024 * 1024)) # bytes left free: etcd, on the same disk, goes on writing
readonly PROOF_SECONDS=$((20 * 3600)) # a day, less what a schedule may be late
readonly SEE_DAMAGED="See docs/runbooks/damaged-member.md"
readonly PROOF_FAILED='backup prove: ' # begins the reason of a fault that is none of a backup
readonly NAME_FORM='^[0-9]+-[0-9-]+T[0-9-]+Z_r[0-9]+_[a-z0-9-]+(_before|_now)?' # see superfluous
readonly BACKUP_NAME=$NAME_FORM'[.](db[.]gz|json)$'

now() { date -u +%Y-%m-%dT%H:%M:%SZ; }
in_name() { echo "${1//:/-}"; }                                            # 2026-11-28T22-00-00Z
of_name() { sed -E 's/^(.{10}T..)-(..)-(..Z).*/\1:\2:\3/' <<<"${1##*/}"; } # and back

## backup [scheduled|prove|accept]   makes one now, as set up; by the timer; proves the newest in the store; or makes
##                      one, and no longer reports that those in the store are gone
verb_backup() {
  local mode=${1:-now} begin wait=0
  [[ $mode =~ ^(now|scheduled|prove|accept)$ ]] || die $E_USAGE "backup: expected nothing, scheduled, prove or accept"
  need_settings
  begin=$(date +%s)
  if [[ $mode == scheduled ]]; then BACKGROUND=yes; fi
  if [[ $mode == scheduled && $(metric etcd_server_is_leader) != 1 ]]; then
    wait=$(fallback_seconds "$(recall backup-interval)" "$(metric etcd_mvcc_db_total_size_in_bytes)")
    sleep $((wait + RANDOM % (wait / 5 + 1)))
  fi
  lock backup
  need_settings # (they may have changed, or gone, while another run was waited for)
  read_state "${BACKUP_KEYS[@]}" <"$BACKUP_SETTINGS"
  rm -rf "$BACKUP_SCRATCH" # of a run that was killed: it is on the disk of etcd's data
  # (In a shell of its own: what ends it is a reason to try, and to say so.)
  if ((wait)) && (made_by_another $((begin - wait / 2))); then
    [[ -n $(recall backup-unproved) ]] || return 0
    mode=prove # (Nobody else knows that this host could not.)
  fi
  backup_and_note "$mode"
}

need_settings() {
  [[ -r $BACKUP_SETTINGS ]] || die $E_REFUSED "no backups are set up on this host. Add the section backup, and run" \
    "\`pulumi up\`"
}

# made_by_another SINCE : whether the store has a backup that is younger. Unknown is no.
made_by_another() {
  local listing name newest facts=$WORK/facts.json
  refuse_no_cluster
  open_store
  listing=$(store_list "$(store_folder)") && ! store_unmounted || return 1
  learn_damage "$listing"
  name=$(counting_names <<<"$listing" | not_damaged | tail -n 1)
  [[ -n $name ]] && newest=$(date -d "$(of_name "$name")" +%s) || return 1
  ((newest >= $1)) || return 1
  fetch_facts "$(store_folder)/$name" "$facts" || return 1
  grep -xF "$(json_value gzSize "$facts") $name" <<<"$listing" >/dev/null || return 1
  refuse_other_cluster
  log "$(member_name): another member has made $name"
  remember_newest "$(store_folder)/$name" "$(of_name "$name")"
  still_missed "$listing" scheduled >/dev/null
  forget backup-fault
  put_metrics
}

# backup_and_note MODE : what ends it is known afterwards, whatever it was.
backup_and_note() {
  local status what='' unmade='' unproved
  if [[ $1 == prove ]]; then
    what=$PROOF_FAILED unmade=$(recall backup-fault)
    if [[ $unmade == *" $PROOF_FAILED"* ]]; then unmade=''; fi # (of a backup it stays: a proof makes none)
  fi
  [[ -n $unmade ]] || remember backup-fault "$(now) ${what}was interrupted"
  set +e
  (
    set -e
    backup_run "$1"
  ) 2>"$WORK/said"
  status=$?
  set -e
  cat "$WORK/said" >&2
  rm -rf "$BACKUP_SCRATCH"
  if ((status)); then
    [[ -n $unmade ]] || remember backup-fault "$(now) $what$(reason_of "$WORK/said" "$status")"
  elif [[ -z $unmade ]]; then
    unproved=$(recall backup-unproved)
    if [[ -n $unproved ]]; then # (no reason to put off the change that this one was made before)
      remember backup-fault "${unproved%% *} $PROOF_FAILED${unproved#* }"
    else
      forget backup-fault
    fi
  fi
  put_metrics
  ((status == 0)) && return 0
  [[ $1 != before || -e $WORK/differ ]] || log "etcd-host: $(member_name): no backup could be made before this" \
    "change, for the reason above. Nothing was changed. Fix that, or set backup.to to a store that works, if only a" \
    "folder; then run it again"
  exit "$status"
}
reason_of() { # FILE STATUS : what the program said last, or else
  local said
  said=$(sed -n 's/^etcd-host: //p' "$1" | tail -n 1)
  echo "${said:-ended with status $2: $(last_line "$1")}"
}

# A run is about one cluster, from its beginning to its end: a restore may make this host a member of another one
# meanwhile, and what was taken of the old one would lie among the new one's.
BACKUP_OF=''
store_folder() { echo "${S[cluster]}/${BACKUP_OF:-$(recall formed)}"; }
refuse_no_cluster() {
  BACKUP_OF=$(recall formed)
  [[ -n $BACKUP_OF ]] || die $E_REFUSED "$(member_name): this host is not a member of a formed cluster"
  refuse_other_cluster
}
refuse_other_cluster() {
  local id
  # (One that has brought this cluster is done, but for what a run that was cut off has left to do.)
  read -r id _ <<<"$(recall restoring)"
  [[ $(recall formed) == "$BACKUP_OF" && (-z $id || $(recall restored) == *" $BACKUP_OF $id") ]] ||
    die $E_LATER "$(member_name): a restore is running on this host, or has run, so it may no longer be a member of" \
      "cluster $BACKUP_OF. This backup is abandoned. The next one is of the new cluster"
}

# backup_run MODE : in a shell of its own, so that its end is seen.
backup_run() {
  local utl unproved='' how=one listing gone suffix=''
  refuse_no_cluster
  open_store
  utl=$(image_program etcdutl) || die $E_REFUSED "$(member_name): $(no_etcdutl "proves a backup")"
  rm -rf "$BACKUP_SCRATCH" # of a run that was killed
  put_folder "$SNAPSHOTS" 700
  put_folder "$BACKUP_SCRATCH" 700
  if [[ $1 == prove ]]; then
    prove_from_store "$utl" || die $E_REFUSED "$(member_name): the newest backup could not be proved: $PROOF_FAULT"
    echo "proved: $(recall backup-proof)"
    return 0
  fi
  { make_folder && store_list "$(store_folder)" >"$WORK/listing"; } ||
    die $E_LATER "$(member_name): the store ${S[backup-to]} could not be read: $(store_fault)"
  listing=$(<"$WORK/listing")
  # What is wrong with one that lies there is said, and is no reason to make none.
  gone=$(still_missed "$listing" "$1")
  if proof_due; then prove_from_store "$utl" counts || (($? == NONE_YET)) || unproved=$PROOF_FAULT; fi
  if [[ -n $gone ]]; then unproved=$(missing_fault "$gone"); fi
  if [[ $1 == before || -n $(recall backup-differ) ]] || is_old backup-asked; then how=all; fi
  case $1 in before) suffix=_before ;; now | accept) suffix=_now ;; esac
  make_backup "$utl" "$how" "$suffix"
  if [[ $1 == before ]]; then still_differ; fi
  if [[ -n $DIFFER ]]; then
    : >"$WORK/differ"
    die $E_REFUSED "$(member_name): the backup was made, and $DIFFER. $SEE_DAMAGED"
  fi
  [[ $1 != before ]] || return 0
  # (There is nothing as old as what is missed: what was made since goes by the rules, or it would fill a host's disk.)
  # Where the share is mounted again, not while nobody can read back what would be left.
  if [[ -n $gone ]] && { store_unmounted || [[ -z $(recall backup-unproved) ]]; }; then prune || true; fi
  # (What was proved is not deleted for the sake of what nobody can read back.)
  [[ -z $unproved ]] || die $E_LATER "$(member_name): the backup was made, and the one before it in the store could" \
    "not be proved: $unproved"
  prune || die $E_REFUSED "$(member_name): the backup was made, and older ones could not be deleted: $(store_fault)." \
    "Allow it, or set backup.keep: bucket, and let the store's rules delete them"
}

# make_backup ETCDUTL one|all [SUFFIX] : a snapshot, proved, packed, and in the store.
make_backup() {
  local utl=$1 begin name object file=$BACKUP_SCRATCH/snapshot.db
  begin=$(now)
  proved_snapshot "$utl" "$file" "$2"
  name=$(in_name "$begin")_r$(json_value revision "$WORK/snapshot.json")_${S[member]}${3-}
  object=$(store_folder)/$name.db.gz
  INTO=$file.gz gently gzip -n -c -3 "$file" >"$file.gz" ||
    die 1 "$(member_name): the snapshot could not be compressed"
  describe "$file" "$begin" >"$WORK/facts.json"
  whole_facts "$WORK/facts.json" ||
    die 1 "$(member_name): the backup could not be described: $(<"$WORK/facts.json")"
  rm -f "$file" # storing may take long, and it is on the disk of etcd's data
  refuse_other_cluster
  log "$(member_name): storing $object"
  if ! { store_put "$file.gz" "$object" && store_put "$WORK/facts.json" "${object%.db.gz}.json"; }; then
    die $E_LATER "$(member_name): the backup could not be stored in ${S[backup-to]}: $(store_fault)"
  fi
  is_stored "$object" "$(stat -c %s "$file.gz")" "$(stat -c %s "$WORK/facts.json")" ||
    die $E_LATER "$(member_name): $object is not in ${S[backup-to]} as it was stored: $(store_fault)"
  refuse_other_cluster
  remember_newest "$object" "$begin"
  echo "backup: $object"
}
is_stored() { # OBJECT SIZE SIZE-OF-FACTS
  local listing name=${1##*/}
  listing=$(store_list "${1%/*}") || return 1
  echo "it is not listed, or with another size" >"$WORK/store.log"
  grep -xF "$2 $name" <<<"$listing" >/dev/null && grep -xF "$3 ${name%.db.gz}.json" <<<"$listing" >/dev/null
}

# proved_snapshot ETCDUTL FILE one|all : of a member that serves, checked, restored to scratch and compared.
proved_snapshot() {
  local utl=$1 file=$2 how=$3 url size why tries status steady untold=''
  look "$(all_urls)" || die $E_LATER "$(member_name): could not find out how the members are: $WHY"
  url=$(serving_url) || die $E_LATER "$(member_name): no healthy member to take a snapshot of"
  size=$(largest_database "$STATUS_TEXT") || die $E_LATER "$(member_name): the size of the database is not known"
  why=$(backup_room_fault "${file%/*}" "$size" "$(room_in "${file%/*}")")
  [[ -z $why ]] || die $E_REFUSED "$(member_name): $why"
  steadily_from "$size"
  steady=$STEADY
  for tries in 1 2 3; do
    rm -rf "$file" "${file%/*}/proof"
    # (It took longer than the time between two compactions. Once more, as fast as it goes, with one alone.)
    if ((tries == 3)); then
      STEADY=''
      [[ $how == one || -n $untold ]] || remember backup-asked "$(now)"
      how=one
    fi
    save_snapshot "$url" "$file" "$utl" ||
      die $E_LATER "$(member_name): the snapshot $SNAPSHOT_FAULT: $(said_by_etcdctl "$WORK/snapshot.log")"
    status=0
    prove_snapshot "$file" "${file%/*}/proof" "$utl" "$how" || status=$?
    rm -rf "${file%/*}/proof"
    STEADY=$steady
    [[ -z $DIFFER ]] || untold=$DIFFER
    [[ $how == all ]] || DIFFER=$untold
    case $status in 0) return 0 ;; 2) log "a compaction came in between ($tries)" ;; *) break ;; esac
  done
  ((status == 2)) || die $E_REFUSED "$(member_name): the snapshot of $url is not what the members hold:" \
    "$PROOF_FAULT. It was not kept"
  # (A large database on a slow disk: the API servers compact every five minutes. None at all would be worse.)
  log "$(member_name): restored to scratch, and not compared with the members"
  PROVED_HASH='' DIFFER=$untold
}
# still_differ : where a change is to begin: what was found before, and was not seen to have ended.
still_differ() {
  local found
  found=$(recall backup-differ)
  [[ -z $DIFFER && -n $found ]] || return 0
  DIFFER="at ${found%% *} ${found#* }; not all could be compared again, which requires every member to serve. If that"
  DIFFER+=" member's data is being replaced, or it is given up, undo this change, run \`pulumi up\`, then make it again"
}
backup_room_fault() { # FOLDER BYTES ROOM
  local needed=$((2 * $2 + WAL_ROOM + SCRATCH_ROOM))
  short_of_room "$1" "$3" "$needed" "$needed bytes" \
    "a snapshot of $2 bytes and its proof need $needed. Make room there"
}

describe() { # FILE TIME : the facts of the snapshot in it, and of the same packed
  local size sum file=$1
  read -r size sum <<<"$(snapshot_mark "$file")"
  [[ $size =~ ^[0-9]+$ ]] || die $E_REFUSED "$(member_name): the snapshot is not whole: $size $sum"
  printf '{"cluster":"%s","clusterId":"%s","member":"%s","time":"%s","revision":%s,"keys":%s,"etcdVersion":"%s",' \
    "${S[cluster]}" "$BACKUP_OF" "${S[member]}" "$2" "$(json_value revision "$WORK/snapshot.json")" \
    "$(json_value totalKey "$WORK/snapshot.json")" "$(snapshot_version "$WORK/snapshot.json" "$file")"
  printf '"hash":"%s","size":%s,"sum":"%s","sha256":"%s","gzSize":%s,"gzSha256":"%s"}\n' "$PROVED_HASH" "$size" \
    "$sum" "$(gently sha256sum <"$file" | cut -c1-64)" "$(stat -c %s "$file.gz")" \
    "$(gently sha256sum <"$file.gz" | cut -c1-64)"
}

remember_newest() { # OBJECT TIME
  local facts=$WORK/facts.json
  note_mount
  remember backup-store "${S[backup-to]}"
  remember backup-newest "$1 $2 $(json_value size "$facts") $(json_value revision "$facts")"
}
