
# --- certificates ------------------------------------------------------------------------------

readonly PKI_PAIRS=(server peer healthcheck-client)

## pki FILE=SHA256… issuer=SHA256 known=SHA256,…   installs CAs, certificates and keys (base64 on stdin)
#
# The arguments are the certificates' fingerprints: what a preview shows in place of the secret
# stdin, and what is checked to have arrived. ca.crt has every CA that is trusted, and the same by
# their numbers are in trusted-N-M.crt where etcd is to trust others than the first one. `known` are
# all CAs of the stack, those that are trusted no more, too. Without pairs, of a CA whose key nobody
# has, those that are here stay.
verb_pki() {
  local pair name issuer='' known=''
  read_state ca.crt 'server.crt?' 'server.key?' 'peer.crt?' 'peer.key?' 'healthcheck-client.crt?' \
    'healthcheck-client.key?' 'trusted-*'
  lock pki
  need_pairs
  for name in "${!S[@]}"; do
    [[ $name != trusted-* || $name =~ ^trusted-[0-9]+(-[0-9]+)?\.crt$ ]] || die $E_INPUT "$name: unknown key"
    printf '%s' "${S[$name]}" | base64 -d >"$WORK/$name" || die $E_INPUT "$name: not base64"
  done
  for pair in "$@"; do
    name=${pair%%=*}
    case $name in
      issuer | known)
        printf -v "$name" %s "${pair#*=}"
        continue
        ;;
    esac
    [[ -v S[$name.crt] ]] || die $E_USAGE "$name: not a certificate of this verb"
    [[ $(fingerprint <"$WORK/$name.crt") == "${pair#*=}" ]] ||
      die $E_INPUT "$name.crt: fingerprint mismatch: expected ${pair#*=}"
  done
  fingerprints <"$WORK/ca.crt" | grep -xF -e "$issuer" >/dev/null ||
    die $E_INPUT "issuer: expected the SHA-256 of a CA in ca.crt, got '$issuer'"
  usable_user
  refuse_another_ca "$known"
  refuse_untrusted_issuer "$issuer"
  need_user
  put_pki
  # (Those that stay may be of one that has issued since.)
  [[ ! -v S[server.crt] && -n $(recall issuer) ]] || remember issuer "$issuer"
  mapfile -t PKI_STAMPED < <(printf '%s\n' "${PKI_FILES[@]}" && pki_trusted && etcds_copies)
  stamp pki "${PKI_STAMPED[@]}"
  echo "converged: $(serial)"
}
# need_pairs : all of them are given, or none, and then they are here.
need_pairs() {
  local name part given=0
  for name in "${PKI_PAIRS[@]}"; do
    for part in crt key; do
      if [[ -n ${S[$name.$part]-} ]]; then given=$((given + 1)); fi
      [[ -v S[server.crt] || -s $PKI/$name.$part ]] ||
        die $E_REFUSED "$PKI/$name.$part is missing, and the CA that issues was given without its private key, so" \
          "there is no new one. Nothing was changed. Let the next authority issue (certificates.authorities, see" \
          "docs/runbooks/adopt.md), or bring the file back"
    done
  done
  ((given == 0 || given == 6)) || die $E_INPUT "only some of server, peer and healthcheck-client are given"
}
etcds_copies() { { printf '%s\n' "${ETCD_READS[@]}" && pki_trusted; } | sed "s|^$PKI/|$ETCD_PKI/|"; }
pki_trusted() { # the file for etcd's trust, if one is in this desired state
  local name
  for name in "${!S[@]}"; do
    if [[ $name == trusted-* ]]; then echo "$PKI/$name"; fi
  done
}

put_pki() {
  local name
  put_folder "$PKI" 700
  for name in $(pki_trusted); do put_file "$name" 644 "$WORK/${name##*/}"; done
  put_file "$PKI/ca.crt" 644 "$WORK/ca.crt"
  for name in "${PKI_PAIRS[@]}"; do
    [[ -v S[$name.crt] ]] || continue
    put_file "$PKI/$name.key" 600 "$WORK/$name.key"
    put_file "$PKI/$name.crt" 644 "$WORK/$name.crt"
  done
  give_keys "$(keys_reader)"
}

