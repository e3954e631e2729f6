
# --- a cluster that lost its quorum: what one member holds becomes a snapshot ---------------------
#
# https://etcd.io/docs/v3.6/op-guide/recovery/#restoring-a-cluster-from-membership-mis-reconfiguration
# A copy of the member's data is started once, as a cluster of its own (--force-new-cluster), where no
# network reaches it, and is saved through etcd itself. So its log counts too, which a copied database
# lacks, and the member that runs from it has another identity than the one that others remember.

ALONE_SECONDS=120 # a log of ten thousand writes takes a few
readonly ANSWER_SECONDS=60

# no_quorum_left : returns where the cluster that is to end serves nobody any more, as far as is seen here.
no_quorum_left() {
  local why
  why=$(quorum_fault)
  [[ -z $why ]] || refuse_restore "$why"
}

# quorum_fault : why there may still be a quorum; nothing where its etcd keeps saying that there is none, or takes no
# part. One that has just begun listens before it answers: it waits up to seven seconds for each silent peer's hash.
quorum_fault() {
  local word
  wait_until "$ANSWER_SECONDS" has_a_word || true
  word=$(lasting_word)
  if [[ $word == healthy ]]; then
    echo "a quorum of the cluster still answers here, so no survivor is needed: repair the others" \
      "with \`pulumi up\`, or give a dead one up (members[].lost: true)"
  elif [[ $word != "no leader" ]] && serves_peers; then
    echo "its etcd is running, but did not report within $ANSWER_SECONDS s whether there is a quorum. Wait" \
      "until it answers on 127.0.0.1:2381, or stop it by hand"
  fi
}
has_a_word() { [[ $(own_word) != unknown ]] || ! serves_peers; }

stage_survivor() {
  local folder file
  folder=$(staged_folder)
  has_data || refuse_restore "it is to be the survivor, and has no data in $DATA"
  no_quorum_left
  bring_programs "$folder/bin"
  put_folder "$SNAPSHOTS" 700
  rm -f "$SNAPSHOTS/.survivor.db" # of a run that was cut off
  room_for_survivor "$folder"
  note_applied "$folder"
  copy_member "$folder/alone"
  log_mark "$folder/alone/member" >"$folder/log" || rm -f "$folder/log"
  mkdir -p "$folder/run"
  save_alone "$folder" || refuse_restore "its data could not be started by itself:" \
    "$(last_line "$folder/run/said.log"), $(last_line "$folder/run/etcd.log" | cut -c1-300)"
  note_discarded "$folder/run/etcd.log"
  file=$SNAPSHOTS/$(date -u +%Y%m%dT%H%M%SZ)-survivor-${S[member]}.db
  keep_survivor "$folder/run/snapshot.db" "$file"
  changed "snapshot $file"
  rm -rf "$folder/alone" "$folder/run"
  make_restored "$folder/bin/etcdutl" "$file"
  rm -rf "${folder:?}/bin"
}

# What etcd has applied last rises in a quorum, and without one stays as it is. (It says so seconds after its start.)
note_applied() { wait_until "$ANSWER_SECONDS" last_applied >"$1/applied" || rm -f "$1/applied"; } # FOLDER
last_applied() {
  local found
  found=$(metric etcd_server_proposals_applied_total) && [[ -n $found ]] && printf '%.0f\n' "$found" # (or 1.5e+09)
}
applied_or_down() { last_applied || [[ -z $(etcd_pid) ]]; }

# log_mark FOLDER : the newest file of a member's log, and its checksum. Without a quorum etcd writes nothing to it,
# also where it is started again, let alone where it is down.
log_mark() {
  local file sum
  file=$(find "$1/wal" -maxdepth 1 -name '*.wal' 2>/dev/null | sort | tail -n 1)
  [[ -n $file ]] && sum=$(sha256sum <"$file") && echo "${file##*/} ${sum%% *}"
}

# has_moved_on : whether its etcd may have been in a quorum since its data was copied. Where it does not say how far it
# is, or says less, as it does just after its start, its log is what is known. (Where it runs without pre-votes, that
# changes with each election, and only what it says counts.)
has_moved_on() {
  local folder copied now mark
  folder=$(staged_folder)
  copied=$(cat "$folder/applied" 2>/dev/null) || true
  now=$(wait_until "$ANSWER_SECONDS" applied_or_down) || true
  if [[ $copied =~ ^[0-9]+$ && $now =~ ^[0-9]+$ ]] && ((now >= copied)); then
    ((now > copied))
    return
  fi
  mark=$(log_mark "$DATA/member") || true
  [[ -z $mark || $mark != "$(cat "$folder/log" 2>/dev/null)" ]]
}

