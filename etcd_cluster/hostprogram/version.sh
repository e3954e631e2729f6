
# --- another version of etcd -------------------------------------------------------------------
#
# https://etcd.io/docs/v3.6/upgrades/, https://etcd.io/docs/v3.6/downgrades/. Which step is allowed is
# the plan's to say. Here a snapshot is taken first, and etcd is told of a step back before it is made.

readonly SNAPSHOTS=/var/lib/etcd-snapshots SNAPSHOTS_KEPT=3
readonly VERSION_SECONDS=60 # etcd's leader looks at the versions every four
readonly SNAPSHOT_ROOM=$((64 * 1024 * 1024)) # bytes left free beside it
SNAPSHOT_SECONDS=900

# before_new_version : after a look at the cluster, before this member is stopped: where it would be the
# first to run its version. (Once one runs it, the snapshot was taken before that.)
SNAPSHOT=''
before_new_version() {
  local wanted running own
  new_tag || return 0
  wanted=$(wanted_version)
  learn_running_versions
  running=$(running_versions "$STATUS_TEXT")
  own=$(own_version)
  if [[ -z $running ]]; then
    log "$(member_name): no member answers through a quorum, so there is nothing to take a snapshot of"
  elif [[ -z $own ]] && serves_peers; then
    die $E_LATER "$(member_name): its etcd runs, and its version is not known, so etcd $wanted may be older than its" \
      "data. Nothing was changed. Wait until it answers on 127.0.0.1:2381, or stop it by hand if the others are" \
      "healthy; then run it again"
  elif older_minor "$wanted" "$own"; then
    await_storage "$(minor "$wanted")" # (the snapshot was taken when the cluster was told)
  elif ! grep -qxF "$wanted" <<<"$running"; then
    take_snapshot "$(paste -sd, <<<"$running")"
    if [[ $(minor "$wanted") == 3.7 ]] && grep -q '^3[.]6[.]' <<<"$running"; then leave_old_entries_behind; fi
  fi
}

# own_version : of the etcd that takes part here, as it says; as its members heard it; or as it was started.
own_version() {
  local version
  version=$(metric etcd_server_version)
  if [[ -z $version ]] && serves_peers; then
    version=$(status_rows "$STATUS_TEXT" | awk -v id="$(own_id || true)" '$2 "" == id { print $6 }')
    [[ -n $version ]] || version=$(manifest_tag | sed -n 's/^v\{0,1\}\([0-9][0-9]*[.][0-9][0-9.]*\).*/\1/p')
  fi
  echo "$version"
}

# leave_old_entries_behind : etcd 3.7 ends where it meets what a 3.5 wrote into the raft log ("unmarshal
# should never fail"; seen with 3.7.3), and a log goes back to the last raft snapshot, which may be ten
# thousand writes ago. Every member of 3.6 makes one when the cluster version is lowered (etcdserver/apply,
# ClusterVersionSet), so it is lowered, and raised again at once. No member restarts for it.
leave_old_entries_behind() {
  local ctl before
  ctl=$(image_program etcdctl) || die $E_REFUSED "etcdctl: not installed on this host"
  need_all_voters "etcd 3.7" "No member was changed"
  cancel_downgrade "$ctl" 3.6 # of a run that was cut off here
  [[ -z $(cluster_version) ]] || wait_until "$VERSION_SECONDS" cluster_speaks 3.6 ||
    refuse_old_entries "the cluster does not speak 3.6"
  before=$(raft_snapshot) || die $E_LATER "$(member_name): its raft snapshots in $DATA/member/snap could not be" \
    "listed. No member was changed; run it again"
  log "$(member_name): raft snapshots without entries of etcd 3.5, which 3.7 cannot read"
  tell_downgrade "$ctl" enable 3.5
  wait_until "$VERSION_SECONDS" cluster_speaks 3.5 || refuse_old_entries "the cluster version was not lowered" "$ctl"
  cancel_downgrade "$ctl" 3.6
  wait_until "$VERSION_SECONDS" cluster_speaks 3.6 || refuse_old_entries "the cluster version was not raised again"
  wait_until "$VERSION_SECONDS" newer_raft_snapshot "$before" || refuse_old_entries "no raft snapshot was made"
}
refuse_old_entries() { # REASON [ETCDCTL]
  if [[ -n ${2-} ]]; then cancel_downgrade "$2" 3.6; fi
  die $E_LATER "$(member_name): $1 within $VERSION_SECONDS s (it speaks $(cluster_version)). No member was" \
    "changed; run it again"
}

# raft_snapshot : the file of the newest one: its name has term and index in it. Empty where there is none.
raft_snapshot() { find "$DATA/member/snap" -maxdepth 1 -name '*.snap' -printf '%f\n' 2>/dev/null | sort | tail -n 1; }
newer_raft_snapshot() { [[ $(raft_snapshot) > $1 ]]; }

# running_versions STATUS-TEXT : each version that some member of CLUSTER runs, a line each.
running_versions() { status_rows "$1" | awk -v cluster="$CLUSTER" '$3 "" == cluster { print $6 }' | sort -u; }

