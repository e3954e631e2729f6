
# --- the user that etcd runs as ------------------------------------------------------------------
#
# Etcd runs as a user of its own, without a capability: docs/decisions/0022. Its data is this user's, and so
# are copies of the keys that etcd reads; those in $PKI stay root's. The user is known by its name alone: on
# another host it may have another number.

readonly ETCD_USER=etcd
readonly ETCD_PKI=$OWN/pki     # the copies; in etcd's container they are where $PKI is on the host
readonly PATCHES=$OWN/patches  # kubeadm's
ETCD_OWNER='' ETCD_USER_FAULT='' # `UID:GID`, or why there can be none: see find_user
USER_LOOKED_UP=''

# need_user : ETCD_OWNER, of a user that is made where there is none.
need_user() {
  usable_user
  [[ -z $ETCD_OWNER ]] || return 0
  # (A package that is being installed may hold the lock of /etc/passwd.)
  wait_until 20 make_user || die $E_REFUSED "$(member_name): the user $ETCD_USER, which etcd is to run as, could" \
    "not be made: $(tail -n 1 "$WORK/useradd.log"). $MAKE_IT"
  changed "user $ETCD_USER made"
  USER_LOOKED_UP=''
  usable_user
  [[ -n $ETCD_OWNER ]] || die $E_REFUSED "$(member_name): the user $ETCD_USER was created, but getent does not find" \
    "it. Check passwd in /etc/nsswitch.conf"
}
# usable_user : the same, where one that is missing is made later.
usable_user() {
  find_user
  [[ -z $ETCD_USER_FAULT ]] || die $E_REFUSED "$(member_name): $ETCD_USER_FAULT. Nothing was changed"
}
readonly MAKE_IT="Create a system user and group of that name, without a login, where your accounts are managed"

make_user() {
  local group=--user-group uid number=() held
  [[ -z $(name_service passwd "$ETCD_USER") ]] || return 0
  [[ -z $(name_service group "$ETCD_USER") ]] || group="--gid=$ETCD_USER"
  # One that was deleted, or whose name service is down, has its number back if nobody has it by now: the etcd
  # that runs, its data and its keys have it still.
  uid=$(runs_as)
  held=$(name_service passwd "$uid") || held="(not known)"
  if [[ $uid =~ ^[1-9][0-9]*$ && -z $held ]] && ((uid < $(first_login_uid))); then number=(--uid "$uid"); fi
  apart "$WORK/useradd.log" useradd --system "$group" "${number[@]}" --no-create-home --home-dir /nonexistent \
    --shell "$(type -P nologin || echo /bin/false)" "$ETCD_USER" 9>&-
}

# find_user : sets ETCD_OWNER, empty where there is no such user yet, and ETCD_USER_FAULT. Asks once: a name
# service may be slow.
find_user() {
  local line uid gid group same
  [[ -z $USER_LOOKED_UP ]] || return 0
  USER_LOOKED_UP=yes
  ETCD_OWNER='' ETCD_USER_FAULT=''
  if ! line=$(name_service passwd "$ETCD_USER"); then
    ETCD_USER_FAULT="whether there is a user $ETCD_USER, which etcd is to run as, is not known: getent passwd failed"
  elif [[ -z $line ]]; then
    type -P useradd >/dev/null ||
      ETCD_USER_FAULT="there is no user $ETCD_USER, which etcd is to run as, and no useradd to make it. $MAKE_IT"
  else
    IFS=: read -r _ _ uid gid _ <<<"$line"
    group=$(name_service group "$gid") && same=$(same_uid "$uid") || same="(not known)"
    ETCD_USER_FAULT=$(user_fault "$line" "${group%%:*}" "$same" "$(first_login_uid)")
    [[ -n $ETCD_USER_FAULT ]] || ETCD_OWNER=$uid:$gid
  fi
}

