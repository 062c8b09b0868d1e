//! `cargo demo`: its replay ends well, its page shows what came, the real thing gets it too, and secrets stay secret.
//! The demo with a real master is run by `.ci/run`; how the page looks, a person judges.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use pillarbox_e2e::mail::MailSink;
use pillarbox_e2e::process::Process;
use pillarbox_e2e::scratch::Scratch;
use pillarbox_e2e::slack::{Fault, Slack, reader};
use pillarbox_e2e::{programs, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::captured::frames_of;

/// `salt '*' state.apply fail` of the 3008.5 capture.
const FAILED: &str = "20261122012432185068";
const DEADLINE: Duration = Duration::from_secs(90);

/// A demo in a process of its own, as somebody would run it.
struct Demo {
    process: Process,
    _scratch: Scratch,
}

impl Demo {
    async fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        programs::built().await.unwrap(); // by this test's own deadline, and not within the demo's
        let scratch = Scratch::new().unwrap();
        // `env`, since what is started here gets no secrets from its parent.
        let mut command = Command::new("env");
        for (name, value) in environment {
            command.arg(format!("{name}={value}"));
        }
        command.arg(env!("CARGO_BIN_EXE_demo")).args(arguments);
        let log = scratch.path().join("demo.log");
        let process = Process::spawn("demo", &mut command, &log).unwrap();
        Self {
            process,
            _scratch: scratch,
        }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.process.log()).unwrap()
    }

    /// Waits until it says this: the rest of the line.
    async fn says(&mut self, text: &str) -> String {
        let what = format!("the demo to say `{text}`");
        wait::until(DEADLINE, &what, async || {
            let said = self.said();
            let rest = said
                .split_once(text)
                .and_then(|(_, rest)| rest.split_once('\n'));
            if let Some((line, _)) = rest {
                return Some(Ok(line.trim().to_owned()));
            }
            self.process.still_runs().err().map(Err)
        })
        .await
        .unwrap()
        .unwrap()
    }

    /// Its exit code, and all that it said.
    async fn ended(mut self) -> (Option<i32>, String) {
        let status = self.process.wait(DEADLINE).await.unwrap();
        (status.code(), self.said())
    }
}

/// A connection on which a page was asked for.
async fn asked(url: &str, path: &str, host: &str) -> TcpStream {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Status, headers by their small names, and body.
async fn got(url: &str, path: &str, host: &str) -> (String, BTreeMap<String, String>, String) {
    let mut text = String::new();
    asked(url, path, host)
        .await
        .read_to_string(&mut text)
        .await
        .unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    (status, headers.collect(), body.to_owned())
}

/// Reads the feed until it has said all of this.
async fn feed_says(url: &str, parts: &[&str]) -> String {
    let mut stream = asked(url, "/feed", "localhost").await;
    let mut heard = Vec::new();
    let reading = async {
        let mut buffer = vec![0; 65536];
        loop {
            let text = String::from_utf8_lossy(&heard).into_owned();
            if parts.iter().all(|part| text.contains(part)) {
                return text;
            }
            let count = stream.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "the feed ended before it said {parts:?}:\n{text}");
            heard.extend_from_slice(&buffer[..count]);
        }
    };
    tokio::time::timeout(DEADLINE, reading).await.unwrap()
}

#[tokio::test]
async fn a_replay_ends_well_and_its_page_shows_what_came() {
    let mut demo = Demo::start(&["--replay", "--exit"], &[]).await;
    let url = demo.says("see it in a browser: ").await;
    check_guarded(&url).await;
    // A stream that has begun before anything happened hears of all of it.
    let fed = feed_says(
        &url,
        &[
            "event: event",
            r#""mark":"failed""#,
            "web1 returned state.apply: cmd.run nginx -t: ",
            "event: slack",
            "failed on 2 of 2: nginx: configuration file",
            "event: mail",
            "Salt: state.apply nginx on * failed - job ",
            "event: job",
            r#""state":"told""#,
            "No Salt runs here. This is a replay",
        ],
    );
    let fed = fed.await;
    assert!(
        fed.contains("\nid: "),
        "without ids a lost stream begins anew"
    );
    check_mail(&url).await;
    let (code, said) = demo.ended().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("No Salt runs here. This is a replay"),
        "{said}"
    );
    assert!(
        said.contains("every expected message came, and nothing else"),
        "{said}"
    );
    assert!(!said.contains("salt-master"), "{said}");
}

async fn check_guarded(url: &str) {
    for path in ["/", "/page.js", "/page.css", "/icon.svg"] {
        let (status, headers, body) = got(url, path, "127.0.0.1:1").await;
        assert_eq!(status, "HTTP/1.1 200 OK", "{path}");
        let policy = &headers["content-security-policy"];
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        let outside = body.replace("http://www.w3.org/2000/svg", "");
        assert!(!outside.contains("://"), "{path} asks somebody outside");
    }
    let (status, _, _) = got(url, "/", "attacker.example:80").await;
    assert_eq!(status, "HTTP/1.1 421 Misdirected Request");
}

/// A mail's HTML part stands in a box without scripts, origin or network.
async fn check_mail(url: &str) {
    let (status, headers, body) = got(url, "/mail/1", "localhost").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let policy = &headers["content-security-policy"];
    assert!(
        policy.starts_with("sandbox; default-src 'none';"),
        "{policy}"
    );
    assert!(body.contains("<html"), "{body}");
    let (status, _, _) = got(url, "/mail/none", "localhost").await;
    assert_eq!(status, "HTTP/1.1 404 Not Found");
}

