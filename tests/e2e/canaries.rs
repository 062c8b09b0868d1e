//! Canary secrets through everything that can go wrong: none is in a log at its loudest, a span, a metric, on NATS, or in what
//! `check` says.
//! What each of these shall say instead is told elsewhere.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use pillarbox_e2e::bus::Bus;
use pillarbox_e2e::canaries::{Canaries, Kept, Overheard, stored};
use pillarbox_e2e::mail::{self, Guard, MailScript};
use pillarbox_e2e::play::{Job, Return};
use pillarbox_e2e::scratch::Scratch;
use pillarbox_e2e::slack::{Fault, TOKEN};
use pillarbox_e2e::spans::Spans;
use pillarbox_e2e::stack::{Scenario, Stack};
use pillarbox_e2e::wait::until;
use pillarbox_e2e::{pages, programs};

use crate::scenes::scenario;

const DEADLINE: Duration = Duration::from_secs(90);
const NATS_PASSWORD: &str = "canary of NATS";
const NATS_BEFORE: &str = "canary of NATS before";
const MAIL_ROTATED: &str = "canary of the mail password, the next";
const WEBHOOK: &str = "XXXXXXXXXXXXXXXXXXXXXXXX";
const WEBHOOK_ROTATED: &str = "YYcanaryYYYYYYYYYYYYYYYY";
const JWT: &str = "eyJ0eXAiOiJKV1QifQ.canaryOfTheJwt.c2lnbmF0dXJl";

/// Whatever our filter keeps quiet by itself is asked for by name.
const LOUD: &str = "trace,async_nats=trace,async_nats::connector=trace,h2=trace,hyper=trace,reqwest=trace,\
                    rustls=trace,rustls_platform_verifier=trace,lettre=trace";

const RECEIVERS: &str = r##"
  - name: hook
    slack: { webhook_url_file: "{slack}" }
  - name: bot
    slack: { token_file: "{token}", channel: "#ops", api_url: "{api}" }
  - name: mail
    email: { smtp: "{smtp}", username: salt, password_file: "{password}", from: "Salt <salt@example.com>", to: [ops@example.com] }
"##;

/// A job for all, and one for each.
const ROUTES: &str = r#"
  - name: all
    match: { fun: state.apply }
    receivers: [hook, bot, mail]
  - name: hook
    match: { fun: state.sls }
    receivers: hook
  - name: bot
    match: { fun: state.highstate }
    receivers: bot
  - name: mail
    match: { fun: state.single }
    receivers: mail
"#;

fn canaries() -> Canaries {
    Canaries::default()
        .secret(WEBHOOK)
        .secret(WEBHOOK_ROTATED)
        .secret("B00000000")
        .secret(TOKEN)
        .secret("canary-of-the-bot-token")
        .password(mail::USER, mail::PASSWORD)
        .password(mail::USER, MAIL_ROTATED)
        .password("pillarbox", NATS_PASSWORD)
        .password("pillarbox", NATS_BEFORE)
        .secret(JWT)
        .secret("canaryOfTheJwt")
}

/// Each part holds something, and no canary.
fn nothing_in(kept: &Kept, canaries: &Canaries) {
    for (name, text) in kept {
        assert!(!text.trim().is_empty(), "there is nothing in {name}");
        let found = canaries.found_in(text);
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
}

/// Both programs, not yet started, with all that they say switched on.
async fn loud(scenario: Scenario, spans: &Spans) -> Stack<Bus> {
    let scenario = scenario
        .receivers(RECEIVERS)
        .mail(Guard::Tls)
        .collector("http: 127.0.0.1:0")
        .global("http: 127.0.0.1:0");
    let mut stack = scenario.prepared_on_bus().await.unwrap();
    let loud = ("RUST_LOG".to_owned(), LOUD.to_owned());
    stack.collector.set(spans.over_http());
    stack.notifiers[0].set(spans.over_grpc());
    stack.collector.set([loud.clone()]);
    stack.notifiers[0].set([loud]);
    stack.nats.restart().await.unwrap();
    stack
}

fn secret(stack: &Stack<Bus>, name: &str, content: &str) -> String {
    let file = stack.scratch().file(name, content).unwrap();
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&file, private).unwrap();
    file.display().to_string()
}

