
# --- the guard: nothing disturbs a member that the cluster cannot spare -------------------------

readonly TOO_FEW="without it too few members would be healthy for a quorum; not healthy"
readonly GUARD_SECONDS=30 # how long the others may take to be there again, e.g. after a roll's last step

# spare_member DOING : returns where this member may be stopped or disturbed, and ends the program
# where it may not, or where that cannot be found out. Nothing was changed then.
spare_member() {
  local doing=$1 id begin word
  serves_peers || return 0
  # Only its own etcd can say that there is no quorum to lose, and it has to keep saying so.
  word=$(lasting_word)
  if [[ $word == "no leader" ]]; then
    log "$(member_name): its etcd has had no leader for $(leaderless_seconds) s: there is no quorum to lose"
    return 0
  fi
  id=$(own_id) || die $E_LATER "$(member_name): its own member id is not known: its etcd does not answer on" \
    "127.0.0.1:2381, and this host has not noted it. So it cannot be found out whether the others hold the quorum" \
    "without it, which $doing requires. Nothing was changed. Wait until it answers, or stop it by hand if the others" \
    "are healthy; then run it again"
  mark_time begin
  until look "$(all_urls)" && can_spare "$MEMBERS" "$SERVING" "$id"; do
    ! passed "$GUARD_SECONDS" "$begin" || refuse_to_spare "$doing" "$id"
    sleep 0.5
  done
  remember_endpoints
  let_others_first "$id" && return 0
  # (As often as others can come before it. One that comes and goes without an end is not waited for.)
  ((TURNS_LET++ < 10)) || refuse_to_spare "$doing" "$id"
  spare_member "$doing"
}

# let_others_first ID : the plan has all members that were down when the hosts were read come back side by side, as
# they may need each other for a quorum. Where they are well by now, as after a boot, several could find at the same
# moment that they can be spared: all at once, and again when the first is back. So each waits for a while by its
# place in the list whenever it could be spared, and fails where it cannot any more. That holds for all that is done
# until it has converged, and no preview in between ends it.
readonly TURN_SECONDS=5
WAS_UNWELL='' TURNS_LET=0
let_others_first() {
  local place
  if [[ -e $RUN/unwell ]]; then WAS_UNWELL=yes; fi
  [[ -n $WAS_UNWELL ]] || return 0
  place=$(awk -v id="$1" '$1 "" == id { print NR - 1; exit }' <<<"$MEMBERS")
  [[ $place != 0 ]] || return 0
  log "$(member_name): was unhealthy when the hosts were read, and has recovered; members listed before it go first"
  sleep $((place * TURN_SECONDS))
  look "$(all_urls)" && can_spare "$MEMBERS" "$SERVING" "$1"
}

refuse_to_spare() { # DOING ID
  local found
  if [[ -n $WHY ]]; then
    die $E_LATER "$(member_name): $1 requires that the others hold the quorum without it, and whether they do" \
      "could not be found out: $WHY. Asked for $GUARD_SECONDS s: $(all_urls). Nothing was changed. Check the other" \
      "members (etcd-host observe on each), then run it again"
  fi
  is_listed "$MEMBERS" "$2" ||
    die $E_REFUSED "$(member_name): cluster $CLUSTER has no member with this member's id $2, so $1 is refused." \
      "Nothing was changed. See docs/runbooks/damaged-member.md"
  found=$(not_serving "$MEMBERS" "$SERVING" "$2")
  [[ -n $found ]] || die $E_REFUSED "$(member_name): $1 would leave too few members for a quorum: the cluster has" \
    "$(voters "$MEMBERS"), and with fewer than three none can be spared. Nothing was changed. Add members until there" \
    "are three, then run it again"
  die $E_REFUSED "$(member_name): $1 would leave too few members for a quorum: $(others_serving "$SERVING" "$2")" \
    "of $(($(voters "$MEMBERS") - 1)) others serve, $(($(voters "$MEMBERS") / 2 + 1)) are needed; not healthy:" \
    "$found. Nothing was changed. Bring them back first, or give up a dead one: set members[].lost: true, and run" \
    "\`pulumi up\` without this change (its entry is removed in the first member's turn, after packages and" \
    "runtime of that host)"
}

member_name() { echo "${S[member]:-this host}"; }

# The client URLs of all members, as the quorum had them: for a day on which this host's own etcd
# cannot be asked.
remember_endpoints() {
  local urls
  urls=$(awk '$5 != "-" { printf "%s%s", s, $5; s = "," }' <<<"$MEMBERS")
  [[ -z $urls || $urls == "$(recall endpoints)" ]] || remember endpoints "$urls"
}

