//! One client of the load: chooses what to do, does it, and remembers an upload that it could not end.

use std::sync::Arc;
use std::time::Duration;

use e2e::content::{MANIFEST, digest_of, random_blob};
use e2e::distribution::{Answer, How, Repository, location, send};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use reqwest::{Method, StatusCode};

use super::request::{Came, Meaning};
use super::{CHURN, Load, REPOSITORIES, TAGS};
use crate::history::Place;
use crate::register::{Action, Expected, Outcome, Value};
use crate::shelf::{Blob, Image};

const LAYER_MAX: usize = 96 << 10;
const PART: usize = 24 << 10;
/// The pause of a client that found nobody, before it asks another replica.
const RETRY: Duration = Duration::from_millis(5);

/// An upload whose beginning was acknowledged and whose end was not.
#[derive(Debug)]
struct Unfinished {
    at: String,
    repository: String,
    bytes: Vec<u8>,
    /// Bytes whose PATCH was answered.
    acknowledged: usize,
}

/// A client, which goes from replica to replica.
#[derive(Debug)]
pub(crate) struct Client {
    name: String,
    random: StdRng,
    load: Arc<Load>,
    replica: usize,
    unfinished: Option<Unfinished>,
}

impl Client {
    pub(crate) fn new(number: usize, random: StdRng, load: &Arc<Load>) -> Self {
        Self {
            name: format!("client {number}"),
            random,
            load: Arc::clone(load),
            replica: number % load.origins.len(),
            unfinished: None,
        }
    }

    /// Works until the load is stopped.
    pub(crate) async fn work(mut self) -> Self {
        while !self.load.is_stopping() {
            self.replica = self.random.random_range(0..self.load.origins.len());
            if self.step().await.is_none() {
                tokio::time::sleep(RETRY).await;
            }
        }
        self
    }

    /// Does one thing of each kind after the other, until the load is stopped or an answer is missing.
    pub(crate) async fn work_through(&mut self) -> Option<()> {
        let [main, other, churn] = REPOSITORIES;
        for repository in [main, other, churn] {
            self.push_image(repository).await?;
        }
        self.push_image(main).await?;
        self.move_tag(main).await?;
        self.push_loose(main).await?;
        self.mount(other).await?;
        self.delete_tag(main).await?;
        self.push_slowly(main).await?;
        self.delete_manifest(main).await?;
        self.delete_blob(main).await?;
        self.delete_whole(churn).await?;
        self.push_image(main).await?;
        self.pull(main).await
    }

    async fn delete_whole(&mut self, repository: &str) -> Option<()> {
        let what = format!("{} deletes the image {repository}", self.name);
        self.load.delete_image(self.replica, repository, &what).await;
        Some(())
    }

    /// One operation, or a whole push; `None` when an answer was missing.
    async fn step(&mut self) -> Option<()> {
        let repository = (*REPOSITORIES.choose(&mut self.random)?).to_owned();
        match self.random.random_range(0..24) {
            0..=5 => self.push_image(&repository).await,
            6..=8 => self.move_tag(&repository).await,
            9..=10 => self.delete_tag(&repository).await,
            11 => self.delete_manifest(&repository).await,
            12..=14 => self.pull(&repository).await,
            15..=16 => self.push_loose(&repository).await,
            17..=18 => self.delete_blob(&repository).await,
            19..=20 => self.mount(&repository).await,
            21 => self.delete_whole(CHURN).await,
            _ => self.push_slowly(&repository).await,
        }
    }

    fn at(&self, repository: &str) -> Repository {
        self.load.repository(self.replica, repository)
    }

    fn what(&self, deed: &str) -> String {
        format!("{} at replica {} {deed}", self.name, self.replica)
    }

    fn layer(&mut self, repository: &str) -> Blob {
        match self.random.random_range(0..4) {
            0 => self.load.shelf.popular(&mut self.random),
            1 => {
                let known = self.load.shelf.blob(&mut self.random, repository);
                known.unwrap_or_else(|| self.fresh())
            }
            _ => self.fresh(),
        }
    }

