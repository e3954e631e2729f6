
# --- why a member is not healthy ------------------------------------------------------------------

# What a person needs when a member does not come up: what kubelet and etcd last said of it.
explain_unhealthy() {
  local pid log kubelet said=''
  pid=$(etcd_pid)
  log=$(find /var/log/pods/kube-system_etcd-*/etcd -name '*.log' -size +0 -printf '%T@ %p\n' 2>/dev/null |
    sort -n | sed -n '$s/^[^ ]* //p') || true # no pod, no log
  log "${S[member]}: kubelet $(systemctl is-active kubelet || true), etcd ${pid:+runs as process }${pid:-does not run}"
  log "${S[member]}: the kubelet last said:"
  kubelet=$(journalctl -u kubelet -n 400 --no-pager -o cat 2>/dev/null | kubelet_about_etcd) || true
  [[ -z $kubelet ]] || indent <<<"$kubelet" || true
  if [[ -n $log ]]; then
    log "${S[member]}: etcd last said ($log):"
    # Container runtimes put time, stream and a flag before each line.
    said=$(cut -d' ' -f4- "$log" | etcd_complaints) || true
    [[ -z $said ]] || indent <<<"$said" || true
  fi
  if [[ -z $pid ]] && cannot_be_executed <<<"$kubelet"$'\n'"$said"; then explain_image; fi
}
# cannot_be_executed : whether runc or crun, by what kubelet and container have said, could not execute etcd's program.
# (A line of etcd's own log is JSON: a file that etcd misses is another matter.)
cannot_be_executed() {
  local how='exec format error|(^|[^a-z])exec[: ].*no such file or directory|executable file .*not found in [$]PATH'
  grep -v '^{' | grep -iE "$how" >/dev/null
}
explain_image() {
  local image
  image=$(manifest_image) || true
  log "${S[member]}: its etcd cannot be executed. Its image is damaged on this host (after a power loss, files of an" \
    "image pulled shortly before can be empty although the runtime counts it as complete), or is for another" \
    "architecture. While the others are healthy, delete it on this host: systemctl stop kubelet; crictl rmp -fa;" \
    "crictl rmi ${image:-IMAGE}. The next \`pulumi up\` pulls it again"
}
indent() { cut -c1-420 | sed 's/^/    /' >&2; }

# Errors of the kubelet's that name the pod, each once; failing those the last ones of any kind.
kubelet_about_etcd() {
  awk '/^[EF][0-9]/ {
      text = $0; sub(/^[^]]*\] /, "", text); gsub(/\\/, "", text)
      if (text ~ /kube-system\/etcd-/) { if (!(text in seen)) { seen[text] = 1; about[++n] = text } }
      else any[++m] = text
    }
    END {
      if (n) for (i = (n > 3 ? n - 2 : 1); i <= n; i++) print about[i]
      else for (i = (m > 3 ? m - 2 : 1); i <= m; i++) print any[i]
    }'
}

# Warnings and worse, the last six; and the first lines that are not of its log at all: what it
# says where it does not get as far as logging.
etcd_complaints() {
  awk '/^\{/ { if (/"level":"(warn|error|fatal|panic|dpanic)"/ && !/\/health /) bad[++n] = $0; next }
    NF && ++plain <= 3
    END { for (i = (n > 6 ? n - 5 : 1); i <= n; i++) print bad[i] }'
}
