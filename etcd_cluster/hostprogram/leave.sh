
# --- leaving -------------------------------------------------------------------------------------

readonly LEARNER_SECONDS=15 # that the only voter waits for a learner to be taken back
readonly ID_SECONDS=10      # that an etcd has to say its id, or to end

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
  S[member]=$1
  if [[ ! -e $MANIFEST ]]; then
    take_learner_back
    return 0
  fi
  [[ -n $(recall started) ]] ||
    die $E_REFUSED "$MANIFEST is still there, and what this host remembered of its member is lost. Nothing was" \
      "changed. Run \"etcd-host abandon\" on the host, which moves its data aside; then run it again"
  S[arg.initial-advertise-peer-urls]=$(manifest_flag initial-advertise-peer-urls)
  leave_or_refuse
}

# take_learner_back : a join that was cut off between `member add` and the manifest has left a learner that never
# started. Nobody else would name it, and etcd takes no other one while it is listed.
take_learner_back() {
  local cluster url urls id='' begin
  read -r cluster url <<<"$(recall adding)"
  [[ -n $url ]] || return 0
  urls=$(recall endpoints)
  mark_time begin
  until look_at_members "$urls" && in_cluster "$cluster" && id=$(learner_at "$MEMBERS" "$url"); do
    ! passed "$GUARD_SECONDS" "$begin" || die $E_REFUSED "${S[member]}: cluster $cluster may list this host as a" \
      "learner ($url), from a join that was cut off, and could not be asked: ${WHY:-its list could not be read}." \
      "Asked: $urls. Nothing was changed. Bring its members back; or, if that cluster is gone, run \"etcd-host" \
      "abandon\" on this host. Then run it again"
    sleep 0.5
  done
  if [[ -n $id ]]; then
    refuse_copy "$id"
    remove_member "$id" "$urls" || die $E_LATER "${S[member]}: the learner $id, which a join that was cut off has" \
      "added, cannot be removed: $WHY. Run it again when that is fixed"
  fi
  forget adding
}
in_cluster() { # ID
  [[ $CLUSTER == "$1" ]] || { WHY="cluster $CLUSTER answers there" && return 1; }
}

leave_or_refuse() {
  local begin limit tries=0
  note_formed
  # (What was begun and cut off long ago, as `abandon`, says nothing of a member that has served since.)
  if member_healthy; then forget leaving; fi
  mark_time begin
  # (Each try of a leader waits for two election timeouts.)
  limit=$((GUARD_SECONDS + 4 * $(election_timeout) / 1000))
  # Others may be leaving at the same time: what was true a moment ago is asked again. (Also where a slow machine needs
  # all that time for one try.)
  until out_of_the_cluster; do
    tries=$((tries + 1))
    ! { passed "$limit" "$begin" && ((tries > 2)); } ||
      die $E_REFUSED "${S[member]}: $STAYS. Nothing was changed. $WAY_OUT"
    sleep 0.5
  done
  # (A host whose join was cut off may be on its way out beside it, and nobody else could remove its learner.)
  [[ -z $LAST_VOTER ]] || wait_until "$LEARNER_SECONDS" no_learner_beside || true
  remember leaving yes # what follows may be cut off, and there may be nobody left to ask then
  give_up_member
}

# out_of_the_cluster : true once the quorum, if there is one, counts this member no more, or has
# no other voter left; else STAYS says what keeps it.
STAYS='' WAY_OUT='' LAST_VOTER='' IS_ORIGINAL=''
out_of_the_cluster() {
  local id count
  LAST_VOTER=''
  WAY_OUT="Bring the other members back first; or, if they hold the quorum without it, keep it in members with lost:"
  WAY_OUT+=" true, so that they remove it; or give it up by hand, which asks nobody: \"etcd-host abandon\" on the host"
  if ! look "$(all_urls)"; then
    STAYS="it could not find out whether it may leave: $WHY; asked: $(all_urls)"
    # Nothing of a cluster is lost with what never was in one, nor with the data of its only member. (One of several
    # that lost its data is a voter all the same, and so is one whose host has lost its memory.)
    [[ -n $(recall leaving) ]] || never_formed || { ! has_data && is_alone; }
    return
  fi
  STAYS="it could not find out which of the cluster's entries is this member's"
  id=$(own_entries "$MEMBERS" "$(own_id || true)" "${S[member]}" "${S[arg.initial-advertise-peer-urls]}") &&
    count=$(voters "$MEMBERS") || return 1
  case $id in
    '') return 0 ;;
    *[!0-9a-f]*)
      STAYS="it could not tell which of the cluster's entries is this member's: $id"
      return 1
      ;;
  esac
  # The only voter. (A learner beside it has to be removed: etcd takes no other one until then.)
  if ((count == 1)) && is_voter "$MEMBERS" "$id"; then
    LAST_VOTER=yes
    return 0
  fi
  # Before the leadership is moved, too: the original may have it. (Once: everybody is asked while there is no leader,
  # as when several leave.)
  [[ $IS_ORIGINAL == "$id" ]] || refuse_copy "$id"
  IS_ORIGINAL=$id
  STAYS="$TOO_FEW: $(not_serving "$MEMBERS" "$SERVING" "$id")"
  can_remove "$MEMBERS" "$SERVING" "$id" || return 1
  if leads "$id" can_remove && ! move_leadership "$(own_url)" "$id" can_remove "$(all_urls)"; then
    STAYS=$WHY WAY_OUT="Run it again when that is fixed"
    return 1
  fi
  log "${S[member]}: leaves the cluster"
  # (Stopped first it would finish the writes that it has in hand. But several may be leaving, and
  # if all stopped before the first was removed, there would be no quorum left to remove them.)
  etcd_ctl --endpoints="$(serving_urls "$id" "$(all_urls)")" member remove "$id" >"$WORK/leave.log" 2>&1 || {
    STAYS="the cluster refused: $(said_by_etcdctl "$WORK/leave.log")"
    return 1
  }
  changed "member $id removed"
}

