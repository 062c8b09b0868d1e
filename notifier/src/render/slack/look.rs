//! How a receiver's messages look in Slack: their style, and under whose name and picture they stand.
//! It says nothing: words are the letter's.

use serde_json::Value;

/// How a receiver's messages look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// How the words are laid out.
    pub style: Style,
    /// The name that stands above a message, instead of the app's.
    pub username: Option<String>,
    /// The picture beside it, instead of the app's.
    pub icon: Option<Icon>,
}

/// How the words are laid out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Style {
    /// Block Kit.
    #[default]
    Modern,
    /// An attachment with a coloured bar. A start is the command as code in it, and nothing else.
    Classic {
        /// The bar's colour whatever happened. None: a start has its own, anything else that of its state.
        color: Option<String>,
    },
}

/// A picture beside a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Icon {
    /// `:computer:`
    Emoji(String),
    /// An image's address.
    Url(String),
}

impl Look {
    /// Puts name and picture onto a payload that is posted. An update keeps those of the message.
    pub fn dress(&self, payload: &mut Value) {
        if let Some(name) = &self.username {
            payload["username"] = name.as_str().into();
        }
        match &self.icon {
            Some(Icon::Emoji(emoji)) => payload["icon_emoji"] = emoji.as_str().into(),
            Some(Icon::Url(url)) => payload["icon_url"] = url.as_str().into(),
            None => {}
        }
    }
}
