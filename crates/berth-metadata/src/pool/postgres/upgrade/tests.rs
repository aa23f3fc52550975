//! What an upgrade promises to those who serve meanwhile.

use super::super::connections::Connections;
use super::*;
use crate::postgres_server::Server;
use sqlx::{AnyConnection, AssertSqlSafe};
use tokio::time::timeout;

const fn step(name: &'static str, text: &'static str) -> Step {
    Step {
        name,
        sqlite: text,
        postgres: text,
    }
}

const FIRST: Step = step("0001_first", "CREATE TABLE things (id BIGINT PRIMARY KEY)");
const WIDER: Step = step("0002_wider", "ALTER TABLE things ADD COLUMN name TEXT");

struct Database {
    server: Server,
    url: String,
}

impl Database {
    fn start() -> Self {
        sqlx::any::install_default_drivers();
        let server = Server::start();
        let url = server.create("upgraded");
        Self { server, url }
    }

    async fn upgrade(&self, steps: &'static [Step]) -> Result<(), Error> {
        self.upgrade_if(steps, Upgrade::Apply).await
    }

    async fn upgrade_if(&self, steps: &'static [Step], upgrade: Upgrade) -> Result<(), Error> {
        let connections = Connections::open(&self.url, 3).await.unwrap();
        let outcome = run(&connections, steps, upgrade).await;
        connections.close().await;
        outcome
    }

    async fn session(&self) -> AnyConnection {
        AnyConnection::connect(&self.url).await.unwrap()
    }

    async fn run(&self, text: &str) {
        let text = AssertSqlSafe(text.to_owned());
        sqlx::raw_sql(text)
            .execute(&mut self.session().await)
            .await
            .unwrap();
    }

    async fn count(&self, text: &str) -> i64 {
        let text = AssertSqlSafe(text.to_owned());
        let row = sqlx::raw_sql(text)
            .fetch_one(&mut self.session().await)
            .await
            .unwrap();
        row.try_get(0).unwrap()
    }
}

#[tokio::test]
async fn a_failed_step_is_taken_back_whole_and_says_which_why_and_what_to_do() {
    static BROKEN: &[Step] = &[
        FIRST,
        WIDER,
        step(
            "0003_broken",
            "CREATE TABLE half (id BIGINT); INSERT INTO things VALUES (1, 'x'); SELECT nonsense",
        ),
    ];
    static MENDED: &[Step] = &[
        FIRST,
        WIDER,
        step("0003_broken", "CREATE TABLE whole (id BIGINT)"),
    ];
    let database = Database::start();
    let told = database.upgrade(BROKEN).await.unwrap_err().to_string();
    for part in [
        "schema step 0003_broken",
        "nonsense",
        "goes on serving",
        "start berth again",
    ] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    assert_eq!(database.count("SELECT MAX(version) FROM schema_steps").await, 2);
    assert_eq!(database.count("SELECT count(*) FROM things").await, 0);
    assert_eq!(
        database
            .count("SELECT count(*) FROM pg_tables WHERE tablename = 'half'")
            .await,
        0
    );
    database.upgrade(MENDED).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM whole").await, 0);
}

#[tokio::test]
async fn many_upgrade_at_once_and_each_step_runs_once() {
    static STEPS: &[Step] = &[
        FIRST,
        step("0002_slow", "SELECT pg_sleep(0.5); INSERT INTO things VALUES (1)"),
        step("0003_last", "INSERT INTO things VALUES (2)"),
    ];
    let database = Database::start();
    let upgrades = (0..5).map(|_| database.upgrade(STEPS));
    for outcome in futures_util::future::join_all(upgrades).await {
        outcome.unwrap();
    }
    assert_eq!(database.count("SELECT count(*) FROM things").await, 2);
    assert_eq!(database.count("SELECT count(*) FROM schema_steps").await, 3);
}

