# What the scripts of this folder share: a folder of their own, servers on free ports of 127.0.0.1, and their end. Sourced, not run.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
postgres=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
PATH=$PATH:/usr/sbin
loadgen=${CARGO_TARGET_DIR:-$here/target}/release/loadgen
berth=${BENCH_BERTH:-${CARGO_TARGET_DIR:-$top/target}/release/berth}
pids=()
cluster=

need() { # TOOL PACKAGE
    command -v "$1" >/dev/null && return
    echo "bench: $1 is missing: install with: apt-get install --no-install-recommends $2" >&2
    exit 1
}

need_database() { # sqlite or postgres
    if [ "$1" = sqlite ]; then
        need sqlite3 sqlite3
    else
        need "$postgres/initdb" postgresql
        need psql postgresql-client
    fi
}

build() { # the generator; and Berth, unless BENCH_BERTH names a binary
    (cd "$here" && cargo build --release --locked --quiet)
    if [ -n "${1:-}" ] && [ -z "${BENCH_BERTH:-}" ]; then
        (cd "$top" && cargo build --release --locked --quiet -p berth-server --bin berth)
    fi
}

folder() { # makes $dir, which goes with all servers when the script ends
    dir=$(mktemp -d "${BENCH_TMP:-${TMPDIR:-/var/tmp}}/berth-bench.XXXXXX")
    chmod 755 "$dir"
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

finish() {
    local status=$?
    trap - EXIT INT TERM
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    [ ${#pids[@]} -eq 0 ] || wait "${pids[@]}" 2>/dev/null || true
    [ -z "$cluster" ] || as_postgres "$postgres/pg_ctl" -D "$cluster" -m immediate -s stop || true
    # What scripts/test-s3 started in this folder.
    [ ! -f "$dir/s3/run/pids" ] || xargs -r kill -9 <"$dir/s3/run/pids" 2>/dev/null || true
    [ $status -eq 0 ] || tail -n 20 "$dir"/*.log >&2 2>/dev/null || true
    rm -rf "$dir"
    exit $status
}

as_postgres() { # the server of this database does not run as root
    if [ "$(id -u)" = 0 ]; then (cd / && setpriv --reuid postgres --regid postgres --clear-groups -- "$@"); else "$@"; fi
}

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

listens() { # PORT
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

await() { # NAME PID COMMAND...: until the command succeeds
    for _ in $(seq 600); do
        kill -0 "$2" 2>/dev/null || break
        if "${@:3}"; then return; fi
        sleep 0.1
    done
    echo "bench: $1 did not start" >&2
    exit 1
}

ready() { # URL of a Berth: it listens before its first account is there
    [ "$(curl -sk -o /dev/null -w '%{http_code}' --max-time 5 "$1/readyz")" = 200 ]
}

stop() { # PID
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

start_cluster() { # sets $cluster and $sql_port: a PostgreSQL that syncs as it does everywhere
    [ -z "$cluster" ] || return 0
    mkdir "$dir/cluster"
    [ "$(id -u)" != 0 ] || chown postgres: "$dir/cluster"
    sql_port=$(free_port)
    as_postgres "$postgres/initdb" -D "$dir/cluster" -A trust -U berth -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/initdb.log"
    as_postgres "$postgres/pg_ctl" -D "$dir/cluster" -s -w -l "$dir/cluster/log" -o "-c listen_addresses=127.0.0.1 -c port=$sql_port \
        -c unix_socket_directories=$dir/cluster -c shared_buffers=1GB -c max_wal_size=2GB -c max_connections=200" start
    cluster=$dir/cluster
}

database() { # NAME: a new one in the cluster; prints its URL
    psql -q -c "CREATE DATABASE \"$1\"" "postgres://berth@127.0.0.1:$sql_port/postgres"
    echo "postgres://berth@127.0.0.1:$sql_port/$1"
}

fill() { # FILE URL: runs SQL that is in the words of both databases but for BYTES_BEGIN and BYTES_END
    case $2 in
        sqlite://*)
            {
                # Nobody needs this database if its making breaks off.
                echo "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; BEGIN;"
                sed "s/BYTES_BEGIN/CAST(/; s/BYTES_END/AS BLOB)/" "$1"
                echo "COMMIT; PRAGMA journal_mode = WAL;"
            } | sqlite3 -bail "${2#sqlite://}" >/dev/null
            ;;
        *)
            {
                # Neither triggers nor foreign keys are looked at, row by row: the rows are right.
                echo "SET session_replication_role = replica; SET synchronous_commit = off; BEGIN;"
                sed "s/BYTES_BEGIN/convert_to(/; s/BYTES_END/, 'UTF8')/" "$1"
                echo "COMMIT;"
            } | psql -q -v ON_ERROR_STOP=1 -o /dev/null "$2"
            # What the server does by itself some minutes after so many rows came.
            psql -q -v ON_ERROR_STOP=1 -c "VACUUM ANALYZE" "$2"
            ;;
    esac
}