# 3.6.6-0, v3.6.6 -> 3.6.6 -> 3.6
wanted_version() {
  local version=${S[image-tag]#v}
  echo "${version%%-*}"
}
minor() { [[ $1 =~ ^([0-9]+\.[0-9]+)(\..*)?$ ]] && echo "${BASH_REMATCH[1]}"; }

# older_minor A B : whether A is of an older minor than B; false where either is no version.
older_minor() {
  local a b
  a=$(minor "$1") && b=$(minor "$2") || return 1
  ((${a%.*} < ${b%.*} || (${a%.*} == ${b%.*} && ${a#*.} < ${b#*.})))
}

# take_snapshot VERSION : kept on this host, checked, before etcd of VERSION becomes another.
take_snapshot() {
  local utl url size file why part=$SNAPSHOTS/.unfinished.db
  utl=$(image_program etcdutl) || die $E_REFUSED "$(member_name): a snapshot is taken before etcd $1 becomes" \
    "$(wanted_version), and $(no_etcdutl "checks it"). Nothing was changed"
  url=$(serving_url) || die $E_LATER "$(member_name): no healthy member to take a snapshot of. Nothing was changed;" \
    "run it again"
  size=$(largest_database "$STATUS_TEXT") || die $E_LATER "$(member_name): the size of the database is not known," \
    "so there may be no room for a snapshot. Nothing was changed; run it again"
  put_folder "$SNAPSHOTS" 700
  rm -f "$part" "$part".*
  why=$(room_fault "$SNAPSHOTS" "$size")
  [[ -z $why ]] || die $E_REFUSED "$(member_name): $why. Nothing was changed. Make room there, then run it again"
  log "$(member_name): taking a snapshot before etcd $1 becomes $(wanted_version)"
  save_snapshot "$url" "$part" "$utl" || {
    rm -f "$part" "$part".*
    die $E_REFUSED "$(member_name): the snapshot before the change of version $SNAPSHOT_FAULT:" \
      "$(said_by_etcdctl "$WORK/snapshot.log"). Nothing was changed. Run it again"
  }
  file=$SNAPSHOTS/$(date -u +%Y%m%dT%H%M%SZ)-before-$(wanted_version).db
  sync -d "$part"
  mv "$part" "$file"
  keep_newest "$file"
  SNAPSHOT=$file
  changed "snapshot $file"
}

SNAPSHOT_FAULT=''
save_snapshot() { # URL FILE ETCDUTL
  SNAPSHOT_FAULT="could not be taken from $1"
  ETCDCTL_SECONDS=$SNAPSHOT_SECONDS INTO=$2.part gently etcd_ctl --endpoints="$1" snapshot save "$2" \
    >"$WORK/snapshot.log" 2>&1 || return 1
  SNAPSHOT_FAULT="is damaged, says etcdutl"
  gently timeout "$SNAPSHOT_SECONDS" env GOMAXPROCS=1 "$3" snapshot status "$2" -w json >"$WORK/snapshot.json" \
    2>"$WORK/snapshot.log" &&
    grep -q '"totalKey":[0-9]' "$WORK/snapshot.json"
}

# keep_newest FILE : that one, which was just made, and the newest of the others. The names sort by their time; a
# clock that had been ahead has left some that are later than this one's.
keep_newest() {
  local old
  find "$SNAPSHOTS" -maxdepth 1 -name '*-before-*.db' ! -name "${1##*/}" | sort |
    head -n -"$((SNAPSHOTS_KEPT - 1))" | while read -r old; do rm -f "$old"; done
  [[ -s $1 ]] || die $E_REFUSED "$(member_name): the snapshot $1 was made before this change, and is not there any" \
    "more. Nothing was changed. Find out what removes files from $SNAPSHOTS, then run it again"
}

# serving_url : this member's own, if it serves, else that of any other that does.
serving_url() {
  local id
  if member_healthy; then
    own_url # (one that was adopted may not listen on loopback yet, and would be waited for)
  else
    id=$(first_line <<<"$SERVING") && [[ -n $id ]] || return 1
    awk -v id="$id" '$1 "" == id { print $5 }' <<<"$MEMBERS"
  fi
}

# largest_database STATUS-TEXT : in bytes; fails where nobody says.
largest_database() {
  awk -F' : ' '$1 == "\"DBSize\"" && $2 ~ /^[0-9]+$/ && $2 + 0 > size { size = $2 + 0 }
    END { if (size) printf "%.0f\n", size; exit !size }' <<<"$1"
}

room_in() { df --output=avail -B1 "$1" 2>/dev/null | tail -n 1; } # FOLDER : bytes
# short_of_room FOLDER ROOM NEEDED WHAT TEXT : why NEEDED bytes cannot be put there; nothing where they can.
short_of_room() {
  if [[ ! $2 =~ ^[0-9]+$ ]]; then
    echo "the room in $1 for $4 could not be determined"
  elif (($2 < $3)); then
    echo "$1 has $2 bytes free, and $5"
  fi
}
room_fault() { # FOLDER BYTES
  local here data reserve=$((WAL_ROOM + SCRATCH_ROOM)) # as for a backup: etcd, on the same disk, goes on writing
  if here=$(stat -L -c %d "$1" 2>/dev/null) && data=$(stat -L -c %d "$DATA" 2>/dev/null) && [[ $here != "$data" ]]; then
    reserve=$SNAPSHOT_ROOM
  fi
  short_of_room "$1" "$(room_in "$1" || true)" $(($2 + reserve)) "a snapshot of $2 bytes" \
    "a snapshot of $2 bytes is taken before the change of version, which needs $(($2 + reserve))"
}

# image_program NAME : that of the image that runs here, which has etcd's very version; else the host's.
image_program() {
  local pid path
  pid=$(etcd_pid)
  path=/proc/$pid/root/usr/local/bin/$1
  if [[ -n $pid && -x $path ]]; then echo "$path"; else type -P "$1"; fi
}
no_etcdutl() { # WHAT-IT-DOES
  echo "etcdutl, which $1, is neither in the image of an etcd that runs here nor on this host. Install it (it is in" \
    "etcd's release archive), then run it again"
}

# cluster_version : the minor that all members speak, as this member's own etcd says. Before 3.7 one that
# joined by a snapshot says nothing until it starts again, or until the version changes.
cluster_version() { { http_get /metrics || true; } | own_metrics | sed -n 's/^cluster-version: //p'; }
# only_minor : the minor that every member runs, where it is the same.
only_minor() {
  local found
  found=$(running_versions "$STATUS_TEXT" | cut -d. -f1,2 | sort -u)
  [[ $found =~ ^[0-9]+\.[0-9]+$ && -z $(not_running "$MEMBERS" "$(status_rows "$STATUS_TEXT")" "$found") ]] || return 1
  echo "$found"
}
cluster_speaks() { [[ $(cluster_version) == "$1" ]]; }
all_serve() {
  local missing learners
  missing=$(not_serving "$MEMBERS" "$SERVING" "") && learners=$(learner_entries "$MEMBERS") &&
    [[ -z $missing$learners ]]
}

# need_all_voters WHAT NOTHING : ends here where a member is no healthy voter, and names each of these; NOTHING
# says what was not changed.
need_all_voters() {
  local missing learners
  ! all_serve || return 0
  missing=$(not_serving "$MEMBERS" "$SERVING" "") || missing="not known"
  learners=$(learner_entries "$MEMBERS") || learners="not known"
  if [[ -n $missing ]]; then missing=" Not healthy: $missing. Bring them back first."; fi
  if [[ -n $learners ]]; then
    learners=" Learners: $learners. Finish the \`pulumi up\` that adds them, or remove them on a healthy member"
    learners+=" (etcdctl member remove ID)."
  fi
  die $E_REFUSED "$(member_name): $1 needs every member to be a healthy voter. $2.$missing$learners Then run it again"
}

# says_versions : one answer for both, sorted by names: where etcd's own version is in it, it was not cut before the
# cluster's. (On a busy host it may be cut.)
SAID_VERSIONS=''
says_versions() {
  SAID_VERSIONS=$({ http_get /metrics || true; } | own_metrics) || true
  own_minor >/dev/null
}
own_minor() { minor "$(sed -n 's/^etcd-version: //p' <<<"$SAID_VERSIONS")"; }

# await_cluster_version : the change of version is done when the cluster speaks it, which is soon after
# its last member runs it. Until then the others are named, and nobody waits for them. (One that was
# given another version has started since, and so it says which the cluster speaks.)
await_cluster_version() {
  local own others
  wait_until "$VERSION_SECONDS" says_versions ||
    die $E_LATER "${S[member]}: its etcd did not say its version within $VERSION_SECONDS s; run it again"
  own=$(own_minor)
  [[ $SAID_VERSIONS == *"cluster-version: "* ]] || return 0
  ! cluster_speaks "$own" || return 0
  if ! look "$(all_urls)"; then
    log "${S[member]}: runs etcd $own; which version the others run is not known: $WHY"
    return 0
  fi
  others=$(not_running "$MEMBERS" "$(status_rows "$STATUS_TEXT")" "$own")
  if [[ -n $others ]]; then
    log "${S[member]}: runs etcd $own; the cluster speaks $(cluster_version) until these run it too: $others"
    return 0
  fi
  wait_until "${S[health-timeout-seconds]}" cluster_speaks "$own" ||
    die $E_LATER "${S[member]}: every member runs etcd $own, and after ${S[health-timeout-seconds]} s the cluster" \
      "still speaks $(cluster_version). Check etcd's log for \"cluster version\", then run it again"
}

# not_running MEMBERS STATUSES MINOR : the names of members that are not known to run MINOR.
not_running() {
  awk -v minor="$3." '
    FILENAME == ARGV[1] { if (index($6, minor) == 1) runs[$2] = 1; next }
    !runs[$1] { printf "%s%s", s, ($3 == "-" ? $4 : $3); s = ", " }
  ' <(cat <<<"$2") <(cat <<<"$1")
}
