#!/usr/bin/env bash
# Installs the tools that tests, lint and end-to-end tests need, at pinned
# versions, into a cache outside the checkout. Usage: tools.sh NAME…
# Prints nothing when everything is there.
set -euo pipefail

go_version=$(go env GOVERSION)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/fleetcost-tools
apt_updated=

say() { echo "tools: $*" >&2; }

# go_tool NAME MODULE VERSION [BINARY] builds one Go program into the cache.
# BINARY is what go install calls it, where that is not NAME.
go_tool() {
  local name=$1 module=$2 version=$3 binary=${4:-$1} dir="$cache/$1-$3-$go_version"
  [ -x "$dir/$name" ] && return
  say "building $name $version (once; kept in $dir)"
  mkdir -p "$dir"
  GOBIN="$dir" GOFLAGS=-buildvcs=false go install -trimpath -ldflags='-s -w' "$module@$version"
  [ "$binary" = "$name" ] || mv "$dir/$binary" "$dir/$name"
}

# npm_tool NAME VERSION installs one npm package, without running its scripts,
# into the cache.
npm_tool() {
  local name=$1 version=$2 dir="$cache/$1-$2"
  [ -d "$dir/node_modules/$name" ] && return
  command -v npm >/dev/null || { say "npm is missing; $name needs Node.js 20 or newer"; exit 1; }
  say "installing $name $version (once; kept in $dir)"
  rm -rf "$dir.new"
  npm install --prefix "$dir.new" --silent --no-audit --no-fund --ignore-scripts "$name@$version" >/dev/null
  rm -rf "$dir" && mv "$dir.new" "$dir"
}

# debian COMMAND PACKAGE installs a Debian package that brings COMMAND.
debian() {
  command -v "$1" >/dev/null && return
  command -v apt-get >/dev/null || { say "$1 is missing; install it (Debian: apt-get install $2)"; exit 1; }
  local sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  [ -n "$apt_updated" ] || { $sudo apt-get update -qq; apt_updated=1; }
  say "installing $2"
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}

for tool in "$@"; do
  case $tool in
    versitygw) go_tool versitygw github.com/versity/versitygw/cmd/versitygw v1.8.0 ;;
    victoria-metrics) go_tool victoria-metrics github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics v1.150.0 ;;
    # AGPL: run as a process by tests, never linked.
    minio) go_tool minio github.com/minio/minio v0.0.0-20260212201848-7aac2a2c5b7c ;;
    toxiproxy) go_tool toxiproxy github.com/Shopify/toxiproxy/v2/cmd/server v2.12.0 server ;;
    golangci-lint) go_tool golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint v2.15.0 ;;
    fake-gcs-server) go_tool fake-gcs-server github.com/fsouza/fake-gcs-server v1.56.1 ;;
    azurite) npm_tool azurite 3.35.0 ;;
    prometheus) debian promtool prometheus; debian prometheus prometheus ;;
    chromium) debian chromium chromium ;;
    *) say "unknown tool $tool"; exit 2 ;;
  esac
done
