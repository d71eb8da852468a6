//! Why a payload does not fit its type: names the member, never what the publisher wrote there.

/// Why a payload does not fit its type. The event itself is whole and still at hand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// A member that the type must have is absent.
    #[error("`{kind}` without `{member}`")]
    Missing {
        /// The event's type.
        kind: &'static str,
        /// Path of the member, such as `content.attachments[0].size`; `payload` for the whole.
        member: Box<str>,
    },
    /// A member is not what the type says.
    #[error("`{member}` of `{kind}` is not what it must be")]
    Unfit {
        /// The event's type.
        kind: &'static str,
        /// Path of the member; `payload` for the whole.
        member: Box<str>,
    },
}

impl PayloadError {
    /// What serde says, put in our words.
    pub(crate) fn from_serde(
        kind: &'static str,
        error: &serde_path_to_error::Error<serde_json::Error>,
    ) -> Self {
        let path = error.path().to_string();
        // "." is the whole, "?" where the JSON breaks off between members.
        let parent = if matches!(path.as_str(), "." | "?") { "" } else { path.as_str() };
        // The name of a missing member stands in the message alone, which serde documents as it is.
        let said = error.inner().to_string();
        let missing = said.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
        match missing {
            Some((field, _)) if parent.is_empty() => PayloadError::Missing { kind, member: field.into() },
            Some((field, _)) => PayloadError::Missing { kind, member: format!("{parent}.{field}").into() },
            None if parent.is_empty() => PayloadError::Unfit { kind, member: "payload".into() },
            None => PayloadError::Unfit { kind, member: parent.into() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_five_words_long() {
        assert!(size_of::<PayloadError>() <= 40);
    }
}
