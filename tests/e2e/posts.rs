//! The two posts that this project comes from, as README writes them, with a real master: each message in full, and silence.
//! What is changed in README's configuration is only where the receivers are.

use mail_parser::decoders::html::html_to_text;
use pillarbox_e2e::mail::{Guard, Mail};
use pillarbox_e2e::salt::Salt;
use pillarbox_e2e::stack::{Scenario, Stack};
use serde_json::{Value, json};

use crate::readme::{blocks, file};
use crate::scenes::{scenario, timeless, unix};

/// What stands below this key in an example of README's: the first is the collector's.
fn section(example: usize, key: &str) -> String {
    let example = blocks(&file("README.md"), "yaml").swap_remove(example);
    let (_, after) = example.split_once(&format!("\n{key}:\n")).unwrap();
    let of_it = |line: &&str| line.starts_with(' ');
    let lines: Vec<&str> = after.lines().take_while(of_it).collect();
    lines.join("\n") + "\n"
}

/// The text with another one in a place that must be there.
fn with(text: &str, place: &str, other: &str) -> String {
    assert!(text.contains(place), "no `{place}` in:\n{text}");
    text.replace(place, other)
}

/// Salt to Slack: as README has it, and the same once more by a webhook.
fn first_post() -> Scenario {
    let bot = section(2, "receivers");
    let webhook = with(&bot, "token_file", "webhook_url_file");
    let webhook = with(&webhook, "/etc/pillarbox/slack-token", "\"{slack}\"");
    let webhook = with(&webhook, "name: monitoring", "name: by-webhook");
    let bot = with(
        &bot,
        "/etc/pillarbox/slack-token",
        "\"{token}\"\n      api_url: \"{api}\"",
    );
    let routes = section(2, "routes");
    let routes = with(
        &routes,
        "receivers: monitoring",
        "receivers: [monitoring, by-webhook]",
    );
    scenario(&routes).receivers(&(bot + &webhook))
}

/// Highstate e-mail alerts: the post's own way, and beside it the recommended one, from README's first example.
fn second_post() -> Scenario {
    let receivers = section(3, "receivers");
    let receivers = with(&receivers, "\"smtps://mail.example.com\"", "\"{smtp}\"");
    let receivers = with(&receivers, "/etc/pillarbox/smtp-password", "\"{password}\"");
    let recommended = section(1, "routes");
    let (_, recommended) = recommended
        .split_once("  - name: failures-and-changes")
        .unwrap();
    let recommended = with(recommended, "[ops-mail, ops-slack]", "ops-mail");
    let routes = section(3, "routes") + "  - name: failures-and-changes" + &recommended;
    scenario(&routes).receivers(&receivers).mail(Guard::Tls)
}

async fn master() -> Salt {
    let salt = Salt::start(&["web1", "saltmaster"]).await.unwrap();
    salt.state("top.sls", "base:\n  '*':\n    - site\n")
        .unwrap();
    salt.state("site.sls", FINE).unwrap();
    salt
}

const FINE: &str = "ready:\n  test.nop\n";

/// What is typed after `salt`, and the command that everybody reads. Salt itself resolves the node group before its bus
/// hears of the job.
const SAID: [(&[&str], &str); 10] = [
    (&["*", "state.highstate"], "salt '*' state.highstate"),
    (
        &["-G", "kernel:Linux", "state.sls", "site"],
        "salt -G 'kernel:Linux' state.sls site",
    ),
    (
        &["-E", "web[0-9]", "state.apply", "site", "test=True"],
        "salt -E 'web[0-9]' state.apply site test=True",
    ),
    (
        &["-L", "web1,saltmaster", "state.apply", "site"],
        "salt -L web1,saltmaster state.apply site",
    ),
    (
        &["-C", "G@kernel:Linux and web*", "cmd.run", "uptime -p"],
        "salt -C 'G@kernel:Linux and web*' cmd.run 'uptime -p'",
    ),
    (
        &["-S", "127.0.0.0/8", "state.sls", "site"],
        "salt -S 127.0.0.0/8 state.sls site",
    ),
    (
        &["-I", "role:web", "cmd.run", "whoami"],
        "salt -I 'role:web' cmd.run whoami",
    ),
    (&["-N", "web", "state.apply"], "salt -C 'web*' state.apply"),
    (&["web1", "cmd.run", "date"], "salt web1 cmd.run date"),
    (
        &["saltmaster", "state.highstate"],
        "salt saltmaster state.highstate",
    ),
];

const UNSAID: [&[&str]; 3] = [
    &["saltmaster", "cmd.run", "date"],
    &["-L", "saltmaster", "cmd.run", "date"],
    &["*", "test.ping"],
];

#[tokio::test]
async fn salt_to_slack_says_each_command_and_not_the_masters_own() {
    let salt = master().await;
    let mut stack = first_post().on_salt(salt).await.unwrap();
    stack.listens().await.unwrap();
    for (number, (typed, said)) in (1..).zip(SAID) {
        start(&stack, typed).await;
        stack.told(2 * number).await.unwrap();
        let posted = stack.slack.posted();
        let last: Vec<&Value> = posted.iter().skip(2 * (number - 1)).collect();
        let said = [said, said];
        assert_eq!(last.iter().map(|it| fallback(it)).collect::<Vec<_>>(), said);
    }
    for typed in UNSAID {
        start(&stack, typed).await;
    }
    // One more that is said: the bus keeps its order, so those before it have been judged.
    start(&stack, SAID[8].0).await;
    stack.told(2 * SAID.len() + 2).await.unwrap();
    stack.settled().await.unwrap();
    let posted = stack.slack.posted();
    assert_eq!(posted.len(), 2 * SAID.len() + 2);
    for mut message in posted[2..4].iter().cloned() {
        message.as_object_mut().unwrap().remove("client_msg_id"); // of this job
        assert_eq!(message, message_of("salt -G 'kernel:Linux' state.sls site"));
    }
    let methods = stack.slack.requests().into_iter();
    let ours = methods.filter(|it| it.method() == Some("chat.postMessage"));
    assert_eq!(ours.count(), SAID.len() + 1, "one by each way");
    listed(&stack).await;
    stack.finish().await.unwrap();
}

