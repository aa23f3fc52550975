//! Where log lines go and how they look.

mod inside;
mod lines;
mod naming;
mod plain;

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};
pub(crate) use inside::inside;
pub(crate) use naming::{REQUEST_ID, RequestName};

use inside::Inside;
use lines::Lines;
use plain::Plain;

/// Keeps the log going; dropping it waits until every line is written.
pub(crate) struct Logging(Lines);

impl Drop for Logging {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Sends log lines to standard error from now on.
pub(crate) fn start(log: &Log) -> std::io::Result<Logging> {
    let filter = EnvFilter::builder().parse_lossy(&log.level.0);
    let writer = Lines::to_standard_error()?;
    let is_terminal = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer({
            let writer = writer.clone();
            move || writer.clone()
        })
        .with_ansi(is_terminal);
    match log.format {
        LogFormat::Text if is_terminal => lines.with_target(false).map_event_format(Inside).init(),
        // The same line without the search for styles, which costs more than the line itself.
        LogFormat::Text => lines
            .with_target(false)
            .fmt_fields(Plain)
            .map_event_format(Inside)
            .init(),
        LogFormat::Json => lines.json().flatten_event(true).map_event_format(Inside).init(),
    }
    Ok(Logging(writer))
}
