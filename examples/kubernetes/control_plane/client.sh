# shellcheck shell=bash

# --- the API server's client certificate -------------------------------------------------------

readonly CLIENT_CA=$PKI/etcd/ca.crt CLIENT_PAIR=$PKI/apiserver-etcd-client
readonly CLIENT_FILES=("$CLIENT_CA" "$CLIENT_PAIR.crt" "$CLIENT_PAIR.key")
# Where people who set such hosts up by hand look for them; links, so that the key is there once.
readonly CLIENT_LINKS=/root/etcd-ca

## client HOST SHA256  puts etcd's CA and the client certificate where kubeadm looks for them
#
# stdin has ca.crt, client.crt and client.key, one `name: base64` a line. The fingerprint is what a
# preview shows in place of the secret stdin, and what is checked to have arrived. An API server reads
# the pair anew for each new connection to etcd, and the CAs only when it starts.
verb_client() { # HOST SHA256
  local name text there was now
  [[ $# == 2 ]] || die 2 "client: give the host's name and the certificate's SHA-256"
  lock
  while IFS=': ' read -r name text; do
    case $name in
      ca.crt | client.crt | client.key) base64 -d <<<"$text" >"$WORK/$name" || die 3 "$name: not base64" ;;
      *) die 3 "stdin: only ca.crt, client.crt and client.key are expected, each as base64" ;;
    esac
  done
  for name in ca.crt client.crt client.key; do [[ -s $WORK/$name ]] || die 3 "$name: missing"; done
  [[ $(certificates "$WORK/client.crt" | sed -n 1p) == "$2" ]] ||
    die 3 "client.crt: fingerprint mismatch: expected $2"
  there=$(trusted "$CLIENT_CA" 2>/dev/null) || true
  was=$(recall trusted) # others than in the file where an earlier run was killed before its restart
  install -d -m 700 "${CLIENT_CA%/*}" "$CLIENT_LINKS"
  put "$CLIENT_CA" 644 "$WORK/ca.crt"
  put "$CLIENT_PAIR.key" 600 "$WORK/client.key"
  put "$CLIENT_PAIR.crt" 644 "$WORK/client.crt"
  for name in "${CLIENT_FILES[@]}"; do ln -sfn "$name" "$CLIENT_LINKS/${name##*/}"; done
  now=$(trusted "$CLIENT_CA")
  [[ $there == "$now" && ${was:-$there} == "$now" ]] || restart_api_server
  remember trusted "$now"
  for name in "${CLIENT_FILES[@]}"; do remember "${name##*/}" "$(look "$name")"; done
  remember host "$1"
  remember serial "$(($(recall serial) + 1))"
  echo "converged: $(recall serial)"
}
# certificates FILE : SHA-256 of each certificate, a line each. trusted FILE : the same in one line,
# whatever their order: an API server that trusts the same ones need not start anew.
certificates() {
  local line text=''
  while IFS= read -r line || [[ -n $line ]]; do
    case $line in
      -----BEGIN*) text='' ;;
      -----END*) base64 -d <<<"$text" | sha256sum | cut -c1-64 ;;
      *) text+=$line ;;
    esac
  done <"$1"
}
trusted() { certificates "$1" | sort | paste -sd' '; }
put() { # PATH MODE SOURCE : whole, or not at all
  cmp -s "$3" "$1" && [[ $(stat -c '%a %u:%g' "$1") == "$2 0:0" ]] && return 0
  install -m "$2" -o 0 -g 0 "$3" "$1.new"
  sync "$1.new"
  mv -f "$1.new" "$1"
  log "$1 changed"
}
look() { if [[ -e $1 ]]; then echo "$(sha256sum <"$1" | cut -c1-64) $(stat -c '%a %u:%g' "$1")"; fi; }

restart_api_server() { # the kubelet starts it again
  local pid begin=$SECONDS
  pid=$(pgrep -o -x kube-apiserver) || return 0
  log "etcd's CAs are others: the API server is restarted"
  kill -TERM "$pid"
  # It takes no call any more, and ends when the last watch does, which may be never: calls that have begun
  # are answered by then.
  timeout 5 tail --pid="$pid" -f /dev/null || kill -KILL "$pid"
  until ready; do
    if ((SECONDS - begin > 90)); then
      log "the API server was restarted and is not ready yet"
      return 0
    fi
    sleep 0.5
  done
}

## forget-client HOST  removes what `client` wrote, unless another host name has taken it over
verb_forget_client() { # HOST
  local name
  lock
  [[ -z $(recall host) || $(recall host) == "$1" ]] || return 0
  for name in "${CLIENT_FILES[@]}"; do rm -f "$CLIENT_LINKS/${name##*/}" "$name" "$STATE/${name##*/}"; done
  rm -f "$STATE/trusted"
  rmdir "$CLIENT_LINKS" "${CLIENT_CA%/*}" 2>/dev/null || true
}

client_drift() {
  local file left reasons=
  for file in "${CLIENT_FILES[@]}"; do
    left=$(recall "${file##*/}")
    if [[ -z $left ]]; then
      echo "not configured yet"
      return 0
    fi
    if [[ ! -e $file ]]; then
      reasons+=", ${file##*/} missing"
    elif [[ $(look "$file") != "$left" ]]; then
      reasons+=", ${file##*/} edited"
    fi
  done
  echo "${reasons#, }"
}
