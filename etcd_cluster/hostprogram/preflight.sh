
# --- what is asked of a host before it becomes a member ------------------------------------------

readonly PORTS=(2379 2380 2381)
readonly KUBERNETES=/etc/kubernetes
readonly NAME_MS=3000

# check_host ADDRESS… : facts on what would go wrong later, and slowly. ADDRESS are the other
# members'. All at once: a host that drops packets or has no resolver lets each of them wait.
check_host() {
  local folder
  folder=$(mktemp -d)
  # shellcheck disable=SC2064 # this folder
  trap "rm -rf '$folder'" EXIT
  own_name >"$folder/1" &
  unreachable_members "$@" >"$folder/2" &
  sync_latency >"$folder/3" &
  dialed_round_trips "$@" >"$folder/4" &
  used_ports
  used_kubelet
  docker_containerd
  # (Once packages and images are there, they need no room any more.)
  [[ -r $STATE/packages.stamp || -n $(etcd_pid) ]] || echo "var-free-mib: $(free_mib /var)"
  wait
  cat "$folder"/[1234]
}

# Which program listens where etcd is to listen, if it is not etcd as a static pod of ours; `unknown` where that
# cannot be read.
used_ports() {
  local port hex listening owner inode file files=() found=
  for file in /proc/net/tcp{,6}; do [[ ! -e $file ]] || files+=("$file"); done # (IPv6 may be off)
  # (Once for all ports: the kernel lists every connection, too.)
  if ! listening=$(awk '$4 == "0A" { print substr($2, length($2) - 3) ":" $10 }' \
    "${files[@]}" </dev/null 2>/dev/null) || ((${#files[@]} == 0)); then
    echo "ports-used: unknown"
    return 0
  fi
  for port in "${PORTS[@]}"; do
    printf -v hex '%04X' "$port"
    inode=$(sed -n "s/^$hex://p;T;q" <<<"$listening")
    [[ -n $inode ]] || continue
    owner=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" -print -quit 2>/dev/null | cut -d/ -f3) || true
    [[ -e $MANIFEST && -n $owner && $(<"/proc/$owner/comm") == etcd ]] && continue
    if [[ -n $owner ]]; then owner="$(<"/proc/$owner/comm") (process $owner)"; fi
    found+=", $port by ${owner:-a program of another namespace}"
  done
  echo "ports-used: ${found#, }"
}

# used_kubelet : by whom a kubelet is used here, if not by us: a node of Kubernetes, or a process that
# was not started with our drop-in (which says so in its environment).
used_kubelet() {
  local path pid config found=
  for path in "$KUBERNETES/kubelet.conf" "$KUBERNETES/bootstrap-kubelet.conf"; do
    if [[ -e $path ]]; then found+=", $path"; fi
  done
  find_processes kubelet
  for pid in "${PIDS[@]}"; do
    [[ /proc/$pid/ns/pid -ef /proc/self/ns/pid ]] || continue # a container's, or ended by now
    config=$(flag_of "$(process_arguments "$pid")" config) || config= # then it counts
    # (The package's, which kubeadm has not configured yet, ends at once, each ten seconds.)
    [[ -z $config || -e $config ]] || kubelet_stays "$pid" || continue
    [[ -n $(running_digest "$pid") ]] || found+=", kubelet (process $pid)"
  done
  echo "kubelet-user: ${found#, }"
}

# docker_containerd : the version of Docker's own package of containerd, which the distribution's
# cannot be installed beside. Where it could not be asked for, that is said.
docker_containerd() {
  local said='' status=0
  case $(family) in
    apt) said=$(dpkg-query -W -f='${db:Status-Status} ${Version}' containerd.io 2>/dev/null) ;;
    dnf) said=$(rpm -q --qf 'installed %{VERSION}-%{RELEASE}' containerd.io 2>/dev/null) ;;
  esac || status=$?
  case "$status $said" in
    '0 installed '*) echo "containerd-io: ${said#* }" ;;
    '0 '* | '1 '*) echo "containerd-io: absent" ;;
    *) echo "containerd-io: unknown" ;;
  esac
}

