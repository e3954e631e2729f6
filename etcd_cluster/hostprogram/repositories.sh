
# --- the packages' repositories ----------------------------------------------------------------
#
# They are laid out as pkgs.k8s.io is: flat, deb/ for apt and rpm/ for dnf. Their signatures are
# always checked.

readonly REPOSITORIES=(kubernetes crio etcd)

PACKAGE_FILES=()         # the definitions and keys of our repositories; later etcdctl, too
declare -A NEW_CONTENT=() # by path: the file under $WORK that it is to be a copy of
declare -A KEY_ORIGIN=()  # by repository: `given`, or the URL that its key was downloaded from
STALE_FILES=()           # no longer needed once the repositories could be read

# put_repositories FAMILY : writes their definitions, unless they do not go together with the
# host's own. A definition that cannot be used breaks every other use of the package manager, so
# whatever ends this run before all were read takes them back out.
put_repositories() {
  local name path former
  for name in "${REPOSITORIES[@]}"; do
    [[ -n ${S[repository.$name.url]-} ]] || continue
    if [[ -n ${S[repository.$name.key]-} ]]; then
      base64 -d <<<"${S[repository.$name.key]}" >"$WORK/$name.asc" ||
        die $E_INPUT "repository.$name.key: not base64"
    fi
    "$1_repository" "$name" "${S[repository.$name.url]}"
  done
  "$1_refuse_duplicates"
  # (Before any is read: one that is wanted no more may not be there any more.)
  mapfile -t former < <(former_files | grep -vxF -e "$ETCDCTL" -e "$ETCDUTL")
  remove_file "${former[@]}"
  mkdir -p "$WORK/before"
  trap 'take_repositories_back; rm -rf "$WORK"' EXIT
  for path in "${PACKAGE_FILES[@]}"; do
    if [[ -e $path ]]; then cp "$path" "$WORK/before/${path##*/}"; fi
    put_file "$path" 644 "${NEW_CONTENT[$path]}"
  done
}

# former_files : what an earlier run has left, and is wanted no more, one a line.
former_files() {
  local path
  while read -r path; do
    [[ " ${PACKAGE_FILES[*]} ${STALE_FILES[*]} " == *" $path "* ]] || echo "$path"
  done < <(stamped_paths packages)
}

add_repository_file() { # PATH SOURCE
  PACKAGE_FILES+=("$1")
  NEW_CONTENT[$1]=$2
}

# What was here before is put back where an earlier run ended well with it.
take_repositories_back() {
  local path before
  for path in "${PACKAGE_FILES[@]}"; do
    before=$WORK/before/${path##*/}
    if [[ -e $before ]] && stamped "$path" "$before"; then
      put_file "$path" 644 "$before" || true
    else
      rm -f "$path"
    fi
  done
}

# keep_repositories : all of them could be read.
keep_repositories() {
  local name
  trap 'rm -rf "$WORK"' EXIT
  for name in "${!KEY_ORIGIN[@]}"; do remember "key-$name" "${KEY_ORIGIN[$name]}"; done
  remove_file "${STALE_FILES[@]}"
}

# repositories_known : they are the ones that an earlier run ended well with.
repositories_known() {
  local path
  for path in "${PACKAGE_FILES[@]}"; do
    stamped "$path" "$path" || return 1
  done
}

# stamped PATH FILE : whether FILE's content is what PATH held when packages were last installed.
stamped() {
  [[ $'\n'$(recall packages.stamp)$'\n' == *$'\n'"$(sha256sum <"$2" | cut -c1-64)  $1"$'\n'* ]]
}
