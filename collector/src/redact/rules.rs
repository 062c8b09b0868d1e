//! The shapes of secrets in texts, one rule each, with what it takes and what not as its test.
//! Names of arguments are not here: a text has no arguments.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

/// One shape. The group `secret` is what is taken.
pub(super) struct Rule {
    #[cfg_attr(not(test), expect(dead_code, reason = "said when its test fails"))]
    pub(super) name: &'static str,
    pub(super) pattern: &'static str,
    /// Asked with the whole match and the secret, where the pattern alone takes too much.
    pub(super) is_secret: fn(&str, &str) -> bool,
    /// Before and after.
    #[cfg_attr(not(test), expect(dead_code, reason = "the test beside the rule"))]
    pub(super) examples: &'static [(&'static str, &'static str)],
}

/// Every rule compiled, once.
pub(super) struct Compiled {
    pub(super) set: RegexSet,
    pub(super) regexes: Vec<Regex>,
}

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants, and a test compiles them"
)]
pub(super) static COMPILED: LazyLock<Compiled> = LazyLock::new(|| {
    let patterns: Vec<String> = RULES.iter().map(|rule| ascii(rule.pattern)).collect();
    Compiled {
        set: RegexSet::new(&patterns).expect("constant patterns"),
        regexes: patterns
            .iter()
            .map(|pattern| Regex::new(pattern).expect("constant pattern"))
            .collect(),
    }
});

/// Words are ASCII: with Unicode's, a text that is not ASCII is searched a hundred times slower.
fn ascii(pattern: &str) -> String {
    pattern
        .replace(r"\b", r"(?-u:\b)")
        .replace(r"\w", "0-9A-Za-z_") // always within brackets
}

fn always(_: &str, _: &str) -> bool {
    true
}

/// `-p443:443/tcp` is ports, `-pv` flags; a password mixes kinds of characters.
fn is_password_like(_: &str, secret: &str) -> bool {
    let is = |kind: fn(&char) -> bool| secret.chars().any(|c| kind(&c));
    let mixed =
        is(char::is_ascii_digit) || is(char::is_ascii_uppercase) || is(char::is_ascii_punctuation);
    let ports = secret.starts_with(|c: char| c.is_ascii_digit()) && secret.contains([':', '/']);
    is(char::is_ascii_alphabetic)
        && mixed
        && !ports
        && !secret.starts_with(['/', '.', '-'])
        && !secret.starts_with("rint")
        && !secret.starts_with("ython")
}

/// `nginx:tag@sha256` is an image, `mailto:bob@…` an address.
fn is_user_and_password(whole: &str, _: &str) -> bool {
    let user = whole.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let user = user
        .split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    !whole.contains("@sha256") && !["mailto", "to", "cc", "bcc", "from"].contains(&user.as_str())
}

/// The value of `--password` may be the next option.
fn is_no_option(_: &str, secret: &str) -> bool {
    !secret.starts_with("--")
}