async fn fails(stack: &Stack<Bus>, number: u32, fun: &str) {
    let job = Job::new(number, fun).on("web1", &["web1"]);
    let whole = job.whole(Return::Failed("No space left on device"));
    stack.master.send(&whole).await;
}

/// Waits until Slack was asked so often.
async fn asked(stack: &mut Stack<Bus>, count: usize) {
    let so_often = async || {
        stack.all_run().unwrap();
        (stack.slack.requests().len() >= count).then_some(())
    };
    until(DEADLINE, "a request to Slack", so_often)
        .await
        .unwrap();
}

/// All that is kept of a run: logs, spans, metrics, and every message on NATS.
async fn kept(stack: &mut Stack<Bus>, spans: &Spans) -> Kept {
    let mut kept = stored(stack.nats.client().await.unwrap()).await.unwrap();
    for program in [&mut stack.collector, &mut stack.notifiers[0]] {
        let address = pages::address(program).await.unwrap();
        let name = program.said().0.to_owned();
        let page = pages::get(&address, "/metrics").await.unwrap().2;
        kept.insert(format!("metrics of {name}"), page);
        kept.insert(format!("log of {name}"), program.said().1);
    }
    // Work is taken out of its stream when it is done; that it was searched is seen by what was overheard.
    kept.retain(|name, text| !(name.starts_with("stored") && text.is_empty()));
    let raw: Vec<u8> = spans.raw().concat();
    kept.insert("spans".into(), String::from_utf8_lossy(&raw).into_owned());
    let seen = spans.seen();
    for service in ["pillarbox-collector", "pillarbox-notifier"] {
        let of_it = seen.iter().filter(|span| span.service == service);
        let text: String = of_it.map(|span| span.text.as_str()).collect();
        kept.insert(format!("spans of {service}"), text);
    }
    kept
}

#[tokio::test]
async fn no_secret_is_kept_of_a_run_in_which_everything_goes_wrong() {
    let spans = Spans::start().await.unwrap();
    let scenario = scenario(ROUTES).nats_password(NATS_PASSWORD);
    let mut stack = loud(scenario, &spans).await;
    for announced in [
        "not delivered",
        "NATS",
        "dead letter",
        "auth",
        "another collector reads the same bus",
    ] {
        stack.announce(announced);
    }
    let overheard = Overheard::start(&stack.nats.client().await.unwrap()).await;
    let overheard = overheard.unwrap();
    refused_by_nats(&mut stack).await;

    fails(&stack, 1, "state.apply").await; // success
    stack.told(2).await.unwrap();
    stack.mailed(1).await.unwrap();
    refused_by_receivers(&mut stack).await;
    rotated(&mut stack).await;
    given_up(&mut stack).await;
    stack.settled().await.unwrap();

    let mut kept = kept(&mut stack, &spans).await;
    kept.extend(overheard.heard());
    let names: Vec<&str> = kept.keys().map(String::as_str).collect();
    for name in SEARCHED {
        assert!(names.contains(&name), "{name} is not in {names:#?}");
    }
    nothing_in(&kept, &canaries());
    stack.finish().await.unwrap();
}

const SEARCHED: [&str; 15] = [
    "heard $JS.API",
    "heard $KV.PILLARBOX_PAUSES",
    "heard _INBOX",
    "heard pillarbox.v1.main.deliver",
    "heard pillarbox.v1.main.open",
    "heard pillarbox.v1.dead",
    "heard salt.v1",
    "stored KV_PILLARBOX_LEDGER",
    "stored PILLARBOX_DEAD_LETTERS",
    "stored PILLARBOX_EVENTS",
    "log of collector",
    "log of notifier-1",
    "metrics of notifier-1",
    "spans of pillarbox-collector",
    "spans of pillarbox-notifier",
];

