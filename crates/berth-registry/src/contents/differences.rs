//! What differs between the files and packages of two images.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use berth_oci::RepositoryName;

use super::path;
use super::rows::{holds, installed, row};
use super::tree::{Difference, Tree};
use super::{Content, ContentWanted, FileRow, LayerStanding, Opened, Package, PackageManager};
use crate::Registry;
use crate::access::Caller;
use crate::error::Error;

/// What became of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only the second image has it.
    Added,
    /// Only the first image has it.
    Removed,
    /// Both have it, and not the same.
    Changed,
}

/// A file that two images do not have alike.
#[derive(Clone, Debug)]
pub struct FileChange {
    /// What became of it.
    pub change: Change,
    /// What the first image has.
    pub before: Option<FileRow>,
    /// What the second image has.
    pub after: Option<FileRow>,
}

/// How many things changed how, and by how many bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changes {
    /// Things that the second image has beside those of the first.
    pub added: u64,
    /// Things that it lacks.
    pub removed: u64,
    /// Things that differ.
    pub changed: u64,
    /// Bytes of the files that were added.
    pub added_bytes: u64,
    /// Bytes of the files that were removed.
    pub removed_bytes: u64,
    /// Bytes by which the files that differ grew, less than none when they shrank.
    pub changed_bytes: i64,
}

/// A page of the files that differ.
#[derive(Clone, Debug)]
pub struct ChangesPage {
    /// The files, by folder.
    pub files: Vec<FileChange>,
    /// Where the next page begins; none on the last one.
    pub next: Option<usize>,
    /// Of all pages, whatever kind of change and text was asked for. Folders are not counted.
    pub sums: Changes,
    /// What was not looked at, and why.
    pub remarks: Vec<String>,
}

/// A package that two images do not have alike.
#[derive(Clone, Debug)]
pub struct PackageChange {
    /// What became of it.
    pub change: Change,
    /// Its name.
    pub name: String,
    /// Who installed it.
    pub manager: PackageManager,
    /// The versions that the first image has.
    pub before: Vec<String>,
    /// The versions that the second image has.
    pub after: Vec<String>,
}

/// The packages that differ, by name.
#[derive(Clone, Debug)]
pub struct PackageChanges {
    /// The packages.
    pub packages: Vec<PackageChange>,
    /// Packages that both have in the same version.
    pub same: usize,
    /// What could not be read, and why.
    pub remarks: Vec<String>,
}

/// Which differing files a page shows.
#[derive(Clone, Debug)]
pub struct ChangesWanted {
    /// Only what became this.
    pub change: Option<Change>,
    /// Only with this in their paths.
    pub text: Option<String>,
    /// Where the page begins.
    pub start: usize,
    /// At most so many.
    pub limit: usize,
}

/// An image of a repository.
type Place<'a> = (&'a RepositoryName, ContentWanted<'a>);

impl Registry {
    /// A page of the files that two images do not have alike. Times of change are not compared.
    pub async fn file_changes(
        &self,
        caller: &Caller,
        (first, second): (Place<'_>, Place<'_>),
        wanted: ChangesWanted,
    ) -> Result<Content<ChangesPage>, Error> {
        let (first, second) = match self.open_both(caller, first, second).await? {
            Ok(both) => both,
            Err(standings) => return Ok(Content::Making(standings)),
        };
        let (old, new) = (Arc::clone(&first.tree), Arc::clone(&second.tree));
        let (files, next, sums) = self.making.work_out(move || changes(&old, &new, &wanted)).await?;
        Ok(Content::Ready(ChangesPage {
            files,
            next,
            sums,
            remarks: remarks(first.remarks, second.remarks),
        }))
    }

    /// The packages that two images do not have alike.
    pub async fn package_changes(
        &self,
        caller: &Caller,
        (first, second): (Place<'_>, Place<'_>),
    ) -> Result<Content<PackageChanges>, Error> {
        let (first, second) = match self.open_both(caller, first, second).await? {
            Ok(both) => both,
            Err(standings) => return Ok(Content::Making(standings)),
        };
        let (old, old_remarks) = installed(&first.tree);
        let (new, new_remarks) = installed(&second.tree);
        let (packages, same) = package_changes(old, new);
        let first = first.remarks.into_iter().chain(old_remarks).collect();
        let second = second.remarks.into_iter().chain(new_remarks).collect();
        Ok(Content::Ready(PackageChanges {
            packages,
            same,
            remarks: remarks(first, second),
        }))
    }