    fn fresh(&mut self) -> Blob {
        Blob::new(random_blob(&mut self.random, 1, LAYER_MAX))
    }

    async fn push_blob(&mut self, repository: &str, blob: &Blob) -> Option<()> {
        let how = *How::ALL.choose(&mut self.random)?;
        let (at, load) = (self.at(repository), Arc::clone(&self.load));
        load.shelf.put_blob(repository, blob);
        let begun = load.history.begin();
        let heard = at.push_blob(&blob.bytes, how).await;
        let meaning = Meaning {
            what: self.what(&format!("pushes a blob by {how:?}")),
            done: StatusCode::CREATED,
            changes: vec![(linked(repository, blob), Action::write(&blob.digest))],
            refused: self.load.upload_refusals(repository),
            known: Vec::new(),
        };
        done(&load.note(begun, heard, meaning))
    }

    async fn push_image(&mut self, repository: &str) -> Option<()> {
        let layers = (0..self.random.random_range(1..=2))
            .map(|_| self.layer(repository))
            .collect();
        let image = Arc::new(Image::over(&mut self.random, layers));
        for blob in &image.blobs {
            self.push_blob(repository, blob).await?;
        }
        self.load.shelf.put_image(repository, &image);
        self.put_manifest(repository, &image).await
    }

    async fn move_tag(&mut self, repository: &str) -> Option<()> {
        match self.load.shelf.image(&mut self.random, repository) {
            Some(image) => self.put_manifest(repository, &image).await,
            None => Some(()),
        }
    }

    /// Puts a manifest under a tag: whatever the tag names, only if it names what it just named, or only a new tag.
    async fn put_manifest(&mut self, repository: &str, image: &Image) -> Option<()> {
        let (at, tag) = (self.at(repository), *TAGS.choose(&mut self.random)?);
        let mut request = at
            .request(Method::PUT, &format!("manifests/{tag}"))
            .header("Content-Type", MANIFEST);
        let mut expected = Expected::Whatever;
        match self.random.random_range(0..4) {
            0..=1 => {}
            2 => {
                if let Some(named) = self.look(repository, tag).await? {
                    request = request.header("If-Match", format!("\"{named}\""));
                    expected = Expected::Is(named);
                }
            }
            _ => {
                request = request.header("If-None-Match", "*");
                expected = Expected::Nothing;
            }
        }
        let change = Action::Change {
            expected,
            to: Some(Arc::clone(&image.digest)),
        };
        let tagged = (Place::Tag(repository.to_owned(), tag.to_owned()), change);
        let meaning = Meaning {
            what: self.what(&format!("puts {} under {tag}", &image.digest[7..15])),
            done: StatusCode::CREATED,
            changes: vec![
                tagged.clone(),
                (manifest(repository, &image.digest), Action::write(&image.digest)),
            ],
            refused: &[StatusCode::PRECONDITION_FAILED, StatusCode::NOT_FOUND],
            known: Vec::new(),
        };
        let begun = self.load.history.begin();
        let heard = send(request.body(image.manifest.clone())).await;
        match heard {
            // What it names is not there; whoever deleted it did so before, and that is looked at by itself.
            Ok(answer) if answer.status == StatusCode::NOT_FOUND => {
                done(&self.load.note(begun, Ok(answer), meaning))?;
                for blob in &image.blobs {
                    self.pull_blob(repository, blob).await?;
                }
                Some(())
            }
            heard => {
                let known = vec![tagged];
                done(&self.load.note(begun, heard, Meaning { known, ..meaning }))
            }
        }
    }

    /// What a tag names now, as this client sees it.
    async fn look(&mut self, repository: &str, tag: &str) -> Option<Option<Value>> {
        let what = self.what(&format!("looks at {tag}"));
        self.load.read_tag(&self.at(repository), tag, &what).await
    }

