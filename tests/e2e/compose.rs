//! docker-compose.yml and what belongs to it, as far as they can be judged without containers: each file is accepted by the
//! program that reads it, and what is named exists. That the containers run is seen by starting them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use nix::unistd::{getgid, getuid};
use pillarbox_e2e::bus::Bus;
use pillarbox_e2e::pages;
use pillarbox_e2e::programs;
use pillarbox_e2e::scratch::Scratch;
use pillarbox_e2e::tools::{self, workspace};
use pillarbox_e2e::wait;
use serde_json::Value;

use crate::scenes::scenario;

const FILES: &str = "packaging/compose";
const WEBHOOK: &str = "https://hooks.slack.com/services/T/B/canary\n";

fn file(path: &str) -> String {
    std::fs::read_to_string(workspace().join(path)).unwrap()
}

fn compose() -> Value {
    serde_saphyr::from_str(&file("docker-compose.yml")).unwrap()
}

fn services() -> Vec<(String, Value)> {
    let compose = compose();
    let services = compose["services"].as_object().unwrap();
    services
        .iter()
        .map(|(name, it)| (name.clone(), it.clone()))
        .collect()
}

/// A copy of `packaging/compose` after `prepare.sh`, as whoever runs the tests: the secrets' names are those of the compose file.
async fn prepared() -> (Scratch, Output) {
    let scratch = Scratch::new().unwrap();
    for entry in std::fs::read_dir(workspace().join(FILES)).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            let name = entry.file_name().into_string().unwrap();
            let content = std::fs::read_to_string(entry.path()).unwrap();
            scratch.file(&format!("{FILES}/{name}"), &content).unwrap();
        }
    }
    let _master = Bus::start(&scratch.dir("salt").unwrap()).unwrap();
    scratch.dir("cache/jobs").unwrap();
    let output = prepare(&scratch);
    (scratch, output)
}

fn prepare(scratch: &Scratch) -> Output {
    let mut command = Command::new("sh");
    command.arg(scratch.path().join(FILES).join("prepare.sh"));
    command.env("SALT_SOCK_DIR", scratch.path().join("salt"));
    command.env("SALT_CACHE_DIR", scratch.path().join("cache"));
    command.env("NOTIFIER_USER", format!("{}:{}", getuid(), getgid()));
    let answer = scratch.file("answer", WEBHOOK).unwrap();
    command.stdin(Stdio::from(std::fs::File::open(answer).unwrap()));
    command.output().unwrap()
}

fn secret(scratch: &Scratch, name: &str) -> String {
    std::fs::read_to_string(scratch.path().join(FILES).join("secrets").join(name)).unwrap()
}

#[tokio::test]
async fn prepare_makes_every_secret_once_and_for_its_reader_alone() {
    let (scratch, output) = prepared().await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let secrets = compose()["secrets"].as_object().unwrap().clone();
    for (name, secret) in &secrets {
        let path = secret["file"].as_str().unwrap();
        let mode = std::fs::metadata(scratch.path().join(path)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o400, "{name}");
    }
    let before = [
        "nats-collector",
        "nats-notifier",
        "slack-webhook",
        "nats-users.conf",
    ]
    .map(|name| secret(&scratch, name));
    assert_eq!(before[2], WEBHOOK.trim_end());
    assert_ne!(before[0], before[1]);
    assert!(before[3].contains(&before[0]) && before[3].contains(&before[1]));
    let env = std::fs::read_to_string(scratch.path().join(".env")).unwrap();
    let me = format!("SALT_USER={}:{}\n", getuid(), getgid());
    assert!(env.contains(&me) && env.contains("\nMASTER_NAME="), "{env}");
    let shown = said + &String::from_utf8_lossy(&output.stdout) + &env;
    assert!(
        !before[..3].iter().any(|secret| shown.contains(secret)),
        "{shown}"
    );

    assert!(prepare(&scratch).status.success());
    assert_eq!(
        secret(&scratch, "nats-users.conf"),
        before[3],
        "the same as before"
    );
}

