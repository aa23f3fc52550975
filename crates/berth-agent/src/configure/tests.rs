//! What is written into files that are there already, and what is not.

use super::*;

fn request(client: Client, root: &Path, hosts: &[&str]) -> Request {
    Request {
        client,
        agent: "127.0.0.1:7000".parse().unwrap(),
        hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
        registry: None,
        root: root.to_owned(),
    }
}

/// Writes what is planned twice: the second time nothing changes.
fn apply(request: &Request) -> Vec<Planned> {
    let first = plan(request).unwrap();
    for planned in &first {
        write(planned).unwrap();
    }
    assert!(plan(request).unwrap().iter().all(|planned| !planned.is_change));
    first
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn containerd_has_a_file_for_each_registry() {
    let root = tempfile::tempdir().unwrap();
    let planned = apply(&request(
        Client::Containerd,
        root.path(),
        &["docker.io", "quay.io=quay"],
    ));
    assert!(
        planned[0]
            .path
            .ends_with("etc/containerd/certs.d/docker.io/hosts.toml")
    );
    assert_eq!(
        planned[0].text,
        "server = \"https://registry-1.docker.io\"\n\n# begin: berth agent\n[host.\"http://127.0.0.1:7000\"]\n  \
         capabilities = [\"pull\"]\n# end: berth agent\n"
    );
    assert!(
        planned[1]
            .text
            .contains("[host.\"http://127.0.0.1:7000/v2/quay\"]")
    );
    assert!(planned[1].text.contains("override_path = true"));
}

#[test]
fn what_others_wrote_for_containerd_stays_behind_the_agent() {
    let root = tempfile::tempdir().unwrap();
    let path = "etc/containerd/certs.d/docker.io/hosts.toml";
    let theirs = "# ours\nserver = \"https://mirror.corp\"\n\n[host.\"https://mirror.corp\"]\n  capabilities = [\"pull\"]\n";
    put(root.path(), path, theirs);
    let mut wanted = request(Client::Containerd, root.path(), &["docker.io"]);
    let text = apply(&wanted)[0].text.clone();
    assert!(text.starts_with("# ours\nserver = \"https://mirror.corp\"\n"));
    let (agent, corp) = (
        text.find("127.0.0.1:7000").unwrap(),
        text.find("[host.\"https://mirror.corp\"]").unwrap(),
    );
    assert!(agent < corp);
    let kept = root.path().join(format!("{path}.before-berth-agent"));
    assert_eq!(fs::read_to_string(&kept).unwrap(), theirs);

    wanted.agent = "127.0.0.1:7777".parse().unwrap();
    let text = apply(&wanted)[0].text.clone();
    assert!(text.contains("7777") && !text.contains("7000"), "{text}");
    assert_eq!(fs::read_to_string(&kept).unwrap(), theirs);

    put(root.path(), path, "[host.\"http://127.0.0.1:7777\"]\n");
    assert!(matches!(plan(&wanted), Err(Error::Occupied { .. })));
    put(root.path(), path, "server = \n");
    assert!(matches!(plan(&wanted), Err(Error::Occupied { .. })));
}

#[test]
fn the_agents_table_trusts_the_registry_as_the_registry_is_trusted() {
    let root = tempfile::tempdir().unwrap();
    let path = |host: &str| format!("etc/containerd/certs.d/{host}/hosts.toml");
    let check = |wanted: &Request, theirs: &str, expected: &str| {
        put(root.path(), &path(&wanted.hosts[0].name), theirs);
        let text = plan(wanted).unwrap().pop().unwrap().text;
        let block = text.split("# begin: berth agent\n").nth(1).unwrap();
        let block = block.split("# end").next().unwrap();
        assert_eq!(
            block.split("capabilities = [\"pull\"]\n").nth(1).unwrap(),
            expected,
            "{text}"
        );
    };
    let mut wanted = request(Client::Containerd, root.path(), &["registry.example"]);
    let server = "server = 'https://registry.example'\n";
    check(&wanted, server, "");
    check(
        &wanted,
        &format!("{server}ca = '/etc/ours.crt' # ours\nskip_verify = true\n"),
        "  ca = '/etc/ours.crt'\n  skip_verify = true\n",
    );
    check(
        &wanted,
        &format!("{server}[host.'https://registry.example']\nca = ['a.crt', 'b.crt']\n"),
        "  ca = ['a.crt', 'b.crt']\n",
    );
    // A mirrored registry's authority is not the mirror's.
    let of_hub = request(Client::Containerd, root.path(), &["docker.io"]);
    check(&of_hub, "server = 'https://hub.corp'\nca = '/etc/hub.crt'\n", "");
    let mut registry: Registry = "https://registry.example/".parse().unwrap();
    let authority = "-----BEGIN CERTIFICATE-----\n";
    put(root.path(), "given.crt", authority);
    registry.ca = Some(root.path().join("given.crt"));
    let with = |request: Request| Request {
        registry: Some(registry.clone()),
        ..request
    };
    check(
        &with(of_hub),
        "server = 'https://hub.corp'\nca = '/etc/hub.crt'\n",
        "  ca = \"berth-agent-ca.crt\"\n",
    );
    wanted = with(wanted);
    fs::remove_dir_all(root.path().join("etc")).unwrap();
    let planned = apply(&wanted);
    assert!(planned[0].path.ends_with("registry.example/berth-agent-ca.crt"));
    assert_eq!(planned[0].text, authority);
    let ca = "ca = \"berth-agent-ca.crt\"\n";
    let (text, server) = (&planned[1].text, "server = \"https://registry.example\"\n");
    assert!(text.starts_with(&format!("{server}{ca}\n# begin")), "{text}");
    assert_eq!(text.matches(ca).count(), 2, "{text}");
    put(root.path(), "given.crt", "nothing");
    assert!(matches!(plan(&wanted), Err(Error::Setting(_))));
}

#[test]
fn docker_gets_one_mirror_more() {
    let root = tempfile::tempdir().unwrap();
    put(
        root.path(),
        "etc/docker/daemon.json",
        "{\"log-driver\": \"local\", \"registry-mirrors\": [\"https://a\"]}",
    );
    let wanted = request(Client::Docker, root.path(), &["docker.io"]);
    let text = apply(&wanted)[0].text.clone();
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        read,
        serde_json::json!({"log-driver": "local", "registry-mirrors": ["http://127.0.0.1:7000", "https://a"]})
    );
    assert!(plan(&request(Client::Docker, root.path(), &["quay.io"])).is_err());
    put(root.path(), "etc/docker/daemon.json", "{nothing");
    assert!(matches!(plan(&wanted), Err(Error::Occupied { .. })));
}

