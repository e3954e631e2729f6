
# --- the disk that the data is on ----------------------------------------------------------------

# data_mount : the mount point that the data folder is below; of a folder that is missing, of the nearest one above.
data_mount() {
  local path
  path=$(readlink -m "$DATA") || return 1
  until [[ -e $path ]]; do path=${path%/*} path=${path:-/}; done
  stat -c %m "$path"
}

# mount_fault : that what is in the data folder now is not this member's data, as its disk is not mounted, or another is
# mounted over it. Without data, whoever joined in its place would do so on another disk, where nobody has looked for
# room, and the former data would be back with the next mount. With data, it is a copy that somebody left there, and a
# member that starts from it has forgotten what it acknowledged since. (Where stat fails it is not known to be mounted.)
mount_fault() {
  local known
  known=$(recall data-mount)
  if [[ -L $DATA && ! -d $DATA ]] && is_beside_state "$(data_mount)"; then
    echo "$DATA is a link to $(readlink -m "$DATA"), which is missing or not a folder, and no disk is mounted above" \
      "it. Mount its disk; or, if the data is to be on the disk of /, make that folder"
  elif has_data; then
    if is_missed "$known"; then copy_fault "$known"; else covered_fault; fi
  elif [[ -n $known ]] && ! is_mounted "$known"; then
    echo "its data was on the disk mounted at $known, which is not mounted now, and $DATA holds no data. Mount it; if" \
      "that disk is lost, mount a new one there, and the member joins anew; or, to have it join anew without a disk" \
      "of its own, run \"etcd-host abandon\" on the host"
  fi
}
is_mounted() { [[ $(stat -c %m "$1" 2>/dev/null) == "$1" ]]; } # MOUNT
# is_missed MOUNT : whether the data folder leads there, and nothing is mounted there. (A link that leads elsewhere by
# now was changed by somebody.)
is_missed() { [[ -n $1 && $(readlink -m "$DATA")/ == "${1%/}"/* ]] && ! is_mounted "$1"; }

# copy_fault MOUNT : what to do about data that lies where its disk should be: that depends on what etcd has open.
copy_fault() {
  local pid what on_purpose
  on_purpose="if the data was moved there on purpose, while its etcd was stopped, run \"etcd-host accept-data\" on the"
  on_purpose+=" host"
  pid=$(etcd_pid)
  if [[ -z $pid ]]; then
    what="It may be an old one. Mount that disk; if it is lost, run \"etcd-host abandon\" on the host, which moves the"
    what+=" copy aside, and the member joins anew; or, $on_purpose"
  elif has_open_data "$pid"; then
    what="Its etcd was started from that copy, which may be an old one. Replace its data:"
    what+=" docs/runbooks/damaged-member.md; or, $on_purpose"
  else
    what="Its etcd still has that disk open, but would start from the copy. Mount the disk there again"
  fi
  echo "its data was on the disk mounted at $1, which is not mounted now, and $DATA holds another copy. $what"
}

# has_open_data PID : whether this etcd has the host's data open, and no folder that another one has taken the place of.
has_open_data() { [[ ! -L $DATA/member && /proc/$1/root$DATA/member -ef $DATA/member ]]; }

# covered_fault : that the etcd that runs has other data open than what lies in its place by now. (Asked twice: one that
# ended meanwhile has none.)
covered_fault() {
  local pid
  pid=$(etcd_pid)
  [[ -n $pid ]] && ! has_open_data "$pid" && [[ $(etcd_pid) == "$pid" ]] || return 0
  echo "a disk was mounted over the data of the running etcd (process $pid), or its folder was replaced: $DATA lacks" \
    "what this etcd has written since. Unmount that disk, or put the folder back, and move the data as" \
    "docs/runbooks/damaged-member.md says; or, if a restore is to replace this data, stop this etcd first (systemctl" \
    "stop kubelet; pkill -x etcd)"
}
# need_open_data : before an etcd stops: it would start again from what lies there.
need_open_data() {
  local why
  why=$(covered_fault)
  [[ -z $why ]] || die $E_REFUSED "$(member_name): $why. Nothing was changed"
}

## accept-data          by hand only: the data was moved to where it is now, while its etcd was stopped
verb_accept_data() {
  local mount why
  lock
  has_data || die $E_REFUSED "$DATA holds no data of a member. Nothing was changed"
  why=$(covered_fault)
  [[ -z $why ]] || die $E_REFUSED "$why. Nothing was changed"
  mount=$(data_mount) || die $E_LATER "which disk $DATA is on could not be determined. Nothing was changed"
  [[ -n $(recall data-mount) && $mount != "$(recall data-mount)" ]] || return 0
  remember data-mount "$mount"
  changed "its data is on the disk mounted at $mount"
}

# is_beside_state MOUNT : whether that is where a host keeps /var/lib, or not known.
is_beside_state() { [[ -z $1 || $1 == / || $1 == "$(stat -c %m "${STATE%/*}")" ]]; }
need_mount() {
  local why
  why=$(mount_fault)
  [[ -z $why ]] || die $E_REFUSED "$(member_name): $why. Nothing was changed"
}

# follow_data_link : to a folder that is not there yet, as on a new disk.
follow_data_link() {
  [[ -L $DATA && ! -d $DATA ]] || return 0
  need_mount
  (umask 022 && mkdir -p "$(readlink -m "$DATA")") ||
    die $E_REFUSED "$(member_name): $DATA is a link to $(readlink -m "$DATA"), which could not be made. Make that" \
      "folder, then run it again"
}
put_data_folder() {
  follow_data_link
  put_folder "$DATA" 700 "$(owner_of "$DATA")"
}

# note_data MEMBER-ID : where the data of the etcd that runs is, and, in it, whose it is: this host's memory goes on
# where one disk takes another's place, and where the system is installed anew and the disk stays. (Not of a folder that
# came in place of the one that this etcd has open.)
note_data() {
  local pid mount known member token
  pid=$(etcd_pid)
  [[ -n $pid ]] && has_open_data "$pid" || return 0
  known=$(recall data-mount)
  if mount=$(data_mount) && [[ $mount != "$known" ]] && ! is_missed "$known"; then remember data-mount "$mount"; fi
  read -r _ member token _ <<<"$(recall owner)"
  echo "$1 $(recall formed) ${token:--} ${member:--} $(recall started)" >"$WORK/member-id"
  put_file "$DATA/member/id" 600 "$WORK/member-id" "$(owner_of "$DATA/member")" || rm -f "$DATA/member/id" || true
}

# data_id : the id of the member that has left this data; nothing where that is not known. (What etcdutl makes of a
# snapshot has none until its member is seen healthy.)
data_id() {
  local id=''
  if [[ -f $DATA/member/id ]]; then read -r id _ <"$DATA/member/id" || true; fi
  [[ ! $id =~ ^[0-9a-f]{1,16}$ ]] || echo "$id"
}

# data_past MEMBER : `ID CLUSTER TOKEN MEMBER STATE INITIAL-CLUSTER` of the member that has left this data, as this
# program noted it; nothing where that is not known wholly, or is another's (disks may be exchanged, too).
data_past() {
  local past=''
  if has_data && [[ -f $DATA/member/id ]]; then read -r past <"$DATA/member/id" || true; fi
  [[ ! $past =~ ^[0-9a-f]{1,16}\ [0-9a-f]{1,16}\ [^\ -]+\ ([^\ ]+)\ (new|existing)\ [^\ ]+$ ]] ||
    [[ ${BASH_REMATCH[1]} != "$1" ]] || echo "$past"
}
# own_past FACT MEMBER : what this host remembers of its member (formed, member-id); or, on one that remembers nothing
# and has no manifest, what its data says.
own_past() {
  local known id cluster
  known=$(recall "$1")
  if [[ -z $known && -z $(recall started) && ! -e $MANIFEST ]]; then
    read -r id cluster _ <<<"$(data_past "$2")"
    if [[ $1 == formed ]]; then known=$cluster; else known=$id; fi
  fi
  echo "$known"
}

# --- room on the other disks ---------------------------------------------------------------------

# What a restart writes is small, but runtime, kubelet and etcd go on with their logs meanwhile, of which a container's
# may have 10 MiB. (About a hundred files are made.)
readonly START_MIB=16 START_INODES=500
readonly RUNTIME_FOLDERS=(/var/lib/containerd /var/lib/containers)

# too_full : each file system that is written to while a member starts, and that has too little room for that. Not the
# one of the data, on which etcd itself goes on or ends. A file system that does not count its blocks or inodes has
# no limit of them: one in memory may say 0 of 0 blocks, and btrfs says 0 of 0 inodes.
too_full() {
  local folder mount size free inodes left found='' seen=' '
  for folder in "$STATE" "$OWN" "$MANIFESTS" /var/lib/kubelet /var/log/pods "${RUNTIME_FOLDERS[@]}" "${RUN%/*}"; do
    [[ -d $folder ]] || continue
    mount='' size='' free='' inodes='' left=''
    { read -r && read -r size free inodes left mount; } \
      < <(df -B1K --output=size,avail,itotal,iavail,target "$folder" 2>/dev/null) || true
    [[ -z $mount || $seen != *" $mount "* ]] || continue
    seen+="$mount "
    if [[ $size =~ ^(0|-)$ ]]; then
      : # (it has no size)
    elif [[ ! $free =~ ^[0-9]+$ ]]; then
      found+=", how much is free in $folder is not known (df), and $START_MIB MiB are needed"
    elif ((${#free} < 16 && free < START_MIB * 1024)); then
      found+=", $folder (on the mount $mount) has $((free / 1024)) MiB free, and $START_MIB MiB are needed"
    fi
    if [[ $inodes =~ ^[1-9][0-9]*$ && $left =~ ^[0-9]{1,15}$ ]] && ((left < START_INODES)); then
      found+=", $folder (on the mount $mount) has $left free inodes, and $START_INODES are needed"
    fi
  done
  echo "${found#, }"
}
