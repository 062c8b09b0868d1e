//! README.md against the programs: its examples are accepted, its commands exist, its message is one that is sent.
//! Whether its sentences are true, a person has to judge.

use std::path::Path;
use std::process::{Command, Output};

use pillarbox_e2e::programs::{self, Programs};
use pillarbox_e2e::scratch::Scratch;
use pillarbox_e2e::tools::{nats_server, workspace};

pub(crate) fn file(path: &str) -> String {
    std::fs::read_to_string(workspace().join(path)).unwrap()
}

/// What stands between the fences of this kind.
pub(crate) fn blocks(readme: &str, kind: &str) -> Vec<String> {
    let fence = format!("\n```{kind}\n");
    let begun = readme.split(&fence).skip(1);
    begun
        .map(|rest| rest.split("\n```").next().unwrap().to_owned() + "\n")
        .collect()
}

/// Words after a program's name, wherever it stands in code.
fn commands(readme: &str, program: &str) -> Vec<String> {
    let before = format!("`{program} ");
    let named = readme.split(&before).skip(1);
    let mut commands: Vec<String> = named
        .map(|rest| rest.split([' ', '`']).next().unwrap().to_owned())
        .collect();
    commands.sort();
    commands.dedup();
    commands
}

/// What `--help` lists under `Commands:`, except `help` itself.
fn helped(program: &Path) -> Vec<String> {
    let help = Command::new(program).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, after) = help.split_once("\nCommands:\n").unwrap();
    let lines = after.split("\n\n").next().unwrap().lines();
    let named = lines.filter_map(|line| line.strip_prefix("  "));
    let mut commands: Vec<String> = named
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .filter(|command| command != "help")
        .collect();
    commands.sort();
    commands
}

/// Runs `check` on an example, with the files that it names in a directory of the test's own.
fn check(example: &str, programs: &Programs) -> Output {
    let scratch = Scratch::new().unwrap();
    let dir = scratch.path().display();
    for (name, content) in [
        ("master", "id: salt1.example.com\n"),
        ("collector.creds", "a JWT and a seed"),
        ("notifier.creds", "a JWT and a seed"),
        ("slack-webhook", "https://hooks.example.com/services/x"),
        ("slack-token", "xoxb-hunter2"),
        ("smtp-password", "hunter2"),
    ] {
        scratch.file(name, content).unwrap();
    }
    let ours = example
        .replace("/etc/pillarbox/", &format!("{dir}/"))
        .replace("/etc/salt/", &format!("{dir}/"));
    let config = scratch.file("config.yaml", &ours).unwrap();
    let first = example.lines().next().unwrap();
    let program = match first {
        "# /etc/pillarbox/collector.yaml" => &programs.collector,
        "# /etc/pillarbox/notifier.yaml" => &programs.notifier,
        _ => panic!("whose example is it? {first}"),
    };
    let mut command = Command::new(program);
    command.arg("check").arg("--config").arg(config);
    command.output().unwrap()
}

#[tokio::test]
async fn its_examples_are_accepted() {
    let programs = programs::built().await.unwrap();
    let examples = blocks(&file("README.md"), "yaml");
    assert_eq!(examples.len(), 4, "one of each program, and the two posts");
    for example in examples {
        let output = check(&example, &programs);
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert_eq!(output.status.code(), Some(0), "{example}\n{err}");
        assert!(out.starts_with("ok: "), "{out}");
    }
}

#[tokio::test]
async fn its_line_for_nats_is_accepted() {
    let blocks = blocks(&file("README.md"), "text");
    let line = blocks.iter().find(|block| block.starts_with("jetstream"));
    let scratch = Scratch::new().unwrap();
    let dir = scratch.path().display().to_string();
    let config = line.unwrap().replace("/var/lib/nats", &dir);
    let config = scratch.file("nats.conf", &config).unwrap();
    let mut server = Command::new(nats_server().await.unwrap());
    let output = server.arg("-t").arg("-c").arg(config).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[tokio::test]
async fn it_names_every_command_and_no_other() {
    let programs = programs::built().await.unwrap();
    let readme = file("README.md");
    let check = |name: &str, program: &Path| {
        assert_eq!(commands(&readme, name), helped(program), "{name}");
    };
    check("pillarbox-collector", &programs.collector);
    check("pillarbox-notifier", &programs.notifier);
}

#[test]
fn its_message_is_one_that_is_sent() {
    let sent = file("notifier/tests/messages/failed.mail.txt");
    let shown = blocks(&file("README.md"), "text");
    assert_eq!(shown.first().unwrap(), &sent);
}

#[test]
fn its_map_names_what_is_there() {
    let readme = file("README.md");
    let (_, map) = readme.split_once("## A map").unwrap();
    for package in ["proto", "config", "telemetry", "collector", "notifier"] {
        for module in std::fs::read_dir(workspace().join(package).join("src")).unwrap() {
            let name = module.unwrap().file_name().into_string().unwrap();
            let named = [
                format!("`{name}`"),
                format!("`{}`", name.trim_end_matches(".rs")),
            ];
            let is_named = named.iter().any(|name| map.contains(name.as_str()));
            let of_a_file = map.contains(&format!("`{name}.rs`"));
            assert!(is_named || of_a_file, "{package}/src/{name}");
        }
    }
}