#[tokio::test]
async fn prepare_stops_before_docker_makes_a_job_cache_that_is_not_there() {
    let (scratch, _) = prepared().await;
    let secrets = scratch.path().join(FILES).join("secrets");
    std::fs::remove_dir_all(&secrets).unwrap();
    std::fs::remove_dir(scratch.path().join("cache/jobs")).unwrap();
    let output = prepare(&scratch);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("/cache/jobs is no directory"), "{said}");
    assert!(!output.status.success() && !secrets.exists());
}

#[tokio::test]
async fn every_configuration_is_accepted_by_who_reads_it() {
    let (scratch, _) = prepared().await;
    scratch
        .file("etc/master", "id: salt1.example.com\n")
        .unwrap();
    let dir = scratch.path().display().to_string();
    let config = |name: &str| {
        let text = file(&format!("{FILES}/{name}"));
        let text = text.replace("/run/secrets", &format!("{dir}/{FILES}/secrets"));
        let text = text.replace("/etc/salt/", &format!("{dir}/etc/"));
        scratch.file(name, &text).unwrap()
    };
    let programs = programs::built().await.unwrap();
    for (program, name) in [
        (&programs.collector, "collector.yaml"),
        (&programs.notifier, "notifier.yaml"),
    ] {
        let output = Command::new(program)
            .arg("check")
            .arg("--config")
            .arg(config(name))
            .output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() && !said.contains("warning"),
            "{name}: {said}"
        );
    }
    let server = tools::nats_server().await.unwrap();
    let secrets = scratch.path().join(FILES).join("secrets/nats-users.conf");
    let conf = scratch
        .file("nats/nats.conf", &file("packaging/compose/nats.conf"))
        .unwrap();
    std::fs::copy(secrets, scratch.path().join("nats/users.conf")).unwrap();
    let output = Command::new(server)
        .arg("-t")
        .arg("-c")
        .arg(&conf)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let synced = file("packaging/compose/nats.conf");
    assert!(
        synced
            .lines()
            .any(|line| line.trim() == "sync_interval: always")
    );
}

/// What a container's health check says of pages at another address, and whether that is healthy.
fn health(name: &str, address: &str) -> (String, bool) {
    let compose = compose();
    let test = compose["services"][name]["healthcheck"]["test"].clone();
    let test: Vec<String> = serde_json::from_value(test).unwrap();
    let [kind, shell, option, command] = test.try_into().unwrap();
    assert_eq!(kind, "CMD");
    let (host, port) = address.split_once(':').unwrap();
    let here = command
        .replace("$$", "$")
        .replace("/127.0.0.1/9464", &format!("/{host}/{port}"));
    assert!(here.contains(port), "{command}");
    let output = Command::new(shell).args([option, here]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (said, output.status.success())
}

#[tokio::test]
async fn a_container_is_healthy_while_its_program_is_ready() {
    let shown = "http: 127.0.0.1:0";
    let routes = "  - { name: all, receivers: ops-slack }\n";
    let stack = scenario(routes).collector(shown).global(shown);
    let mut stack = stack.prepared_on_bus().await.unwrap();
    stack.announce("cannot reach NATS");
    stack.announce("cannot provision yet");
    stack.announce("waiting for the stream");
    stack.announce("NATS client says");
    stack.collector.restart().await.unwrap();
    stack.notifiers[0].restart().await.unwrap();
    let collector = pages::address(&mut stack.collector).await.unwrap();
    let notifier = pages::address(&mut stack.notifiers[0]).await.unwrap();
    let services = [("collector", collector), ("notifier", notifier)];
    let all = async |expect: bool, reason: &str| {
        for (name, address) in &services {
            let what = format!("{name} to be healthy: {expect}, and to say: {reason}");
            wait::until(Duration::from_secs(30), &what, async || {
                let (said, healthy) = health(name, address);
                (healthy == expect && said.ends_with(reason)).then_some(())
            })
            .await
            .unwrap();
        }
    };
    all(false, "\r\n\r\nNATS is not connected\n").await;
    stack.nats.restart().await.unwrap();
    all(true, "\r\n\r\nok\n").await;
    stack.finish().await.unwrap();
    assert!(!health(services[0].0, &services[0].1).1, "nobody answers");
}

#[test]
fn pages_are_where_the_health_check_looks_and_are_not_published() {
    for (name, service) in services() {
        if service.get("build").is_some() {
            let config = file(&format!("{FILES}/{name}.yaml"));
            assert!(
                config.lines().any(|line| line == "http: 0.0.0.0:9464"),
                "{name}"
            );
            assert!(service.get("ports").is_none(), "{name}");
        }
    }
}

/// The compose file's mounts are where the collector's file looks, whatever the master's own says.
#[test]
fn the_collector_reads_what_is_mounted_and_cannot_write_it() {
    let config: Value = serde_saphyr::from_str(&file(&format!("{FILES}/collector.yaml"))).unwrap();
    let salt = |key: &str| config["salt"][key].as_str().unwrap();
    let compose = compose();
    let volumes = compose["services"]["collector"]["volumes"]
        .as_array()
        .unwrap();
    let mounted = |target: &str| {
        let target = format!(":{target}:ro");
        volumes
            .iter()
            .any(|volume| volume.as_str().unwrap().ends_with(&target))
    };
    assert!(mounted(salt("config")));
    assert!(mounted(salt("sock_dir")));
    assert!(mounted(&format!("{}/jobs", salt("cachedir"))));
}

#[test]
fn what_the_compose_file_names_exists() {
    let compose = compose();
    for (name, service) in services() {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let source = volume.as_str().unwrap().split(':').next().unwrap();
            let ours = source.starts_with("./");
            assert!(
                !ours || workspace().join(source).is_file(),
                "{name}: {source}"
            );
        }
        for secret in service["secrets"].as_array().into_iter().flatten() {
            let secret = secret.as_str().or(secret["source"].as_str()).unwrap();
            assert!(compose["secrets"].get(secret).is_some(), "{name}: {secret}");
        }
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(
                port.as_str().unwrap().starts_with("127.0.0.1:"),
                "{name}: {port}"
            );
        }
        assert_eq!(
            service["restart"]
                .as_str()
                .or(service["<<"]["restart"].as_str()),
            Some("unless-stopped"),
            "{name}"
        );
    }
}

