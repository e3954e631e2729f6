
# --- the etcd that runs on this host ----------------------------------------------------------------

# etcd_pid [foreign] : the process id of our etcd, empty if it does not run: the one that has our data folder
# open, or our token (where the folder was lost under it). Somebody else's etcd, in a container of
# its own, may have a folder of the same name. And whoever has an account can start a program of that name and those
# words: its is `foreign`, as programs of ours are run from where etcd's are.
etcd_pid() {
  local pid token flags whose
  read -r _ _ token _ <<<"$(recall owner)"
  find_processes etcd
  for pid in "${PIDS[@]}"; do
    { mapfile -t -d '' flags <"/proc/$pid/cmdline"; } 2>/dev/null || continue
    [[ " ${flags[*]} " == *" --data-dir=$DATA "* ]] || continue
    [[ /proc/$pid/root$DATA -ef $DATA || (-n $token && " ${flags[*]} " == *" --initial-cluster-token=$token "*) ]] ||
      continue
    if runs_as_etcd "$pid"; then whose=; else whose=foreign; fi
    [[ $whose == "${1-}" ]] || continue
    echo "$pid"
    return 0
  done
}
# runs_as_etcd PID : it is root's, or of whoever may write to etcd's data, or of whom the manifest names, or etcd's.
runs_as_etcd() {
  local key uid owners
  while read -r key _ uid _; do
    if [[ $key == Uid: ]]; then break; fi
  done 2>/dev/null <"/proc/$1/status" || return 1
  [[ $key == Uid: ]] || return 1
  [[ $uid != 0 ]] || return 0
  owners=$(stat -L -c %u "$DATA" "$DATA/member" 2>/dev/null) || true
  owners+=$'\n'$(sed -n 's/^ *runAsUser: //p' "$MANIFEST" "$FENCED" 2>/dev/null) || true
  [[ $'\n'$owners$'\n' == *$'\n'$uid$'\n'* ]] && return 0
  # (Last: it may be slow to answer, and this is asked often.)
  [[ $uid == "$(name_service passwd "$ETCD_USER" | cut -d: -f3)" ]]
}

# find_processes NAME : the ids of the programs of this name into PIDS. (By no program: where pgrep is not installed,
# or cannot be started, an etcd that runs would pass for none.)
PIDS=()
find_processes() {
  local file comm
  PIDS=()
  for file in /proc/[0-9]*/comm; do
    { read -r comm <"$file"; } 2>/dev/null || continue
    if [[ $comm == "$1" ]]; then PIDS+=("${file//[!0-9]/}"); fi
  done
}

# The flags that the manifest asks for, and those that the running etcd was started with.
manifest_flags() { sed -n 's/^    - \(--.*\)$/\1/p' "${1:-$MANIFEST}" 2>/dev/null | sort; }
manifest_flag() { flag_of "$(manifest_flags)" "$1"; } # NAME
running_flags() {
  local pid
  pid=$(etcd_pid)
  [[ -z $pid ]] || process_arguments "$pid" | sort
}
# flag_of FLAGS NAME : of flags, one a line.
flag_of() { sed -n "s/^--$2=//p" <<<"$1" | head -n 1; }
process_arguments() { tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | sed 1d; } # PID : a line each

# serves_peers : whether our etcd takes part in the cluster at all. One that never gets as far as to
# listen, or that does not run, is missed by nobody. Where that cannot be found out, it does.
serves_peers() {
  local pid file inode inodes files=()
  pid=$(etcd_pid)
  if [[ -z $pid ]]; then
    [[ -n $(etcd_pid foreign) ]] # (Whose that is, nobody knows.)
    return
  fi
  for file in /proc/net/tcp{,6}; do [[ ! -e $file ]] || files+=("$file"); done
  inodes=$(awk '$4 == "0A" && $2 ~ /:094C$/ { print $10 }' "${files[@]}" </dev/null 2>/dev/null) || return 0
  for inode in $inodes; do
    [[ -z $(socket_in "$inode" "/proc/$pid/fd") && -n $(socket_in "$inode" /proc/[0-9]*/fd) ]] || return 0
  done
  return 1
}
socket_in() { find "${@:2}" -lname "socket:\[$1\]" -print -quit 2>/dev/null || true; } # INODE FOLDER…
