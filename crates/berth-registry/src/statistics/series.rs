//! Series of days and months out of the days on which something was counted: no day is left out, none is made up.

use std::ops::RangeInclusive;

use berth_metadata::DayCounts;
use time::{Date, Month};

use super::{Frequency, Measure, ReportEntry};

/// The day of the Julian calendar that the epoch began on.
const EPOCH: i64 = 2_440_588;
const DAYS: i64 = 30;
const MONTHS: i32 = 12;

/// The first day of the report that ends today.
pub(super) fn begin(frequency: Frequency, today: i64) -> i64 {
    match frequency {
        Frequency::Daily => today - DAYS + 1,
        Frequency::Monthly => {
            let today = date(today);
            let months = today.year() * 12 + i32::from(u8::from(today.month())) - 1 - (MONTHS - 1);
            let month = u8::try_from(months.rem_euclid(12) + 1).unwrap_or(1);
            let month = Month::try_from(month).unwrap_or(Month::January);
            let first = Date::from_calendar_date(months.div_euclid(12), month, 1);
            first.map_or(0, |first| i64::from(first.to_julian_day()) - EPOCH)
        }
    }
}

/// Puts what is stored now in the place of what was last noted today.
pub(super) fn set_stored(days: &mut Vec<DayCounts>, today: i64, stored_bytes: i64) {
    if days.last().is_none_or(|last| last.day != today) {
        days.push(DayCounts {
            day: today,
            ..DayCounts::default()
        });
    }
    if let Some(last) = days.last_mut() {
        last.stored_bytes = Some(stored_bytes);
    }
}

/// Every day of `wanted` out of those in `found`, which come in order: one without counts has none, and holds what was
/// held before.
pub(super) fn complete(found: &[DayCounts], wanted: RangeInclusive<i64>) -> Vec<DayCounts> {
    let (before, within) = found.split_at(found.partition_point(|day| day.day < *wanted.start()));
    let mut stored_bytes = before.iter().rev().find_map(|day| day.stored_bytes);
    let mut within = within.iter().peekable();
    wanted
        .map(|day| {
            let counted = within.next_if(|counted| counted.day == day).copied();
            let counted = counted.unwrap_or_default();
            stored_bytes = counted.stored_bytes.or(stored_bytes);
            DayCounts {
                day,
                stored_bytes,
                ..counted
            }
        })
        .collect()
}

/// A measure of these days, in the steps asked for.
pub(super) fn report(days: &[DayCounts], measure: Measure, frequency: Frequency) -> Vec<ReportEntry> {
    let mut entries: Vec<ReportEntry> = Vec::new();
    for day in days {
        let Some(value) = value(day, measure) else {
            continue;
        };
        let date = match frequency {
            Frequency::Daily => date_text(day.day),
            Frequency::Monthly => format!("{}-01", &date_text(day.day)[..7]),
        };
        match entries.last_mut() {
            Some(entry) if entry.date == date && measure == Measure::Stored => entry.value = value,
            Some(entry) if entry.date == date => entry.value += value,
            _ => entries.push(ReportEntry { date, value }),
        }
    }
    entries
}

fn value(day: &DayCounts, measure: Measure) -> Option<i64> {
    match measure {
        Measure::Stored => day.stored_bytes,
        Measure::BytesOut => Some(day.counts.bytes_out),
        Measure::Pulls => Some(day.counts.pulls),
        Measure::Pushes => Some(day.counts.pushes),
    }
}

/// `YYYY-MM-DD`.
pub(super) fn date_text(day: i64) -> String {
    let date = date(day);
    format!(
        "{:04}-{:02}-{:02}",
        date.year(),
        u8::from(date.month()),
        date.day()
    )
}

