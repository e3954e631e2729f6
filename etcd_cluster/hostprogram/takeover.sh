
# --- a cluster that is taken over by replacement -----------------------------------------------
#
# Its members are somebody else's, on hosts that this program does not manage. The declared ones join it
# as they join any cluster, and then the others leave.

## take-over            removes every member that is not declared, once all declared ones serve
verb_take_over() {
  local missing id urls formed
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
  [[ -z $missing ]] || die $E_LATER "${S[member]}: not every declared member serves: $missing. Nobody was removed;" \
    "bring them back, then run it again"
  # The leader last, so that the leadership moves once, and to one that stays.
  for id in $(undeclared_ids "$MEMBERS" "$(status_rows "$STATUS_TEXT")" "${S[initial-cluster]}"); do
    remove_member "$id" "$urls" || die $E_LATER "${S[member]}: the former member $id cannot be removed: $WHY. Run it" \
      "again when that is fixed"
    log "${S[member]}: the former member $id was removed"
  done
  if look_at_members "$(own_url)"; then remember_endpoints; fi
  echo "members: $(awk '{ printf "%s%s", s, $3; s = "," }' <<<"$MEMBERS")"
}

# undeclared_ids MEMBERS STATUSES INITIAL-CLUSTER : of members with a peer URL that is not declared, the
# leader last. Pure.
undeclared_ids() {
  awk -v declared="$3," '
    FILENAME == ARGV[1] { if (($2 "") == ($4 "")) leads[$2] = 1; next }
    $1 != "" && !index(declared, "=" $4 ",") { if (leads[$1]) last = $1; else print $1 }
    END { if (last != "") print last }
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

# namesake MEMBERS INITIAL-CLUSTER : name and peer URL of a member that is not declared, and has the name of one that
# is; nothing where there is none. Pure.
namesake() {
  awk -v declared=",$2," '
    index(declared, "," $3 "=") && !index(declared, "=" $4 ",") { print $3, $4; exit }' <<<"$1"
}
