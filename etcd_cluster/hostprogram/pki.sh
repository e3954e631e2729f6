
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
    die $E_REFUSED "ca.crt: another CA than that of the member on this host ($ca); members would refuse each other. Nothing was changed. If this stack's state was lost or is an old one, restore it (docs/runbooks/lost-state.md)"
  fi
  aside=$PKI.aside/$(date -u +%Y%m%dT%H%M%S.%NZ)
  mkdir -p "${aside%/*}"
  mv "$PKI" "$aside"
  changed "certificates of another CA set aside in $aside"
}

readonly PKI_FILES=("$PKI"/{ca.crt,server.crt,server.key,peer.crt,peer.key,healthcheck-client.crt,healthcheck-client.key})

fingerprint() { sed '/^-----/d' | base64 -d | sha256sum | cut -c1-64; } # of a PEM certificate

pki_drift() { if [[ -r $STATE/pki.stamp ]]; then file_drift pki; else echo "no certificates"; fi; }

## forget-pki C MEMBER  removes the certificates and keys that pki wrote
verb_forget_pki() { # CLUSTER MEMBER TOKEN
  lock
  own_host "$1" "$2" "${3:--}"
  [[ ! -e $MANIFEST ]] || die $E_REFUSED "$MANIFEST is still there; the member has to leave first (etcd-host leave)"
  remove_file "${PKI_FILES[@]}"
  rmdir "$PKI" "${PKI%/*}" 2>/dev/null || true
  forget pki.stamp
}

# --- a client's certificate, on a host of a control plane ----------------------------------------

readonly CLIENT_CA=/etc/kubernetes/pki/etcd/ca.crt
readonly CLIENT_PAIR=/etc/kubernetes/pki/apiserver-etcd-client
readonly CLIENT_FILES=("$CLIENT_CA" "$CLIENT_PAIR.crt" "$CLIENT_PAIR.key")
# Where people who set such hosts up by hand look for them; links, so that the key is there once.
readonly CLIENT_LINKS=/root/etcd-ca

## client SHA256        the CA's and the API servers' client certificate where kubeadm looks for them
#
# The argument is the certificate's fingerprint, as for pki. An API server reads the pair anew for
# each new connection to etcd, and the CA only when it starts.
verb_client() { # FINGERPRINT
  local name ca
  read_state ca.crt client.crt client.key
  lock
  for name in "${!S[@]}"; do
    printf '%s' "${S[$name]}" | base64 -d >"$WORK/$name" || die $E_INPUT "$name: not base64"
  done
  [[ $(fingerprint <"$WORK/client.crt") == "${1-}" ]] || die $E_INPUT "client.crt: its SHA-256 is not the announced ${1-}"
  ca=$(cat "$CLIENT_CA" 2>/dev/null) || true
  put_folder "${CLIENT_CA%/*}" 700
  put_file "$CLIENT_CA" 644 "$WORK/ca.crt"
  put_file "$CLIENT_PAIR.key" 600 "$WORK/client.key"
  put_file "$CLIENT_PAIR.crt" 644 "$WORK/client.crt"
  put_folder "$CLIENT_LINKS" 700
  for name in "${CLIENT_FILES[@]}"; do put_link "$CLIENT_LINKS/${name##*/}" "$name"; done
  [[ $ca == "$(<"$CLIENT_CA")" ]] || restart_api_server
  stamp client "${CLIENT_FILES[@]}"
  echo "converged: $(serial)"
}

restart_api_server() { # the kubelet starts it again
  local pid
  pid=$(pgrep -o -x kube-apiserver) || return 0
  kill -TERM "$pid"
  wait_until 30 process_gone "$pid" || kill -KILL "$pid" # as long as a pod is given to end
  wait_until 90 api_server_ready || log "the API server was restarted and is not ready yet"
  changed "kube-apiserver restarted"
}
api_server_ready() { timeout 5 kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw=/readyz >/dev/null 2>&1; }

## forget-client C M    removes what client wrote
verb_forget_client() { # CLUSTER MEMBER
  local name
  lock
  own_host "$1" "$2"
  for name in "${CLIENT_FILES[@]}"; do remove_file "$CLIENT_LINKS/${name##*/}" "$name"; done
  rmdir "$CLIENT_LINKS" "${CLIENT_CA%/*}" 2>/dev/null || true
  forget client.stamp
}

client_drift() { if [[ -r $STATE/client.stamp ]]; then file_drift client; fi; }
