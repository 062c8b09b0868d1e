//! What was probably meant: the known word that is nearest to a written one.
//! It knows no configuration.

/// The nearest of `known` if it is near enough: a third of the letters may be wrong, or some be added at the end.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace('-', "_");
    let written = plain(written);
    let letters = |word: &str| {
        let begins = word.len() >= 3 && written.starts_with(word);
        if begins {
            0
        } else {
            distance(&written, &plain(word))
        }
    };
    let nearest = known.into_iter().min_by_key(|word| letters(word))?;
    (letters(nearest) <= nearest.chars().count().max(3) / 3).then_some(nearest)
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
        check("function", Some("fun"));
        check("no", Some("on"));
        check("timezone", None);
        assert_eq!(
            nearest("finish-after", ["finish_after"]),
            Some("finish_after")
        );
        assert_eq!(nearest("x", []), None);
    }
}