    async fn delete_tag(&mut self, repository: &str) -> Option<()> {
        let (at, tag) = (self.at(repository), *TAGS.choose(&mut self.random)?);
        let mut request = at.request(Method::DELETE, &format!("manifests/{tag}"));
        let mut change = Action::take();
        if self.random.random_ratio(1, 3)
            && let Some(named) = self.look(repository, tag).await?
        {
            request = request.header("If-Match", format!("\"{named}\""));
            change = Action::Change {
                expected: Expected::Is(named),
                to: None,
            };
        }
        let changes = vec![(Place::Tag(repository.to_owned(), tag.to_owned()), change)];
        let meaning = Meaning {
            what: self.what(&format!("deletes {tag}")),
            done: StatusCode::ACCEPTED,
            known: changes.clone(),
            changes,
            refused: &[StatusCode::NOT_FOUND, StatusCode::PRECONDITION_FAILED],
        };
        done(&self.load.ask(request, meaning).await)
    }

    async fn delete_manifest(&mut self, repository: &str) -> Option<()> {
        let Some(image) = self.load.shelf.image(&mut self.random, repository) else {
            return Some(());
        };
        let at = self.at(repository);
        let request = at.request(Method::DELETE, &format!("manifests/{}", image.digest));
        let taken = (manifest(repository, &image.digest), Action::take());
        let forget = |tag: &&str| {
            let place = Place::Tag(repository.to_owned(), (*tag).to_owned());
            (place, Action::Forget(Arc::clone(&image.digest)))
        };
        let mut changes: Vec<(Place, Action)> = TAGS.iter().map(forget).collect();
        changes.push(taken.clone());
        let meaning = Meaning {
            what: self.what(&format!("deletes the manifest {}", &image.digest[7..15])),
            done: StatusCode::ACCEPTED,
            changes,
            refused: &[StatusCode::NOT_FOUND],
            known: vec![taken],
        };
        done(&self.load.ask(request, meaning).await)
    }

    async fn pull(&mut self, repository: &str) -> Option<()> {
        let tag = *TAGS.choose(&mut self.random)?;
        let Some(named) = self.look(repository, tag).await? else {
            return Some(());
        };
        if let Some(image) = self.load.shelf.image_of(repository, &named) {
            for blob in &image.blobs {
                self.pull_blob(repository, blob).await?;
            }
        }
        Some(())
    }

    async fn pull_blob(&mut self, repository: &str, blob: &Blob) -> Option<()> {
        let what = self.what("pulls a blob");
        let read = self
            .load
            .read_blob(&self.at(repository), &blob.digest, &what)
            .await;
        read.map(drop)
    }

    async fn push_loose(&mut self, repository: &str) -> Option<()> {
        let blob = self.layer(repository);
        self.push_blob(repository, &blob).await
    }

    async fn delete_blob(&mut self, repository: &str) -> Option<()> {
        let Some(blob) = self.load.shelf.blob(&mut self.random, repository) else {
            return Some(());
        };
        let at = self.at(repository);
        let request = at.request(Method::DELETE, &format!("blobs/{}", blob.digest));
        let place = linked(repository, &blob);
        let begun = self.load.history.begin();
        let heard = send(request).await;
        // One that a manifest uses is there and stays.
        let in_use = matches!(&heard, Ok(answer) if answer.status == StatusCode::CONFLICT);
        let (outcome, known) = if in_use {
            (StatusCode::CONFLICT, Action::Read(Some(Arc::clone(&blob.digest))))
        } else {
            (StatusCode::ACCEPTED, Action::take())
        };
        let meaning = Meaning {
            what: self.what("deletes a blob"),
            done: outcome,
            changes: vec![(place.clone(), known.clone())],
            refused: &[StatusCode::NOT_FOUND],
            known: vec![(place, known)],
        };
        done(&self.load.note(begun, heard, meaning))
    }

