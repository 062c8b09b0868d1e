//! Minions by name: sorted, folded into ranges, at most eight of them; and counts of things.
//! It knows no digest: it is given names and numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::excerpt;

/// Names shown before "and 79 more".
const SHOWN: usize = 8;
/// Longest name shown; an id may have 255 characters.
const NAME_CHARS: usize = 60;

/// `web[001-087], db1 and 79 more`: every name once, ranges folded.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let folded = fold(names);
    let shown: Vec<String> = folded
        .iter()
        .take(SHOWN)
        .map(|(text, _)| excerpt::line(text, NAME_CHARS))
        .collect();
    let rest: usize = folded.iter().skip(SHOWN).map(|(_, count)| count).sum();
    match rest {
        0 => shown.join(", "),
        _ => format!("{} and {} more", shown.join(", "), number(rest)),
    }
}

/// A name taken apart at the last number of its first label: `web07.example.com` is `web`, `07`, `.example.com`.
fn split(name: &str) -> Option<(&str, &str, &str)> {
    let label = name.split('.').next()?;
    let end = label.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = label
        .get(..end)?
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(Some(0), |at| {
            Some(at + label.get(at..)?.chars().next()?.len_utf8())
        })?;
    let digits = name.get(start..end).filter(|digits| digits.len() < 16)?;
    Some((name.get(..start)?, digits, name.get(end..)?))
}

/// Numbers between the same two texts, in order: by value, and as written.
type Row<'a> = BTreeMap<(u64, usize), &'a str>;

/// Names in order, runs of three and more as one entry; each with the number of names it stands for.
fn fold<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<(String, usize)> {
    let mut rows: BTreeMap<(&str, &str), Row<'_>> = BTreeMap::new();
    let mut plain: BTreeSet<&str> = BTreeSet::new();
    for name in names {
        match split(name).and_then(|(a, digits, z)| Some((a, digits, digits.parse().ok()?, z))) {
            Some((before, digits, value, after)) => {
                let row = rows.entry((before, after)).or_default();
                row.insert((value, digits.len()), digits);
            }
            None => {
                plain.insert(name);
            }
        }
    }
    let mut folded: Vec<(&str, Vec<(String, usize)>)> = Vec::new();
    folded.extend(rows.iter().map(|((before, after), row)| {
        let digits: Vec<(u64, &str)> = row
            .iter()
            .map(|((value, _), text)| (*value, *text))
            .collect();
        (*before, fold_row(before, after, &digits))
    }));
    folded.extend(
        plain
            .iter()
            .map(|name| (*name, vec![((*name).to_owned(), 1)])),
    );
    folded.sort_by_key(|(sort, _)| *sort);
    folded
        .into_iter()
        .flat_map(|(_, entries)| entries)
        .collect()
}

fn fold_row(before: &str, after: &str, row: &[(u64, &str)]) -> Vec<(String, usize)> {
    let name = |middle: &str| format!("{before}{middle}{after}");
    let mut entries = Vec::new();
    for run in row.chunk_by(|a, b| follows(*a, *b)) {
        match run {
            [(_, first), .., (_, last)] if run.len() > 2 => {
                entries.push((name(&format!("[{first}-{last}]")), run.len()));
            }
            _ => entries.extend(run.iter().map(|(_, digits)| (name(digits), 1))),
        }
    }
    entries
}

/// `9` then `10`, `09` then `10`; never `9` then `010`: a range must give back the names it stands for.
fn follows((a, left): (u64, &str), (b, right): (u64, &str)) -> bool {
    let grown = right.len() == left.len() + 1 && !left.starts_with('0') && !right.starts_with('0');
    b == a + 1 && (left.len() == right.len() || grown)
}

/// `3 988`: thousands apart by a blank that does not break.
pub(crate) fn number(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

/// `1 minion`, `3 minions`: the plural with an s.
pub(crate) fn plural(count: usize, thing: &str) -> String {
    match count {
        1 => format!("1 {thing}"),
        _ => format!("{} {thing}s", number(count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], expect: &str) {
        assert_eq!(list(names.iter().copied()), expect);
    }

    #[test]
    fn runs_are_folded() {
        check(&["web03", "web17", "web54"], "web03, web17, web54");
        check(&["web03", "web01", "web02"], "web[01-03]");
        check(&["web01", "web02"], "web01, web02");
        check(&["web8", "web9", "web10", "web11"], "web[8-11]");
        check(&["web8", "web9", "web010"], "web8, web9, web010");
        check(
            &["a1.lab", "a2.lab", "a3.lab", "a3.prod"],
            "a[1-3].lab, a3.prod",
        );
        check(&["db", "web1", "app"], "app, db, web1");
        check(&["ü1", "ü2", "ü3"], "ü[1-3]");
        check(&["x1-a", "x2-a", "x3-a"], "x[1-3]-a");
        check(&["10", "11", "12"], "[10-12]");
    }

    #[test]
    fn eight_names_then_how_many_more() {
        let names: Vec<String> = (0..87).map(|n| format!("web{:03}", n * 2)).collect();
        let text = list(names.iter().map(String::as_str));
        assert!(text.ends_with("web014 and 79 more"), "{text}");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(number(988), "988");
        assert_eq!(number(3988), "3\u{a0}988");
        assert_eq!(number(12_345_678), "12\u{a0}345\u{a0}678");
        assert_eq!(plural(1, "run"), "1 run");
        assert_eq!(plural(0, "run"), "0 runs");
    }
}
