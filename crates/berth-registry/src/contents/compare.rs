//! What differs between two images: what they say of themselves, their layers and the steps that made them. Looks into no
//! layer.

use std::collections::{BTreeMap, BTreeSet};

use berth_oci::RepositoryName;

use super::ContentWanted;
use crate::Registry;
use crate::access::Caller;
use crate::error::Error;
use crate::image::{History, ImageConfig, ImageDetail, Layer, SelectedImage};

/// Steps or layers up to which two lists are laid side by side; longer ones are told one after the other.
const ALIGNED_MAX: usize = 500;

/// Which of two images has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Both.
    Both,
    /// The first alone.
    First,
    /// The second alone.
    Second,
}

/// Two images side by side.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The first, as it is described alone.
    pub first: ImageDetail,
    /// The second.
    pub second: ImageDetail,
    /// What their configurations say differently.
    pub config: Vec<ConfigDifference>,
    /// Their layers.
    pub layers: Vec<ComparedLayer>,
    /// The steps that made them.
    pub history: Vec<ComparedStep>,
}

/// A setting that two images do not have alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigDifference {
    /// Which: `env`, `labels`, `cmd` and so on.
    pub field: &'static str,
    /// Of which variable or label.
    pub name: Option<String>,
    /// What the first says; none when it says nothing.
    pub before: Option<String>,
    /// What the second says.
    pub after: Option<String>,
}

/// A layer of one image or both.
#[derive(Clone, Debug)]
pub struct ComparedLayer {
    /// Who has it at this place.
    pub side: Side,
    /// The layer.
    pub layer: Layer,
}

/// A step of the build of one image or both.
#[derive(Clone, Debug)]
pub struct ComparedStep {
    /// Whose it is.
    pub side: Side,
    /// The step.
    pub step: History,
    /// The digest and bytes of the layer it made.
    pub layer: Option<(String, u64)>,
}

