
# --- which backups go, and what stays set up ---------------------------------------------------------

# prune : what `backup-keep` no longer keeps is deleted, after a backup that went well. Of one that is
# being deleted the description goes first, so that half of it is never taken for a whole one.
prune() {
  local folder listing name
  [[ ${S[backup-keep]:-bucket} != bucket ]] || return 0
  folder=$(store_folder)
  store_list "$folder" >"$WORK/listing" || return 1
  refuse_other_cluster # what is left of one that was replaced stays
  listing=$(<"$WORK/listing")
  learn_damage "$listing"
  # shellcheck disable=SC2086 # its words
  while read -r name; do
    if [[ -z $name ]] || is_awaited "$folder/$name"; then continue; fi
    store_delete "$folder/${name%.db.gz}.json" && store_delete "$folder/$name" || return 1
    log "$(member_name): deleted $folder/$name"
  done < <(counting_names <<<"$listing" | not_damaged | superfluous ${S[backup-keep]})
  while read -r name; do
    [[ -n $name ]] || continue
    store_delete "$folder/$name" || return 1
  done < <(unfinished_names "$(date -u -d '1 day ago' +%Y-%m-%dT%H-%M-%SZ)" <<<"$listing")
  while read -r name; do
    [[ -z $name ]] || store_delete "$folder/$name" || log "$(member_name): $folder/$name could not be deleted"
  done < <(left_notes <<<"$listing")
}

# is_awaited OBJECT : a restore has fetched it to this host, or tries to; until all hosts have it may take some runs.
readonly AWAITED_SECONDS=$((7 * 24 * 3600))
is_awaited() {
  local time object
  read -r time object <<<"$(recall restore-fetches)"
  [[ -n $object && $object == "$1" ]] && time=$(date -d "$time" +%s 2>/dev/null) || return 1
  (($(date +%s) - time < AWAITED_SECONDS))
}

# whole_names : of `SIZE NAME` lines, the backups that have both their objects, oldest first. (An empty one is what a
# host has left that lost its power.)
whole_names() {
  awk -v form="$BACKUP_NAME" '$2 ~ form && $1 != "0" {
      name = $2; sub(/[.](db[.]gz|json)$/, "", name)
      if ($2 ~ /[.]json$/) told[name] = 1; else data[name] = 1
    }
    END { for (name in data) if (told[name]) print name ".db.gz" }' | sort
}

# counting_names : the same without those from later than now. A clock that is wrong has made them: for as long
# as they would be the newest, nobody would miss one, and the rules would keep them in place of others.
counting_names() { whole_names | not_after "$(in_name "$(date -u -d '5 minutes' +%Y-%m-%dT%H:%M:%SZ)")"; }
not_after() { awk -v limit="$1" '$1 "" < limit ""'; } # TIME-AS-IN-NAMES

# superfluous HOURLY DAILY WEEKLY MONTHLY : of names, oldest first, those that no rule keeps. A rule keeps
# the newest of each of the last so many hours (days, weeks from Monday, months) that have any. The newest
# of all is always kept, and so are the last three that were made before a change. Those, and those made by hand,
# take nobody's place but each other's: what is made after a mistake must not delete the one from before it.
superfluous() {
  sort -r | awk -v hourly="$1" -v daily="$2" -v weekly="$3" -v monthly="$4" '
    function days(y, m, d) { # since 1970-01-01
      if (m <= 2) { y--; m += 12 }
      return 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d - 719469
    }
    function rule(kind, period, most) {
      kind = made kind
      if (seen[kind] == period) return 0
      seen[kind] = period
      return ++count[kind] <= most
    }
    NF {
      date = substr($1, 1, 10)
      week = int((days(substr(date, 1, 4) + 0, substr(date, 6, 2) + 0, substr(date, 9, 2) + 0) + 3) / 7)
      made = match($1, /_(before|now)[.]/) ? substr($1, RSTART, RLENGTH) : ""
      kept = NR == 1
      if (made == "_before." && ++before <= 3) kept = 1
      if (rule("hour", substr($1, 1, 13), hourly)) kept = 1
      if (rule("day", date, daily)) kept = 1
      if (rule("week", week, weekly)) kept = 1
      if (rule("month", substr($1, 1, 7), monthly)) kept = 1
      if (!kept) print $1
    }' | sort
}

