# The servers of `run`: how each is started, and what the generator is told of it. Sourced, not run; needs lib.sh.
# shellcheck shell=bash

# shellcheck disable=SC2154  # dir, postgres, sql_port and the like are lib.sh's

scheme=http
nginx_tls=

make_certificate() {
    "$berth" tls self-signed --host 127.0.0.1 --directory "$dir/tls" >"$dir/tls.log"
    scheme=https
    nginx_tls="ssl_certificate $dir/tls/server.crt; ssl_certificate_key $dir/tls/server.key;"
}

wants_start() { [[ ,${scenarios:-}, == *,start,* ]]; }

time_start() { # NAME URL OPTIONS... -- COMMAND...: how long it takes to answer, when that is asked for
    wants_start || return 0
    "$loadgen" start --name "$1" --url "$2" --rounds 5 --json "$dir/start-$1.json" "${@:3}" 2>>"$dir/$1.log"
    included+=(--include "$dir/start-$1.json")
}

# NAME BINARY FOLDER SETTINGS...: starts a Berth; sets $url, $password, and $settings to what commands beside it need.
serve() {
    local name=$1 binary=$2 data=$3 port
    port=$(free_port)
    url=$scheme://127.0.0.1:$port
    password=${password:-$(head -c 18 /dev/urandom | base64)}
    settings=("BERTH_DATA_DIR=$data" "BERTH_ACCOUNT=berth" "BERTH_ADMIN_USER=admin" "BERTH_ADMIN_PASSWORD=$password"
        "BERTH_LOG_LEVEL=${BENCH_LOG:-warn}" "${@:4}")
    [ -z "${BENCH_TLS:-}" ] || [ "$name" = berth-replicas ] ||
        settings+=("BERTH_TLS_CERTIFICATE=$dir/tls/server.crt" "BERTH_TLS_KEY=$dir/tls/server.key")
    [ -z "${BENCH_BUSY:-}" ] ||
        settings+=(BERTH_RECLAIM_DELAY=1ms "BERTH_RECLAIM_RATE=${BENCH_RATE:-200}" BERTH_LIMITS_UPLOAD_TTL=1d BERTH_SCRUB_INTERVAL=1s
            BERTH_BIN_TTL=1s BERTH_OUTBOUND_ALLOW=127.0.0.0/8)
    if [ ! -e "$data/made" ]; then
        mkdir -p "$data"
        launch "$name" "$binary" "$port"
        env "${settings[@]}" "$binary" admin org create bench --account berth >>"$dir/admin.log" 2>&1
        stop "${pids[-1]}"
        unset 'pids[-1]'
        if [ -n "${BENCH_BIG:-}" ] && [ "$name" != berth-other ]; then
            echo "bench: filling the database of $name" >&2
            fill "$here/big.sql" "$(database_of "$data")"
        fi
        [ -z "${BENCH_BUSY:-}" ] || [ "$name" = berth-there ] || fill_waste "$data"
        touch "$data/made"
        time_start "$name" "$url" -- env "BERTH_LISTEN=127.0.0.1:$port" "${settings[@]}" "$binary" serve
    fi
    launch "$name" "$binary" "$port"
}

launch() { # NAME BINARY PORT
    env "BERTH_LISTEN=127.0.0.1:$3" "${settings[@]}" "$2" serve >>"$dir/$1.log" 2>&1 &
    pids+=($!)
    await "$1" $! ready "$url"
}

database_of() { # FOLDER
    local setting
    for setting in "${settings[@]}"; do
        if [[ $setting == BERTH_DATABASE=* ]]; then
            echo "${setting#*=}"
            return
        fi
    done
    echo "sqlite://$1/berth.db"
}

berth_target() { # NAME URL PIDS
    arguments+=(--target "name=$1,url=$2,pid=$3,user=admin,pass=$password")
}

start_berth() {
    local password=
    serve berth "$berth" "$dir/berth"
    berth_target berth "$url" "${pids[-1]}"
}

start_berth-other() {
    local password=
    serve berth-other "$BENCH_OTHER" "$dir/berth-other"
    berth_target berth-other "$url" "${pids[-1]}"
}

start_berth-postgres() {
    local password=
    start_cluster
    serve berth-postgres "$berth" "$dir/berth-postgres" "BERTH_DATABASE=$(database files)"
    berth_target berth-postgres "$url" "${pids[-1]}"
}

start_bucket() { # NAME SETTINGS...: Berth over PostgreSQL and the S3 store that the tests use, one of its own
    local password='' endpoint bucket key secret
    start_cluster
    read -r endpoint bucket key secret < <(BERTH_TEST_S3_HOME=$dir/s3 BERTH_TEST_S3_BYTES=$((12 << 30)) "$top/scripts/test-s3" $$)
    serve "$1" "$berth" "$dir/$1" "BERTH_DATABASE=$(database "$1")" "BERTH_STORAGE=s3://$bucket/$1" "BERTH_S3_ENDPOINT=$endpoint" \
        "BERTH_S3_REGION=us-east-1" "BERTH_S3_ACCESS_KEY_ID=$key" "BERTH_S3_SECRET_ACCESS_KEY=$secret" "${@:2}"
    berth_target "$1" "$url" "${pids[-1]}"
}

start_berth-s3() { start_bucket berth-s3; }

start_berth-redirect() { start_bucket berth-redirect BERTH_S3_REDIRECT=always; }

