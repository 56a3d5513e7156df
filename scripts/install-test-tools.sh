#!/usr/bin/env bash
# Installs the servers that the tests start: redis-server, and Google's
# Firestore and Pub/Sub emulators with the Java they need; a C compiler, for the clocks of
# servers that are stepped; a browser without a window, for pages that take seats;
# Python and Node with a JWT library each, which read license tokens as programs in
# those languages do; Google's Auth emulator, for accounts; and shellcheck, for the scripts. Run again it does nothing.
#
# Without one of them its tests are skipped, with a warning here; in CI
# (environment variable CI not empty) that is an error instead.
set -euo pipefail

readonly emulator_jar=platform/cloud-firestore-emulator/cloud-firestore-emulator.jar
readonly pubsub_lib=platform/pubsub-emulator/lib
readonly oldest_java=17
readonly oldest_node=18 # of Debian 12; jose 5 and firebase-tools 13 are the last that it runs
node_folder=$(dirname "${BASH_SOURCE[0]}")/../proof/interop/node
readonly node_folder
auth_folder=$(dirname "${BASH_SOURCE[0]}")/../proof/firebase
readonly auth_folder

have() { command -v "$1" >/dev/null 2>&1; }
say() { printf 'test tools: %s\n' "$*" >&2; }

# as_root runs a command with the rights to install packages.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif [ -n "${CI:-}" ]; then
		sudo -n "$@" # CI has nobody to type a password
	else
		sudo "$@"
	fi
}

apt_updated=
apt_install() {
	if [ -z "$apt_updated" ]; then
		as_root apt-get update -q || say "apt-get update failed; trying with the lists there are"
		apt_updated=yes
	fi
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

apt_knows() { [ -n "$(apt-cache madison "$1" 2>/dev/null)" ]; }

# give_up says what is missing and how to get it: an error in CI, otherwise a
# warning that cannot be overlooked.
give_up() {
	local what=$1 how=$2
	{
		printf '\n****************************************************************\n'
		printf '  %s is missing, and could not be installed.\n' "$what"
		printf '  %s\n' "$how"
		[ -n "${CI:-}" ] || printf '  ITS TESTS ARE SKIPPED ON THIS MACHINE.\n'
		printf '****************************************************************\n\n'
	} >&2
	[ -z "${CI:-}" ] || exit 1
}

install_redis() {
	if have apt-get; then
		apt_install redis-server || return
		# The tests start servers of their own; the package's need not run.
		if [ -d /run/systemd/system ]; then
			as_root systemctl disable --now redis-server >/dev/null 2>&1 || true
		fi
	elif have brew; then
		brew install redis
	else
		return 1
	fi
}

# compiles says whether there is a compiler with the C library's headers.
compiles() {
	have cc && printf '#include <time.h>\n' | cc -x c -fsyntax-only - 2>/dev/null
}

install_compiler() {
	# Elsewhere than on Linux no clock of a server's own is tested.
	have apt-get && apt_install gcc libc6-dev
}

# browser_is_there looks for what proof/browser looks for.
browser_is_there() {
	local name
	for name in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable; do
		if have "$name"; then return; fi
	done
	return 1
}

install_browser() {
	have apt-get || return
	if apt_knows chromium-headless-shell; then
		apt_install chromium-headless-shell
	else
		apt_install chromium
	fi
}

install_shellcheck() {
	if have apt-get; then
		apt_install shellcheck
	elif have brew; then
		brew install shellcheck
	else
		return 1
	fi
}

# python_is_good looks for what proof/interop runs: Debian's Python need not be the
# first on the path.
python_is_good() {
	local python
	for python in python3 /usr/bin/python3; do
		if "$python" -c 'import jwt, cryptography' 2>/dev/null; then return; fi
	done
	return 1
}

install_python() {
	have apt-get && apt_install python3 python3-jwt python3-cryptography
}

node_is_good() {
	have node && have npm && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge "$oldest_node" ]
}

install_node() {
	if have apt-get; then
		apt_install nodejs npm
	elif have brew; then
		brew install node
	else
		return 1
	fi
}

node_packages_are_there() {
	node_is_good && (cd "$node_folder" && npm ls >/dev/null 2>&1)
}

# install_node_packages takes what the lock file names, by digest.
install_node_packages() {
	node_is_good && (cd "$node_folder" && npm ci)
}

auth_is_there() {
	node_is_good && (cd "$auth_folder" && npm ls >/dev/null 2>&1)
}

# install_auth takes what the lock file names, by digest, and lets none of it run
# anything while it is installed.
install_auth() {
	node_is_good && (cd "$auth_folder" && npm ci --ignore-scripts --no-audit --no-fund)
}

java_is_good() {
	local version
	have java || return 1
	version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
	[ -n "$version" ] && [ "$version" -ge "$oldest_java" ]
}

install_java() {
	local package
	if have apt-get; then
		for package in openjdk-21-jre-headless openjdk-17-jre-headless default-jre-headless; do
			if apt_knows "$package" && apt_install "$package"; then
				return
			fi
		done
		return 1
	elif have brew; then
		brew install openjdk && say "follow Homebrew's advice to put java on the PATH"
	else
		return 1
	fi
}

