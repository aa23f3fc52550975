//! Pages of the reference that are made of the program itself, in Markdown: its commands, and the codes of its refusals.

use std::fmt::Write as _;

use berth_oci::ErrorCode;
use clap_markdown::MarkdownOptions;

use crate::manage::error::published::{CODES, on_the_wire};

/// Every command with its arguments.
pub(crate) fn commands(program: &clap::Command) -> String {
    let options = MarkdownOptions::new()
        .title("Commands".to_owned())
        .show_footer(false);
    clap_markdown::help_markdown_command_custom(program, &options)
}

/// The codes by which refusals are told apart.
pub(crate) fn errors() -> String {
    let mut page = "# Error codes\n\nThe message of a refusal is for people and may change; the code is for programs and stays.\n\n\
         ## Management API\n\nIn `error_code`. Of the seven digits the first three are the HTTP status.\n\n| code | meaning |\n| --- | --- |\n"
        .to_owned();
    for (code, meaning) in CODES {
        let _ = writeln!(page, "| `{}` | {meaning} |", on_the_wire(code));
    }
    page.push_str(
        "\n## Distribution API\n\nIn `errors[].code`; docker shows it in lower case before the message.\n\n| code | meaning |\n| --- | --- |\n",
    );
    for code in ErrorCode::ALL {
        let _ = writeln!(page, "| `{code}` | {} |", code.meaning());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_stand_as_they_are_sent() {
        let page = errors();
        for code in ["SVCSTG.SWR.4090134", "SVCSTG.S2I.4019000", "MANIFEST_UNKNOWN"] {
            assert_eq!(page.matches(&format!("| `{code}` | ")).count(), 1, "{code}");
        }
    }
}
