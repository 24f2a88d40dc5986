//! Sizes as people read and write them.

/// `bytes` with three digits and a unit: `999 B`, `1.08 KB`, `54.2 MB`. A kilobyte has 1,000 bytes.
pub(super) fn show(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut units = UNITS.into_iter();
    let mut unit = units.next().unwrap_or_default();
    // 999.5 would be shown as four digits.
    while value >= 999.5 {
        let Some(next) = units.next() else { break };
        value /= 1000.0;
        unit = next;
    }
    let decimals = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.decimals$} {unit}")
}

/// `part` of `whole` in percent, with two digits at least: `0.026 %`, `12 %`, `140 %`.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let percent = part as f64 * 100.0 / whole as f64;
    let decimals = if percent >= 10.0 || percent == 0.0 {
        0
    } else if percent >= 1.0 {
        1
    } else if percent >= 0.1 {
        2
    } else {
        3
    };
    format!("{percent:.decimals$} %")
}

/// `part` of `whole` in whole percent: `0 %`, `<1 %`, `12 %`.
pub(super) fn percent_whole(part: u64, whole: u64) -> String {
    let percent = part as f64 * 100.0 / whole.max(1) as f64;
    if percent > 0.0 && percent < 1.0 { "<1 %".to_owned() } else { format!("{percent:.0} %") }
}

/// Reads `8000000`, `8MB` or `8MiB`: kilo-, mega- and gigabytes are powers of 1,000, kibi-, mebi- and gibibytes of 1,024.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size; write for example 8MB, 8MiB or 8000000");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit: u64 = match text[digits..].trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_with_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 KB"),
            (1080, "1.08 KB"),
            (9_995, "10.0 KB"),
            (12_345, "12.3 KB"),
            (999_499, "999 KB"),
            (999_500, "1.00 MB"),
            (64_636_249, "64.6 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(show(bytes), text);
        }
    }

    #[test]
    fn parts_are_shown_in_percent() {
        assert_eq!(percent(1080, 4_105_208), "0.026 %");
        assert_eq!(percent(1, 8), "12 %");
        assert_eq!(percent(14, 10), "140 %");
        assert_eq!(percent(0, 10), "0 %");
        assert_eq!(percent(1, 0), "-");
        assert_eq!([percent_whole(0, 9), percent_whole(1, 999), percent_whole(1, 8)], ["0 %", "<1 %", "12 %"]);
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(parse("0"), Ok(0));
        assert_eq!(parse("8MB"), Ok(8_000_000));
        assert_eq!(parse("8 MiB"), Ok(8 << 20));
        assert_eq!(parse("1g"), Ok(1_000_000_000));
        for wrong in ["", "MB", "8XB", "-1", "1.5MB", "99999999999GB"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