#[test]
fn images_are_those_that_the_tests_know() {
    let dockerfile = file("Dockerfile");
    let version = concat!(":", env!("CARGO_PKG_VERSION"));
    for (name, service) in services() {
        let image = service["image"].as_str().unwrap();
        match service["build"]["target"].as_str() {
            Some(target) => {
                assert!(image.ends_with(version), "{name}: {image}");
                assert!(dockerfile.contains(&format!(" AS {target}\n")), "{target}");
            }
            None => assert!(
                image
                    .rsplit_once(':')
                    .unwrap()
                    .1
                    .starts_with(char::is_numeric),
                "{image}"
            ),
        }
    }
    let jaeger = compose()["services"]["jaeger"]["image"].clone();
    let jaeger = format!(" {}\n", jaeger.as_str().unwrap());
    assert!(file("README.md").contains(&jaeger), "{jaeger}");
    let nats = format!("nats:{}-alpine", tools::NATS);
    assert_eq!(compose()["services"]["nats"]["image"], nats.as_str());
    assert!(dockerfile.contains(&format!("image.version=\"{}\"", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn the_image_is_built_from_every_package_and_from_nothing_else() {
    let manifest = file("Cargo.toml");
    let members = manifest.split_once("members = [").unwrap().1;
    let members = members
        .split(']')
        .next()
        .unwrap()
        .split('"')
        .skip(1)
        .step_by(2);
    let let_in = file(".dockerignore");
    let let_in: Vec<&str> = let_in
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    for member in members {
        assert!(
            let_in.contains(&member),
            "{member} is a package, and .dockerignore keeps it out"
        );
    }
    for path in let_in {
        assert!(Path::new(&workspace().join(path)).exists(), "{path}");
    }
}

#[test]
fn readme_names_every_service() {
    let readme = file("README.md");
    let section = readme.split_once("## With docker compose\n").unwrap().1;
    let section = section.split("\n## ").next().unwrap();
    for (name, _) in services() {
        assert!(section.contains(&format!("`{name}`")), "{name}");
    }
}
