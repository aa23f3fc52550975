//! Why tags of artifacts go: for the reason of what they are about.

use std::collections::HashMap;

use super::super::fate::{Fate, cut};
use super::{Id, Judgement};

impl Judgement<'_> {
    /// Tells of tags of artifacts by which rule goes what they are about, and why.
    pub(super) fn name_rules(&mut self) {
        let (above, names) = (self.above(), self.names());
        for tag in 0..self.fates.len() {
            let Some(subject) = self.subject[tag].filter(|_| self.fates[tag].goes()) else {
                continue;
            };
            if let Some((rule, why)) = self.cause(subject, &above) {
                let reason = cut(format!("it belongs to {}, which goes: {why}", names[subject]));
                self.fates[tag] = Fate::Goes { rule, reason };
            }
        }
    }

    /// By which rule a manifest goes, itself or with what it belongs to, and why.
    fn cause(&self, digest: Id, above: &HashMap<Id, Vec<Id>>) -> Option<(usize, String)> {
        let mut seen = vec![digest];
        let mut at = 0;
        while let Some(digest) = seen.get(at).copied() {
            at += 1;
            let mut next = Vec::new();
            for tag in &self.tags_of[digest] {
                match (&self.fates[*tag], self.subject[*tag]) {
                    (Fate::Goes { rule, reason }, None) => return Some((*rule, reason.clone())),
                    (Fate::Goes { .. }, Some(subject)) => next.push(subject),
                    (Fate::Kept { .. }, _) => {}
                }
            }
            if self.tags_of[digest].is_empty() {
                next.extend(above.get(&digest).into_iter().flatten());
            }
            for digest in next {
                if !seen.contains(&digest) {
                    seen.push(digest);
                }
            }
        }
        None
    }
}
