//! `berth agent`: a node agent of this program, and the configuration of the clients on its node.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use berth_agent::configure::{self, Client, Host};
use berth_agent::{Agent, Settings};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{self, Log, LogFormat};

/// What an agent gives room to when nothing else is said.
const CACHE_BYTES: &str = "20GiB";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum AgentVerb {
    /// Run an agent: a mirror of a registry for the clients of this node, which shares layers with other nodes
    ///
    /// Clients that are configured for it (`berth agent configure`) get from it what they may get from the registry. Layers
    /// come from the agents of other nodes where it can be, and from the registry else.
    #[command(
        after_help = "Example:\n  berth agent run --registry https://registry.example --peer-listen 10.0.0.5:7001 --cache /var/lib/berth-agent"
    )]
    Run(Box<RunArgs>),
    /// Print the configuration that makes a client ask the agent, or write it
    ///
    /// What others wrote into the same files stays; a file that says something else of the same registry is left alone, and
    /// the command says so.
    #[command(after_help = "Example:\n  berth agent configure containerd --host docker.io --write")]
    Configure(ConfigureArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The registry, such as <https://registry.example>
    #[arg(long, value_name = "URL")]
    registry: String,
    /// Certificates of authorities to trust for it beside the system's (PEM)
    #[arg(long, value_name = "FILE")]
    registry_ca: Option<PathBuf>,
    /// Address and port for the clients of this node
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7000")]
    listen: SocketAddr,
    /// Let --listen be an address that other machines reach, too
    #[arg(long)]
    open_to_all: bool,
    /// Address and port of this node for other agents
    #[arg(long, value_name = "ADDRESS")]
    peer_listen: SocketAddr,
    /// Address and port at which other agents reach it, when it is another one
    #[arg(long, value_name = "ADDRESS")]
    peer_address: Option<SocketAddr>,
    /// Folder of the cache; made when it is missing
    #[arg(long, value_name = "FOLDER", default_value = "/var/lib/berth-agent")]
    cache: PathBuf,
    /// Most bytes in the cache
    #[arg(long, value_name = "BYTES", default_value = CACHE_BYTES, value_parser = config::bytes)]
    cache_bytes: i64,
    /// File with a login of the agent's own, `user:password` or a token: for preheats, and to tell what it has
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// What this node is called by in preheats; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Chunks that are given to other agents at one time
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=256))]
    upload_slots: u16,
    /// What is logged: error, warn, info, debug, or a filter of the crate tracing
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ConfigureArgs {
    /// Which client
    #[arg(value_enum)]
    client: ClientArg,
    /// A registry whose images come through the agent, with the organization of its mirror if it has one; may be repeated
    #[arg(
        long = "host",
        value_name = "NAME[=ORGANIZATION]",
        default_value = "docker.io"
    )]
    hosts: Vec<Host>,
    /// Where the agent listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7000")]
    agent: SocketAddr,
    /// The agent's registry, such as <https://registry.example>, when --registry-ca is said or it speaks plain HTTP
    #[arg(long, value_name = "URL")]
    registry: Option<configure::Registry>,
    /// Certificates of the registry's authority (PEM), when the nodes' system does not trust it: containerd needs them for the
    /// agent, too, and gets a copy
    #[arg(long, value_name = "FILE", requires = "registry")]
    registry_ca: Option<PathBuf>,
    /// What stands for /, such as the node's file system in a container
    #[arg(long, value_name = "FOLDER", default_value = "/")]
    root: PathBuf,
    /// Write the files in place of printing them
    #[arg(long)]
    write: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ClientArg {
    Containerd,
    Docker,
    Podman,
    Crio,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl AgentVerb {
    /// Does it; what is returned is for standard output.
    pub(crate) fn run(self) -> Result<String, Failure> {
        match self {
            Self::Run(args) => args.run().map(|()| String::new()),
            Self::Configure(args) => args.run(),
        }
    }
}

impl RunArgs {
    fn run(self) -> Result<(), Failure> {
        let log = Log {
            level: config::LogFilter(self.log_level),
            format: LogFormat::Text,
        };
        let _logging = crate::logging::start(&log)?;
        let settings = Settings {
            registry: self.registry,
            registry_ca: self.registry_ca,
            listen: self.listen,
            open_to_all: self.open_to_all,
            peer_listen: self.peer_listen,
            peer_address: self.peer_address,
            cache: self.cache,
            cache_bytes: u64::try_from(self.cache_bytes)?,
            login: self.token_file,
            labels: self.labels.into_iter().collect(),
            upload_slots: self.upload_slots.into(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let agent = Agent::start(settings).await?;
            tracing::info!(local = %agent.local, peers = agent.peer.address, id = agent.peer.id, "the agent answers");
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            drop(agent);
            Ok::<_, Failure>(())
        })?;
        // What still comes is of no use any more.
        runtime.shutdown_background();
        Ok(())
    }
}

impl ConfigureArgs {
    fn run(self) -> Result<String, Failure> {
        let client = match self.client {
            ClientArg::Containerd => Client::Containerd,
            ClientArg::Docker => Client::Docker,
            ClientArg::Podman => Client::Podman,
            ClientArg::Crio => Client::Crio,
        };
        let request = configure::Request {
            client,
            agent: self.agent,
            hosts: self.hosts,
            registry: self.registry.map(|registry| configure::Registry {
                ca: self.registry_ca,
                ..registry
            }),
            root: self.root,
        };
        let mut text = String::new();
        for planned in configure::plan(&request)? {
            let path = planned.path.display();
            if !self.write {
                writeln!(text, "# {path}\n{}", planned.text)?;
                continue;
            }
            let kept = configure::write(&planned)?;
            let done = if planned.is_change {
                "written"
            } else {
                "is so already"
            };
            writeln!(text, "{path}: {done}")?;
            if let Some(kept) = kept {
                writeln!(text, "{}: what was there before", kept.display())?;
            }
        }
        Ok(text + configure::afterwards(client))
    }
}

pub(crate) fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a label is written key=value")?;
    if key.is_empty() || text.len() > 256 {
        return Err("a label is written key=value, with 256 characters at most".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
}