# hand_over DOING ID : after spare_member, so that a member that leads costs the cluster no election, and no quorum: the
# others may have served through it alone. Ends the program where they do not serve under another leader.
hand_over() {
  leads "$2" can_spare || return 0
  move_leadership "$(own_url)" "$2" can_spare "$(all_urls)" ||
    die $? "$(member_name): $1 was put off: $WHY. Its etcd was not stopped. Run it again when that is fixed"
}

# leads ID MAY : whether the member here does, by the word of those that serve: one whose disk hangs goes on saying that
# it leads, long after the others have elected another.
leads() {
  local word
  word=$(metric etcd_server_is_leader)
  [[ $word != 0 ]] || return 1
  if called_leader "$1"; then return 0; fi
  [[ $word == 1 ]] || return 1
  # (It may have come to lead since they were asked. MAY is for what is known by now.)
  ! { look "$(other_urls)" && is_led_by_another "$(status_rows "$STATUS_TEXT")" "$SERVING" "$1" &&
    "$2" "$MEMBERS" "$SERVING" "$1"; }
}

# called_leader ID : whether any of those that serve calls it so.
called_leader() { is_serving "$(leaders "$(rows_of "$(status_rows "$STATUS_TEXT")" "$SERVING")")" "$1"; }

# move_leadership URL ID MAY URLS : from the leader ID, which answers at URL, to one that serves, before ID stops or
# is removed. Then MAY, can_spare or can_remove, has to say yes again, by a look through URLS. Fails with the status
# to end with, and WHY; then ID leads again, where it can.
readonly LED_SECONDS=10 # that the others have to serve under another leader
move_leadership() {
  local url=$1 id=$2 may=$3 urls=$4 target count status=0
  while read -r target; do
    log "$(member_name): moving the leadership to $target"
    if etcd_ctl --endpoints="$url" move-leader "$target" >/dev/null 2>&1; then break; fi
  done < <(leader_targets "$MEMBERS" "$SERVING" "$id")
  if [[ -z $target && -n $WHY ]]; then
    WHY="$id says that it leads, and whom the others follow could not be found out: $WHY"
    return $E_LATER
  elif [[ -z $target ]]; then
    WHY="the leadership of $id could not be moved: no other member took it"
    return $E_LATER
  fi
  count=$(voters "$MEMBERS")
  if [[ $count == 2 ]]; then return 0; fi # the one that is left leads
  url=$(client_url_of "$MEMBERS" "$target")
  await_led "$id" "$may" "$urls" "$count" || status=$?
  if ((status)); then
    log "$(member_name): moving the leadership back to $id"
    etcd_ctl --endpoints="$url" move-leader "$id" >/dev/null 2>&1 ||
      log "$(member_name): the leadership could not be moved back"
  fi
  return "$status"
}

# await_led ID MAY URLS VOTERS : the second half. A member that the new leader does not reach follows the former one
# for up to two election timeouts.
await_led() {
  local id=$1 may=$2 urls=$3 count=$4 timeout begin
  timeout=$(election_timeout)
  if [[ $timeout == 0 ]]; then timeout=1000; fi
  sleep $(((2 * timeout + 999) / 1000))
  mark_time begin
  until look "$urls" && is_led_by_another "$(status_rows "$STATUS_TEXT")" "$SERVING" "$id" &&
    "$may" "$MEMBERS" "$SERVING" "$id"; do
    if [[ -z $WHY && $(voters "$MEMBERS") -lt $count ]]; then
      WHY="$id led, and other members have left while its leadership was moved"
      return $E_LATER
    fi
    if passed "$LED_SECONDS" "$begin"; then
      if [[ -n $WHY ]]; then
        WHY="$id led, and whether the others serve under another leader could not be found out: $WHY"
        return $E_LATER
      elif ! is_led_by_another "$(status_rows "$STATUS_TEXT")" "$SERVING" "$id"; then
        WHY="the leadership of $id was moved, and did not stay with another member"
        return $E_LATER
      fi
      WHY=$(not_serving "$MEMBERS" "$SERVING" "$id")
      WHY="too few of the others serve while another member leads; not healthy then: ${WHY:-none}"
      WHY+=". They served only through the present leader: check that the members reach each other on port 2380"
      return $E_REFUSED
    fi
    sleep 0.5
  done
}
