//! The look-up service: a collector answers for its master's job cache, in parts, beside the bus.
//! What stands in an answer is the collector's own tests' matter; that it agrees with Salt is seen here.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use async_nats::{Client, HeaderMap};
use futures_util::StreamExt as _;
use pillarbox_e2e::bus::Bus;
use pillarbox_e2e::play::{Job, Return};
use pillarbox_e2e::salt::Salt;
use pillarbox_e2e::stack::Stack;
use pillarbox_e2e::{programs, tools, wait};
use pillarbox_proto::lookup::{LookupReply, LookupRequest, Parts, subject};
use pillarbox_proto::salt::{Jid, MinionId};
use pillarbox_proto::subject::Token;
use pillarbox_proto::wire;
use serde_json::Value;

use crate::scenes::scenario;

const ROUTES: &str =
    "  - name: failures\n    match: { outcome: failed }\n    receivers: [ops-slack]\n";
const FAILED: &str = "20261122012432185068";
const DEADLINE: Duration = Duration::from_secs(30);

fn asked(jid: &str) -> LookupRequest {
    LookupRequest {
        jid: Jid(jid.to_owned()),
        minions: None,
        full: true,
    }
}

/// The captured cache of 3008, copied to where the collector looks.
fn lay_out(cachedir: &Path) {
    let captured = tools::workspace().join("collector/tests/job_caches/3008.5/jobs");
    std::fs::create_dir_all(cachedir).unwrap();
    let mut copy = Command::new("cp");
    let copied = copy.arg("-r").arg(captured).arg(cachedir).status();
    assert!(copied.unwrap().success());
}

async fn request(
    client: &Client,
    headers: HeaderMap,
    body: bytes::Bytes,
) -> async_nats::Subscriber {
    let subject = subject(&Token::new("prod"), &Token::new("salt1.example.com"));
    let inbox = client.new_inbox();
    let answers = client.subscribe(inbox.clone()).await.unwrap();
    let sent = client.publish_with_reply_and_headers(subject, inbox, headers, body);
    sent.await.unwrap();
    answers
}

/// The answer, and in how many parts it came.
async fn ask(client: &Client, question: &LookupRequest) -> (LookupReply, usize) {
    let (headers, body) = wire::encode(question).unwrap();
    let mut answers = request(client, headers, body).await;
    let mut parts = Parts::default();
    for n in 1.. {
        let message = tokio::time::timeout(DEADLINE, answers.next())
            .await
            .unwrap()
            .unwrap();
        assert!(message.status.is_none(), "nobody answers: {message:?}");
        let headers = message.headers.unwrap();
        if let Some(body) = parts.add(Some(&headers), message.payload).unwrap() {
            return (wire::decode(Some(&headers), &body).unwrap(), n);
        }
    }
    unreachable!("the parts do not end")
}

/// The code and the text of a refusal.
async fn refusal(client: &Client, headers: HeaderMap, body: &'static str) -> (String, String) {
    let mut answers = request(client, headers, body.into()).await;
    let message = tokio::time::timeout(DEADLINE, answers.next())
        .await
        .unwrap()
        .unwrap();
    let headers = message.headers.unwrap();
    let header = |name: &str| headers.get(name).unwrap().as_str().to_owned();
    (
        header("Nats-Service-Error-Code"),
        header("Nats-Service-Error"),
    )
}

fn plain() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(wire::FORMAT_HEADER, "1");
    headers
}

/// A client, when the collector's subscription is there.
async fn answering(stack: &Stack<Bus>) -> Client {
    let client = stack.nats.client().await.unwrap();
    let ping = async || {
        let pong = client
            .request("$SRV.PING.pillarbox-lookup", "".into())
            .await;
        pong.ok()
    };
    let pong = wait::until(DEADLINE, "the look-up service", ping)
        .await
        .unwrap();
    let pong: Value = serde_json::from_slice(&pong.payload).unwrap();
    assert_eq!(pong["metadata"]["cluster"], "prod");
    assert_eq!(pong["metadata"]["master"], "salt1.example.com");
    client
}

