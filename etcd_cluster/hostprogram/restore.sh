
# --- restoring: a cluster starts anew, from a snapshot or from what one member holds -------------
#
# Three steps, and between them all hosts wait for each other: `restore-stage` makes the new data beside
# the old, whose etcd goes on; `restore-fence` ends that etcd; `converge` puts the new data in its place.
# The new cluster has members, ids and a history of its own: etcd makes ids of a token and of the peer
# URLs, and this token is the stack's with the restore's id behind it. A former member that comes back
# belongs to another cluster, and nobody answers it. What this host knows of it, in $STATE:
#   restoring   ID data|joins REPLACED CLUSTER MEMBER   from the fence until the new member starts
#   restored    REPLACED CLUSTER ID                     which cluster it ended, and what became of it
#   revision    NUMBER                                  the one that the new cluster began with
#   restore-fetches   TIME OBJECT                       the backup that it fetches from the store, or has fetched

RESTORE_KEYS=(restore-id 'restore-replaces?' 'restore-snapshot?' 'restore-object?' 'restore-mark?'
  'restore-sha256?' 'restore-survivor?' 'restore-seen?' 'asked?' "${STORE_KEYS[@]}")
readonly STAGED=$DATA/.restore        # on the disk of the data, so that a rename is all that is needed
readonly WAL_ROOM=$((64 * 1024 * 1024)) # etcd's first log file

## restore-stage        makes the data of a restored cluster beside the old data, and proves it; etcd keeps running
verb_restore_stage() {
  read_state "${MEMBER_KEYS[@]}" "${RESTORE_KEYS[@]}"
  lock
  may_be_restored
  need_user
  if ! was_restored; then
    # (Also where what follows refuses: from here on this host does not delete it, see prune.)
    [[ -z ${S[restore-object]-} ]] || remember restore-fetches "$(now) ${S[restore-object]}"
    if ! is_staged; then
      need_image
      need_writable
      stage_restore
    fi
    refuse_staged "$(staged_folder)" # (its etcd is stopped, so it is not staged anew)
  fi
  printf 'replaces: %s\ncluster: %s\n' "${S[restore-replaces]:-none}" "$(restored_cluster)"
}

staged_folder() { echo "$STAGED/${S[restore-id]}"; }
# was_restored : (it stays known where the staged data has long been put in its place.)
was_restored() { [[ $(recall restored) == *" ${S[restore-id]}" ]]; }
# is_staged : a snapshot never changes. What a survivor holds does, until its etcd is stopped for this restore: the
# others may have come back since it was copied, and the cluster may have served for long.
is_staged() {
  [[ -e $(staged_folder)/ready ]] || return 1
  is_fenced || [[ -z ${S[restore-survivor]-}$(staged_fault "$(staged_folder)") ]]
}

# may_be_restored : whether this host is one of the cluster that ends, or of none.
may_be_restored() {
  local why
  own_or_refuse
  note_formed
  why=$(replaced_fault "$(recall formed)" "${S[restore-replaces]-}" "$(recall restored)" "${S[restore-id]}")
  [[ -z $why ]] || die $E_REFUSED "${S[member]}: $why. Nothing was changed"
  need_address
}

# replaced_fault FORMED REPLACES RESTORED ID : why this host's cluster is not the one that ends. Pure.
replaced_fault() {
  if [[ -z $1 || $1 == "$2" || $3 == "${2:-none} $1 $4" ]]; then
    return 0
  elif [[ -z $2 ]]; then
    echo "this host is a member of cluster $1, and restore.replaces is not set, which is only allowed on hosts" \
      "without a cluster. Set restore.replaces: '$1' to end that cluster"
  else
    echo "this host is a member of cluster $1, and restore.replaces names cluster $2. Correct or remove the section" \
      "restore"
  fi
}

# What comes of it: the members that the restored data has, and what etcd will call them and their cluster.
restored_token() { echo "${S[token]}-${S[restore-id]}"; }
restored_members() {
  if [[ -z ${S[restore-survivor]-} ]]; then
    echo "${S[initial-cluster]}"
  else
    tr , '\n' <<<"${S[initial-cluster]}" | grep -e "^${S[restore-survivor]}="
  fi
}
restored_cluster() { cluster_id_of "$(restored_members)" "$(restored_token)"; }
restored_member() { member_id_of "${S[arg.initial-advertise-peer-urls]}" "$(restored_token)"; }

# cluster_id_of INITIAL-CLUSTER TOKEN, member_id_of PEER-URL TOKEN : as etcd makes them, of members that
# begin together (server/etcdserver/api/membership: computeMemberID, genID). Pure.
cluster_id_of() {
  local pair bytes=
  while read -r pair; do
    bytes+=$(full_member_id "${pair#*=}" "$2")$'\n'
  done < <(tr , '\n' <<<"$1")
  printf %b "$(printf %s "$bytes" | sort | tr -d '\n' | sed 's/../\\x&/g')" | sha1sum | cut -c1-16 | sed 's/^0*//'
}
member_id_of() { full_member_id "$1" "$2" | sed 's/^0*//'; }
full_member_id() { printf %s%s "$1" "$2" | sha1sum | cut -c1-16; }