# user_fault PASSWD-LINE GROUP SAME-UID FIRST-LOGIN-UID : why etcd cannot run as this user; nothing where it
# can. SAME-UID: other names of that number. Pure.
user_fault() {
  local uid gid shell why=''
  IFS=: read -r _ _ uid gid _ _ shell <<<"$1"
  if [[ ! $uid =~ ^[0-9]+$ || ! $gid =~ ^[0-9]+$ ]]; then
    why="has no number"
  elif ((uid == 0)); then
    why="is root"
  elif ((uid >= $4)); then
    why="is not a system user: its UID is $uid, expected less than $4"
  elif [[ -n $3 ]]; then
    why="shares its number $uid with $3"
  elif [[ $2 != "$ETCD_USER" ]] || ((gid == 0)); then
    why="has the group ${2:-$gid} in place of one of its own ($ETCD_USER)"
  elif [[ $shell != */nologin && $shell != */false ]]; then
    why="can log in (${shell:-/bin/sh}): if nobody does, run \"usermod --shell /usr/sbin/nologin $ETCD_USER\""
  fi
  [[ -z $why ]] || echo "etcd is to run as the user $ETCD_USER, but this host's user of that name $why"
}

# name_service DATABASE KEY : its line; empty where there is none; fails where that is not known.
name_service() {
  local status=0
  timeout 10 getent "$1" "$2" 2>/dev/null || status=$?
  ((status == 0 || status == 2))
}
# same_uid UID : other names that have it.
same_uid() {
  local first
  first=$(name_service passwd "$1") || return 1
  { echo "$first" && cat /etc/passwd; } |
    awk -F: -v uid="$1" -v own="$ETCD_USER" '$3 == uid && $1 != own && !seen[$1]++ { printf "%s%s", s, $1; s = ", " }'
}
first_login_uid() {
  local found
  found=$(awk '$1 == "UID_MIN" && $2 ~ /^[0-9]+$/ { print $2; exit }' /etc/login.defs 2>/dev/null) || true
  echo "${found:-1000}"
}

# pod_owner : `UID:GID` that etcd runs as, or would by the manifest; empty where there is neither.
pod_owner() {
  local pid
  pid=$(etcd_pid)
  if [[ -n $pid ]]; then
    awk '$1 == "Uid:" { uid = $3 } $1 == "Gid:" { print uid ":" $3 }' "/proc/$pid/status" 2>/dev/null || true
  elif [[ -r $MANIFEST ]]; then
    awk '$1 == "runAsUser:" { uid = $2 } $1 == "runAsGroup:" { gid = $2 } END { print uid + 0 ":" gid + 0 }' "$MANIFEST"
  fi
}
runs_as() { # the number of that user
  local owner
  owner=$(pod_owner)
  echo "${owner%:*}"
}

# --- what is etcd's ------------------------------------------------------------------------------

owner_of() { stat -L -c %u:%g "$1" 2>/dev/null || echo "$ETCD_OWNER"; } # PATH, of one that is yet to come: etcd

# own_data : the data is etcd's, before it starts. Not under an etcd that runs as somebody else: the two
# change together, while none runs. What root has left in it (a disk, a restore, a person's etcdutl) would
# keep etcd from starting at some later time.
own_data() {
  local found
  refuse_links
  put_folder "$DATA" 700 "$ETCD_OWNER"
  found=$(not_etcds) || found="not known"
  [[ -n $found ]] || return 0
  # (Synced before the manifest of an etcd that needs it so.)
  { chown -R --no-dereference "$(as_numbers "$ETCD_OWNER")" "$DATA/member" && chmod -R u+rwX "$DATA/member" &&
    sync -f "$DATA"; } 2>"$WORK/chown.log" ||
    die $E_REFUSED "$(member_name): its data could not be given to the user $ETCD_USER:" \
      "$(tail -n 1 "$WORK/chown.log"). Its etcd is started as it was before. Fix that, then run it again"
  changed "data given to the user $ETCD_USER"
}
# not_etcds : something in the data that is not etcd's or that it may not read and write.
not_etcds() {
  find "$DATA/member" \( ! -uid "${ETCD_OWNER%:*}" -o ! -gid "${ETCD_OWNER#*:}" -o ! -perm -600 -o \
    -type d ! -perm -700 \) ! -type l -print -quit 2>/dev/null
}