# own_addresses : every address of this host, one a line.
own_addresses() {
  if type -P ip >/dev/null; then
    ip -o addr show | awk '{ split($4, part, "/"); print part[1] }'
  else
    hostname -I | tr ' ' '\n' | sed '/^$/d'
  fi
}

# data_mib [FREE] : what is free for etcd's data (this much, if it was asked already), and what that has by now.
data_mib() {
  local left=${1:-} used=0
  [[ -n $left ]] || left=$(free_mib "$DATA")
  # (du fails, too, where etcd deletes a file meanwhile.)
  if [[ -d $DATA/member ]]; then used=$(du -sm "$DATA/member" 2>/dev/null | cut -f1) || true; fi
  if [[ $left =~ ^[0-9]+$ && $used =~ ^[0-9]+$ ]]; then echo "$((left + used))"; else echo unknown; fi
}
free_mib() { # PATH, or the nearest folder above it that is there
  local path=$1
  until [[ -d $path ]]; do path=${path%/*} path=${path:-/}; done
  { read -r && read -r _ _ _ path _; } < <(df -Pm "$path") && [[ $path =~ ^[0-9]+$ ]] || path=unknown
  echo "$path"
}

# The kubelet looks its host's own name up for every pod. Files first, as it does, which takes no time; then DNS.
# What the same program takes for the files is no part of it, and one slow time of two is a busy host's.
own_name() {
  local name took=0 again
  name=$(uname -n)
  if ! getent -s files hosts "$name" >/dev/null; then
    took=$(dns_ms "$name")
    if ((took > 500)); then
      again=$(dns_ms "$name")
      took=$((again < took ? again : took))
    fi
  fi
  echo "own-name-ms: $took"
}

dns_ms() { # NAME : NAME_MS where there was no answer within that
  local begin middle end own took limit status=0
  now_us begin
  timeout 10 getent -s files hosts "$1" >/dev/null || true
  now_us middle
  own=$((middle - begin))
  limit=$((own / 1000 + NAME_MS))
  timeout "$((limit / 1000)).$((limit % 1000 / 100))" getent -s dns hosts "$1" >/dev/null || status=$?
  now_us end
  took=$(((end - middle - own) / 1000))
  if ((status == 124 || took > NAME_MS)); then took=$NAME_MS; fi
  echo "$((took > 0 ? took : 0))"
}

# A refusal is an answer, too: nothing listens there yet. What is dropped or has no way is none.
# (No program is started for a port: seven members have 84 ways to each other.)
unreachable_members() {
  local address port folder reason pid found=
  local -A asked=()
  folder=$(mktemp -d)
  for address in "$@"; do
    for port in "${PORTS[@]:0:2}"; do
      (: <"/dev/tcp/$address/$port") 2>"$folder/$address $port" &
      asked[$!]="$folder/$address $port"
    done
  done
  cut_off 60
  for pid in "${CUT[@]}"; do echo "no answer within 3 s" >"${asked[$pid]}"; done
  for address in "$@"; do
    for port in "${PORTS[@]:0:2}"; do
      reason=$(sed -n '$s/.*: //p' "$folder/$address $port")
      [[ $(<"$folder/$address $port") != "no answer"* ]] || reason="no answer within 3 s"
      case $reason in '' | 'Connection refused') ;; *) found+=", $address:$port $reason" ;; esac
    done
  done
  rm -rf "$folder"
  echo "unreachable: ${found#, }"
}

# Mean of ten writes of the size of a WAL entry, each on disk before the next one; less what the same writes
# take that nobody waits for.
sync_latency() {
  local path=$DATA file begin middle end
  until [[ -d $path ]]; do path=${path%/*} path=${path:-/}; done
  file=$(mktemp "$path/.etcd-host.XXXXXX" 2>/dev/null) || {
    echo "sync-us: unknown"
    return 0
  }
  now_us begin
  timeout 2 dd if=/dev/zero of="$file" bs=2300 count=10 conv=notrunc 2>/dev/null || true
  now_us middle
  timeout 2 dd if=/dev/zero of="$file" bs=2300 count=10 oflag=dsync conv=notrunc 2>/dev/null || true
  now_us end
  end=$(((end - middle - (middle - begin)) / 10))
  echo "sync-us: $((end > 0 ? end : 0))"
  rm -f "$file"
}
