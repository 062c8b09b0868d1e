//! What a bus should never carry: cut, damaged, huge and senseless bytes. The rest goes on, and memory stays bounded.

use std::time::Duration;

use pillarbox_e2e::bus::{Bus, Framing, frame};
use pillarbox_e2e::play::{Job, Return};
use pillarbox_e2e::stack::{Scenario, Stack};
use serde_json::Value;

use crate::captured;
use crate::scenes::{scenario, titles};

/// What the collector may have at once, whatever comes: a queue of 16 MiB, a frame of 16 MiB that is being read, and
/// 32 MiB for itself (it starts with 19).
const MOST_KIB: u64 = 64 * 1024;
const BUS_ENDED: &str = "the connection to the master's event bus ended";
const UNHEARD: &str = "was not heard: its event bus was away";

fn failures() -> Scenario {
    scenario("  - name: failures\n    match: { outcome: failed }\n    receivers: [ops-slack]\n")
        .collector("queue: 16MiB")
}

fn failing(number: u32) -> Vec<u8> {
    let sls = format!("app{number}");
    let job = Job::new(number, "state.apply").args(&[&sls]);
    job.on("web1", &["web1"])
        .whole(Return::Failed("No space left on device"))
}

fn title(number: u32) -> String {
    format!("🔴 state.apply app{number} on web1 failed: No space left on device")
}

/// What the collector has counted when it stops.
async fn counts(stack: &mut Stack<Bus>) -> Value {
    stack
        .collector
        .terminate(Duration::from_secs(15))
        .await
        .unwrap();
    let log = stack.collector.said().1;
    let line = log
        .lines()
        .rfind(|line| line.contains("bus events since the start"));
    serde_json::from_str(line.unwrap()).unwrap()
}

/// Both captures, one after the other: both framings in one stream.
#[tokio::test]
async fn a_capture_in_pieces_of_one_byte_gives_the_same_events() {
    let bytes = [captured::stream("3006.30"), captured::stream("3008.5")].concat();
    let (whole, pieces) = tokio::join!(played(&bytes, bytes.len()), played(&bytes, 1));
    assert!(whole.len() > 300, "{} events are few", whole.len());
    assert_eq!(whole.len(), pieces.len());
    for (one, other) in whole.iter().zip(&pieces) {
        assert_eq!(one, other);
    }
}

/// The stream's messages after a capture was played in pieces of this size, without the time of their reading.
async fn played(bytes: &[u8], size: usize) -> Vec<(String, Value)> {
    let routes = "  - name: none\n    match: { fun: no.such }\n    receivers: [ops-slack]\n";
    let mut stack = scenario(routes).on_bus().await.unwrap();
    stack.master.send_in_chunks(bytes, size).await;
    let last = Job::new(1, "test.last").on("web1", &["web1"]);
    stack.master.send(&last.new_event()).await;
    let mut count = 1;
    let mut events = loop {
        let events = stack.events(count).await.unwrap();
        match events.last() {
            Some((_, event)) if event["jid"] == last.jid() => break events,
            _ => count = events.len() as u64 + 1,
        }
    };
    for (_, event) in &mut events {
        event.as_object_mut().unwrap().remove("received");
    }
    stack.finish().await.unwrap();
    events
}

