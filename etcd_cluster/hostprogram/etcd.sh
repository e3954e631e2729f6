
# --- talking to etcd ---------------------------------------------------------------------------

# http_get PATH : the answer of this host's etcd on its plain loopback listener. No process is
# started: waiting for a member costs the host nothing.
http_get() (
  exec {fd}<>/dev/tcp/127.0.0.1/2381 || return 1
  printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&"$fd"
  while IFS= read -r -t 3 -u "$fd" line || [[ -n $line ]]; do printf '%s\n' "${line%$'\r'}"; done
) 2>/dev/null

# /health makes a linearizable read: it says true only where a quorum answers.
member_healthy() { [[ $(http_get /health) == *'"health":"true"'* ]]; }

metric() { # NAME -> its value (etcd's own /metrics), empty where etcd does not answer
  http_get /metrics | awk -v name="$1" '$1 == name { print $2; exit }'
}

etcd_ctl() {
  timeout 15 etcdctl --dial-timeout=2s --command-timeout=5s \
    --cacert="$PKI/ca.crt" --cert="$PKI/healthcheck-client.crt" \
    --key="$PKI/healthcheck-client.key" "$@"
}

has_data() { compgen -G "$DATA/member/wal/*.wal" >/dev/null; }

# The process id of our etcd, empty if it does not run.
etcd_pid() {
  local pid
  for pid in $(pgrep -x etcd || true); do
    if tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF -e "--data-dir=$DATA"; then
      echo "$pid"
      return 0
    fi
  done
}

# The flags that the manifest asks for, and those that the running etcd was started with.
manifest_flags() { sed -n 's/^    - \(--.*\)$/\1/p' "${1:-$MANIFEST}" | sort; }
running_flags() {
  local pid
  pid=$(etcd_pid)
  [[ -z $pid ]] || tr '\0' '\n' <"/proc/$pid/cmdline" | sed 1d | sort
}

