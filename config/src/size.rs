//! Sizes as people write them: `64MiB`, `500 kB`, `1048576`.
//! It sets no limit: who asks for a size knows what is too small or too large.

/// Bytes, or `None` if it is no size. `k`, `M`, `G` and `KiB`, `MiB`, `GiB` count in 1024s, `kB`, `MB`, `GB` in 1000s.
pub fn parse(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let factor: usize = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(factor)
}

/// As people read it: `64 MiB`, `1.5 GiB`, `300 B`.
pub fn show(bytes: usize) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, factor)| bytes >= *factor) {
        None => format!("{bytes} B"),
        Some((unit, factor)) if bytes.is_multiple_of(factor) => {
            format!("{} {unit}", bytes / factor)
        }
        Some((unit, factor)) => {
            let tenths = bytes / (factor / 10);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let check = |text: &str, expect: Option<usize>| assert_eq!(parse(text), expect, "{text}");
        check("64MiB", Some(64 << 20));
        check("64 mib", Some(64 << 20));
        check("1g", Some(1 << 30));
        check("500kB", Some(500_000));
        check("1048576", Some(1 << 20));
        check("", None);
        check("MiB", None);
        check("64 parsecs", None);
        check("-1", None);
        check("1.5MiB", None);
        check("99999999999GiB", None);
    }

    #[test]
    fn sizes_are_shown_short() {
        let check = |bytes: usize, expect: &str| assert_eq!(show(bytes), expect);
        check(300, "300 B");
        check(64 << 20, "64 MiB");
        check((1 << 20) + (1 << 19), "1.5 MiB");
    }
}
