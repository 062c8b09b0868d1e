//! Texts of a finding: what of them is volatile, and what of them is kept.
//! It knows no finding and no message: how much a channel shows is its renderer's decision.

/// Bytes of a comment, an output or a diff that a finding keeps.
const TEXT: usize = 4096;

/// The text without what differs from run to run and from minion to minion: numbers, and long hexadecimal words.
pub(super) fn fold_volatile(text: &str) -> String {
    let word = |word: &str| {
        let hex = 8 <= word.len() && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        if hex {
            "#".to_owned()
        } else {
            fold_digits(word)
        }
    };
    text.split_whitespace()
        .map(word)
        .collect::<Vec<_>>()
        .join(" ")
}

fn fold_digits(word: &str) -> String {
    let mut folded = String::with_capacity(word.len());
    for c in word.chars() {
        match (c.is_ascii_digit(), folded.ends_with('#')) {
            (true, true) => {}
            (true, false) => folded.push('#'),
            (false, _) => folded.push(c),
        }
    }
    folded
}

/// The beginning, cut at a line, with what was cut said.
pub(super) fn cut(text: &str) -> String {
    if text.len() <= TEXT {
        return text.to_owned();
    }
    let kept: String = text
        .chars()
        .scan(0, |bytes, c| {
            *bytes += c.len_utf8();
            (*bytes <= TEXT).then_some(c)
        })
        .collect();
    let kept = kept
        .rsplit_once('\n')
        .map_or(kept.as_str(), |(lines, _)| lines);
    let left = text.lines().count().saturating_sub(kept.lines().count());
    if left == 0 {
        format!("{kept} …")
    } else {
        format!("{kept}\n… {left} more lines")
    }
}

/// The end, cut at a line: that is where a program says why.
pub(super) fn cut_front(text: &str) -> String {
    if text.len() <= TEXT {
        return text.to_owned();
    }
    let skip = text.len() - TEXT;
    let kept: String = text
        .char_indices()
        .filter(|(at, _)| skip <= *at)
        .map(|(_, c)| c)
        .collect();
    let kept = kept
        .split_once('\n')
        .map_or(kept.as_str(), |(_, lines)| lines);
    let left = text.lines().count().saturating_sub(kept.lines().count());
    if left == 0 {
        format!("… {kept}")
    } else {
        format!("… {left} lines before\n{kept}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_at_a_line_and_say_so() {
        let long = "0123456789\n".repeat(1000);
        assert!(
            cut(&long).ends_with("… 628 more lines"),
            "{}",
            cut(&long).lines().last().unwrap()
        );
        assert!(
            cut_front(&long).starts_with("… 628 lines before\n"),
            "{}",
            cut_front(&long).lines().next().unwrap()
        );
        assert!(cut(&"x".repeat(9000)).ends_with("x …"));
    }
}