#[tokio::test]
async fn a_step_that_waits_for_a_table_holds_no_request_up_for_long_and_gets_it_in_the_end() {
    static BEFORE: &[Step] = &[FIRST];
    static AFTER: &[Step] = &[FIRST, WIDER];
    let database = Database::start();
    database.upgrade(BEFORE).await.unwrap();
    let mut long = database.session().await;
    let mut reading = long.begin().await.unwrap();
    sqlx::raw_sql("SELECT * FROM things")
        .execute(&mut *reading)
        .await
        .unwrap();
    let upgrade = database.upgrade(AFTER);
    let requests = async {
        // Long enough for the step to have given up once, and to have tried again.
        for id in 0..60 {
            let insert = format!("INSERT INTO things (id) VALUES ({id})");
            timeout(Duration::from_secs(15), database.run(&insert))
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(database.count("SELECT MAX(version) FROM schema_steps").await, 1);
        reading.rollback().await.unwrap();
    };
    let (outcome, ()) = tokio::join!(upgrade, requests);
    outcome.unwrap();
    assert_eq!(database.count("SELECT MAX(version) FROM schema_steps").await, 2);
    assert_eq!(
        database
            .count("SELECT count(*) FROM things WHERE name IS NULL")
            .await,
        60
    );
}

#[tokio::test]
async fn a_program_serves_a_newer_schema_until_a_step_ends_that() {
    static OLD: &[Step] = &[FIRST, WIDER];
    static EXPANDED: &[Step] = &[FIRST, WIDER, step("0003_more", "CREATE TABLE more (id BIGINT)")];
    static CONTRACTED: &[Step] = &[
        FIRST,
        WIDER,
        step("0003_more", "CREATE TABLE more (id BIGINT)"),
        step(
            "0004_less",
            "-- ends 0003_more\nALTER TABLE things DROP COLUMN name",
        ),
        step("0005_later", "SELECT 1"),
    ];
    let database = Database::start();
    database.upgrade(EXPANDED).await.unwrap();
    database.upgrade(OLD).await.unwrap();
    database.upgrade(CONTRACTED).await.unwrap();
    database.upgrade(EXPANDED).await.unwrap();
    let refused = database.upgrade(OLD).await;
    assert!(
        matches!(refused, Err(Error::SchemaTooNew { found: 5, known: 2 })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn who_must_not_upgrade_makes_a_new_database_and_leaves_an_older_one_alone() {
    static BEFORE: &[Step] = &[FIRST, WIDER];
    static AFTER: &[Step] = &[FIRST, WIDER, step("0003_more", "CREATE TABLE more (id BIGINT)")];
    let database = Database::start();
    database.upgrade_if(BEFORE, Upgrade::Refuse).await.unwrap();
    let refused = database.upgrade_if(AFTER, Upgrade::Refuse).await;
    assert!(
        matches!(refused, Err(Error::SchemaTooOld { found: 2, known: 3 })),
        "{refused:?}"
    );
    assert!(refused.unwrap_err().to_string().contains("berth serve"));
    assert_eq!(database.count("SELECT MAX(version) FROM schema_steps").await, 2);
    database.upgrade(AFTER).await.unwrap();
    database.upgrade_if(AFTER, Upgrade::Refuse).await.unwrap();
}

#[tokio::test]
async fn a_server_that_ends_in_the_middle_of_a_step_leaves_nothing_of_it() {
    static SLOW: &[Step] = &[
        FIRST,
        step("0002_slow", "INSERT INTO things VALUES (1); SELECT pg_sleep(30)"),
    ];
    static QUICK: &[Step] = &[FIRST, step("0002_slow", "INSERT INTO things VALUES (1)")];
    let database = Database::start();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        database.server.stop();
    };
    let (outcome, ()) = tokio::join!(database.upgrade(SLOW), stop);
    assert!(
        matches!(
            outcome,
            Err(Error::SchemaStep {
                step: "0002_slow",
                ..
            })
        ),
        "{outcome:?}"
    );
    database.server.resume();
    assert_eq!(database.count("SELECT count(*) FROM things").await, 0);
    database.upgrade(QUICK).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM things").await, 1);
}
