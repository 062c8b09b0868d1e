//! A stand-in for the words, until they come.
//! Nothing of it stays.

pub mod slack {
    //! A stand-in.
    //! Nothing of it stays.
    use pillarbox_proto::delivery::Notification;
    use serde_json::{Value, json};

    /// A stand-in.
    pub fn message(
        notification: &Notification,
        _zone: &jiff::tz::TimeZone,
        follow_up: bool,
    ) -> Value {
        json!({ "text": serde_json::to_string(notification).unwrap_or_default(), "follow_up": follow_up })
    }

    /// A stand-in.
    pub fn smaller(
        notification: &Notification,
        _zone: &jiff::tz::TimeZone,
        follow_up: bool,
    ) -> Value {
        json!({ "text": "smaller", "follow_up": follow_up, "n": matches!(notification, Notification::Start(_)) })
    }
}

pub mod email {
    //! A stand-in.
    //! Nothing of it stays.
    use pillarbox_proto::delivery::Notification;

    /// A stand-in.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Mail {
        /// A stand-in.
        pub subject: String,
        /// A stand-in.
        pub text: String,
        /// A stand-in.
        pub html: String,
    }

    /// A stand-in.
    pub fn mail(notification: &Notification, _zone: &jiff::tz::TimeZone, follow_up: bool) -> Mail {
        let text = serde_json::to_string(notification).unwrap_or_default();
        Mail {
            subject: format!("Salt (follow-up: {follow_up})"),
            html: format!("<pre>{text}</pre>"),
            text,
        }
    }
}
