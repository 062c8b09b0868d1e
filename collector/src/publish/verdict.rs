//! What an answer of JetStream means for the message that was sent: it is settled, refused for itself, or to be sent again.
//! It sends nothing: answers come in, a verdict goes out.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::publish::PublishAck;

/// What happens next with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Stored.
    Stored,
    /// The stream held its id already.
    Known,
    /// It will never be stored as it is: refused for what it is itself.
    Refused(String),
    /// The world's fault, not the message's.
    Later(Trouble),
}

/// Why nothing can be published just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody provisioned the stream yet.
    NoStream,
    /// No answer in time. It may still have been stored. Missing permissions look like this too.
    NoAnswer,
    /// Anything else, in the server's words.
    Other(String),
}

pub(super) fn verdict(answer: Result<PublishAck, PublishError>) -> Verdict {
    let error = match answer {
        Ok(ack) if ack.duplicate => return Verdict::Known,
        Ok(_) => return Verdict::Stored,
        Err(error) => error,
    };
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => Verdict::Refused(words(&error)),
        PublishErrorKind::StreamNotFound => Verdict::Later(Trouble::NoStream),
        PublishErrorKind::TimedOut => Verdict::Later(Trouble::NoAnswer),
        PublishErrorKind::Other if names_the_message(&error) => Verdict::Refused(words(&error)),
        PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::WrongLastSequence
        | PublishErrorKind::BrokenPipe
        | PublishErrorKind::MaxAckPending
        | PublishErrorKind::Other => Verdict::Later(Trouble::Other(words(&error))),
    }
}

/// The refusals that are about the message. Any other may be over when it is sent again.
///
/// "Expected stream does not match" (10060) is none of them: it means that another stream has taken the subject.
fn names_the_message(error: &PublishError) -> bool {
    const FOR_ITSELF: [ErrorCode; 2] = [
        ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM,
        ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM,
    ];
    let source = std::error::Error::source(error);
    if source.is_some_and(|s| s.downcast_ref::<async_nats::SubjectError>().is_some()) {
        return true;
    }
    code(error).is_some_and(|code| FOR_ITSELF.contains(&code))
}

/// JetStream's own number, where the answer has one.
fn code(error: &PublishError) -> Option<ErrorCode> {
    std::error::Error::source(error)?
        .downcast_ref::<async_nats::jetstream::Error>()
        .map(async_nats::jetstream::Error::error_code)
}

/// What failed, and why.
fn words(error: &PublishError) -> String {
    match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(duplicate: bool) -> Result<PublishAck, PublishError> {
        Ok(PublishAck {
            duplicate,
            ..PublishAck::default()
        })
    }

    fn api(code: u16, err_code: u16) -> Result<PublishAck, PublishError> {
        let json = format!(r#"{{"code":{code},"err_code":{err_code},"description":"words"}}"#);
        let error: async_nats::jetstream::Error = serde_json::from_str(&json).unwrap();
        Err(PublishError::with_source(PublishErrorKind::Other, error))
    }

    #[test]
    fn only_an_ack_settles_and_only_the_messages_own_fault_refuses() {
        use PublishErrorKind as Kind;
        let failed = |kind| Err(PublishError::new(kind));
        let later = |text: &str| Verdict::Later(Trouble::Other(text.into()));
        let check = |answer, expect: Verdict| assert_eq!(verdict(answer), expect);
        check(ack(false), Verdict::Stored);
        check(ack(true), Verdict::Known);
        check(failed(Kind::TimedOut), Verdict::Later(Trouble::NoAnswer));
        check(
            failed(Kind::StreamNotFound),
            Verdict::Later(Trouble::NoStream),
        );
        check(
            failed(Kind::MaxPayloadExceeded),
            Verdict::Refused("max payload size exceeded".into()),
        );
        check(api(400, 10054), Verdict::Refused(words_of(400, 10054)));
        check(api(400, 10097), Verdict::Refused(words_of(400, 10097)));
        check(api(400, 10060), later(&words_of(400, 10060)));
        check(api(503, 10077), later(&words_of(503, 10077)));
        check(failed(Kind::BrokenPipe), later("broken pipe"));
    }

    fn words_of(code: u16, err_code: u16) -> String {
        words(&api(code, err_code).unwrap_err())
    }
}
