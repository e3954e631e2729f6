
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
      die $E_INPUT "$name.crt: its SHA-256 is not the announced ${pair#*=}"
  done
  # Members that trust different CAs lose each other. A formed cluster changes CA in stages only.
  if [[ -n $(recall formed) && -e $PKI/ca.crt ]] &&
    [[ $(fingerprint <"$PKI/ca.crt") != "$(fingerprint <"$WORK/ca.crt")" ]]; then
    die $E_REFUSED "ca.crt: another CA than the formed cluster's; members would refuse each other. Nothing was changed. Keep the CA (pulumi state holds it)"
  fi
  put_folder "$PKI" 700
  put_file "$PKI/ca.crt" 644 "$WORK/ca.crt"
  for name in "${PKI_PAIRS[@]}"; do
    put_file "$PKI/$name.key" 600 "$WORK/$name.key"
    put_file "$PKI/$name.crt" 644 "$WORK/$name.crt"
  done
  stamp pki "${PKI_FILES[@]}"
  echo "converged: $(serial)"
}

readonly PKI_FILES=("$PKI"/{ca.crt,server.crt,server.key,peer.crt,peer.key,healthcheck-client.crt,healthcheck-client.key})

fingerprint() { sed '/^-----/d' | base64 -d | sha256sum | cut -c1-64; } # of a PEM certificate

pki_drift() { if [[ -r $STATE/pki.stamp ]]; then file_drift pki; else echo "no certificates"; fi; }

## forget-pki C MEMBER  removes the certificates and keys that pki wrote
verb_forget_pki() { # CLUSTER MEMBER
  lock
  own_host "$1" "$2"
  [[ ! -e $MANIFEST ]] || die $E_REFUSED "$MANIFEST is still there; the member has to leave first (etcd-host leave)"
  remove_file "${PKI_FILES[@]}"
  rmdir "$PKI" "${PKI%/*}" 2>/dev/null || true
  forget pki.stamp
}
