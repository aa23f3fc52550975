//! What only a person can answer: secrets, without an echo, and whether something may go for ever. Secrets come from the
//! terminal or from standard input, never from the command line, which every user of the machine can read.

use std::io::{IsTerminal as _, Read as _, Write as _};

use super::failure::Failure;
use super::profile::Secret;

/// No key or password is longer.
const SECRET_LENGTH_MAX: u64 = 4096;

/// A secret from the first line of standard input, or asked for on the terminal.
pub(super) fn secret(name: &str, from_stdin: bool) -> Result<Secret, Failure> {
    let text = if from_stdin {
        let mut text = String::new();
        let mut input = std::io::stdin().take(SECRET_LENGTH_MAX);
        input.read_to_string(&mut text).map_err(|error| {
            Failure::Here(format!("no {name} could be read from standard input: {error}"))
        })?;
        text.lines().next().unwrap_or_default().to_owned()
    } else {
        let title: String = name.chars().take(1).flat_map(char::to_uppercase).collect();
        let rest: String = name.chars().skip(1).collect();
        rpassword::prompt_password(format!("{title}{rest}: ")).map_err(|error| {
            Failure::Here(format!(
                "the {name} cannot be asked for without a terminal ({error}); write it to standard input with \
                 --secret-stdin"
            ))
        })?
    };
    if text.is_empty() {
        return Err(Failure::Here(format!("the {name} is empty")));
    }
    Ok(Secret::new(text))
}

/// Asks whether to go on with what cannot be taken back. `is_sure` is `--yes`.
pub(super) fn confirm(what: &str, is_sure: bool) -> Result<(), Failure> {
    if is_sure {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Failure::Here(format!(
            "{what} needs a yes, and there is no terminal to ask on: say --yes"
        )));
    }
    let asked = write!(std::io::stderr(), "{what}? [y/N] ").and_then(|()| std::io::stderr().flush());
    asked.map_err(|error| Failure::Here(format!("the question could not be asked: {error}")))?;
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::Here(format!("no answer could be read: {error}")))?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::Here("left as it is".to_owned())),
    }
}

/// A line for the person, beside the answer.
pub(super) fn notice(text: &str) {
    // Standard error may be closed; there is nobody to tell then.
    let _ = writeln!(std::io::stderr(), "berth: {text}");
}
