//! What was probably meant: the known word that is nearest to a written one.
//! It knows no configuration.

/// The nearest of `known` if it is near enough: a third of the letters may be wrong.
pub(super) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = written.to_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|word| {
            (
                distance(&written, &word.to_lowercase().replace('-', "_")),
                word,
            )
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, word)| *distance <= word.chars().count().max(3) / 3)
        .map(|(_, word)| word)
}

/// Letters to add, drop, replace or swap with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = above[j] + usize::from(a[i] != b[j]);
            let swapped =
                (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j]).then(|| before[j - 1] + 1);
            let least = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            row.push(swapped.map_or(least, |swapped| swapped.min(least)));
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let check = |written: &str, expect: Option<&str>| {
            assert_eq!(
                nearest(written, ["receivers", "routes", "on", "fun"]),
                expect,
                "{written}"
            );
        };
        check("recievers", Some("receivers"));
        check("Receiver", Some("receivers"));
        check("route", Some("routes"));
        check("func", Some("fun"));
        check("no", Some("on"));
        check("timezone", None);
        assert_eq!(
            nearest("finish-after", ["finish_after"]),
            Some("finish_after")
        );
        assert_eq!(nearest("x", []), None);
    }
}
