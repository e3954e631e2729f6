
# --- asking etcd -------------------------------------------------------------------------------

# Every member listens here for clients too: whoever asks its own etcd needs no network.
readonly OWN_URL=https://127.0.0.1:2379

# own_url : that, or where an adopted member is reached whose etcd does not listen there yet.
own_url() {
  local flags
  flags=$(running_flags)
  case ",$(flag_of "$flags" listen-client-urls)," in
    ,, | *",$OWN_URL,"*) echo "$OWN_URL" ;;
    *) flag_of "$flags" advertise-client-urls | cut -d, -f1 ;;
  esac
}

# http_get PATH : the answer of this host's etcd on its plain loopback listener; while ours does not run, another's
# may listen there. No process is started for a short one: waiting for a member costs the host nothing. The metrics
# are too long for `read`, which takes one byte at a time from a socket.
http_get() (
  exec {fd}<>/dev/tcp/127.0.0.1/2381 || return 1
  [[ -n $(etcd_pid) ]] || return 1
  printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&"$fd"
  [[ $1 != /metrics ]] || exec timeout 3 cat <&"$fd"
  while IFS= read -r -t 3 -u "$fd" line || [[ -n $line ]]; do printf '%s\n' "${line%$'\r'}"; done
) 2>/dev/null

# own_word : what this host's etcd says of itself: `healthy` (it made a linearizable read, so a
# quorum answers; NOSPACE does not count), `no leader`, or `unknown`.
own_word() {
  local said
  said=$(http_get '/health?exclude=NOSPACE') || true
  case $said in
    *'"health":"true"'*) echo healthy ;;
    *'"RAFT NO LEADER"'*) echo "no leader" ;;
    *) echo unknown ;;
  esac
}
member_healthy() { [[ $(own_word) == healthy ]]; }

# lasting_word : the same; but `no leader` only where it keeps saying so for longer than elections take. Where it
# says nothing in between, as on a busy host, that time begins anew.
lasting_word() {
  local word limit begin since answers=1
  mark_time begin
  since=$begin word=$(own_word) limit=$(leaderless_seconds)
  [[ $word == "no leader" ]] || limit=0
  # (As many answers as seconds: also where this program, or the whole host, stood still meanwhile.)
  while ((limit)) && ! { passed "$limit" "$since" && ((answers >= limit)); }; do
    sleep 0.5
    word=$(own_word) answers=$((answers + 1))
    case $word in
      "no leader") ;;
      unknown)
        ! passed $((limit * 3)) "$begin" || break
        mark_time since
        answers=0
        ;;
      *) break ;;
    esac
  done
  echo "$word"
}

# leaderless_seconds : ten, or five of the election timeouts that its etcd runs with: where members are far
# apart, an election that will succeed may take longer than ten seconds.
readonly LEADERLESS_SECONDS=10
leaderless_seconds() {
  local timeout
  timeout=$(($(election_timeout) * 5 / 1000))
  echo "$((timeout > LEADERLESS_SECONDS ? timeout : LEADERLESS_SECONDS))"
}

# election_timeout : in milliseconds, as its etcd runs with it, or is to; 0 where neither says it.
election_timeout() {
  local timeout
  timeout=$(flag_of "$(running_flags)" election-timeout)
  timeout=${timeout:-${S[arg.election-timeout]-}}
  if [[ $timeout =~ ^[0-9]{1,6}$ ]]; then echo "$((10#$timeout))"; else echo 0; fi
}

# metric NAME : its value, or that of its one label where it only carries one (etcd_server_id).
metric() {
  { http_get /metrics || true; } | awk -v name="$1" '
    $1 == name { print $2; exit }
    index($1, name "{") == 1 { if (split($1, part, "\"") == 3) print part[2]; exit }'
}

# own_id [ID] : this member's id: of its own etcd, else this one, else as it was remembered. Fails where none is known.
own_id() {
  local id
  id=$(metric etcd_server_id) || true
  [[ $id =~ ^[0-9a-f]+$ ]] || id=${1:-$(recall member-id)}
  [[ -n $id ]] && echo "$id"
}

