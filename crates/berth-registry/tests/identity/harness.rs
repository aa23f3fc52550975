//! A registry in a temporary folder with an administrator, and the answers that tests compare.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use berth_blob::FileStore;
use berth_metadata::{AccessType, Metadata};
use berth_registry::{
    AccessKeyPair, Caller, Error, FirstStart, IdentitySettings, Limits, NewPerson, Presented, Registry,
};
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "correct horse";

/// A registry after its first start: account `berth`, administrator `admin`, one access key.
pub(crate) struct Installation {
    pub(crate) folder: TempDir,
    pub(crate) registry: Registry,
    pub(crate) key: AccessKeyPair,
}

/// The settings of the registry in `folder`.
pub(crate) fn settings(folder: &Path) -> IdentitySettings {
    IdentitySettings {
        master_key_file: folder.join("master.key"),
        region: "local".to_owned(),
        token_ttl: Duration::from_mins(15),
        temporary_login_ttl: Duration::from_hours(6),
    }
}

/// The rows of the registry in `folder`, for what only time or another process would do to them.
pub(crate) async fn metadata(folder: &Path) -> Metadata {
    Metadata::open(&format!("sqlite://{}", folder.join("berth.db").display()))
        .await
        .unwrap()
}

/// Opens the registry in `folder`, as one more replica would.
pub(crate) async fn open(folder: &Path, settings: &IdentitySettings) -> Result<Registry, Error> {
    let blobs = FileStore::open(&folder.join("storage")).unwrap();
    Registry::new(
        metadata(folder).await,
        Arc::new(blobs),
        Limits::default(),
        settings,
    )
    .await
}

/// The credentials of a first start that generates nothing.
pub(crate) fn given() -> FirstStart {
    FirstStart {
        account: "berth".to_owned(),
        user: "admin".to_owned(),
        password: Some(PASSWORD.to_owned()),
        access_key: Some(AccessKeyPair {
            access_key_id: "AKEXAMPLE0001".to_owned(),
            secret_key: "SKexampleSecret0001".to_owned(),
        }),
    }
}

impl Installation {
    pub(crate) async fn start() -> Installation {
        let folder = tempfile::tempdir().unwrap();
        let registry = open(folder.path(), &settings(folder.path())).await.unwrap();
        registry.bootstrap(given()).await.unwrap();
        Installation {
            folder,
            registry,
            key: given().access_key.unwrap(),
        }
    }

    /// Logs in from an address of this machine.
    pub(crate) async fn login(&self, user: &str, password: &str) -> Result<Caller, Error> {
        self.login_from(1, user, password).await
    }

    pub(crate) async fn login_from(&self, last: u8, user: &str, password: &str) -> Result<Caller, Error> {
        let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        self.registry
            .authenticate_password(Presented {
                user,
                password,
                source,
            })
            .await
    }

    /// The administrator, logged in with the access key.
    pub(crate) async fn administrator(&self) -> Caller {
        let user = format!("local@{}", self.key.access_key_id);
        self.login(&user, &self.key.login_key()).await.unwrap()
    }

    /// A new user of account `berth` with the usual password.
    pub(crate) async fn person(&self, name: &str, access: AccessType) -> String {
        let person = NewPerson {
            name: name.to_owned(),
            password: Some(PASSWORD.to_owned()),
            access,
            administrator: false,
            description: String::new(),
        };
        self.registry
            .create_user(&Caller::System, "berth", person)
            .await
            .unwrap()
            .id
    }

    /// The new user, logged in.
    pub(crate) async fn member(&self, name: &str) -> Caller {
        self.person(name, AccessType::Both).await;
        self.login(name, PASSWORD).await.unwrap()
    }
}

/// The outcome in a word, with what the caller is told besides the text.
pub(crate) fn outcome<T>(result: &Result<T, Error>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(Error::BadCredentials { explanation: None }) => "not recognised".to_owned(),
        Err(Error::BadCredentials {
            explanation: Some(explanation),
        }) => format!("refused: {explanation}"),
        Err(Error::Denied(denial)) => format!("denied: {}", denial.text),
        Err(Error::Throttled { .. }) => "throttled".to_owned(),
        Err(error) => format!("{error}"),
    }
}

/// Who the caller is, in the form `account/user by credential`.
pub(crate) fn who(caller: &Caller) -> String {
    match caller {
        Caller::User(user) => format!(
            "{}/{} by {:?}",
            user.account_name, user.user_name, user.credential
        ),
        other => format!("{other:?}"),
    }
}
