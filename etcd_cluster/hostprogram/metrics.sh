
# --- what monitoring is told of backups ------------------------------------------------------------

# put_metrics : for node_exporter's textfile collector.
put_metrics() {
  local folder=${S[backup-metrics]-} object time bytes revision proof failed=0
  [[ -n $folder ]] || return 0
  read -r object time bytes revision <<<"$(recall backup-newest)"
  proof=$(recall backup-proof)
  if [[ -n $(recall backup-fault) ]]; then failed=1; fi
  {
    metric_line set_up_timestamp_seconds "When backups were set up here" "$(seconds_of "$(recall backup-since)")"
    metric_line last_success_timestamp_seconds "When the newest whole backup was begun" "$(seconds_of "$time")"
    metric_line last_size_bytes "Its database's size" "$bytes"
    metric_line last_revision "Its revision" "$revision"
    metric_line last_proof_timestamp_seconds "When one was last fetched and restored" "$(seconds_of "${proof%% *}")"
    metric_line last_attempt_failed "1 where this host's last attempt failed" "$failed"
    metric_line damaged "Backups in the store that are not what they were" "$(recall backup-damage | grep -c . || true)"
  } >"$WORK/metrics"
  # (Neither a backup nor a change that waits for one fails by it.)
  if ! { put_file "$folder/$METRICS" 644 "$WORK/metrics" && cmp -s "$WORK/metrics" "$folder/$METRICS"; }; then
    log "$(member_name): the metrics could not be written to $folder"
  fi
}
## backup-metrics       tells monitoring how this host's backups are; the timer's unit does so after each run
verb_backup_metrics() {
  # (Another run that has begun since tells it when it ends.)
  [[ -r $BACKUP_SETTINGS ]] && flock -n "$RUN/backup.lock" true 2>/dev/null || return 0
  lock backup
  read_state "${BACKUP_KEYS[@]}" <"$BACKUP_SETTINGS"
  put_metrics
}
readonly METRICS=etcd_backup.prom
metrics_file() { sed -n "s/^backup-metrics: \(.*\)$/\1\/$METRICS/p" "$BACKUP_SETTINGS" 2>/dev/null || true; }
# seconds_of TIME : nothing where there is none, and for one that has not come: what a clock that was ahead has left
# would keep every alert silent until then.
seconds_of() {
  local seconds
  [[ -n ${1-} ]] && seconds=$(date -d "$1" +%s 2>/dev/null) || return 0
  ((seconds > $(date +%s) + 300)) || echo "$seconds"
}
metric_line() { # NAME HELP VALUE
  [[ -n $3 ]] || return 0
  printf '# HELP etcd_backup_%s %s.\n# TYPE etcd_backup_%s gauge\netcd_backup_%s{cluster="%s"} %s\n' \
    "$1" "$2" "$1" "$1" "${S[cluster]}" "$3"
}
