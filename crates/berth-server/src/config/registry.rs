//! The settings in the words of `berth_registry`.

use std::num::NonZeroU32;

use berth_registry::{
    AccessKeyPair, ArchiveLimits, CacheSettings, ContentLimits, FirstStart, IdentitySettings, IndexBounds,
    LazyLimits, Limits, MirrorLimits, Opening, OutboundRules, RateLimits, RetentionLimits, S3Settings,
    Storage, SwarmLimits, Upgrade, Upkeep,
};

use super::settings::{MissingReferences, Rates, Settings};
use super::value::StoragePlace;

impl Settings {
    /// What the registry is opened with.
    pub(crate) fn registry(&self) -> berth_registry::Settings {
        berth_registry::Settings {
            database: self.database_url(),
            storage: self.registry_storage(),
            limits: self.registry_limits(),
            identity: IdentitySettings {
                master_key_file: self.master_key_file(),
                region: self.region.0.clone(),
                token_ttl: self.limits.token_ttl,
                temporary_login_ttl: self.limits.temporary_login_ttl,
            },
        }
    }

    fn registry_storage(&self) -> Storage {
        let (bucket, prefix) = match &self.storage {
            StoragePlace::InDataDir => return Storage::Folder(self.data_dir.join("storage")),
            StoragePlace::Folder(path) => return Storage::Folder(path.clone()),
            StoragePlace::S3 { bucket, prefix } => (bucket, prefix),
        };
        Storage::S3(Box::new(S3Settings {
            endpoint: self.s3.endpoint.0.clone(),
            public_endpoint: self.s3.public_endpoint.0.clone(),
            region: self.s3.region.as_ref().map(|region| region.0.clone()),
            access_key_id: self.s3.access_key_id.as_ref().map(|id| id.0.clone()),
            secret_access_key: self.s3.secret_access_key.expose().map(str::to_owned),
            path_style: self.s3.path_style,
            memory_bytes: self.s3.upload_memory.0,
            blob_bytes_max: self.limits.layer_size_max.0,
            cache: self.cache(),
            ..S3Settings::new(bucket, prefix)
        }))
    }

    fn cache(&self) -> Option<CacheSettings> {
        let in_data_dir = || self.data_dir.join("cache");
        Some(CacheSettings {
            bytes_max: self.s3.cache?.0,
            folder: self.s3.cache_dir.clone().unwrap_or_else(in_data_dir),
        })
    }

    /// How its database is opened.
    pub(crate) fn opening(&self, upgrade: Upgrade) -> Opening {
        let defaults = Opening::default();
        Opening {
            connections_max: self
                .postgres
                .connections_max
                .map_or(defaults.connections_max, NonZeroU32::get),
            upgrade,
        }
    }

    fn mirror_limits(&self) -> MirrorLimits {
        let defaults = MirrorLimits::default();
        let spool = self.mirror.spool.clone();
        MirrorLimits {
            recheck: self.mirror.recheck,
            stale_max: self.mirror.stale_max,
            spool: spool.unwrap_or_else(|| self.data_dir.join("spool")),
            spool_bytes_max: self.mirror.spool_size_max.0,
            fetches_max: self
                .mirror
                .fetches_max
                .map_or(defaults.fetches_max, NonZeroU32::get),
            ..defaults
        }
    }

    fn lazy_limits(&self) -> LazyLimits {
        let defaults = LazyLimits::default();
        // More than a turn of a job has would never be told.
        let time = self.lazy.time_max.min(defaults.bounds.time);
        LazyLimits {
            folder: self.lazy.folder.clone().unwrap_or(defaults.folder),
            bounds: IndexBounds {
                memory_bytes: self.lazy.memory_max.0,
                cpu: time,
                time,
                folder_bytes: self.lazy.folder_size_max.0,
            },
            percent_max: self
                .lazy
                .percent_max
                .map_or(defaults.percent_max, NonZeroU32::get),
            ..defaults
        }
    }

    fn rate_limits(&self) -> RateLimits {
        let of = |rates: &Rates| berth_registry::Rates {
            account: rates.account,
            user: rates.user,
            address: rates.address,
        };
        let defence = &self.limits.defence;
        // Who waits has a place among those that are answered; half of them are for others.
        let places = self.limits.requests_max.min(self.limits.uploads_max);
        RateLimits {
            push: of(&defence.push),
            pull: of(&defence.pull),
            api: of(&defence.api),
            wait_max: defence.rate_wait_max,
            shut_out_after: defence.shut_out_after,
            shut_out_for: defence.shut_out_for,
            waiting_max: places.map_or(0, |places| places.get() as usize / 2),
        }
    }