# bring_programs FOLDER : those of the very image that ran here, which is not a host's to have.
bring_programs() {
  local name path
  [[ -n $(etcd_pid) || ! -e $MANIFEST ]] || ensure_kubelet || true
  wait_until 30 own_process || refuse_restore "its etcd does not run, and the program is needed from its" \
    "image. $(start_it)"
  mkdir -p "$1"
  for name in etcd etcdctl etcdutl; do
    path=/proc/$(etcd_pid)/root/usr/local/bin/$name
    cp "$path" "$1/$name" 2>/dev/null || cp "$(type -P "$name")" "$1/$name" 2>/dev/null ||
      refuse_restore "$name is neither in the image of its etcd nor on this host"
  done
  # (Before its etcd stops for them.)
  env -i "$1/etcd" --version >/dev/null 2>"$WORK/program.log" ||
    refuse_restore "etcd's program, which a survivor's data is started with, does not run in $1:" \
      "$(last_line "$WORK/program.log"). If its disk is mounted noexec, run \"mount -o remount,exec" \
      "$(data_mount)\" on the host until the restore is done"
}
start_it() {
  local other
  other=$(fenced_for)
  if [[ ! -e $MANIFEST && -z $(recall restoring) ]]; then
    echo "It has no manifest, as after its system was installed anew: remove the section restore and run \`pulumi" \
      "up\` once, which starts it (and fails while there is no quorum), then set the section again"
  elif [[ -z $(recall restoring) ]]; then
    echo "Start the kubelet (systemctl start kubelet)"
  else
    echo "A restore has stopped it: run \"etcd-host restore-cancel\" on this host, which starts it, then" \
      "\`pulumi up\` again${other:+; or set the lines of the restore $other again, which has staged its data}"
  fi
}
own_process() { [[ -n $(etcd_pid) ]]; }

room_for_survivor() { # FOLDER
  local data database why
  data=$(du -sb "$DATA/member" | cut -f1)
  database=$(stat -c %s "$DATA/member/snap/db")
  why=$(restore_room_fault "$1" "$((data + 2 * database))" "$(room_in "$1")")
  [[ -n $why ]] || why=$(snapshots_fault "$database")
  [[ -z $why ]] || refuse_restore "$why"
}
# snapshots_fault BYTES : why so many more are not put where snapshots stay, if that is on another disk.
snapshots_fault() {
  local needed=$(($1 + SNAPSHOT_ROOM))
  [[ $(stat -c %d "$SNAPSHOTS" 2>/dev/null) != "$(stat -L -c %d "$DATA")" ]] || return 0
  short_of_room "$SNAPSHOTS" "$(room_in "$SNAPSHOTS" || true)" "$needed" "$needed bytes" \
    "the snapshot of what this member holds needs $needed. Make room there"
}
keep_survivor() { # FILE TARGET
  local part=$SNAPSHOTS/.survivor.db why
  why=$(snapshots_fault "$(stat -c %s "$1")") # (by its log it may be larger than its database was)
  [[ -z $why ]] || refuse_restore "$why"
  { mv "$1" "$part" && sync -d "$part" && mv "$part" "$2"; } 2>"$WORK/keep.log" || {
    rm -f "$part"
    refuse_restore "the snapshot of what it holds could not be put into $SNAPSHOTS: $(last_line "$WORK/keep.log")"
  }
}

# copy_member FOLDER : of a stopped etcd, which then goes on: the others may still come back.
copy_member() {
  mkdir -p "$1"
  stop_member
  WHAT_STOPPED="Its etcd was stopped while its data was copied, and the kubelet starts it again"
  cp -a --reflink=auto "$DATA/member" "$1/member" || {
    ensure_kubelet || true
    refuse_restore "its data could not be copied to $1"
  }
  ensure_kubelet || true
}

# save_alone FOLDER : a snapshot of the copy in FOLDER/alone, in FOLDER/run.
save_alone() {
  etcd_alone "$1/bin/etcd" "$1/bin/etcdctl" "$1/alone" "$1/run" "${S[member]}" "${S[arg.quota-backend-bytes]}" \
    snapshot save snapshot.db
}

# etcd_alone ETCD ETCDCTL DATA FOLDER NAME QUOTA WORD… : runs an etcd on this data, as a cluster of its own, and
# `etcdctl WORD…` in FOLDER: what that says is in said.log there, or why etcd does not start, and what etcd
# says in etcd.log. In a network of its own nobody reaches it, and it reaches nobody.
etcd_alone() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  gently timeout -k 5 "$((SNAPSHOT_SECONDS + ALONE_SECONDS))" env -i PATH="$PATH" LC_ALL=C unshare --net bash -c '
    etcd=$1 ctl=$2 data=$3 name=$5 quota=$6 limit=$7
    uptime() { local up; read -r up _ </proc/uptime && echo "${up%%.*}"; }
    end=$(($(uptime) + limit))
    cd "$4" && ip link set lo up || exit 1
    shift 7
    client=http://127.0.0.1:2379 peer=http://127.0.0.1:2380
    "$etcd" --name "$name" --data-dir "$data" --force-new-cluster --quota-backend-bytes "$quota" \
      --listen-client-urls $client --advertise-client-urls $client --listen-peer-urls $peer \
      --initial-advertise-peer-urls $peer --initial-cluster "$name=$peer" >etcd.log 2>&1 &
    etcd=$!
    trap "kill $etcd 2>/dev/null; wait" EXIT
    # (It is not asked for its health: an alarm in the data, such as NOSPACE, does not keep it from telling.)
    until "$ctl" --endpoints=$client --command-timeout=2s get health >said.log 2>&1; do
      kill -0 $etcd 2>/dev/null && (($(uptime) < end)) || exit 1
      sleep 0.3
    done
    "$ctl" --endpoints=$client "$@" >said.log 2>&1
  ' bash "${@:1:6}" "$ALONE_SECONDS" "${@:7}" </dev/null >/dev/null 2>&1
}

# note_discarded LOG : what was in its log, and no majority is known to have taken, etcd leaves out.
note_discarded() {
  local count
  count=$(sed -n 's/.*"discarding uncommitted WAL entries".*"number-of-discarded-entries":\([0-9]*\).*/\1/p' "$1")
  [[ -z $count ]] ||
    log "${S[member]}: $count last entries of its log are left out: it never learned that a majority had them"
}
