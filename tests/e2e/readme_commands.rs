//! Each command that README shows, and how it is run: here, by another test, or by `.ci/run`; what no test can run says so.
//! What the programs do is not judged here beyond the first words that they print.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use pillarbox_e2e::nats::Nats;
use pillarbox_e2e::programs;
use pillarbox_e2e::scratch::Scratch;
use pillarbox_e2e::tools::workspace;

use crate::readme::{blocks, file};

/// What a command begins with, in README.
const PROGRAMS: [&str; 12] = [
    ".ci/run",
    "cargo",
    "docker",
    "nats",
    "nats-server",
    "packaging/compose/prepare.sh",
    "pillarbox-collector",
    "pillarbox-notifier",
    "salt",
    "salt-call",
    "salt-key",
    "salt-run",
];

/// How a command is run.
enum Row {
    /// Here, with these words added to it: it ends well, and prints this.
    Here(&'static [&'static str], &'static str),
    /// By this test, in whatever form suits it.
    Test(&'static str),
    /// By this line of `.ci/run`.
    Ci(&'static str),
    /// By nobody, for it takes minutes: it is compiled with the tests, and its name is a bench's.
    Bench,
    /// By nobody: it needs what tests do not have, and the reason says what. The test looks at what it relies on.
    Unrun(&'static str, &'static str),
}

use Row::{Bench, Ci, Here, Test, Unrun};

const DOCKER: &str = "needs a daemon that runs containers";
const NATS_CLI: &str = "needs NATS's own command line";
const WHOLE_WAY: &str = "a_highstate_that_failed_is_told_once_and_a_clean_one_not";
const COMPOSE: &str = "every_configuration_is_accepted_by_who_reads_it";
const SERVICES: &str = "readme_names_every_service";
const SERVICE: &str = "a_job_is_answered_in_parts_while_the_bus_goes_on";
const DEAD: &str = "what_is_refused_for_good_is_a_dead_letter_that_can_be_read";
const LISTED: &str = "salt_to_slack_says_each_command_and_not_the_masters_own";
const EXPORT: &str = "a_job_is_one_trace_from_the_bus_to_slack_and_mail";

#[rustfmt::skip] // a table
const ROWS: &[(&str, Row)] = &[
    (".ci/run", Unrun("it runs this test", "each_command_of_readmes_is_run")),
    ("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 pillarbox-collector run", Test(EXPORT)),
    ("cargo bench --workspace --bench decode", Bench),
    ("cargo bench --workspace --bench delivery_cost", Bench),
    ("cargo bench --workspace --bench open_jobs", Bench),
    ("cargo bench --workspace --bench settle_race", Bench),
    ("cargo demo", Test("ctrl_c_leaves_nothing_behind")),
    ("cargo demo --exit", Ci("cargo demo --exit --real")),
    ("cargo demo --help", Here(&[], "--replay")),
    ("cargo demo --replay", Test("a_replay_ends_well_and_its_page_shows_what_came")),
    ("cargo test --workspace", Ci("cargo test --workspace")),
    ("docker compose exec collector pillarbox-collector lookup JID", Unrun(DOCKER, "the_collector_reads_what_is_mounted_and_cannot_write_it")),
    ("docker inspect", Unrun(DOCKER, "a_container_is_healthy_while_its_program_is_ready")),
    ("docker compose down", Unrun(DOCKER, SERVICES)),
    ("docker compose logs -f collector notifier", Unrun(DOCKER, SERVICES)),
    ("docker compose up -d --build --wait", Unrun(DOCKER, COMPOSE)),
    ("docker compose up -d --scale notifier=3", Unrun(DOCKER, SERVICES)),
    ("docker run --rm -p 16686:16686 -p 4317:4317 -p 4318:4318 jaegertracing/jaeger:2.21.0", Unrun(DOCKER, EXPORT)),
    ("nats micro ls", Unrun(NATS_CLI, SERVICE)),
    ("nats stream view PILLARBOX_DEAD_LETTERS", Unrun(NATS_CLI, DEAD)),
    ("packaging/compose/prepare.sh", Test("prepare_makes_every_secret_once_and_for_its_reader_alone")),
    ("pillarbox-collector check", Test("its_examples_are_accepted")),
    ("pillarbox-collector decode", Here(&[], "{\"")),
    ("pillarbox-collector init", Here(&["--salt-config", "{master}"], "salt7.example.com")),
    ("pillarbox-collector lookup", Here(&["20261122012432185068", "--cache-dir", "{cache}"], "salt '*' state.apply fail")),
    ("pillarbox-collector run", Test(WHOLE_WAY)),
    ("pillarbox-notifier check", Test("its_examples_are_accepted")),
    ("pillarbox-notifier init", Here(&[], "receivers:")),
    ("pillarbox-notifier provision", Here(&["--config", "{notifier}"], "PILLARBOX_EVENTS")),
    ("pillarbox-notifier run", Test(WHOLE_WAY)),
    ("salt-run jobs.list_jobs", Test(LISTED)),
    ("salt-run jobs.list_jobs search_function=state.apply", Test(LISTED)),
];

/// The commands in fences and in code between words, without comments behind them.
fn shown(readme: &str) -> BTreeSet<String> {
    let fenced = ["sh", "text"].map(|kind| blocks(readme, kind)).concat();
    let fenced = fenced.iter().flat_map(|block| block.lines());
    let mut prose = String::new();
    for (number, part) in readme.split("\n```").enumerate() {
        prose += if number % 2 == 0 { part } else { "" };
    }
    let spans = prose.split('`').skip(1).step_by(2);
    let bare = |program: &str| program.contains('/');
    let command = |line: &&str| {
        let mut words = line.split(' ').skip_while(|word| word.contains('='));
        let program = words.next().unwrap_or_default();
        PROGRAMS.contains(&program) && (bare(program) || words.next().is_some())
    };
    let all = fenced.chain(spans).filter(command);
    all.map(|line| line.split("  #").next().unwrap().trim().to_owned())
        .collect()
}

#[test]
fn each_command_of_readmes_is_run() {
    let rows: BTreeSet<String> = ROWS.iter().map(|(it, _)| (*it).to_owned()).collect();
    assert_eq!(shown(&file("README.md")), rows, "README's, and the table's");
    let tests: String = std::fs::read_dir(workspace().join("tests/e2e"))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    let is_test = |name: &str| {
        tests.contains(&format!("\nasync fn {name}(")) || tests.contains(&format!("\nfn {name}("))
    };
    let ci = file(".ci/run");
    let manifests = file("collector/Cargo.toml") + &file("tests/Cargo.toml");
    for (command, row) in ROWS {
        let holds = match row {
            Here(..) => true,
            Test(name) => is_test(name),
            Unrun(why, name) => !why.is_empty() && is_test(name),
            Ci(line) => ci.lines().any(|it| it == format!("step {line}")),
            Bench => {
                let name = command.rsplit(' ').next().unwrap();
                manifests.contains(&format!("[[bench]]\nname = \"{name}\"\n"))
            }
        };
        assert!(holds, "what the table says of `{command}` is not there");
    }
}

#[tokio::test]
async fn what_readme_says_to_type_is_answered() {
    let place = Place::new().await;
    for (command, row) in ROWS {
        if let Here(more, says) = row {
            place.run(command, more, says).await;
        }
    }
}

/// What the commands need that are run here.
struct Place {
    nats: Nats,
    scratch: Scratch,
}

impl Place {
    async fn new() -> Place {
        let nats = Nats::start().await.unwrap();
        let scratch = Scratch::new().unwrap();
        scratch.file("master", "id: salt7.example.com\n").unwrap();
        scratch
            .file("url", "https://hooks.example.com/services/x")
            .unwrap();
        let notifier = format!(
            "nats: {{ url: \"{}\" }}\nreceivers:\n  - name: ops\n    slack: {{ webhook_url_file: url }}\nroutes:\n  - name: all\n    receivers: ops\n",
            nats.url()
        );
        scratch.file("notifier", &notifier).unwrap();
        Place { nats, scratch }
    }

    async fn run(&self, command: &str, more: &[&str], says: &str) {
        assert!(self.nats.id().is_some());
        let mut words = command.split(' ');
        let programs = programs::built().await.unwrap();
        let program = match words.next().unwrap() {
            "pillarbox-collector" => programs.collector,
            "pillarbox-notifier" => programs.notifier,
            "cargo" => demo(&mut words),
            other => panic!("how is {other} run?"),
        };
        let capture = workspace().join("collector/tests/captures/3008.5.bin");
        let capture = std::fs::File::open(capture).unwrap();
        let more = more.iter().map(|word| self.filled(word));
        let mut command_line = Command::new(program);
        command_line
            .args(words)
            .args(more)
            .stdin(Stdio::from(capture));
        let output = command_line.env_remove("RUST_LOG").output().unwrap();
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{command}: {err}");
        assert!(out.contains(says), "{command}: {out}");
    }

    /// `{master}` and its like: a file of ours.
    fn filled(&self, word: &str) -> String {
        let Some(name) = word.strip_prefix('{').and_then(|it| it.strip_suffix('}')) else {
            return word.to_owned();
        };
        let path = match name {
            "cache" => workspace().join("collector/tests/job_caches/3008.5"),
            name => self.scratch.path().join(name),
        };
        path.display().to_string()
    }
}

/// `cargo demo` is an alias for the package's own program.
fn demo<'a>(words: &mut impl Iterator<Item = &'a str>) -> PathBuf {
    assert_eq!(words.next(), Some("demo"));
    let alias = file(".cargo/config.toml");
    assert!(
        alias.contains("\ndemo = \"run --bin demo --\"\n"),
        "{alias}"
    );
    env!("CARGO_BIN_EXE_demo").into()
}
