//! A directory of a test's own: Debian's slapd with people and groups, on private ports, over LDAP, StartTLS and LDAPS. Ends
//! with the value.

use std::process::{Command, Stdio};

use crate::daemon::Daemon;
use crate::home::Home;
use crate::server::{free_port, make_certificate};

/// Below what everything is.
pub const SUFFIX: &str = "dc=berth,dc=test";
/// Who may write and search.
pub const MANAGER: &str = "cn=manager,dc=berth,dc=test";
/// The manager's password.
pub const MANAGER_PASSWORD: &str = "Manager-of-7-directories";
const SCHEMAS: [&str; 3] = ["core", "cosine", "inetorgperson"];

/// A running directory with organizational units `people` and `groups`.
#[derive(Debug)]
pub struct Directory {
    home: Home,
    port: u16,
    tls_port: u16,
    daemon: Option<Daemon>,
}

impl Directory {
    /// Starts one without people, and waits until it answers; panics when slapd is not installed.
    pub fn start() -> Self {
        let home = Home::new("directory");
        make_certificate(&home, "localhost");
        std::fs::create_dir(home.join("data")).expect("a test's folder can be written");
        let includes = SCHEMAS.map(|schema| format!("include /etc/ldap/schema/{schema}.schema\n"));
        let includes = includes.concat();
        let folder = home.path().display();
        let settings = format!(
            "{includes}pidfile {folder}/pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {folder}/tls/server.crt
TLSCertificateKeyFile {folder}/tls/server.key
TLSVerifyClient never
database mdb
suffix \"{SUFFIX}\"
rootdn \"{MANAGER}\"
rootpw {MANAGER_PASSWORD}
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
"
        );
        home.write("slapd.conf", settings);
        let mut directory = Self {
            home,
            port: free_port(),
            tls_port: free_port(),
            daemon: None,
        };
        directory.resume();
        directory.add(&format!(
            "dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\ndc: berth\no: berth\n\n\
             dn: ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: people\n\n\
             dn: ou=groups,{SUFFIX}\nobjectClass: organizationalUnit\nou: groups\n"
        ));
        directory
    }

    /// Starts it again after [`Directory::stop`].
    pub fn resume(&mut self) {
        let addresses = format!(
            "ldap://127.0.0.1:{}/ ldaps://127.0.0.1:{}/",
            self.port, self.tls_port
        );
        let mut command = Command::new("/usr/sbin/slapd");
        command
            .arg("-f")
            .arg(self.home.join("slapd.conf"))
            .args(["-h", &addresses, "-d", "0"]);
        let mut daemon = Daemon::spawn("slapd", &mut command, &self.home.join("log"));
        let ports = [self.port, self.tls_port];
        daemon.wait_until(|| {
            ports
                .iter()
                .all(|port| std::net::TcpStream::connect(("127.0.0.1", *port)).is_ok())
        });
        self.daemon = Some(daemon);
    }

    /// Ends it; its people stay.
    pub fn stop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.end();
        }
    }

    /// Its address without TLS.
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// Its address with TLS.
    pub fn tls_url(&self) -> String {
        format!("ldaps://localhost:{}", self.tls_port)
    }

    /// Its address without TLS under the name that its certificate has.
    pub fn named_url(&self) -> String {
        format!("ldap://localhost:{}", self.port)
    }

    /// What its certificate is checked with, as PEM.
    pub fn authority(&self) -> String {
        let file = self.home.join("tls/ca.crt");
        std::fs::read_to_string(file).expect("the certificate was made")
    }

    /// Adds a person with a password.
    pub fn add_person(&self, name: &str, password: &str) {
        self.add(&format!(
            "dn: uid={name},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n\
             userPassword: {password}\n"
        ));
    }

    /// Adds a group with one person in it.
    pub fn add_group(&self, group: &str, name: &str) {
        self.add(&format!(
            "dn: cn={group},ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: {group}\n\
             member: uid={name},ou=people,{SUFFIX}\n"
        ));
    }

    /// Removes a person or a group: `uid=mary,ou=people`.
    pub fn remove(&self, entry: &str) {
        self.write("ldapdelete", &format!("{entry},{SUFFIX}\n"));
    }

    /// Adds entries, as LDIF has them.
    pub fn add(&self, entries: &str) {
        self.write("ldapadd", entries);
    }

    /// Changes entries, as LDIF has it.
    pub fn change(&self, changes: &str) {
        self.write("ldapmodify", changes);
    }

    fn write(&self, program: &str, text: &str) {
        use std::io::Write as _;
        let mut child = Command::new(program)
            .args(["-x", "-H", &self.url(), "-D", MANAGER, "-w", MANAGER_PASSWORD])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ldap-utils is installed (run scripts/install-test-tools)");
        let mut input = child.stdin.take().expect("standard input is a pipe");
        input.write_all(text.as_bytes()).expect("the program reads");
        drop(input);
        let output = child.wait_with_output().expect("a child can be waited for");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} failed: {said}");
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.stop();
    }
}
