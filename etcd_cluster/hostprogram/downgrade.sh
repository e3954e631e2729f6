
# --- back a minor of etcd ------------------------------------------------------------------------
#
# https://etcd.io/docs/v3.6/downgrades/. The cluster is told first, and speaks the older minor from then on;
# each member's data has to be ready for it before an older etcd starts on it.

## allow-downgrade      tells the cluster that its members go back to etcd's previous minor
verb_allow_downgrade() {
  local wanted now ctl target=
  read_state "${MEMBER_KEYS[@]}"
  lock
  own_or_refuse
  wanted=$(minor "$(wanted_version)") || die $E_INPUT "image-tag: invalid: expected a version, e.g. 3.5.33-0"
  look "$(all_urls)" || die $E_LATER "${S[member]}: could not find out how the members are: $WHY. Nothing was" \
    "changed; run it again"
  now=$(cluster_version)
  [[ -n $now ]] || now=$(only_minor) || die $E_LATER "${S[member]}: its etcd does not say which version the cluster" \
    "speaks. Nothing was changed. Bring all members back, then run it again"
  if older_minor "$wanted" "$now"; then
    need_all_voters "a downgrade" "Nothing was changed"
    ctl=$(image_program etcdctl) || die $E_REFUSED "etcdctl: not installed on this host"
    take_snapshot "$now"
    tell_downgrade "$ctl" validate "$wanted"
    need_downgrade_target "$ctl"
    [[ $target == "$wanted" ]] || tell_downgrade "$ctl" enable "$wanted"
    wait_until "${S[health-timeout-seconds]}" cluster_speaks "$wanted" ||
      die $E_LATER "${S[member]}: the downgrade to $wanted was enabled, and after ${S[health-timeout-seconds]} s the" \
        "cluster still speaks $(cluster_version). Run it again, or set etcd.imageTag back"
    changed "downgrade to $wanted enabled"
  fi
  printf 'minor: %s\n' "$wanted"
}

tell_downgrade() { # ETCDCTL validate|enable MINOR
  ETCDCTL_PROGRAM=$1 etcd_ctl --endpoints="$(own_url)" downgrade "$2" "$3" >"$WORK/downgrade.log" 2>&1 ||
    die $E_REFUSED "${S[member]}: the cluster rejected the downgrade to $3 ($2):" \
      "$(said_by_etcdctl "$WORK/downgrade.log"). No member was changed"
}

# need_downgrade_target ETCDCTL : for the caller's `target`, the minor that the members may go back to; empty where
# they may not.
need_downgrade_target() {
  wait_until "$VERSION_SECONDS" read_downgrade_target "$1" || die $E_LATER "${S[member]}: its etcd does not say at" \
    "$(own_url) whether the cluster was told of a downgrade. Run it again"
}
read_downgrade_target() {
  local said
  said=$(own_fields "$1")
  [[ -n $(status_rows "$said") ]] || return 1
  target=$(awk -F' : ' '
    { key = $1; value = $2; gsub(/"/, "", key); gsub(/"/, "", value) }
    key == "DowngradeTargetVersion" { target = value }
    key == "DowngradeEnabled" { on = value }
    END { if (on == "true" && split(target, part, ".") >= 2) print part[1] "." part[2] }' <<<"$said")
}

# await_storage : an older etcd does not start on data that a newer one has not made ready for it.
await_storage() { # MINOR
  local ctl now
  now=$(cluster_version)
  [[ -z $now || $now == "$1" ]] || die $E_REFUSED "${S[member]}: etcd $1 is older than the cluster, which speaks" \
    "$now, so it would not start. Nothing was changed. Set" \
    "etcd.imageTag back; see docs/runbooks/upgrade.md"
  ctl=$(image_program etcdctl) || die $E_REFUSED "etcdctl: not installed on this host"
  wait_until "${S[health-timeout-seconds]}" storage_is "$ctl" "$1" && return 0
  now=$(storage_version "$ctl")
  die $E_REFUSED "${S[member]}: its data is not ready for etcd $1 (storage version: ${now:-unknown}). Nothing was" \
    "changed. Run it again; see docs/runbooks/upgrade.md"
}
storage_is() { [[ $(storage_version "$1") == "$2" ]]; }
storage_version() { # ETCDCTL
  local said
  said=$(own_fields "$1" | sed -n 's/^"StorageVersion" : "\([0-9.]*\)"$/\1/p') || true
  minor "$said" || true
}

# finish_version : all members run this version: a downgrade that was begun and given up is taken back.
finish_version() {
  local wanted ctl
  wanted=$(minor "$(wanted_version)") || return 0
  older_minor "$(cluster_version)" "$wanted" || return 0
  ctl=$(image_program etcdctl) || return 0
  cancel_downgrade "$ctl" "$wanted"
}

# cancel_downgrade ETCDCTL MINOR : where the members may go back to an older minor than that.
cancel_downgrade() {
  local target=
  need_downgrade_target "$1"
  older_minor "$target" "$2" || return 0
  ETCDCTL_PROGRAM=$1 etcd_ctl --endpoints="$(own_url)" downgrade cancel >"$WORK/downgrade.log" 2>&1 ||
    die $E_LATER "${S[member]}: the downgrade to $target could not be cancelled:" \
      "$(said_by_etcdctl "$WORK/downgrade.log"); run it again"
  changed "downgrade to $target cancelled"
}
