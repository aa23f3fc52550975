//! Real clients through nginx over two replicas, one of which is killed in the middle: a retry is all it costs.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use e2e::balancer::Balancer;
use e2e::client::{Client, crane, log_in, skopeo};
use e2e::docker::Docker;
use e2e::home::Home;
use e2e::image::random_tar;
use e2e::postgres::{Postgres, address};
use e2e::replica::Replica;
use e2e::sample;
use e2e::server::{ACCOUNT, REGION, administrator_key, binary};

const MIB: u64 = 1 << 20;

struct Cluster {
    replicas: Vec<Replica>,
    balancer: Balancer,
    storage: PathBuf,
    _database: Postgres,
    _home: Home,
}

impl Cluster {
    fn start() -> Self {
        let home = Home::new("cluster");
        let database = Postgres::start();
        database.create("berth");
        let storage = home.folder("storage");
        let url = address(database.port(), "berth");
        let variables = [
            ("BERTH_DATABASE", url.clone()),
            ("BERTH_STORAGE", storage.display().to_string()),
            (
                "BERTH_MASTER_KEY_FILE",
                home.join("master.key").display().to_string(),
            ),
            ("BERTH_TRUSTED_PROXIES", "127.0.0.1".to_owned()),
        ];
        let mut replicas: Vec<Replica> = ["first", "second"]
            .map(|name| Replica::new(name, &home.folder(name), &variables))
            .into();
        replicas.iter_mut().for_each(Replica::spawn);
        replicas.iter_mut().for_each(ready);
        let made = Command::new(binary())
            .args(["admin", "org", "create", "team", "--account", ACCOUNT])
            .current_dir(home.path())
            .envs(variables)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let ports: Vec<u16> = replicas.iter().map(Replica::port).collect();
        Self {
            replicas,
            balancer: Balancer::start(&ports),
            storage,
            _database: database,
            _home: home,
        }
    }

    fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.balancer.address())
    }

    fn log_in(&self, client: &Client) {
        let login = administrator_key().long_term_login(REGION);
        log_in(client, &self.balancer.address(), &login).ok();
    }

    /// Kills a replica once so many bytes of uploads have come in while `client` runs, and starts it again a little later;
    /// whether the client ended well.
    fn kill_in_the_middle(&mut self, replica: usize, bytes: u64, mut client: Child) -> bool {
        let end = Instant::now() + Duration::from_mins(2);
        while self.unfinished() < bytes {
            assert!(client.try_wait().unwrap().is_none(), "the client was too quick");
            assert!(Instant::now() < end, "nothing comes in");
            thread::sleep(Duration::from_millis(5));
        }
        self.replicas[replica].kill();
        thread::sleep(Duration::from_secs(1));
        self.replicas[replica].spawn();
        ready(&mut self.replicas[replica]);
        client.wait().unwrap().success()
    }

    fn unfinished(&self) -> u64 {
        let files = std::fs::read_dir(self.storage.join("uploads")).unwrap().flatten();
        files
            .filter_map(|file| file.metadata().ok())
            .map(|file| file.len())
            .sum()
    }
}

fn ready(replica: &mut Replica) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(replica.ready());
}

fn spawn(client: &Client, arguments: &[&str]) -> Child {
    let mut command = client.command(arguments);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn images_go_in_and_out_through_whichever_replica() {
    let cluster = Cluster::start();
    let (crane, skopeo) = (crane(), skopeo());
    cluster.log_in(&crane);
    cluster.log_in(&skopeo);
    let layout = sample::multi_architecture_index();
    for round in 0..5 {
        let image = cluster.image(&format!("team/multi{round}:1"));
        crane.ok(&["push", "--index", &layout.path().to_string_lossy(), &image]);
        crane.ok(&["validate", "--remote", &image]);
        let copy = cluster.image(&format!("team/copy{round}:1"));
        let from = format!("oci:{}", layout.name(sample::TAG));
        let to = format!("docker://{copy}");
        skopeo.ok(&[
            "copy",
            "--all",
            "--preserve-digests",
            "--dest-tls-verify=false",
            &from,
            &to,
        ]);
        assert_eq!(crane.ok(&["digest", &copy]), layout.digest(sample::TAG));
        crane.ok(&[
            "delete",
            &format!(
                "{}@{}",
                cluster.image(&format!("team/copy{round}")),
                layout.digest(sample::TAG)
            ),
        ]);
        crane.refused("MANIFEST_UNKNOWN", &["manifest", &copy]);
    }
}

#[test]
fn docker_s_push_and_pull_end_well_when_a_replica_is_killed() {
    let mut cluster = Cluster::start();
    let docker = Docker::start();
    cluster.log_in(&docker);
    let observer = crane();
    cluster.log_in(&observer);
    for replica in 0..2 {
        let image = cluster.image(&format!("team/heavy{replica}:1"));
        let tar = random_tar(
            docker.home(),
            &format!("{replica}.tar"),
            200 * MIB,
            3 + replica as u64,
        );
        docker.ok(&["import", &tar.to_string_lossy(), &image]);
        let push = spawn(&docker, &["push", &image]);
        if !cluster.kill_in_the_middle(replica, 30 * MIB, push) {
            docker.ok(&["push", &image]);
        }
        observer.ok(&["validate", "--remote", &image]);
        docker.ok(&["rmi", &image]);
        let mut pull = spawn(&docker, &["pull", &image]);
        thread::sleep(Duration::from_millis(300));
        cluster.replicas[replica].kill();
        if !pull.wait().unwrap().success() {
            docker.ok(&["pull", &image]);
        }
        cluster.replicas[replica].spawn();
        ready(&mut cluster.replicas[replica]);
        assert_eq!(docker.repository_digest(&image), observer.ok(&["digest", &image]));
    }
}

#[test]
fn crane_and_skopeo_need_one_more_run_at_most_when_a_replica_is_killed() {
    let mut cluster = Cluster::start();
    let (crane, skopeo) = (crane(), skopeo());
    cluster.log_in(&crane);
    cluster.log_in(&skopeo);
    for replica in 0..2 {
        // Content of its own for each push: what is there already is not sent.
        let size = 200 + 2 * replica as u64;
        let layout = sample::large_image(size);
        let path = layout.path().to_string_lossy().into_owned();
        let image = cluster.image(&format!("team/crane{replica}:1"));
        let push = ["push", &path, &image];
        if !cluster.kill_in_the_middle(replica, 30 * MIB, spawn(&crane, &push)) {
            crane.ok(&push);
        }
        assert_eq!(crane.ok(&["digest", &image]), layout.digest(sample::TAG));
        let layout = sample::large_image(size + 1);
        let from = format!("oci:{}", layout.name(sample::TAG));
        let image = cluster.image(&format!("team/skopeo{replica}:1"));
        let to = format!("docker://{image}");
        let copy = ["copy", "--dest-tls-verify=false", &from, &to];
        if !cluster.kill_in_the_middle(replica, 30 * MIB, spawn(&skopeo, &copy)) {
            skopeo.ok(&copy);
        }
        crane.ok(&["validate", "--remote", &image]);
    }
}
