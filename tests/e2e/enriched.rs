//! Before a job is told, its master's job cache is asked: what the bus had cut is whole, what it never had is found, and what
//! nobody answers is said.

use pillarbox_e2e::play::{Job, Return};

use crate::scenes::scenario;

const ROUTES: &str = r#"
  - name: problems
    match: { outcome: [failed, changed, missing] }
    receivers: [ops-slack]
    finish_after: 2s
"#;

const ON_RETURN: &str = r#"
  - name: each
    on: return
    match: { outcome: failed }
    receivers: [ops-slack]
"#;

/// What Salt puts into an event in the place of what is too large for it.
const TRIMMED: Return<'_> = Return::Failed("VALUE_TRIMMED");
const WHOLE: Return<'_> = Return::Failed("E: Unable to locate package nginx-extras");

fn job() -> Job {
    let job = Job::new(1, "state.apply").args(&["nginx"]);
    job.on("web*", &["web1", "web2"])
}

#[tokio::test]
async fn what_the_bus_had_cut_comes_from_the_job_cache() {
    for routes in [ROUTES, ON_RETURN] {
        let mut stack = scenario(routes).on_bus().await.unwrap();
        let (job, clean) = (job(), Return::Clean);
        let kept = job.keep(
            &stack.master.cachedir(),
            &[("web1", WHOLE), ("web2", clean)],
        );
        kept.unwrap();
        stack.master.send(&job.new_event()).await;
        stack.master.send(&job.ret("web1", TRIMMED)).await;
        stack.master.send(&job.ret("web2", clean)).await;
        let told = stack.told(1).await.unwrap().remove(0);
        stack.settled().await.unwrap();
        assert!(
            told.contains("E: Unable to locate package nginx-extras"),
            "{told}"
        );
        assert!(
            !told.contains("VALUE_TRIMMED") && !told.contains("look-up"),
            "{told}"
        );
        stack.finish().await.unwrap();
    }
}

/// Its return was not heard: it did answer, and nobody is told otherwise.
#[tokio::test]
async fn a_minion_whose_return_was_not_heard_is_not_called_silent() {
    let mut stack = scenario(ROUTES).on_bus().await.unwrap();
    let job = job();
    let kept = job.keep(
        &stack.master.cachedir(),
        &[("web1", WHOLE), ("web2", Return::Clean)],
    );
    kept.unwrap();
    stack.master.send(&job.new_event()).await;
    stack.master.send(&job.ret("web1", WHOLE)).await;
    let told = stack.told(1).await.unwrap().remove(0);
    stack.settled().await.unwrap();
    assert_eq!(told, FOUND);
    assert_eq!(stack.slack.posted().len(), 1);
    stack.finish().await.unwrap();
}

const FOUND: &str = "\
🔴 state.apply nginx on web* failed on web1, 1 of 2: E: Unable to locate package nginx-extras
1 clean · alice via sudo on salt1.example.com (prod) · Sun 22 Nov 2026, 14:02:11–14:02:53 CET, 42s
pkg.installed nginx-extras (nginx.init) failed on web1 · new
    E: Unable to locate package nginx-extras
salt web1 state.apply nginx test=True
salt-run jobs.lookup_jid 20261122130211000001
Some of this was not heard on the bus but found in the master's job cache.";

/// Salt itself has nothing more, and says nothing of it.
#[tokio::test]
async fn what_is_cut_for_good_is_said() {
    let mut stack = scenario(ROUTES).on_bus().await.unwrap();
    stack.master.send(&job().new_event()).await;
    stack.master.send(&job().ret("web1", TRIMMED)).await;
    stack.master.send(&job().ret("web2", Return::Clean)).await;
    let told = stack.told(1).await.unwrap().remove(0);
    stack.settled().await.unwrap();
    let last = "Some details were too large for the bus and are cut; the job cache of salt1.example.com may have them.";
    assert_eq!(told.lines().last(), Some(last));
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn nobody_who_answers_is_said_and_delays_nothing() {
    let mut stack = scenario(ROUTES).on_bus().await.unwrap();
    stack.master.send(&job().new_event()).await;
    stack.master.send(&job().ret("web1", WHOLE)).await;
    stack.events(2).await.unwrap();
    stack
        .collector
        .terminate(std::time::Duration::from_secs(15))
        .await
        .unwrap();
    let told = stack.told(1).await.unwrap().remove(0);
    stack.settled().await.unwrap();
    let last = "Told without a look-up on salt1.example.com: no collector listens.";
    assert_eq!(told.lines().last(), Some(last));
    stack.collector.restart().await.unwrap();
    stack.finish().await.unwrap();
}

/// A master without a job cache has nothing to miss.
#[tokio::test]
async fn a_master_that_keeps_no_jobs_is_not_complained_about() {
    let scratch = pillarbox_e2e::scratch::Scratch::new().unwrap();
    let master = scratch.file("master", "job_cache: False\n").unwrap();
    let scenario = scenario(ROUTES).announce("nothing can be looked up: `job_cache: False`"); // once
    let mut stack = scenario.prepared_on_bus().await.unwrap();
    let config = format!("salt: {{ config: \"{}\",", master.display());
    stack.rewrite_collector("salt: {", &config).unwrap();
    stack.start().await.unwrap();
    stack.listens().await.unwrap();
    stack.master.send(&job().whole(WHOLE)).await;
    let told = stack.told(1).await.unwrap().remove(0);
    stack.settled().await.unwrap();
    assert!(!told.contains("look-up"), "{told}");
    stack.finish().await.unwrap();
}