/// In the order they are applied: what spans lines first, the general before the particular.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "private key, to its end or that of the text",
        pattern: r"(?s)(?P<secret>-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z))",
        is_secret: always,
        examples: &[
            (
                "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb",
                "a\n<redacted>\nb",
            ),
            (
                "+-----BEGIN OPENSSH PRIVATE KEY-----\n+b3Bl\n+cut",
                "+<redacted>",
            ),
            (
                "-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----",
                "<redacted>",
            ),
            (
                "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
                "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
            ),
        ],
    },
    Rule {
        name: "the end of a private key whose beginning was cut off",
        pattern: r"(?P<secret>\A[\sA-Za-z0-9+/=\\-]*-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----)",
        is_secret: always,
        examples: &[(
            "+MIIE\n+abc=\n+-----END PRIVATE KEY-----\n rest",
            "<redacted>\n rest",
        )],
    },
    Rule {
        name: "Authorization header",
        pattern: r#"(?i)\b(?:proxy-)?authorization["']?\s*[:=]\s*["']?(?:(?:basic|bearer|digest|token|negotiate|apikey)\s+)?(?P<secret>[^\s"',;]+)"#,
        is_secret: always,
        examples: &[
            (
                "curl -H 'Authorization: Bearer abc.def' x",
                "curl -H 'Authorization: Bearer <redacted>' x",
            ),
            (
                "authorization: Basic dXNlcjpwdw==",
                "authorization: Basic <redacted>",
            ),
            (
                r#"{"Authorization": "abc"}"#,
                r#"{"Authorization": "<redacted>"}"#,
            ),
        ],
    },
    Rule {
        name: "bearer token",
        pattern: r"(?i)\bbearer\s+(?P<secret>[A-Za-z0-9._~+/=-]{16,})",
        is_secret: always,
        examples: &[("sent Bearer 0123456789abcdef0", "sent Bearer <redacted>")],
    },
    Rule {
        name: "password in an address",
        pattern: r#"(?i)\b[a-z][a-z0-9+.-]*://[^\s:/@'"]*:(?P<secret>[^\s@/'"]+)@"#,
        is_secret: always,
        examples: &[
            (
                "git clone https://bob:hunter2@git.example.com/x",
                "git clone https://bob:<redacted>@git.example.com/x",
            ),
            (
                "redis://:hunter2@cache:6379/0",
                "redis://:<redacted>@cache:6379/0",
            ),
        ],
    },
    Rule {
        name: "user and password before a host",
        pattern: r#"(?:^|[\s'"=(,])[A-Za-z0-9_.-]+:(?P<secret>[^\s:@/'"]+)@[A-Za-z0-9][A-Za-z0-9.-]*"#,
        is_secret: is_user_and_password,
        examples: &[(
            "rsync bob:hunter2@backup.example.com::x",
            "rsync bob:<redacted>@backup.example.com::x",
        )],
    },
    Rule {
        name: "curl -u",
        pattern: r#"\b(?:curl|wget|http)\b[^\n|;&]*?\s(?:-[a-zA-Z]*u|--user|--proxy-user|-U)[= ]?\s*['"]?[^\s:'"]+:(?P<secret>[^\s'"]+)"#,
        is_secret: always,
        examples: &[
            (
                "curl -u bob:hunter2 https://x",
                "curl -u bob:<redacted> https://x",
            ),
            (
                "curl -su 'bob:hunter2' https://x",
                "curl -su 'bob:<redacted>' https://x",
            ),
            (
                "curl -s --user=bob:hunter2 x",
                "curl -s --user=bob:<redacted> x",
            ),
        ],
    },
    Rule {
        name: "option that names a secret",
        pattern: r#"(?i)(?:^|[\s'"])--?(?:[a-z0-9]+[-_])*(?:password|passwd|passphrase|pass|pwd|token|secret|secret-key|api-?key|access-key|auth)(?:=|\s+)(?P<secret>"[^"\n]*"|'[^'\n]*'|[^\s'"]+)"#,
        is_secret: is_no_option,
        examples: &[
            (
                "tool --password hunter2 -v",
                "tool --password <redacted> -v",
            ),
            (
                "tool --db-password='hunter 2'",
                "tool --db-password='<redacted>'",
            ),
            (
                "tool --auth-token abc --password --verbose",
                "tool --auth-token <redacted> --password --verbose",
            ),
            (
                "vault --password-file /etc/x",
                "vault --password-file /etc/x",
            ),
        ],
    },
    Rule {
        name: "-p of a program known for it",
        pattern: r#"(?i)\b(?:mysql[a-z_]*|mariadb[a-z-]*|xtrabackup|innobackupex|7z[ar]?|unzip|zip|htpasswd)\b[^\n|;&]*?\s-p(?P<secret>"[^"\n]*"|'[^'\n]*'|[^\s'"]+)"#,
        is_secret: always,
        examples: &[
            (
                "mysqldump -uroot -phunter2 --all",
                "mysqldump -uroot -p<redacted> --all",
            ),
            ("mysql -p'a b' x", "mysql -p'<redacted>' x"),
        ],
    },
    Rule {
        name: "-p and a space, of a program known for it",
        pattern: r#"(?i)\b(?:sshpass|mongo[a-z]*|ldap[a-z]+|docker login|podman login|plink|pscp|smbclient)\b[^\n|;&]*?\s-(?:p|pw|w)\s*(?P<secret>"[^"\n]*"|'[^'\n]*'|[^\s'"]+)"#,
        is_secret: always,
        examples: &[
            (
                "sshpass -p hunter2 ssh web1",
                "sshpass -p <redacted> ssh web1",
            ),
            (
                "ldapsearch -D cn=x -w hunter2",
                "ldapsearch -D cn=x -w <redacted>",
            ),
        ],
    },
    Rule {
        name: "-p with a password joined to it",
        pattern: r#"(?:^|\s)-p(?P<secret>"[^"\n]+"|'[^'\n]+'|[^\s'"]{4,})"#,
        is_secret: is_password_like,
        examples: &[
            ("dbtool -pHunter2 x", "dbtool -p<redacted> x"),
            ("tool -p8080:80/tcp", "tool -p8080:80/tcp"),
        ],
    },
    Rule {
        name: "assignment to a secret's name",
        pattern: r#"(?i)(?:\b[\w.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|credentials?)|\b[\w.-]*(?:_|-|\b)(?:pass|pw)|\b[\w.]+[_-]pwd|\b(?-i:PASS[A-Z0-9_]*))["']?\s*[:=]\s*(?P<secret>"[^"\n]*"|'[^'\n]*'|[^\s,;'"&<>]+)"#,
        is_secret: always,
        examples: &[
            (
                "MYSQL_PWD=hunter2 PGPASSWORD=x mysqldump",
                "MYSQL_PWD=<redacted> PGPASSWORD=<redacted> mysqldump",
            ),
            (
                "+password = hunter2\n-db_pass: 'old one'",
                "+password = <redacted>\n-db_pass: '<redacted>'",
            ),
            (
                r#"{"client_secret": "s3", "a": 1}"#,
                r#"{"client_secret": "<redacted>", "a": 1}"#,
            ),
            (
                "https://x/?token=abc&b=1",
                "https://x/?token=<redacted>&b=1",
            ),
            (
                "PASSPHRASE=x PASS1=y",
                "PASSPHRASE=<redacted> PASS1=<redacted>",
            ),
            (
                "AWS_SECRET_ACCESS_KEY=wJalr",
                "AWS_SECRET_ACCESS_KEY=<redacted>",
            ),
        ],
    },
    Rule {
        name: "JSON web token",
        pattern: r"\b(?P<secret>eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)",
        is_secret: always,
        examples: &[(
            "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc_-1 back",
            "got <redacted> back",
        )],
    },
    Rule {
        name: "AWS key",
        pattern: r"\b(?P<secret>(?:AKIA|ASIA)[0-9A-Z]{16})\b",
        is_secret: always,
        examples: &[("id AKIAIOSFODNN7EXAMPLE.", "id <redacted>.")],
    },
    Rule {
        name: "GitHub or GitLab token",
        pattern: r"\b(?P<secret>gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,})",
        is_secret: always,
        examples: &[
            (
                "a ghp_0123456789abcdefghijABCDEFGHIJ012345 b",
                "a <redacted> b",
            ),
            ("github_pat_11ABCDEFG0123456789_abc", "<redacted>"),
            ("glpat-0123456789abcdefghij", "<redacted>"),
        ],
    },
    Rule {
        name: "Slack token or webhook",
        pattern: r"(?P<secret>\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}|hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]+)",
        is_secret: always,
        examples: &[
            ("use xoxb-123456789012-abcdefABCDEF", "use <redacted>"),
            (
                "https://hooks.slack.com/services/T000/B000/XXXX",
                "https://<redacted>",
            ),
        ],
    },
    Rule {
        name: "key of Google or Stripe",
        pattern: r"\b(?P<secret>AIza[0-9A-Za-z_-]{35}|[rs]k_live_[0-9A-Za-z]{16,})",
        is_secret: always,
        examples: &[
            ("AIzaSyA0123456789012345678901234567890z", "<redacted>"),
            ("sk_live_0123456789abcdef", "<redacted>"),
        ],
    },
    Rule {
        name: "hash of a password as in /etc/shadow",
        pattern: r"(?P<secret>\$(?:1|2[abxy]|5|6|7|y|gy|apr1|argon2id?)\$[./A-Za-z0-9$,=+]{16,})",
        is_secret: always,
        examples: &[(
            "root:$6$salt1234$0123456789abcdefghijklmnop:19000",
            "root:<redacted>:19000",
        )],
    },
];
