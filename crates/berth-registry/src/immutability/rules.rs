//! Rules ready to be asked about tags, and what a caller is told whom one of them stops.

use std::fmt::Write as _;
use std::sync::Arc;

use berth_metadata::{Conflict, Covers, Guard, ImmutabilityRule, ImmutabilityTerms};
use berth_oci::RepositoryName;
use globset::GlobMatcher;
use moka::sync::Cache;

use crate::error::{Error, ImmutableTag};
use crate::identity::time_text;
use crate::tag_pattern::{self, TagPattern};

/// Rules that are kept ready; the largest pattern takes a few megabytes.
const COMPILED_MAX: u64 = 100;

/// A rule's patterns, ready.
pub(super) struct Compiled {
    images: Option<GlobMatcher>,
    pattern: TagPattern,
    except: Option<TagPattern>,
}

impl Compiled {
    pub(super) fn of(terms: &ImmutabilityTerms) -> Result<Self, Error> {
        let pattern = match terms.kind.as_str() {
            "glob" => TagPattern::glob_or_expression(&terms.pattern)?,
            "regex" => TagPattern::expression(&terms.pattern)?,
            _ => {
                return Err(Error::Invalid(
                    "the kind of a pattern is glob or regex".to_owned(),
                ));
            }
        };
        let except = terms.except.as_deref().map(TagPattern::glob_or_expression);
        let images = terms.images.as_deref().map(tag_pattern::glob);
        Ok(Self {
            images: images.transpose()?,
            pattern,
            except: except.transpose()?,
        })
    }

    /// Whether it holds in the image of that name.
    pub(super) fn is_about(&self, image: &str) -> bool {
        self.images.as_ref().is_none_or(|images| images.is_match(image))
    }

    /// Whether it makes that tag immutable.
    pub(super) fn covers(&self, tag: &str) -> bool {
        let Some(tag) = super::tag(tag) else { return false };
        self.pattern.matches(&tag) && self.except.as_ref().is_none_or(|except| !except.matches(&tag))
    }
}

/// Patterns of stored rules, by the rule's id: a rule never changes.
pub(crate) struct CompiledRules(Cache<i64, Arc<Compiled>>);

impl Default for CompiledRules {
    fn default() -> Self {
        Self(Cache::new(COMPILED_MAX))
    }
}

impl CompiledRules {
    pub(super) fn of(&self, rule: &ImmutabilityRule) -> Result<Arc<Compiled>, Error> {
        if let Some(found) = self.0.get(&rule.id) {
            return Ok(found);
        }
        // It was read when it was made.
        let compiled = Compiled::of(&rule.terms)
            .map_err(|error| Error::internal(format!("reading immutability rule {}", rule.id), error))?;
        let compiled = Arc::new(compiled);
        self.0.insert(rule.id, Arc::clone(&compiled));
        Ok(compiled)
    }
}

/// The rules that hold for a repository, the oldest first.
#[derive(Clone)]
pub(crate) struct Rules {
    version: i64,
    name: RepositoryName,
    list: Arc<Vec<(ImmutabilityRule, Arc<Compiled>)>>,
}

impl Rules {
    /// Where there never was one.
    pub(super) fn none(name: &RepositoryName) -> Self {
        Self {
            version: 0,
            name: name.clone(),
            list: Arc::default(),
        }
    }

    pub(super) fn new(
        compiled: &CompiledRules,
        version: i64,
        name: &RepositoryName,
        found: Vec<ImmutabilityRule>,
    ) -> Result<Self, Error> {
        let mut list = Vec::with_capacity(found.len());
        for rule in found {
            let compiled = compiled.of(&rule)?;
            if compiled.is_about(name.image().as_str()) {
                list.push((rule, compiled));
            }
        }
        Ok(Self {
            version,
            name: name.clone(),
            list: Arc::new(list),
        })
    }

    /// The rule that makes a tag immutable, if one does.
    pub(crate) fn covering(&self, tag: &str) -> Option<&ImmutabilityRule> {
        let mut rules = self.list.iter();
        rules
            .find(|(_, compiled)| compiled.covers(tag))
            .map(|(rule, _)| rule)
    }

    /// What the metadata asks in its transactions.
    pub(crate) fn guard(&self) -> Guard {
        let rules = self.clone();
        let covers: Covers = Arc::new(move |tag| rules.covering(tag).map(|rule| rule.id));
        Guard::Rules {
            version: self.version,
            covers: (!self.list.is_empty()).then_some(covers),
        }
    }

    /// What a refusal by the metadata is to the caller.
    pub(crate) fn refused(&self, error: berth_metadata::Error) -> Error {
        match error {
            berth_metadata::Error::Conflict(Conflict::TagImmutable { tag, digest, rule }) => {
                let explanation = self.explain(&tag, &digest, rule);
                Error::TagImmutable(Box::new(ImmutableTag {
                    tag,
                    digest,
                    rule_id: rule,
                    explanation,
                }))
            }
            error => error.into(),
        }
    }

    fn explain(&self, tag: &str, digest: &str, id: i64) -> String {
        let name = &self.name;
        let mut text = format!("tag '{tag}' of image '{name}' is immutable and names {digest}: rule {id}");
        let found = self.list.iter().find(|(rule, _)| rule.id == id);
        let Some((rule, _)) = found else { return text };
        let place = match rule.repository_id {
            Some(_) => format!("image '{name}'"),
            None => format!("organization '{}'", name.organization()),
        };
        let since = time_text(rule.created_at);
        let said = said(&rule.terms);
        // Writing into a text does not fail.
        let _ = write!(
            text,
            " on {place} ({said}) protects it since {since}; use another tag, or ask who manages {place} to delete the rule"
        );
        text
    }
}

/// A rule as people read it.
fn said(terms: &ImmutabilityTerms) -> String {
    let mut said = format!("'{}'", terms.pattern.escape_debug());
    if let Some(except) = &terms.except {
        let _ = write!(said, " except '{}'", except.escape_debug());
    }
    if let Some(images) = &terms.images {
        let _ = write!(said, " in images '{}'", images.escape_debug());
    }
    said
}