start_berth-replicas() {
    local password='' shared first processes port
    start_cluster
    shared=("BERTH_DATABASE=$(database replicas)" "BERTH_STORAGE=$dir/shared" "BERTH_MASTER_KEY_FILE=$dir/replicas.key"
        BERTH_TRUSTED_PROXIES=127.0.0.1)
    # Between nginx and the replicas there is no TLS.
    scheme=http serve berth-replicas "$berth" "$dir/replica1" "${shared[@]}"
    first=$url processes=${pids[-1]}
    touch_made "$dir/replica2"
    scheme=http serve berth-replicas "$berth" "$dir/replica2" "${shared[@]}"
    processes+=+${pids[-1]}
    port=$(free_port)
    nginx_conf proxy "upstream berth { server ${first#http://} max_fails=1 fail_timeout=5s; server ${url#http://} max_fails=1 fail_timeout=5s;
        keepalive 64; keepalive_requests 1000000000; }" \
        "listen 127.0.0.1:$port${BENCH_TLS:+ ssl}; $nginx_tls client_max_body_size 0; client_body_buffer_size 256k; proxy_request_buffering off;
        proxy_buffer_size 64k; proxy_buffers 16 64k; proxy_busy_buffers_size 256k; proxy_max_temp_file_size 0;
        proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host \$http_host;
        proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto \$scheme;
        location / { proxy_pass http://berth; }"
    start_nginx_process proxy "$port"
    berth_target berth-replicas "$scheme://127.0.0.1:$port" "$processes+${pids[-1]}"
}

touch_made() { mkdir -p "$1" && touch "$1/made"; }

start_docker-registry() { start_distribution_of docker-registry docker-registry; }

start_distribution() { start_distribution_of distribution "$BENCH_DISTRIBUTION"; }

start_distribution_of() { # NAME BINARY: without a line for each request and without traces, as all others
    local port tls=
    port=$(free_port)
    [ -z "${BENCH_TLS:-}" ] || tls=", tls: {certificate: $dir/tls/server.crt, key: $dir/tls/server.key}"
    cat >"$dir/$1.yml" <<YML
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $dir/$1}, delete: {enabled: true}, maintenance: {uploadpurging: {enabled: false}}}
http: {addr: "127.0.0.1:$port"$tls}
YML
    time_start "$1" "$scheme://127.0.0.1:$port" --any --path /v2/ -- env OTEL_TRACES_EXPORTER=none "$2" serve "$dir/$1.yml"
    OTEL_TRACES_EXPORTER=none "$2" serve "$dir/$1.yml" >"$dir/$1.log" 2>&1 &
    pids+=($!)
    await "$1" $! listens "$port"
    arguments+=(--target "name=$1,url=$scheme://127.0.0.1:$port,pid=$!")
}

nginx_conf() { # NAME BEFORE-THE-SERVER SERVER: a server that is tuned for what is measured
    # Workers must be able to read the private data folder.
    local user=
    [ "$(id -u)" != 0 ] || user="user root;"
    mkdir -p "$dir/$1/tmp" "$dir/$1/www"
    cat >"$dir/$1/nginx.conf" <<CONF
daemon off; $user worker_processes auto; worker_rlimit_nofile 20000; pid $dir/$1/pid; error_log $dir/$1.log error;
events { worker_connections 8192; }
http {
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
    default_type application/octet-stream;
    client_body_temp_path $dir/$1/tmp; proxy_temp_path $dir/$1/tmp; fastcgi_temp_path $dir/$1/tmp;
    uwsgi_temp_path $dir/$1/tmp; scgi_temp_path $dir/$1/tmp;
    $2
    server { $3 }
}
CONF
}

start_nginx_process() { # NAME PORT
    nginx -e "$dir/$1.log" -p "$dir/$1" -c "$dir/$1/nginx.conf" &
    pids+=($!)
    await "$1" $! listens "$2"
}

start_nginx() {
    local port
    port=$(free_port)
    nginx_conf nginx "" "listen 127.0.0.1:$port${BENCH_TLS:+ ssl} backlog=4096; $nginx_tls root $dir/nginx/www;"
    time_start nginx "$scheme://127.0.0.1:$port" --any --path / -- nginx -e "$dir/nginx.log" -p "$dir/nginx" -c "$dir/nginx/nginx.conf"
    start_nginx_process nginx "$port"
    arguments+=(--target "name=nginx,url=$scheme://127.0.0.1:$port,pid=$!,root=$dir/nginx/www")
}

fill_waste() { # FOLDER: 100,000 blobs that no manifest uses any more, with files
    echo "bench: writing what is to be deleted" >&2
    fill "$here/reclaim.sql" "$(database_of "$1")"
    "$loadgen" reclaim-files "$1/storage"
}

# Deletes and scrubs go on by themselves; images come and go in the first Berth, and each is sent to another one.
keep_busy() {
    local first=${arguments[1]} here_url here_password ca=()
    here_url=$(sed 's/.*url=//; s/,.*//' <<<"$first")
    here_password=$(sed 's/.*pass=//' <<<"$first")
    local password=
    serve berth-there "$berth" "$dir/berth-there"
    [ -z "${BENCH_TLS:-}" ] || ca=("$dir/tls/ca.crt")
    export XDG_CONFIG_HOME=$dir/config
    {
        "$berth" login "$here_url" --account berth --user admin --secret-stdin ${ca:+--ca-cert "${ca[0]}"} <<<"$here_password"
        "$berth" region add there "$url" --user admin --secret-stdin ${ca:+--certificate-authority "${ca[0]}"} <<<"$password"
        "$berth" image create bench/churn
        "$berth" sync create bench/churn there bench --override
    } >>"$dir/admin.log" 2>&1
    "$loadgen" churn --target "$first" --repository bench/churn 2>>"$dir/churn.log" &
    pids+=($!)
    churn=$!
}

tell_busy() { # what went on meanwhile: without it the figures say nothing
    kill -0 "$churn" || { echo "bench: nothing was pushed beside the measurement" >&2; exit 1; }
    "$berth" sync status bench/churn
    "$berth" maintenance list | head -n 8
}