#[tokio::test]
async fn a_job_is_answered_in_parts_while_the_bus_goes_on() {
    let mut stack = scenario(ROUTES).on_bus().await.unwrap();
    lay_out(&stack.master.cachedir());
    let client = answering(&stack).await;

    let (reply, parts) = ask(&client, &asked(FAILED)).await;
    assert_eq!(parts, 1, "it is small");
    assert_eq!(
        (
            reply.expected.len(),
            reply.returned.len(),
            reply.returns.len()
        ),
        (2, 2, 2)
    );
    assert_eq!(reply.load.unwrap().new.command, "salt '*' state.apply fail");
    assert!(!ask(&client, &asked("20261122012432185069")).await.0.knows());

    let (code, text) = refusal(&client, plain(), r#"{"jid": "../../etc/passwd"}"#).await;
    assert_eq!(
        (code.as_str(), text.contains("20 digits")),
        ("400", true),
        "{text}"
    );
    let (code, text) = refusal(&client, plain(), "what?").await;
    assert_eq!(
        (code.as_str(), text.contains("cannot be read")),
        ("400", true),
        "{text}"
    );

    let job = Job::new(1, "state.apply").on("web1", &["web1"]);
    stack
        .master
        .send(&job.whole(Return::Failed("No space left on device")))
        .await;
    stack.told(1).await.unwrap();
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn an_answer_larger_than_a_message_comes_in_parts() {
    let mut stack = scenario(ROUTES).prepared_on_bus().await.unwrap();
    lay_out(&stack.master.cachedir());
    large(&stack.master.cachedir());
    stack.start().await.unwrap();
    stack.listens().await.unwrap();
    let client = answering(&stack).await;
    let (reply, parts) = ask(&client, &asked(FAILED)).await;
    assert!(parts > 1, "{parts}");
    let whole = reply
        .returns
        .iter()
        .find(|ret| ret.ret.minion.0 == "large")
        .unwrap();
    let output = whole.full.as_ref().unwrap().as_str().unwrap();
    assert!(output.len() > 2 << 20 && output.ends_with("the end"));

    stack.nats.restart().await.unwrap();
    let client = answering(&stack).await;
    assert_eq!(
        ask(&client, &asked(FAILED)).await.0,
        reply,
        "after a reconnect"
    );
    stack.announce("NATS");
    stack.announce("trying again");
    stack.finish().await.unwrap();
}

/// A return of 3 MB that does not compress.
fn large(cachedir: &Path) {
    use rand::distr::{Alphanumeric, SampleString as _};
    let found = Command::new("grep")
        .args(["-rl", "--include=jid", FAILED])
        .arg(cachedir)
        .output();
    let jid = String::from_utf8(found.unwrap().stdout).unwrap();
    let dir = Path::new(jid.trim()).parent().unwrap().join("large");
    let lines: Vec<String> = (0..30_000)
        .map(|_| Alphanumeric.sample_string(&mut rand::rng(), 100))
        .collect();
    let output = lines.join("\n") + "\nthe end";
    let ret = serde_json::json!({"return": output, "retcode": 0, "success": true});
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("return.p"), rmp_serde::to_vec(&ret).unwrap()).unwrap();
}

#[tokio::test]
async fn what_is_printed_agrees_with_salt() {
    let salt = Salt::start(&["web1", "web2"]).await.unwrap();
    let programs = programs::built().await.unwrap();
    let ran = salt.run(&["*", "test.arg", "one", "two=2"]).await.unwrap();
    let jid = ran.jid.unwrap();
    let salts = async || {
        let arguments = ["jobs.lookup_jid", &jid, "--out=json"];
        let said = salt.program("salt-run", &arguments).await.unwrap().output;
        let json = said.get(said.find('{')?..=said.rfind('}')?)?; // between what Salt warns of
        let said: Value = serde_json::from_str(json).unwrap_or_else(|_| panic!("{said}"));
        (said.as_object().unwrap().len() == 2).then_some(said)
    };
    let salts = wait::until(
        Duration::from_secs(90),
        "both returns in Salt's cache",
        salts,
    );
    let salts = salts.await.unwrap();
    let mut command = Command::new(&programs.collector);
    command.args(["lookup", &jid, "--json", "--full", "--cache-dir"]);
    let output = command.arg(salt.cachedir()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let reply: LookupReply = serde_json::from_slice(&output.stdout).unwrap();
    let ours = reply
        .returns
        .iter()
        .map(|ret| (ret.ret.minion.0.clone(), ret.full.clone().unwrap()));
    assert_eq!(Value::Object(ours.collect()), salts);
    let both = ["web1", "web2"].map(|id| MinionId(id.to_owned()));
    assert_eq!(
        (&reply.expected[..], &reply.returned[..]),
        (&both[..], &both[..])
    );
    assert_eq!(
        reply.load.unwrap().new.command,
        "salt '*' test.arg one two=2"
    );
}
