//! Mail by STARTTLS and by TLS, each with a login: a real SMTP server with a certificate of its own authority.

use pillarbox_e2e::mail::{Guard, MailScript, USER};
use pillarbox_e2e::play::{Job, Return};
use pillarbox_e2e::stack::Scenario;

use crate::scenes::scenario;

const LOGIN: &str = r#"
  - name: ops-mail
    email: { smtp: "{smtp}", username: salt, password_file: "{password}", from: "Salt <salt@example.com>", to: [ops@example.com] }
"#;

const NO_LOGIN: &str = r#"
  - name: ops-mail
    email: { smtp: "{smtp}", from: "Salt <salt@example.com>", to: [ops@example.com] }
"#;

const ROUTES: &str = r#"
  - name: failures
    match: { outcome: failed }
    receivers: [ops-mail]
"#;

const TRIED_AGAIN: &str = "not delivered; tried again";

fn failing() -> Vec<u8> {
    let job = Job::new(1, "state.apply").args(&["nginx"]);
    job.on("web1", &["web1"])
        .whole(Return::Failed("No space left on device"))
}

fn guarded(guard: Guard, receivers: &str) -> Scenario {
    scenario(ROUTES).receivers(receivers).mail(guard)
}

async fn arrives_by(guard: Guard) {
    let mut stack = guarded(guard, LOGIN).on_bus().await.unwrap();
    stack.master.send(&failing()).await;
    let mails = stack.mailed(1).await.unwrap();
    assert!(
        mails[0]
            .text
            .starts_with("state.apply nginx on web1 failed")
    );
    assert_eq!((mails[0].tls, mails[0].user.as_deref()), (true, Some(USER)));
    stack.settled().await.unwrap();
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn mail_goes_by_starttls_with_a_login() {
    arrives_by(Guard::StartTls).await;
}

#[tokio::test]
async fn mail_goes_by_tls_with_a_login() {
    arrives_by(Guard::Tls).await;
}

/// Somebody has changed the password, and changes it back.
#[tokio::test]
async fn a_wrong_password_rests_the_server_and_loses_nothing() {
    let mut stack = guarded(Guard::StartTls, LOGIN)
        .announce(TRIED_AGAIN)
        .on_bus()
        .await
        .unwrap();
    let changed = MailScript {
        password: Some("another".to_owned()),
        ..MailScript::default()
    };
    stack.mail.obey(&changed).unwrap();
    stack.master.send(&failing()).await;
    stack.notifiers[0].says(TRIED_AGAIN).await.unwrap();
    assert!(stack.notifiers[0].said().1.contains("535"));
    assert_eq!(stack.mail.mails().unwrap().len(), 0);
    stack.mail.obey(&MailScript::default()).unwrap();
    let mails = stack.mailed(1).await.unwrap();
    assert!(mails[0].tls);
    stack.settled().await.unwrap();
    assert_eq!(stack.mail.mails().unwrap().len(), 1);
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_gets_neither_mail_nor_password() {
    let mut stack = guarded(Guard::Tls, LOGIN)
        .announce(TRIED_AGAIN)
        .prepared_on_bus()
        .await
        .unwrap();
    let stranger = pillarbox_e2e::mail::MailSink::guarded(Guard::Tls)
        .await
        .unwrap();
    let authority = stranger.authority().unwrap().display().to_string();
    stack.notifiers[0].set([("SSL_CERT_FILE".to_owned(), authority)]);
    stack.start().await.unwrap();
    stack.listens().await.unwrap();
    stack.master.send(&failing()).await;
    stack.notifiers[0].says(TRIED_AGAIN).await.unwrap();
    assert!(stack.notifiers[0].said().1.contains("certificate"));
    assert_eq!(stack.mail.mails().unwrap().len(), 0);
    stack.finish().await.unwrap();
}

/// The server wants a login, and none is configured: what it says is what a person reads.
#[tokio::test]
async fn a_server_that_wants_a_login_says_so() {
    let mut stack = guarded(Guard::Tls, NO_LOGIN)
        .announce(TRIED_AGAIN)
        .on_bus()
        .await
        .unwrap();
    stack.master.send(&failing()).await;
    stack.notifiers[0].says(TRIED_AGAIN).await.unwrap();
    assert!(stack.notifiers[0].said().1.contains("530"));
    stack.finish().await.unwrap();
}