stage_restore() {
  local folder
  folder=$(staged_folder)
  refuse_links
  need_mount
  if [[ -n ${S[restore-survivor]-} ]]; then undo_half_fence; fi
  put_data_folder
  drop_staged "$(fenced_for)" # of restores that were begun with other lines
  mkdir -p "$folder"
  case ${S[restore-survivor]-} in
    '') if [[ -n ${S[restore-object]-} ]]; then stage_object; else stage_snapshot "${S[restore-snapshot]}"; fi ;;
    "${S[member]}") stage_survivor ;;
    *) no_quorum_left ;;
  esac
  if [[ -d $folder/member ]]; then
    restored_members >"$folder/members"
    echo data >"$folder/.ready"
  else
    echo joins >"$folder/.ready"
  fi
  sync -f "$folder"
  mv "$folder/.ready" "$folder/ready"
  changed "restore ${S[restore-id]} staged"
}

# refuse_restore REASON… : with nothing left of what this restore has staged.
WHAT_STOPPED="Nothing was stopped"
refuse_restore() {
  drop_staged "$(fenced_for)"
  die $E_REFUSED "${S[member]}: $*. $WHAT_STOPPED"
}
drop_staged() { # [ID] : all but this restore's
  local folder
  refuse_links .restore
  for folder in "${STAGED:?}"/*; do
    [[ ${folder##*/} == "${1-}" ]] || rm -rf "$folder"
  done
  rmdir "$STAGED" 2>/dev/null || true
}
# fenced_for : the other restore that has stopped this host, if any: until this one has staged and taken over its
# fence, that one can go on, with its lines.
fenced_for() {
  local id
  read -r id _ <<<"$(recall restoring)"
  [[ $id == "${S[restore-id]-}" ]] || echo "$id"
}

# stage_object : the snapshot in the store, as it was when it was made.
stage_object() {
  local utl object=${S[restore-object]} facts=$WORK/facts.json file
  utl=$(restoring_etcdutl)
  has_store || die $E_INPUT "backup-to: missing; restore-object is looked for there"
  open_store
  file=$(staged_folder)/fetched.db
  if ! fetch_facts "$object" "$facts"; then refuse_restore "$PROOF_FAULT"; fi
  refuse_newer "$(json_value etcdVersion "$facts")" "$object"
  refuse_over_quota "$(json_value size "$facts")" "$object"
  if ! fetch_backup "$object" "$facts" "$file"; then refuse_restore "$PROOF_FAULT"; fi
  refuse_other_sum "$file" "$object"
  make_restored "$utl" "$file"
  rm -f "$file"
}

refuse_over_quota() { # BYTES NAME : (of a file on the hosts the plan does)
  local quota=${S[arg.quota-backend-bytes]-}
  [[ ! $quota =~ ^[0-9]+$ ]] || (($1 <= quota)) || refuse_restore "$2 has $1 bytes, more than" \
    "etcd.quotaBackendBytes, $quota: writes would fail at once. Raise it first"
}
refuse_newer() { # VERSION NAME
  ! older_minor "$(wanted_version)" "$1" || refuse_restore "$2 is of etcd $1, and etcd $(wanted_version) could not" \
    "start from it. Set etcd.imageTag to a version of $(minor "$1")"
}
refuse_other_sum() { # FILE NAME
  local sum
  [[ -n ${S[restore-sha256]-} ]] || return 0
  sum=$(sha256sum <"$1" | cut -c1-64)
  [[ $sum == "${S[restore-sha256]}" ]] ||
    refuse_restore "$2 has the SHA-256 $sum, and restore.sha256 is ${S[restore-sha256]}"
}

stage_snapshot() { # FILE
  local file=$1 utl
  utl=$(restoring_etcdutl)
  [[ $(snapshot_mark "$file") == "${S[restore-mark]}" ]] || refuse_restore "$file is not the snapshot that the other" \
    "hosts have, or was changed since the hosts were read: $(snapshot_mark "$file"), expected ${S[restore-mark]}"
  refuse_other_sum "$file" "$file"
  make_restored "$utl" "$file"
}

# restoring_etcdutl : that of the image of etcd that runs here, else the host's; one that can do it.
restoring_etcdutl() {
  local utl version
  utl=$(image_program etcdutl) || refuse_restore "$(no_etcdutl restores)"
  # (After a step up that failed, an etcd that is too new may run here, beside a host's own that is not.)
  ! older_minor "$(wanted_version)" "$(version_of_etcdutl "$utl")" || utl=$(type -P etcdutl || echo "$utl")
  "$utl" snapshot restore --help 2>&1 | grep -e --bump-revision >/dev/null ||
    refuse_restore "$utl cannot raise revisions, without which API servers would trust stale caches; it has to be of" \
      "etcd 3.5.10 or newer. Set etcd.imageTag to a newer patch first"
  version=$(version_of_etcdutl "$utl")
  ! older_minor "$(wanted_version)" "$version" ||
    refuse_restore "$utl is of etcd $version, and etcd $(wanted_version) could not read what it writes. Install that" \
      "of etcd $(minor "$(wanted_version)") on this host (it is in etcd's release archive)"
  echo "$utl"
}
version_of_etcdutl() { { "$1" version 2>/dev/null || true; } | sed -n 's/^etcdutl version: //p'; } # PROGRAM