# unfinished_names BEFORE : of `SIZE NAME` lines, halves of backups that are older, and what is half written: by this
# program (see store_put), or by rclone, which names it NAME.XXXXXXXX.partial until it is whole.
readonly HALF_NAME='[.](db[.]gz|json|damaged)([.]bin)?([.][0-9A-Za-z]+[.]partial([.]bin)?)?$'
unfinished_names() {
  awk -v before="$1" -v form="$BACKUP_NAME" -v half="$NAME_FORM$HALF_NAME" '
    $2 ~ /^[.]/ || $2 ~ /[.]partial([.]bin)?$/ {
      name = $2; sub(/^[.]/, "", name)
      if (name ~ half && name < before "") print $2
      next
    }
    $2 ~ form {
      name = $2; sub(/[.](db[.]gz|json)$/, "", name); object[$2] = name; if ($1 != "0") n[name]++
    }
    END { for (each in object) if (n[object[each]] < 2 && object[each] "" < before "") print each }' | sort
}

## backup-setup         writes settings, credentials and timer of this host's backups
verb_backup_setup() {
  local new=no other=no
  read_state "${BACKUP_KEYS[@]}"
  # A run with the former settings may take hours, e.g. where their store trickles, and has no use any more.
  own_or_refuse
  state_text | cmp -s - "$BACKUP_SETTINGS" || systemctl stop etcd-host-backup.service 2>/dev/null || true
  lock backup
  own_or_refuse # (what was true before that wait)
  has_store || die $E_INPUT "backup-to: missing"
  schedule_seconds "${S[backup-schedule]:-hourly}" >"$WORK/interval" ||
    die $E_INPUT "backup.schedule: '${S[backup-schedule]}' is invalid: expected a calendar event of systemd, e.g." \
      "hourly or *-*-* 03:00:00. Nothing was changed"
  open_store
  state_text >"$WORK/settings"
  if ! cmp -s "$WORK/settings" "$BACKUP_SETTINGS"; then
    new=yes
    cmp -s <(store_lines "$WORK/settings") <(store_lines "$BACKUP_SETTINGS") || other=yes
    { make_folder && store_usable; } || die $E_REFUSED "${S[member]}: the store ${S[backup-to]} cannot be used:" \
      "$(store_fault). Nothing was changed. Correct the section backup, and run it again"
  fi
  [[ $(metrics_file) == "${S[backup-metrics]:+${S[backup-metrics]}/$METRICS}" ]] || remove_file "$(metrics_file)"
  put_folder "$STATE/backup" 700
  if [[ $other == yes ]]; then # what was seen and proved in the former store says nothing of this one
    forget backup-newest
    forget backup-proof
    forget backup-unproved
    forget backup-missed
    forget backup-mount
    forget backup-since
  fi
  put_file "$BACKUP_SETTINGS" 600 "$WORK/settings"
  [[ -n $(recall backup-since) ]] || remember backup-since "$(now)"
  remember backup-interval "$(<"$WORK/interval")"
  render_backup_service >"$WORK/service"
  render_backup_timer >"$WORK/timer"
  put_file "$BACKUP_UNIT.service" 644 "$WORK/service"
  put_file "$BACKUP_UNIT.timer" 644 "$WORK/timer"
  systemctl daemon-reload
  systemctl enable -q etcd-host-backup.timer
  systemctl restart etcd-host-backup.timer
  # (Also where a run that was cut off had put the settings there, and nothing else.)
  if [[ $new == yes || -z $(recall backup-newest) ]]; then
    note_what_is_there
    back_up_now
  fi
  stamp backup "$BACKUP_SETTINGS" "$BACKUP_UNIT.service" "$BACKUP_UNIT.timer"
  echo "converged: $(serial)"
}

# store_lines FILE : which store settings name, and how what lies in it is encrypted; not how it is reached.
store_lines() { grep -E '^backup-(to|remote|password): ' "$1" 2>/dev/null || true; }

# note_what_is_there : the newest that other hosts have made; this one may be new.
note_what_is_there() {
  local listing name facts=$WORK/facts.json
  listing=$(store_list "$(store_folder)") && ! store_unmounted || return 0
  learn_damage "$listing"
  name=$(counting_names <<<"$listing" | not_damaged | tail -n 1)
  if [[ -n $name ]] && fetch_facts "$(store_folder)/$name" "$facts"; then
    remember_newest "$(store_folder)/$name" "$(of_name "$name")"
  fi
}

# back_up_now : not waiting for the timer, and not for its end, if this member leads.
back_up_now() {
  [[ -e $BACKUP_UNIT.timer && $(metric etcd_server_is_leader) == 1 ]] || return 0
  systemctl start --no-block etcd-host-backup.service
}

