//! Points in time: whole seconds, shown and read as people write them.

use std::{fmt, time::SystemTime};

/// Seconds since 1970-01-01T00:00:00Z, at most [`Time::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time(u64);

const DAY_SECS: u64 = 86_400;

impl Time {
    /// The end of the year 9999: what four digits can show.
    pub const MAX: Self = Self(253_402_300_799);

    /// The time `secs` seconds after 1970-01-01T00:00:00Z, or [`Time::MAX`] if it is later.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        if secs > Self::MAX.0 { Self::MAX } else { Self(secs) }
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn secs(self) -> u64 {
        self.0
    }

    /// What the system's clock says; 1970 where it says something earlier.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self::from_secs(since.map_or(0, |since| since.as_secs()))
    }

    /// `secs` later, at most [`Time::MAX`].
    #[must_use]
    pub const fn plus(self, secs: u64) -> Self {
        Self::from_secs(self.0.saturating_add(secs))
    }

    /// Reads a day (`2027-01-31`, its beginning) or a second (`2027-01-31T12:00:00Z`), both in UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (day, clock) = text.split_at_checked(10)?;
        let [year, month, day] = numbers(day, '-', [4, 2, 2])?;
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || day == 0 {
            return None;
        }
        let days = days_before_year(year) + days_before_month(year, month) + day - 1;
        if day > days_before_month(year, month + 1) - days_before_month(year, month) {
            return None;
        }
        let secs = if clock.is_empty() {
            0
        } else {
            let [hour, minute, second] = numbers(clock.strip_prefix('T')?.strip_suffix('Z')?, ':', [2, 2, 2])?;
            if hour > 23 || minute > 59 || second > 59 {
                return None;
            }
            hour * 3600 + minute * 60 + second
        };
        Some(Self(days * DAY_SECS + secs))
    }
}

/// Days from 1970-01-01 to the first of January of `year`, at least 1970.
fn days_before_year(year: u64) -> u64 {
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    (year - 1970) * 365 + leaps(year - 1) - leaps(1969)
}

/// Days of `year` before `month`, 1 to 13.
fn days_before_month(year: u64, month: u64) -> u64 {
    const DAYS: [u64; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    DAYS[month as usize - 1] + u64::from(leap && month > 2)
}

fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[u64; 3]> {
    let mut found = [0; 3];
    let mut parts = text.split(separator);
    for (number, width) in found.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width && part.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, secs) = (self.0 / DAY_SECS, self.0 % DAY_SECS);
        // At most one year too high, since no year has fewer days.
        let mut year = 1970 + days / 365;
        while days_before_year(year) > days {
            year -= 1;
        }
        let in_year = days - days_before_year(year);
        let month = (1..=12).rev().find(|&month| days_before_month(year, month) <= in_year).unwrap_or(1);
        let day = in_year - days_before_month(year, month) + 1;
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", secs / 3600, secs / 60 % 60, secs % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_as_they_are_shown() {
        let shown = [
            (0, "1970-01-01T00:00:00Z"),
            (68_169_599, "1972-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_000_000_000, "2001-09-09T01:46:40Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (Time::MAX.secs(), "9999-12-31T23:59:59Z"),
        ];
        for (secs, text) in shown {
            assert_eq!(Time::from_secs(secs).to_string(), text);
            assert_eq!(Time::parse(text), Some(Time::from_secs(secs)), "{text}");
        }
        for days in 0..40_000 {
            let time = Time::from_secs(days * DAY_SECS);
            assert_eq!(Time::parse(&time.to_string()[..10]), Some(time));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "2027", "2027-02-29", "2027-13-01", "2027-00-01", "2027-01-00", "1969-12-31", "2027-1-031"] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
        for text in ["2027-01-01T24:00:00Z", "2027-01-01T00:00:00", "2027-01-01 00:00:00Z", "2027-01-01T00:00:0é"] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }
}