fn date(day: i64) -> Date {
    let julian = i32::try_from(day + EPOCH).unwrap_or(i32::MAX);
    Date::from_julian_day(julian).unwrap_or(Date::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_metadata::Counts;

    /// 2024-02-28.
    const DAY: i64 = 19_781;

    fn day(day: i64, pulls: i64, stored_bytes: Option<i64>) -> DayCounts {
        let counts = Counts {
            pulls,
            bytes_out: pulls * 100,
            ..Counts::default()
        };
        DayCounts {
            day,
            counts,
            stored_bytes,
        }
    }

    #[test]
    fn days_have_dates() {
        for (day, text) in [
            (0, "1970-01-01"),
            (DAY, "2024-02-28"),
            (DAY + 1, "2024-02-29"),
            (-1, "1969-12-31"),
        ] {
            assert_eq!(date_text(day), text);
        }
    }

    #[test]
    fn a_report_begins_30_days_or_12_months_ago() {
        for (frequency, today, first) in [
            (Frequency::Daily, DAY, "2024-01-30"),
            (Frequency::Monthly, DAY, "2023-03-01"),
            (Frequency::Monthly, DAY + 308, "2024-02-01"),
        ] {
            assert_eq!(date_text(begin(frequency, today)), first, "{frequency:?}");
        }
    }

    #[test]
    fn a_day_without_counts_has_none_and_holds_what_was_held() {
        let found = [
            day(DAY - 9, 7, Some(5)),
            day(DAY, 1, None),
            day(DAY + 2, 2, Some(8)),
        ];
        let expected = [
            day(DAY - 1, 0, Some(5)),
            day(DAY, 1, Some(5)),
            day(DAY + 1, 0, Some(5)),
            day(DAY + 2, 2, Some(8)),
            day(DAY + 3, 0, Some(8)),
        ];
        assert_eq!(complete(&found, DAY - 1..=DAY + 3), expected);
        assert_eq!(complete(&[], DAY..=DAY), [day(DAY, 0, None)]);
        let none = RangeInclusive::new(DAY + 1, DAY);
        assert_eq!(complete(&found, none), []);
    }

    #[test]
    fn what_is_stored_now_stands_for_today() {
        for (mut days, expected) in [
            (vec![], vec![day(DAY, 0, Some(3))]),
            (vec![day(DAY, 4, Some(9))], vec![day(DAY, 4, Some(3))]),
            (
                vec![day(DAY - 1, 4, Some(9))],
                vec![day(DAY - 1, 4, Some(9)), day(DAY, 0, Some(3))],
            ),
        ] {
            set_stored(&mut days, DAY, 3);
            assert_eq!(days, expected);
        }
    }

    #[test]
    fn months_add_up_and_hold_what_their_last_day_held() {
        let days = [
            day(DAY, 1, None),
            day(DAY + 1, 2, Some(5)),
            day(DAY + 2, 4, Some(6)),
            day(DAY + 3, 8, Some(7)),
        ];
        let entries = |measure, frequency| -> Vec<(String, i64)> {
            let report = report(&days, measure, frequency);
            report
                .into_iter()
                .map(|entry| (entry.date, entry.value))
                .collect()
        };
        let expected = |entries: &[(&str, i64)]| -> Vec<(String, i64)> {
            entries
                .iter()
                .map(|(date, value)| ((*date).to_owned(), *value))
                .collect()
        };
        assert_eq!(
            entries(Measure::Pulls, Frequency::Daily),
            expected(&[
                ("2024-02-28", 1),
                ("2024-02-29", 2),
                ("2024-03-01", 4),
                ("2024-03-02", 8)
            ])
        );
        assert_eq!(
            entries(Measure::Pulls, Frequency::Monthly),
            expected(&[("2024-02-01", 3), ("2024-03-01", 12)])
        );
        assert_eq!(
            entries(Measure::BytesOut, Frequency::Monthly),
            expected(&[("2024-02-01", 300), ("2024-03-01", 1200)])
        );
        assert_eq!(
            entries(Measure::Stored, Frequency::Daily),
            expected(&[("2024-02-29", 5), ("2024-03-01", 6), ("2024-03-02", 7)])
        );
        assert_eq!(
            entries(Measure::Stored, Frequency::Monthly),
            expected(&[("2024-02-01", 5), ("2024-03-01", 7)])
        );
        assert_eq!(
            entries(Measure::Pushes, Frequency::Monthly),
            expected(&[("2024-02-01", 0), ("2024-03-01", 0)])
        );
    }
}