#[tokio::test]
async fn somebodys_recording_is_told_to_its_end() {
    let demo = Demo::start(&["--replay", "/no/such/file", "--exit"], &[]).await;
    let (code, said) = demo.ended().await;
    assert_eq!(code, Some(1));
    assert!(
        said.contains("cannot replay /no/such/file: No such file"),
        "{said}"
    );
    assert!(!said.contains("see it in a browser"), "{said}");

    let scratch = Scratch::new().unwrap();
    let file = recording(&scratch);
    let demo = Demo::start(&["--replay", &file, "--exit"], &[]).await;
    let (code, said) = demo.ended().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("everything is told: 2 in Slack, 1 by mail"),
        "{said}"
    );
}

#[tokio::test]
async fn the_real_thing_gets_it_too_and_its_secrets_are_not_said() {
    let (slack, mail) = (
        Slack::start().await.unwrap(),
        MailSink::start().await.unwrap(),
    );
    let webhook = slack.webhook_url();
    let smtp = format!(
        "{}/?from=demo@example.com&to=me%2Bsalt@example.com",
        mail.url()
    );
    let environment = [("SLACK_WEBHOOK_URL", webhook.as_str()), ("SMTP_URL", &smtp)];
    let demo = Demo::start(&["--replay", "--exit"], &environment).await;
    let (code, said) = demo.ended().await;
    assert_eq!(code, Some(0), "{said}");
    for part in [
        "also sent to Slack, by the webhook of SLACK_WEBHOOK_URL (127.0.0.1)",
        "also sent to me+salt@example.com, by the server of SMTP_URL (127.0.0.1)",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains(&webhook), "{said}");
    let texts: Vec<String> = slack.posted().iter().map(reader::plain).collect();
    assert_eq!(texts.len(), 8, "{texts:#?}");
    let mails = mail.mails().unwrap();
    assert_eq!(mails.len(), 4);
    for mail in mails {
        assert_eq!(
            (mail.from.as_str(), mail.to),
            ("demo@example.com", vec!["me+salt@example.com".to_owned()])
        );
    }
}

/// One job's frames in a file.
fn recording(scratch: &Scratch) -> String {
    let file = scratch.path().join("bus.bin");
    std::fs::write(&file, frames_of("3008.5", FAILED).concat()).unwrap();
    file.display().to_string()
}

#[tokio::test]
async fn what_the_real_thing_refuses_is_no_good_end() {
    let scratch = Scratch::new().unwrap();
    let slack = Slack::start().await.unwrap();
    // The start and the digest, each as it is and smaller.
    slack.fail_with(vec![Fault::Answer(400, "invalid_payload".to_owned()); 4]);
    let webhook = slack.webhook_url();
    let environment = [("SLACK_WEBHOOK_URL", webhook.as_str())];
    let file = recording(&scratch);
    let demo = Demo::start(&["--replay", &file, "--exit"], &environment).await;
    let (code, said) = demo.ended().await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("could not be delivered, and was given up: 2 of the messages"),
        "{said}"
    );
    assert!(said.contains("invalid_payload"), "{said}");
    assert!(!said.contains(&webhook), "{said}");
}

#[tokio::test]
async fn a_wrong_address_is_said_before_anything_starts_and_not_repeated() {
    let smtp = "smtps://me:s3cret@mail.example.com/?from=a@example.com";
    for (name, value, why) in [
        (
            "SLACK_WEBHOOK_URL",
            "http://hooks.slack.com/services/s3cret",
            "must begin with https://",
        ),
        ("SMTP_URL", smtp, "to= is missing"),
    ] {
        let demo = Demo::start(&["--replay", "--exit"], &[(name, value)]).await;
        let (code, said) = demo.ended().await;
        assert_eq!(code, Some(1));
        assert!(said.contains(name) && said.contains(why), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
        assert!(!said.contains("see it in a browser"), "{said}");
    }
}

#[tokio::test]
async fn ctrl_c_leaves_nothing_behind() {
    let mut demo = Demo::start(&["--replay"], &[]).await;
    let url = demo.says("see it in a browser: ").await;
    demo.says("job 1 of 4").await;
    let left = strays(&demo);
    assert!(
        left.len() >= 5,
        "NATS, three programs of ours and a mail server run: {left:?}"
    );
    demo.process.signal(nix::sys::signal::Signal::SIGINT);
    let (code, _) = demo.ended().await;
    assert_eq!(code, Some(130));
    let gone = async || {
        left.iter()
            .all(|id| !std::fs::exists(format!("/proc/{id}")).unwrap())
            .then_some(())
    };
    wait::until(DEADLINE, "everything to have ended", gone)
        .await
        .unwrap();
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    assert!(TcpStream::connect(address).await.is_err());
}

/// Every child of the demo, and the children of these.
fn strays(demo: &Demo) -> Vec<i32> {
    let mut found = vec![demo.process.id()];
    let mut at = 0;
    while let Some(id) = found.get(at) {
        let tasks = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
        for task in tasks {
            let children = std::fs::read_to_string(task.unwrap().path().join("children")).unwrap();
            found.extend(
                children
                    .split_whitespace()
                    .map(|id| id.parse::<i32>().unwrap()),
            );
        }
        at += 1;
    }
    found.split_off(1)
}
