//! The one table of settings. The parser, `--help`, the reference page and the sample file are made of it.

use super::settings::Settings;
use super::value::Value;

/// One setting.
pub(crate) struct Setting {
    /// Its name in berth.toml, with the section in front: `limits.layers_max`.
    pub(crate) key: &'static str,
    /// Its default, written as a person would; empty when there is none.
    pub(crate) default: &'static str,
    /// What is used when neither it nor a default is given.
    pub(crate) otherwise: &'static str,
    /// What it does: the first sentence alone must do for `--help`.
    pub(crate) help: &'static str,
    /// Where it is kept.
    pub(crate) field: fn(&mut Settings) -> &mut dyn Value,
}

impl Setting {
    /// Its environment variable: `BERTH_LIMITS_LAYERS_MAX`.
    pub(crate) fn variable(&self) -> String {
        format!("BERTH_{}", self.key.replace('.', "_").to_uppercase())
    }

    /// Its flag without the dashes, `limits-layers-max`. A secret has none: other users of a machine can read the
    /// arguments of a program.
    pub(crate) fn flag(&self) -> Option<String> {
        (!self.is_secret()).then(|| self.key.replace(['.', '_'], "-"))
    }

    /// True when its value must never be shown.
    pub(crate) fn is_secret(&self) -> bool {
        self.kind() == "secret"
    }

    /// The type of its value, in one word.
    pub(crate) fn kind(&self) -> &'static str {
        (self.field)(&mut Settings::default()).kind()
    }

    /// What may be written as its value.
    pub(crate) fn allowed(&self) -> String {
        (self.field)(&mut Settings::default()).allowed()
    }
}

/// The setting of this key.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The values that `preset = "swr"` puts in place of the defaults: the figures of the SWR guide.
pub(crate) const SWR: &[(&str, &str)] = &[("limits.layers_max", "20"), ("limits.layer_size_max", "10GiB")];

/// A row without default: what happens then is in `otherwise`.
const NONE: &str = "";

/// All settings, in the order of the reference page. Keys of one section stand together.
pub(crate) const SETTINGS: &[Setting] = &[
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
        key: "trusted_proxies",
        default: NONE,
        otherwise: "no proxy is trusted",
        help: "Proxies whose X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host are believed. From everybody else these headers are ignored.",
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
        help: "How long such an address is good. A download that began in time goes on.",
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
    Setting {
        key: "reclaim.delay",
        default: "1h",
        otherwise: NONE,
        help: "How long the bytes of a deleted blob are kept. Downloads that began before it was deleted end in this time.",
        field: |s| &mut s.reclaim.delay,
    },
    Setting {
        key: "reclaim.rate",
        default: "1000",
        otherwise: NONE,
        help: "Most blobs whose bytes are deleted in a second, 0 for any number. A disk that is busy deleting answers later.",
        field: |s| &mut s.reclaim.rate,
    },
    Setting {
        key: "reclaim.orphans_after",
        default: "24h",
        otherwise: NONE,
        help: "Age at which bytes in the storage are deleted that no blob and no upload names. Only a crash leaves such bytes.",
        field: |s| &mut s.reclaim.orphans_after,
    },
    Setting {
        key: "scrub.enabled",
        default: "true",
        otherwise: NONE,
        help: "Whether all that is stored is read again and compared with its digest in the background.",
        field: |s| &mut s.scrub.enabled,
    },
    Setting {
        key: "scrub.rate",
        default: "50MiB",
        otherwise: NONE,
        help: "Most bytes that the scrub reads in a second.",
        field: |s| &mut s.scrub.rate,
    },
    Setting {
        key: "scrub.interval",
        default: "30d",
        otherwise: NONE,
        help: "How often all that is stored is compared with its digest. A blob that was not in this time is when it is pulled whole, too.",
        field: |s| &mut s.scrub.interval,
    },
    Setting {
        key: "scrub.quarantine_ttl",
        default: "7d",
        otherwise: NONE,
        help: "How long bytes that were found damaged are kept, to be looked at, after their blob was pushed again or deleted.",
        field: |s| &mut s.scrub.quarantine_ttl,
    },
    Setting {
        key: "backup.every",
        default: "24h",
        otherwise: NONE,
        help: "Time between two snapshots of the metadata that the server writes into its storage by itself. 0: none but those that `berth backup` makes.",
        field: |s| &mut s.backup.every,
    },
    Setting {
        key: "backup.keep",
        default: "7",
        otherwise: NONE,
        help: "How many snapshots are kept in the storage; older ones are deleted after each new one.",
        field: |s| &mut s.backup.keep,
    },
    Setting {
        key: "log.level",
        default: "info",
        otherwise: NONE,
        help: "What is logged to standard error.",
        field: |s| &mut s.log.level,
    },
    Setting {
        key: "log.format",
        default: "text",
        otherwise: NONE,
        help: "How log lines look.",
        field: |s| &mut s.log.format,
    },
];
