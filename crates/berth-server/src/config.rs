//! Settings: read from berth.toml, `BERTH_*` variables and flags (a later one wins), checked, with the place each came
//! from. Knows nothing of what the settings are for.

mod document;
mod file;
mod registry;
mod setting;
mod settings;
mod table;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use document::{InForce, effective, in_force, reference, sample};
use setting::Setting;
pub(crate) use settings::{Limits, Log, LogFormat, Settings};
pub(crate) use table::SETTINGS;
use value::Redirect;
pub(crate) use value::bytes;
pub(crate) use value::{BasePath, Listen, LogFilter, Secret};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The table of settings.
    Default,
    /// The preset in force.
    Preset,
    /// berth.toml; line and column count from 1.
    File {
        path: PathBuf,
        line: usize,
        column: usize,
    },
    /// An environment variable.
    Variable(String),
    /// A flag, with its dashes.
    Flag(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Preset => f.write_str("preset"),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// One value that somebody wrote.
#[derive(Debug)]
struct Given {
    key: String,
    text: String,
    key_place: Place,
    value_place: Place,
}

/// One thing that is wrong with the settings.
#[derive(Debug)]
pub(crate) struct Problem {
    place: Place,
    message: String,
}

/// Everything that is wrong with the settings, one line each.
#[derive(Debug)]
pub(crate) struct Problems(Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let end = if index + 1 == self.0.len() { "" } else { "\n" };
            write!(f, "{}: {}{end}", problem.place, problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// What was written outside berth.toml.
#[derive(Debug, Clone, Default)]
pub(crate) struct Written {
    /// Environment variables whose names start with `BERTH_`.
    pub(crate) variables: BTreeMap<String, String>,
    /// Flags, by the key of their setting.
    pub(crate) flags: BTreeMap<&'static str, String>,
    /// The file named by `--config`.
    pub(crate) file: Option<PathBuf>,
}

impl Written {
    /// The variables of this process beside the given flags.
    pub(crate) fn in_this_process(flags: BTreeMap<&'static str, String>, file: Option<PathBuf>) -> Self {
        let all = std::env::vars_os();
        let text = all.map(|(name, value)| (name.to_string_lossy().into(), value.to_string_lossy().into()));
        let variables = text
            .filter(|(name, _): &(String, String)| name.starts_with("BERTH_"))
            .collect();
        Self {
            variables,
            flags,
            file,
        }
    }

    /// The file to read: `--config`, else `BERTH_CONFIG`, else berth.toml where one lies in the working directory.
    fn file(&self) -> Option<PathBuf> {
        let named = self
            .file
            .clone()
            .or_else(|| self.variables.get("BERTH_CONFIG").map(PathBuf::from));
        named.or_else(|| Some(PathBuf::from("berth.toml")).filter(|path| path.exists()))
    }
}

/// Checked settings, and where each came from.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The settings.
    pub(crate) settings: Settings,
    /// The place of each setting's value, by key.
    pub(crate) places: BTreeMap<&'static str, Place>,
    /// `BERTH_*` variables that no setting reads, and that resemble none.
    pub(crate) ignored: Vec<String>,
}

/// Reads the file, if there is one, and resolves the settings.
pub(crate) fn load(written: &Written) -> Result<Resolved, Problems> {
    let Some(path) = written.file() else {
        return resolve(None, written);
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => resolve(Some((&path, &text)), written),
        Err(error) => {
            let message = format!("the settings cannot be read: {error}");
            Err(Problems(vec![Problem {
                place: Place::File {
                    path,
                    line: 1,
                    column: 1,
                },
                message,
            }]))
        }
    }
}

/// Resolves the settings: defaults, then the preset, then the file, variables and flags.
pub(crate) fn resolve(file: Option<(&Path, &str)>, written: &Written) -> Result<Resolved, Problems> {
    let (mut given, mut problems) = file
        .map(|(path, text)| file::read(path, text))
        .unwrap_or_default();
    let mut ignored = Vec::new();
    given.extend(variables(&written.variables, &mut problems, &mut ignored));
    given.extend(written.flags.iter().filter_map(|(key, text)| {
        let place = Place::Flag(format!("--{}", table::find(key)?.flag()?));
        Some(Given {
            key: (*key).into(),
            text: text.clone(),
            key_place: place.clone(),
            value_place: place,
        })
    }));

    let mut resolved = Resolved {
        settings: Settings::default(),
        places: BTreeMap::new(),
        ignored,
    };
    for setting in SETTINGS.iter().filter(|setting| !setting.default.is_empty()) {
        resolved
            .assign(setting.key, setting.default, &Place::Default)
            .expect("every default is allowed");
    }
    if given
        .iter()
        .rfind(|given| given.key == "preset")
        .is_some_and(|given| given.text == "swr")
    {
        for (key, text) in table::SWR {
            resolved
                .assign(key, text, &Place::Preset)
                .expect("every value of a preset is allowed");
        }
    }
    for Given {
        key,
        text,
        key_place,
        value_place,
    } in given
    {
        let place = if table::find(&key).is_some() {
            value_place
        } else {
            key_place
        };
        if let Err(message) = resolved.assign(&key, &text, &place) {
            problems.push(Problem { place, message });
        }
    }
    problems.extend(resolved.contradictions());
    problems.sort_by(|a, b| a.place.cmp(&b.place));
    if problems.is_empty() {
        Ok(resolved)
    } else {
        Err(Problems(problems))
    }
}

/// The settings among the variables. A name like a setting's is a problem, because it is most likely misspelt; any other
/// is somebody else's, a deployment script's perhaps, and only noted.
fn variables(
    all: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
    ignored: &mut Vec<String>,
) -> Vec<Given> {
    let mut given = Vec::new();
    for (name, text) in all
        .iter()
        .filter(|(name, _)| *name != "BERTH_CONFIG" && !CLIENT_VARIABLES.contains(&name.as_str()))
        .filter(|(name, _)| !is_kubernetes_link(name))
    {
        let place = Place::Variable(name.clone());
        let own_part = name.trim_start_matches("BERTH_");
        let others = SETTINGS
            .iter()
            .map(|setting| setting.key.replace('.', "_").to_uppercase());
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == *name) {
            let (key, text) = (setting.key.to_owned(), text.clone());
            given.push(Given {
                key,
                text,
                key_place: place.clone(),
                value_place: place,
            });
        } else if let Some(meant) = nearest(own_part, others) {
            let message = format!("no setting has this variable; did you mean BERTH_{meant}?");
            problems.push(Problem { place, message });
        } else {
            ignored.push(name.clone());
        }
    }
    given
}

/// What `berth` reads as a client; a server that finds them leaves them alone.
const CLIENT_VARIABLES: [&str; 5] = [
    "BERTH_URL",
    "BERTH_PROFILE",
    "BERTH_ACCESS_KEY_ID",
    "BERTH_SECRET_ACCESS_KEY",
    "BERTH_CA_CERTIFICATE",
];

/// Kubernetes sets these in every pod beside a service that is called `berth`.
fn is_kubernetes_link(name: &str) -> bool {
    name == "BERTH_PORT" || name.starts_with("BERTH_PORT_") || name.starts_with("BERTH_SERVICE_")
}

/// Above this a name is a misspelling of another. Found by trying: one letter left out, added or swapped stays above it.
const LIKE_ENOUGH: f64 = 0.87;

/// The name most like the given one, when it is like enough to be meant.
fn nearest(name: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let near = names.map(|other| (strsim::jaro_winkler(name, &other), other));
    near.filter(|(likeness, _)| *likeness > LIKE_ENOUGH)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}

/// A hint at the section or the setting that was meant.
fn nearest_section(name: &str) -> String {
    let sections = SETTINGS
        .iter()
        .filter_map(|setting| setting.key.split_once('.'))
        .map(|(section, _)| section.into());
    nearest(name, sections)
        .map(|section| format!("; did you mean [{section}]?"))
        .unwrap_or_default()
}

impl Resolved {
    /// Takes over one value, or says what is wrong with it.
    fn assign(&mut self, key: &str, text: &str, place: &Place) -> Result<(), String> {
        let Some(setting) = table::find(key) else {
            let last_part = |setting: &Setting| setting.key.rsplit('.').next() == Some(key);
            let meant = SETTINGS
                .iter()
                .find(|setting| last_part(setting))
                .map(|setting| setting.key.to_owned());
            let meant = meant.or_else(|| nearest(key, SETTINGS.iter().map(|setting| setting.key.to_owned())));
            let hint = meant
                .map(|key| format!("; did you mean `{key}`?"))
                .unwrap_or_default();
            return Err(format!("unknown setting `{key}`{hint}"));
        };
        let field = (setting.field)(&mut self.settings);
        field.assign(text).map_err(|reason| {
            let shown = if setting.is_secret() || key == "database" {
                String::new()
            } else {
                format!(" {text:?}")
            };
            format!(
                "`{key}` cannot be{shown}: {reason}; allowed: {}",
                setting.allowed()
            )
        })?;
        self.places.insert(setting.key, place.clone());
        Ok(())
    }

    /// Problems that no single value has.
    fn contradictions(&self) -> Vec<Problem> {
        let settings = &self.settings;
        let pairs = [
            (
                "tls.certificate",
                settings.tls.certificate.is_some(),
                "tls.key",
                settings.tls.key.is_some(),
            ),
            (
                "admin_ak",
                settings.admin_ak.is_some(),
                "admin_sk",
                settings.admin_sk.expose().is_some(),
            ),
            (
                "s3.access_key_id",
                settings.s3.access_key_id.is_some(),
                "s3.secret_access_key",
                settings.s3.secret_access_key.expose().is_some(),
            ),
        ];
        let halves =
            pairs
                .into_iter()
                .filter_map(|(one, has_one, other, has_other)| match (has_one, has_other) {
                    (true, false) => Some((one, other)),
                    (false, true) => Some((other, one)),
                    _ => None,
                });
        let problem = |(there, missing)| Problem {
            place: self.places.get(there).cloned().unwrap_or(Place::Default),
            message: format!("`{there}` is given without `{missing}`; give both or neither"),
        };
        halves
            .map(problem)
            .chain(self.login_ttl_out_of_bounds())
            .chain(self.addresses_outlive_bytes())
            .collect()
    }

    /// A client must not be led to bytes that are deleted before it comes.
    fn addresses_outlive_bytes(&self) -> Option<Problem> {
        let (key, settings) = ("s3.redirect_ttl", &self.settings);
        let is_led = settings.s3.redirect != Redirect::Never;
        (is_led && settings.s3.redirect_ttl > settings.reclaim.delay).then(|| Problem {
            place: self.places.get(key).cloned().unwrap_or(Place::Default),
            message: format!(
                "`{key}` is {} s, longer than `reclaim.delay`, {} s: bytes would be deleted under addresses that are still \
                 good",
                settings.s3.redirect_ttl.as_secs(),
                settings.reclaim.delay.as_secs()
            ),
        })
    }

    /// SWR's API has these bounds for what a client may ask; the setting stands for a client that does not ask.
    fn login_ttl_out_of_bounds(&self) -> Option<Problem> {
        let (key, ttl) = (
            "limits.temporary_login_ttl",
            self.settings.limits.temporary_login_ttl,
        );
        let allowed = Duration::from_mins(15)..=Duration::from_hours(24);
        (!allowed.contains(&ttl)).then(|| Problem {
            place: self.places.get(key).cloned().unwrap_or(Place::Default),
            message: format!("`{key}` is {} s; allowed: 15m to 24h", ttl.as_secs()),
        })
    }
}

#[cfg(test)]
mod tests;