impl Registry {
    /// Two images side by side, the second of the same repository or of another one.
    pub async fn compare(
        &self,
        caller: &Caller,
        (repository, content): (&RepositoryName, ContentWanted<'_>),
        (other, other_content): (&RepositoryName, ContentWanted<'_>),
    ) -> Result<Compared, Error> {
        let first = self
            .described(caller, repository, content.reference, content.platform)
            .await?;
        let second = self
            .described(caller, other, other_content.reference, other_content.platform)
            .await?;
        let empty = |detail: &ImageDetail| detail.selected.as_ref().map(layers_of).unwrap_or_default();
        let config = |detail: &ImageDetail| detail.selected.as_ref().and_then(|image| image.config.clone());
        Ok(Compared {
            config: differing(config(&first).as_ref(), config(&second).as_ref()),
            layers: aligned(&empty(&first), &empty(&second), |a, b| a.digest == b.digest)
                .into_iter()
                .map(|(side, layer)| ComparedLayer { side, layer })
                .collect(),
            history: aligned(&steps_of(&first), &steps_of(&second), |(a, made), (b, makes)| {
                (&a.created_by, a.is_empty_layer, made) == (&b.created_by, b.is_empty_layer, makes)
            })
            .into_iter()
            .map(|(side, (step, layer))| ComparedStep { side, step, layer })
            .collect(),
            first,
            second,
        })
    }
}

fn layers_of(image: &SelectedImage) -> Vec<Layer> {
    image.layers.clone()
}

type Step = (History, Option<(String, u64)>);

fn steps_of(detail: &ImageDetail) -> Vec<Step> {
    let Some(image) = &detail.selected else {
        return Vec::new();
    };
    let steps = image.config.as_ref().map(|config| config.history.as_slice());
    let step = |step: &History| {
        let layer = step.layer.and_then(|number| image.layers.get(number));
        (
            step.clone(),
            layer.map(|layer| (layer.digest.clone(), layer.bytes)),
        )
    };
    steps.unwrap_or_default().iter().map(step).collect()
}

/// Two lists as one: what both have in the same order once, the rest where it belongs.
fn aligned<T: Clone>(first: &[T], second: &[T], same: impl Fn(&T, &T) -> bool) -> Vec<(Side, T)> {
    let only = |side: Side, list: &[T]| list.iter().map(|one| (side, one.clone())).collect::<Vec<_>>();
    if first.len().max(second.len()) > ALIGNED_MAX {
        return [only(Side::First, first), only(Side::Second, second)].concat();
    }
    // How many the rests of both have in common, by where the rests begin.
    let mut common = vec![vec![0_u32; second.len() + 1]; first.len() + 1];
    for a in (0..first.len()).rev() {
        for b in (0..second.len()).rev() {
            common[a][b] = if same(&first[a], &second[b]) {
                common[a + 1][b + 1] + 1
            } else {
                common[a + 1][b].max(common[a][b + 1])
            };
        }
    }
    let (mut a, mut b) = (0, 0);
    let mut list = Vec::new();
    while a < first.len() && b < second.len() {
        if same(&first[a], &second[b]) {
            list.push((Side::Both, second[b].clone()));
            (a, b) = (a + 1, b + 1);
        } else if common[a + 1][b] >= common[a][b + 1] {
            list.push((Side::First, first[a].clone()));
            a += 1;
        } else {
            list.push((Side::Second, second[b].clone()));
            b += 1;
        }
    }
    list.extend(only(Side::First, &first[a..]));
    list.extend(only(Side::Second, &second[b..]));
    list
}

type Settings = BTreeMap<(&'static str, Option<String>), String>;

fn differing(first: Option<&ImageConfig>, second: Option<&ImageConfig>) -> Vec<ConfigDifference> {
    let (first, second) = (
        first.map(settings).unwrap_or_default(),
        second.map(settings).unwrap_or_default(),
    );
    let keys: BTreeSet<_> = first.keys().chain(second.keys()).collect();
    let differing = keys.into_iter().filter(|key| first.get(key) != second.get(key));
    differing
        .map(|key| ConfigDifference {
            field: key.0,
            name: key.1.clone(),
            before: first.get(key).cloned(),
            after: second.get(key).cloned(),
        })
        .collect()
}

fn settings(config: &ImageConfig) -> Settings {
    let mut settings = Settings::new();
    let texts = [
        ("os", &config.os),
        ("architecture", &config.architecture),
        ("variant", &config.variant),
        ("created", &config.created),
        ("author", &config.author),
        ("user", &config.user),
        ("working_dir", &config.working_folder),
        ("stop_signal", &config.stop_signal),
    ];
    for (field, text) in texts {
        settings.extend(text.clone().map(|text| ((field, None), text)));
    }
    for (field, words) in [("entrypoint", &config.entrypoint), ("cmd", &config.command)] {
        if !words.is_empty() {
            let text = serde_json::to_string(words).expect("texts are JSON");
            settings.insert((field, None), text);
        }
    }
    for variable in &config.environment {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        settings.insert(("env", Some(name.to_owned())), value.to_owned());
    }
    for (field, names) in [
        ("exposed_ports", &config.exposed_ports),
        ("volumes", &config.volumes),
    ] {
        settings.extend(
            names
                .iter()
                .map(|name| ((field, Some(name.clone())), String::new())),
        );
    }
    let labels = config.labels.iter();
    settings.extend(labels.map(|(name, value)| (("labels", Some(name.clone())), value.clone())));
    settings
}

#[cfg(test)]
mod tests {
    use super::{Side, aligned};

    #[test]
    fn lists_are_laid_side_by_side() {
        let check = |first: &str, second: &str, expected: &str| {
            let lists: Vec<Vec<char>> = [first, second].map(|list| list.chars().collect()).to_vec();
            let shown: String = aligned(&lists[0], &lists[1], |a, b| a == b)
                .into_iter()
                .map(|(side, one)| match side {
                    Side::Both => format!("{one}"),
                    Side::First => format!("-{one}"),
                    Side::Second => format!("+{one}"),
                })
                .collect();
            assert_eq!(shown, expected, "{first} {second}");
        };
        check("abc", "abc", "abc");
        check("abc", "abd", "ab-c+d");
        check("", "ab", "+a+b");
        check("abcd", "bd", "-ab-cd");
        check("ab", "xab", "+xab");
    }
}