    /// The first account, as far as the settings name it.
    pub(crate) fn first_start(&self) -> FirstStart {
        let key = self.admin_ak.as_ref().zip(self.admin_sk.expose());
        FirstStart {
            account: self.account.0.clone(),
            user: self.admin_user.0.clone(),
            password: self.admin_password.expose().map(str::to_owned),
            access_key: key.map(|(id, secret)| AccessKeyPair {
                access_key_id: id.0.clone(),
                secret_key: secret.to_owned(),
            }),
        }
    }

    /// What this server is called in image references.
    fn image_hosts(&self) -> Vec<String> {
        let of_url = || {
            let (scheme, host) = self.external_url.0.as_deref()?.split_once("://")?;
            // In a reference, a name with neither a dot nor a port is taken for a part of a path.
            let is_host = host.contains(['.', ':']) || host == "localhost";
            let port = if scheme == "https" { 443 } else { 80 };
            Some(if is_host {
                host.to_owned()
            } else {
                format!("{host}:{port}")
            })
        };
        match self.image_hosts.0.as_slice() {
            [] => of_url().into_iter().collect(),
            hosts => hosts.to_vec(),
        }
    }

    fn swarm_limits(&self, defaults: &SwarmLimits) -> SwarmLimits {
        SwarmLimits {
            enabled: self.swarm.enabled,
            peers_max: self.swarm.peers_max.map_or(defaults.peers_max, NonZeroU32::get),
            replica_address: self.replica.address.0.clone(),
        }
    }

    fn registry_limits(&self) -> Limits {
        let defaults = Limits::default();
        Limits {
            manifest_bytes_max: self.limits.manifest_size_max.0,
            blob_bytes_max: self.limits.layer_size_max.0,
            layers_max: self
                .limits
                .layers_max
                .map_or(defaults.layers_max, |max| max.get() as usize),
            upload_ttl: self.limits.upload_ttl,
            audit_ttl: self.limits.audit_ttl,
            audit_events_max: self.limits.audit_events_max,
            bin_ttl: self.bin.ttl.0,
            organizations_per_user: self.limits.organizations_per_user,
            missing_references: match self.missing_references {
                MissingReferences::Refuse => berth_registry::MissingReferences::Refuse,
                MissingReferences::AcceptManifests => berth_registry::MissingReferences::AcceptManifests,
                MissingReferences::Accept => berth_registry::MissingReferences::AcceptAll,
            },
            anonymous_pulls: self.anonymous_pulls,
            upkeep: Upkeep {
                reclaim_delay: self.reclaim.delay,
                reclaim_rate: self.reclaim.rate,
                orphans_after: self.reclaim.orphans_after,
                scrub_rate: if self.scrub.enabled { self.scrub.rate.0 } else { 0 },
                scrub_interval: self.scrub.interval,
                quarantine_ttl: self.scrub.quarantine_ttl,
            },
            image_hosts: self.image_hosts(),
            clusters_look_every: self.clusters.look_every.0,
            sign_in_recheck: self.sign_in.recheck,
            retention: RetentionLimits {
                every: self.retention.every.0,
                keep_signed: self.retention.keep_signed,
                without_clusters: self.retention.without_clusters,
                log_ttl: self.retention.log_ttl,
            },
            archives: ArchiveLimits {
                bytes_max: self.uploads.file_size_max.0,
                unpacked_bytes_max: self.uploads.unpacked_size_max.0,
                files_max: self
                    .uploads
                    .files_max
                    .map_or(defaults.archives.files_max, NonZeroU32::get),
                ttl: self.uploads.ttl,
            },
            contents: ContentLimits {
                lists_bytes_max: self.contents.lists.0,
                unpacked_bytes_max: self.contents.layer.0,
                file_bytes_max: self.contents.file.0,
                time_max: self.contents.time_max,
            },
            mirrors: self.mirror_limits(),
            lazy: self.lazy_limits(),
            rates: self.rate_limits(),
            swarm: self.swarm_limits(&defaults.swarm),
            outbound: OutboundRules {
                allow: self.outbound.allow.clone(),
                deny: self.outbound.deny.clone(),
            },
            event_streams_max: self.limits.event_streams_max,
            event_streams_per_user: self.limits.event_streams_per_user,
            backup_every: self.backup.every.0,
            backup_keep: self.backup.keep.map_or(defaults.backup_keep, NonZeroU32::get),
            ..defaults
        }
    }
}
