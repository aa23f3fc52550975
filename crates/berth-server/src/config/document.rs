//! Texts made of the table of settings: the reference page, the sample file, and the settings in force.

use std::fmt::Write as _;

use super::Settings;
use super::setting::Setting;
use super::table::{SETTINGS, SWR};
use super::{Place, Resolved};

/// The reference page, docs/reference/settings.md.
pub(crate) fn reference() -> String {
    let mut page = String::from(
        "# Settings\n\n\
         <!-- Made by `berth config reference` from the table in crates/berth-server/src/config/table.rs. -->\n\n\
         A setting is written in `berth.toml`, in a `BERTH_*` variable, or as a flag of `berth serve`; a flag wins over a\n\
         variable, a variable over the file. The file is the one named by `--config` or `BERTH_CONFIG`, else `berth.toml` in\n\
         the working directory, if there is one. An unknown name or a value that is not allowed stops the start, and the\n\
         message names the place. `berth config check` shows the settings in force and where each came from;\n\
         `berth config sample` prints [a commented file](berth.toml) to start from.\n\n\
         Secrets have no flag, because the arguments of a program can be read by others on the same machine.\n",
    );
    let mut section = None;
    for setting in SETTINGS {
        let own = setting.key.split_once('.').map(|(section, _)| section);
        if section != own {
            section = own;
            let _ = write!(page, "\n# [{}]\n", own.unwrap_or_default());
        }
        entry(&mut page, setting);
    }
    page.push_str("\n# Presets\n\n`preset = \"swr\"` puts these in place of the defaults:\n\n| setting | value |\n| --- | --- |\n");
    for (key, text) in SWR {
        let _ = writeln!(page, "| `{key}` | `{text}` |");
    }
    page
}

fn entry(page: &mut String, setting: &Setting) {
    let flag = setting
        .flag()
        .map_or_else(|| "none".into(), |flag| format!("`--{flag}`"));
    let _ = write!(
        page,
        "\n## {}\n\n{}\n\n| | |\n| --- | --- |\n| variable | `{}` |\n| flag | {flag} |\n| type | {} |\n| allowed | {} |\n| default | {} |\n",
        setting.key,
        setting.help,
        setting.variable(),
        setting.kind(),
        setting.allowed(),
        default_in_words(setting),
    );
}

fn default_in_words(setting: &Setting) -> String {
    if setting.default.is_empty() {
        setting.otherwise.to_owned()
    } else {
        format!("`{}`", setting.default)
    }
}

/// The sample file, docs/reference/berth.toml: every setting, commented out.
pub(crate) fn sample() -> String {
    let mut file = String::from(
        "# Settings of a Berth server. Everything here is commented out and shows the default.\n\
         # Made by `berth config sample`; docs/reference/settings.md says more.\n",
    );
    let mut section = None;
    for setting in SETTINGS {
        let own = setting.key.split_once('.');
        if section != own.map(|(section, _)| section) {
            section = own.map(|(section, _)| section);
            let _ = write!(file, "\n[{}]\n", section.unwrap_or_default());
        }
        let name = own.map_or(setting.key, |(_, name)| name);
        for line in wrapped(&format!("{} Allowed: {}.", setting.help, setting.allowed())) {
            let _ = write!(file, "\n# {line}");
        }
        if setting.default.is_empty() {
            let _ = write!(file, "\n# Without it: {}.\n# {name} = \n", setting.otherwise);
        } else {
            let _ = write!(file, "\n# {name} = {}\n", as_toml(setting));
        }
    }
    file
}

fn as_toml(setting: &Setting) -> String {
    match setting.kind() {
        "number" | "switch" => setting.default.to_owned(),
        _ => format!("{:?}", setting.default),
    }
}

/// Lines of at most 100 characters, broken between words.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is always a line");
        if last.is_empty() {
            last.push_str(word);
        } else if last.len() + 1 + word.len() <= 100 {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// A setting and its value in force.
pub(crate) struct InForce {
    /// Its key in berth.toml.
    pub(crate) key: &'static str,
    /// Its value; none when nothing is set, and for secrets.
    pub(crate) value: Option<String>,
    /// Its default; empty when there is none.
    pub(crate) default: &'static str,
    /// What it does.
    pub(crate) help: &'static str,
}

/// The settings in force, without anything secret.
pub(crate) fn in_force(settings: &Settings) -> Vec<InForce> {
    let mut settings = settings.clone();
    let rows = SETTINGS.iter().map(|setting| InForce {
        key: setting.key,
        value: Some((setting.field)(&mut settings).show())
            .filter(|shown| !setting.is_secret() && !shown.is_empty()),
        default: setting.default,
        help: setting.help,
    });
    rows.collect()
}

/// The settings in force, one line each with the place it came from; nothing secret.
pub(crate) fn effective(resolved: &Resolved) -> String {
    let mut settings = resolved.settings.clone();
    let rows = SETTINGS.iter().map(|setting| {
        let shown = (setting.field)(&mut settings).show();
        let place = resolved.places.get(setting.key).unwrap_or(&Place::Default);
        let value = if shown.is_empty() {
            format!("({})", setting.otherwise.replace('`', ""))
        } else {
            shown
        };
        (setting.key, value, place.to_string())
    });
    let rows: Vec<_> = rows.collect();
    let width = |of: fn(&(&str, String, String)) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let (keys, values) = (
        width(|row| row.0.len()),
        width(|row| row.1.chars().count().min(40)),
    );
    let mut text = String::new();
    for (key, value, place) in &rows {
        let _ = writeln!(text, "{key:keys$}  {value:values$}  {place}");
    }
    for name in &resolved.ignored {
        let _ = writeln!(text, "{name} is set, but no setting reads it");
    }

    text
}