# emulator_is_there looks where the tests do: FIRESTORE_EMULATOR_JAR, beside
# the gcloud on the path, or where gcloud says its root is.
emulator_is_there() {
	local gcloud root
	if [ -n "${FIRESTORE_EMULATOR_JAR:-}" ]; then
		[ -f "$FIRESTORE_EMULATOR_JAR" ]
		return
	fi
	gcloud=$(command -v gcloud) || return 1
	root=$(dirname "$(dirname "$(realpath "$gcloud")")")
	[ -f "$root/$emulator_jar" ] && return
	root=$(gcloud info --format='value(installation.sdk_root)' 2>/dev/null) && [ -f "$root/$emulator_jar" ]
}

# pubsub_is_there looks where the tests do, as emulator_is_there.
pubsub_is_there() {
	local gcloud root
	if [ -n "${PUBSUB_EMULATOR_JAR:-}" ]; then
		[ -f "$PUBSUB_EMULATOR_JAR" ]
		return
	fi
	gcloud=$(command -v gcloud) || return 1
	root=$(dirname "$(dirname "$(realpath "$gcloud")")")
	[ -d "$root/$pubsub_lib" ] && return
	root=$(gcloud info --format='value(installation.sdk_root)' 2>/dev/null) && [ -d "$root/$pubsub_lib" ]
}

# add_google_packages makes apt know the Google Cloud CLI
# (https://docs.cloud.google.com/sdk/docs/install-sdk#deb). It changes what a
# machine trusts, so it happens in CI only; elsewhere it is left to the owner.
add_google_packages() {
	local key=/usr/share/keyrings/cloud.google.gpg
	[ -n "${CI:-}" ] && have curl && have gpg || return
	curl -fsS --max-time 60 https://packages.cloud.google.com/apt/doc/apt-key.gpg | as_root gpg --batch --yes --dearmor -o "$key"
	echo "deb [signed-by=$key] https://packages.cloud.google.com/apt cloud-sdk main" |
		as_root tee /etc/apt/sources.list.d/google-cloud-sdk.list >/dev/null
	apt_updated=
	as_root apt-get update -q
	apt_updated=yes
}

install_emulator() {
	if have apt-get; then
		if apt_knows google-cloud-cli-firestore-emulator || add_google_packages; then
			apt_install google-cloud-cli google-cloud-cli-firestore-emulator && emulator_is_there && return
		fi
	elif have brew && ! have gcloud; then
		brew install --cask google-cloud-sdk || return
	fi
	# A CLI installed from its archive brings its own component manager.
	have gcloud && gcloud components install --quiet cloud-firestore-emulator
}

install_pubsub() {
	if have apt-get && { apt_knows google-cloud-cli-pubsub-emulator || add_google_packages; }; then
		apt_install google-cloud-cli google-cloud-cli-pubsub-emulator && pubsub_is_there && return
	fi
	have gcloud && gcloud components install --quiet pubsub-emulator
}

have redis-server || install_redis || true
have redis-server || give_up redis-server \
	"Install Redis 7 or Valkey's redis-server so that redis-server is on the PATH."

compiles || install_compiler || true
compiles || give_up "a C compiler" \
	"Install one with the C library's headers (gcc and libc6-dev) so that cc is on the PATH."

browser_is_there || install_browser || true
browser_is_there || give_up Chromium \
	"Install chromium-headless-shell, or Chromium, so that it is on the PATH."

have shellcheck || install_shellcheck || true
have shellcheck || give_up shellcheck "Install it so that shellcheck is on the PATH."

python_is_good || install_python || true
python_is_good || give_up "Python with PyJWT and cryptography" \
	"Install python3-jwt and python3-cryptography, or the packages PyJWT and cryptography."

node_is_good || install_node || true
node_is_good || give_up "Node $oldest_node with npm" \
	"Install Node of version $oldest_node or later so that node and npm are on the PATH."

node_packages_are_there || install_node_packages || true
node_packages_are_there || give_up "the Node package jose" "Run 'npm ci' in proof/interop/node."

auth_is_there || install_auth || true
auth_is_there || give_up "the Auth emulator" "Run 'npm ci --ignore-scripts' in proof/firebase."

java_is_good || install_java || true
java_is_good || give_up "Java $oldest_java" \
	"Install a Java runtime of version $oldest_java or later so that java is on the PATH."

emulator_is_there || install_emulator || true
emulator_is_there || give_up "the Firestore emulator" \
	"Install it by apt (google-cloud-cli-firestore-emulator, from packages.cloud.google.com) or by 'gcloud components install cloud-firestore-emulator', or name its jar in FIRESTORE_EMULATOR_JAR."

pubsub_is_there || install_pubsub || true
pubsub_is_there || give_up "the Pub/Sub emulator" \
	"Install it by apt (google-cloud-cli-pubsub-emulator, from packages.cloud.google.com) or by 'gcloud components install pubsub-emulator', or name its jar in PUBSUB_EMULATOR_JAR."