no_learner_beside() { look_at_members "$(all_urls)" && [[ -z $(learner_entries "$MEMBERS") ]]; }

# never_formed : whether this host knows that its member was in no quorum yet. It remembers a bootstrap that nothing
# has ended, and its etcd has applied no more than that gives it: an entry for each member. Where it takes no part, it
# stays away for as long; and where it has no data, it has not lost any: the guard beside it is there.
never_formed() {
  local cluster applied begin
  read -r _ cluster <<<"$(recall bootstrapping)"
  [[ -n $cluster && -z $(recall formed)$(recall joining)$(recall adding) ]] || return 1
  if serves_peers; then
    cluster=${cluster//[!,]/}
    [[ $(lasting_word) == "no leader" ]] && applied=$(last_applied) && ((applied <= ${#cluster} + 1))
  elif has_data; then
    mark_time begin
    until passed "$LEADERLESS_SECONDS" "$begin"; do
      ! serves_peers || return 1
      sleep 0.5
    done
  else
    [[ ! -e $MANIFEST ]] || compgen -G "$DATA/member/peer-ca*.crt" >/dev/null
  fi
}
# is_alone : whether no other member was ever known here.
is_alone() { [[ -n ${S[endpoints]-}$(recall endpoints) && -z $(other_urls) ]]; }

## retire CLUSTER MEMBER TOKEN   clears a member's former host, once another host is that member
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
  remove_state
  rm -f "$PROGRAM" "$RUN/program"
  changed "$PROGRAM removed"
}

# refuse_to_retire_member MEMBER : unless it is certain that the quorum counts nobody on this host.
refuse_to_retire_member() {
  local word id listed=''
  word=$(lasting_word)
  wait_until "$ID_SECONDS" id_is_known_or_etcd_is_down || true # (one that starts over and over does not say it yet)
  id=$(own_id) || true
  # A list is no answer where it is another cluster's, nor where it is not known whom to look for.
  if ! look_at_members "$(all_urls)" || ! own_cluster "$(all_urls)"; then
    CLUSTER=''
  elif [[ -z $id && -n $(etcd_pid) ]]; then
    CLUSTER='' WHY="its id is not known, as it does not answer on 127.0.0.1:2381"
  elif is_listed "$MEMBERS" "$id"; then
    listed=yes
  fi
  [[ $word != healthy && -z $listed ]] ||
    die $E_REFUSED "the etcd on this host is a member of its quorum, so no other host has taken its place." \
      "Nothing was changed. Check members[].address of $1"
  # (Where it has no leader it is cut off from the others, whom nobody can ask here.)
  [[ -n $CLUSTER || $word == "no leader" || -z $(etcd_pid) ]] ||
    die $E_LATER "an etcd runs on this host, and whether it is still a member could not be found out: $WHY. Asked:" \
      "$(all_urls). Nothing was changed. Run it again"
}

id_is_known_or_etcd_is_down() { [[ -z $(etcd_pid) ]] || own_id >/dev/null; }

## abandon              by hand only: stops this member and moves its data aside, asking no quorum
verb_abandon() {
  lock
  remember leaving yes # whoever calls `leave` after that is not asked for a quorum; also if this is cut off
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
  forget data-mount
  forget bootstrapping
  forget started
  forget etcd-tag
  forget joining
  forget adding
  forget adopted
  forget restoring
  forget restored
  forget restore-fetches
  forget owner
  forget member.stamp
  # Whose certificates these are is for the next member to say, also where they are this stack's still.
  forget issuer
  forget pki.stamp
}
# The kubelet keeps a pod's folder until nothing of the pod runs any more.
no_pod() {
  local log
  [[ -z $(etcd_pid) ]] || return 1
  for log in /var/log/pods/kube-system_etcd-*; do
    [[ ! -d /var/lib/kubelet/pods/${log##*_} ]] || return 1
  done
}