# client_urls : all members' client URLs by the desired state, this host's own first.
client_urls() {
  local own other pair
  own=${S[arg.advertise-client-urls]}
  other=
  for pair in ${S[endpoints]//,/ }; do [[ $pair == "$own" ]] || other+=,$pair; done
  echo "$own$other"
}
other_client_urls() {
  local all
  all=$(client_urls)
  echo "${all#*,}"
}

# member_list URLS : `id status name peer-url client-url learner`, a member a line, as the quorum
# sees it; `-` where a member has not told yet. Fails where that is not just what etcd answered:
# whoever is not on this list may lose its data, so half a list is no list.
member_list() {
  etcd_ctl --endpoints="$1" member list -w simple 2>/dev/null | awk -F', ' '
    NF != 6 || $1 !~ /^[0-9a-f]+$/ || $6 !~ /^(true|false)$/ { bad = 1 }
    { print $1, $2, ($3 == "" ? "-" : $3), $4, ($5 == "" ? "-" : $5), $6 }
    END { exit bad || !NR }'
}

# reachable_list URLS : the member list from whoever answers; fails where no quorum does. All at
# once first; should that have met a member that takes calls and has no quorum, each by itself.
reachable_list() {
  local url list
  if list=$(member_list "$1"); then
    printf '%s\n' "$list"
    return 0
  fi
  for url in ${1//,/ }; do
    # Who is not there at all costs nothing: only a listener is asked.
    timeout 1 bash -c ": </dev/tcp/$(host_port "$url")" 2>/dev/null || continue
    if list=$(member_list "$url"); then
      printf '%s\n' "$list"
      return 0
    fi
  done
  return 1
}
host_port() { # https://10.0.0.1:2379 -> 10.0.0.1/2379
  local hostport=${1#https://}
  local host=${hostport%:*}
  host=${host#[}
  echo "${host%]}/${hostport##*:}"
}

# healthy_voters LIST ID : how many started voters other than ID answer through the quorum.
healthy_voters() {
  local urls
  urls=$(awk -v id="$2" '$6 == "false" && $1 != id && $5 != "-" { printf "%s%s", s, $5; s = "," }' <<<"$1")
  [[ -n $urls ]] || {
    echo 0
    return 0
  }
  etcd_ctl --endpoints="$urls" endpoint health 2>/dev/null | grep -c 'is healthy' || true
}

voters() { awk '$6 == "false"' <<<"$1" | wc -l; }
unhealthy_note() { awk -v id="$2" '$6 == "false" && $1 != id { printf "%s%s (%s)", s, $3, $5; s = ", " }' <<<"$1"; }

# others_hold_quorum LIST ID : true where the cluster stays writable while ID is away.
others_hold_quorum() { (($(healthy_voters "$1" "$2") >= $(voters "$1") / 2 + 1)); }

# quorum_after_removal LIST ID : true where what is left after ID's removal is writable.
quorum_after_removal() { (($(healthy_voters "$1" "$2") >= ($(voters "$1") - 1) / 2 + 1)); }

own_id() { # LIST : the id that carries this host's peer URL
  awk -v url="${S[arg.initial-advertise-peer-urls]}" '$4 == url { print $1; exit }' <<<"$1"
}

# member_status : what this member's etcd says of itself; field NAME TEXT reads from it.
member_status() {
  etcd_ctl --endpoints="${S[arg.advertise-client-urls]}" endpoint status -w fields 2>/dev/null || true
}
field() {
  awk -F' : ' -v name="\"$1\"" '$1 == name { gsub(/"/, "", $2); print $2; exit }' <<<"$2"
}

# move_leadership LIST ID : so that stopping ID costs the cluster no election.
move_leadership() {
  local target
  [[ $(metric etcd_server_is_leader) == 1 ]] || return 0
  while read -r target; do
    log "moving the leadership to $target"
    etcd_ctl --endpoints="${S[arg.advertise-client-urls]}" move-leader "$target" >/dev/null 2>&1 && return 0
  done < <(awk -v id="$2" '$6 == "false" && $1 != id && $2 == "started" { print $1 }' <<<"$1")
  return 1
}

# caught_up : this member has applied what its leader had when asked.
caught_up() {
  local target applied
  target=$(etcd_ctl --endpoints="$(other_client_urls)" endpoint status -w fields 2>/dev/null |
    awk -F' : ' '$1 == "\"RaftIndex\"" && $2 + 0 > m { m = $2 + 0 } END { printf "%d", m }') || true
  applied=$(field RaftAppliedIndex "$(member_status)")
  [[ -n $applied ]] && ((applied >= target))
}

# What a person needs when a member does not come up: what kubelet and etcd last said of it.
explain_unhealthy() {
  local pid log
  pid=$(etcd_pid)
  log=$(find /var/log/pods/kube-system_etcd-*/etcd -name '*.log' -size +0 -printf '%T@ %p\n' 2>/dev/null |
    sort -n | sed -n '$s/^[^ ]* //p') || true # no pod, no log
  log "${S[member]}: kubelet $(systemctl is-active kubelet || true), etcd ${pid:+runs as process }${pid:-does not run}"
  log "${S[member]}: the kubelet last said:"
  journalctl -u kubelet -n 400 --no-pager -o cat 2>/dev/null | kubelet_about_etcd | indent || true
  if [[ -n $log ]]; then
    log "${S[member]}: etcd last said ($log):"
    # Container runtimes put time, stream and a flag before each line.
    cut -d' ' -f4- "$log" | etcd_complaints | indent || true
  fi
}
indent() { cut -c1-420 | sed 's/^/    /' >&2; }

# Errors of the kubelet's that name the pod, each once; failing those the last ones of any kind.
kubelet_about_etcd() {
  awk '/^[EF][0-9]/ {
      text = $0; sub(/^[^]]*\] /, "", text); gsub(/\\/, "", text)
      if (text ~ /kube-system\/etcd-/) { if (!(text in seen)) { seen[text] = 1; about[++n] = text } }
      else any[++m] = text
    }
    END {
      if (n) for (i = (n > 3 ? n - 2 : 1); i <= n; i++) print about[i]
      else for (i = (m > 3 ? m - 2 : 1); i <= m; i++) print any[i]
    }'
}

# Warnings and worse, the last six; and the first lines that are not of its log at all: what it
# says where it does not get as far as logging.
etcd_complaints() {
  awk '/^\{/ { if (/"level":"(warn|error|fatal|panic|dpanic)"/ && !/\/health /) bad[++n] = $0; next }
    NF && ++plain <= 3
    END { for (i = (n > 6 ? n - 5 : 1); i <= n; i++) print bad[i] }'
}
