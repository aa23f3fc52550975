//! What one setting is: a row of the table, the names that follow from its key, what its value may be.

use super::settings::Settings;
use super::value::Value;

/// One setting.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    /// Its name in berth.toml, with the section in front: `limits.layers_max`.
    pub(crate) key: &'static str,
    /// Its default, written as a person would; empty when there is none.
    pub(crate) default: &'static str,
    /// What is used when neither it nor a default is given.
    pub(crate) otherwise: &'static str,
    /// What it does: the first sentence alone must do for `--help`.
    pub(crate) help: &'static str,
    /// Where it is kept.
    pub(crate) field: fn(&mut Settings) -> &mut dyn Value,
}

impl Setting {
    /// Its environment variable: `BERTH_LIMITS_LAYERS_MAX`.
    pub(crate) fn variable(&self) -> String {
        format!("BERTH_{}", self.key.replace('.', "_").to_uppercase())
    }

    /// Its flag without the dashes, `limits-layers-max`. A secret has none: other users of a machine can read the
    /// arguments of a program.
    pub(crate) fn flag(&self) -> Option<String> {
        (!self.is_secret()).then(|| self.key.replace(['.', '_'], "-"))
    }

    /// True when its value must never be shown.
    pub(crate) fn is_secret(&self) -> bool {
        self.kind() == "secret"
    }

    /// The type of its value, in one word.
    pub(crate) fn kind(&self) -> &'static str {
        (self.field)(&mut Settings::default()).kind()
    }

    /// What may be written as its value.
    pub(crate) fn allowed(&self) -> String {
        (self.field)(&mut Settings::default()).allowed()
    }
}
