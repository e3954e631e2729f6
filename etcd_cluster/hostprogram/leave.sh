
# --- leaving -------------------------------------------------------------------------------------

## leave                removes this member from the cluster, stops it, moves its data aside
verb_leave() {
  read_state "${MEMBER_KEYS[@]}"
  lock
  own_host "${S[cluster]}" "${S[member]}" "${S[token]}"
  leave_or_refuse
}

# no_member_left MEMBER : where an `up` was cut off, the state may know a host and not the member on it,
# so that no `leave` comes before the host is taken back: the member leaves then, under the same guard.
no_member_left() {
  [[ -e $MANIFEST ]] || return 0
  [[ -n $(recall started) ]] ||
    die $E_REFUSED "$MANIFEST is still there, and what this host remembered of its member is lost. Nothing was" \
      "changed. Run \"etcd-host abandon\" on the host, which moves its data aside; then run it again"
  S[member]=$1
  S[arg.initial-advertise-peer-urls]=$(manifest_flag initial-advertise-peer-urls)
  leave_or_refuse
}

leave_or_refuse() {
  local begin
  mark_time begin
  # Others may be leaving at the same time: what was true a moment ago is asked again.
  until out_of_the_cluster; do
    ! passed "$GUARD_SECONDS" "$begin" || die $E_REFUSED "${S[member]}: $STAYS. Nothing was changed. Bring the" \
      "other members back first, or give this member up by hand: \"etcd-host abandon\" on the host"
    sleep 0.5
  done
  remember leaving yes # what follows may be cut off, and there may be nobody left to ask then
  give_up_member
}

# out_of_the_cluster : true once the quorum, if there is one, counts this member no more, or has
# no other voter left; else STAYS says what keeps it.
STAYS=''
out_of_the_cluster() {
  local id count
  if ! look "$(all_urls)"; then
    STAYS="it could not find out whether it may leave: $WHY; asked: $(all_urls)"
    if [[ -n $(recall leaving) ]]; then return 0; fi
    # Nothing of a cluster is lost with what never was in one, nor with the data of its only member. (One of several
    # that lost its data is a voter all the same.)
    if has_data; then
      [[ -z $(recall formed) && $(own_word) != healthy ]]
    else
      [[ -z $(recall formed) || -z $(other_urls) ]]
    fi
    return
  fi
  STAYS="it could not find out which of the cluster's entries is this member's"
  id=$(own_entries "$MEMBERS" "$(own_id || true)" "${S[member]}" "${S[arg.initial-advertise-peer-urls]}") &&
    count=$(voters "$MEMBERS") || return 1
  case $id in
    '') return 0 ;;
    *[!0-9a-f]*)
      STAYS="which of the cluster's entries is this member's is not known: $id"
      return 1
      ;;
  esac
  ((count > 1)) || return 0
  STAYS="$TOO_FEW: $(not_serving "$MEMBERS" "$SERVING" "$id")"
  can_remove "$MEMBERS" "$SERVING" "$id" || return 1
  move_leadership "$id"
  log "${S[member]}: leaves the cluster"
  # (Stopped first it would finish the writes that it has in hand. But several may be leaving, and
  # if all stopped before the first was removed, there would be no quorum left to remove them.)
  etcd_ctl --endpoints="$(all_urls)" member remove "$id" >"$WORK/leave.log" 2>&1 || {
    STAYS="the cluster refused: $(said_by_etcdctl "$WORK/leave.log")"
    return 1
  }
  changed "member $id removed"
}

## retire C MEMBER TOKEN   clears a member's former host, once another host is that member
verb_retire() { # CLUSTER MEMBER TOKEN
  lock
  own_host "$1" "$2" "$3"
  refuse_to_retire_member "$2"
  give_up_member
  forget_host
  forget_pki
  # Where the stack never installed packages, nothing is held, and nothing is let go.
  if [[ -r $STATE/packages.stamp ]]; then forget_packages; fi
  if [[ -r $STATE/registry.stamp ]]; then forget_registry; fi
  rm -rf "$STATE"
  rm -f "$PROGRAM" "$RUN/program"
  changed "$PROGRAM removed"
}

# refuse_to_retire_member MEMBER : unless it is certain that the quorum counts nobody on this host.
refuse_to_retire_member() {
  local word listed=''
  word=$(lasting_word)
  if look_at_members "$(all_urls)" && is_listed "$MEMBERS" "$(own_id || true)"; then listed=yes; fi
  [[ $word != healthy && -z $listed ]] ||
    die $E_REFUSED "the etcd on this host is a member of its quorum, so no other host has taken its place." \
      "Nothing was changed. Check members[].address of $1"
  # (Where it has no leader it is cut off from the others, whom nobody can ask here.)
  [[ -n $CLUSTER || $word == "no leader" || -z $(etcd_pid) ]] ||
    die $E_LATER "an etcd runs on this host, and whether it is still a member could not be found out: $WHY. Asked:" \
      "$(all_urls). Nothing was changed. Run it again"
}

## abandon              by hand only: stops this member and moves its data aside, asking no quorum
verb_abandon() {
  lock
  give_up_member
}

give_up_member() {
  forget_backup
  remove_file "$MANIFEST"
  # The kubelet takes the pod down, and it has to be given the time: stopped before, it would leave
  # the pod's sandbox behind.
  ensure_kubelet || true
  wait_until 45 no_pod || stop_member
  set_aside
  forget formed # what follows may be cut off, and the cluster is not to be asked again
  drop_staged
  rmdir "$DATA" 2>/dev/null || true
  rm -rf "$OWN"
  forget member-id
  forget endpoints
  forget bootstrapping
  forget started
  forget etcd-tag
  forget joining
  forget adopted
  forget restoring
  forget restored
  forget owner
  forget member.stamp
  # Whose certificates these are is for the next member to say, also where they are this stack's still.
  forget issuer
  forget pki.stamp
  forget leaving
}
# The kubelet keeps a pod's folder until nothing of the pod runs any more.
no_pod() {
  local log
  [[ -z $(etcd_pid) ]] || return 1
  for log in /var/log/pods/kube-system_etcd-*; do
    [[ ! -d /var/lib/kubelet/pods/${log##*_} ]] || return 1
  done
}
