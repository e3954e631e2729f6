
# --- observing ---------------------------------------------------------------------------------

## observe [UNIT SOCKET] reports what is here, and how it differs from what was left here; changes nothing
verb_observe() {
  local area reason reasons program version known
  echo "init: $(cat /proc/1/comm)"
  known=$(recall versions)
  if [[ -n $known && $(grep '^#' <<<"$known") == "$(program_marks 2>/dev/null)" ]]; then
    grep -v '^#' <<<"$known"
  else
    for program in kubelet kubeadm etcdctl; do
      version=absent
      if type -P "$program" >/dev/null; then version=$(program_version "$program"); fi
      echo "$program: $version"
    done
  fi
  if [[ -n ${1-} ]]; then
    echo "runtime: $(systemctl show -p LoadState --value "$1" 2>/dev/null)"
    if [[ -S $2 ]]; then echo "socket: present"; else echo "socket: absent"; fi
  fi
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then echo "cgroup: v2"; else echo "cgroup: v1"; fi
  if [[ -e $PROGRAM ]]; then echo "agent: $(sha256sum <"$PROGRAM" | cut -c1-64)"; else echo "agent: absent"; fi
  echo "serial: $(serial)"
  echo "formed: $(recall formed)"
  if has_data; then echo "data: present"; else echo "data: absent"; fi
  if member_healthy; then echo "healthy: yes"; else echo "healthy: no"; fi
  for area in host pki member; do
    reasons=
    while IFS= read -r reason; do reasons+=", $reason"; done < <("${area}_drift")
    echo "drift-$area: ${reasons#, }"
  done
}

program_version() { # NAME
  case $1 in
    kubelet) kubelet --version | awk '{ print $2 }' ;;
    kubeadm) kubeadm version -o short ;;
    etcdctl) etcdctl version | awk 'NR == 1 { print "v" $NF }' ;;
  esac
}
