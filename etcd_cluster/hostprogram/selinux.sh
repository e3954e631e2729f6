
# --- SELinux -------------------------------------------------------------------------------------
#
# A runtime that knows SELinux confines etcd's container, which then may use files of certain types alone. A module
# of the policy says that etcd's are of these, so that restorecon and a relabelling boot leave them so. All of it is
# done where the kernel has SELinux on, also while it only warns (permissive). docs/decisions/0023.

readonly SELINUX=/sys/fs/selinux
readonly SELINUX_MODULE=etcd_host
readonly DATA_TYPE=container_file_t KEYS_TYPE=container_ro_file_t
# Else the runtime gives each start a pair of categories of its own, and the next etcd cannot read what this one wrote.
readonly SELINUX_LEVEL=s0

selinux_on() { [[ -e $SELINUX/enforce ]]; }

# selinux_fault : why etcd's files cannot be labelled here; nothing where they can.
selinux_fault() {
  local program type missing=()
  selinux_on || return 0
  for program in semodule restorecon matchpathcon; do
    [[ -n $(type -P "$program") ]] || missing+=("$program")
  done
  if ((${#missing[@]})); then
    echo "SELinux is on, and what labels etcd's files is not installed: ${missing[*]}; install policycoreutils" \
      "and libselinux-utils (on Debian selinux-utils)"
    return 0
  fi
  for type in "$DATA_TYPE" "$KEYS_TYPE"; do
    [[ -z $(canonical "$type") ]] || continue
    echo "SELinux is on, and its policy has no type $type for the files of etcd's container; install" \
      "container-selinux (on Debian selinux-policy-default has it)"
    return 0
  done
}

# canonical TYPE : its own name in the kernel's policy (one may have others); nothing where it has none.
canonical() {
  local file context
  { exec {file}<>"$SELINUX/context" && printf %s "system_u:object_r:$1:$SELINUX_LEVEL" >&"$file"; } 2>/dev/null ||
    return 0
  context=$(tr -d '\0' <&"$file" 2>/dev/null) || true
  exec {file}>&-
  type_of "$context"
}
type_of() { awk -F: '{ print $3 }' <<<"$1"; } # CONTEXT

# put_labels : the module, and the labels of what is there already. Etcd goes on meanwhile: it may use the new ones.
put_labels() {
  local fault digest
  selinux_on || return 0
  fault=$(selinux_fault)
  [[ -z $fault ]] || die $E_REFUSED "$(member_name): $fault. Nothing was changed"
  render_selinux >"$WORK/$SELINUX_MODULE.cil"
  digest=$(sha256sum <"$WORK/$SELINUX_MODULE.cil" | cut -c1-64)
  if [[ $(recall selinux) != "$digest" || -n $(rule_fault) ]]; then
    [[ -n $(recall selinux) ]] || remember selinux installing
    install_module || refuse_module
    fault=$(rule_fault)
    [[ -z $fault ]] || die $E_REFUSED "$(member_name): $fault, by a rule of this host's own that comes first" \
      "(semanage fcontext -l -C). Etcd was left as it is. Remove that rule (semanage fcontext -d), then run it again"
    remember selinux "$digest"
    changed "SELinux module $SELINUX_MODULE"
  fi
  label_files
}

refuse_module() {
  local status=$E_REFUSED
  ! grep ' lock at ' "$WORK/semodule.log" >/dev/null || status=$E_LATER # another semodule is at work
  die "$status" "$(member_name): the rule for the SELinux labels of etcd's files could not be installed:" \
    "$(grep -v -e '^semodule: ' -e 'resolve AST' "$WORK/semodule.log" | tail -n 1). Etcd was left as it is; run it" \
    "again when that is fixed"
}
install_module() {
  local folder status=0
  folder=$(mktemp -d /tmp/etcd-host.XXXXXX) # its domain may read what is there, and not what is ours
  cp "$WORK/$SELINUX_MODULE.cil" "$folder/"
  apart "$WORK/semodule.log" semodule -i "$folder/$SELINUX_MODULE.cil" 9>&- || status=$?
  rm -rf "$folder"
  return $status
}

# label_files : of what is there by now. (Of a folder that etcd's pod is yet to get, the policy decides.)
label_files() {
  local fault folders=()
  selinux_on || return 0
  fault=$(label_fault)
  [[ -n $fault ]] || return 0
  mapfile -t folders < <(labelled | cut -d' ' -f2- | existing)
  apart "$WORK/restorecon.log" restorecon -RF "${folders[@]}" 9>&- || true
  fault=$(label_fault)
  [[ -z $fault ]] || die $E_REFUSED "$(member_name): $fault, and restorecon does not change it" \
    "($(tail -n 1 "$WORK/restorecon.log")), so a confined etcd could not use it. Fix that (a disk that is mounted" \
    "with context=, or has no labels?), then run it again"
  changed "SELinux labels of etcd's files"
}

# labelled : TYPE FOLDER, of what etcd's container sees. It writes to its data alone. (A folder that a link leads
# to has its rule by both its names: `install` asks by the one, restorecon by the other.)
labelled() {
  local type folder real
  for folder in "$DATA_TYPE $DATA" "$KEYS_TYPE $ETCD_PKI"; do
    read -r type folder <<<"$folder"
    real=$(readlink -m "$folder")
    echo "$type $folder"
    [[ $real == "$folder" || $real != /?*/?* ]] || echo "$type $real"
  done
}
existing() { while IFS= read -r path; do [[ ! -d $path || -L $path ]] || printf '%s\n' "$path"; done; }

render_selinux() {
  local type folder path
  echo "; Written by etcd-host."
  labelled | sed 's/[][\.^$*+?(){}|]/\\&/g' | while read -r type folder; do
    # (No policy has a rule for these very words: of one path it would accept one context alone.)
    for path in "$folder" "$folder/.*"; do
      echo "(filecon \"$path\" any (system_u object_r $type (($SELINUX_LEVEL) ($SELINUX_LEVEL))))"
    done
  done
}

# render_confinement : for containerd, where it is to run a member. (Nothing labels what other pods mount.)
render_confinement() {
  if selinux_on && [[ -n ${S[kubernetes-version]-} ]]; then printf '\n  enable_selinux = true'; fi
}
# render_level : for the pod's security context.
render_level() { if selinux_on; then printf '\n    seLinuxOptions:\n      level: %s' "$SELINUX_LEVEL"; fi; }

# rule_fault : what the policy would label otherwise.
rule_fault() {
  local type folder now types=() paths=() contexts number
  while read -r type folder; do
    types+=("$type" "$type")
    paths+=("$folder" "$folder/any")
  done < <(labelled)
  mapfile -t contexts < <(matchpathcon -nN "${paths[@]}" 2>/dev/null)
  for number in "${!paths[@]}"; do
    type=${types[number]} now=${contexts[number]-}
    [[ $now == *:"$SELINUX_LEVEL" && $(canonical "$(type_of "$now")") == "$(canonical "$type")" ]] || {
      echo "SELinux's policy labels ${paths[number]} as ${now:-unknown}, and a confined etcd needs" \
        "$type:$SELINUX_LEVEL"
      return 0
    }
  done
}

# label_fault : the first of etcd's files with another label.
label_fault() {
  local type folder wrong
  while read -r type folder; do
    [[ -d $folder && ! -L $folder ]] || continue
    # (Etcd may be removing a file just now.)
    wrong=$(other_label "$folder" "$type") || wrong=$(other_label "$folder" "$type") ||
      wrong="the SELinux labels under $folder could not be read"
    [[ -z $wrong ]] || {
      echo "$wrong"
      return 0
    }
  done < <(labelled)
}
other_label() { # FOLDER TYPE
  local level
  # (mcstransd, where it runs, has names for levels, also in what `find` says.)
  level=$(matchpathcon -n "$1" 2>/dev/null | cut -d: -f4-) || true
  find "$1" -ignore_readdir_race -printf '%Z %p\n' 2>/dev/null |
    awk -v wanted=":$(canonical "$2")${level:+:$level}" '
      !found && substr($1, length($1) - length(wanted) + 1) != wanted { found = $2 " has the SELinux label " $1 }
      END { print found }'
}

selinux_drift() {
  local fault
  selinux_on || return 0
  fault=$(selinux_fault)
  if [[ -z $fault ]]; then fault=$(rule_fault); fi
  if [[ -z $fault ]]; then fault=$(label_fault); fi
  if [[ -n $fault ]]; then echo "$fault"; fi
}

forget_labels() {
  [[ -n $(recall selinux) ]] || return 0
  # (Where SELinux is off by now, the store of modules is there all the same.)
  if [[ -n $(type -P semodule) ]] && ! wait_until 20 module_gone; then
    log "the SELinux module $SELINUX_MODULE could not be removed: $(tail -n 1 "$WORK/semodule.log"); run" \
      "\"semodule -r $SELINUX_MODULE\" on the host"
  fi
  if selinux_on && [[ -d $DATA ]]; then
    apart "$WORK/restorecon.log" restorecon -RF "$(readlink -f "$DATA")" 9>&- || true
  fi
  forget selinux
}
module_gone() {
  apart "$WORK/semodule.log" semodule -r "$SELINUX_MODULE" 9>&- && return 0
  apart "$WORK/modules" semodule -l 9>&- && [[ -s $WORK/modules ]] &&
    ! grep -x "$SELINUX_MODULE" "$WORK/modules" >/dev/null
}
