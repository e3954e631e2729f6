
# --- the disk that the data is on ----------------------------------------------------------------

# data_mount : the mount point that the data folder is below; of a folder that is missing, of the nearest one above.
data_mount() {
  local path
  path=$(readlink -m "$DATA") || return 1
  until [[ -e $path ]]; do path=${path%/*} path=${path:-/}; done
  stat -c %m "$path"
}

# mount_fault : that there is no data because its disk is not mounted. Whoever joined in its place would do so on
# another disk, where nobody has looked for room, and the former data would be back with the next mount. (Where stat
# fails it is not known to be mounted.)
mount_fault() {
  local known
  known=$(recall data-mount)
  if [[ -L $DATA && ! -d $DATA ]] && is_beside_state "$(data_mount)"; then
    echo "$DATA is a link to $(readlink -m "$DATA"), which is missing or not a folder, and no disk is mounted above" \
      "it. Mount its disk; or, if the data is to be on the disk of /, make that folder"
    return
  fi
  [[ -n $known ]] && ! has_data || return 0
  [[ $(stat -c %m "$known" 2>/dev/null) != "$known" ]] || return 0
  echo "its data was on the disk mounted at $known, which is not mounted now, and $DATA holds no data. Mount it; if" \
    "that disk is lost, mount a new one there, and the member joins anew; or, to have it join anew without a disk of" \
    "its own, run \"etcd-host abandon\" on the host"
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
  local pid mount member token
  pid=$(etcd_pid)
  [[ -n $pid && ! -L $DATA/member && /proc/$pid/root$DATA/member -ef $DATA/member ]] || return 0
  if mount=$(data_mount) && [[ $mount != "$(recall data-mount)" ]]; then remember data-mount "$mount"; fi
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