/// Both programs come with the password of yesterday; it is mended, and they are told.
async fn refused_by_nats(stack: &mut Stack<Bus>) {
    secret(stack, "nats-password", NATS_BEFORE);
    stack.notifiers[0].restart().await.unwrap();
    stack.collector.restart().await.unwrap();
    let notifier = &mut stack.notifiers[0];
    notifier.says("NATS refuses the login").await.unwrap();
    let collector = &mut stack.collector;
    collector
        .says("NATS does not let the collector in")
        .await
        .unwrap();
    secret(stack, "nats-password", NATS_PASSWORD);
    for program in [&stack.notifiers[0], &stack.collector] {
        program.signal(Signal::SIGHUP);
    }
    stack.listens().await.unwrap();
}

/// Each receiver refuses what it is told by, and one never answers; the answers repeat the secrets.
async fn refused_by_receivers(stack: &mut Stack<Bus>) {
    let no_service = format!("no_service {}", stack.slack.webhook_url());
    stack.slack.fail_with([Fault::Answer(404, no_service)]);
    fails(stack, 2, "state.sls").await;
    asked(stack, 3).await;
    stack.slack.fail_with([Fault::Hang]);
    fails(stack, 3, "state.highstate").await;
    asked(stack, 5).await; // the second time it is answered
    let refusal = format!(r#"{{"ok":false,"error":"invalid_auth","token":"{TOKEN}"}}"#);
    stack.slack.fail_with([Fault::Answer(200, refusal)]);
    fails(stack, 4, "state.highstate").await;
    asked(stack, 6).await;
    let changed = MailScript {
        password: Some(MAIL_ROTATED.to_owned()),
        ..MailScript::default()
    };
    stack.mail.obey(&changed).unwrap();
    fails(stack, 5, "state.single").await;
    stack.notifiers[0].says("535").await.unwrap();
}

/// The mail server's new password, and another webhook: taken while it runs, and what waited arrives.
async fn rotated(stack: &mut Stack<Bus>) {
    let webhook = stack.slack.webhook_url();
    secret(stack, "webhook", &webhook.replace(WEBHOOK, WEBHOOK_ROTATED));
    secret(stack, "password", MAIL_ROTATED);
    stack.notifiers[0].signal(Signal::SIGHUP);
    let notifier = &mut stack.notifiers[0];
    notifier
        .says("took the new configuration: the secret in")
        .await
        .unwrap();
    stack.told(5).await.unwrap();
    stack.mailed(2).await.unwrap();
    let paths = stack.slack.requests().into_iter().map(|it| it.path);
    let by_new: Vec<String> = paths.filter(|it| it.contains(WEBHOOK_ROTATED)).collect();
    assert_eq!(by_new.len(), 1, "the webhook's new path was not used");
}

/// Two messages are refused for good.
async fn given_up(stack: &mut Stack<Bus>) {
    let webhook = stack.slack.webhook_url().replace(WEBHOOK, WEBHOOK_ROTATED);
    let invalid = format!("invalid_payload {webhook}");
    stack.slack.fail_with([Fault::Answer(400, invalid)]);
    fails(stack, 6, "state.sls").await;
    stack.dead_letters(1).await.unwrap();
    let unknown = MailScript {
        rcpt: [("ops@example.com".to_owned(), "550 5.1.1 unknown".to_owned())].into(),
        password: Some(MAIL_ROTATED.to_owned()),
        ..MailScript::default()
    };
    stack.mail.obey(&unknown).unwrap();
    fails(stack, 7, "state.single").await;
    stack.dead_letters(2).await.unwrap();
}

/// The other two ways into NATS: an NKey's seed, and a file of credentials.
#[tokio::test]
async fn no_key_of_nats_is_kept_of_a_run() {
    let spans = Spans::start().await.unwrap();
    let key = nkeys::KeyPair::new_user();
    let (public, seed) = (key.public_key(), key.seed().unwrap());
    let mut stack = loud(scenario(ROUTES).nats_nkey(&public), &spans).await;
    let overheard = Overheard::start(&stack.nats.client().await.unwrap()).await;
    let seed_file = secret(&stack, "seed", &seed);
    let credentials = format!(
        "-----BEGIN NATS USER JWT-----\n{JWT}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    let credentials = secret(&stack, "notifier.creds", &credentials);
    let url = format!("url: \"{}\"", stack.nats.url());
    let as_whom = |key: &str, path: &str| format!("{url}, {key}: \"{path}\"");
    stack
        .rewrite_collector(&url, &as_whom("nkey_file", &seed_file))
        .unwrap();
    stack
        .rewrite_notifiers(&url, &as_whom("credentials", &credentials))
        .unwrap();
    stack.notifiers[0].restart().await.unwrap();
    stack.collector.restart().await.unwrap();
    stack.listens().await.unwrap();
    fails(&stack, 1, "state.apply").await;
    stack.told(2).await.unwrap();
    stack.mailed(1).await.unwrap();
    stack.settled().await.unwrap();
    let mut kept = kept(&mut stack, &spans).await;
    kept.extend(overheard.unwrap().heard());
    nothing_in(&kept, &canaries().secret(&seed));
    stack.finish().await.unwrap();
}

/// Secrets where they do not belong: `check` says what is wrong with them, and shows none.
#[tokio::test]
async fn check_shows_no_secret_that_stands_in_the_wrong_place() {
    let notifier = programs::built().await.unwrap().notifier;
    let check = |receiver: &str, nats: &str, says: &str| {
        let scratch = Scratch::new().unwrap();
        scratch.file("no-url", "canary-4711 is no URL").unwrap();
        scratch
            .file("url", "https://example.com/canary-4711")
            .unwrap();
        let text = format!(
            "nats: {{ {nats} }}\nreceivers:\n  - name: ops\n    {receiver}\nroutes:\n  - name: all\n    receivers: ops\n"
        );
        let config = scratch.file("notifier.yml", &text).unwrap();
        let mut command = Command::new(&notifier);
        command.args(["check", "--config"]).arg(config);
        let output = command.env("RUST_LOG", LOUD).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains(says), "{receiver} {nats}: {said}");
        assert!(!said.contains("canary-4711"), "{said}");
        assert_eq!(output.status.code(), Some(78), "{said}");
    };
    let url = "url: nats://nats.example.com";
    let slack =
        |key: &str, value: &str| format!("slack: {{ {key}: \"{value}\", channel: \"#ops\" }}");
    let itself = "looks like the secret itself";
    let hook = "https://hooks.slack.com/services/T/B/canary-4711";
    check(&slack("webhook_url_file", "no-url"), url, "holds no URL");
    check(&slack("webhook_url_file", hook), url, itself);
    check(
        &slack("webhook_url", hook),
        url,
        "`webhook_url_file: /path/to/it`",
    );
    check(&slack("token_file", "no-url"), url, "no token");
    check(&slack("token_file", "xoxb-canary-4711"), url, itself);
    let mail = |smtp: &str| {
        format!("email: {{ smtp: \"{smtp}\", from: a@example.com, to: b@example.com }}")
    };
    let in_url = "smtps://salt:canary-4711@mail.example.com";
    check(&mail(in_url), url, "`password_file`");
    let good = slack("webhook_url_file", "url");
    let in_url = "url: \"nats://salt:canary-4711@nats.example.com\"";
    check(&good, in_url, "`password_file`");
    let seed = format!("SU{}canary-4711", "A".repeat(45));
    check(&good, &format!("{url}, nkey_file: {seed}"), itself);
}
