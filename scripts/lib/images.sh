# shellcheck shell=bash
# Makes images of Debian's static busybox, on the engine at DOCKER_HOST or the default one, without a registry.
# Sourced by scripts/test-images and scripts/demo-images:
#
#   images_are_there LABEL NAME...   succeeds if all images are there and were made by this version of the scripts
#   make_root                        makes a folder $root with busybox in it, removed at exit
#   make_image NAME CHANGE...        an image of $root; CHANGEs are lines of a Dockerfile

made_by=$(cat "$0" "${BASH_SOURCE[0]}" | sha256sum | cut -c 1-12)

images_are_there() {
  local label=$1 found
  shift
  image_label=$label
  found=$(docker image inspect --format "{{ index .Config.Labels \"$label\" }}" "$@" 2>/dev/null || true)
  [[ $(grep -cx "$made_by" <<<"$found") == "$#" ]]
}

make_root() {
  local applet
  if [[ ! -x /bin/busybox ]]; then
    echo "${0##*/}: /bin/busybox is missing: run scripts/setup, or apt-get install busybox-static" >&2
    exit 1
  fi
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  mkdir -p "$root"/{bin,data,dev,etc,proc,run,sys,tmp,www}
  cp /bin/busybox "$root/bin/busybox"
  while read -r applet; do
    [[ $applet == busybox ]] || ln -s busybox "$root/bin/$applet"
  done < <(/bin/busybox --list)
  echo root:x:0:0:root:/:/bin/sh >"$root/etc/passwd"
  chmod 1777 "$root/tmp"
  # The kernel gives process 1 no signal that it has no handler for: without this, each stop would take its full grace.
  make_command pid1 <<'INIT'
trap 'kill -9 $!; exit 143' TERM
"$@" &
wait $!
INIT
}

# make_command NAME: a shell script in the images' path, from standard input.
make_command() {
  rm -f "$root/bin/$1"
  { echo '#!/bin/sh'; cat; } >"$root/bin/$1"
  chmod 755 "$root/bin/$1"
}

make_image() {
  local name=$1 change changes=()
  shift
  for change in "$@" "LABEL $image_label=$made_by" "ENV PATH=/bin" 'ENTRYPOINT ["/bin/pid1"]'; do
    changes+=(--change "$change")
  done
  tar --create --directory "$root" --sort=name --mtime=@0 --owner=0 --group=0 . |
    docker import "${changes[@]}" - "$name" >/dev/null
}
