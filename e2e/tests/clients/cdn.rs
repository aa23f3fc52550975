//! A real nginx that keeps what it may, with the settings of docs/how-to/cdn.md word for word: public layers come from it, private ones
//! are kept for nobody, and pushes pass.

use std::path::Path;
use std::process::Command;

use e2e::client::{Client, crane, curl, log_in};
use e2e::daemon::Daemon;
use e2e::home::Home;
use e2e::login::Request;
use e2e::sample;
use e2e::server::{Server, binary, free_port};

const SETTINGS: &str = include_str!("../../../docs/how-to/cdn.md");

/// The block of the page, with this test's addresses and folders in place of the example's.
fn settings(home: &Home, port: u16, behind: u16) -> String {
    let block = SETTINGS
        .split("```nginx\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let folder = home.path().display();
    let mut text = block.to_owned();
    for (example, ours) in [
        ("listen 443 ssl", format!("listen 127.0.0.1:{port} ssl")),
        ("/var/cache/nginx/berth", format!("{folder}/kept")),
        ("/etc/nginx/registry.crt", format!("{folder}/tls/server.crt")),
        ("/etc/nginx/registry.key", format!("{folder}/tls/server.key")),
        ("http://10.0.0.5:5000", format!("http://127.0.0.1:{behind}")),
    ] {
        assert!(text.contains(example), "docs/how-to/cdn.md has no {example}");
        text = text.replace(example, &ours);
    }
    format!(
        "daemon off; pid {folder}/pid; error_log {folder}/errors; worker_processes 1;
        events {{ worker_connections 512; }}
        http {{
            access_log off;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
            {text}
        }}"
    )
}

fn start(home: &Home, port: u16, behind: u16) -> Daemon {
    let made = Command::new(binary())
        .args(["tls", "self-signed", "--host", "127.0.0.1", "--directory"])
        .arg(home.join("tls"))
        .output()
        .unwrap();
    assert!(made.status.success());
    let file = home.write("nginx.conf", settings(home, port, behind));
    let mut command = Command::new("nginx");
    command.arg("-c").arg(file).arg("-p").arg(home.path());
    let mut daemon = Daemon::spawn("nginx", &mut command, &home.join("log"));
    daemon.wait_until(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    daemon
}

fn trusting(client: Client, authority: &Path) -> Client {
    client.variable("SSL_CERT_FILE", authority)
}

#[test]
fn nginx_keeps_public_layers_and_gives_private_ones_to_nobody() {
    let (front, port) = (Home::new("nginx"), free_port());
    let home = Home::new("berth");
    home.write(
        "berth.toml",
        format!("external_url = \"https://127.0.0.1:{port}\"\ntrusted_proxies = [\"127.0.0.0/8\"]\n"),
    );
    let server = Server::start_at(home);
    server.create_organization("team");
    let mut nginx = start(&front, port, server.port());
    let (authority, address) = (front.join("tls/ca.crt"), format!("127.0.0.1:{port}"));

    let member = trusting(crane(), &authority);
    log_in(&member, &address, &server.long_term_login()).ok();
    let stranger = trusting(crane(), &authority);
    let layout = sample::small_image();
    for image in ["open", "closed"] {
        let folder = layout.path().to_string_lossy();
        member.ok(&["push", &folder, &format!("{address}/team/{image}:1")]);
    }
    let request = Request {
        method: "PATCH",
        path: "/v2/manage/namespaces/team/repos/open",
        body: "{\"is_public\": true}",
        ..Request::default()
    };
    server.manage(&server.administrator_key(), &request);

    let given = |image: &str| {
        server
            .logged(&format!("method=GET path=\"/v2/team/{image}/blobs/"))
            .len()
    };
    let pull = |client: &Client, image: &str| {
        client.ok(&["validate", "--remote", &format!("{address}/team/{image}:1")]);
        given(image)
    };
    let once = pull(&stranger, "open");
    assert!(once > 0);
    assert_eq!(pull(&stranger, "open"), once, "nginx kept nothing");
    // What everybody may have comes from there for those with a login, too.
    assert_eq!(pull(&member, "open"), once);

    let once = pull(&member, "closed");
    assert!(pull(&member, "closed") > once, "nginx kept what is private");
    stranger.refused(
        "UNAUTHORIZED",
        &["validate", "--remote", &format!("{address}/team/closed:1")],
    );
    let manifest = member.ok(&["manifest", &format!("{address}/team/closed:1")]);
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    let url = format!("https://{address}/v2/team/closed/blobs/{layer}");
    let authority = authority.to_string_lossy();
    let shown = curl().ok(&[
        "--cacert",
        &authority,
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        &url,
    ]);
    assert_eq!(shown, "401");
    nginx.end();
}