#[test]
fn podman_gets_a_file_of_its_own_unless_another_speaks_of_the_registry() {
    let root = tempfile::tempdir().unwrap();
    let wanted = request(Client::Podman, root.path(), &["docker.io", "quay.io=quay"]);
    let text = apply(&wanted)[0].text.clone();
    assert!(text.contains("prefix = \"quay.io\"") && text.contains("location = \"127.0.0.1:7000/quay\""));
    assert!(text.parse::<toml_edit::DocumentMut>().is_ok());
    assert_eq!(
        plan(&request(
            Client::Crio,
            root.path(),
            &["docker.io", "quay.io=quay"]
        ))
        .unwrap()[0]
            .text,
        text
    );
    let theirs = "[[registry]]\nlocation = \"quay.io\"\n";
    put(
        root.path(),
        "etc/containers/registries.conf.d/001-corp.conf",
        theirs,
    );
    assert!(matches!(plan(&wanted), Err(Error::Occupied { .. })));
}

#[test]
fn a_registry_is_named_as_in_image_names() {
    let check = |text: &str, is_fine: bool| assert_eq!(text.parse::<Host>().is_ok(), is_fine, "{text}");
    check("docker.io", true);
    check("registry.example:5000", true);
    check("quay.io=quay", true);
    check("", false);
    check("../etc", false);
    check("a/b", false);
    check("quay.io=", false);
    check("quay.io=a\"b", false);
}
