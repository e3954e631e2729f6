
# --- a database that is out of space -----------------------------------------------------------
#
# https://etcd.io/docs/v3.6/op-guide/maintenance/#space-quota: compact, defragment, disarm. What to
# compact is for the cluster's user to say; the rest is done here, member by member.

readonly DEFRAG_SECONDS=300
readonly ROOM_SECONDS=40 # on a busy machine it takes 20 and more

# relieve_space : where the alarm NOSPACE is raised, this member is defragmented, if that gains
# anything; the alarm is cleared by whoever finds room on all members.
relieve_space() {
  local total used quota room=0
  out_of_space || return 0
  # (etcd goes on compacting after it has said that it has.)
  wait_until "$ROOM_SECONDS" read_space || true
  if worth_defragmenting "$total" "$used"; then defragment "$used"; fi
  find_room "$quota" || room=$?
  if ((room == 2)); then
    log "${S[member]}: the alarm NOSPACE stays: ${WHY:-not every member says how large its database is}"
  elif ((room)); then
    log "${S[member]}: the alarm NOSPACE stays until every database is below nine tenths of its quota"
  else
    clear_alarm
  fi
}

# defragment USED : if the disk has room for a second file, into which etcd copies what is in use. (Without it the alarm
# may still be cleared, e.g. with a higher quota.)
defragment() {
  local id why needed
  needed=$(($(printf %.0f "$1") + WAL_ROOM + SNAPSHOT_ROOM))
  why=$(short_of_room "$DATA" "$(room_in "$DATA" || true)" "$needed" "a second database" \
    "etcd defragments into a second file, for which $needed are needed")
  if [[ -n $why ]]; then
    log "${S[member]}: not defragmented: $why. Make room there, then run it again"
    return 0
  fi
  spare_member "defragmenting it"
  if id=$(own_id); then hand_over "defragmenting it" "$id"; fi
  log "${S[member]}: defragmenting"
  ETCDCTL_SECONDS=$DEFRAG_SECONDS etcd_ctl --endpoints="$(own_url)" defrag >"$WORK/defrag.log" 2>&1 ||
    die $E_LATER "${S[member]}: could not be defragmented: $(said_by_etcdctl "$WORK/defrag.log"); run it again"
  changed "defragmented"
}

# clear_alarm : etcd clears all alarms at once, and CORRUPT may have been raised since this began.
clear_alarm() {
  local said why
  said=$(etcd_ctl --endpoints="$(own_url)" alarm list -w fields 2>"$WORK/disarm.log" | raised_alarms) || {
    why=$(said_by_etcdctl "$WORK/disarm.log") || true
    die $E_LATER "${S[member]}: could not find out which alarms are raised: ${why:-the list is incomplete}. None was" \
      "cleared; run it again"
  }
  [[ -n $said ]] || return 0 # another member has cleared it
  [[ $said == NOSPACE ]] || die $E_REFUSED "${S[member]}: the alarms ${said//$'\n'/, } are raised, and etcd clears" \
    "all of them at once. None was cleared. See docs/runbooks/damaged-member.md"
  if etcd_ctl --endpoints="$(own_url)" alarm disarm >"$WORK/disarm.log" 2>&1; then
    changed "alarm NOSPACE cleared"
  else
    log "${S[member]}: the alarm NOSPACE stays: $(said_by_etcdctl "$WORK/disarm.log")"
  fi
}

# drop_former_alarms : after a restore. A snapshot holds the alarms of its cluster, and while one is raised nobody can
# write. No member of this cluster raised them; one that is short of space raises NOSPACE by itself. After
# look_at_members.
drop_former_alarms() {
  local rows
  [[ -n $(recall restored) ]] && out_of_space || return 0
  if ! rows=$(etcd_ctl --endpoints="$(own_url)" alarm list -w fields 2>/dev/null | alarm_rows); then
    log "$(member_name): the alarm NOSPACE stays: could not find out which alarms are raised; run \`pulumi up\` again"
  elif all_former "$MEMBERS" "$rows"; then
    etcd_ctl --endpoints="$(own_url)" alarm disarm >/dev/null 2>&1 || return 0 # (the next preview names it)
    changed "alarm NOSPACE of the restored snapshot cleared"
  fi
}