# etcd_ctl ARGUMENT… : in an environment of its own. A proxy or an ETCDCTL_ variable of the host's
# (/etc/environment, the unit, a profile) would send the question elsewhere.
etcd_ctl() {
  local seconds=${ETCDCTL_SECONDS:-5} program=${ETCDCTL_PROGRAM:-$(some_etcdctl)}
  timeout -k 2 "$((seconds + 10))" env -i PATH="$PATH" LC_ALL=C HOME=/root ETCDCTL_API=3 "$program" \
    --dial-timeout=2s --command-timeout="${seconds}s" --cacert="$PKI/ca.crt" \
    --cert="$PKI/healthcheck-client.crt" --key="$PKI/healthcheck-client.key" "$@" </dev/null
}
# some_etcdctl : the host's. Before `install` has brought one, the guard asks with that of the image that runs here.
some_etcdctl() { type -P etcdctl || image_program etcdctl || echo etcdctl; }
# What etcdctl ended with, without its log.
said_by_etcdctl() { grep -v -e '^{' -e '^[[:space:]]*$' "$1" | tail -n 1 | sed 's/^Error: //' | cut -c1-300; } # FILE

has_data() { compgen -G "$DATA/member/wal/*.wal" >/dev/null; }
# data_can_be_read : whether "no" is an answer: a disk or a share that fails looks as empty as one that was emptied.
data_can_be_read() {
  local path
  for path in "$DATA" "$DATA"/member{,/wal}; do
    WHY=$(ls -A "$path" 2>&1 >/dev/null) && continue
    [[ $WHY == *": No such file or directory" ]]
    return
  done
}

