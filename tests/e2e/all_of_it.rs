//! The whole way with nothing doubled but Slack and the mail server: a real master, real minions, highstates from a top file.
//! Named so that it begins first: it takes longest.

use pillarbox_e2e::salt::{Ran, Salt};
use pillarbox_e2e::stack::Stack;

use crate::scenes::{scenario, timeless};

const ROUTES: &str = r#"
  - name: problems
    match: { fun: "state.*", outcome: [failed, changed, missing] }
    receivers: [ops-slack, ops-mail]
    finish_after: 30s
"#;

const TOP: &str = "base:\n  '*':\n    - site\n";

/// Fails on web1 alone.
const BROKEN: &str = "
ready:
  test.nop
{% if grains['id'] == 'web1' %}
no space:
  test.configurable_test_state:
    - name: /srv/app
    - result: False
    - changes: False
    - comment: No space left on device
    - require:
      - test: ready
{% endif %}
";

const FINE: &str = "ready:\n  test.nop\n";

#[tokio::test]
async fn a_highstate_that_failed_is_told_once_and_a_clean_one_not() {
    let salt = Salt::start(&["web1", "web2"]).await.unwrap();
    salt.state("top.sls", TOP).unwrap();
    salt.state("site.sls", BROKEN).unwrap();
    let mut stack = scenario(ROUTES).on_salt(salt).await.unwrap();
    stack.listens().await.unwrap();

    let failed = highstate(&stack).await;
    check(&mut stack, 1, &failed, FAILED, FAILED_MAIL).await;

    stack.master.state("site.sls", FINE).unwrap();
    highstate(&stack).await;
    stack.events(6).await.unwrap();
    stack.settled().await.unwrap();
    let arrived = (
        stack.slack.posted().len(),
        stack.mail.mails().unwrap().len(),
    );
    assert_eq!(arrived, (1, 1), "something was said of a clean highstate");

    stack.master.stop_minion("web2").await.unwrap();
    let missed = highstate(&stack).await;
    check(&mut stack, 2, &missed, MISSED, MISSED_MAIL).await;
    stack.finish().await.unwrap();
}

async fn highstate(stack: &Stack<Salt>) -> String {
    let Ran { jid, output } = stack.master.run(&["*", "state.highstate"]).await.unwrap();
    jid.unwrap_or_else(|| panic!("Salt started no job:\n{output}"))
}

/// So many messages and mails there are now, and the last ones read like this.
async fn check(stack: &mut Stack<Salt>, count: usize, jid: &str, slack: &str, mail: &str) {
    let told = stack.told(count).await.unwrap();
    let mails = stack.mailed(count).await.unwrap();
    stack.settled().await.unwrap();
    assert_eq!((told.len(), mails.len()), (count, count));
    let (told, mailed) = (&told[count - 1], &mails[count - 1]);
    assert_eq!(timeless(told, jid), slack);
    assert_eq!(
        timeless(&format!("{}\n{}", mailed.subject, mailed.text), jid),
        mail
    );
}

const FAILED: &str = "\
🔴 state.highstate on * failed on web1, 1 of 2: No space left on device
1 clean · WHO · WHEN
test.configurable_test_state /srv/app (site, id no space) failed on web1 · new
    No space left on device
salt web1 state.highstate test=True
salt-run jobs.lookup_jid JID";

const FAILED_MAIL: &str = "\
Salt: state.highstate on * failed - job JID (prod)
state.highstate on * failed on web1, 1 of 2: No space left on device

  failed          1   web1
  clean           1

  who       WHO
  command   salt '*' state.highstate
  when      WHEN

1. test.configurable_test_state /srv/app (site, id no space) failed on web1 ·
   new
       No space left on device

Next:
  salt web1 state.highstate test=True
  salt-run jobs.lookup_jid JID";

const MISSED: &str = "\
🟠 state.highstate on *: web2 did not answer
1 clean · WHO · WHEN
Did not answer: web2
salt web2 test.ping
salt-run jobs.lookup_jid JID";

const MISSED_MAIL: &str = "\
Salt: state.highstate on * incomplete - job JID (prod)
state.highstate on *: web2 did not answer

  did not answer  1   web2
  clean           1

  who       WHO
  command   salt '*' state.highstate
  when      WHEN

Next:
  salt web2 test.ping
  salt-run jobs.lookup_jid JID";
