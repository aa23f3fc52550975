//! Durations, sizes and rates: a whole number and a unit.

use std::num::NonZeroU32;
use std::time::Duration;

use berth_registry::Rate;

use super::Value;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Size(pub(crate) u64);

const UNITS_OF_TIME: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Value for Duration {
    fn kind(&self) -> &'static str {
        "duration"
    }

    fn allowed(&self) -> String {
        "a whole number and one of the units ms, s, m, h, d, such as 90s or 24h".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        *self = Self::from_millis(with_unit(text, &UNITS_OF_TIME)?);
        Ok(())
    }

    fn show(&self) -> String {
        show_with_unit(
            u64::try_from(self.as_millis()).unwrap_or(u64::MAX),
            &UNITS_OF_TIME,
        )
    }
}

/// A duration, or zero for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Period(pub(crate) Duration);

impl Value for Period {
    fn kind(&self) -> &'static str {
        "duration"
    }

    fn allowed(&self) -> String {
        format!("{}; 0 switches it off", Duration::ZERO.allowed())
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        if text.trim() == "0" {
            *self = Self::default();
            return Ok(());
        }
        self.0.assign(text)
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

const UNITS_OF_SIZE: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

impl Value for Size {
    fn kind(&self) -> &'static str {
        "size"
    }

    fn allowed(&self) -> String {
        "a whole number and one of the units B, KiB, MiB, GiB, TiB, such as 10GiB".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        self.0 = with_unit(text, &UNITS_OF_SIZE)?;
        Ok(())
    }

    fn show(&self) -> String {
        show_with_unit(self.0, &UNITS_OF_SIZE)
    }
}

/// A number of bytes, or none.
impl Value for Option<Size> {
    fn kind(&self) -> &'static str {
        "size"
    }

    fn allowed(&self) -> String {
        format!("{}; 0 is none", Size::default().allowed())
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        let mut size = Size::default();
        *self = if text.trim() == "0" {
            None
        } else {
            size.assign(text)?;
            Some(size)
        };
        Ok(())
    }

    fn show(&self) -> String {
        self.map(|size| size.show()).unwrap_or_default()
    }
}

/// So many in a second, a minute or an hour, or any number.
impl Value for Option<Rate> {
    fn kind(&self) -> &'static str {
        "rate"
    }

    fn allowed(&self) -> String {
        "a whole number and one of /s, /m and /h, such as 20/s or 600/m; 0 is any number".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        *self = if text.trim() == "0" {
            None
        } else {
            Some(rate(text)?)
        };
        Ok(())
    }

    fn show(&self) -> String {
        self.map(|rate| rate.to_string()).unwrap_or_default()
    }
}

fn rate(text: &str) -> Result<Rate, String> {
    let (number, unit) = text
        .split_once('/')
        .ok_or("it has no unit of time after a slash")?;
    let number: u32 = number
        .trim()
        .parse()
        .map_err(|_| "it does not start with a whole number".to_owned())?;
    let seconds = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        other => return Err(format!("{other:?} is not a unit known here")),
    };
    Ok(Rate {
        count: NonZeroU32::new(number).ok_or("it is zero")?,
        per: Duration::from_secs(seconds),
    })
}

/// A number of bytes on the command line, with a unit or without one; 0 is one too.
pub(crate) fn bytes(text: &str) -> Result<i64, String> {
    let mut size = Size::default();
    match text.parse() {
        Ok(number) => size.0 = number,
        Err(_) => size
            .assign(text)
            .map_err(|reason| format!("{reason}: it is a number of bytes, or {}", size.allowed()))?,
    }
    i64::try_from(size.0).map_err(|_| "it is too large".to_owned())
}

/// Reads "24h" or "24 h" into the smallest unit; never zero, because no limit means anything at zero.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_| "it does not start with a whole number".to_owned())?;
    let unit = unit.trim();
    let found = units.iter().find(|(name, _)| *name == unit);
    let (_, factor) = found.ok_or_else(|| {
        if unit.is_empty() {
            "it has no unit".to_owned()
        } else {
            format!("{unit:?} is not a unit known here")
        }
    })?;
    match number.checked_mul(*factor) {
        Some(0) => Err("it is zero".into()),
        Some(value) if i64::try_from(value).is_ok() => Ok(value),
        _ => Err("it is too large".into()),
    }
}

fn show_with_unit(value: u64, units: &[(&str, u64)]) -> String {
    let unit = units
        .iter()
        .find(|(_, factor)| value != 0 && value.is_multiple_of(*factor));
    let (name, factor) = unit.copied().unwrap_or(("", 1));
    format!("{}{name}", value / factor)
}
