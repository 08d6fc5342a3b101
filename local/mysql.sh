#!/bin/sh
# Fetches a MySQL server for the tests that need one, and prints the path of a program that starts it. Debian has
# MySQL in its unstable suite only: the packages are unpacked below target/mysql, with every library that they
# need, and nothing is installed. Says nothing when it is there already.
set -eu

project=$(cd "$(dirname "$0")/.." && pwd)
home=$project/target/mysql
program=$home/mysqld
keys=/usr/share/keyrings/debian-archive-keyring.gpg

say() { echo "mysql: $*" >&2; }

fetch() {
    [ -r "$keys" ] || {
        say "Debian's keys are missing here ($keys): set MYSQLD to the path of a mysqld"
        exit 1
    }
    say "fetching MySQL from Debian unstable (60 MB)"
    rm -rf "$home"
    mkdir -p "$home/apt/lists/partial" "$home/apt/cache/archives/partial" "$home/part"
    echo "deb [signed-by=$keys] http://deb.debian.org/debian unstable main" >"$home/apt/sources"
    # Of a machine that has no package yet.
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
    # Whole, or not there.
    mv "$home/part" "$home/root"
}

# With its own C library, which is newer than this machine's. What the caller says comes first: --no-defaults has to.
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
    say "it does not start here: remove $home, or set MYSQLD to the path of a mysqld"
    exit 1
}
echo "$program"