    /// Mounts a blob from another repository; when it is not there any more, the upload that begins instead is cancelled.
    async fn mount(&mut self, repository: &str) -> Option<()> {
        let from = *REPOSITORIES.choose(&mut self.random)?;
        let Some(blob) = self.load.shelf.blob(&mut self.random, from) else {
            return Some(());
        };
        if from == repository {
            return Some(());
        }
        self.load.shelf.put_blob(repository, &blob);
        let path = format!("blobs/uploads/?mount={}&from={from}", blob.digest);
        let request = self.at(repository).request(Method::POST, &path);
        let meaning = Meaning {
            what: self.what(&format!("mounts a blob from {from}")),
            done: StatusCode::CREATED,
            changes: vec![(linked(repository, &blob), Action::write(&blob.digest))],
            refused: &[StatusCode::ACCEPTED, StatusCode::NOT_FOUND],
            known: Vec::new(),
        };
        match self.load.ask(request, meaning).await {
            Came::Lost => None,
            Came::Refused(answer) if answer.status == StatusCode::ACCEPTED => {
                let upload = location(&answer);
                let cancel = self.at(repository).request(Method::DELETE, &upload);
                send(cancel).await.ok().map(drop)
            }
            Came::Done | Came::Refused(_) => Some(()),
        }
    }

    /// An upload in parts, each sent to another replica; it may outlive them, and is ended later.
    async fn push_slowly(&mut self, repository: &str) -> Option<()> {
        if repository == CHURN || self.unfinished.is_some() {
            return self.resume().await;
        }
        let bytes = random_blob(&mut self.random, PART * 2, PART * 5);
        let at = self.at(repository).start_upload().await.ok()?.ok()?;
        self.unfinished = Some(Unfinished {
            at: path_of(&at),
            repository: repository.to_owned(),
            bytes,
            acknowledged: 0,
        });
        while let Some(upload) = &mut self.unfinished {
            self.replica = self.random.random_range(0..self.load.origins.len());
            let (start, repository) = (upload.acknowledged, upload.repository.clone());
            let end = upload.bytes.len().min(start + PART);
            if start == end {
                break;
            }
            let at = self.load.repository(self.replica, &repository);
            let part = upload.bytes[start..end].to_vec();
            let answer = at.append(&upload.at, start, part).await.ok()?;
            if answer.status != StatusCode::ACCEPTED {
                if !self.load.upload_refusals(&repository).contains(&answer.status) {
                    let what = format!("{} sends a part", self.name);
                    self.load.answered(&what, &answer);
                }
                return None;
            }
            (upload.at, upload.acknowledged) = (path_of(&location(&answer)), end);
        }
        self.resume().await
    }

    /// Asks how far an upload came and sends the rest. Every byte that was acknowledged must be there, unless the
    /// fault may take it.
    pub(crate) async fn resume(&mut self) -> Option<()> {
        let Some(upload) = &self.unfinished else {
            return Some(());
        };
        let (at, forgotten) = (self.at(&upload.repository), self.load.forgets_uploads);
        let answer = at.get(&upload.at).await.ok()?;
        let what = self.what("asks for its upload");
        let Some(reached) = reached(&answer) else {
            if answer.status.is_server_error() {
                self.load.answered(&what, &answer);
                return None;
            }
            let upload = self.unfinished.take()?;
            // One server alone keeps an upload in memory that got no byte, or one small part (docs/decisions/0013).
            let forgotten = forgotten || (upload.acknowledged <= PART && self.load.origins.len() == 1);
            let digest = digest_of(&upload.bytes);
            // The lost answer to its end may have been a good one.
            let place = Place::Blob(upload.repository.clone(), digest.clone());
            let is_there = self.load.read_blob(&at, &digest, &what).await?;
            if !is_there && !forgotten && !self.load.history.may_hold(&place) {
                let (status, text) = (answer.status, answer.text());
                self.load.history.found(format!(
                    "{what}: {status} {text}, and {} bytes of it were acknowledged",
                    upload.acknowledged
                ));
            }
            return Some(());
        };
        if reached < upload.acknowledged && !forgotten {
            self.load.history.found(format!(
                "{what}: {reached} bytes are there and {} were acknowledged",
                upload.acknowledged
            ));
        }
        let blob = Blob::new(upload.bytes.clone());
        let rest = upload.bytes[reached.min(upload.bytes.len())..].to_vec();
        let (repository, to) = (upload.repository.clone(), path_of(&location(&answer)));
        let begun = self.load.history.begin();
        let heard = at.finish(&to, &blob.digest, rest).await;
        let meaning = Meaning {
            what: self.what("ends an upload"),
            done: StatusCode::CREATED,
            changes: vec![(linked(&repository, &blob), Action::write(&blob.digest))],
            refused: &[],
            known: Vec::new(),
        };
        done(&self.load.note(begun, heard, meaning))?;
        self.unfinished = None;
        Some(())
    }
}