#[tokio::test]
async fn damage_drops_the_connection_and_the_rest_goes_on() {
    let stack = failures().announce(BUS_ENDED).announce(UNHEARD);
    let mut stack = stack.on_bus().await.unwrap();
    let megabytes = vec![0xab; 4 << 20];
    let good = failing(99);
    let damages = [
        ("garbage", vec![0xc1; 4096]),
        (
            "a prefix of 4 GB",
            [&[0xff; 4], megabytes.as_slice()].concat(),
        ),
        (
            "a body of 4 GB",
            [
                b"\x82\xa4head\x80\xa4body\xc6\xff\xff\xff\xff".as_slice(),
                &megabytes,
            ]
            .concat(),
        ),
        (
            "a frame that says too little",
            [&[0, 0, 0, 9], good.as_slice()].concat(),
        ),
        ("text", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
    ];
    let mut expected = Vec::new();
    for (number, (what, bytes)) in (1..).zip(&damages) {
        stack.master.send(bytes).await;
        let connections = usize::try_from(number).unwrap() + 1;
        let again = stack.master.connected(connections).await;
        again.unwrap_or_else(|error| panic!("{what}: {error}"));
        stack.master.send(&failing(number)).await;
        expected.push(title(number));
        assert_eq!(
            titles(&stack.told(expected.len()).await.unwrap()),
            expected,
            "{what}"
        );
    }
    let ret = Job::new(98, "test.ping").ret_of("web1", &Value::Null, 0);
    stack.master.cut(&ret, ret.len() / 2).await;
    stack.master.connected(damages.len() + 2).await.unwrap();
    // The largest that is allowed, and its last byte never comes.
    let large = [
        &[0, 0xff, 0xff, 0xff, 0x82],
        vec![0x81; 0xff_fffd].as_slice(),
    ]
    .concat();
    stack.master.cut(&large, large.len()).await;
    stack.master.connected(damages.len() + 3).await.unwrap();
    stack.master.send(&failing(6)).await;
    expected.push(title(6));
    assert_eq!(titles(&stack.told(6).await.unwrap()), expected);
    stack.settled().await.unwrap();
    assert_eq!(stack.slack.posted().len(), 6);
    bounded(&stack);

    let counts = counts(&mut stack).await;
    assert_eq!(
        (
            &counts["frame_errors"],
            &counts["disconnects"],
            &counts["gaps"]
        ),
        (&5.into(), &7.into(), &7.into())
    );
    stack.finish().await.unwrap();
}

fn bounded(stack: &Stack<Bus>) {
    let most = stack.collector.most_memory_kib().unwrap();
    assert!(
        most < MOST_KIB,
        "the collector had {most} KiB; {MOST_KIB} are allowed"
    );
}

#[tokio::test]
async fn events_that_make_no_sense_are_dead_letters_and_the_rest_goes_on() {
    let stack = failures().announce("a job event cannot be read");
    let mut stack = stack.on_bus().await.unwrap();
    let fun = "f".repeat(5000);
    let long = Job::new(1, &fun).on("web1", &["web1"]);
    stack.master.send(&long.new_event()).await;
    let failed = Value::from("Traceback");
    stack.master.send(&long.ret_of("web1", &failed, 1)).await;
    let no_map = frame(
        Framing::Bare,
        "salt/job/20261122130211000002/ret/web1",
        &"text",
    )
    .unwrap();
    stack.master.send(&no_map).await;
    stack.master.send(&failing(3)).await;
    let told = titles(&stack.told(2).await.unwrap());
    let shown = format!("🔴 {}… on web1 failed: Traceback", "f".repeat(45));
    assert_eq!(told, [shown, title(3)]);
    let events = stack.events(4).await.unwrap();
    let (subject, body) = &events[1];
    assert!(subject.len() < 256, "{subject}");
    assert_eq!(body["fun"], *fun);

    let letters = stack.dead_letters(1).await.unwrap();
    let [(subject, letter)] = letters.as_slice() else {
        panic!("{letters:#?}")
    };
    assert_eq!(subject, "pillarbox.v1.dead.collector.prod.unreadable");
    assert_eq!(letter["tag"], "salt/job/20261122130211000002/ret/web1");
    assert_eq!(letter["error"], "the payload is no map");
    bounded(&stack);
    stack.settled().await.unwrap();
    let counts = counts(&mut stack).await;
    assert_eq!(
        (&counts["unreadable"], &counts["dead_letters"]),
        (&1.into(), &1.into())
    );
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn a_flood_without_nats_is_dropped_beyond_the_queue_and_said() {
    let stack = failures()
        .option("--grace=40s") // a flood in hand, on a machine that is busy with other tests
        .announce("the connection to NATS is lost")
        .announce("the NATS client says")
        .announce("cannot reach NATS; trying again")
        .announce("no answer from NATS; trying again until there is one")
        .announce("cannot take messages; trying again")
        .announce("could not work on a job; trying again")
        .announce("does not acknowledge; sending again until it does")
        .announce("events are being dropped until NATS takes what waits")
        .announce("were dropped: the queue was full");
    let mut stack = stack.on_bus().await.unwrap();
    stack.nats.kill_9().await.unwrap();
    let lost = "the connection to NATS is lost: what Salt fires is held";
    stack.collector.says(lost).await.unwrap();
    stack.master.send(&failing(1)).await;
    let job = Job::new(2, "cmd.run").on("web1", &["web1"]);
    let output = Value::from("x".repeat(100_000));
    let ret = job.ret_of("web1", &output, 0);
    for _ in 0..1000 {
        stack.master.send(&ret).await;
    }
    stack
        .collector
        .says("events are being dropped")
        .await
        .unwrap();
    bounded(&stack);
    stack.nats.restart().await.unwrap();
    stack
        .collector
        .says("were dropped: the queue was full")
        .await
        .unwrap();
    stack.master.send(&failing(3)).await;
    assert_eq!(titles(&stack.told(2).await.unwrap()), [title(1), title(3)]);
    stack.settled().await.unwrap();
    bounded(&stack);
    stack.finish().await.unwrap();
}
