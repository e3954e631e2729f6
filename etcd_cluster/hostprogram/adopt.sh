
# --- taking over a cluster that others made ------------------------------------------------------
#
# A member that was started by hand, or by a stack whose state is lost, becomes this stack's in two
# steps. `adopt` makes sure that it is one of the cluster that was named, and remembers what this
# program has to know of it: nothing that runs is touched. From then on it is a member with other
# settings than the desired ones, and `converge` brings it to them as it does with any other.

readonly BEFORE=/etc/kubernetes/before-etcd-host # manifest and drop-ins as they were

## adopt CLUSTER MEMBER TOKEN STACK ID CA   takes over a member of the cluster with this id; restarts nothing
verb_adopt() {
  local reason
  [[ $# == 6 ]] || die $E_USAGE "adopt: expected CLUSTER MEMBER TOKEN STACK ID CA"
  S[member]=$2
  lock
  if [[ $(recall owner) != "$1 $2 $3 "* ]]; then
    look_at_adoption
    reason=$(adoption_fault "$2" "$6" "$5" "$(kubernetes_node)" "$(etcd_pid)" "$(own_ca)" "$(recall owner)")
    [[ -z $reason ]] || die $E_REFUSED "$2: $reason. Nothing was changed"
    keep_what_was_before
    remember formed "$CLUSTER"
    remember member-id "$OWN_ROW_ID"
    remember_endpoints
    remember etcd-tag "$(manifest_tag)"
    remember started "$(started_with "$(running_flags)" "$MEMBERS")"
    forget bootstrapping
    forget joining
    forget leaving
    share_ca "$(recall issuer)" "$(own_ca)" || forget issuer # of a member that was here before
    remember serial "$(($(serial) + 1))" # what differs is not from before
    remember adopted yes # until `converge` has given it the desired settings
  fi
  [[ $(recall owner) == "$1 $2 $3 $4" ]] || remember owner "$1 $2 $3 $4"
  changed "adopted"
}

## adopted              reports the adopted member: in the run that adopts, the other commands do only this
verb_adopted() {
  [[ -n $(recall member-id) && -n $(recall formed) ]] ||
    die $E_LATER "no adopted member is recorded on this host. Nothing was changed; run it again"
  printf 'member-id: %s\ncluster-id: %s\nversion: %s\n' "$(recall member-id)" "$(recall formed)" \
    "$(own_etcd_version)"
  echo "converged: $(serial)"
}
own_etcd_version() {
  local version
  version=$(metric etcd_server_version) || true
  [[ -n $version ]] || version=$(recall etcd-tag)
  version=${version#v}
  echo "${version%%-*}"
}

# look_at_adoption : a look at the cluster through this host's own etcd, at the URL that it gives to
# clients: one that was started by hand need not listen on loopback. Sets what `look` does, and the id
# and version of the member here. Where that is not found out, WHY says why.
OWN_ROW_ID='' OWN_ROW_VERSION='' AUTH=''
look_at_adoption() {
  local url row
  OWN_ROW_ID='' OWN_ROW_VERSION='' AUTH=unknown
  url=$(flag_of "$(any_etcd_flags)" advertise-client-urls)
  url=${url%%,*}
  if [[ $url != https://* ]]; then
    WHY="its etcd gives clients no https URL (${url:-none})"
    return 0
  fi
  ETCDCTL_PROGRAM=$(image_program etcdctl) || {
    WHY="etcdctl is neither in the image of its etcd nor on this host"
    return 0
  }
  AUTH=$(etcd_ctl --endpoints="$url" auth status 2>"$WORK/auth.log" | sed -n 's/^Authentication Status: //p') || true
  [[ -n $AUTH ]] || AUTH=$(why_unknown "$(said_by_etcdctl "$WORK/auth.log")")
  WHY=''
  look "$url" || return 0
  row=$(status_rows "$STATUS_TEXT" | awk -v url="$url" '$1 == url')
  read -r _ OWN_ROW_ID _ _ _ OWN_ROW_VERSION <<<"$row"
}

# why_unknown TEXT : only where its authentication is on does etcd look for a user.
why_unknown() {
  case $1 in
    *'permission denied'* | *'user name'* | *'invalid auth token'*) echo true ;;
    *) echo "unknown (${1:-etcdctl said nothing})" ;;
  esac
}

# adoption_fault MEMBER CA ID NODE PID CA-HERE OWNER : why the member here cannot be taken over; nothing
# where it can. After look_at_adoption. (The plan has asked the same: things may have changed since.)
adoption_fault() {
  local owner_member missing
  read -r _ owner_member _ <<<"$7"
  missing=$(not_serving "$MEMBERS" "$SERVING" "") || missing="which of them could not be found out"
  if [[ -n $4 ]]; then
    echo "this host is a node of a Kubernetes cluster ($4), so its etcd is not adopted"
  elif [[ -z $5 ]]; then
    echo "no etcd runs here with its data in $DATA, so there is none to adopt"
  elif [[ ! -e $MANIFEST ]]; then
    echo "its etcd is not a static pod: $MANIFEST is missing"
  elif ! share_ca "$6" "$2"; then
    echo "the CA on this host ($6) is not the one that was given ($2)"
  elif [[ -n $WHY || -z $OWN_ROW_ID ]]; then
    echo "its cluster could not be asked who its members are: ${WHY:-its own etcd does not say who it is}"
  elif [[ $CLUSTER != "$3" ]]; then
    echo "its etcd is a member of cluster $CLUSTER, but adopt names $3"
  elif [[ $(member_by_name "$MEMBERS" "$1") != "$OWN_ROW_ID" ]]; then
    echo "its etcd (id $OWN_ROW_ID) is not the member $1 of cluster $CLUSTER"
  elif [[ -n $owner_member && $owner_member != "$1" ]]; then
    echo "this host has it recorded as member $owner_member"
  elif [[ -n $missing ]]; then
    echo "a cluster is adopted while all its members are healthy; not healthy: $missing"
  elif [[ $AUTH != false ]]; then
    echo "etcd's own authentication has to be off, and it is on or not known to be off ($AUTH)"
  fi
}

keep_what_was_before() {
  local file target
  [[ -z $(recall owner) ]] || return 0
  target=$BEFORE/$(date -u +%Y%m%dT%H%M%SZ)
  mkdir -p "$target"
  for file in "$MANIFEST" $(systemctl show -p DropInPaths --value kubelet 2>/dev/null); do
    if [[ -r $file ]]; then cp -p "$file" "$target/"; fi
  done
  changed "manifest and kubelet drop-ins copied to $target"
}

# started_with FLAGS MEMBERS : initial-cluster-state and initial-cluster, of flags that may lack them: etcd's
# own default, and who the members are. (It read them at its first start.)
started_with() {
  local state cluster
  state=$(flag_of "$1" initial-cluster-state) cluster=$(flag_of "$1" initial-cluster)
  [[ -n $cluster ]] || cluster=$(awk '{ printf "%s%s=%s", s, $3, $4; s = "," }' <<<"$2")
  echo "${state:-new} $cluster"
}

manifest_tag() { manifest_image | sed 's/@.*//; s/.*://'; }
manifest_image() { sed -n 's/^    image: //p' "$MANIFEST" 2>/dev/null | tr -d '"' | head -n 1; }

# any_etcd_flags : of the etcd here, also of one that has its data elsewhere.
any_etcd_flags() {
  local pid
  pid=$(any_etcd_pid)
  [[ -z $pid ]] || process_arguments "$pid" | sort || true
}
any_etcd_pid() {
  local pid
  pid=$(etcd_pid)
  find_processes etcd
  echo "${pid:-${PIDS[0]-}}"
}

# observe_others : what else the kubelet of an adopted member runs, or runs with, until the roll moves it aside.
observe_others() {
  local found
  found=$(foreign_manifests | paste -sd' ') || found=unknown
  echo "adopt-manifests: $found"
  found=$(foreign_dropins | { grep -e '^/etc/' -e '^/run/' || (($? == 1)); } | paste -sd' ') || found=unknown
  echo "adopt-dropins: $found"
}

# observe_trust : the CAs that the etcd here trusts its clients by, and its peers.
observe_trust() {
  echo "adopt-client-cas: $(cas_behind trusted-ca-file)"
  echo "adopt-peer-cas: $(cas_behind peer-trusted-ca-file)"
}
# cas_behind FLAG : SHA-256 of each, as its own files have them; `none` where it was given no file, `unknown` where
# that does not say.
cas_behind() {
  local file found=''
  file=$(flag_of "$(any_etcd_flags)" "$1")
  if [[ -z $file ]]; then
    echo none
  else
    file=/proc/$(any_etcd_pid)/root$file
    if [[ -r $file ]]; then found=$({ fingerprints <"$file" | paste -sd' '; } 2>/dev/null) || found=''; fi
    echo "${found:-unknown}"
  fi
}

# observe_adoption : what the plan has to know of a member that it may take over: its flags, its
# kubelet's settings, its cluster as a quorum has it, and its certificates (public), which a host
# without openssl cannot read itself.
observe_adoption() {
  local name file
  echo "adopt-node: $(kubernetes_node)"
  echo "adopt-flags: $(any_etcd_flags | paste -sd' ')"
  observe_trust
  observe_others
  echo "adopt-image: $(manifest_image)"
  echo "adopt-runtime: $(kubelet_setting container-runtime-endpoint containerRuntimeEndpoint)"
  echo "adopt-cgroup-driver: $(kubelet_setting cgroup-driver cgroupDriver)"
  for name in ca server peer; do
    file=$PKI/$name.crt
    echo "adopt-$name: $(if [[ -r $file ]]; then base64 -w0 <"$file"; fi)"
  done
  WORK=$(mktemp -d)
  look_at_adoption
  echo "adopt-why: $WHY"
  echo "adopt-cluster: $CLUSTER"
  echo "adopt-auth: $AUTH"
  echo "adopt-id: $OWN_ROW_ID"
  echo "adopt-version: $OWN_ROW_VERSION"
  echo "adopt-members: $(awk 'NF { print $1 "," $3 "," $4 "," $5 "," $6 }' <<<"$MEMBERS" | paste -sd' ')"
  echo "adopt-serving: $(paste -sd' ' <<<"$SERVING")"
  rm -rf "$WORK"
}

# kubelet_setting FLAG KEY : as the running kubelet has it, by its flags or its configuration file.
kubelet_setting() {
  local pid arguments file value
  pid=$(systemctl show -p MainPID --value kubelet 2>/dev/null)
  [[ ${pid:-0} != 0 ]] || return 0
  arguments=$(process_arguments "$pid") || return 0
  value=$(flag_of "$arguments" "$1")
  file=$(flag_of "$arguments" config)
  if [[ -z $value && -r $file ]]; then value=$(sed -n "s/^$2: *//p" "$file" | tr -d '"'); fi
  echo "$value"
}

# ca_keys : private keys of the CA that the procedure by hand leaves behind. Whoever has one can make
# himself a client or a member. (Homes may be on a server that does not answer.)
ca_keys() {
  local folder
  if [[ -e $PKI/ca.key ]]; then echo "$PKI/ca.key"; fi
  for folder in /root/ /home/ /tmp/; do
    # shellcheck disable=SC2016 # expanded there
    timeout -k 1 3 bash -c '
      for file in "$1"*/etcd/ca.key "$1"*/pki/etcd/ca.key "$1"*/*/pki/etcd/ca.key; do
        if [[ -e $file ]]; then echo "$file"; fi
      done' - "$folder" || true
  done
}
