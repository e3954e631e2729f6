
# --- observing ---------------------------------------------------------------------------------

## observe [UNIT SOCKET ADDRESS…] reports what is here, and how it differs from what was left here
#
# ADDRESS are the other members'. What is asked of a host only before it is a member is asked only
# then. The clock is told first and last: whoever reads it knows when that was.
verb_observe() {
  local area reason reasons
  echo "clock-begin: $(date +%s.%N)"
  echo "init: $(</proc/1/comm)"
  echo "family: $(family)"
  echo "architecture: $(uname -m)"
  versions
  if [[ -n ${1-} ]]; then
    echo "runtime: $(systemctl show -p LoadState --value "$1" 2>/dev/null)"
    if [[ -S $2 ]]; then echo "socket: present"; else echo "socket: absent"; fi
  fi
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then echo "cgroup: v2"; else echo "cgroup: v1"; fi
  if [[ -e $PROGRAM ]]; then
    echo "program: $(sha256sum <"$PROGRAM" | cut -c1-64)"
  else
    echo "program: absent"
  fi
  echo "serial: $(serial)"
  echo "formed: $(recall formed)"
  echo "owner: $(recall owner)"
  if has_data; then echo "data: present"; else echo "data: absent"; fi
  if member_healthy; then echo "healthy: yes"; else echo "healthy: no"; fi
  for area in packages registry host pki member; do
    reasons=
    while IFS= read -r reason; do reasons+=", $reason"; done < <("${area}_drift" "${1-}")
    echo "drift-$area: ${reasons#, }"
  done
  if [[ -n ${1-} && -z $(recall formed) ]]; then check_host "${@:3}"; fi
  echo "clock-end: $(date +%s.%N)"
}

# What kubelet, kubeadm and etcdctl say they are. Asking them takes as long as all the rest, so the
# answer is kept, until the next boot, for the very files that gave it.
versions() {
  local marks program
  marks=$(stat -L -c '# %n %i %s %Y' "$(type -P kubelet)" "$(type -P kubeadm)" \
    "$(type -P etcdctl)" 2>/dev/null || true)
  if [[ ! -r $RUN/versions || $(grep '^#' "$RUN/versions") != "$marks" ]]; then
    mkdir -p "$RUN"
    {
      echo "$marks"
      for program in kubelet kubeadm etcdctl; do echo "$program: $(program_version "$program")"; done
    } >"$RUN/.versions.$$"
    mv -f "$RUN/.versions.$$" "$RUN/versions"
  fi
  grep -v '^#' "$RUN/versions"
}

program_version() { # NAME
  local said=
  type -P "$1" >/dev/null || {
    echo absent
    return 0
  }
  case $1 in
    kubelet) said=$(briefly kubelet --version) && echo "${said##* }" ;;
    kubeadm) briefly kubeadm version -o short ;;
    etcdctl) said=$(briefly etcdctl version) && said=${said%%$'\n'*} && echo "v${said##* }" ;;
  esac
}

# briefly COMMAND… : a Go program that ends at once. It need not make ready for long work.
briefly() { GOMAXPROCS=1 GOGC=off "$@"; }
