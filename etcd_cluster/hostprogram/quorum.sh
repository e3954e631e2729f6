
# --- decisions about quorums --------------------------------------------------------------------
#
# Pure functions of texts: nothing here asks anybody anything. A text is what etcdctl printed, rows
# are what was made of it. Whatever is not wholly as etcd prints it fails: it is never "nobody",
# never "zero" and never "fine". A member is known by its id (Talos, internal/pkg/etcd).
#
#   members    id status name peer-url client-url learner     of `member list -w fields`
#   statuses   url id cluster leader learner version          of `endpoint status -w fields`
#   serving    id                                             of both, and of `endpoint health`
#
# Ids are hex, as etcd's log and `member list` have them. awk would take 12e4567890123456 for a number
# (an infinite one, as 13e4567890123456 is): the empty string beside it makes it compare texts.

# cluster_of TEXT : the id of the cluster that a member list is of.
cluster_of() {
  local id
  id=$(awk -F' : ' '$1 == "\"ClusterID\"" && $2 ~ /^[0-9]+$/ { print $2; exit }' <<<"$1")
  [[ -n $id && $id != 0 ]] && printf '%x\n' "$id"
}

# member_rows TEXT : fails where any entry is not whole, its name has blanks or its URLs are none, or whoever
# answered is not on the list.
# An entry that was added and never started has neither name nor client URL, one of the bootstrap's
# has its name from --initial-cluster before it first publishes its URL: `-`.
member_rows() {
  local rows id rest
  rows=$(awk -F' : ' '
    BEGIN { url = "^https?://[][0-9A-Za-z.:%_-]+$" }
    { key = $1; value = $2; gsub(/"/, "", key); gsub(/"/, "", value) }
    key == "MemberID" { self = value }
    key == "ID" {
      if (open) bad = 1
      open = 1; id = value; name = peer = client = ""
      if (id !~ /^[0-9]+$/ || id == "0") bad = 1
      if (id "" == self "") found = 1
    }
    key == "Name" { name = value }
    key == "PeerURL" && peer == "" { peer = value }
    key == "ClientURL" && client == "" { client = value }
    key == "IsLearner" {
      if (!open || peer == "" || value !~ /^(true|false)$/ || (name == "" && client != "")) bad = 1
      # (Rows are words; and what a member says of itself goes into the words of commands.)
      if (name ~ /[ \t]/ || peer !~ url || (client != "" && client !~ url)) bad = 1
      open = 0; n++
      print id, (name == "" ? "unstarted -" : "started " name), peer, (client == "" ? "-" : client), value
    }
    END { exit bad || open || !n || !found }' <<<"$1") || return 1
  while read -r id rest; do printf '%x %s\n' "$id" "$rest"; done <<<"$rows"
}

# status_rows TEXT : of each endpoint that answered whole; leader 0 where it has none.
status_rows() {
  local url id cluster leader learner version
  awk -F' : ' '
    { key = $1; value = $2; gsub(/"/, "", key); gsub(/"/, "", value) }
    key == "ClusterID" { delete v }
    { v[key] = value }
    key == "Endpoint" {
      if (v["MemberID"] ~ /^[0-9]+$/ && v["ClusterID"] ~ /^[0-9]+$/ && v["Leader"] ~ /^[0-9]+$/ &&
        v["IsLearner"] ~ /^(true|false)$/ && v["Version"] ~ /^[0-9]+[.][0-9]+[.]/)
        print value, v["MemberID"], v["ClusterID"], v["Leader"], v["IsLearner"], v["Version"]
      delete v
    }' <<<"$1" |
    while read -r url id cluster leader learner version; do
      [[ $id != 0 && $cluster != 0 ]] || continue
      printf '%s %x %x %x %s %s\n' "$url" "$id" "$cluster" "$leader" "$learner" "$version"
    done
}

# rows_of STATUSES IDS : what these members said.
rows_of() {
  awk 'FILENAME == ARGV[1] { if (NF) of[$1] = 1; next } NF && of[$2]' <(cat <<<"$2") <(cat <<<"$1")
}

# serving_ids MEMBERS HEALTH STATUSES CLUSTER : the voters that answered through the quorum, as
# themselves, for this cluster. Of a member that is out of space etcdctl says that it is unhealthy
# although it answers and votes (etcdctl, ep_command.go); of one with a damaged database rightly so.
serving_ids() {
  awk -v cluster="$4" '
    FILENAME == ARGV[1] { if ($2 == "started" && $6 == "false") url[$1] = $5; next }
    FILENAME == ARGV[2] {
      if (/ is healthy: /) ok[$1] = 1
      else if (/Active Alarm\(s\): / && /NOSPACE/ && !/CORRUPT/) ok[$1] = 1
      next
    }
    $3 "" == cluster && $4 != "0" && $5 == "false" { as[$1] = $2 }
    END { for (id in url) if (ok[url[id]] && as[url[id]] == id) print id }
  ' <(cat <<<"$1") <(cat <<<"$2") <(cat <<<"$3") | sort
}

voters() { awk '$6 == "false" { n++ } END { print n + 0 }' <<<"$1"; } # MEMBERS
voter_urls() { awk '$6 == "false" && $5 != "-" { printf "%s%s", s, $5; s = "," }' <<<"$1"; }
urls_of() { # MEMBERS IDS EXCEPT : client URLs of those, but for one
  awk -v except="$3" '
    FILENAME == ARGV[1] { if (NF) of[$1] = 1; next }
    of[$1] && $1 "" != except && $5 != "-" { printf "%s%s", s, $5; s = "," }' <(cat <<<"$2") <(cat <<<"$1")
}
is_voter() { awk -v id="$2" '$1 "" == id && $6 == "false" { yes = 1 } END { exit !yes }' <<<"$1"; } # MEMBERS ID
is_learner() { awk -v id="$2" '$1 "" == id && $6 == "true" { yes = 1 } END { exit !yes }' <<<"$1"; }
is_published_learner() { # MEMBERS ID : whether clients know where it is
  awk -v id="$2" '$1 "" == id && $5 != "-" && $6 == "true" { yes = 1 } END { exit !yes }' <<<"$1"
}
# (Of these two a "no" has things done, so no program stands between that could fail.)
is_listed() { [[ -n $2 && $'\n'$1 == *$'\n'"$2 "* ]]; } # MEMBERS ID
is_serving() { [[ -n $2 && $'\n'$1$'\n' == *$'\n'"$2"$'\n'* ]]; } # SERVING ID
client_url_of() { awk -v id="$2" '$1 "" == id { print $5; exit }' <<<"$1"; } # MEMBERS ID
peer_url_of() { awk -v id="$2" '$1 "" == id { print $4; exit }' <<<"$1"; }

# others_serving SERVING ID : how many besides ID.
others_serving() { awk -v id="$2" '$1 != "" && $1 "" != id { n++ } END { print n + 0 }' <<<"$1"; }

# can_spare MEMBERS SERVING ID : whether the cluster stays writable while ID is away. Whoever is not
# one of its members cannot be spared: then it is not known who would be missing.
can_spare() {
  is_listed "$1" "$3" && (($(others_serving "$2" "$3") >= $(voters "$1") / 2 + 1))
}

# can_remove MEMBERS SERVING ID : whether what is left after the removal of ID is writable.
can_remove() {
  local rest
  is_listed "$1" "$3" || return 1
  rest=$(voters "$1")
  if is_voter "$1" "$3"; then rest=$((rest - 1)); fi
  ((rest > 0 && $(others_serving "$2" "$3") >= rest / 2 + 1))
}

# not_serving MEMBERS SERVING ID : names and URLs of the other voters that do not serve.
not_serving() {
  awk -v id="$3" '
    FILENAME == ARGV[1] { serving[$1] = 1; next }
    $6 == "false" && $1 "" != id && !serving[$1] {
      printf "%s%s (%s, id %s)", s, $3, ($5 == "-" ? $4 : $5), $1
      s = ", "
    }
  ' <(cat <<<"$2") <(cat <<<"$1")
}

# all_told MEMBERS STATUSES CLUSTER : whether each member has answered, as itself and for this cluster.
all_told() {
  awk -v cluster="$3" '
    FILENAME == ARGV[1] { if ($3 "" == cluster) as[$2] = 1; next }
    NF { n++; if (!as[$1]) missing = 1 }
    END { exit missing || !n }' <(cat <<<"$2") <(cat <<<"$1")
}

# learner_entries MEMBERS : id, name if it has one, and peer URL of each.
learner_entries() {
  awk 'NF && $6 != "false" { printf "%sid %s (%s%s)", s, $1, ($3 == "-" ? "" : $3 ", "), $4; s = ", " }' <<<"$1"
}

# stale_ids MEMBERS NAME PEER-URL ID DECLARED : entries that this host had before, by id, name or
# peer URL, and those that never started and that nobody declares (`name=url,…`). With an empty name by
# id and peer URL alone.
stale_ids() {
  awk -v name="$2" -v url="$3" -v id="$4" -v declared="$5," '
    $1 "" == id || $4 == url { print $1; next }
    name != "" && ($3 "" == name || ($2 == "unstarted" && !index(declared, "=" $4 ","))) { print $1 }
  ' <<<"$1"
}

# member_by_name MEMBERS NAME : its id; fails where none or more than one has this name.
member_by_name() {
  awk -v name="$2" '$3 "" == name { id = $1; n++ } END { if (n == 1) print id; exit n != 1 }' <<<"$1"
}

# member_by_peer_url MEMBERS URL : the same for one that never started, and has no name.
member_by_peer_url() {
  awk -v url="$2" '$4 "" == url { id = $1; n++ } END { if (n == 1) print id; exit n != 1 }' <<<"$1"
}

# learner_at MEMBERS URL : the id of the learner with this peer URL; nothing where there is none.
learner_at() { awk -v url="$2" '$4 "" == url && $6 == "true" { print $1; exit }' <<<"$1"; }

# own_entries MEMBERS ID NAME PEER-URL : the id of this member's entry; nothing where it has none; a sentence where
# that is not certain. A host that was put back to an earlier day remembers an id that is gone, and its member is
# listed under another one.
own_entries() {
  awk -v id="$2" -v name="$3" -v url="$4" '
    $1 != "" && $1 "" == id { own = $1 }
    $4 "" == url { mine = mine s $1; s = ", " }
    $3 "" == name && $4 "" != url { alike = alike t $1; t = ", " }
    END {
      if (own != "") print own
      else if (mine != "") print mine
      else if (alike != "" && id == "" && alike !~ /,/) print alike
      else if (alike != "") print "this host remembers the id " (id == "" ? "of none" : id) ", and " alike \
        " with other peer URLs have the name " name
    }' <<<"$1"
}

# lost_entry MEMBERS NAME DECLARED : the ids of the entries of this name, with commas. Without one those that never
# started and that nobody declares (`name=url,…`), for these have no name yet.
lost_entry() {
  awk -v name="$2" -v declared="$3," '
    $3 "" == name { ids = ids s $1; s = "," }
    $2 == "unstarted" && $3 == "-" && !index(declared, "=" $4 ",") && unnamed == "" { unnamed = $1 }
    END { print (ids != "" ? ids : unnamed) }' <<<"$1"
}

# leader_targets MEMBERS SERVING ID : whom ID can hand the leadership to.
leader_targets() { awk -v id="$3" '$1 != "" && $1 "" != id' <<<"$2"; }

# leaders STATUSES : whom anybody calls the leader.
leaders() { awk '$4 != "0" && !seen[$4 ""]++ { print $4 }' <<<"$1"; }

# is_led_by_another STATUSES SERVING ID : whether those that serve have a leader, and none of them calls ID so. (Others,
# and ID among them, may say what was true when their disk began to hang.)
is_led_by_another() {
  local found
  found=$(leaders "$(rows_of "$1" "$2")") && [[ -n $found ]] && ! is_serving "$found" "$3"
}

# leader_url STATUSES ID : where ID answers, if it leads.
leader_url() { awk -v id="$2" '($2 "") == (id "") && ($4 "") == (id "") { print $1; exit }' <<<"$1"; }

# next_step DATA LISTED REMEMBERED : what a member does next.
#   DATA        yes, no: whether data of a member is here
#   LISTED      yes, no, unknown: whether the quorum counts that data's id among its members
#   REMEMBERED  formed, bootstrapping, joining, nothing: what this host knows of its past
#
#   keep        its own data under its own identity, which is safe also without a quorum
#   join        through the quorum, as a learner; what lies here is a former member's
#   bootstrap   a bootstrap that began here goes on, and no quorum has ended it
#   unknown     data that nobody can be asked about
next_step() {
  case "$1 $2 $3" in
    *' joining') echo join ;;
    'yes yes '* | 'yes unknown formed') echo keep ;;
    'yes no '*) echo join ;;
    *' unknown bootstrapping') echo bootstrap ;;
    'no '*) echo join ;;
    *) echo unknown ;;
  esac
}
