//! nginx in front of several replicas, set up as docs/how-to/replicas.md says. Knows nothing of what passes.

use std::process::Command;

use crate::daemon::Daemon;
use crate::home::Home;
use crate::server::free_port;

/// A running balancer; ended with the value.
#[derive(Debug)]
pub struct Balancer {
    port: u16,
    daemon: Daemon,
    _home: Home,
}

impl Balancer {
    /// Starts one in front of servers on these ports of this machine, and waits until it accepts connections.
    pub fn start(ports: &[u16]) -> Self {
        let home = Home::new("nginx");
        let port = free_port();
        let servers: Vec<String> = ports
            .iter()
            .map(|port| format!("server 127.0.0.1:{port} max_fails=1 fail_timeout=1s;\n"))
            .collect();
        let servers = servers.concat();
        let folder = home.path().display();
        let settings = format!(
            "daemon off; pid {folder}/pid; error_log {folder}/errors; worker_processes 1;
            events {{ worker_connections 512; }}
            http {{
                access_log off;
                client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
                fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
                upstream berth {{ {servers} keepalive 32; }}
                server {{
                    listen 127.0.0.1:{port};
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
        Self {
            port,
            daemon,
            _home: home,
        }
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
