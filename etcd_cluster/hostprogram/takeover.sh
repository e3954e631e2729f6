
# --- a cluster that is taken over by replacement -----------------------------------------------
#
# Its members are somebody else's, on hosts that this program does not manage. The declared ones join it
# as they join any cluster, and then the others leave.

## take-over            removes every member that is not declared, once all declared ones serve
verb_take_over() {
  local missing id ids urls formed
  read_state cluster token member endpoints initial-cluster take-over
  lock
  own_or_refuse
  formed=$(recall formed)
  [[ $formed == "${S[take-over]}" ]] || die $E_REFUSED "${S[member]}: this host is a member of cluster" \
    "${formed:-none}, and takeOver.cluster is ${S[take-over]}. Nothing was changed"
  urls=$(all_urls)
  look "$urls" || die $E_LATER "${S[member]}: could not find out who the members are: $WHY. Nothing was changed;" \
    "run it again"
  missing=$(not_declared_serving "$MEMBERS" "$SERVING" "${S[initial-cluster]}")
  [[ -z $missing ]] || die $E_LATER "${S[member]}: not every declared member serves: $missing. No member was removed;" \
    "bring them back, then run it again"
  # The leader last, so that the leadership moves once, and to one that stays.
  ids=$(undeclared_ids "$MEMBERS" "$(status_rows "$STATUS_TEXT")" "${S[initial-cluster]}") || die $E_LATER \
    "${S[member]}: could not find out which members are not declared. No member was removed; run it again"
  for id in $ids; do
    remove_member "$id" "$urls" || die $E_LATER "${S[member]}: the former member $id cannot be removed: $WHY. Run it" \
      "again when that is fixed"
    log "${S[member]}: the former member $id was removed"
  done
  # What ends here well is not run again.
  if ! { wait_until "$GUARD_SECONDS" look_at_members "$urls" && own_cluster "$urls" &&
    ids=$(undeclared_ids "$MEMBERS" '' "${S[initial-cluster]}"); }; then
    die $E_LATER "${S[member]}: could not find out whether former members are still listed${WHY:+: $WHY}. Run it" \
      "again before any former etcd is stopped"
  fi
  [[ -z $ids ]] || die $E_LATER "${S[member]}: members that are not declared are still listed:" \
    "$(paste -sd, <<<"$ids"). Run it again before any former etcd is stopped"
  remember_endpoints
  echo "members: $(awk '{ printf "%s%s", s, $3; s = "," }' <<<"$MEMBERS")"
}

# undeclared_ids MEMBERS STATUSES INITIAL-CLUSTER : of members with a peer URL that is not declared, the
# leader last; fails where there are no members. Pure.
undeclared_ids() {
  awk -v declared="$3," '
    FILENAME == ARGV[1] { if (($2 "") == ($4 "")) leads[$2] = 1; next }
    $1 != "" { n++ }
    $1 != "" && !index(declared, "=" $4 ",") { if (leads[$1]) last = $1; else print $1 }
    END { if (last != "") print last; exit !n }
  ' <(cat <<<"$2") <(cat <<<"$1")
}

# not_declared_serving MEMBERS SERVING INITIAL-CLUSTER : the declared ones that do not serve. Pure.
not_declared_serving() {
  local pair id found=''
  for pair in ${3//,/ }; do
    id=$(member_by_peer_url "$1" "${pair#*=}") && grep -xF -e "$id" <<<"$2" >/dev/null && continue
    found+="${found:+, }${pair%%=*}"
  done
  echo "$found"
}

# former_members MEMBERS INITIAL-CLUSTER : the rows of those with a peer URL that is not declared. Pure.
former_members() { awk -v declared="$2," 'NF && !index(declared, "=" $4 ",")' <<<"$1"; }

# namesake MEMBERS INITIAL-CLUSTER : name and peer URL of a member that is not declared, and has the name of one that
# is; nothing where there is none. Pure.
namesake() {
  awk -v declared=",$2," '
    index(declared, "," $3 "=") && !index(declared, "=" $4 ",") { print $3, $4; exit }' <<<"$1"
}
