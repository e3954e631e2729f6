
# --- whose id, and whose address --------------------------------------------------------------------
#
# The copy of a machine has all that the original has: token, data, and what it remembers. On the host it can only be
# told by the original, which answers elsewhere. Two etcds with one id, of which one lacks what the other has promised
# its peers, cost the cluster writes that were acknowledged.

# refuse_copy ID : ends the program where the etcd of this host does not serve as ID, and one on another machine answers
# as that very member. Only such an answer counts: a member that is merely down is not heard anywhere.
refuse_copy() {
  local url name
  if member_healthy && [[ $(metric etcd_server_id) == "$1" ]]; then return 0; fi
  url=$(heard_elsewhere "$1") || return 0
  name=$(awk -v id="$1" '$1 "" == id && $3 != "-" { print " (" $3 ")"; exit }' <<<"$MEMBERS") || true
  die $E_REFUSED "${S[member]}: this host is a copy of another: it has the identity of the member $1$name, and the" \
    "etcd at $url answers as that member, while none here does. Two etcds with one id would cost the cluster" \
    "acknowledged writes. Nothing was changed. Run \"etcd-host abandon\" on this host and never on the other (it" \
    "moves this host's data aside, and the other stays a member), or reinstall this host. Then run it again: if this" \
    "host is to be a member, it joins anew"
}

# heard_elsewhere ID : the client URL at which an etcd on another machine answers as ID, in this host's cluster; fails
# where none does. (The list may be out of reach, or the original have moved since: so everybody is asked.)
heard_elsewhere() {
  local id=$1 url own rows urls=''
  own=$(own_addresses) && [[ -n $own ]] || return 1
  for url in $(client_url_of "$MEMBERS" "$id") $(other_urls | tr , ' '); do
    if [[ $url != - && ,$urls, != *",$url,"* ]] && ! is_own_url "$url" "$own"; then urls+=${urls:+,}$url; fi
  done
  [[ -n $urls ]] || return 1
  urls=$(answering "$urls" 5)
  # (Each by itself: one that hangs keeps etcdctl from telling what the others have said.)
  for url in ${urls//,/ }; do
    rows=$(status_rows "$(etcd_ctl --endpoints="$url" endpoint status -w fields 2>/dev/null || true)") || continue
    if awk -v url="$url" -v id="$id" -v cluster="$(recall formed)" '
      $1 == url && $2 "" == id && (cluster == "" || $3 "" == cluster) { yes = 1 }
      END { exit !yes }' <<<"$rows"; then
      echo "$url"
      return 0
    fi
  done
  return 1
}

# is_own_url URL ADDRESSES : whether that is at one of these, this host's. (A member that has moved may be listed at the
# address that this very host had before.)
is_own_url() {
  local host=${1#*://}
  host=${host%:*} host=${host#[}
  host=${host%]}
  case $host in localhost | 127.* | ::1) return 0 ;; esac
  [[ $'\n'$2$'\n' == *$'\n'"$host"$'\n'* ]]
}

# need_original : before this host's data is started under the id that it was left with. (MEMBERS is that of `listed`.)
need_original() {
  local id
  id=$(own_id "$(data_id)" || member_by_name "$MEMBERS" "${S[member]}") || return 0
  refuse_copy "$id"
}

# need_own_memory : before this host joins, which removes the entry whose id it remembers. One of another name, that
# serves on another machine, is no former one of this host: what it remembers has been copied. (One of the same name is
# that of the host which this one replaces.)
need_own_memory() {
  local id
  id=$(recall member-id)
  is_listed "$MEMBERS" "$id" || return 0
  [[ $(member_by_name "$MEMBERS" "${S[member]}" || true) == "$id" ]] || refuse_copy "$id"
}

# refuse_address URL SAID : ends the program where the cluster, whose list has just been looked at, has rejected this
# member's new peer URL. One that another entry has it rejects each time (etcd: ValidateConfigurationChange).
refuse_address() {
  local whose
  [[ $2 == *"Peer URLs already exists"* ]] ||
    die $E_LATER "${S[member]}: the cluster rejected its new address $1: $2. Nothing was changed; run it again"
  whose=$(awk -v url="$1" '
    $4 == url { print ($3 == "-" ? "an entry that never started" : "the member " $3) " (id " $1 ")"; exit }' \
    <<<"$MEMBERS") || true
  die $E_REFUSED "${S[member]}: the cluster rejected its new address $1, because ${whose:-another entry of its list}" \
    "already has it. Nothing was changed. If that member is dead, give it up (members[].lost: true). If it is to get" \
    "another address, too, move it first, in a \`pulumi up\` of its own. If two hosts have swapped addresses, give" \
    "one of them a third address in between, or run \"etcd-host abandon\" on one of them, so that it joins anew." \
    "Then run it again"
}
