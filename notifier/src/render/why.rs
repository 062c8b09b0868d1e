//! Why something failed, in the program's own words: the one line of an error that says it.
//! It never rewords: it chooses a line, and puts the SLS and the line number that Salt names before it.

use pillarbox_proto::digest::{About, Finding};

use super::excerpt;

/// Longest reason in a title.
const REASON_CHARS: usize = 160;
/// Lines from the end among which an error is looked for.
const TAIL: usize = 25;

/// The reason of a failure on one line; empty if Salt gave none.
pub(crate) fn why(finding: &Finding) -> String {
    let comment = excerpt::clean(&finding.comment);
    let output = excerpt::clean(&finding.output);
    let reason = match &finding.about {
        About::Start => start_reason(&comment),
        About::State(_) | About::Function | About::Report => {
            let said = if is_bare_command(&comment) && !output.trim().is_empty() {
                &output
            } else {
                &comment
            };
            last_meaningful(said).to_owned()
        }
    };
    match (&finding.about, reason.is_empty()) {
        (About::Report, true) => "Salt reports a failure, and no state failed".to_owned(),
        (About::Report | About::Start | About::State(_) | About::Function, _) => {
            excerpt::line(&reason, REASON_CHARS)
        }
    }
}

/// `Command "…" run`: what `cmd.run` says of itself, which is nothing.
pub(crate) fn is_bare_command(comment: &str) -> bool {
    let comment = comment.trim();
    comment.is_empty() || comment.starts_with("Command \"") && comment.ends_with("\" run")
}

/// The line of an error that says it: the last that calls itself one, else the last that says something;
/// of texts that go on with a manual, the first.
pub(crate) fn last_meaningful(text: &str) -> &str {
    let lines = || {
        text.lines()
            .map(str::trim)
            .filter(|line| says_something(line))
    };
    let first = lines().next();
    if let Some(first) = first.filter(|first| first.starts_with("Passed invalid arguments to ")) {
        return first;
    }
    let tail: Vec<&str> = lines().rev().take(TAIL).collect();
    let named = tail
        .iter()
        .find(|line| names_an_error(line) && !points_elsewhere(line));
    let last = named.or_else(|| tail.iter().find(|line| !points_elsewhere(line)));
    let last = last.copied().or(first).unwrap_or_default();
    last.strip_prefix("- ").unwrap_or(last)
}

/// Lines that call themselves an error: `E: …`, `fatal: …`, `django.db.utils.IntegrityError: …`.
fn names_an_error(line: &str) -> bool {
    const OPENERS: [&str; 7] = [
        "E: ", "ERROR", "Error", "error:", "FATAL", "fatal:", "CRITICAL",
    ];
    let line = line.strip_prefix("- ").unwrap_or(line);
    let first = line.split(' ').next().unwrap_or_default();
    OPENERS.iter().any(|opener| line.starts_with(opener))
        || first.ends_with("Error:")
        || first.ends_with("Exception:")
}

fn says_something(line: &str) -> bool {
    line.chars().any(char::is_alphanumeric)
}

/// Lines after the error that only say where to look.
fn points_elsewhere(line: &str) -> bool {
    const POINTERS: [&str; 7] = [
        "See \"systemctl",
        "See 'systemctl",
        "See system logs",
        "Hint: Some lines were ellipsized",
        "For more information",
        "E: Unable to fetch some archives",
        "Reason: '",
    ];
    POINTERS.iter().any(|pointer| line.starts_with(pointer))
}

/// Why a run could not start, with the SLS and line that Salt names: `SLS nginx, line 12: Jinja variable 'workers' is undefined`.
fn start_reason(text: &str) -> String {
    rendering(text).unwrap_or_else(|| last_meaningful(text).to_owned())
}

/// `Rendering SLS 'base:nginx' failed: <error>; line 12` and the lines around it (`salt/state.py`, `salt/exceptions.py`).
fn rendering(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("Rendering SLS '")?;
    let (sls, rest) = rest.split_once('\'')?;
    let sls = sls.strip_prefix("base:").unwrap_or(sls);
    let error = rest.trim_start().strip_prefix("failed")?;
    let error = error.trim_start_matches([':', ',', '.', ' ', '\n']);
    let error = error.split("\n---").next().unwrap_or(error);
    if let Some((line, problem)) = yaml_problem(error) {
        return Some(format!("SLS {sls}, line {line} of its YAML: {problem}"));
    }
    match line_number(error) {
        Some((before, line)) => {
            let said = before.lines().next().unwrap_or(before).trim();
            Some(format!("SLS {sls}, line {line}: {said}"))
        }
        None => Some(format!(
            "SLS {sls}: {}",
            error.lines().next().unwrap_or_default()
        )),
    }
}

/// The text before the last `; line 12`, and the number.
fn line_number(error: &str) -> Option<(&str, &str)> {
    let (before, after) = error.rsplit_once("; line ")?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    (!digits.is_empty()).then_some((before, digits))
}

