//! `berth agent` behind real containerds, a node each, set up by `berth agent configure` for a registry with an authority of its
//! own: the registry's bytes leave it about once, and an agent that dies takes no pull with it.

use std::fs;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use e2e::agent::Agent;
use e2e::client::Outcome;
use e2e::containerd::Containerd;
use e2e::daemon::PATIENCE;
use e2e::image::Layout;
use e2e::login::Login;
use e2e::network::{Network, Node};
use e2e::sample::{self, TAG};
use e2e::server::Server;

const LAYERS_MIB: [u64; 2] = [32, 16];
const IMAGE_BYTES: u64 = (LAYERS_MIB[0] + LAYERS_MIB[1]) << 20;
/// A node needs two seconds for the image at least.
const MEGABITS: u32 = 200;
const GLANCE: Duration = Duration::from_millis(20);

#[test]
fn four_nodes_pull_one_image_and_the_registry_gives_it_once() {
    let (network, nodes, fleet) = start(4);
    let mut agents: Vec<Agent> = nodes
        .iter()
        .map(|node| Agent::start(node, &fleet.server))
        .collect();
    let containerds: Vec<Containerd> = nodes.iter().map(Containerd::start_on).collect();
    let before = network.bytes_sent();
    let hosts = fleet.configure(&agents);
    let pulls = fleet.pull(&containerds, &hosts, || {});
    for pull in pulls {
        pull.ok();
    }
    let percent = 100 * (network.bytes_sent() - before) / IMAGE_BYTES;
    for (agent, containerd) in agents.iter().zip(&containerds) {
        assert_eq!(containerd.digest(&fleet.image), fleet.layout.digest(TAG));
        assert!(
            agent.figure("served_bytes_total") > IMAGE_BYTES,
            "{}",
            agent.log()
        );
    }
    assert!(
        percent <= 150,
        "the registry gave {percent} % of the image:\n{}",
        agents[0].log()
    );
    agents.iter_mut().for_each(Agent::kill);
}

#[test]
fn an_agent_that_is_killed_fails_no_pull() {
    let (_network, nodes, fleet) = start(2);
    let mut agents: Vec<Agent> = nodes
        .iter()
        .map(|node| Agent::start(node, &fleet.server))
        .collect();
    let containerds: Vec<Containerd> = nodes.iter().map(Containerd::start_on).collect();
    let before = nodes[0].bytes_received();
    let hosts = fleet.configure(&agents);
    let pulls = fleet.pull(&containerds, &hosts, || {
        let end = Instant::now() + PATIENCE;
        while nodes[0].bytes_received() - before < IMAGE_BYTES / 3 {
            assert!(Instant::now() < end, "nothing comes to the first node");
            thread::sleep(GLANCE);
        }
        agents[0].kill();
    });
    for pull in pulls {
        pull.ok();
    }
    for containerd in &containerds {
        assert_eq!(containerd.digest(&fleet.image), fleet.layout.digest(TAG));
    }
}

/// A registry with an image that nodes are to pull.
struct Fleet {
    server: Server,
    layout: Layout,
    login: Login,
    image: String,
}

fn start(nodes: u8) -> (Rc<Network>, Vec<Node>, Fleet) {
    let network = Rc::new(Network::new());
    let nodes = network.nodes(nodes, MEGABITS);
    let server = Server::start_with_tls_in(&network);
    server.create_organization("team");
    let login = server.long_term_login();
    let layout = sample::layered_image(&LAYERS_MIB);
    let image = server.image(&format!("team/large:{TAG}"));
    let skopeo = network.client("skopeo");
    let trusted = skopeo.home().folder("trusted");
    fs::copy(server.authority(), trusted.join("ca.crt")).unwrap();
    skopeo.ok(&[
        "copy",
        "--preserve-digests",
        &format!("--dest-cert-dir={}", trusted.display()),
        &format!("--dest-creds={}:{}", login.user, login.password),
        &format!("oci:{}", layout.name(TAG)),
        &format!("docker://{image}"),
    ]);
    let fleet = Fleet {
        server,
        layout,
        login,
        image,
    };
    (network, nodes, fleet)
}

impl Fleet {
    /// Lets each agent write the configuration of its node's containerd: the folders of `hosts.toml`.
    fn configure(&self, agents: &[Agent]) -> Vec<String> {
        let address = self.server.address();
        let folder = |agent: &Agent| agent.configure("containerd", &address).join("containerd/certs.d");
        let folders = agents.iter().map(folder);
        folders.map(|folder| folder.display().to_string()).collect()
    }

    /// Pulls with all of them at one time, and does something meanwhile.
    fn pull(&self, containerds: &[Containerd], hosts: &[String], meanwhile: impl FnOnce()) -> Vec<Outcome> {
        let login = format!("{}:{}", self.login.user, self.login.password);
        thread::scope(|scope| {
            let pulls: Vec<_> = containerds
                .iter()
                .zip(hosts)
                .map(|(containerd, hosts)| {
                    let (login, image) = (&login, &self.image);
                    scope.spawn(move || {
                        let arguments = ["image", "pull", "--user", login, "--hosts-dir", hosts, image];
                        containerd.run(&arguments)
                    })
                })
                .collect();
            meanwhile();
            pulls.into_iter().map(|pull| pull.join().unwrap()).collect()
        })
    }
}