    async fn open_both(
        &self,
        caller: &Caller,
        first: Place<'_>,
        second: Place<'_>,
    ) -> Result<Result<(Opened, Opened), Vec<LayerStanding>>, Error> {
        let first = self.open_content(caller, first.0, first.1).await?;
        let second = self.open_content(caller, second.0, second.1).await?;
        Ok(match (first, second) {
            (Content::Ready(first), Content::Ready(second)) => Ok((first, second)),
            (Content::Making(mut standings), Content::Making(more)) => {
                let known: BTreeSet<String> = standings.iter().map(|one| one.digest.clone()).collect();
                standings.extend(more.into_iter().filter(|one| !known.contains(&one.digest)));
                Err(standings)
            }
            (Content::Making(standings), _) | (_, Content::Making(standings)) => Err(standings),
        })
    }
}

fn remarks(first: Vec<String>, second: Vec<String>) -> Vec<String> {
    let mut all = first;
    all.extend(second);
    all.sort();
    all.dedup();
    all
}

fn changes(old: &Tree, new: &Tree, wanted: &ChangesWanted) -> (Vec<FileChange>, Option<usize>, Changes) {
    let mut sums = Changes::default();
    let (mut files, mut next) = (Vec::new(), None);
    let text = wanted
        .text
        .as_ref()
        .map(|text| path::parse(text).unwrap_or_else(|| text.clone().into_bytes()));
    for (number, difference) in old.differences(new).into_iter().enumerate() {
        let (before, after) = match difference {
            Difference::Removed(a) => (Some(&old.nodes()[a]), None),
            Difference::Added(b) => (None, Some(&new.nodes()[b])),
            Difference::Changed(a, b) => (Some(&old.nodes()[a]), Some(&new.nodes()[b])),
        };
        let shown = before
            .map(|node| old.show(node).1)
            .or_else(|| after.map(|node| new.show(node).1));
        let shown = shown.expect("one of the two has it");
        let change = match (before, after) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            _ => Change::Changed,
        };
        if shown.kind != super::FileKind::Directory {
            let sizes = (
                before.map_or(0, |node| node.bytes),
                after.map_or(0, |node| node.bytes),
            );
            sums.count(change, sizes);
        }
        let is_wanted = wanted.change.is_none_or(|wanted| wanted == change)
            && text.as_ref().is_none_or(|text| holds(&shown.path, text));
        if number < wanted.start || !is_wanted || next.is_some() {
            continue;
        }
        if files.len() == wanted.limit {
            next = Some(number);
            continue;
        }
        files.push(FileChange {
            change,
            before: before.map(|node| row(old, node)),
            after: after.map(|node| row(new, node)),
        });
    }
    (files, next, sums)
}

impl Changes {
    fn count(&mut self, change: Change, (before, after): (u64, u64)) {
        match change {
            Change::Added => {
                self.added += 1;
                self.added_bytes += after;
            }
            Change::Removed => {
                self.removed += 1;
                self.removed_bytes += before;
            }
            Change::Changed => {
                self.changed += 1;
                self.changed_bytes = self
                    .changed_bytes
                    .saturating_add_unsigned(after)
                    .saturating_sub_unsigned(before);
            }
        }
    }
}

fn package_changes(old: Vec<Package>, new: Vec<Package>) -> (Vec<PackageChange>, usize) {
    let mut by_name: BTreeMap<(String, PackageManager), (BTreeSet<String>, BTreeSet<String>)> =
        BTreeMap::new();
    for package in old {
        let both = by_name.entry((package.name, package.manager)).or_default();
        both.0.insert(package.version);
    }
    for package in new {
        let both = by_name.entry((package.name, package.manager)).or_default();
        both.1.insert(package.version);
    }
    let all = by_name.len();
    by_name.retain(|_, (before, after)| before != after);
    let same = all - by_name.len();
    let changes = by_name
        .into_iter()
        .map(|((name, manager), (before, after))| PackageChange {
            change: match (before.is_empty(), after.is_empty()) {
                (true, _) => Change::Added,
                (_, true) => Change::Removed,
                _ => Change::Changed,
            },
            name,
            manager,
            before: before.into_iter().collect(),
            after: after.into_iter().collect(),
        });
    (changes.collect(), same)
}
