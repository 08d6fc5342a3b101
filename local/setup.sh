#!/bin/sh
# Installs what the local stack needs and this machine lacks: MariaDB (with apt) and the Python tools of
# local/requirements.txt (into .venv); with the argument "browser" also Chromium. Prints nothing when nothing is missing.
set -eu

wanted=${1:-}
project=$(cd "$(dirname "$0")/.." && pwd)
venv=$project/.venv
requirements=$project/local/requirements.txt
constraints=$project/local/constraints.txt
# Has the hash of the requirements that were installed last.
stamp=$venv/installed

say() { echo "setup: $*" >&2; }
fail() {
    say "$*"
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

check_rust() {
    have cargo && have rustc || fail "Rust is missing: install it from https://rustup.rs"
    need=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$project/Cargo.toml")
    # In the project's folder, because a toolchain may be pinned there.
    found=$(cd "$project" && rustc --version | cut -d ' ' -f 2)
    oldest=$(printf '%s\n%s\n' "$need" "$found" | sort -V | head -n 1)
    [ "$oldest" = "$need" ] || fail "Rust $found is too old: $need is needed (rustup update)"
}

# Prints the Debian packages of the missing programs.
missing_packages() {
    have cc || echo gcc libc6-dev
    # Not mariadb-server, which would start a service.
    { have mariadbd || [ -x /usr/sbin/mariadbd ]; } && have mariadb-install-db &&
        have my_print_defaults || echo mariadb-server-core mariadb-client-core
    have setpriv || echo util-linux
    have curl || echo curl
    have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    [ "$wanted" != browser ] || have chromium || have chromium-browser || have google-chrome ||
        have google-chrome-stable || echo chromium
}

install_packages() {
    packages=$(missing_packages | tr '\n' ' ')
    [ -n "$packages" ] || return 0
    have apt-get || fail "missing Debian packages: $packages"
    if [ "$(id -u)" -eq 0 ]; then
        root=
    elif have sudo; then
        root=sudo
    else
        fail "run as root: apt-get install $packages"
    fi
    say "installing $packages"
    # Updates the package lists only when the installation fails with the present ones.
    # Both variables are meant to be split into words.
    # shellcheck disable=SC2086
    apt_install() {
        $root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -qq --yes --no-install-recommends $packages >/dev/null
    }
    apt_install 2>/dev/null || { $root apt-get update -qq && apt_install; } ||
        fail "apt-get could not install $packages"
}

# Unpacks the server's plugins, such as the ed25519 login, which a test needs. Their package mariadb-server is not
# installed.
unpack_plugins() {
    unpacked=$project/target/mariadb
    for folder in /usr/lib/mysql/plugin "$unpacked/usr/lib/mysql/plugin"; do
        [ ! -e "$folder/auth_ed25519.so" ] || return 0
    done
    have apt-get && have dpkg-deb || return 0
    say "unpacking MariaDB's plugins"
    rm -rf "$unpacked" && mkdir -p "$unpacked/part"
    version=$(dpkg-query --show --showformat '${Version}' mariadb-server-core 2>/dev/null || :)
    # Without them, only the one test that needs them fails.
    (cd "$unpacked" && apt-get download -qq "mariadb-server${version:+=$version}" >/dev/null 2>&1) &&
        dpkg-deb --extract "$unpacked"/mariadb-server_*.deb "$unpacked/part" &&
        mv "$unpacked/part/usr" "$unpacked/usr" || say "MariaDB's plugins could not be fetched"
    rm -rf "$unpacked/part" "$unpacked"/*.deb
}

install_python_tools() {
    pinned=$(cat "$requirements" "$constraints" | sha256sum | cut -d ' ' -f 1)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$pinned" ]; then
        return 0
    fi
    version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Python $version is too old: 3.11 is needed"
    say "installing the Python tools into .venv (a minute or two)"
    rm -rf "$venv"
    python3 -m venv "$venv" || fail "python3 -m venv failed"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" ||
        fail "pip could not install local/requirements.txt"
    echo "$pinned" >"$stamp"
}

check_rust
install_packages
unpack_plugins
install_python_tools