# refuse_another_ca : members that trust different CAs lose each other. A CA that nobody's member uses
# here is somebody's all the same, and is moved aside with what it signed.
refuse_another_ca() { # KNOWN
  local ca aside
  ca=$(own_ca)
  [[ $ca != - ]] && ! share_ca "$ca" "$1" || return 0
  if [[ -n $(recall formed) || -e $MANIFEST || -n $(etcd_pid) ]] || has_data; then
    die $E_REFUSED "ca.crt: another CA than that of the member on this host ($ca); members would refuse each" \
      "other. Nothing was changed. If this stack's state was lost or is an old one, restore it" \
      "(docs/runbooks/lost-state.md); a new CA takes over in steps: docs/runbooks/rotate-ca.md"
  fi
  aside=$PKI.aside/$(date -u +%Y%m%dT%H%M%S.%NZ)
  mkdir -p "${aside%/*}"
  mv "$PKI" "$aside"
  changed "certificates of another CA set aside in $aside"
}

# refuse_untrusted_issuer SHA256 : etcd reads its certificates at every handshake, and the CAs that it
# trusts when it starts. What serves here has to trust whoever signs the certificates by now.
refuse_untrusted_issuer() {
  local trusts before
  before=$(recall issuer)
  [[ $1 != "${before:-$(own_ca)}" && -n $(etcd_pid) && $(lasting_word) != "no leader" ]] || return 0
  trusts=$(trusted_by_etcd)
  [[ " $trusts " == *" $1 "* ]] ||
    die $E_REFUSED "the etcd on this host trusts the CAs ${trusts:-unknown}, and these certificates are signed by" \
      "another one ($1), so members would refuse each other. Nothing was changed. A new CA takes over in steps:" \
      "docs/runbooks/rotate-ca.md"
}

readonly PKI_FILES=("$PKI"/{ca.crt,{server,peer,healthcheck-client}.{crt,key}})

# fingerprints : SHA-256 of each certificate of a PEM file, a line each.
fingerprints() {
  local line text=''
  while IFS= read -r line || [[ -n $line ]]; do
    case $line in
      -----BEGIN*) text='' ;;
      -----END*) printf '%s' "$text" | base64 -d | sha256sum | cut -c1-64 ;;
      *) text+=${line%$'\r'} ;;
    esac
  done
}
fingerprint() { fingerprints | first_line; } # of the first certificate: the others are its chain

# own_certificates : those of this member that are here, without their chains, each as base64 of its DER form: the plan
# reads when they end.
own_certificates() {
  local name
  for name in "${PKI_PAIRS[@]}"; do
    [[ ! -r $PKI/$name.crt ]] || awk '
      /^-----BEGIN CERTIFICATE-----/ { found = 1; next }
      found && /^-----END/ { exit }
      found { sub(/\r$/, ""); printf "%s", $0 }
      END { if (found) print "" }' "$PKI/$name.crt"
  done
}

pki_drift() {
  if [[ ! -r $STATE/pki.stamp ]]; then
    echo "no certificates"
    return 0
  fi
  file_drift pki
  find_user
  [[ -n $ETCD_USER_FAULT || $(owner_of "$ETCD_PKI") == "$(keys_reader)" ]] || echo "etcd's keys are not its own"
}

## forget-pki CLUSTER MEMBER [TOKEN]   removes the certificates and keys that pki wrote
verb_forget_pki() { # CLUSTER MEMBER TOKEN
  lock
  own_host "$1" "$2" "${3:--}"
  no_member_left "$2"
  forget_pki
}

forget_pki() {
  remove_file "${PKI_FILES[@]}" "$PKI"/trusted-*.crt
  rm -rf "$ETCD_PKI"
  rmdir "$PKI" "${PKI%/*}" 2>/dev/null || true
  forget pki.stamp
  forget issuer
}
