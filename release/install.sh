#!/bin/sh
# Installs Drover @@VERSION@@ for you, without root: fetches the archive for this machine, checks signature and digest, tries the
# program, puts it into ~/.local/bin with its manual and completions. Run again, it goes on where it was stopped.
#
#   sh install.sh [--prefix DIR] [--version VERSION] [--url ADDRESS] [--no-extras] [--service]
#   sh install.sh --uninstall [--prefix DIR]
#
# --prefix DIR      where bin and share lie (default ~/.local)
# --version VERSION another version than the newest
# --url ADDRESS     the folder that has the release's files
# --no-extras       the program alone, without manual and completions
# --service         have the system keep it running, too
# --uninstall       take away what was installed; models, configuration and data stay
#
# A system without ssh-keygen and without OpenSSL 3 cannot check signatures; with DROVER_ALLOW_UNSIGNED=1 the digest is
# enough.
set -eu

main() {
  version='@@VERSION@@'
  url='@@URL@@'
  ssh_namespace='@@SSH_NAMESPACE@@'
  ssh_keys='@@SSH_KEYS@@'
  pem_keys='@@PEM_KEYS@@'
  prefix="${DROVER_PREFIX:-${HOME:?HOME is not set}/.local}"
  [ -n "${DROVER_URL:-}" ] && url="$DROVER_URL"
  action=install extras=yes service=no
  while [ $# -gt 0 ]; do
    case "$1" in
      --prefix) prefix="$(value "$@")"; shift ;;
      --version) version="$(value "$@")"; shift ;;
      --url) url="$(value "$@")"; shift ;;
      --no-extras) extras=no ;;
      --service) service=yes ;;
      --uninstall) action=uninstall ;;
      -h | --help) usage; exit 0 ;;
      *) fail 2 "unknown word: $1" "sh install.sh --help tells more." ;;
    esac
    shift
  done
  case "$prefix" in
    /*) ;;
    *) prefix="$PWD/$prefix" ;;
  esac
  program="$prefix/bin/drover"
  receipt="$prefix/share/drover/installed-files"
  if [ "$action" = uninstall ]; then uninstall; else install; fi
}

install() {
  [ -n "$url" ] || fail 2 'this script knows no place that has releases' 'Name one: --url ADDRESS'
  url="${url%/}"
  # GitHub has one address for the newest version and one for each: another one may come while this runs.
  case "$url" in
    */releases/latest/download) url="${url%/releases/latest/download}/releases/download/v$version" ;;
  esac
  target="$(target_of_this_machine)"
  folder="drover-$version-$target"
  archive="$folder.tar.gz"
  mkdir -p "$prefix/bin" 2>/dev/null || true
  [ -w "$prefix/bin" ] || fail 9 "$prefix/bin cannot be written to" 'Choose another place: --prefix DIR'
  # In the same folder as the goal, so that the last step is a rename; what a killed run has left goes first.
  rm -rf "$prefix/bin/.drover-install."*
  work="$prefix/bin/.drover-install.$$"
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM HUP
  mkdir "$work"
  say "Drover $version for $target, from $url"
  fetch SHA256SUMS
  check_signature
  fetch "$archive"
  check_digest "$archive"
  tar -xzf "$work/$archive" -C "$work" || fail 9 "$archive could not be unpacked" 'Is the disk full?'
  new="$work/$folder/drover"
  sign_anew "$new"
  "$new" version >/dev/null 2>"$work/said" ||
    fail 6 "the program does not run on this machine: $(tail -n 3 "$work/said")" "$(missing_library_hint)"
  list="$work/files"
  printf '%s\n' "$program" >"$list"
  if [ "$extras" = yes ]; then
    place drover.1 share/man/man1/drover.1
    place completions/drover.bash share/bash-completion/completions/drover
    place completions/_drover share/zsh/site-functions/_drover
    place completions/drover.fish share/fish/vendor_completions.d/drover.fish
  fi
  # The list is there before the program is, so that nothing is installed that nobody would take away.
  mkdir -p "${receipt%/*}"
  [ ! -f "$receipt" ] || cat "$receipt" >>"$list"
  sort -u "$list" >"$work/sorted"
  mv -f "$work/sorted" "$receipt"
  keep_before
  mv -f "$new" "$program"
  say "Installed: $program"
  if [ "$service" = yes ]; then "$program" service install --user || fail $? 'the service could not be installed'; fi
  case ":${PATH:-}:" in
    *":$prefix/bin:"*) say 'Start it: drover' ;;
    *) say "Start it: $program" "To have it found by its name, add this line to your shell's profile:" \
      "  export PATH=\"$prefix/bin:\$PATH\"" ;;
  esac
}

