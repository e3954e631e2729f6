
# --- a backup before a change -----------------------------------------------------------------------

## backup-before        makes a backup before a change, and proves it; without a store, a snapshot on this host
verb_backup_before() {
  local utl file
  read_state "${BACKUP_KEYS[@]}"
  # (Where it is there.) What the timer's run would make is older than this, and that may take long.
  systemctl stop etcd-host-backup.service 2>/dev/null || true
  lock backup
  own_or_refuse
  note_formed # (The run that bootstrapped it may have been killed before any host could note it.)
  refuse_no_cluster
  if has_store; then
    backup_and_note before
    return 0
  fi
  utl=$(image_program etcdutl) || die $E_REFUSED "${S[member]}: a snapshot is taken before this change, and" \
    "$(no_etcdutl "proves it"). Nothing was changed"
  put_folder "$SNAPSHOTS" 700
  rm -rf "$BACKUP_SCRATCH"
  put_folder "$BACKUP_SCRATCH" 700
  trap 'rm -rf "$WORK" "$BACKUP_SCRATCH"' EXIT
  proved_snapshot "$utl" "$BACKUP_SCRATCH/snapshot.db" all
  still_differ
  [[ -z $DIFFER ]] || die $E_REFUSED "${S[member]}: a snapshot was made, and $DIFFER. Nothing was changed. $SEE_DAMAGED"
  file=$SNAPSHOTS/$(date -u +%Y%m%dT%H%M%SZ)-before-change.db
  sync -d "$BACKUP_SCRATCH/snapshot.db"
  refuse_other_cluster
  mv "$BACKUP_SCRATCH/snapshot.db" "$file"
  keep_newest "$file"
  changed "snapshot $file"
  echo "backup: $file"
}
