
# --- certificates ------------------------------------------------------------------------------

readonly PKI_PAIRS=(server peer healthcheck-client)

## pki FILE=SHA256…     puts the CA certificate and this member's pairs in place (base64 on stdin)
#
# The arguments are the certificates' fingerprints: what a preview shows in place of the secret
# stdin, and what is checked to have arrived.
verb_pki() {
  local pair name
  read_state ca.crt server.crt server.key peer.crt peer.key \
    healthcheck-client.crt healthcheck-client.key
  lock pki
  for name in "${!S[@]}"; do
    printf '%s' "${S[$name]}" | base64 -d >"$WORK/$name" || die $E_INPUT "$name: not base64"
  done
  for pair in "$@"; do
    name=${pair%%=*}
    [[ -v S[$name.crt] ]] || die $E_USAGE "$name: not a certificate of this verb"
    [[ $(fingerprint <"$WORK/$name.crt") == "${pair#*=}" ]] ||
      die $E_INPUT "$name.crt: fingerprint mismatch: expected ${pair#*=}"
  done
  refuse_another_ca
  put_folder "$PKI" 700
  put_file "$PKI/ca.crt" 644 "$WORK/ca.crt"
  for name in "${PKI_PAIRS[@]}"; do
    put_file "$PKI/$name.key" 600 "$WORK/$name.key"
    put_file "$PKI/$name.crt" 644 "$WORK/$name.crt"
  done
  stamp pki "${PKI_FILES[@]}"
  echo "converged: $(serial)"
}

# refuse_another_ca : members that trust different CAs lose each other. A CA that nobody's member uses
# here is somebody's all the same, and is moved aside with what it signed.
refuse_another_ca() {
  local ca aside
  ca=$(own_ca)
  [[ $ca != - && $ca != "$(fingerprint <"$WORK/ca.crt")" ]] || return 0
  if [[ -n $(recall formed) || -e $MANIFEST || -n $(etcd_pid) ]] || has_data; then
    die $E_REFUSED "ca.crt: another CA than that of the member on this host ($ca); members would refuse each" \
      "other. Nothing was changed. If this stack's state was lost or is an old one, restore it" \
      "(docs/runbooks/lost-state.md)"
  fi
  aside=$PKI.aside/$(date -u +%Y%m%dT%H%M%S.%NZ)
  mkdir -p "${aside%/*}"
  mv "$PKI" "$aside"
  changed "certificates of another CA set aside in $aside"
}

readonly PKI_FILES=("$PKI"/{ca.crt,{server,peer,healthcheck-client}.{crt,key}})

fingerprint() { sed '/^-----/d' | base64 -d | sha256sum | cut -c1-64; } # of a PEM certificate

pki_drift() { if [[ -r $STATE/pki.stamp ]]; then file_drift pki; else echo "no certificates"; fi; }

## forget-pki C MEMBER  removes the certificates and keys that pki wrote
verb_forget_pki() { # CLUSTER MEMBER TOKEN
  lock
  own_host "$1" "$2" "${3:--}"
  no_member_left "$2"
  forget_pki
}

forget_pki() {
  remove_file "${PKI_FILES[@]}"
  rmdir "$PKI" "${PKI%/*}" 2>/dev/null || true
  forget pki.stamp
}