impl Load {
    /// Reads a tag and notes what it names; `None` when no whole answer came.
    pub(crate) async fn read_tag(&self, at: &Repository, tag: &str, what: &str) -> Option<Option<Value>> {
        let place = Place::Tag(at.name.clone(), tag.to_owned());
        self.read(at, &format!("manifests/{tag}"), (place, None), what)
            .await
    }

    /// Reads a blob whole and notes whether it is there.
    pub(crate) async fn read_blob(&self, at: &Repository, digest: &str, what: &str) -> Option<bool> {
        let place = Place::Blob(at.name.clone(), digest.to_owned());
        let path = format!("blobs/{digest}");
        let found = self.read(at, &path, (place, Some(digest)), what).await?;
        Some(found.is_some())
    }

    /// Reads content and notes its digest, which must be the one that was asked for and the one that is announced.
    async fn read(
        &self,
        at: &Repository,
        path: &str,
        (place, digest): (Place, Option<&str>),
        what: &str,
    ) -> Option<Option<Value>> {
        let begun = self.history.begin();
        let answer = at.get(path).await.ok()?;
        let seen = match answer.status {
            StatusCode::OK => {
                let is = digest_of(&answer.body);
                let announced = answer.header("docker-content-digest");
                if digest.unwrap_or(announced) != is || announced != is {
                    self.history.found(format!(
                        "{what}: {place} was served with {} wrong bytes: announced {announced}, is {is}",
                        answer.body.len()
                    ));
                }
                Some(Value::from(is))
            }
            StatusCode::NOT_FOUND => None,
            _ => {
                self.answered(what, &answer);
                return None;
            }
        };
        let change = vec![(place, Action::Read(seen.clone()))];
        self.history.end(begun, what, Outcome::Done, change);
        Some(seen)
    }

    /// What may come of an upload through no fault of its client.
    fn upload_refusals(&self, repository: &str) -> &'static [StatusCode] {
        const FORGOTTEN: [StatusCode; 3] = [
            StatusCode::NOT_FOUND,
            StatusCode::BAD_REQUEST,
            StatusCode::RANGE_NOT_SATISFIABLE,
        ];
        if self.forgets_uploads {
            &FORGOTTEN
        } else if repository == CHURN {
            // The repository was deleted meanwhile.
            &FORGOTTEN[..1]
        } else {
            &[]
        }
    }

    /// Takes note of an answer that says that something went wrong.
    pub(super) fn answered(&self, what: &str, answer: &Answer) {
        if answer.status.is_server_error() {
            self.failed(what, answer.status, &answer.text());
        } else {
            let (status, text) = (answer.status, answer.text());
            self.history.found(format!("{what}: unexpected {status} {text}"));
        }
    }
}

fn linked(repository: &str, blob: &Blob) -> Place {
    Place::Blob(repository.to_owned(), blob.digest.to_string())
}

fn manifest(repository: &str, digest: &str) -> Place {
    Place::Manifest(repository.to_owned(), digest.to_owned())
}

fn done(came: &Came) -> Option<()> {
    match came {
        Came::Done | Came::Refused(_) => Some(()),
        Came::Lost => None,
    }
}

/// The path of an address, so that any replica can be asked for it.
fn path_of(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest[rest.find('/').unwrap_or(0)..].to_owned()
}

/// How many bytes an upload has, as its status says. One without a byte is `0-0`, as one with one byte is.
fn reached(answer: &Answer) -> Option<usize> {
    if answer.status != StatusCode::NO_CONTENT {
        return None;
    }
    let last: usize = answer.header("range").rsplit('-').next()?.parse().ok()?;
    Some(if last == 0 { 0 } else { last + 1 })
}
