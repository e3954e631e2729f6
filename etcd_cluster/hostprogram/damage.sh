
# --- what lies in the store and is not what it was -------------------------------------------------
#
# Whoever finds it leaves a note beside it, for those that lead later: they would count it, and delete good ones
# for its sake. NAME.damaged says `damaged TIME REASON`, or `whole TIME` where a later proof went well: notes are
# written over, as a host may have no right to delete. What this host knows is in $STATE/backup-damage.

readonly NOTE_NAME=$NAME_FORM'[.]damaged$' NOTE_BYTES=4096

note_damage() { # OBJECT TIME-AND-REASON
  know_damage "$1" "$2"
  put_note "$1" "damaged $2"
}
take_back_damage() { # OBJECT : where it was said to be damaged
  [[ -n $(known_damage "$1") ]] || return 0
  know_damage "$1" ''
  put_note "$1" "whole $(now)"
}
put_note() { # OBJECT TEXT : no backup fails by it
  tr -cd '[:print:]' <<<"$2" | cut -c1-1000 >"$WORK/note"
  store_put "$WORK/note" "$(note_of "$1")" ||
    log "$(member_name): $(note_of "$1"), for the other hosts, could not be stored: $(store_fault)"
}
note_of() { echo "${1%.db.gz}.damaged"; }

known_damage() { recall backup-damage | awk -v object="$1" '$1 "" == object ""'; } # OBJECT
know_damage() { # OBJECT TIME-AND-REASON : nothing where there is none any more
  local found
  found=$(recall backup-damage | awk -v object="$1" '$1 "" != object ""')
  if [[ -n $2 ]]; then found+=${found:+$'\n'}"$1 $2"; fi
  if [[ -n $found ]]; then remember backup-damage "$found"; else forget backup-damage; fi
}

# learn_damage LISTING : what the notes in the store say, and what of this host's own knowledge has none there.
# (An empty listing says nothing: the share may not be mounted.)
learn_damage() {
  local size name object line
  [[ -n $1 ]] || return 0
  forget_gone "$1"
  while read -r size name; do
    [[ -n $name ]] || continue
    learn_note "$(store_folder)/$name" "$size"
  done < <(noted_names <<<"$1")
  while read -r line; do
    object=${line%% *}
    [[ ${object%/*} == "$(store_folder)" ]] || continue
    grep -F " $(basename "$(note_of "$object")")" <<<"$1" >/dev/null || put_note "$object" "damaged ${line#* }"
  done <<<"$(recall backup-damage)"
}
forget_gone() { # LISTING
  local line name left=''
  while read -r line; do
    name=${line%% *}
    if [[ -n $name ]] && grep -F " ${name##*/}" <<<"$1" >/dev/null; then left+=$line$'\n'; fi
  done <<<"$(recall backup-damage)"
  if [[ -n $left ]]; then remember backup-damage "${left%$'\n'}"; else forget backup-damage; fi
}

# learn_note OBJECT SIZE-OF-NOTE : also one that cannot be read is there because somebody found something. What
# this host has found itself counts where it is younger.
readonly NOTE_UNREAD="another host has noted so, and its note could not be read"
learn_note() {
  local said='' known time
  known=$(known_damage "$1")
  if (($2 <= NOTE_BYTES)) && store_get "$(note_of "$1")" "$WORK/note"; then
    said=$(head -n 1 "$WORK/note" | tr -cd '[:print:]')
  fi
  read -r _ time _ <<<"$known"
  if [[ $known == *"$NOTE_UNREAD" ]]; then time=''; fi
  if [[ $said =~ ^whole\ ([0-9TZ:-]+)$ ]]; then
    if [[ -z $known ]]; then return 0; fi
    if [[ $time > ${BASH_REMATCH[1]} ]]; then put_note "$1" "damaged ${known#* }"; else know_damage "$1" ''; fi
  elif [[ -n $time ]]; then
    return 0
  elif [[ $said =~ ^damaged\ ([0-9TZ:-]+\ .+)$ ]]; then
    know_damage "$1" "${BASH_REMATCH[1]}"
  elif [[ -z $known ]]; then
    know_damage "$1" "$(now) $NOTE_UNREAD"
  fi
}

# noted_names : of `SIZE NAME` lines, `SIZE-OF-NOTE NAME` of each backup with a note.
noted_names() {
  awk -v form="$NOTE_NAME" '
    $2 ~ /[.]db[.]gz$/ { there[$2] = 1 }
    $2 ~ form { name = $2; sub(/[.]damaged$/, ".db.gz", name); size[name] = $1 }
    END { for (name in size) if (there[name]) print size[name], name }' | sort
}
# left_notes : of `SIZE NAME` lines, the notes whose backups are gone.
left_notes() {
  awk -v form="$NOTE_NAME" -v backup="$BACKUP_NAME" '
    $2 ~ backup { name = $2; sub(/[.](db[.]gz|json)$/, ".damaged", name); there[name] = 1 }
    $2 ~ form { notes[$2] = 1 }
    END { for (name in notes) if (!there[name]) print name }' | sort
}

# Those are left alone, and do not count as kept: what becomes of them is for people to say.
not_damaged() { grep -vxFf <(recall backup-damage | sed -n 's/^[^ ]*\/\([^ ]*\) .*/\1/p' | grep .) || true; }

# still_missed LISTING MODE : an object that was in this store when nothing was left of it, or of what was before it.
# Of that each run speaks until there is: what is stored meanwhile, e.g. in the mount point of a share that is not
# mounted, looks like a store in which all is well. A person may say that it is so (MODE accept).
still_missed() {
  local object told
  object=$(missed "$1") told=$(recall backup-missed)
  if [[ $2 == accept ]]; then
    [[ -z $told$object ]] || log "$(member_name): accepted that ${object:-$told} is gone"
    forget backup-missed
    [[ -z $object ]] || forget backup-newest
    return 0
  fi
  if [[ -n $object && -z $(counting_names <<<"$1") ]]; then
    remember backup-missed "${told:-$object}"
  elif [[ -n $told ]] && counting_names <<<"$1" | awk -v told="${told##*/}" '$1 "" <= told "" { yes = 1 }
    END { exit !yes }'; then
    forget backup-missed
  fi
  recall backup-missed
}
missing_fault() { # OBJECT
  echo "the backups in $(store_folder) of ${S[backup-to]} are gone: this host has seen $1 there. Check that this is" \
    "the right store, and that it is mounted. If they were deleted on purpose, run \`sudo etcd-host backup accept\`" \
    "on this host"
}

# missed LISTING : the newest that this host knows, where it has seen it in this store, and nothing is left.
missed() {
  local newest
  newest=$(recall backup-newest)
  newest=${newest%% *}
  [[ $(recall backup-store) == "${S[backup-to]}" && ${newest%/*} == "$(store_folder)" ]] || return 0
  grep -F " ${newest##*/}" <<<"$1" >/dev/null || echo "$newest"
}
