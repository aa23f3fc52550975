//! `berth tls self-signed`: a local certificate authority and a server certificate, and where clients want them.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

/// What to make.
#[derive(Debug, clap::Args)]
pub(crate) struct Request {
    /// Name or address that clients use for this server; may be repeated
    ///
    /// The first one is used in the printed instructions. Without any: this machine's name and addresses.
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Port that clients use, for the printed instructions
    #[arg(long, default_value_t = 5000)]
    port: u16,
    /// Folder for the four files; made when it is missing
    #[arg(long, value_name = "FOLDER", default_value = "data/tls")]
    directory: PathBuf,
    /// Days until the server certificate ends; the authority lives ten years
    #[arg(long, default_value_t = 825, value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file is in the way.
    #[error("{} is there already; --force replaces it, and clients then need the new authority", .0.display())]
    Exists(PathBuf),
    /// A name that no certificate can carry, or a failure of the cryptography.
    #[error("the certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The disk said no.
    #[error("{} cannot be written: {source}", path.display())]
    Write {
        /// What was written.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Writes ca.crt, ca.key, server.crt and server.key; returns instructions for people.
pub(crate) fn make(request: &Request) -> Result<String, Error> {
    let hosts = if request.hosts.is_empty() {
        names_of_this_machine()
    } else {
        request.hosts.clone()
    };
    let files = ["ca.crt", "ca.key", "server.crt", "server.key"].map(|name| request.directory.join(name));
    if let Some(there) = files.iter().find(|path| path.exists() && !request.force) {
        return Err(Error::Exists(there.clone()));
    }
    let now = OffsetDateTime::now_utc();
    let authority = CertifiedIssuer::self_signed(authority_params(now), KeyPair::generate()?)?;
    let server_key = KeyPair::generate()?;
    let server = server_params(&hosts, now, request.days)?.signed_by(&server_key, &authority)?;

    create_folder(&request.directory)?;
    let [ca_crt, ca_key, server_crt, server_key_file] = &files;
    write(ca_crt, &authority.pem(), 0o644)?;
    write(ca_key, &authority.key().serialize_pem(), 0o600)?;
    write(server_crt, &(server.pem() + &authority.pem()), 0o644)?;
    write(server_key_file, &server_key.serialize_pem(), 0o600)?;
    Ok(instructions(request, &hosts))
}

fn authority_params(now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    // The random part tells two authorities made one after the other apart in a client's trust store.
    let id = uuid::Uuid::new_v4().simple().to_string();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("Berth local authority {}", &id[..8]));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = now - Duration::days(1);
    params.not_after = now + Duration::days(3650);
    params
}

fn server_params(
    hosts: &[String],
    now: OffsetDateTime,
    days: u16,
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(hosts)?;
    params
        .distinguished_name
        .push(DnType::CommonName, hosts.first().map_or("berth", String::as_str));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = now - Duration::days(1);
    params.not_after = now + Duration::days(i64::from(days));
    Ok(params)
}

fn names_of_this_machine() -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
    let own = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if !own.is_empty() && !names.contains(&own) {
        names.push(own);
    }
    names
}

fn create_folder(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(|source| Error::Write {
        path: path.into(),
        source,
    })
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let written = || -> std::io::Result<()> {
        // A new file each time: an old one may be readable by others, and a running server must never read half of one.
        let fresh = path.with_extension("new");
        let _ = std::fs::remove_file(&fresh);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)
    };
    written().map_err(|source| Error::Write {
        path: path.into(),
        source,
    })
}

fn instructions(request: &Request, hosts: &[String]) -> String {
    let host = hosts.first().map_or("localhost", String::as_str);
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let registry = format!("{host}:{}", request.port);
    let folder = std::path::absolute(&request.directory).unwrap_or_else(|_| request.directory.clone());
    let folder = folder.display();
    format!(
        "\
Made in {folder}:
  ca.crt      the authority, which clients must trust
  ca.key      its key: keep it secret, or delete it
  server.crt  the certificate for {names}
  server.key  its key: keep it secret

Start the server with it:
  berth serve --listen 0.0.0.0:{port} --tls-certificate {folder}/server.crt --tls-key {folder}/server.key

Let clients trust it, on each machine and without a restart:
  docker
    sudo install -D -m 644 {folder}/ca.crt /etc/docker/certs.d/{registry}/ca.crt
  podman, buildah, skopeo
    sudo install -D -m 644 {folder}/ca.crt /etc/containers/certs.d/{registry}/ca.crt
  containerd (its config_path must name /etc/containerd/certs.d)
    sudo install -D -m 644 {folder}/ca.crt /etc/containerd/certs.d/{registry}/ca.crt
    and in /etc/containerd/certs.d/{registry}/hosts.toml:
      server = \"https://{registry}\"
      [host.\"https://{registry}\"]
        ca = \"/etc/containerd/certs.d/{registry}/ca.crt\"
",
        names = hosts.join(", "),
        port = request.port,
    )
}