# all_former MEMBERS ALARMS : whether each of these rows is NOSPACE, and of nobody on the list. (0 is of all.)
all_former() {
  local id kind
  [[ -n $1 && -n $2 ]] || return 1
  while read -r id kind; do
    [[ $id =~ ^[1-9][0-9]*$ && $kind == NOSPACE ]] && ! is_listed "$1" "$(printf %x "$id")" || return 1
  done <<<"$2"
}

# read_space : for relieve_space; whether it is known what to do: there is something to gain, or no need to.
read_space() {
  total=$(metric etcd_mvcc_db_total_size_in_bytes)
  used=$(metric etcd_mvcc_db_total_size_in_use_in_bytes)
  quota=$(metric etcd_server_quota_backend_bytes)
  worth_defragmenting "$total" "$used" ||
    awk -v total="$total" -v quota="$quota" 'BEGIN { exit !(quota + 0 > 0 && total + 0 < 0.9 * quota) }'
}

# find_room QUOTA : as room_everywhere. One that has just been defragmented, or restarted, may be slow to
# answer.
find_room() {
  local status begin
  mark_time begin
  while true; do
    status=2
    if look "$(all_urls)"; then
      status=0
      room_everywhere "$STATUS_TEXT" "$1" "$(awk 'END { print NR }' <<<"$MEMBERS")" || status=$?
      ((status)) || all_told "$MEMBERS" "$(status_rows "$STATUS_TEXT")" "$CLUSTER" || status=2
    fi
    if ((status < 2)) || passed "$ROOM_SECONDS" "$begin"; then return "$status"; fi
    sleep 0.5
  done
}

# alarm_rows : `id kind` of each alarm, of `alarm list -w fields` on stdin; fails where that is not whole.
alarm_rows() {
  awk -F' : ' '
    $1 == "\"RaftTerm\"" { whole = 1; next }
    whole && $1 == "\"MemberID\"" { if (open) bad = 1; open = 1; id = $2 }
    $1 == "\"AlarmType\"" { if (!open || $2 == "") bad = 1; open = 0; print id, $2 }
    END { exit bad || open || !whole }'
}
# raised_alarms : each kind of them, a line each.
raised_alarms() {
  local rows
  rows=$(alarm_rows) && awk 'NF && !seen[$2]++ { print $2 }' <<<"$rows"
}

out_of_space() { [[ $(http_get /health) == *"ALARM NOSPACE"* ]]; }

# worth_defragmenting TOTAL USED : whether a tenth of the file at least is free in itself. Numbers may
# come as 1.5e+09; what is no number is not worth it.
worth_defragmenting() {
  awk -v total="$1" -v used="$2" 'BEGIN { exit !(total + 0 > 0 && used != "" && used + 0 < 0.9 * total) }'
}

# room_everywhere STATUS-TEXT QUOTA COUNT : whether COUNT members told their size, and each has room: 0;
# 1 where one is full; 2 where that is not known. Its own quota is told by etcd 3.6; QUOTA is taken for
# that of a 3.5.
room_everywhere() {
  awk -F' : ' -v quota="$2" -v count="$3" '
    { key = $1; value = $2; gsub(/"/, "", key); gsub(/"/, "", value) }
    key == "ClusterID" { size = own = "" }
    key == "DBSize" { size = value }
    key == "DBSizeQuota" && value + 0 > 0 { own = value }
    key == "Endpoint" { if (size ~ /^[0-9]+$/) n++; if (size >= 0.9 * (own == "" ? quota : own)) full = 1 }
    END { exit quota + 0 <= 0 ? 2 : full ? 1 : n != count ? 2 : 0 }' <<<"$1"
}