# other_urls : where the other members are: by the desired state, and as they last were.
other_urls() {
  local own pair all=
  own=${S[arg.advertise-client-urls]-}
  for pair in ${S[endpoints]+${S[endpoints]//,/ }} $(recall endpoints | tr ',' ' '); do
    [[ $pair == "$own" || ,$all, == *,$pair,* ]] || all+=${all:+,}$pair
  done
  echo "$all"
}
all_urls() {
  local others
  others=$(other_urls)
  echo "$(own_url)${others:+,$others}"
}

# answering URLS [SECONDS] : those that accept a connection, in the order given. All at once: a host that is
# gone costs no more than one that is slow.
answering() {
  local url folder number=0
  folder=$(mktemp -d "${WORK:-/tmp}/answering.XXXXXX") || return 1
  for url in ${1//,/ }; do
    number=$((number + 1))
    {
      # (A member says itself where it is: that is no part of the script.)
      # shellcheck disable=SC2016
      timeout "${2:-1.5}" bash -c ': <"/dev/tcp/$1"' - "$(host_port "$url")" &&
        echo "$url" >"$folder/$(printf %03d $number)"
    } 2>/dev/null &
  done
  wait
  cat "$folder"/* 2>/dev/null | paste -sd, || true
  rm -rf "$folder"
}
host_port() { # https://10.0.0.1:2379 -> 10.0.0.1/2379
  local hostport=${1#https://}
  local host=${hostport%:*}
  host=${host#[}
  echo "${host%]}/${hostport##*:}"
}

# look URLS : one look at the cluster through those of URLS that answer. Sets MEMBERS, SERVING and
# CLUSTER (see quorum.sh). Fails where a part of that is not found out, and WHY says which.
MEMBERS='' SERVING='' CLUSTER='' STATUS_TEXT='' WHY=''
look() {
  local urls asked=$1 health="$WORK/health" status="$WORK/status"
  SERVING='' STATUS_TEXT=''
  look_at_members "$asked" || return 1
  urls=$(answering "$(voter_urls "$MEMBERS")")
  if [[ -z $urls ]]; then
    WHY="none of the members accepts a connection: $(voter_urls "$MEMBERS")"
    return 1
  fi
  etcd_ctl --endpoints="$urls" endpoint health >"$health" 2>&1 &
  etcd_ctl --endpoints="$urls" endpoint status -w fields >"$status" 2>/dev/null || true
  wait $! || true # it fails where one of them is not healthy; what it said is read
  STATUS_TEXT=$(<"$status")
  SERVING=$(serving_ids "$MEMBERS" "$(<"$health")" "$(status_rows "$STATUS_TEXT")" "$CLUSTER")
  own_cluster "$asked"
}

# own_cluster URLS : whether CLUSTER, as those said, is the one that this host is a member of.
own_cluster() {
  local known
  known=$(recall formed)
  if [[ -n $known && $CLUSTER != "$known" ]]; then
    WHY="$1 answers for cluster $CLUSTER, and this host is a member of cluster $known"
    return 1
  fi
}

# look_at_members URLS : the first half, MEMBERS and CLUSTER: the list as a quorum has it.
look_at_members() {
  local urls url text
  MEMBERS='' CLUSTER='' WHY=''
  urls=$(answering "$1")
  # (A lost packet is sent again after a second, and a busy machine takes as long to start a program.)
  [[ -n $urls ]] || urls=$(answering "$1" 5)
  if [[ -z $urls ]]; then
    WHY="no answer at ${1:-any address}: nothing accepts a connection there"
    return 1
  fi
  # All at once, then each by itself: one may take calls and have no quorum.
  for url in "$urls" ${urls//,/ }; do
    if text=$(etcd_ctl --endpoints="$url" member list -w fields 2>"$WORK/list.log"); then
      if MEMBERS=$(member_rows "$text") && CLUSTER=$(cluster_of "$text"); then
        WHY=''
        return 0
      fi
      MEMBERS='' CLUSTER='' WHY="the member list of $url is incomplete, or has an invalid name or URL"
    else
      WHY="no member list from $url: $(said_by_etcdctl "$WORK/list.log")"
    fi
  done
  return 1
}

# learn_running_versions : STATUS_TEXT, as the guard left it or by a look of its own: it does not look where this
# member's own etcd takes no part. It stays empty only where every member that can be reached says that there is no
# quorum.
learn_running_versions() {
  local begin
  mark_time begin
  until [[ -n $(running_versions "$STATUS_TEXT") ]]; do
    if ! look "$(all_urls)"; then MEMBERS='' STATUS_TEXT=''; fi
    [[ -z $(running_versions "$STATUS_TEXT") ]] || return 0
    if passed "$GUARD_SECONDS" "$begin"; then
      nobody_has_a_leader || die $E_LATER "$(member_name): could not find out which etcd versions the members run" \
        "${WHY:+($WHY) }and so whether a snapshot has to be taken first. Asked for $GUARD_SECONDS s: $(all_urls)." \
        "Nothing was changed. Check the other members, or set etcd.imageTag back to the version that this member" \
        "ran; then run it again"
      return 0
    fi
    sleep 0.5
  done
}
# nobody_has_a_leader : this member's own etcd keeps saying so, or each that accepts a connection does. (An etcd 3.5
# that began without a quorum accepts them, and answers none.)
nobody_has_a_leader() {
  local urls rows
  # (While ours does not run, another's may answer there; and another cluster's at a member's address.)
  [[ -z $(etcd_pid) || $(lasting_word) != "no leader" ]] || return 0
  urls=$(answering "$(all_urls)")
  [[ -n $urls ]] || return 0
  rows=$(status_rows "$(etcd_ctl --endpoints="$urls" endpoint status -w fields 2>/dev/null || true)")
  rows=$(awk -v cluster="$(recall formed)" '$4 "" == "0" && (cluster == "" || $3 "" == cluster)' <<<"$rows") || return 1
  [[ -n $rows && $(wc -l <<<"$rows") == "$(tr , '\n' <<<"$urls" | wc -l)" ]]
}

# own_status : `id cluster leader learner version` of this host's own etcd; fails without an answer.
own_status() {
  local rows
  rows=$(status_rows "$(own_fields)")
  [[ -n $rows ]] && cut -d' ' -f2- <<<"$rows"
}

# own_fields [ETCDCTL] : all that it says of itself, asked by this etcdctl; nothing where it says nothing.
own_fields() {
  ETCDCTL_PROGRAM=${1-} etcd_ctl --endpoints="$(own_url)" endpoint status -w fields 2>/dev/null || true
}
