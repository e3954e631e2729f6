
# --- what this host has seen in the store, and does not find there -------------------------------------

# still_missed LISTING MODE : an object that was in this store when nothing was left of it, or of what was before it,
# or when its share was not mounted. Of that each run speaks until there is: what is stored meanwhile, e.g. in the mount
# point, looks like a store in which all is well. A person may say that it is so (MODE accept).
still_missed() {
  local object told away=''
  ! store_unmounted || away=yes
  object=$(missed "$1") told=$(recall backup-missed)
  if [[ $2 == accept ]]; then
    [[ -z $told$object$away ]] || log "$(member_name): accepted that ${object:-${told:-what it has seen there}} is gone"
    forget backup-missed
    forget backup-mount
    [[ -z $object ]] || forget backup-newest
    return 0
  fi
  if [[ -n $away ]]; then # (whatever a former run has left in the mount point)
    [[ -n $object ]] || object=$(recall backup-newest)
    object=${object%% *}
    remember backup-missed "${told:-${object:-$(store_folder)/}}"
  elif [[ -n $object && -z $(counting_names <<<"$1") ]]; then
    remember backup-missed "${told:-$object}"
  elif [[ -n $told ]] && counting_names <<<"$1" | awk -v told="${told##*/}" '$1 "" <= told "" { yes = 1 }
    END { exit !yes }'; then
    forget backup-missed
  fi
  recall backup-missed
}
missing_fault() { # OBJECT
  local why
  why="the backups in $(store_folder) of ${S[backup-to]} are gone: this host has seen $1 there. Check that this is"
  why+=" the right store, and that it is mounted. If they were deleted on purpose,"
  if store_unmounted; then
    why="nothing is mounted at $(recall backup-mount), where ${S[backup-to]} was, and this host has seen $1 there."
    why+=" Mount it; if the store was moved on purpose,"
  fi
  echo "$why run \`sudo etcd-host backup accept\` on this host"
}

# missed LISTING : the newest that this host knows, where it has seen it in this store, and nothing is left.
missed() {
  local newest
  newest=$(recall backup-newest)
  newest=${newest%% *}
  [[ $(recall backup-store) == "${S[backup-to]}" && ${newest%/*} == "$(store_folder)" ]] || return 0
  grep -F " ${newest##*/}" <<<"$1" >/dev/null || echo "$newest"
}

# store_unmounted : whether a share, or a disk, was mounted at the store's folder, or above it, when this host saw a
# backup there, and is not now. (A link that leads elsewhere by now was changed by somebody.) Not asked before the
# folder has answered.
store_unmounted() {
  local known
  known=$(recall backup-mount)
  [[ -n $known && $(recall backup-store) == "${S[backup-to]}" ]] && is_local || return 1
  [[ $(in_folder "$LIST_SECONDS" readlink -m "${S[backup-to]}")/ == "${known%/}"/* &&
    $(store_mount "$known") != "$known" ]]
}
store_mount() { in_folder "$LIST_SECONDS" stat -c %m "$1/."; } # FOLDER
# note_mount : of a folder in which a backup was seen. (The first may have been stored before the share was mounted.)
note_mount() {
  local mount
  if is_local && ! store_unmounted && mount=$(store_mount "${S[backup-to]}") && [[ $mount == /* ]]; then
    remember backup-mount "$mount"
  fi
}
