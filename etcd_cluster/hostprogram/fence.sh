
# --- restoring: the fence around what was staged, and the way back ----------------------------------

readonly FENCED=$OWN/etcd.yaml.fenced # the manifest of a fenced member

## restore-fence        stops this host's etcd for a restore that all hosts have staged; it stays stopped
verb_restore_fence() {
  read_state "${MEMBER_KEYS[@]}" "${RESTORE_KEYS[@]}"
  lock
  may_be_restored
  if ! was_restored; then
    [[ -e $(staged_folder)/ready ]] || die $E_LATER "${S[member]}: what was staged for the restore is gone from" \
      "$(staged_folder). Nothing was changed. Run it again"
    fence_member
  fi
  printf 'fenced: %s\n' "${S[restore-id]}"
}

fence_member() {
  local kind=data why
  # Others have staged since this host looked, and that may have taken long.
  if [[ -n ${S[restore-survivor]-} ]] && ! is_fenced; then
    why=$(quorum_fault)
    [[ -z $why ]] || die $E_REFUSED "${S[member]}: $why. It was not stopped. Where this restore has stopped others," \
      "\"etcd-host restore-cancel\" on each of them starts it again"
    [[ ${S[restore-survivor]} != "${S[member]}" ]] || ! has_moved_on ||
      die $E_LATER "${S[member]}: since this member's data was copied, the cluster had, or may have had, a quorum," \
        "and may have accepted writes. Its etcd was not stopped. Run it again, which copies the data again"
  fi
  if [[ $(<"$(staged_folder)/ready") == joins ]]; then kind=joins; fi
  remember restoring "${S[restore-id]} $kind ${S[restore-replaces]:-none} $(restored_cluster) $(restored_member)"
  systemctl stop etcd-host-backup.service 2>/dev/null || true # (where it is there) of a cluster that ends here
  # A kubelet that starts again, or a reboot, must not bring the old member back.
  put_folder "$OWN" 700
  if [[ -e $MANIFEST ]]; then
    mv "$MANIFEST" "$FENCED"
    # A pod that the kubelet has taken down itself is not in the way of the next one of its name.
    ! systemctl is-active -q kubelet || wait_until 20 no_pod || true
  fi
  stop_member
  # All hosts may lose their power before their disks have it, and would come back as the old cluster.
  sync -f "$STATE" "$OWN"
  changed "etcd stopped for the restore ${S[restore-id]}"
}

# staged_fault FOLDER : why etcd could not start from the data in it; nothing where it can, and where there is none.
# The restore's id says nothing of versions, and etcd.imageTag may have changed since.
staged_fault() {
  local data='' by='' wanted
  [[ -d $1/member || -e $1/versions ]] || return 0
  read -r data by 2>/dev/null <"$1/versions" || true
  wanted=$(wanted_version)
  if ! minor "$data" >/dev/null || ! minor "$by" >/dev/null; then
    echo "the etcd version of the staged data is not known (${data:--} ${by:--})"
  elif older_minor "$wanted" "$data"; then
    echo "the staged data is of etcd $data, and etcd $wanted could not start from it. Set etcd.imageTag to a version" \
      "of $data"
  elif older_minor "$wanted" "$by"; then
    echo "the staged data was written by etcdutl $by, and etcd $wanted could not read it. Set etcd.imageTag to a" \
      "version of $(minor "$by")"
  fi
}
refuse_staged() { # FOLDER
  local why
  # (An earlier version of this program, which noted no versions, compared them before it stopped this host.)
  if [[ ! -e $1/versions && $(recall restoring) == "${1##*/} "* ]]; then return 0; fi
  why=$(staged_fault "$1")
  [[ -z $why ]] || die $E_REFUSED "${S[member]}: $why; or give the restore up (\"etcd-host restore-cancel\" on each" \
    "host that it has stopped). Nothing was changed"
}

# is_fenced : whether this very restore has stopped this host, to the end.
is_fenced() { [[ $(recall restoring) == "${S[restore-id]} "* ]] && is_down; }
is_down() { [[ ! -e $MANIFEST && -z $(etcd_pid) ]]; }

# undo_half_fence : one that was cut off before its etcd was down. That etcd may have served since, so its data is
# to be copied, and with a fence around it nothing would start it again after that.
undo_half_fence() {
  [[ -z $(recall restoring) ]] || is_down || {
    take_fence_back
    ensure_kubelet || true
  }
}
take_fence_back() {
  if [[ -e $FENCED && ! -e $MANIFEST ]]; then mv "$FENCED" "$MANIFEST"; fi
  rm -f "$FENCED"
  forget restoring
}

## restore-cancel       by hand only: starts the etcd that restore-fence stopped, if its old data is still in place
verb_restore_cancel() {
  local id mark
  lock
  read -r id _ <<<"$(recall restoring)"
  [[ -n $id ]] || die $E_REFUSED "no restore was begun on this host. Nothing was changed"
  # By what lies here now: what was staged may be gone, or have been staged for another restore.
  mark=$(mark_of_data)
  [[ $(recall restored) != *" $id" && $mark != "$id" ]] || die $E_REFUSED "the data of the restore $id is already in" \
    "place on this host, so it cannot be cancelled here. Nothing was changed. Let \`pulumi up\` finish the restore"
  # First: once its etcd serves again, what was copied of it is not all that it has.
  drop_staged
  take_fence_back
  forget restore-fetches
  systemctl start kubelet
  changed "restore $id cancelled"
  has_data || log "there is no data in $DATA/member. If this host had some, it is in $DATA.aside or" \
    "$DATA/.aside"
}
# mark_of_data : the restore that the data in place came of; nothing where it came of none. (Fails where it is there,
# and cannot be read.)
mark_of_data() { if [[ -e $DATA/member/restored ]]; then cat "$DATA/member/restored"; fi; }