# refuse_links [NAMES] : etcd may write to its folder, and what root does there must not lead elsewhere. (Kubeadm's pod
# could not follow a link either.)
refuse_links() {
  local name
  for name in ${1:-member .aside .restore}; do
    [[ ! -L $DATA/$name ]] || die $E_REFUSED "$(member_name): $DATA/$name is a symbolic link, which etcd in its" \
      "container cannot follow, and which root must not. It was left alone. Put a folder in its place"
  done
}

# keys_reader : whose the copies are. An etcd that runs as another number of its user reads them at each
# handshake: until its turn they stay that one's. (Root's etcd reads those in $PKI.)
keys_reader() {
  local now
  now=$(pod_owner)
  case $now in '' | 0:*) echo "$ETCD_OWNER" ;; *) echo "$now" ;; esac
}
# need_room_as_user : of what an ext4 keeps for root, root's etcd has been writing to, and etcd's user may not.
need_room_as_user() {
  local why
  [[ $(runs_as) == 0 ]] || return 0
  why=$(short_of_room "$DATA" "$(room_in "$DATA" || true)" $((2 * WAL_ROOM)) "etcd's log" \
    "etcd needs $((2 * WAL_ROOM)) for its log: it will not run as root any more, and cannot use what is kept for root")
  [[ -z $why ]] || die $E_REFUSED "$(member_name): $why. Nothing was changed. Make room there"
}
# give_keys UID:GID : what etcd reads of $PKI, once more as its own.
give_keys() {
  local file mode marks
  put_folder "$OWN" 700
  put_folder "$ETCD_PKI" 700 "$1"
  for file in "${ETCD_READS[@]}" "$PKI"/trusted-*.crt; do
    [[ -r $file ]] || continue
    if [[ $file == *.key ]]; then mode=600; else mode=644; fi
    put_file "$ETCD_PKI/${file##*/}" "$mode" "$file" "$1"
  done
  # (What `pki` has stamped changes hands with them.)
  marks=$(recall pki.stamp | sed "s|:[0-9]*:[0-9]* $ETCD_PKI/|:$1 $ETCD_PKI/|")
  [[ $marks == "$(recall pki.stamp)" ]] || remember pki.stamp "$marks"
  [[ -z $(recall selinux) ]] || put_labels
}
readonly ETCD_READS=("$PKI"/{ca.crt,server.key,server.crt,peer.key,peer.crt})

# user_drift : of the member here.
user_drift() {
  local uid
  find_user
  uid=$(runs_as)
  if [[ -n $ETCD_USER_FAULT ]]; then
    echo "$ETCD_USER_FAULT"
  elif [[ $uid == 0 ]]; then
    echo "etcd runs as root"
  elif [[ -z $ETCD_OWNER ]]; then
    echo "the user $ETCD_USER is missing"
  elif [[ -n $uid && $uid != "${ETCD_OWNER%:*}" ]]; then
    echo "etcd runs as another user ($uid)"
  elif [[ $(stat -L -c '%a %u:%g' "$DATA") != "700 $ETCD_OWNER" || -n $(not_etcds) ]]; then
    echo "data is not etcd's alone"
  fi
}

# render_patch : how etcd's pod differs from what kubeadm makes of it (https://kubernetes.io/docs/setup/
# production-environment/tools/kubeadm/control-plane-flags/#patches).
render_patch() {
  cat <<EOP
spec:
  securityContext:
    runAsUser: ${ETCD_OWNER%:*}
    runAsGroup: ${ETCD_OWNER#*:}
    runAsNonRoot: true
    seccompProfile:
      type: RuntimeDefault$(render_level)
  containers:
  - name: etcd
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: ["ALL"]
    volumeMounts:
    - name: etcd-certs
      mountPath: $PKI
      readOnly: true
  volumes:
  - name: etcd-certs
    hostPath:
      path: $ETCD_PKI
      type: Directory
EOP
}
