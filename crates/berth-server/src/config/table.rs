//! The one table of settings. The parser, `--help`, the reference page and the sample file are made of it.

mod background;
mod defence;

use super::setting::Setting;

/// The setting of this key.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The values that `preset = "swr"` puts in place of the defaults: the figures of the SWR guide.
pub(crate) const SWR: &[(&str, &str)] = &[
    ("limits.layers_max", "20"),
    ("limits.layer_size_max", "10GiB"),
    ("limits.rate_push_account", "20/s"),
    ("limits.shut_out_after", "600/m"),
];

/// A row without default: what happens then is in `otherwise`.
const NONE: &str = "";

/// All settings, in the order of the reference page. Keys of one section stand together.
pub(crate) const SETTINGS: &[Setting] =
    &joined::<{ SERVING.len() + defence::SETTINGS.len() + background::SETTINGS.len() }>();

const fn joined<const COUNT: usize>() -> [Setting; COUNT] {
    let mut all = [SERVING[0]; COUNT];
    let parts = [SERVING, defence::SETTINGS, background::SETTINGS];
    let (mut part, mut begin, mut next) = (0, 0, 0);
    while next < COUNT {
        if next - begin == parts[part].len() {
            begin = next;
            part += 1;
        }
        all[next] = parts[part][next - begin];
        next += 1;
    }
    all
}

