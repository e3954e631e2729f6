
# --- whose host this is --------------------------------------------------------------------------
#
# A stack is known by the token of its cluster, which lives in its state: a copied configuration, a
# lost or an older state has another one. Names alone prove nothing.

## claim CLUSTER MEMBER TOKEN STACK   makes sure that host and data are this stack's, before anything is changed
verb_claim() {
  local reason
  [[ $# == 4 ]] || die $E_USAGE "claim: expected CLUSTER MEMBER TOKEN STACK"
  lock
  reason=$(claim_fault "$1" "$2" "$3" "$(own_ca)") # (pki looks at the CA: the plan has, too)
  [[ -z $reason ]] || die $E_REFUSED "$reason. Nothing was changed"
  [[ $(recall owner) == "$1 $2 $3 $4" ]] || remember owner "$1 $2 $3 $4"
}

# own_or_refuse : the same for a verb that reads its desired state, in case the host has become
# somebody else's since.
own_or_refuse() {
  local reason
  reason=$(claim_fault "${S[cluster]}" "${S[member]}" "${S[token]}" "$(own_ca)")
  [[ -z $reason ]] || die $E_REFUSED "$reason. Nothing was changed"
  [[ -n $(recall owner) ]] || remember owner "${S[cluster]} ${S[member]} ${S[token]} -"
}

# claim_fault CLUSTER MEMBER TOKEN CA : why this host is not that stack's to change, from what is here;
# nothing where it is. TOKEN and CA are `-` for a stack that has none yet.
claim_fault() {
  local data=no manifest=no
  if has_data || [[ -n $(etcd_pid) ]]; then data=yes; fi
  if [[ -e $MANIFEST ]]; then manifest=yes; fi
  whose_fault "$1" "$2" "$3" "$4" "$(kubernetes_node)" "$(recall owner)" "$(token_left "$2")" "$data" "$manifest" \
    "$(own_ca)"
}
# token_left MEMBER : that of the manifest; without one, that of the data, if it is this member's.
token_left() {
  local token
  if [[ -e $MANIFEST ]]; then
    manifest_flag initial-cluster-token
  else
    read -r _ _ token _ <<<"$(data_past "$1")"
    echo "$token"
  fi
}
# own_ca : SHA-256 of each CA in ca.crt, with commas; `-` where there is no such file.
own_ca() {
  local found
  if [[ ! -e $PKI/ca.crt ]]; then
    echo -
  else
    found=$({ fingerprints <"$PKI/ca.crt" | paste -sd,; } 2>/dev/null) || true
    echo "${found:-unreadable}"
  fi
}
# share_ca LIST LIST : whether a CA is in both. Two sets of members of which each trusts one that the
# other trusts can be brought together; without one they would refuse each other.
share_ca() {
  local one
  for one in ${1//,/ }; do
    if [[ ,$2, == *",$one,"* ]]; then return 0; fi
  done
  return 1
}

# whose_fault CLUSTER MEMBER TOKEN CA  NODE OWNER MANIFEST-TOKEN DATA MANIFEST CA-HERE : the same, pure.
whose_fault() {
  local cluster=$1 token=$3 ca=$4 node=$5 owner=$6 found=$7 data=$8 manifest=$9 here=${10}
  local owner_cluster owner_member owner_token owner_stack
  read -r owner_cluster owner_member owner_token owner_stack <<<"$owner"
  : "${owner_token:=$found}"
  if [[ -n $node ]]; then
    echo "this host is a node of a Kubernetes cluster ($node); an etcd cluster needs hosts of its own"
  elif [[ -n $owner && -n $owner_token && $owner_token != "$token" ]]; then
    echo "this host belongs to member $owner_member of cluster $owner_cluster of the stack ${owner_stack:--}, and" \
      "this stack's cluster is another one. If this stack's state was lost or is an old one, restore it" \
      "(docs/runbooks/lost-state.md); if the host is meant to change hands, run \"etcd-host abandon\" on it" \
      "first (its data is moved aside)"
  elif [[ -n $owner && $owner_cluster != "$cluster" ]]; then
    echo "this host belongs to the cluster $owner_cluster, and clusterName says $cluster; set clusterName back:" \
      "the name of a cluster cannot change"
  elif [[ -z $owner && ($data == yes || $manifest == yes) && (-z $found || $found != "$token") ]]; then
    echo "this host holds an etcd that this stack did not make (its token is ${found:-not known}); give the" \
      "cluster another host, or run \"etcd-host abandon\" on this one if nobody needs it (its data is moved" \
      "aside; on a host that was reinstalled: sudo bash $RUN/program abandon)"
  elif [[ ($data == yes || $manifest == yes) && $here != - ]] && ! share_ca "$here" "$ca"; then
    echo "the CA on this host ($here) is not this stack's (${ca/#-/none yet}), so its members would refuse each" \
      "other. If this stack's state was lost or is an old one, restore it (docs/runbooks/lost-state.md)"
  fi
}

# kubernetes_node : what shows that a kubelet of a Kubernetes cluster, or another pod, lives here.
kubernetes_node() {
  local file
  for file in /etc/kubernetes/{kubelet,bootstrap-kubelet,admin,super-admin,controller-manager,scheduler}.conf; do
    if [[ -e $file ]]; then
      echo "$file is there"
      return 0
    fi
  done
  for file in "$MANIFESTS"/kube-{apiserver,controller-manager,scheduler}.yaml; do
    if [[ -e $file ]]; then
      echo "$file is there"
      return 0
    fi
  done
}

# own_host CLUSTER MEMBER TOKEN : ends here, and well, where this is not that member's host: of a
# renamed member's old name nothing is left, and a stack that does not own a host deletes nothing.
own_host() {
  local cluster member token
  read -r cluster member token _ <<<"$(recall owner)"
  : "${token:=$(token_left "$2")}"
  if ! { [[ -n $cluster || -n $token || -e $MANIFEST ]] || has_data; }; then
    # Nothing is here at all. (A host that is to carry no member, whose token is `-`, may well be such a node.)
    [[ $3 != - && -n $(kubernetes_node) ]] || return 0
    log "this host is a node of Kubernetes by now ($(kubernetes_node)); nothing to do for $2 of $1"
    exit 0
  fi
  if [[ $cluster == "$1" && $member == "$2" ]] && [[ -z $token || $3 == - || $token == "$3" ]]; then return 0; fi
  if [[ -z $cluster && -n $token && $token == "$3" ]]; then return 0; fi # its memory is lost
  log "this host now belongs to member ${member:-unknown} of cluster ${cluster:-unknown}; nothing to do for $2 of $1"
  exit 0
}

# recover_memory : what is lost of this host's memory is taken from the manifest in its place, which
# own_or_refuse has found to be ours, or from the data. (Etcd reads these flags at its first start alone.)
recover_memory() {
  local id token state cluster formed
  [[ -z $(recall started) ]] || return 0
  if [[ ! -e $MANIFEST ]]; then
    read -r id formed token _ state cluster <<<"$(data_past "${S[member]}")"
    [[ -n $cluster && $token == "${S[token]}" ]] || return 0
    [[ -n $(recall member-id) ]] || remember member-id "$id"
    [[ -n $(recall formed) ]] || remember formed "$formed"
    remember started "$state $cluster"
    changed "memory recovered from $DATA/member/id"
    return 0
  fi
  state=$(manifest_flag initial-cluster-state) cluster=$(manifest_flag initial-cluster)
  [[ -n $state && -n $cluster ]] ||
    die $E_REFUSED "$MANIFEST has no initial-cluster or no initial-cluster-state, and /var/lib/etcd-host is lost." \
      "Nothing was changed. See docs/runbooks/damaged-member.md"
  remember started "$state $cluster"
  changed "memory recovered from $MANIFEST"
}

# foreign_manifests : files in the manifests folder that are not ours. The kubelet runs every file
# there that does not begin with a dot, whatever it is called.
foreign_manifests() {
  find "$MANIFESTS" -mindepth 1 -maxdepth 1 ! -name '.*' ! -path "$MANIFEST" -printf '%f\n' 2>/dev/null | sort
}
set_aside_foreign_manifests() {
  local name target
  target=$MANIFESTS.aside/$(date -u +%Y%m%dT%H%M%S.%NZ)
  while read -r name; do
    [[ -n $name ]] || continue
    mkdir -p "$target"
    mv "$MANIFESTS/$name" "$target/"
    changed "$name set aside in $target"
  done < <(foreign_manifests)
}