uninstall() {
  if [ ! -f "$receipt" ] && [ ! -e "$program" ]; then
    say "Nothing is installed in $prefix."
    exit 0
  fi
  if [ -x "$program" ]; then
    "$program" service uninstall --user >/dev/null 2>&1 || true
  fi
  rm -rf "$prefix/bin/.drover-install."* "$prefix/bin/.drover-versions"
  if [ -f "$receipt" ]; then
    while IFS= read -r path; do
      case "$path" in
        "$prefix"/*) rm -f "$path" ;;
      esac
    done <"$receipt"
    rm -f "$receipt"
    rmdir "${receipt%/*}" 2>/dev/null || true
  else
    rm -f "$program"
  fi
  say "Drover is gone from $prefix. Models, configuration and data stay where they are."
}

# The version before stays for `drover rollback`.
keep_before() {
  [ -x "$program" ] || return 0
  # The same again keeps the one before as it is.
  if command -v cmp >/dev/null 2>&1 && cmp -s "$program" "$new"; then return 0; fi
  mkdir -p "$prefix/bin/.drover-versions/previous"
  kept="$prefix/bin/.drover-versions/previous/drover"
  rm -f "$kept.tmp"
  ln "$program" "$kept.tmp" 2>/dev/null || cp -p "$program" "$kept.tmp"
  mv -f "$kept.tmp" "$kept"
}

# place FROM TO: from the archive to below the prefix.
place() {
  [ -f "$work/$folder/$1" ] || return 0
  mkdir -p "$prefix/${2%/*}"
  cp "$work/$folder/$1" "$prefix/$2.$$" && mv -f "$prefix/$2.$$" "$prefix/$2"
  printf '%s\n' "$prefix/$2" >>"$list"
}

target_of_this_machine() {
  system="$(uname -s)" machine="$(uname -m)"
  case "$machine" in
    x86_64 | amd64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail 2 "there is no release for $machine" 'It can be built from source: bun build.ts' ;;
  esac
  case "$system" in
    Linux)
      if is_musl; then echo "linux-$arch-musl"; else echo "linux-$arch"; fi ;;
    Darwin)
      # Under Rosetta the machine says x86_64.
      [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || true)" = 1 ] && arch=arm64
      echo "darwin-$arch" ;;
    *) fail 2 "there is no release for $system here" 'On Windows: irm ADDRESS/install.ps1 | iex' ;;
  esac
}

is_musl() {
  if command -v getconf >/dev/null 2>&1 && getconf GNU_LIBC_VERSION >/dev/null 2>&1; then return 1; fi
  for loader in /lib/ld-musl-*.so.1; do [ -e "$loader" ] && return 0; done
  return 1
}

missing_library_hint() {
  if [ "${target#*musl}" != "$target" ]; then echo 'On Alpine: apk add libstdc++ libgcc'; else echo "Is $target what this machine is?"; fi
}

# fetch NAME: to the work folder. What does not come whole does not come.
fetch() {
  if command -v curl >/dev/null 2>&1; then
    curl --fail --location --silent --show-error --retry 3 --output "$work/$1" "$url/$1" && return 0
  elif command -v wget >/dev/null 2>&1; then
    wget -q -O "$work/$1" "$url/$1" && return 0
  else
    fail 2 'neither curl nor wget is here' 'Install one of them.'
  fi
  fail 7 "$url/$1 could not be fetched" 'Is the address right, and the network there?'
}

check_signature() {
  if [ -z "$pem_keys" ]; then
    unsigned 'this release was made without a key'
  elif command -v ssh-keygen >/dev/null 2>&1 && ! ssh-keygen -Y verify 2>&1 | grep -qi 'option -- Y'; then
    fetch SHA256SUMS.sshsig
    printf '%s\n' "$ssh_keys" | sed "s/^/drover namespaces=\"$ssh_namespace\" /" >"$work/signers"
    ssh-keygen -Y verify -f "$work/signers" -I drover -n "$ssh_namespace" -s "$work/SHA256SUMS.sshsig" \
      <"$work/SHA256SUMS" >/dev/null 2>&1 || tampered 'SHA256SUMS is not signed by a key that this script trusts'
  elif command -v openssl >/dev/null 2>&1 && openssl version | grep -q '^OpenSSL [3-9]'; then
    fetch SHA256SUMS.sig
    for key in $pem_keys; do
      printf '%s\n%s\n%s\n' '-----BEGIN PUBLIC KEY-----' "$key" '-----END PUBLIC KEY-----' >"$work/key.pem"
      if openssl pkeyutl -verify -pubin -inkey "$work/key.pem" -rawin -in "$work/SHA256SUMS" \
        -sigfile "$work/SHA256SUMS.sig" >/dev/null 2>&1; then return 0; fi
    done
    tampered 'SHA256SUMS is not signed by a key that this script trusts'
  else
    unsigned 'neither ssh-keygen nor OpenSSL 3 is here to check the signature'
  fi
}

unsigned() {
  [ "${DROVER_ALLOW_UNSIGNED:-}" = 1 ] ||
    fail 4 "$1" 'Install openssl, or accept that with DROVER_ALLOW_UNSIGNED=1.'
  say "Not checked: $1."
}

check_digest() {
  wanted="$(sed -n "s/^\([0-9a-f]\{64\}\)  $1\$/\1/p" "$work/SHA256SUMS")"
  [ -n "$wanted" ] || fail 7 "the release has no $1" 'Is there a release for this machine?'
  if command -v sha256sum >/dev/null 2>&1; then found="$(sha256sum "$work/$1")"
  elif command -v shasum >/dev/null 2>&1; then found="$(shasum -a 256 "$work/$1")"
  elif command -v openssl >/dev/null 2>&1; then found="$(openssl dgst -sha256 -r "$work/$1")"
  else fail 2 'nothing here can make a SHA-256' 'Install coreutils or openssl.'; fi
  [ "${found%% *}" = "$wanted" ] || tampered "$1 has another digest than the release says"
}

# A Mac runs nothing that is not signed at least by nobody.
sign_anew() {
  [ "$(uname -s)" = Darwin ] || return 0
  codesign --verify "$1" 2>/dev/null || codesign --force --sign - "$1" 2>/dev/null || true
}

tampered() { fail 4 "$1" 'Nothing was installed. If it stays so, tell the maintainers.'; }

value() {
  [ $# -ge 2 ] || fail 2 "$1 takes a word"
  printf '%s' "$2"
}

usage() {
  cat <<'TEXT'
sh install.sh [--prefix DIR] [--version VERSION] [--url ADDRESS] [--no-extras] [--service]
sh install.sh --uninstall [--prefix DIR]

--prefix DIR       where bin and share lie (default ~/.local)
--version VERSION  another version than the newest
--url ADDRESS      the folder that has the release's files
--no-extras        the program alone, without manual and completions
--service          have the system keep it running, too
--uninstall        take away what was installed; models, configuration and data stay
TEXT
}

say() { for line in "$@"; do printf '%s\n' "$line"; done; }

# fail CODE MESSAGE [HINT]: the codes are those of `drover` itself.
fail() {
  printf 'install.sh: %s\n' "$2" >&2
  [ $# -lt 3 ] || printf '  %s\n' "$3" >&2
  exit "$1"
}

# Only now, so that a script that came in part does nothing.
main "$@"