/// What requests are answered by.
const SERVING: &[Setting] = &[
    Setting {
        key: "listen",
        default: "127.0.0.1:5000",
        otherwise: NONE,
        help: "Address and port to listen on. The default answers this machine only; 0.0.0.0:5000 answers everybody.",
        field: |s| &mut s.listen,
    },
    Setting {
        key: "data_dir",
        default: "data",
        otherwise: NONE,
        help: "Folder for everything the server keeps; made when it is missing. Back it up.",
        field: |s| &mut s.data_dir,
    },
    Setting {
        key: "database",
        default: NONE,
        otherwise: "`berth.db` in data_dir",
        help: "Where the metadata are kept.",
        field: |s| &mut s.database,
    },
    Setting {
        key: "storage",
        default: NONE,
        otherwise: "`storage` in data_dir",
        help: "Where blobs are kept: a folder, or a bucket of an S3 store.",
        field: |s| &mut s.storage,
    },
    Setting {
        key: "external_url",
        default: NONE,
        otherwise: "the host that the client asked for",
        help: "Address at which clients reach this server. It is what token realms, links and login commands name; needed behind a proxy that changes the Host header.",
        field: |s| &mut s.external_url,
    },
    Setting {
        key: "base_path",
        default: NONE,
        otherwise: "X-Forwarded-Prefix of a trusted proxy, else the root of the host",
        help: "Path under which a proxy serves the console and the management API, whether it takes the path away or not. /v2/ and /token are at the root of the host all the same: clients of a registry look for them there.",
        field: |s| &mut s.base_path,
    },
    Setting {
        key: "image_hosts",
        default: NONE,
        otherwise: "the host of external_url",
        help: "Hosts under which clusters pull from this server, as image references name them. Triggers set images with the first; workloads that name any of them run images of this server.",
        field: |s| &mut s.image_hosts,
    },
    Setting {
        key: "trusted_proxies",
        default: NONE,
        otherwise: "no proxy is trusted",
        help: "Proxies whose X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host and X-Request-Id are believed. From everybody else these headers are ignored.",
        field: |s| &mut s.trusted_proxies,
    },
    Setting {
        key: "region",
        default: "local",
        otherwise: NONE,
        help: "Name of the region and of its project. Login commands carry it, so a change ends the long-term logins made before.",
        field: |s| &mut s.region,
    },
    Setting {
        key: "account",
        default: "berth",
        otherwise: NONE,
        help: "Name of the account that the first start creates.",
        field: |s| &mut s.account,
    },
    Setting {
        key: "admin_user",
        default: "admin",
        otherwise: NONE,
        help: "Name of the administrator that the first start creates.",
        field: |s| &mut s.admin_user,
    },
    Setting {
        key: "admin_password",
        default: NONE,
        otherwise: "made up and printed once",
        help: "Password of the administrator that the first start creates. Ignored at every later start.",
        field: |s| &mut s.admin_password,
    },
    Setting {
        key: "admin_ak",
        default: NONE,
        otherwise: "made up and printed once",
        help: "Access key id of the administrator that the first start creates. Give admin_sk with it.",
        field: |s| &mut s.admin_ak,
    },
    Setting {
        key: "admin_sk",
        default: NONE,
        otherwise: "made up and printed once",
        help: "Secret access key that belongs to admin_ak. Ignored at every later start.",
        field: |s| &mut s.admin_sk,
    },
    Setting {
        key: "master_key_file",
        default: NONE,
        otherwise: "`master.key` in data_dir",
        help: "File of the key that encrypts the secrets in the database; made when it is missing. Without it no access key works any more: keep a copy apart from the database.",
        field: |s| &mut s.master_key_file,
    },
    Setting {
        key: "anonymous_pulls",
        default: "true",
        otherwise: NONE,
        help: "Whether public images can be pulled without logging in.",
        field: |s| &mut s.anonymous_pulls,
    },
    Setting {
        key: "missing_references",
        default: "refuse",
        otherwise: NONE,
        help: "What happens to a manifest whose references are not in its repository. accept-manifests takes an index before its manifests, accept takes anything.",
        field: |s| &mut s.missing_references,
    },
    Setting {
        key: "preset",
        default: "default",
        otherwise: NONE,
        help: "Set of defaults to start from. swr has the limits of the SWR guide: 20 layers, 10 GiB each.",
        field: |s| &mut s.preset,
    },
    Setting {
        key: "postgres.connections_max",
        default: "20",
        otherwise: NONE,
        help: "Most connections that this server keeps to PostgreSQL. All replicas together must stay below max_connections of the database.",
        field: |s| &mut s.postgres.connections_max,
    },
    Setting {
        key: "tls.certificate",
        default: NONE,
        otherwise: "plain HTTP",
        help: "PEM file with the server's certificate and those of the authorities between it and the root. Read again when it changes.",
        field: |s| &mut s.tls.certificate,
    },
    Setting {
        key: "tls.key",
        default: NONE,
        otherwise: "plain HTTP",
        help: "PEM file with the private key of tls.certificate. Read again when it changes.",
        field: |s| &mut s.tls.key,
    },
    Setting {
        key: "s3.endpoint",
        default: NONE,
        otherwise: "AWS_ENDPOINT_URL, else Amazon's for the region",
        help: "Address of the S3 store, when storage is a bucket.",
        field: |s| &mut s.s3.endpoint,
    },
    Setting {
        key: "s3.region",
        default: NONE,
        otherwise: "AWS_REGION, else us-east-1",
        help: "Region that requests to the S3 store are signed for.",
        field: |s| &mut s.s3.region,
    },
    Setting {
        key: "s3.access_key_id",
        default: NONE,
        otherwise: "AWS_ACCESS_KEY_ID, else the role of the machine or pod",
        help: "Access key id for the S3 store. Give s3.secret_access_key with it.",
        field: |s| &mut s.s3.access_key_id,
    },
    Setting {
        key: "s3.secret_access_key",
        default: NONE,
        otherwise: "AWS_SECRET_ACCESS_KEY, else the role of the machine or pod",
        help: "Secret access key that belongs to s3.access_key_id.",
        field: |s| &mut s.s3.secret_access_key,
    },
    Setting {
        key: "s3.path_style",
        default: "true",
        otherwise: NONE,
        help: "Whether the bucket is named in the path of requests to the S3 store, and not in their host.",
        field: |s| &mut s.s3.path_style,
    },
    Setting {
        key: "s3.redirect",
        default: "never",
        otherwise: NONE,
        help: "Clients that are sent to the S3 store for the bytes of blobs (307 to a signed address). They must reach it; the bytes of all others go through this server.",
        field: |s| &mut s.s3.redirect,
    },
    Setting {
        key: "s3.redirect_ttl",
        default: "10m",
        otherwise: NONE,
        help: "How long such an address is good, at most reclaim.delay. A download that began in time goes on.",
        field: |s| &mut s.s3.redirect_ttl,
    },
    Setting {
        key: "s3.public_endpoint",
        default: NONE,
        otherwise: "s3.endpoint",
        help: "Address of the S3 store as clients know it, when it is another than this server uses.",
        field: |s| &mut s.s3.public_endpoint,
    },
    Setting {
        key: "s3.upload_memory",
        default: "256MiB",
        otherwise: NONE,
        help: "Most memory that all uploads together take on their way to the S3 store. With less free they wait for one another.",
        field: |s| &mut s.s3.upload_memory,
    },
    Setting {
        key: "s3.cache",
        default: NONE,
        otherwise: "nothing is kept",
        help: "Most bytes of blobs in the S3 store that are kept on this server's disk, too: what was read last, in chunks, each fetched once for all who pull it.",
        field: |s| &mut s.s3.cache,
    },
    Setting {
        key: "s3.cache_dir",
        default: NONE,
        otherwise: "`cache` in data_dir",
        help: "Folder of that cache, for this server alone. Nothing in it need be backed up.",
        field: |s| &mut s.s3.cache_dir,
    },
    Setting {
        key: "limits.manifest_size_max",
        default: "4MiB",
        otherwise: NONE,
        help: "Largest manifest that is accepted.",
        field: |s| &mut s.limits.manifest_size_max,
    },
    Setting {
        key: "limits.layer_size_max",
        default: "10GiB",
        otherwise: NONE,
        help: "Largest blob that is accepted.",
        field: |s| &mut s.limits.layer_size_max,
    },
    Setting {
        key: "limits.layers_max",
        default: "127",
        otherwise: NONE,
        help: "Most layers that one image may have.",
        field: |s| &mut s.limits.layers_max,
    },
    Setting {
        key: "limits.organizations_per_user",
        default: "5",
        otherwise: NONE,
        help: "Most organizations that one user may create.",
        field: |s| &mut s.limits.organizations_per_user,
    },
    Setting {
        key: "limits.upload_ttl",
        default: "24h",
        otherwise: NONE,
        help: "How long an unfinished upload is kept after its last byte.",
        field: |s| &mut s.limits.upload_ttl,
    },
    Setting {
        key: "limits.audit_ttl",
        default: "90d",
        otherwise: NONE,
        help: "How long the audit trail is kept.",
        field: |s| &mut s.limits.audit_ttl,
    },
    Setting {
        key: "limits.token_ttl",
        default: "15m",
        otherwise: NONE,
        help: "How long a token of the token endpoint is valid. Clients fetch a new one by themselves.",
        field: |s| &mut s.limits.token_ttl,
    },
    Setting {
        key: "limits.temporary_login_ttl",
        default: "24h",
        otherwise: NONE,
        help: "How long a generated login command is valid when nothing shorter is asked for: 15m to 24h.",
        field: |s| &mut s.limits.temporary_login_ttl,
    },
    Setting {
        key: "limits.connections_max",
        default: "10000",
        otherwise: NONE,
        help: "Most connections at one time; more wait in the system's queue.",
        field: |s| &mut s.limits.connections_max,
    },
    Setting {
        key: "limits.requests_max",
        default: "512",
        otherwise: NONE,
        help: "Most requests that are worked on at one time, up to the first byte of their response. More wait for their turn.",
        field: |s| &mut s.limits.requests_max,
    },
    Setting {
        key: "limits.uploads_max",
        default: "256",
        otherwise: NONE,
        help: "Most requests at one time whose bodies are longer than 64 KiB: each takes a few buffers while its client sends. More wait for their turn.",
        field: |s| &mut s.limits.uploads_max,
    },
    Setting {
        key: "limits.request_wait_max",
        default: "15s",
        otherwise: NONE,
        help: "How long a request waits for its turn before it is answered with 503 and Retry-After. Probes never wait.",
        field: |s| &mut s.limits.request_wait_max,
    },
    Setting {
        key: "limits.event_streams_max",
        default: "1000",
        otherwise: NONE,
        help: "Most streams of events at one time, by which pages of the console hear of changes; each is a connection, or a part of one. Pages without one ask now and then.",
        field: |s| &mut s.limits.event_streams_max,
    },
    Setting {
        key: "limits.event_streams_per_user",
        default: "32",
        otherwise: NONE,
        help: "Most streams of events of one user at one time; one login has at most 8 of them.",
        field: |s| &mut s.limits.event_streams_per_user,
    },
    Setting {
        key: "limits.header_timeout",
        default: "60s",
        otherwise: NONE,
        help: "How long a connection may go without a complete request: for the TLS handshake, the request's header, and between two requests.",
        field: |s| &mut s.limits.header_timeout,
    },
    Setting {
        key: "limits.body_stall_timeout",
        default: "60s",
        otherwise: NONE,
        help: "How long a request's body may stand still before the request ends with 408. An upload goes on where it stopped.",
        field: |s| &mut s.limits.body_stall_timeout,
    },
    Setting {
        key: "limits.response_stall_timeout",
        default: "10m",
        otherwise: NONE,
        help: "How long a client may take no byte of a response before its connection ends.",
        field: |s| &mut s.limits.response_stall_timeout,
    },
    Setting {
        key: "limits.shutdown_grace",
        default: "30s",
        otherwise: NONE,
        help: "How long running transfers may go on after SIGTERM or SIGINT. A second signal ends them at once.",
        field: |s| &mut s.limits.shutdown_grace,
    },
];