# make_restored ETCDUTL FILE : the restored data in the staged folder, after all that can be said of the file.
make_restored() {
  local utl=$1 file=$2 folder why version bump revision
  folder=$(staged_folder)
  timeout "$SNAPSHOT_SECONDS" "$utl" snapshot status "$file" -w json >"$WORK/status.json" 2>"$WORK/restore.log" ||
    refuse_restore "$file is damaged; etcdutl says: $(last_line "$WORK/restore.log")"
  version=$(snapshot_version "$WORK/status.json" "$file")
  refuse_newer "$version" "$file"
  echo "$version $(version_of_etcdutl "$utl")" >"$folder/versions"
  why=$(staged_fault "$folder")
  [[ -z $why ]] || refuse_restore "$why"
  why=$(restore_room_fault "$folder" "$(stat -L -c %s "$file")" "$(room_in "$folder")")
  [[ -z $why ]] || refuse_restore "$why$(room_behind_fence)"
  revision=$(json_value revision "$WORK/status.json")
  bump=$(restore_bump "$revision" "${S[restore-seen]:-0}") ||
    refuse_restore "etcdutl does not report the revision of $file"
  echo "$((revision + bump))" >"$folder/revision"
  echo "${S[restore-seen]:-0}" >"$folder/seen"
  log "${S[member]}: restoring $file beside the data: $(tr -d '{}"' <"$WORK/status.json")"
  timeout "$SNAPSHOT_SECONDS" "$utl" snapshot restore "$file" --data-dir "$folder/data" --name "${S[member]}" \
    --initial-cluster "$(restored_members)" --initial-cluster-token "$(restored_token)" \
    --initial-advertise-peer-urls "${S[arg.initial-advertise-peer-urls]}" \
    --bump-revision "$bump" --mark-compacted >"$WORK/restore.log" 2>&1 ||
    refuse_restore "$file could not be restored: $(last_line "$WORK/restore.log")"
  echo "${S[restore-id]}" >"$folder/data/member/restored"
  mv "$folder/data/member" "$folder/member"
  rmdir "$folder/data" 2>/dev/null || true
}

# restore_bump REVISION SEEN : by how much revisions are raised. By a billion, as etcd's page on recovery has it, and
# from above what clients of the cluster that ends have seen: that may itself have come of a restore, and the snapshot
# be of before. SEEN is a whole number of billions; none are fewer than one. Pure.
readonly BILLION=1000000000
restore_bump() {
  [[ $1 =~ ^[0-9]+$ && $2 =~ ^[0-9]+$ ]] || return 1
  echo $(($2 == 0 || $2 + BILLION <= $1 ? BILLION : $2 + 2 * BILLION - $1))
}

# known_revision : the highest that this host knows of in its cluster, also while its etcd does not run.
known_revision() {
  {
    recall revision
    echo
    recall backup-newest | cut -d' ' -f4
    cat "$STAGED"/*/seen 2>/dev/null || true
  } | awk '$1 ~ /^[0-9]+$/ && $1 + 0 > most { most = $1 + 0 } END { printf "%.0f", most }'
}

# snapshot_mark FILE : size and SHA-256 of a snapshot as etcd has it: the sum of all before it is its end.
# What has none is no snapshot of etcdctl. Reads no more than that.
snapshot_mark() {
  local size
  size=$(stat -L -c %s "$1" 2>/dev/null) || size=
  if [[ ! -e $1 ]]; then
    echo "missing"
  elif [[ ! -f $1 || ! -r $1 || -z $size ]]; then
    echo "unreadable"
  elif ((size < 544 || size % 512 != 32)); then
    echo "cut $size"
  else
    echo "$size $(tail -c 32 "$1" | od -An -v -tx1 | tr -d ' \n')"
  fi
}

restore_room_fault() { # FOLDER BYTES ROOM
  local needed=$(($2 + WAL_ROOM + SNAPSHOT_ROOM))
  short_of_room "$1" "$3" "$needed" "$needed bytes" \
    "the restored data needs $needed beside the old. Make room there"
}

room_behind_fence() {
  local other
  other=$(fenced_for)
  [[ -z $other || ! -d $STAGED/$other ]] ||
    echo ", or give up the restore $other, which has stopped this host: \"etcd-host restore-cancel\" removes what it" \
      "has staged there, and starts the old etcd"
}
