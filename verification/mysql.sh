#!/bin/sh
# Fetches a MySQL server for the tests that need one and prints the path of a program that starts it. Debian has
# MySQL in its unstable suite only: the packages and all their libraries are unpacked below target/mysql, and nothing
# is installed. Does nothing when they are there already.
set -eu

project=$(cd "$(dirname "$0")/.." && pwd)
home=$project/target/mysql
program=$home/mysqld
keys=/usr/share/keyrings/debian-archive-keyring.gpg

say() { echo "mysql: $*" >&2; }

fetch() {
    [ -r "$keys" ] || {
        say "Debian's keys are missing ($keys): set MYSQLD to the path of a mysqld"
        exit 1
    }
    say "fetching MySQL from Debian unstable (60 MB)"
    rm -rf "$home"
    mkdir -p "$home/apt/lists/partial" "$home/apt/cache/archives/partial" "$home/part"
    echo "deb [signed-by=$keys] http://deb.debian.org/debian unstable main" >"$home/apt/sources"
    # An empty status file, so that apt downloads every dependency.
    : >"$home/apt/status"
    apt() {
        apt-get -qq --yes --no-install-recommends \
            -o Dir::Etc::SourceList="$home/apt/sources" -o Dir::Etc::SourceParts=- \
            -o Dir::State="$home/apt" -o Dir::State::Status="$home/apt/status" \
            -o Dir::Cache="$home/apt/cache" -o APT::Sandbox::User=root "$@" >/dev/null
    }
    apt update
    apt --download-only install mysql-server-core
    for package in "$home"/apt/cache/archives/*.deb; do
        dpkg-deb --extract "$package" "$home/part"
    done
    rm -rf "$home/apt"
    # Renamed at the end: the folder is complete or absent.
    mv "$home/part" "$home/root"
}

# Runs with its own C library, which is newer than this machine's. The caller's arguments come first, as --no-defaults
# must.
write_program() {
    libraries=$(echo "$home"/root/usr/lib/*-linux-gnu)
    cat >"$program" <<END
#!/bin/sh
exec "$(echo "$libraries"/ld-linux-*)" --library-path "$libraries" "$home/root/usr/sbin/mysqld" "\$@" \\
    --basedir="$home/root/usr" --lc-messages-dir="$home/root/usr/share/mysql" \\
    --character-sets-dir="$home/root/usr/share/mysql/charsets"
END
    chmod +x "$program"
}

[ -x "$home/root/usr/sbin/mysqld" ] || fetch
write_program
"$program" --no-defaults --version >/dev/null || {
    say "mysqld does not start: remove $home, or set MYSQLD to the path of a mysqld"
    exit 1
}
echo "$program"