state_text() {
  local key
  for key in "${!S[@]}"; do echo "$key: ${S[$key]}"; done | sort
}

# schedule_seconds EXPRESSION : between its next two times; fails for what systemd does not take. A systemd
# before 242 tells the next one alone: then nothing. (In UTC: date does not know the names of all zones, e.g. ChST.)
schedule_seconds() {
  local times
  times=$(TZ=UTC systemd-analyze calendar --iterations=2 "$1" 2>/dev/null) || {
    TZ=UTC systemd-analyze calendar "$1" 2>/dev/null | grep '^ *Next elapse: *[A-Z].*[0-9]' >/dev/null
    return
  }
  times=$(sed -n -e 's/^ *\(Next elapse\|Iter\. #2\|Iteration #2\): *//p' <<<"$times")
  times=$(while read -r each; do date -d "$each" +%s; done <<<"$times") || return 1
  awk 'NR == 1 { first = $1 } NR == 2 { print $1 - first; found = 1 } END { exit !found }' <<<"$times"
}

render_backup_service() {
  local after=''
  # (Also where the run was killed, by whatever.)
  if [[ -n ${S[backup-metrics]-} ]]; then after=$'\n'"ExecStopPost=-$PROGRAM backup-metrics"; fi
  cat <<EOF
# Written by etcd-host; changes here are undone.
[Unit]
Description=Backup of etcd
After=network-online.target

[Service]
Type=oneshot
ExecStart=$PROGRAM backup scheduled$after
Nice=19
IOSchedulingClass=idle
CPUWeight=10
TimeoutStartSec=6h
EOF
}
render_backup_timer() {
  cat <<EOF
# Written by etcd-host; changes here are undone.
[Unit]
Description=Backups of etcd

[Timer]
OnCalendar=${S[backup-schedule]:-hourly}
Persistent=true
AccuracySec=1s

[Install]
WantedBy=timers.target
EOF
}

backup_drift() {
  local state
  if [[ ! -r $STATE/backup.stamp ]]; then
    echo "not set up"
    return 0
  fi
  file_drift backup
  state=$(systemctl show -p ActiveState,UnitFileState etcd-host-backup.timer 2>/dev/null)
  [[ $state == *ActiveState=active* ]] || echo "timer stopped"
  [[ $state == *UnitFileState=enabled* ]] || echo "timer not enabled at boot"
}

observe_backup() {
  local next
  [[ -r $STATE/backup.stamp ]] || return 0
  next=$(TZ=UTC systemctl show -p NextElapseUSecRealtime --value etcd-host-backup.timer 2>/dev/null) || true
  echo "backup-since: $(recall backup-since)"
  echo "backup-newest: $(recall backup-newest)"
  echo "backup-proof: $(recall backup-proof)"
  echo "backup-damage: $(recall backup-damage | paste -sd';')"
  echo "backup-fault: $(backup_fault)"
  echo "backup-missed: $(recall backup-missed)"
  echo "backup-differ: $(recall backup-differ)"
  echo "backup-compared: $(recall backup-compared)"
  echo "backup-timer: $(if [[ -n $next ]]; then date -u -d "$next" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null; fi)"
}
# (One that is being made has not failed.)
backup_fault() {
  local fault status=0
  fault=$(recall backup-fault)
  [[ $fault != *" was interrupted" ]] || flock -n "$RUN/backup.lock" true 2>/dev/null || status=$?
  ((status == 1)) || echo "$fault"
}

## forget-backup CLUSTER MEMBER [TOKEN]   ends this host's backups; what is in the store stays
verb_forget_backup() { # CLUSTER MEMBER TOKEN
  lock
  own_host "$1" "$2" "${3:--}"
  forget_backup
}
forget_backup() {
  local name
  [[ -e $BACKUP_UNIT.timer || -d $STATE/backup ]] || return 0
  systemctl disable -q --now etcd-host-backup.timer 2>/dev/null || true
  systemctl stop etcd-host-backup.service 2>/dev/null || true
  remove_file "$BACKUP_UNIT.timer" "$BACKUP_UNIT.service" "$(metrics_file)"
  systemctl daemon-reload
  rm -rf "$STATE/backup" "$BACKUP_SCRATCH" "$RUN"/work.backup.* # (of a run that was killed: credentials)
  for name in backup.stamp backup.held backup-{since,interval,newest,store,mount,proof,fault,damage} \
    backup-{missed,unproved,asked,compared,differ}; do
    forget "$name"
  done
}
