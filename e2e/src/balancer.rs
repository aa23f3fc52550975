//! nginx in front of several replicas, set up as docs/how-to/replicas.md says. Knows of what passes the protocol alone.

use std::path::PathBuf;
use std::process::Command;

use crate::daemon::Daemon;
use crate::home::Home;
use crate::server::{free_port, make_certificate};

/// A running balancer; ended with the value.
#[derive(Debug)]
pub struct Balancer {
    port: u16,
    daemon: Daemon,
    home: Home,
}

impl Balancer {
    /// Starts one in front of servers on these ports of this machine, and waits until it accepts connections.
    pub fn start(ports: &[u16]) -> Self {
        Self::start_in(Home::new("nginx"), ports, "")
    }

    /// The same with TLS and HTTP/2, under a certificate of an authority of its own.
    pub fn start_with_tls(ports: &[u16]) -> Self {
        let home = Home::new("nginx");
        make_certificate(&home, "127.0.0.1");
        Self::start_in(home, ports, " ssl http2")
    }

    fn start_in(home: Home, ports: &[u16], transport: &str) -> Self {
        let port = free_port();
        let servers: Vec<String> = ports
            .iter()
            .map(|port| format!("server 127.0.0.1:{port} max_fails=1 fail_timeout=1s;\n"))
            .collect();
        let servers = servers.concat();
        let folder = home.path().display();
        let certificate = if transport.is_empty() {
            String::new()
        } else {
            format!("ssl_certificate {folder}/tls/server.crt; ssl_certificate_key {folder}/tls/server.key;")
        };
        let settings = format!(
            "daemon off; pid {folder}/pid; error_log {folder}/errors; worker_processes 1;
            events {{ worker_connections 512; }}
            http {{
                log_format protocol $server_protocol;
                access_log {folder}/protocols protocol;
                client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
                fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
                upstream berth {{ {servers} keepalive 32; }}
                server {{
                    listen 127.0.0.1:{port}{transport};
                    {certificate}
                    client_max_body_size 0;
                    proxy_request_buffering off;
                    proxy_buffering off;
                    proxy_http_version 1.1;
                    proxy_set_header Connection \"\";
                    proxy_set_header Host $http_host;
                    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                    proxy_set_header X-Forwarded-Proto $scheme;
                    location / {{
                        proxy_pass http://berth;
                        proxy_next_upstream error timeout http_503;
                        proxy_next_upstream_tries 2;
                    }}
                }}
            }}"
        );
        let file = home.write("nginx.conf", settings);
        let mut command = Command::new("nginx");
        command.arg("-c").arg(file).arg("-p").arg(home.path());
        let mut daemon = Daemon::spawn("nginx", &mut command, &home.join("log"));
        daemon.wait_until(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { port, daemon, home }
    }

    /// The certificate of the authority that clients have to trust.
    pub fn authority(&self) -> PathBuf {
        self.home.join("tls/ca.crt")
    }

    /// The protocol of every request so far, such as `HTTP/2.0`, a line each.
    pub fn protocols(&self) -> String {
        std::fs::read_to_string(self.home.join("protocols")).unwrap_or_default()
    }

    /// `127.0.0.1:<port>`, as it stands in image names.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.daemon.end();
    }
}