/// PyYAML's last problem and the line of its mark. It counts in what Jinja made, not in the file.
fn yaml_problem(error: &str) -> Option<(&str, &str)> {
    let lines: Vec<&str> = error.lines().map(str::trim).collect();
    let at = lines
        .iter()
        .rposition(|line| line.starts_with("in \"") && line.contains(", line "))?;
    let problem = lines.get(at.checked_sub(1)?)?;
    let (_, after) = lines.get(at)?.rsplit_once(", line ")?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((digits, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(comment: &str, expect: &str) {
        let finding = Finding {
            about: About::Start,
            comment: comment.to_owned(),
            output: String::new(),
            diff: String::new(),
            minions: Vec::new(),
            held_back: Vec::new(),
        };
        assert_eq!(why(&finding), expect);
    }

    // Salt 3008.5's own texts, as captured from real minions.
    #[test]
    fn render_errors_name_sls_and_line() {
        start(
            "Rendering SLS 'base:jinjaerr' failed: Jinja variable 'salt.utils.optsdict.DictProxy object' has no attribute 'nope'; line 1\n\n---\n{% set x = pillar['nope']['deeper'] %}    <======================\na:\n  test.nop: []\n---",
            "SLS jinjaerr, line 1: Jinja variable 'salt.utils.optsdict.DictProxy object' has no attribute 'nope'",
        );
        start(
            "Rendering SLS 'base:jinjasyntax' failed: Jinja syntax error: Unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. The innermost block that needs to be closed is 'if'.; line 1\n\n---\n{% if grains['id'] %}    <======================\n---",
            "SLS jinjasyntax, line 1: Jinja syntax error: Unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. The innermost…",
        );
        start(
            "Rendering SLS 'base:yamlerr' failed: while parsing a block mapping\n  in \"<unicode string>\", line 1, column 1\ndid not find expected key\n  in \"<unicode string>\", line 3, column 2",
            "SLS yamlerr, line 3 of its YAML: did not find expected key",
        );
    }

    #[test]
    fn other_refusals_are_given_as_salt_gives_them() {
        let same = |text: &str| start(text, text);
        same("No matching sls found for 'nosuchsls' in env 'base'");
        same(
            "Referenced state does not exist for requisite [require: (file: /no/such/state)] in state [a] in SLS [missingreq]",
        );
        same(
            "The function \"state.single\" is running as PID 14430 and was started at 2026, Nov 22 01:26:37.830940 with jid 20261122012637830940",
        );
        start(
            "Detected conflicting IDs, SLS IDs need to be globally unique.\n    The conflicting ID is 'nothing to do' and is found in SLS 'base:dupid' and SLS 'base:nochange'",
            "The conflicting ID is 'nothing to do' and is found in SLS 'base:dupid' and SLS 'base:nochange'",
        );
        start(
            "Pillar failed to render with the following messages:\n----------\n    Rendering SLS 'users' failed. Please see master log for details.",
            "SLS users: Please see master log for details.",
        );
    }

    #[test]
    fn the_line_that_says_it_is_chosen() {
        let check = |text: &str, expect: &str| assert_eq!(last_meaningful(text), expect);
        check(
            "Problem encountered installing package(s). Additional info follows:\n\nerrors:\n    - E: Unable to locate package nginx-extras\n",
            "E: Unable to locate package nginx-extras",
        );
        check(
            "Job for nginx.service failed because the control process exited with error code.\nSee \"systemctl status nginx.service\" and \"journalctl -xeu nginx.service\" for details.",
            "Job for nginx.service failed because the control process exited with error code.",
        );
        check(
            "State 'nosuchmod.nosuchfun' was not found in SLS 'badid'\nReason: 'nosuchmod.nosuchfun' is not available.\n",
            "State 'nosuchmod.nosuchfun' was not found in SLS 'badid'",
        );
        check(
            "Passed invalid arguments to test.ping: ping() takes 0 positional arguments but 1 was given\n\n    Used to make sure the minion is up\n\n        salt '*' test.ping\n    ",
            "Passed invalid arguments to test.ping: ping() takes 0 positional arguments but 1 was given",
        );
        check(
            "Traceback:\n  File x\n    ^^^^\nValueError: boom\n",
            "ValueError: boom",
        );
        check(
            "  Applying billing.0021...Traceback (most recent call last):\n    main()\ndjango.db.utils.IntegrityError: could not create unique index \"number_key\"\nDETAIL:  Key (number)=(2026-1187) is duplicated.",
            "django.db.utils.IntegrityError: could not create unique index \"number_key\"",
        );
        check(
            "retcode:\n    100\nstderr:\n    E: You don't have enough free space in /var/cache/apt/archives/.\nstdout:\n    Reading package lists...",
            "E: You don't have enough free space in /var/cache/apt/archives/.",
        );
        check("", "");
        check("---\n", "");
    }
}