/// Salt's own record of what was run, as README says to look it up.
async fn listed(stack: &Stack<Salt>) {
    for (filter, besides) in [
        (None, "cmd.run"),
        (Some("search_function=state.apply"), "state.apply"),
    ] {
        let typed: Vec<&str> = ["jobs.list_jobs"].into_iter().chain(filter).collect();
        let ran = stack.master.program("salt-run", &typed).await.unwrap();
        assert!(ran.output.contains(besides), "{}", ran.output);
        let all = filter.is_none();
        assert_eq!(ran.output.contains("cmd.run"), all, "{}", ran.output);
    }
}

/// Starts a job and waits for none of its returns.
async fn start(stack: &Stack<Salt>, typed: &[&str]) {
    let asynchronous = [&["--async"], typed].concat();
    let ran = stack.master.run(&asynchronous).await.unwrap();
    let began = ran.output.contains("with job ID");
    assert!(began, "Salt started no job:\n{}", ran.output);
}

fn fallback(message: &Value) -> &str {
    message["attachments"][0]["fallback"].as_str().unwrap()
}

/// The whole payload: the look, and that nothing in a command is taken for a mention or a link.
fn message_of(command: &str) -> Value {
    json!({
        "channel": "#monitoring",
        "username": "salt-bot",
        "icon_emoji": ":computer:",
        "attachments": [{
            "color": "#F35A00",
            "fallback": command,
            "text": format!("`{command}`"),
            "mrkdwn_in": ["text"],
        }],
        "link_names": false,
        "mrkdwn": false,
        "parse": "none",
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// On web1 one state fails and one changes something; on saltmaster nothing happens.
const BROKEN: &str = "
ready:
  test.nop
{% if grains['id'] == 'web1' %}
motd:
  test.succeed_with_changes:
    - name: /etc/motd
no space:
  test.configurable_test_state:
    - name: /srv/app
    - result: False
    - changes: False
    - comment: No space left on device
{% endif %}
";

#[tokio::test]
async fn highstate_alerts_mail_what_failed_or_changed_and_no_clean_run() {
    let salt = master().await;
    salt.state("site.sls", BROKEN).unwrap();
    let mut stack = second_post().on_salt(salt).await.unwrap();
    stack.listens().await.unwrap();
    let jid = highstate(&stack).await;
    stack.mailed(2).await.unwrap();
    stack.settled().await.unwrap();
    let mut mails = stack.mail.mails().unwrap();
    mails.sort_by_key(|mail| mail.subject.clone()); // the return's first
    assert_eq!(mails.len(), 2);
    check(&mails[0], &jid, OF_THE_RETURN);
    check(&mails[1], &jid, OF_THE_JOB);

    stack.master.state("site.sls", FINE).unwrap();
    highstate(&stack).await;
    stack.events(6).await.unwrap();
    stack.settled().await.unwrap();
    assert_eq!(
        stack.mail.mails().unwrap().len(),
        2,
        "a mail of a clean run"
    );
    stack.finish().await.unwrap();
}

async fn highstate(stack: &Stack<Salt>) -> String {
    let ran = stack.master.run(&["*", "state.highstate"]).await.unwrap();
    ran.jid.unwrap()
}

/// The subject and the text, and that the HTML says the same words.
fn check(mail: &Mail, jid: &str, expected: &str) {
    let text = format!("Subject: {}\n\n{}", mail.subject, unix(&mail.text));
    assert_eq!(timeless(&text, jid), expected);
    let html = words(&html_to_text(&mail.html.replace('<', " <")));
    let missing: Vec<String> = words(&mail.text)
        .into_iter()
        .filter(|word| !html.contains(word))
        .collect();
    assert_eq!(missing, [""; 0], "not in the HTML:\n{}", mail.html);
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

const OF_THE_RETURN: &str = "\
Subject: Salt master: minion failure or changes: id: web1 jid: JID

state.highstate on web1 failed: No space left on device

  who       WHO
  command   salt '*' state.highstate
  when      WHEN

1. test.configurable_test_state /srv/app (site, id no space) failed
       No space left on device

Changed:
  test.succeed_with_changes /etc/motd (site, id motd)
    Success!
       testing: Unchanged -> Something pretended to change

Next:
  salt web1 state.highstate test=True
  salt-run jobs.lookup_jid JID";

const OF_THE_JOB: &str = "\
Subject: Salt: state.highstate on * failed - job JID (prod)

state.highstate on * failed on web1, 1 of 2: No space left on device

  failed          1   web1
  clean           1

  who       WHO
  command   salt '*' state.highstate
  when      WHEN

1. test.configurable_test_state /srv/app (site, id no space) failed on web1 ·
   new
       No space left on device

Changed:
  test.succeed_with_changes /etc/motd (web1)
    site, id motd: Success!
       testing: Unchanged -> Something pretended to change

Next:
  salt web1 state.highstate test=True
  salt-run jobs.lookup_jid JID";
